"""What a faux provider says, and who it is that says it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.faux import Answer, FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.messages import (
    AudioPart,
    ImagePart,
    LlmRequest,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
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
    reply = FauxReply(
        "Hi", "length", LlmUsage(1), FauxError("server", "Oops.", 500, 3.0, {"a": 1}), 4, 5, "r", "m", True
    )
    assert from_json(json.loads(json.dumps(reply.to_json()))) == reply


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ({"error": "too long"}, "application/json", b'{"error":"too long"}'),
        ([{"error": {"code": 400}}], "application/json", b'[{"error":{"code":400}}]'),
        ("Bad Gateway", "text/plain", b"Bad Gateway"),
        ("", "text/plain", b""),
    ],
)
def test_an_error_may_come_in_its_servers_own_words(body: Any, kind: str, said: bytes) -> None:
    error = FauxError("server", "unsaid", 413, retry_after=2, body=body)
    answer = FauxProvider([FauxReply(error=error)]).answer("POST", "/v1/messages", (), b"{}")
    assert (answer.status, answer.body) == (413, said)
    assert dict(answer.headers) == {"content-type": kind, "request-id": "req_faux-1", "retry-after": "2"}


def test_in_a_stream_an_error_is_always_in_its_dialects_words() -> None:
    error = FauxError("server", "Oops.", body={"error": "unsaid"})
    assert b"unsaid" not in stream("/v1/messages", FauxReply(error=error)).body


def test_an_answer_is_its_chunks() -> None:
    assert Answer(200, (), (b"a", b"b")).body == b"ab"


PATHS = {
    "anthropic-messages": "/v1/messages",
    "openai-responses": "/v1/responses",
    "openai-completions": "/v1/chat/completions",
    "google-generative-ai": "/v1beta/models/m:streamGenerateContent?alt=sse",
    "google's array": "/v1beta/models/m:streamGenerateContent",
    "google-code-assist": "/v1internal:streamGenerateContent?alt=sse",
}


def stream(path: str, reply: FauxReply, **body: Any) -> Answer:
    asked = json.dumps({"model": "m", "stream": True, **body}).encode()
    return FauxProvider([reply]).answer("POST", path, (), asked)


@pytest.mark.parametrize("name", PATHS)
def test_a_stream_says_how_many_tokens_each_of_its_chunks_tells(name: str) -> None:
    parts = (ReasoningPart("Hm."), TextPart("Hello, you there"), ToolCallPart("c", "f", {"a": 12345}))
    answer = stream(PATHS[name], FauxReply(parts, piece=12))
    assert len(answer.tokens) == len(answer.chunks)
    # "Hm.", "Hello, you t", "here" and '{"a":12345}', four characters a token and what is left over one more.
    assert [count for count in answer.tokens if count] == [1, 3, 1, 3]
    told = [chunk for chunk, count in zip(answer.chunks, answer.tokens, strict=True) if count]
    assert [word in chunk for word, chunk in zip((b"Hm.", b"Hello, you t", b"here", b"12345"), told, strict=True)] == (
        [True] * 4
    )
    cut = stream(PATHS[name], FauxReply(parts, piece=12, cut_after=3))
    assert (cut.chunks, cut.tokens) == (answer.chunks[:3], answer.tokens[:3])


def test_pictures_and_their_text_are_counted_as_text() -> None:
    parts = (ReasoningPart("Hm."), TextPart("Here you are."), RefusalPart("No."), ImagePart(b"png", "image/png"))
    answer = stream("/v1/chat/completions", FauxReply(parts, piece=8), modalities=["image"])
    assert [count for count in answer.tokens if count] == [1, 2, 2, 1]


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (RefusalPart("I will not."), 3),
        (ToolCallPart("c", "sql", raw_arguments="SELECT 1", kind="custom"), 2),
        (ReasoningPart("Hm, hm.", provider_data={"field": "content"}), 2),
        (ReasoningPart("Hm, hm.", provider_data={"details": [{"type": "reasoning.text", "text": "Hm, hm."}]}), 2),
        (AudioPart(b"pcm", transcript="Hello", id="a"), 2),
        (ImagePart(b"png", "image/png"), 0),
    ],
)
def test_what_only_chat_completions_sends_is_counted_once(part: Part, tokens: int) -> None:
    assert sum(stream("/v1/chat/completions", FauxReply((part,))).tokens) == tokens


def test_a_speed_says_how_long_to_wait_before_each_chunk() -> None:
    answer = Answer(200, (), (b"a", b"b", b"c"), (0, 3, 1))
    assert answer.waits(2) == (0.0, 1.5, 0.5)
    assert answer.waits(None) == (0.0, 0.0, 0.0)
    assert Answer(200, (), (b"whole",)).waits(2) == (0.0,)


def test_replies_come_in_order_then_it_says_who_it_is() -> None:
    provider = FauxProvider([FauxReply("One."), lambda call: FauxReply(f"Two for {call.model}.")])
    said = [ask(provider) for _ in range(3)]
    assert said == ["One.", "Two for m.", "This is m, played by lash's faux provider over openai-completions."]
    assert [(call.api, call.model, call.stream) for call in provider.calls] == [("openai-completions", "m", True)] * 3


def test_what_it_says_otherwise_can_be_set() -> None:
    provider = FauxProvider(["Once."], otherwise="Always.")
    assert [ask(provider), ask(provider), ask(provider)] == ["Once.", "Always.", "Always."]

    def count(call: FauxCall) -> FauxReply:
        return FauxReply(str(len(provider.calls)))

    provider.otherwise = count
    assert [ask(provider), ask(provider)] == ["4", "5"]


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
