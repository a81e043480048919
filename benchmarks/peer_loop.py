"""Another's agent loop on the same scripted model; run with the Python that has it.

    python -m benchmarks.peer_loop SETTINGS

SETTINGS is JSON: `peer` and `steps`. For each line on the standard input it runs once and answers with its CPU time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from .peers import work

CALL = '{"a": 1, "b": 2}'


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def pydantic_ai(steps: int) -> Callable[[], Any]:
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel
    from pydantic_ai.usage import UsageLimits

    def answer(messages: list[Any], info: Any) -> Any:
        step = len(messages) // 2
        if step == steps:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("add", CALL, f"call_{step}")])

    agent = Agent(FunctionModel(answer), tools=[add])
    limits = UsageLimits(request_limit=None)
    return lambda: agent.run("go", usage_limits=limits)


def openai_agents(steps: int) -> Callable[[], Any]:
    import agents
    from agents.items import ModelResponse
    from agents.usage import Usage
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    agents.set_tracing_disabled(True)

    class Scripted(agents.Model):
        def __init__(self) -> None:
            self.step = 0

        async def get_response(self, *args: Any, **kwargs: Any) -> Any:
            step, self.step = self.step, self.step + 1
            if step == steps:
                text = ResponseOutputText(annotations=[], text="done", type="output_text", logprobs=[])
                message = ResponseOutputMessage(
                    id="m", content=[text], role="assistant", status="completed", type="message"
                )
                return ModelResponse([message], Usage(), None)
            call = ResponseFunctionToolCall(arguments=CALL, call_id=f"call_{step}", name="add", type="function_call")
            return ModelResponse([call], Usage(), None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    def once() -> Any:
        agent = agents.Agent(name="a", model=Scripted(), tools=[agents.function_tool(add)])
        return agents.Runner.run(agent, "go", max_turns=steps + 2)

    return once


def begin() -> Callable[[], Mapping[str, Any]]:
    settings = json.loads(sys.argv[1])
    once = (pydantic_ai if settings["peer"] == "pydantic-ai" else openai_agents)(settings["steps"])
    loop = asyncio.new_event_loop()

    async def measured() -> float:
        begun = time.process_time()
        await once()
        return time.process_time() - begun

    def measure() -> Mapping[str, Any]:
        gc.collect()
        return {"cpu": loop.run_until_complete(measured())}

    return measure


if __name__ == "__main__":
    work(begin)
