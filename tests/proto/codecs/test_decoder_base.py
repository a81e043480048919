"""What every decoder does the same, seen through a dialect as small as can be."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.codecs import CODECS, _blocks, _decoder
from lash_proto.codecs._decoder import DialectDecoder, error_of_body, stop_reason_of
from lash_proto.failures import Failure, RemoteProtocolError
from lash_proto.messages import RefusalPart, TextPart, ToolCallPart
from lash_proto.models import ModelSpec
from lash_proto.replies import ResponseStart, TextDelta, TextEnd, TextStart, UsageUpdate
from lash_proto.sse import SseParser
from tests.proto.tiny import END, HELLO, REPLY, Tiny, TinyDecoder, event

BOM = b"\xef\xbb\xbf"


def decoder(content_type: str | None = "text/event-stream", status: int = 200, **headers: str) -> TinyDecoder:
    items = [] if content_type is None else [("content-type", content_type)]
    items += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Tiny().decoder(status=status, headers=items, model="m")


def failure_of(made: TinyDecoder) -> Failure:
    with pytest.raises(RemoteProtocolError) as caught:
        made.finish()
    assert caught.value.failure is not None
    assert caught.value.response is not None
    assert caught.value.response.error is not None
    return caught.value.failure


# --- what kind of body -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["text/event-stream", "TEXT/EVENT-STREAM; charset=utf-8", "application/json"])
@pytest.mark.parametrize("before", [b"", b"\n\n", BOM, BOM + b"\r\n", b": ping\n\n"])
def test_a_stream_is_a_stream_whatever_the_headers_say(content_type: str, before: bytes) -> None:
    made = decoder(content_type)
    made.receive(before + REPLY)
    assert made.finish().text == "Hello."


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", None])
@pytest.mark.parametrize("before", [b"", b" \r\n\t", BOM, b"\n" + BOM + b" ", b" \n " + BOM + b" \r\n\t "])
@pytest.mark.parametrize("size", [1, 100])
def test_json_is_json_whatever_the_headers_say(content_type: str | None, before: bytes, size: int) -> None:
    body = before + b'{"say":"Hello.","stop":"end"}\n'
    made = decoder(content_type)
    events: list[Any] = []
    for i in range(0, len(body), size):
        events += made.receive(body[i : i + size])
    events += made.end()
    assert [type(each) for each in events] == [ResponseStart, TextStart, TextDelta, TextEnd]
    assert made.finish().text == "Hello."


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"<html>Hi</html>", "protocol", "the body is a page of HTML, which is not tiny"),
        (b"[1]", "protocol", "the body says nothing, which is not tiny"),
        (b"{}", "protocol", "the body says nothing, which is not tiny"),
        (b'{"say":"Hel', "truncated", "the body is not whole JSON"),
        (b'{"say":"Hello.",', "truncated", "the body is not whole JSON"),
        (b'{"say":tru', "truncated", "the body is not whole JSON"),
        (b'{"say":[-', "truncated", "the body is not whole JSON"),
        (b'{"say":1.', "truncated", "the body is not whole JSON"),
        (b'{"say":1e+', "truncated", "the body is not whole JSON"),
        (b'{"say":"\\', "truncated", "the body is not whole JSON"),
        (b'{"say":"\\u00e', "truncated", "the body is not whole JSON"),
        (b'{"say":true1', "protocol", "the body is not whole JSON"),
        (b'{"say":trux', "protocol", "the body is not whole JSON"),
        (b'{"say" "Hello."}', "protocol", "the body is not whole JSON"),
        (b"<oops", "protocol", "page of HTML"),
        (b"Not found", "protocol", "the body holds no event, which is not tiny"),
        (b"", "truncated", "the tiny response ended before its end was said"),
        (b" \n \n \n", "truncated", "the tiny response ended before its end was said"),
    ],
)
def test_a_body_that_is_not_the_dialects_says_so(body: bytes, kind: str, message: str) -> None:
    made = decoder("application/octet-stream")
    made.receive(body)
    failure = failure_of(made)
    assert (failure.kind, failure.retryable) == (kind, kind == "truncated")
    assert message in failure.message
    assert made.partial().error == failure


WHOLE = (
    '{"say":null,"b":[true,false,-1.5e+10,0.25,2E-3,12],"c":"x\\u00e9\\ud83d\\ude00\\n\\"世","d":{"e":{}}, "f" : [ ] }'
).encode()


@pytest.mark.parametrize("size", range(1, len(WHOLE)))
def test_a_body_that_is_cut_anywhere_is_cut_and_not_wrong(size: int) -> None:
    """Also in a word, a number and an escape, where JSON readers complain of what stands there."""
    made = decoder("application/json")
    made.receive(WHOLE[:size])
    assert failure_of(made).kind == "truncated"


@pytest.mark.parametrize("rest", ["nix", "tru,", "fals}", "--", "\\u12"])
def test_what_no_whole_body_begins_with_is_wrong_and_not_cut(rest: str) -> None:
    made = decoder("application/json")
    made.receive(b'{"say":' + rest.encode() + b"}")
    assert failure_of(made).kind == "protocol"


@pytest.mark.parametrize("body", [b"null", b"true", b'"text"', b"12", b"-1"])
def test_where_json_is_promised_a_bare_word_is_json(body: bytes) -> None:
    made = decoder("application/json")
    made.receive(body)
    assert "says nothing" in failure_of(made).message


@pytest.mark.parametrize("body", [b"", b": ping\n\n", b'data: {"say', b"event: message\n"])
def test_an_event_stream_without_an_event_was_cut(body: bytes) -> None:
    made = decoder("text/event-stream")
    made.receive(body)
    assert failure_of(made).kind == "truncated"


# --- what comes and what is wrong with it ----------------------------------------------------------------------------


def test_id_and_model_are_the_first_that_are_not_empty_and_are_encodable() -> None:
    made = decoder()
    assert made.receive(event(id="", model=3)) == [ResponseStart(None, None)]
    made.receive(event(id="r\ud83d", model="m-1") + event(id="other", model="m-2"))
    assert (made.partial().id, made.partial().model) == ("r\ufffd", "m-1")
    plain = decoder()
    plain.receive(event(say="a"))
    assert (plain.partial().id, plain.partial().model) == (None, None)
    empty = decoder()
    empty.receive(event(id="", model=""))
    assert (empty.partial().id, empty.partial().model) == ("", "")


def test_usage_is_told_when_it_changes() -> None:
    made = decoder()
    events = made.receive(event(use=[1, 2]) + event(use=[1, 2]) + event(use=[1, 3]) + event(say="a"))
    assert [each.usage.output_tokens for each in events if isinstance(each, UsageUpdate)] == [2, 3]


def test_a_fault_comes_at_the_call_after_the_events_and_open_blocks_are_closed() -> None:
    made = decoder()
    events = made.receive(HELLO + event(say="a") + b"data: {]\n\n" + event(say="b"))
    assert [type(each) for each in events] == [ResponseStart, TextStart, TextDelta, TextEnd]
    assert made.ended
    for call in (lambda: made.receive(b""), made.end, made.finish, lambda: made.receive(END)):
        with pytest.raises(RemoteProtocolError, match="an event of the tiny stream is not JSON"):
            call()
    assert (made.partial().text, failure_of(made).kind) == ("a", "protocol")


def test_a_handler_that_stumbles_is_the_peers_mistake() -> None:
    made = decoder()
    made.receive(event(use=["x", "y"]))
    assert failure_of(made).message == "the tiny stream holds something it should not: ValueError"
    made = decoder("application/json")
    made.receive(b'{"say":"a","use":[1e999,1]}')
    assert failure_of(made).message == "the tiny stream holds something it should not: OverflowError"


def test_what_comes_after_the_end_can_add_and_not_break() -> None:
    made = decoder()
    made.receive(HELLO + event(say="a", stop="end"))
    assert made.ended
    made.receive(event(use=[1, 2]))
    made.receive(b"data: {]\n\n")
    assert made.receive(event(use=[1, 3])) == []
    assert [type(each) for each in made.end()] == [TextEnd]
    response = made.finish()
    assert (response.text, response.error) == ("a", None)
    assert response.usage is not None
    assert response.usage.output_tokens == 2


def test_the_last_event_needs_no_blank_line_but_must_be_whole() -> None:
    made = decoder()
    made.receive(HELLO + event(say="a") + END.rstrip(b"\n"))
    made.end()
    assert made.finish().stop_reason == "stop"
    cut = decoder()
    cut.receive(HELLO + event(say="a") + END.rstrip(b"\n")[:-1])
    assert cut.end() != []
    assert failure_of(cut).kind == "truncated"


@pytest.mark.parametrize("last", [b"data: [DONE]\n\n", b"data: [DONE]"])
def test_done_proves_nothing(last: bytes) -> None:
    made = decoder(None)
    made.receive(last)
    assert failure_of(made).kind == "truncated"


def test_an_event_without_data_is_passed_over() -> None:
    made = decoder()
    made.receive(b"data:\n\ndata:  \n\n" + REPLY)
    assert made.finish().text == "Hello."


def test_finish_ends_what_nobody_ended_and_ending_twice_does_no_harm() -> None:
    made = decoder()
    made.receive(REPLY)
    assert made.finish().text == "Hello."
    assert made.end() == []
    assert made.finish() == made.partial()


def test_partial_is_there_at_any_time() -> None:
    made = decoder(x_request_id="req-1")
    error = made.partial().error
    assert error is not None
    assert (error.kind, error.request_id) == ("truncated", "req-1")
    made.receive(HELLO + event(say="Hel"))
    assert made.partial().text == "Hel"
    made.receive(event(say="lo.", stop="end"))
    assert (made.partial().error, made.partial().stop_reason) == (None, "stop")


def test_where_it_came_from_is_in_every_part() -> None:
    made = Tiny(provider="p").decoder(status=200, headers=[("request-id", "req-2")], model=ModelSpec("asked"))
    made.receive(REPLY)
    response = made.finish()
    (part,) = response.content
    assert part.origin is not None
    assert (part.origin.provider, part.origin.api, part.origin.model) == ("p", "tiny", "asked")
    assert (response.provider, response.api, response.request_id) == ("p", "tiny", "req-2")
    plain = Tiny().decoder(status=200, headers=[])
    plain.receive(REPLY)
    origin = plain.finish().content[0].origin
    assert origin is not None
    assert origin.model is None


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_in_the_middle_is_the_answer_and_the_first_one_stands() -> None:
    made = decoder(x_request_id="req-1", retry_after="3")  # of the 200, not of the error
    made.receive(HELLO + event(say="a") + event(error={"message": "Busy.", "type": "overloaded_error"}))
    made.receive(event(error={"message": "Other."}))
    response = made.finish()
    assert (response.text, response.stop_reason) == ("a", "error")
    assert response.error == Failure(
        "overloaded",
        "Busy.",
        code="overloaded_error",
        request_id="req-1",
        retryable=True,
        raw={"message": "Busy.", "type": "overloaded_error"},
    )


def test_a_word_unknown_to_the_dialect_is_an_error_of_ours() -> None:
    made = decoder()
    made.receive(HELLO + event(say="a", stop="MALFORMED_FUNCTION_CALL"))
    response = made.finish()
    assert (response.stop_reason, response.raw_stop_reason) == ("error", "MALFORMED_FUNCTION_CALL")
    assert response.error == Failure(
        "server", "the model stopped with MALFORMED_FUNCTION_CALL", code="MALFORMED_FUNCTION_CALL", retryable=True
    )


CALL = ToolCallPart("c", "f")
STOPS: Any = {
    "end": "stop",
    "full": "length",
    "no": "refusal",
    "ban": "content_filter",
    "wait": "pause",
    "off": "aborted",
}


@pytest.mark.parametrize(
    ("word", "content", "reason"),
    [
        ("end", (TextPart("a"),), "stop"),
        ("end", (CALL,), "tool_use"),
        ("end", (CALL, RefusalPart("No.")), "refusal"),
        (None, (CALL,), "tool_use"),
        ("", (), "stop"),
        (None, (), "stop"),
        ("full", (CALL,), "length"),
        ("full", (RefusalPart("No."),), "refusal"),
        ("no", (), "refusal"),
        ("wait", (CALL,), "pause"),
        ("ban", (RefusalPart("No."),), "content_filter"),
        ("off", (CALL,), "aborted"),
        ("huh", (CALL,), "error"),
    ],
)
def test_the_first_reason_that_fits_is_why_it_stopped(word: str | None, content: Any, reason: str) -> None:
    assert stop_reason_of(word, STOPS, content) == reason


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "raw"),
    [
        (500, b'{"error":{"message":"Oops."}}', "server", "Oops.", {"message": "Oops."}),
        (400, b'[{"error":{"message":"Bad."}}]', "invalid_request", "Bad.", {"message": "Bad."}),
        (429, b'{"error":"Later."}', "rate_limit", "Later.", {"error": "Later."}),
        (502, b"<html><style>p {}</style><h1>Bad</h1>\n<p>gateway", "server", "HTTP 502: Bad gateway", None),
        (403, b"<script>var x = 1;", "permission", "HTTP 403 without a body", None),
        (503, b"no healthy upstream", "overloaded", "HTTP 503: no healthy upstream", None),
        (500, b"", "server", "HTTP 500 without a body", None),
        (400, b" \n", "invalid_request", "HTTP 400 without a body", None),
        (413, b"", "context_overflow", "HTTP 413 without a body", None),
        (500, b"{}", "server", "HTTP 500: {}", None),
        (500, b"null", "server", "HTTP 500: null", None),
        (401, b'{"error":{"mess', "authentication", 'HTTP 401: {"error":{"mess', None),
        (500, b"\xff\xfe", "server", "HTTP 500: \ufffd\ufffd", None),
        (302, b"", "other", "HTTP 302 without a body", None),
    ],
)
def test_an_error_response_is_an_answer_however_odd_its_body(
    status: int, body: bytes, kind: str, message: str, raw: Any
) -> None:
    made = decoder("text/html", status)
    for i in range(len(body)):
        assert made.receive(body[i : i + 1]) == []
    assert made.end() == []
    response = made.finish()
    assert response.stop_reason == "error"
    assert response.error is not None
    assert (response.error.kind, response.error.message, response.error.status) == (kind, message, status)
    assert response.error.raw == raw
    assert made.partial() == response


def test_an_error_keeps_its_headers_word() -> None:
    headers = [("retry-after", "7"), ("request-id", "req-1")]
    failure = error_of_body(b"", 429, headers)
    assert (failure.retry_after, failure.request_id) == (7.0, "req-1")
    assert error_of_body(b'{"error":{"message":"m"},"request_id":"req-2"}', 500, []).request_id == "req-2"
    assert error_of_body(b'{"error":{"message":"m"},"request_id":2}', 500, []).request_id is None
    assert error_of_body(b'[{"error":{"message":"m"}}]', 500, []).request_id is None


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"error":{"message":"m"}}',
        b'event: error\r\ndata: {"error":{"message":"m"}}\r\n\r\ndata: [DONE]\r\n\r\n',
        b'id:1\nevent:error\n:HTTP_STATUS/400\ndata: half\ndata:{"error":{"message":"m"}}',
    ],
)
def test_an_error_body_may_be_framed_as_an_event_or_begin_with_a_mark(body: bytes) -> None:
    assert error_of_body(body, 400, []).raw == {"message": "m"}
    assert error_of_body(body, 400, []).message == "m"


@pytest.mark.parametrize("body", [b"<" * 1_000_000, b"<script>" * 100_000, b"<a " * 300_000])
def test_a_megabyte_of_half_a_page_takes_no_time(body: bytes) -> None:
    assert len(error_of_body(body, 500, []).message) <= 320


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_of_an_error_body_a_megabyte_is_kept() -> None:
    made = decoder("text/plain", 500)
    for _ in range(40):
        made.receive(b"x" * 100_000)
    assert sum(map(len, made._pieces)) == _decoder.MAX_ERROR_BYTES
    assert len(made._pieces) == 11
    error = made.finish().error
    assert error is not None
    assert len(error.message) < 400


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_past_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(_decoder, "MAX_BODY_BYTES", len(HELLO + event(say="a")) + 3)
    for body in (HELLO + event(say="a") + event(say="b"), b'{"say":"' + b"a" * 200):
        made = decoder()
        events: list[Any] = []
        try:
            for i in range(0, len(body), size):
                events += made.receive(body[i : i + size])
        except RemoteProtocolError:
            pass
        assert "a body of more than" in failure_of(made).message
        assert made.partial().text == ("a" if body.startswith(b"data") else "")
        assert len(events) == (4 if body.startswith(b"data") else 0)


def test_a_line_past_its_limit_is_refused_however_small_the_reads() -> None:
    made = decoder()
    made._sse = SseParser(max_line_bytes=20)
    assert made.receive(b"data: ") == []
    assert [made.receive(b"1") for _ in range(14)] == [[]] * 14
    assert [made.receive(b"1"), made.ended] == [[], False]
    assert [made.receive(b"1"), made.ended] == [[], True]
    with pytest.raises(RemoteProtocolError, match="longer than 20 bytes"):
        made.receive(b"1")


def test_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "MAX_BLOCKS", 3)
    made = decoder()
    made.receive(b"".join([event(say="a") + event(think="b")] * 3))
    assert failure_of(made).message == "more than 3 blocks in one response"
    assert len(made.partial().content) == 3
    monkeypatch.setattr(_blocks, "MAX_BLOCKS", 0)
    made = decoder("application/json")
    made.receive(b'{"say":"a"}')
    assert failure_of(made).message == "more than 0 blocks in one response"


# --- what a dialect has to say ---------------------------------------------------------------------------------------


def test_a_dialect_that_says_nothing_is_found_out() -> None:
    class Mute(DialectDecoder):
        STREAMS_ARRAYS = True

    def mute() -> Mute:
        return Mute("mute", None, 200, (), None)

    with pytest.raises(NotImplementedError):
        mute().receive(b"data: 1\n\n")
    with pytest.raises(NotImplementedError):
        mute().receive(b"[")
    made = mute()
    made.receive(b"{}")
    with pytest.raises(NotImplementedError):
        made.end()
    with pytest.raises(NotImplementedError):
        mute().finish()


def test_codecs_are_found_by_name_and_made_once() -> None:
    assert len(CODECS) == len(list(CODECS)) == 7
    assert CODECS["openai-completions"] is CODECS["openai-completions"]
    assert [CODECS[api].api for api in CODECS] == list(CODECS)
    assert repr(CODECS).startswith("CODECS(openai-completions, ")
    with pytest.raises(KeyError, match="no codec for 'cobol'; there are openai-completions, "):
        CODECS["cobol"]


def test_a_codec_of_ones_own_stands_among_them() -> None:
    codec = CODECS["openai-completions"]
    CODECS["cobol"] = codec
    try:
        assert CODECS["cobol"] is codec
        assert ("cobol" in CODECS, len(CODECS), list(CODECS)[-1]) == (True, 8, "cobol")
    finally:
        del CODECS["cobol"]
    assert ("cobol" in CODECS, len(CODECS)) == (False, 7)
