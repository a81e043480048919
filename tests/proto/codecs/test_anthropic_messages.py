"""Messages responses: bytes to events, beyond what the fixtures and recordings say."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.anthropic_messages import AnthropicMessages
from lash_proto.compat import AnthropicCompat, ChatCompat
from lash_proto.failures import RemoteProtocolError
from lash_proto.messages import OpaquePart, Origin, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from lash_proto.models import ModelSpec
from lash_proto.replies import (
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from lash_proto.usage import LlmUsage
from tests.recordings import FIXTURES, Item, decode, read_items

if TYPE_CHECKING:
    from lash_proto.codecs.anthropic_messages import MessagesDecoder
    from lash_proto.replies import LlmResponse

ORIGIN = Origin(None, "anthropic-messages", None)
SSE = [("content-type", "text/event-stream")]
JSON = [("content-type", "application/json")]
START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": [], "usage": {}}}
STOP = {"type": "message_stop"}


def decoder(status: int = 200, headers: Any = SSE, codec: Any = None, model: Any = None) -> MessagesDecoder:
    codec = codec if codec is not None else CODECS["anthropic-messages"]
    made: MessagesDecoder = codec.decoder(status=status, headers=headers, model=model)
    return made


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e.get('type', '')}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **rest: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **rest}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def ending(word: str | None = "end_turn", **rest: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": word, **rest}, "usage": {"output_tokens": 5}}


def events_of(*events: dict[str, Any]) -> list[StreamEvent]:
    reading = decoder()
    return reading.receive(sse(*events)) + reading.end()


def response_of(*events: dict[str, Any]) -> LlmResponse:
    reading = decoder()
    reading.receive(sse(*events))
    return reading.finish()


def fault_of(*events: dict[str, Any]) -> str:
    reading = decoder()
    reading.receive(sse(START, *events))
    with pytest.raises(RemoteProtocolError) as caught:
        reading.finish()
    assert reading.partial().error is not None
    return str(caught.value)


def fixture(name: str) -> Item:
    return next(iter(read_items(FIXTURES / "anthropic-messages", name)))


# --- the shape of a stream -------------------------------------------------------------------------------------------


def test_a_stream_of_text_is_a_start_its_deltas_and_an_end() -> None:
    counts = {"input_tokens": 14, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 3}
    counts["service_tier"] = "standard"  # type: ignore[assignment]
    item = fixture("text")
    assert decode(item, [item.body]).events == [
        ResponseStart("msg_01TextFixture", "claude-opus-5"),
        UsageUpdate(LlmUsage(input_tokens=14, output_tokens=3, raw=counts)),
        TextStart(0),
        TextDelta(0, "Hello"),
        TextDelta(0, ", how can I"),
        TextDelta(0, " help?"),
        TextEnd(0, TextPart("Hello, how can I help?", origin=ORIGIN)),
        UsageUpdate(LlmUsage(input_tokens=14, output_tokens=11, raw={**counts, "output_tokens": 11})),
    ]


def test_a_whole_body_makes_the_same_kinds_of_events_as_a_stream() -> None:
    item = fixture("whole")
    outcome = decode(item, [item.body])
    call = ToolCallPart(
        "toolu_01Whole", "get_time", {"zone": "Europe/Berlin"}, '{"zone":"Europe/Berlin"}', origin=ORIGIN
    )
    signed = {"type": "thinking", "signature": "EqQBCgIYAhIM"}
    assert outcome.events[:-1] == [
        ResponseStart("msg_01Whole", "claude-opus-5"),
        ReasoningStart(0),
        ReasoningDelta(0, "The user wants the time."),
        ReasoningEnd(0, ReasoningPart("The user wants the time.", origin=ORIGIN, provider_data=signed)),
        TextStart(1),
        TextDelta(1, "One moment."),
        TextEnd(1, TextPart("One moment.", origin=ORIGIN)),
        ToolCallStart(2, "toolu_01Whole", "get_time"),
        ToolCallDelta(2, '{"zone":"Europe/Berlin"}'),
        ToolCallEnd(2, call),
    ]


def test_redacted_thinking_is_reasoning_without_a_text() -> None:
    item = fixture("reasoning")
    response = decode(item, [item.body]).response
    assert response.content[1] == ReasoningPart(
        "",
        origin=ORIGIN,
        provider_data={"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw"},
    )
    assert response.reasoning == "27 times 453: 27*400 = 10800, 27*53 = 1431."


def test_what_the_server_runs_itself_is_opaque_and_in_its_place() -> None:
    item = fixture("server-tools")
    content = decode(item, [item.body]).response.content
    search, result, text, compaction, container = content
    assert search == OpaquePart(
        "server_tool_use",
        {"type": "server_tool_use", "id": "srvtoolu_01Search", "name": "web_search", "input": {"query": "weather NYC"}},
        origin=ORIGIN,
    )
    assert isinstance(result, OpaquePart)
    assert result.data["content"][0]["encrypted_content"] == "Ev0DCioIAxgCIiQ3"
    assert isinstance(text, TextPart)
    assert [citation["encrypted_index"] for citation in text.citations] == ["Eo8BCioIAhgB"]
    assert compaction == OpaquePart(
        "compaction",
        {
            "type": "compaction",
            "content": "The user asked for the weather.",
            "encrypted_content": "EpwBCioIDxgC",
        },
        origin=ORIGIN,
    )
    assert container == OpaquePart(
        "container", {"id": "container_011Fixture", "expires_at": "2026-11-20T10:00:00Z"}, origin=ORIGIN
    )


def test_an_opaque_block_is_told_when_it_is_over() -> None:
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    events = events_of(
        START, begin(0, **use), delta(0, "input_json_delta", partial_json='{"q":1}'), stop(0), ending(), STOP
    )
    assert PartAdded(0, OpaquePart("server_tool_use", {**use, "input": {"q": 1}}, origin=ORIGIN)) in events


def test_an_opaque_block_that_is_never_stopped_is_told_before_the_next_one_and_goes_on_in_silence() -> None:
    use = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s", "input": {}}
    reading = decoder()
    events = reading.receive(
        sse(
            START,
            begin(0, **use),
            begin(1, type="text", text="Hi"),
            delta(0, "input_json_delta", partial_json='{"a":1}'),
            stop(0),
            stop(1),
            ending(),
            STOP,
        )
    )
    assert [event for event in events if isinstance(event, (PartAdded, TextStart))] == [
        PartAdded(0, OpaquePart("mcp_tool_use", use, origin=ORIGIN)),
        TextStart(1),
    ]
    assert reading.finish().content[0] == OpaquePart("mcp_tool_use", {**use, "input": {"a": 1}}, origin=ORIGIN)


def test_a_server_tool_without_arguments_keeps_the_input_of_its_start() -> None:
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "now", "input": {}}
    response = response_of(START, begin(0, **use), delta(0, "input_json_delta", partial_json=""), ending(), STOP)
    assert response.content == (OpaquePart("server_tool_use", use, origin=ORIGIN),)


def test_an_input_cut_in_the_middle_leaves_what_the_start_of_the_opaque_block_said() -> None:
    response = response_of(
        START,
        begin(0, type="server_tool_use", id="srvtoolu_1", name="bash", input={}),
        delta(0, "input_json_delta", partial_json='{"command": "ls'),
        ending("max_tokens"),
        STOP,
    )
    assert isinstance(response.content[0], OpaquePart)
    assert response.content[0].data["input"] == {}
    assert response.stop_reason == "length"


def test_an_unknown_block_keeps_the_text_of_its_deltas_under_their_own_key() -> None:
    response = response_of(
        START,
        begin(0, type="dream", text="I "),
        delta(0, "text_delta", text="saw", weight=3),
        delta(0, "text_delta", text=" it"),
        ending(),
        STOP,
    )
    assert response.content == (OpaquePart("dream", {"type": "dream", "text": "I saw it"}, origin=ORIGIN),)
    assert response.text == ""


# --- tool calls ------------------------------------------------------------------------------------------------------


def call_of(*events: dict[str, Any]) -> ToolCallPart:
    (call,) = response_of(START, *events, ending("tool_use"), STOP).tool_calls
    return call


def test_input_that_stands_whole_in_the_start_is_told_at_the_stop() -> None:
    call = call_of(
        begin(0, type="tool_use", id="toolu_1", name="f", input={"a": 1}),
        delta(0, "input_json_delta", partial_json=""),
        stop(0),
    )
    assert (call.arguments, call.raw_arguments) == ({"a": 1}, '{"a":1}')


def test_input_that_is_streamed_replaces_what_the_start_held() -> None:
    call = call_of(
        begin(0, type="tool_use", id="toolu_1", name="f", input={"a": 1}),
        delta(0, "input_json_delta", partial_json='{"a": 2}'),
        stop(0),
    )
    assert (call.arguments, call.raw_arguments) == ({"a": 2}, '{"a": 2}')


@pytest.mark.parametrize(
    ("given", "arguments", "raw", "wrong"),
    [('{"a":1}', {"a": 1}, '{"a":1}', False), ([1], {}, "[1]", True), (None, {}, "", False), ({}, {}, "", False)],
)
def test_input_of_another_shape_is_read_as_text(given: Any, arguments: Any, raw: str, wrong: bool) -> None:
    call = call_of(begin(0, type="tool_use", id="toolu_1", name="f", input=given), stop(0))
    assert (call.arguments, call.raw_arguments, call.arguments_error is not None) == (arguments, raw, wrong)


def test_a_call_that_is_cut_shows_its_whole_input_even_before_the_stop() -> None:
    reading = decoder()
    reading.receive(sse(START, begin(0, type="tool_use", id="toolu_1", name="f", input={"a": 1})))
    assert reading.partial().tool_calls[0].arguments == {"a": 1}


def test_a_call_without_an_id_gets_one_that_says_so() -> None:
    call = call_of(begin(0, type="tool_use", name="f", input={}), stop(0))
    # 24 hex digits of SHA-256 over response id, block index and name.
    assert (call.id, call.id_sent) == ("call_77d87d575a6704f7d90df84b", False)


def test_a_call_without_a_name_is_no_call() -> None:
    block = {"type": "tool_use", "id": "toolu_1", "input": {}}
    assert response_of(START, begin(0, **block), stop(0), ending(), STOP).content == (
        OpaquePart("tool_use", block, origin=ORIGIN),
    )


def test_who_called_the_tool_is_kept() -> None:
    item = fixture("message-in-start")
    (call,) = decode(item, [item.body]).response.tool_calls
    assert call.provider_data == {"caller": {"type": "code_execution_20250825", "tool_id": "srvtoolu_01Code"}}


# --- starts and ends -------------------------------------------------------------------------------------------------


def test_a_second_message_start_closes_what_was_open_and_begins_the_indexes_again() -> None:
    item = fixture("two-starts")
    kinds = [type(event).__name__ for event in decode(item, [item.body]).events if not isinstance(event, UsageUpdate)]
    first = ["TextStart", "TextDelta", "TextEnd"]
    second = ["TextStart", "TextDelta", "TextDelta", "TextEnd"]
    assert kinds == ["ResponseStart", *first, *second]


def test_a_block_that_begins_where_one_is_open_ends_that_one() -> None:
    response = response_of(
        START,
        begin(0, type="tool_use", id="toolu_1", name="f", input={"a": 1}),
        begin(0, type="text", text="Hi"),
        stop(0),
        ending(),
        STOP,
    )
    assert response.tool_calls[0].raw_arguments == '{"a":1}'


def test_blocks_before_a_message_start_begin_the_response() -> None:
    assert events_of(begin(0, type="text", text="Hi"))[0] == ResponseStart(None, None)


def test_the_model_that_a_fallback_block_names_wins() -> None:
    to = {"type": "fallback", "from": {"model": "claude"}, "to": {"model": "claude-2"}}
    assert response_of(START, begin(0, **to), stop(0), ending(), STOP).model == "claude-2"
    nameless = {"type": "fallback", "from": {"model": "claude"}}
    assert response_of(START, begin(0, **nameless), stop(0), ending(), STOP).model == "claude"


def test_what_comes_after_the_end_may_count_and_nothing_else() -> None:
    reading = decoder()
    reading.receive(sse(START, begin(0, type="text", text="Hi"), stop(0), ending(), STOP))
    assert reading.ended
    late = {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 6}}
    events = reading.receive(sse(late, begin(1, type="text", text="more"), {"type": "error", "error": {"type": "x"}}))
    assert [type(event) for event in events] == [UsageUpdate]
    response = reading.finish()
    assert (response.text, response.stop_reason, response.error) == ("Hi", "stop", None)
    assert response.usage is not None
    assert response.usage.output_tokens == 6


def test_a_message_stop_alone_proves_nothing() -> None:
    reading = decoder()
    reading.receive(sse(STOP))
    with pytest.raises(RemoteProtocolError):
        reading.finish()


def test_without_message_stop_a_stop_reason_is_enough_only_where_compat_says_so() -> None:
    body = sse(START, begin(0, type="text", text="Hi"), stop(0), ending())
    strict = decoder()
    strict.receive(body)
    with pytest.raises(RemoteProtocolError, match="ended before its end was said"):
        strict.finish()
    lenient = decoder(codec=AnthropicMessages(compat=AnthropicCompat(message_stop_required=False)))
    lenient.receive(body)
    assert lenient.finish().text == "Hi"
    cut = decoder(codec=AnthropicMessages(compat=AnthropicCompat(message_stop_required=False)))
    cut.receive(sse(START, begin(0, type="text", text="Hi")))
    with pytest.raises(RemoteProtocolError):
        cut.finish()


def test_the_models_flags_win_over_the_codecs_where_they_are_of_this_dialect() -> None:
    lenient = AnthropicCompat(message_stop_required=False)
    codec = AnthropicMessages()
    assert codec.compat_of(ModelSpec("m", compat=lenient)) is lenient
    assert codec.compat_of(ModelSpec("m", compat=ChatCompat())) is codec.compat
    assert codec.compat_of(None) is codec.compat
    assert decoder(model="m").model_asked == ModelSpec("m")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause"),
        ("compaction", "pause"),
        ("refusal", "refusal"),
        ("sensitive", "content_filter"),
        ("", "stop"),
        ("bored", "error"),
    ],
)
def test_each_stop_word_has_one_meaning(word: str, reason: str) -> None:
    response = response_of(START, ending(word), STOP)
    assert (response.stop_reason, response.raw_stop_reason) == (reason, word)


def test_an_empty_stop_word_does_not_take_back_a_real_one() -> None:
    assert response_of(START, ending("max_tokens"), ending(""), STOP).raw_stop_reason == "max_tokens"


def test_why_the_model_refused_is_a_refusal_told_once() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "Against the policy."}
    response = response_of(
        START, ending("refusal", stop_details=details), ending("refusal", stop_details=details), STOP
    )
    assert response.content == (RefusalPart("Against the policy.", origin=ORIGIN, provider_data=details),)
    assert (response.refusal, response.text) == ("Against the policy.", "")


def test_a_refusal_may_come_without_a_reason() -> None:
    details = {"type": "refusal", "category": None, "explanation": None}
    assert response_of(START, ending("refusal", stop_details=details), STOP).refusal == ""


# --- usage -----------------------------------------------------------------------------------------------------------


def test_counts_replace_each_other_and_null_says_nothing() -> None:
    item = fixture("cache-counts")
    usage = decode(item, [item.body]).response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens) == (21, 4096, 188086)
    assert usage.raw is not None
    assert usage.raw["cache_creation"]["ephemeral_1h_input_tokens"] == 100000


def test_writes_told_only_by_lifetime_are_added_up() -> None:
    counts = {"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}}
    response = response_of({**START, "message": {"usage": counts}}, STOP)
    assert response.usage == LlmUsage(input_tokens=1, cache_write_tokens=7, raw=counts)


def test_usage_without_a_count_is_no_usage() -> None:
    assert response_of({**START, "message": {"usage": {"service_tier": "standard"}}}, STOP).usage is None


def test_no_count_is_below_zero() -> None:
    counts = {"input_tokens": -1, "output_tokens": -1, "output_tokens_details": {"thinking_tokens": -1}}
    response = response_of({**START, "message": {"usage": counts}}, STOP)
    assert response.usage == LlmUsage(reasoning_tokens=0, raw=counts)


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_in_the_stream_keeps_what_came_and_its_own_request_id() -> None:
    item = fixture("mid-stream-error")
    error = decode(item, [item.body]).response.error
    assert error is not None
    assert (error.kind, error.retryable, error.request_id) == ("overloaded", True, "req_011MidStream")


def test_the_request_id_of_the_headers_stands() -> None:
    reading = decoder(headers=[*SSE, ("request-id", "req_head")])
    reading.receive(sse({"type": "error", "error": {"type": "api_error", "message": "x"}, "request_id": "req_body"}))
    error = reading.finish().error
    assert error is not None
    assert (error.kind, error.request_id) == ("server", "req_head")


@pytest.mark.parametrize(
    "body",
    [
        b'event: error\ndata: {"message":"no such model"}\n\n',
        b'data: {"error":{"message":"no such model"}}\n\n',
        b'{"type":"error","error":{"message":"no such model"}}',
        b'{"error":{"message":"no such model"}}',
    ],
)
def test_an_error_may_come_in_many_wrappings(body: bytes) -> None:
    reading = decoder()
    reading.receive(body)
    response = reading.finish()
    assert response.stop_reason == "error"
    assert response.error is not None
    assert response.error.raw == {"message": "no such model"}


def test_the_kind_of_an_http_error_is_its_own_word() -> None:
    outcomes = [decode(item, [item.body]).response.error for item in map(fixture, ("error-body", "error-overflow"))]
    assert [(error.kind, error.status, error.retryable) for error in outcomes if error] == [
        ("overloaded", 529, True),
        ("context_overflow", 400, False),
    ]


# --- garbage ---------------------------------------------------------------------------------------------------------


def test_what_the_dialect_does_not_know_is_passed_over() -> None:
    noise: list[dict[str, Any]] = [{"type": "weather"}, {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}}]
    response = response_of(START, *noise, begin(0, type="text", text="Hi"), delta(0, "glow", x=1), ending(), STOP)
    assert response.text == "Hi"
    reading = decoder()
    reading.receive(b'data: "hello"\n\ndata: [DONE]\n\n' + sse(START, stop(7), ending(), STOP))
    assert reading.finish().content == ()


def test_pieces_that_fit_no_part_of_a_block_are_passed_over() -> None:
    response = response_of(
        START,
        begin(0, type="text", text="Hi", citations=["bent", {"type": "char_location"}], mood="calm"),
        delta(0, "signature_delta", signature="x"),
        delta(0, "citations_delta", citation="bent"),
        stop(0),
        begin(1, type="thinking", thinking="Hm", signature="s0", depth=2),
        delta(1, "signature_delta", signature=7),
        delta(1, "citations_delta", citation={"type": "x"}),
        stop(1),
        ending(),
        STOP,
    )
    assert response.content == (
        TextPart("Hi", citations=({"type": "char_location"},), origin=ORIGIN, provider_data={"mood": "calm"}),
        ReasoningPart("Hm", origin=ORIGIN, provider_data={"type": "thinking", "signature": "s0", "depth": 2}),
    )


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        (
            [begin(0, type="text"), delta(0, "thinking_delta", thinking="x")],
            "thinking_delta in a block of another kind",
        ),
        ([begin(0, type="text"), delta(0, "input_json_delta", partial_json="x")], "input_json_delta in a block of"),
        ([begin(0, type="thinking"), delta(0, "text_delta", text="x")], "text_delta in a block of another kind"),
        ([begin(0, type="tool_use", name="f"), delta(0, "input_json_delta", partial_json=5)], "without text"),
        ([delta(3, "text_delta", text="x")], "a delta for a block that is not open"),
        ([begin(0, type="text"), delta(0, "text_delta", text=5)], "something it should not"),
        ([begin(0)], "a content block without a type"),
        ([{"type": "content_block_start", "index": 0, "content_block": [1]}], "a content block that is not an object"),
        ([{"type": "message_start", "message": {"content": "Hi"}}], "a message whose content is no array"),
    ],
)
def test_what_contradicts_itself_is_the_peers_mistake(events: list[dict[str, Any]], fault: str) -> None:
    assert fault in fault_of(*events)


@pytest.mark.parametrize("body", [b"[1]", b'{"object":"chat.completion","choices":[]}', b"<html></html>"])
def test_a_body_of_another_kind_is_not_this_dialects(body: bytes) -> None:
    reading = decoder(headers=JSON)
    reading.receive(body)
    with pytest.raises(RemoteProtocolError, match="which is not anthropic-messages"):
        reading.finish()


def test_a_whole_message_may_be_empty() -> None:
    reading = decoder(headers=JSON)
    reading.receive(b'{"type":"message","id":"msg_1","content":null,"error":null}')
    response = reading.finish()
    assert (response.content, response.stop_reason, response.error, response.id) == ((), "stop", None, "msg_1")


@pytest.mark.parametrize("name", ["reasoning", "parallel-tools", "server-tools", "unicode", "two-starts", "whole"])
def test_a_decoder_copied_between_any_two_bytes_says_the_same(name: str) -> None:
    item = fixture(name)
    reading = decoder(item.meta["status"], item.headers)
    for place in range(0, len(item.body), 61):
        reading.receive(item.body[place : place + 61])
        reading.partial()
        reading = pickle.loads(pickle.dumps(reading)) if place % 2 else copy.deepcopy(reading)
    assert reading.finish() == decode(item, [item.body]).response
