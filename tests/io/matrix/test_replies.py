"""Text, thoughts, calls and usage, from every provider through every driver."""

from __future__ import annotations

import json
from typing import Any

from lash_proto import (
    LlmUsage,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextPart,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolResultMessage,
    UsageUpdate,
    UserMessage,
)
from lash_proto.faux import FauxReply
from tests.io.matrix.conftest import WEATHER, Stage
from tests.io.matrix.heard import tools
from tests.io.matrix.targets import SEAL

QUESTION = "Is it warmer in Lisbon or in Oslo?"


def test_a_reply_comes_as_events(stage: Stage) -> None:
    async def scenario(client: Any) -> Any:
        async with client.stream(stage.ask(QUESTION)) as stream:
            events = [event async for event in stream]
            return events, stream.response

    reply = FauxReply((stage.target.think("Hm, hm."), TextPart("In Lisbon.")), piece=4)
    events, response = stage.play(scenario, reply)
    assert [type(event) for event in events if not isinstance(event, UsageUpdate)] == [
        ResponseStart,
        ReasoningStart,
        ReasoningDelta,
        ReasoningDelta,
        ReasoningEnd,
        TextStart,
        TextDelta,
        TextDelta,
        TextDelta,
        TextEnd,
        ResponseEnd,
    ]
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Hm, ", "hm."]
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["In L", "isbo", "n."]
    assert [event.text for event in events if isinstance(event, TextEnd)] == ["In Lisbon."]
    assert events[-1].response == response
    assert (response.reasoning, response.text, response.stop_reason) == ("Hm, hm.", "In Lisbon.", "stop")
    assert (response.provider, response.api) == (stage.target.provider, stage.target.api)
    assert (response.model, response.error) == (stage.target.model, None)
    assert stage.heard() == [("user", "text", QUESTION)]
    assert stage.calls[0].stream is True
    assert stage.calls[0].api == stage.target.api


def test_a_reply_comes_whole(stage: Stage) -> None:
    async def scenario(client: Any) -> Any:
        return await client.complete(stage.ask(QUESTION), stream=False)

    reply = FauxReply((stage.target.think("Hm."), TextPart("Let me see."), stage.target.call(0, "Oslo")))
    response = stage.play(scenario, reply)
    assert (response.reasoning, response.text, response.stop_reason) == ("Hm.", "Let me see.", "tool_use")
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("weather", {"city": "Oslo"})]
    assert stage.heard() == [("user", "text", QUESTION)]
    assert stage.calls[0].stream is (stage.name == "codex")  # which streams whatever is asked (WIRE 3)


def test_thoughts_calls_and_results_over_several_turns(stage: Stage) -> None:
    """What a provider sealed comes back to it, and each result answers its call."""
    target = stage.target
    degrees = {"Lisbon": "24", "Oslo": "-3", "Rome": "19"}

    async def scenario(client: Any) -> Any:
        messages: list[Any] = [UserMessage(QUESTION)]
        replies = []
        for _ in range(3):
            async with client.stream(stage.ask(messages)) as stream:
                events = [event async for event in stream]
            replies.append((events, stream.response))
            calls = stream.response.tool_calls
            results = [ToolResultMessage(call.id, degrees[call.arguments["city"]], name=call.name) for call in calls]
            messages += [stream.response.message, *results]
        return replies

    before = stage.server.connections
    (events, first), (_, second), (_, third) = stage.play(
        scenario,
        FauxReply((target.think("Two."), TextPart("I look."), target.call(0, "Lisbon"), target.call(1, "Oslo"))),
        FauxReply((target.think("And?"), target.call(0, "Rome")), id="faux-2"),
        FauxReply((target.think("So."), TextPart("Lisbon.")), id="faux-3"),
    )
    assert stage.server.connections == before + 1
    assert [reply.stop_reason for reply in (first, second, third)] == ["tool_use", "tool_use", "stop"]
    ended = [event.tool_call for event in events if isinstance(event, ToolCallEnd)]
    assert [call.arguments for call in ended] == [{"city": "Lisbon"}, {"city": "Oslo"}]
    fragments = "".join(event.fragment for event in events if isinstance(event, ToolCallDelta))
    assert fragments == '{"city":"Lisbon"}{"city":"Oslo"}'
    if target.ids is not None:
        assert tuple(call.id for call in first.tool_calls) == target.ids

    assert tools(stage.calls[0]) == {"weather": WEATHER.parameters}
    one, two = target.ids or (None, None)
    assert stage.heard() == [
        ("user", "text", QUESTION),
        ("model", "thought", "Two."),
        ("model", "text", "I look."),
        ("model", "call", one, "weather", {"city": "Lisbon"}),
        ("model", "call", two, "weather", {"city": "Oslo"}),
        ("tool", "result", one, "24"),
        ("tool", "result", two, "-3"),
        ("model", "thought", "And?"),
        ("model", "call", one, "weather", {"city": "Rome"}),
        ("tool", "result", one, "19"),
    ]
    seals = json.dumps(stage.calls[-1].body).count(SEAL)
    assert seals == (2 if SEAL in str((target.think("x"), target.call(0, "x"))) else 0)


USAGE = LlmUsage(10, 20, 5, 34, reasoning_tokens=12)


def test_usage_is_the_same_streamed_and_whole_and_adds_up(stage: Stage) -> None:
    async def scenario(client: Any) -> Any:
        return [(await client.complete(stage.ask(QUESTION), stream=stream)).usage for stream in (True, False)]

    reply = FauxReply("Lisbon.", usage=USAGE, usage_unasked=stage.name == "mistral")
    streamed, whole = stage.play(scenario, reply, reply)
    counts = [
        (
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.cache_write_tokens,
            usage.output_tokens,
            usage.reasoning_tokens,
        )
        for usage in (streamed, whole)
    ]
    expected = (10, 20, 5, 34, 12)
    if stage.target.api.startswith("google"):
        expected = (15, 20, 0, 34, 12)  # what Gemini writes to its cache, it does not tell
    elif stage.name == "xai":
        expected = (10, 20, 5, 46, 12)  # its completion tokens leave the reasoning out (WIRE 2e)
    assert counts == [expected, expected]
    assert streamed.total_input_tokens == 35 == sum(expected[:3])
