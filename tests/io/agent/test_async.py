"""What only one colour of code can do: async tools, hooks and listeners, and that a blocking agent refuses them."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import lash_io.aio
import lash_io.blocking
from lash_io import AsyncAgent
from lash_proto.failures import LocalProtocolError
from lash_proto.faux import FauxReply
from lash_proto.providers import faux
from lash_proto.tools import ToolContext, tool
from lash_proto.turn import NextTurn
from tests.io.agent.stage import Stage, call, shorthand
from tests.io.agent.tools import PATIENCE, add, adding


def on_both_loops(scenario: Callable[[Stage], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        first: Stage | None = None
        for world in ("asyncio", "trio"):
            stage = Stage(world)
            stage.play(scenario)
            first = first or stage
            assert stage.events == first.events

    functools.update_wrapper(test, scenario)
    del test.__wrapped__  # type: ignore[attr-defined]
    return test


@on_both_loops
async def test_async_tools_run_together_in_the_callers_loop(stage: Stage) -> None:
    reached, done = anyio.Event(), anyio.Event()

    @tool
    async def first(context: ToolContext) -> str:
        reached.set()
        context.update("waiting")
        await done.wait()
        return "one"

    @tool
    async def second() -> str:
        await reached.wait()
        return "two"

    agent = stage.agent([[call(1, "first"), call(2, "second")], "Done."], tools=[first, second])

    async def listener(event: Any) -> None:
        await anyio.lowlevel.checkpoint()
        if shorthand([event])[:1] == ["end c2 two"]:
            done.set()

    agent.subscribe(lambda event: listener(event) if type(event).__name__ == "ToolExecutionEnd" else None)
    await agent.prompt("Go.")
    ends = [line for line in stage.told if line.startswith(("start", "update", "end", "result"))]
    assert [line for line in ends if not line.startswith("update")] == [
        "start c1 first",
        "start c2 second",
        "end c2 two",
        "end c1 one",
        "result c1 one",
        "result c2 two",
    ]
    assert "update c1 waiting" in ends


@on_both_loops
async def test_an_async_tool_is_cancelled_by_an_abort(stage: Stage) -> None:
    ended: list[str] = []
    agents: list[Any] = []

    @tool
    async def stay() -> None:
        agents[0].abort()
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    agents.append(stage.agent([call(1, "stay")], tools=[stay]))
    result = await agents[0].prompt("Go.")
    assert (result.reason, ended) == ("aborted", ["cancelled"])
    assert stage.told[4:] == ["start c1 stay", "end c1 error", "result c1 error", "turn_end c1", "agent_end 3"]


@on_both_loops
async def test_where_async_tools_and_hooks_raised_is_logged_and_not_with_what_words(stage: Stage) -> None:
    @tool
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("secret")

    async def broken(asked: Any) -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyError("secret")

    records: list[str] = []
    logger, handler = logging.getLogger("lash_io"), logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage().partition(" at ")[0])  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        await stage.agent([[call(1, "fail")], "Done."], tools=[fail], after_tool_call=broken).prompt("Go.")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert [line for line in records if "raised" in line] == [
        "a tool raised ValueError",
        "the hook after_tool_call raised KeyError",
    ]


@on_both_loops
async def test_an_async_tool_has_its_time_and_no_more(stage: Stage) -> None:
    @tool(timeout=30)
    async def stay() -> None:
        await anyio.sleep_forever()

    agent = stage.agent([call(1, "stay"), "Too bad."], tools=[stay])
    await agent.prompt("Go.")
    assert stage.result_of("c1") == "stay had no result after 30 s"


@on_both_loops
async def test_a_run_whose_task_is_cancelled_leaves_a_whole_conversation(stage: Stage) -> None:
    agents: list[Any] = []

    @tool
    async def stay() -> None:
        scope.cancel()
        await anyio.sleep_forever()

    agents.append(stage.agent([call(1, "stay"), "Yes."], tools=[stay]))
    with anyio.CancelScope() as scope:
        await agents[0].prompt("Go.")
    assert scope.cancelled_caught
    assert [type(message).role for message in agents[0].messages] == ["user", "assistant", "tool"]
    assert (agents[0].is_streaming, agents[0].pending_tool_calls) == (False, frozenset())
    assert (await agents[0].continue_run()).text == "Yes."


@on_both_loops
async def test_every_hook_may_be_async(stage: Stage) -> None:
    asked: list[str] = []

    def hook(name: str, answer: Any = None) -> Any:
        async def ask(value: Any) -> Any:
            await anyio.lowlevel.checkpoint()
            asked.append(name)
            return answer

        return ask

    @tool(approval=True)
    def delete() -> str:
        return "deleted"

    agent = stage.agent(
        [[adding(1), call(2, "delete")], "Done."],
        tools=[add, delete],
        tool_execution="sequential",
        transform_context=hook("transform"),
        convert_to_llm=hook("convert"),
        before_tool_call=hook("before"),
        approve=hook("approve", True),
        after_tool_call=hook("after"),
        should_stop_after_turn=hook("stop", False),
        prepare_next_turn=hook("prepare", NextTurn()),
        save=hook("save"),
    )
    result = await agent.prompt("Go.")
    assert result.reason == "done"
    told_the_model = ["transform", "convert", "save"]
    # A state is kept before each tool runs; what the hook after it says belongs to the next one.
    tools = ["before", "save", "after", "before", "approve", "save", "after"]
    assert [name for name in asked if name != "save"] == [
        name for name in [*told_the_model, *tools, "stop", "prepare", *told_the_model, "stop"] if name != "save"
    ]


@on_both_loops
async def test_listeners_are_awaited_one_after_another(stage: Stage) -> None:
    heard: list[str] = []

    def listener(who: str) -> Any:
        async def hear(event: Any) -> None:
            heard.append(f"{who} begins")
            await anyio.lowlevel.checkpoint()
            heard.append(f"{who} ends")

        return hear

    agent = stage.agent(["Yes."])
    agent.subscribe(listener("a"))
    agent.subscribe(listener("b"))
    await agent.prompt("Go.")
    assert heard == ["a begins", "a ends", "b begins", "b ends"] * len(stage.events)


@on_both_loops
async def test_a_stream_that_is_a_coroutine_or_a_context(stage: Stage) -> None:
    client = stage.client(["Hello.", "Hello again."])

    async def begun(model: Any, request: Any, options: Any) -> Any:
        return client.stream(request, model=model)

    agent = stage.agent(stream_fn=begun)
    assert (await agent.prompt("Go.")).text == "Hello."


@on_both_loops
async def test_a_run_in_a_task_of_its_own(stage: Stage) -> None:
    agent = stage.agent([call(1, "stay"), "Yes."])
    begun = anyio.Event()

    @tool
    async def stay() -> str:
        begun.set()
        await anyio.sleep_forever()
        return "never"

    agent.tools = [stay]
    async with anyio.create_task_group() as group:
        group.start_soon(agent.prompt, "Go.")
        await begun.wait()
        assert agent.is_streaming
        assert agent.pending_tool_calls == {"c1"}
        agent.abort()
        await agent.wait_for_idle()
        assert not agent.is_streaming
    assert stage.told[-1] == "agent_end 3"


# --- a blocking agent awaits nothing -------------------------------------------------------------------------------


async def anything(*_: Any, **__: Any) -> None:
    raise AssertionError("nobody awaits it")


class AsyncCall:
    async def __call__(self, *_: Any) -> None:
        raise AssertionError("nobody awaits it")


def in_blocking(scenario: Callable[[Stage], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        Stage("blocking").play(scenario)

    functools.update_wrapper(test, scenario)
    del test.__wrapped__  # type: ignore[attr-defined]
    return test


@in_blocking
async def test_a_blocking_agent_refuses_an_async_tool(stage: Stage) -> None:
    @tool
    async def look() -> str:
        return "seen"

    with pytest.raises(TypeError, match=r"the tool look is async, and a blocking Agent awaits nothing: lash_io\.aio"):
        stage.agent(tools=[look])
    agent = stage.agent()
    with pytest.raises(TypeError, match="the tool look is async"):
        agent.tools = [add, look]
    assert agent.tools == ()


@in_blocking
async def test_a_blocking_agent_refuses_async_hooks_and_listeners(stage: Stage) -> None:
    for hook in (anything, AsyncCall(), functools.partial(anything, 1)):
        with pytest.raises(TypeError, match="the hook save is async"):
            stage.agent(save=hook)
        with pytest.raises(TypeError, match="this listener is async"):
            stage.agent().subscribe(hook)


@in_blocking
async def test_what_turns_out_to_be_async_is_an_error_that_says_so(stage: Stage) -> None:
    agent = stage.agent([adding(1), "I see."], tools=[add], before_tool_call=lambda asked: anything())
    await agent.prompt("Go.")
    assert "a blocking Agent awaits nothing" in stage.result_of("c1")
    hidden = tool(lambda: anything(), name="hidden")
    agent = stage.agent([call(2, "hidden"), "I see."], tools=[hidden])
    await agent.prompt("Go.")
    assert "a blocking Agent awaits nothing" in stage.result_of("c2")
    agent = stage.agent(["Yes."])
    agent.subscribe(lambda event: anything())
    with pytest.raises(TypeError, match="a blocking Agent awaits nothing"):
        await agent.prompt("Go.")
    agent = stage.agent(["Never."], should_stop_after_turn=lambda context: anything())
    assert "a blocking Agent awaits nothing" in (await agent.prompt("Go.")).error.message


@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_more_tools_run_at_once_than_a_loop_has_threads_for(world: str) -> None:
    barrier = threading.Barrier(45, timeout=PATIENCE)  # anyio would run 40

    @tool
    def meet(place: int) -> str:
        barrier.wait()
        return "met"

    async def main() -> Any:
        handle = faux([FauxReply([call(number, "meet", place=number) for number in range(45)]), "Done."])
        async with AsyncAgent(handle, model="m", tools=[meet]) as agent:
            return await agent.prompt("Go.")

    result = anyio.run(main, backend=world)
    assert [message.content for message in result.messages if message.role == "tool"] == ["met"] * 45


def test_a_loop_in_a_thread_begins_with_its_block() -> None:
    loop = lash_io.blocking.agent_loop(faux(["Yes."]), "Go.", model="m")
    with pytest.raises(LocalProtocolError, match="begins with its block"):
        next(iter(loop))
    with pytest.raises(LocalProtocolError, match="begins with its block"):
        loop.result()


@pytest.mark.parametrize("world", ["asyncio", "trio"])
def test_a_loop_in_a_task_begins_with_its_block_and_ends_with_it(world: str) -> None:
    async def main() -> None:
        loop = lash_io.aio.agent_loop(faux(["Yes."]), "Go.", model="m")
        with pytest.raises(LocalProtocolError, match="begins with its block"):
            aiter(loop)
        with pytest.raises(LocalProtocolError, match="begins with its block"):
            await loop.result()
        with anyio.CancelScope() as scope:
            async with loop:
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        with pytest.raises(LocalProtocolError, match="cancelled together with its block"):
            await loop.result()

    anyio.run(main, backend=world)
