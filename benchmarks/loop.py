"""The agent loop itself, on a model that answers at once: what a step costs, and how that grows with what was said.

A step is a model call that asks for one tool, and that tool. The model is a script in the same process everywhere, so
neither a network nor a codec is in it; checking the arguments is. `Turn` is the machine driven by hand, the Agents are
what the others are beside: with tasks, listeners and a way to abort it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from lash_io import AsyncAgent
from lash_proto import AssistantMessage, LlmResponse, ResponseEnd, TextPart, ToolCallPart, UserMessage
from lash_proto.effects import AskHost, RunTool
from lash_proto.happenings import Happening, HostAnswered, ToolReturned, Woke
from lash_proto.machine import Done
from lash_proto.messages import Message
from lash_proto.providers import faux
from lash_proto.tools import Tool, tool
from lash_proto.turn import Budget, Turn
from lash_proto.turn.hooks import STREAM

from . import peers
from .options import Options
from .rounds import Contender, Figures, cpu_of, interleave, median, ratio
from .tables import Row, Table

STEPS = 30
LONG = 200  # messages before the run begins
PEERS = ("pydantic-ai", "openai-agents")


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


HANDLE = faux()
MODEL = HANDLE.model("scripted")
CALL = '{"a": 1, "b": 2}'


def scripted(step: int, name: str = "add") -> LlmResponse:
    """What the model says at a step, counted from 0: a call, and a text once it has made them all."""
    if step == STEPS:
        return LlmResponse((TextPart("done"),), "stop")
    return LlmResponse((ToolCallPart(f"call_{step}", name, {"a": 1, "b": 2}, CALL),), "tool_use")


def run_turn(said: int, tools: tuple[Tool[Any, Any], ...] = (add,)) -> None:
    """A run, driven by hand, as a driver would."""
    before: list[Message] = [UserMessage("x" * 40), AssistantMessage("y" * 40)] * (said // 2)
    turn = Turn(
        HANDLE, MODEL, before, (UserMessage("go"),), tools=tools, hooks=frozenset((STREAM,)), budget=Budget(None)
    )
    outputs, step = turn.start(0.0), 0
    while not outputs or not isinstance(outputs[-1], Done):
        happening: Happening = Woke()  # the turn waits for the listeners of its events, and for nothing else
        for output in outputs:
            if isinstance(output, AskHost):
                happening, step = HostAnswered(output.id, scripted(step)), step + 1
            elif isinstance(output, RunTool):
                happening = ToolReturned(output.id, add(**output.arguments))
        outputs = turn.receive(happening, 0.0)


@tool
async def add_later(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent_contender() -> Contender:
    """The same by an AsyncAgent under asyncio, whose model calls are the script."""
    loop = asyncio.new_event_loop()

    async def once() -> None:
        steps = iter(range(STEPS + 1))

        async def model(*_: object) -> AsyncIterator[ResponseEnd]:
            yield ResponseEnd(scripted(next(steps), "add_later"))

        async with AsyncAgent(HANDLE, model="scripted", tools=[add_later], stream_fn=model) as agent:
            await agent.prompt("go")

    return cpu_of(lambda: loop.run_until_complete(once()))


def run(options: Options) -> Iterator[Table]:
    """One table."""
    contenders: dict[str, Contender] = {
        "lash: Turn": cpu_of(partial(run_turn, 0)),
        f"lash: Turn, {LONG} messages before": cpu_of(partial(run_turn, LONG)),
        "lash: AsyncAgent": agent_contender(),
    }
    there = [name for name in PEERS if not peers.missing(name)]
    workers = [peers.Worker(peers.python_of(name), "peer_loop", peer=name, steps=STEPS) for name in there]
    contenders |= {name: worker.ask for name, worker in zip(there, workers, strict=True)}
    figures: dict[str, list[Figures]] = interleave(contenders, options.rounds)
    for worker in workers:
        worker.__exit__(None, None, None)
    rows = []
    for name, measured in figures.items():
        step = median(measured) / STEPS * 1e6
        goal = "150 us" if name.startswith("lash") else ""
        rows.append(Row.of(name, [f"{step:.0f}", goal], ratio(measured, figures["lash: AsyncAgent"])))
    title = f"loop: {STEPS} steps on a scripted model; CPU, medians of {options.rounds} rounds"
    yield Table("loop", title, ["us/step", "wanted"], "x AsyncAgent", rows, peers.missing(*PEERS))
