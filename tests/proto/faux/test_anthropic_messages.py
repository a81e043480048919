"""The provider's side of the Messages API: what is scripted is what our decoder, and anyone's, reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.failures import FailureKind, LocalProtocolError, RemoteProtocolError
from lash_proto.faux import FauxCall, FauxError, FauxReply
from lash_proto.faux.anthropic_messages import recognise, render
from lash_proto.messages import (
    ImagePart,
    LlmRequest,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.replies import LlmResponse
from lash_proto.usage import LlmUsage, StopReason

CODEC = CODECS["anthropic-messages"]


def asked(stream: bool) -> FauxCall:
    request = CODEC.encode(LlmRequest("Hi"), "claude-opus-5", stream=stream)
    call = recognise(request.method, request.path, json.loads(request.body))
    assert call is not None
    return call


def read(reply: FauxReply, stream: bool = True) -> LlmResponse:
    answer = render(reply, asked(stream))
    decoder = CODEC.decoder(status=answer.status, headers=answer.headers)
    for chunk in answer.chunks:
        decoder.receive(chunk)
    return decoder.finish()


def bare(part: Part) -> Any:
    """A part without what only a decoder knows."""
    if isinstance(part, ToolCallPart):
        return (part.id, part.name, part.arguments)
    if isinstance(part, TextPart):
        return (part.text, part.citations)
    if isinstance(part, OpaquePart):
        return (part.type, part.data)
    assert isinstance(part, (ReasoningPart, RefusalPart))
    return (type(part), part.text)


SIGNED = {"type": "thinking", "signature": "sig"}
REDACTED = {"type": "redacted_thinking", "data": "secret"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
CONTENT: tuple[Part, ...] = (
    ReasoningPart("Let me think about it.", provider_data=SIGNED),
    ReasoningPart("", provider_data=REDACTED),
    OpaquePart("server_tool_use", SEARCH),
    OpaquePart("web_search_tool_result", FOUND),
    TextPart("Sunny, 東京 👋, as far as I can see.", citations=({"type": "char_location", "cited_text": "x"},)),
    ToolCallPart("toolu_1", "get_weather", {"city": "Paris"}),
    ToolCallPart("toolu_2", "now"),
)


@pytest.mark.parametrize("stream", [True, False])
def test_a_scripted_reply_is_read_as_it_was_written(stream: bool) -> None:
    usage = LlmUsage(5, 3, 2, output_tokens=40, reasoning_tokens=7)
    response = read(FauxReply(CONTENT, usage=usage, id="msg_7"), stream)
    assert [bare(part) for part in response.content] == [bare(part) for part in CONTENT]
    assert [part.provider_data for part in response.content if isinstance(part, ReasoningPart)] == [SIGNED, REDACTED]
    assert (response.id, response.model, response.stop_reason) == ("msg_7", "claude-opus-5", "tool_use")
    assert response.request_id == "req_msg_7"
    counted = response.usage
    assert counted is not None
    assert (counted.input_tokens, counted.cached_input_tokens, counted.cache_write_tokens) == (5, 3, 2)
    assert (counted.output_tokens, counted.reasoning_tokens) == (40, 7)


@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_stands_beside_the_content(stream: bool) -> None:
    response = read(FauxReply([TextPart("Well"), RefusalPart("Against the policy.")]), stream)
    assert (response.text, response.refusal, response.stop_reason) == ("Well", "Against the policy.", "refusal")


@pytest.mark.parametrize("stream", [True, False])
def test_a_container_stands_beside_the_content(stream: bool) -> None:
    response = read(FauxReply([OpaquePart("container", {"id": "container_1"}), TextPart("Hi")]), stream)
    assert [bare(part) for part in response.content] == [("Hi", ()), ("container", {"id": "container_1"})]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("reason", ["stop", "length", "refusal", "content_filter", "pause"])
def test_each_stop_reason_has_a_word(reason: StopReason, stream: bool) -> None:
    assert read(FauxReply("Hi", stop_reason=reason), stream).stop_reason == reason


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_may_name_another_model_and_count_nothing(stream: bool) -> None:
    response = read(FauxReply("Hi", usage=None, model="claude-2"), stream)
    assert (response.model, response.usage) == ("claude-2", None)


def test_a_stream_is_made_of_the_events_that_the_documentation_shows() -> None:
    answer = render(FauxReply([TextPart("Hello, you"), ToolCallPart("toolu_1", "f")], piece=7), asked(True))
    assert answer.headers[0] == ("content-type", "text/event-stream; charset=utf-8")
    lines = [chunk.decode().split("\n") for chunk in answer.chunks]
    assert [line[0] for line in lines] == [
        "event: message_start",
        "event: content_block_start",
        "event: ping",
        "event: content_block_delta",
        "event: content_block_delta",
        "event: content_block_stop",
        "event: content_block_start",
        "event: content_block_delta",
        "event: content_block_stop",
        "event: message_delta",
        "event: message_stop",
    ]
    assert lines[1][1:] == [
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
        "",
        "",
    ]
    assert lines[3][1] == (
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, "}}'
    )
    assert lines[7][1] == (
        'data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}'
    )


def test_arguments_are_streamed_to_the_letter_even_where_they_are_no_json() -> None:
    cut = ToolCallPart("toolu_1", "f", raw_arguments='{"path": "a')
    (call,) = read(FauxReply([cut], stop_reason="length")).tool_calls
    assert (call.raw_arguments, call.arguments) == ('{"path": "a', {})
    assert call.arguments_error is not None


def test_thinking_that_the_script_did_not_sign_is_signed() -> None:
    (thought,) = read(FauxReply([ReasoningPart("Hm.")])).content
    assert isinstance(thought, ReasoningPart)
    assert thought.provider_data is not None
    assert len(thought.provider_data["signature"]) == 44


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("authentication", 401, "authentication_error"),
        ("permission", 403, "permission_error"),
        ("not_found", 404, "not_found_error"),
        ("rate_limit", 429, "rate_limit_error"),
        ("quota", 402, "billing_error"),
        ("overloaded", 529, "overloaded_error"),
        ("server", 500, "api_error"),
        ("timeout", 504, "timeout_error"),
        ("invalid_request", 400, "invalid_request_error"),
        ("context_overflow", 400, "invalid_request_error"),
        ("context_overflow", 413, "request_too_large"),
    ],
)
def test_an_http_error_has_the_apis_word_and_is_read_as_its_kind(
    kind: FailureKind, status: int, word: str, stream: bool
) -> None:
    reply = FauxReply(error=FauxError(kind, "It did not work.", status, retry_after=2.0))
    answer = render(reply, asked(stream))
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (status, word)
    error = read(reply, stream).error
    assert error is not None
    assert (error.kind, error.status, error.retry_after, error.request_id) == (kind, status, 2.0, "req_faux-1")


def test_a_message_that_tells_of_the_context_already_is_left_as_it_is() -> None:
    error = FauxError("context_overflow", "prompt is too long: 210000 tokens > 200000 maximum", 400)
    body = json.loads(render(FauxReply(error=error), asked(True)).body)
    assert body["error"]["message"] == "prompt is too long: 210000 tokens > 200000 maximum"


def test_an_error_without_a_status_comes_in_the_middle_of_the_stream() -> None:
    response = read(FauxReply("I was about to", error=FauxError("overloaded", "Overloaded")))
    assert (response.text, response.stop_reason) == ("I was about to", "error")
    assert response.error is not None
    assert (response.error.kind, response.error.status) == ("overloaded", None)


def test_an_error_without_a_status_is_a_body_of_200_where_nothing_is_streamed() -> None:
    response = read(FauxReply(error=FauxError("overloaded", "Overloaded")), stream=False)
    assert response.error is not None
    assert response.error.kind == "overloaded"


def test_a_cut_ends_the_body_after_so_many_events() -> None:
    reply = FauxReply("Hello, how can I help you today?", cut_after=4)
    assert len(render(reply, asked(True)).chunks) == 4
    with pytest.raises(RemoteProtocolError) as caught:
        read(reply)
    assert caught.value.failure is not None
    assert caught.value.failure.kind == "truncated"
    assert caught.value.response is not None
    assert caught.value.response.text == "Hello, how c"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/messages", {}),
        ("POST", "/v1/messages/count_tokens", {}),
        ("POST", "/v1/messages", None),
        ("POST", "/chat/completions", {}),
    ],
)
def test_other_requests_are_not_recognised(method: str, path: str, body: Any) -> None:
    assert recognise(method, path, body) is None


def test_a_request_is_recognised_under_any_prefix_and_query() -> None:
    call = recognise("POST", "/proxy/v1/messages?beta=true", {"model": "m", "stream": True})
    assert call is not None
    assert (call.api, call.model, call.stream) == ("anthropic-messages", "m", True)
    assert recognise("POST", "/v1/messages", {}) == FauxCall("anthropic-messages", "", False, {}, "/v1/messages")


@pytest.mark.parametrize("reply", [FauxReply([ImagePart(data=b"x")]), FauxReply("Hi", stop_reason="aborted")])
def test_what_no_such_server_says_is_the_scripts_mistake(reply: FauxReply) -> None:
    with pytest.raises(LocalProtocolError):
        render(reply, asked(True))


@pytest.mark.parametrize("stream", [True, False])
def test_half_a_surrogate_pair_is_no_text_that_a_server_can_send(stream: bool) -> None:
    assert read(FauxReply((ReasoningPart("a\ud83d"), TextPart("b\ud83d"))), stream).reasoning == "a\ufffd"
