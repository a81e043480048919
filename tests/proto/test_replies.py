"""The response and the events: what is joined, what is new, what survives JSON."""

from __future__ import annotations

import json
from typing import get_args

from hypothesis import given

from lash_proto.failures import Failure
from lash_proto.messages import (
    AssistantMessage,
    ImagePart,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.partial_json import PartialArguments
from lash_proto.replies import (
    LlmResponse,
    ReasoningEnd,
    StreamEvent,
    TextEnd,
    ToolCallDelta,
)
from lash_proto.usage import LlmUsage
from lash_proto.values import Value, from_json
from tests.strategies import EVENTS, RESPONSES

CALL = ToolCallPart("c", "f")
PICTURE = ImagePart(b"p", "image/png")
RESPONSE = LlmResponse(
    (
        ReasoningPart("Hm"),
        TextPart("One ", phase="commentary"),
        CALL,
        OpaquePart("web_search_call", {}),
        ReasoningPart("..."),
        PICTURE,
        TextPart("two."),
        RefusalPart("No."),
    ),
    "refusal",
    usage=LlmUsage(1),
    error=Failure("other", "?"),
    id="r",
    model="m",
    headers=(("x-key", "v"),),
)


def test_a_response_tells_its_parts_by_kind() -> None:
    assert (RESPONSE.text, RESPONSE.reasoning, RESPONSE.refusal) == ("One two.", "Hm...", "No.")
    assert (RESPONSE.images, RESPONSE.tool_calls) == ((PICTURE,), (CALL,))


def test_a_response_is_a_message_for_the_next_request() -> None:
    assert RESPONSE.message == AssistantMessage(
        RESPONSE.content, "refusal", LlmUsage(1), Failure("other", "?"), id="r", model="m"
    )


def test_a_response_keeps_no_cookie() -> None:
    headers = (("Set-Cookie", "session=1"), ("x-a", "b"), ("set-cookie2", "c"))
    assert LlmResponse((), "stop", headers=headers).headers == (("x-a", "b"),)


def test_headers_are_not_printed() -> None:
    assert "x-key" not in repr(RESPONSE)


@given(RESPONSES)
def test_every_response_survives_json(response: LlmResponse) -> None:
    assert from_json(json.loads(json.dumps(response.to_json()))) == response


@given(EVENTS)
def test_every_event_survives_json(event: Value) -> None:
    again = from_json(json.loads(json.dumps(event.to_json())))
    assert type(again) is type(event)
    assert again == event


def test_every_event_has_a_word_of_its_own() -> None:
    words = [event.tag for event in get_args(StreamEvent)]
    assert len(set(words)) == len(words) == 14


def test_ends_tell_their_text() -> None:
    assert TextEnd(0, TextPart("a")).text == "a"
    assert ReasoningEnd(0, ReasoningPart("b")).text == "b"


def test_a_delta_shows_the_arguments_as_of_itself_and_saves_only_its_fragment() -> None:
    log = PartialArguments()
    deltas = [ToolCallDelta(0, piece, log, log.append(piece)) for piece in ('{"a": "x', 'y", ', '"b": [1')]
    assert [dict(delta.arguments) for delta in deltas] == [{"a": "x"}, {"a": "xy"}, {"a": "xy", "b": [1]}]
    assert deltas[0].arguments.to_dict() == {"a": "x"}  # type: ignore[attr-defined]
    assert deltas[0] == ToolCallDelta(0, '{"a": "x')
    assert repr(deltas[0]) == 'ToolCallDelta(content_index=0, fragment=\'{"a": "x\')'
    assert deltas[0].to_json() == {"v": 1, "type": "tool_call_delta", "content_index": 0, "fragment": '{"a": "x'}
    again = from_json(deltas[2].to_json())
    assert isinstance(again, ToolCallDelta)
    assert dict(again.arguments) == {}
