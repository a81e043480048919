"""Model calls that the program makes itself, and the loop without an Agent (AI_AND_PI 9.4, 9.5; issue 6)."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
import pytest

from lash_proto.failures import Failure
from lash_proto.messages import AssistantMessage, TextPart, UserMessage
from lash_proto.replies import (
    AttemptReset,
    LlmResponse,
    ResponseEnd,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from lash_proto.turn import MessageStart
from tests.io.agent.stage import Stage, call, on_all_stages, shorthand, spell
from tests.io.agent.tools import PATIENCE, Gate, add, adding

HELLO = LlmResponse((TextPart("Hello."),), "stop")
SPOKEN = [
    ResponseStart(None, None),
    TextStart(0),
    TextDelta(0, "Hel"),
    TextDelta(0, "lo."),
    TextEnd(0, TextPart("Hello.")),
]


@on_all_stages
async def test_a_stream_from_elsewhere(stage: Stage) -> None:
    asked: list[Any] = []

    def stream(model: Any, request: Any, options: Any) -> Any:
        asked.append((model.id, request.system, [type(each).role for each in request.messages], options.reasoning))
        return stage.stream([*SPOKEN, ResponseEnd(HELLO)])

    agent = stage.agent(stream_fn=stream, system_prompt="Be brief.", reasoning="low")
    result = await agent.prompt("Go.")
    assert spell(stage.events)[4:] == [
        "message_start assistant",
        "message_update ResponseStart",
        "message_update TextStart",
        "message_update TextDelta",
        "message_update TextDelta",
        "message_update TextEnd",
        "message_end assistant",
        "turn_end",
        "agent_end 2",
    ]
    assert asked == [("m", "Be brief.", ["user"], "low")]
    assert (result.text, stage.sent) == ("Hello.", [])


@on_all_stages
async def test_a_stream_that_calls_a_tool(stage: Stage) -> None:
    replies = [LlmResponse((adding(1),), "tool_use"), HELLO]
    events = [[ToolCallStart(0, "c1", "add"), ToolCallDelta(0, "{}"), ToolCallEnd(0, adding(1))], SPOKEN]

    def stream(*_: Any) -> Any:
        return stage.stream([*events.pop(0), ResponseEnd(replies.pop(0))])

    agent = stage.agent(stream_fn=stream, tools=[add])
    await agent.prompt("Go.")
    assert stage.told[3:7] == ["assistant add/c1", "start c1 add", "end c1 10", "result c1 10"]
    assert stage.told[-3:] == ["assistant Hello.", "turn_end", "agent_end 4"]


@on_all_stages
async def test_a_stream_that_breaks_keeps_what_had_come(stage: Stage) -> None:
    agent = stage.agent(stream_fn=lambda *_: stage.stream(SPOKEN[:3], ConnectionError("the proxy is gone")))
    result = await agent.prompt("Go.")
    assert stage.told[3:] == ["assistant Hel (error)", "turn_end", "agent_end 2"]
    assert "the proxy is gone" in result.error.message


@on_all_stages
async def test_a_stream_that_ends_without_an_end(stage: Stage) -> None:
    agent = stage.agent(stream_fn=lambda *_: stage.stream(SPOKEN))
    result = await agent.prompt("Go.")
    assert stage.told[3:] == ["assistant Hello. (error)", "turn_end", "agent_end 2"]
    assert "ended without a ResponseEnd" in result.error.message


@on_all_stages
async def test_a_stream_that_cannot_begin(stage: Stage) -> None:
    def stream(*_: Any) -> Any:
        raise ConnectionError("no proxy")

    agent = stage.agent(stream_fn=stream)
    result = await agent.prompt("Go.")
    assert stage.told[3:] == ["assistant (error)", "turn_end", "agent_end 2"]
    assert "no proxy" in result.error.message


@on_all_stages
async def test_a_stream_that_tells_of_an_error(stage: Stage) -> None:
    failed = LlmResponse((), "error", error=Failure("overloaded", "Too busy."))
    agent = stage.agent(stream_fn=lambda *_: stage.stream([ResponseEnd(failed)]))
    result = await agent.prompt("Go.")
    assert (result.error, agent.error_message) == (failed.error, "Too busy.")


@on_all_stages
async def test_a_stream_that_takes_back_what_it_said(stage: Stage) -> None:
    again = AttemptReset(2, Failure("connection", "broke"))
    broken = [*SPOKEN[:3], again, *SPOKEN[:3]]
    agent = stage.agent(stream_fn=lambda *_: stage.stream(broken, ConnectionError("gone")))
    await agent.prompt("Go.")
    assert stage.told[3] == "assistant Hel (error)"


@on_all_stages
async def test_a_stream_that_is_a_clients_own(stage: Stage) -> None:
    client = stage.client(["Hello."])
    agent = stage.agent(stream_fn=lambda model, request, options: client.stream(request, model=model))
    result = await agent.prompt("Go.")
    assert (result.text, stage.told[3], len(stage.sent)) == ("Hello.", "assistant Hello.", 1)


@on_all_stages
async def test_a_stream_that_is_aborted(stage: Stage) -> None:
    agent = stage.agent(stream_fn=lambda *_: stage.stream([*SPOKEN, ResponseEnd(HELLO)]))
    starts: list[Any] = []

    def listener(event: Any) -> None:
        if isinstance(event, MessageStart):
            starts.append(event)
            if len(starts) == 2:
                agent.abort()

    agent.subscribe(listener)
    result = await agent.prompt("Go.")
    assert (result.reason, stage.told[-2:]) == ("aborted", ["turn_end", "agent_end 2"])


# --- the loop without an Agent -------------------------------------------------------------------------------------


@on_all_stages
async def test_a_loop_seen_from_outside(stage: Stage) -> None:
    events, result = await stage.loop("agent_loop", stage.client([adding(1), "Ten."]), "Go.", tools=[add])
    stage.events += events
    assert stage.told[-3:] == ["assistant Ten.", "turn_end", "agent_end 4"]
    assert result.text == "Ten."


@on_all_stages
async def test_a_loop_that_goes_on(stage: Stage) -> None:
    events, result = await stage.loop("agent_loop_continue", stage.client(["Ten."]), [UserMessage("Go.")])
    assert shorthand(events) == ["agent_start", "turn_start", "assistant Ten.", "turn_end", "agent_end 1"]
    assert result.text == "Ten."
    for tail in ([], [UserMessage("Go."), AssistantMessage("Yes.", "stop")]):
        with pytest.raises(ValueError, match="no message to go on from|the model's own"):
            await stage.loop("agent_loop_continue", stage.client(["Never."]), tail)


@on_all_stages
async def test_a_loop_does_not_wait_for_its_readers(stage: Stage) -> None:
    gate = Gate()
    replies = [adding(1), call(2, "wait"), "Ten."]
    room = stage.room.agent_loop(stage.client(replies), "Go.", tools=[add, gate.tool])
    if stage.is_blocking:
        with room as loop:
            gate.open()
            assert loop.result().text == "Ten."  # nobody has read an event yet
            events = list(loop)
            assert list(loop) == []
    else:
        async with room as loop:
            gate.open()
            assert (await loop.result()).text == "Ten."
            events = [event async for event in loop]
            assert [event async for event in loop] == []
    assert shorthand(events)[-1] == "agent_end 6"


@on_all_stages
async def test_a_loop_whose_block_ends_is_aborted(stage: Stage) -> None:
    gate = Gate()
    room = stage.room.agent_loop(stage.client([call(1, "wait"), "Never."]), "Go.", tools=[gate.tool])
    if stage.is_blocking:
        with room as loop:
            assert gate.reached.wait(PATIENCE)
        result: Any = loop.result()
    else:
        async with room as loop:
            await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
        result = await loop.result()
    gate.open()
    assert (result.reason, len(stage.sent)) == ("aborted", 1)


@on_all_stages
async def test_a_loop_to_its_end_with_a_listener(stage: Stage) -> None:
    room = stage.room
    ran = room.run_agent_loop(stage.client([adding(1), "Ten."]), "Go.", stage.events.append, tools=[add])
    result = ran if stage.is_blocking else await ran
    assert (result.text, stage.told[-1]) == ("Ten.", "agent_end 4")
    ran = room.run_agent_loop_continue(stage.client(["Yes."]), result.messages[:3], stage.events.append)
    result = ran if stage.is_blocking else await ran
    assert (result.text, stage.told[-1]) == ("Yes.", "agent_end 1")
