"""What an agent's settings say holds for a run that is gone on with, too."""

from __future__ import annotations

from typing import Any

from lash_io.blocking.agent import Agent
from lash_proto import Paused, ToolCallPart, tool
from lash_proto.faux import FauxReply
from lash_proto.providers import faux
from lash_proto.turn.hooks import BeforeToolCall


def test_tools_still_run_one_after_another() -> None:
    running: list[int] = []
    most: list[int] = []

    def work(n: int) -> int:
        running.append(n)
        most.append(len(running))
        running.remove(n)
        return n

    def pay(n: int) -> int:
        return n

    def calls(*names: str) -> FauxReply:
        return FauxReply([ToolCallPart(f"{name}-{n}", name, {"n": n}, f'{{"n": {n}}}') for n, name in enumerate(names)])

    asked: list[str] = []

    def note(call: BeforeToolCall) -> Any:
        asked.append(f"{call.call.id} after {len(most)}")

    handle = faux([calls("pay"), calls("work", "work"), "Done."])
    tools = [tool(work, description=""), tool(pay, description="", approval=True)]
    with Agent(handle, model="m-1", tools=tools, tool_execution="sequential", before_tool_call=note) as agent:
        paused = agent.prompt("Go.")
        assert isinstance(paused, Paused)
        agent.resume(paused, {paused.waiting[0].id: True})
    assert asked == ["pay-0 after 0", "work-0 after 0", "work-1 after 1"]
    assert most == [1, 1]
