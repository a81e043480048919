"""What a faux provider says, and who it is that says it."""

from __future__ import annotations

import json

import pytest

from lash_proto.codecs import CODECS
from lash_proto.faux import Answer, FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.messages import LlmRequest, TextPart, ToolCallPart
from lash_proto.usage import LlmUsage
from lash_proto.values import from_json


def ask(provider: FauxProvider, api: str = "openai-completions") -> str:
    codec = CODECS[api]
    http = codec.encode(LlmRequest("Hi"), "m")
    answer = provider.answer(http.method, "/v1" + http.path, http.headers, http.body)
    decoder = codec.decoder(status=answer.status, headers=answer.headers)
    decoder.receive(answer.body)
    return decoder.finish().text


def test_a_string_is_one_text_and_a_call_is_why_it_stops() -> None:
    assert FauxReply("Hi").content == (TextPart("Hi"),)
    assert FauxReply("Hi").stop == "stop"
    assert FauxReply((TextPart("Hi"), ToolCallPart("c", "f"))).stop == "tool_use"
    assert FauxReply("Hi", stop_reason="length").stop == "length"


def test_a_text_comes_in_pieces_of_the_size_asked_for() -> None:
    assert FauxReply(piece=3).pieces("Hello, you") == ["Hel", "lo,", " yo", "u"]
    assert FauxReply().pieces("") == []


def test_a_script_has_a_json_form() -> None:
    reply = FauxReply("Hi", "length", LlmUsage(1), FauxError("server", "Oops.", 500, 3.0), 4, 5, "r", "m")
    assert from_json(json.loads(json.dumps(reply.to_json()))) == reply


def test_an_answer_is_its_chunks() -> None:
    assert Answer(200, (), (b"a", b"b")).body == b"ab"


def test_replies_come_in_order_then_it_says_who_it_is() -> None:
    provider = FauxProvider([FauxReply("One."), lambda call: FauxReply(f"Two for {call.model}.")])
    said = [ask(provider) for _ in range(3)]
    assert said == ["One.", "Two for m.", "This is m, played by lash's faux provider over openai-completions."]
    assert [(call.api, call.model, call.stream) for call in provider.calls] == [("openai-completions", "m", True)] * 3


def test_what_it_says_otherwise_can_be_set() -> None:
    provider = FauxProvider(otherwise=FauxReply("Always."))
    assert [ask(provider), ask(provider)] == ["Always.", "Always."]

    def count(call: FauxCall) -> FauxReply:
        return FauxReply(str(len(provider.calls)))

    provider.otherwise = count
    assert [ask(provider), ask(provider)] == ["3", "4"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/v1/nothing", b"{}", 404, b"the faux provider knows no POST /v1/nothing"),
        ("GET", "/v1/chat/completions", b"", 404, b"the faux provider knows no GET /v1/chat/completions"),
        ("POST", "/v1/chat/completions", b"{", 400, b"the request body is not JSON"),
        ("POST", "/v1/chat/completions", b"\xff", 400, b"the request body is not JSON"),
    ],
)
def test_what_it_does_not_know_it_says_plainly(method: str, path: str, body: bytes, status: int, said: bytes) -> None:
    provider = FauxProvider()
    answer = provider.answer(method, path, (), body)
    assert (answer.status, answer.headers, answer.body) == (status, (("content-type", "text/plain"),), said)
    assert provider.calls == []


def test_the_log_of_calls_keeps_no_credential() -> None:
    provider = FauxProvider()
    headers = [("Authorization", "Bearer made-up"), ("x-api-key", "made-up"), ("accept", "text/event-stream")]
    provider.answer("POST", "/v1/messages?beta=true", headers, b'{"model":"m","stream":true}')
    (call,) = provider.calls
    assert call.path == "/v1/messages?beta=true"
    assert call.headers == (("Authorization", "***"), ("x-api-key", "***"), ("accept", "text/event-stream"))
    assert "made-up" not in repr(provider)
