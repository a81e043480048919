"""The provider's side of Chat Completions: what is scripted is what a decoder reads, streaming and whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.failures import FailureKind, RemoteProtocolError
from lash_proto.faux import FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.faux.openai_completions import recognise, render
from lash_proto.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    LlmRequest,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.replies import LlmResponse
from lash_proto.usage import LlmUsage, StopReason

CODEC = CODECS["openai-completions"]
BOTH = pytest.mark.parametrize("stream", [True, False])


def answer(reply: FauxReply, *, stream: bool = True) -> LlmResponse:
    """What a client reads that asked the faux provider."""
    request = CODEC.encode(LlmRequest("Hi"), "gpt-5.6-mini", stream=stream)
    provider = FauxProvider([reply])
    sent = provider.answer(request.method, f"/v1{request.path}?x=1", request.headers, request.body)
    decoder = CODEC.decoder(status=sent.status, headers=sent.headers, model="gpt-5.6-mini")
    for chunk in sent.chunks:
        decoder.receive(chunk)
    return decoder.finish()


def plain(response: LlmResponse) -> list[Any]:
    """The content, without where it came from."""
    found: list[Any] = []
    for part in response.content:
        form = part.to_json()
        for key in ("v", "origin"):
            form.pop(key, None)
        found.append(form)
    return found


def scripted(*parts: Any) -> list[Any]:
    return [{key: value for key, value in part.to_json().items() if key != "v"} for part in parts]


@BOTH
def test_text_with_its_usage_and_its_end(stream: bool) -> None:
    usage = LlmUsage(5, 3, 2, 20, 8, 1, 4)
    response = answer(FauxReply("Hello there, how are you today?", usage=usage), stream=stream)
    assert (response.text, response.stop_reason, response.id) == ("Hello there, how are you today?", "stop", "faux-1")
    assert (response.model, response.request_id) == ("gpt-5.6-mini", "req-faux-1")
    assert response.usage is not None
    form = response.usage.to_json()
    del form["raw"]
    assert form == usage.to_json()


def test_usage_in_a_stream_is_told_to_who_asks_and_by_some_servers_unasked() -> None:
    def ask(reply: FauxReply, **body: Any) -> list[Any]:
        asked = json.dumps({"model": "m", "stream": True, "messages": [], **body}).encode()
        said = FauxProvider([reply]).answer("POST", "/v1/chat/completions", (), asked).chunks
        events = [json.loads(chunk.removeprefix(b"data: ")) for chunk in said[:-1]]
        return [(len(event["choices"]), event["usage"]["total_tokens"]) for event in events if event.get("usage")]

    counts = LlmUsage(3, output_tokens=4)
    asked = {"stream_options": {"include_usage": True}}
    assert ask(FauxReply("Hi", usage=counts)) == []
    assert ask(FauxReply("Hi", usage=counts), **asked) == [(0, 7)]
    assert ask(FauxReply("Hi", usage=counts, usage_unasked=True)) == [(1, 7)]
    assert ask(FauxReply("Hi", usage=counts, usage_unasked=True), **asked) == [(0, 7)]
    assert ask(FauxReply("Hi", usage=None, usage_unasked=True), **asked) == []


@BOTH
def test_parts_in_their_order(stream: bool) -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://a.b"}}
    parts = (
        ReasoningPart("Let me think about it.", provider_data={"field": "reasoning_content"}),
        TextPart("I look it up.", citations=(citation,)),
        ToolCallPart("call_1", "weather", {"city": "Oslo"}, '{"city": "Oslo"}'),
        ToolCallPart("call_2", "sql", raw_arguments="SELECT 1", kind="custom"),
        ToolCallPart("call_3", "clock", raw_arguments="{}", provider_data={"extra_content": {"google": {}}}),
    )
    response = answer(FauxReply(parts), stream=stream)
    assert plain(response) == scripted(*parts)
    assert response.stop_reason == "tool_use"


@BOTH
def test_a_call_without_an_id_or_without_its_text(stream: bool) -> None:
    response = answer(FauxReply([ToolCallPart("x", "f", {"a": 1}, id_sent=False)]), stream=stream)
    (call,) = response.tool_calls
    assert (call.id_sent, call.raw_arguments) == (False, '{"a":1}')


@BOTH
@pytest.mark.parametrize(
    "parts",
    [
        [
            ReasoningPart(
                "Hm.", provider_data={"details": [{"type": "reasoning.encrypted", "data": "e"}], "opaque": "o"}
            )
        ],
        [ReasoningPart("Hm.", provider_data={"field": "content", "with": {"closed": True}}), TextPart("x")],
        [ReasoningPart("Hm.", provider_data={"field": "content"}), OpaquePart("reference", {"type": "reference"})],
        [TextPart("x"), OpaquePart("file", {"type": "file", "file": {"hash": "h"}})],
        [OpaquePart("json", {"a": 1})],
        [TextPart("x"), ImagePart(b"png", "image/png"), ImagePart(url="https://a.b/c")],
        [AudioPart(b"pcm", transcript="Hello", id="audio_1")],
        [RefusalPart("I cannot help with that.")],
    ],
)
def test_what_only_some_servers_send(parts: list[Any], stream: bool) -> None:
    wanted = scripted(*parts)
    if "field" not in str(parts) and isinstance(parts[0], ReasoningPart):
        wanted[0]["provider_data"]["field"] = "reasoning_content"
    assert plain(answer(FauxReply(parts), stream=stream)) == wanted


@BOTH
def test_what_the_dialect_has_no_place_for_is_not_sent(stream: bool) -> None:
    assert answer(FauxReply([TextPart("x"), DocumentPart(text="y")]), stream=stream).content[1:] == ()


@BOTH
@pytest.mark.parametrize(
    ("stop", "word"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("error", "error")],
)
def test_why_it_stopped(stop: StopReason, word: str, stream: bool) -> None:
    response = answer(FauxReply("x", stop_reason=stop), stream=stream)
    assert (response.stop_reason, response.raw_stop_reason) == (stop, word)


@BOTH
def test_no_usage_where_none_is_scripted(stream: bool) -> None:
    assert answer(FauxReply("x", usage=None), stream=stream).usage is None


def test_usage_in_a_stream_only_where_it_was_asked_for() -> None:
    call = FauxCall("openai-completions", "m", True, {"model": "m", "stream": True})
    assert b"usage" not in render(FauxReply("x"), call).body


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("authentication", 401),
        ("permission", 403),
        ("not_found", 404),
        ("rate_limit", 429),
        ("quota", 429),
        ("overloaded", 503),
        ("server", 500),
        ("context_overflow", 400),
        ("invalid_request", 400),
    ],
)
def test_an_http_error_of_each_kind(kind: FailureKind, status: int) -> None:
    response = answer(FauxReply(error=FauxError(kind, "no", status, 1.5)))
    assert response.error is not None
    assert (response.error.kind, response.error.status, response.error.retry_after) == (kind, status, 1.5)
    assert answer(FauxReply(error=FauxError(kind, "no", status))).error.retry_after is None  # type: ignore[union-attr]


def test_an_error_in_the_middle_of_a_stream() -> None:
    response = answer(FauxReply("So far so good", error=FauxError("server", "broken")))
    assert (response.text, response.stop_reason) == ("So far so good", "error")
    assert response.error is not None
    assert (response.error.kind, response.error.message) == ("server", "broken")


def test_an_error_in_a_whole_body_of_status_200() -> None:
    response = answer(FauxReply("So far", error=FauxError("server", "broken")), stream=False)
    assert (response.text, response.error.message) == ("", "broken")  # type: ignore[union-attr]


def test_a_stream_that_is_cut() -> None:
    with pytest.raises(RemoteProtocolError) as cut:
        answer(FauxReply("Hello there, how are you?", cut_after=2))
    assert cut.value.response is not None
    assert cut.value.response.text == "Hello there,"


def test_a_stream_is_a_chunk_an_event_and_ends_with_done() -> None:
    call = FauxCall("openai-completions", "m", True, {"stream_options": {"include_usage": True}})
    sent = render(FauxReply("Hi", model="m-2026"), call)
    assert dict(sent.headers)["content-type"] == "text/event-stream; charset=utf-8"
    assert sent.chunks[-1] == b"data: [DONE]\n\n"
    events = [json.loads(chunk.removeprefix(b"data: ")) for chunk in sent.chunks[:-1]]
    assert [event["choices"][0]["delta"] for event in events[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {},
    ]
    assert (events[-1]["choices"], events[-1]["usage"]["prompt_tokens"], events[0]["model"]) == ([], 12, "m-2026")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/chat/completions", {}),
        ("POST", "/v1/responses", {}),
        ("POST", "/v1/chat/completions", None),
    ],
)
def test_other_requests_are_not_ours(method: str, path: str, body: Any) -> None:
    assert recognise(method, path, body) is None


def test_a_request_is_known_by_its_path_whatever_stands_before_and_behind() -> None:
    call = recognise("POST", "/openai/deployments/d/chat/completions?api-version=1", {"stream": True})
    assert call == FauxCall(
        "openai-completions",
        "",
        True,
        {"stream": True},
        "/openai/deployments/d/chat/completions?api-version=1",
    )
