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
from importlib import import_module
from typing import Any

from .peers import work

CALL = '{"a": 1, "b": 2}'


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def pydantic_ai(steps: int) -> Callable[[], Any]:
    ai, said = import_module("pydantic_ai"), import_module("pydantic_ai.messages")

    def answer(messages: list[Any], info: Any) -> Any:
        step = len(messages) // 2
        part = said.TextPart("done") if step == steps else said.ToolCallPart("add", CALL, f"call_{step}")
        return said.ModelResponse(parts=[part])

    agent = ai.Agent(import_module("pydantic_ai.models.function").FunctionModel(answer), tools=[add])
    limits = import_module("pydantic_ai.usage").UsageLimits(request_limit=None)
    return lambda: agent.run("go", usage_limits=limits)


def openai_agents(steps: int) -> Callable[[], Any]:
    agents, said = import_module("agents"), import_module("openai.types.responses")
    response, usage = import_module("agents.items").ModelResponse, import_module("agents.usage").Usage
    agents.set_tracing_disabled(True)

    async def answer(model: Any, *args: Any, **settings: Any) -> Any:
        step, model.step = model.step, model.step + 1
        item: Any = said.ResponseFunctionToolCall(
            arguments=CALL, call_id=f"call_{step}", name="add", type="function_call"
        )
        if step == steps:
            text = said.ResponseOutputText(annotations=[], text="done", type="output_text", logprobs=[])
            item = said.ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
        return response([item], usage(), None)

    scripted = type("Scripted", (agents.Model,), {"step": 0, "get_response": answer, "stream_response": None})

    def once() -> Any:
        agent = agents.Agent(name="a", model=scripted(), tools=[agents.function_tool(add)])
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
