"""A call that is broken off: before it began, in the middle of what comes, and what can be said after it."""

from __future__ import annotations

from typing import Any

import pytest

from lash_io import CancelToken
from lash_proto import LlmResponse, LlmUsage, ReasoningDelta, TextDelta, TextPart, ToolCallDelta, UserMessage
from lash_proto.faux import FauxReply
from tests.io.matrix.conftest import Stage


async def broken_off(client: Any, request: Any, at: type) -> LlmResponse:
    """The response to a request whose stream is broken off at the first event of a kind."""
    token = CancelToken()
    async with client.stream(request, cancel=token) as stream:
        async for event in stream:
            if isinstance(event, at):
                token.cancel()
        response: LlmResponse = stream.response
        return response


def test_before_it_begins(stage: Stage) -> None:
    token = CancelToken()
    token.cancel()

    async def scenario(client: Any) -> Any:
        async with client.stream(stage.ask("Hi."), cancel=token) as stream:
            events = [event async for event in stream]
        return len(events), stream.response, await client.complete(stage.ask("Hi."), cancel=token)

    events, streamed, whole = stage.play(scenario)
    assert stage.calls == []
    assert events == 1
    for response in (streamed, whole):
        assert (response.stop_reason, response.content, response.usage) == ("aborted", (), None)
        assert response.error.kind == "cancelled"


def test_in_the_middle_and_then_a_new_message(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(client: Any) -> Any:
        messages: list[Any] = [UserMessage("Tell me of otters.")]
        response = await broken_off(client, stage.ask(messages), TextDelta)
        messages += [response.message, UserMessage("In one word?")]
        return response, await client.complete(stage.ask(messages))

    gate = stage.hold(monkeypatch, after=1)
    told = FauxReply("The otter swims, and is happy.", piece=9, usage=LlmUsage(10, 20, 5, 34))
    response, after = stage.play(scenario, told, "Happy.")
    gate.set()
    assert (response.stop_reason, response.text, response.error.kind) == ("aborted", "The otter", "cancelled")
    assert (after.stop_reason, after.text, len(after.attempts)) == ("stop", "Happy.", 1)
    assert stage.heard() == [
        ("user", "text", "Tell me of otters."),
        ("model", "text", "The otter"),
        ("user", "text", "In one word?"),
    ]

    # What a dialect counts at the beginning is known in the middle; of the others nothing is (WIRE 1e, 2e, 4e, 5e).
    usage = response.usage
    if stage.target.api == "anthropic-messages":
        assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (10, 20, 5)
        assert (usage.output_tokens, usage.total_input_tokens) == (1, 35)
    elif stage.target.api.startswith("google"):
        assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (15, 20, 0)
        assert (usage.output_tokens, usage.total_input_tokens) == (0, 35)
    else:
        assert usage is None


def test_in_the_middle_of_a_thought_and_then_a_new_message(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thought that was not sealed yet goes back only where nobody seals them."""

    async def scenario(client: Any) -> Any:
        messages: list[Any] = [UserMessage("Tell me of otters.")]
        response = await broken_off(client, stage.ask(messages), ReasoningDelta)
        messages += [response.message, UserMessage("Well?")]
        return response, await client.complete(stage.ask(messages))

    gate = stage.hold(monkeypatch, after=1)
    told = FauxReply((stage.target.think("Otters, otters."), TextPart("They swim.")), piece=8)
    response, after = stage.play(scenario, told, "They swim.")
    gate.set()
    assert (response.stop_reason, response.reasoning, response.text) == ("aborted", "Otters, ", "")
    assert after.text == "They swim."
    lost = stage.target.api in ("anthropic-messages", "openai-responses")
    assert stage.heard() == [
        ("user", "text", "Tell me of otters."),
        *([] if lost else [("model", "thought", "Otters, ")]),
        ("user", "text", "Well?"),
    ]


def test_in_the_middle_of_a_call_and_then_a_new_message(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(client: Any) -> Any:
        messages: list[Any] = [UserMessage("Is it warm in Oslo?")]
        response = await broken_off(client, stage.ask(messages), ToolCallDelta)
        messages += [response.message, UserMessage("Never mind.")]
        return response, await client.complete(stage.ask(messages))

    gate = stage.hold(monkeypatch, after=2)
    told = FauxReply((TextPart("I look."), stage.target.call(0, "Oslo"), stage.target.call(1, "Lisbon")), piece=8)
    response, after = stage.play(scenario, told, "Fine.")
    gate.set()
    assert (response.stop_reason, response.text) == ("aborted", "I look.")
    assert after.text == "Fine."
    assert stage.calls[-1].stream
    id = None if stage.target.ids is None else stage.target.ids[0]
    arguments = {"city": "Oslo"} if stage.target.api.startswith("google") else {}  # Gemini's come whole
    assert stage.heard() == [
        ("user", "text", "Is it warm in Oslo?"),
        ("model", "text", "I look."),
        ("model", "call", id, "weather", arguments),
        ("tool", "result", id, "No result provided"),
        ("user", "text", "Never mind."),
    ]
