"""The provider's side of Gemini and Code Assist: what is scripted is what our decoder, and anyone's, reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.failures import FailureKind, RemoteProtocolError
from lash_proto.faux import Answer, FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.faux.google import recognise, render
from lash_proto.messages import (
    AudioPart,
    ImagePart,
    LlmRequest,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.replies import LlmResponse, TextDelta
from lash_proto.usage import LlmUsage, StopReason

APIS = ("google-generative-ai", "google-code-assist")
ARRAY = "/v1beta/models/gemini-3:streamGenerateContent"


def asked(api: str = APIS[0], *, stream: bool = True) -> FauxCall:
    request = CODECS[api].encode(LlmRequest("Hi"), "gemini-3", stream=stream)
    call = recognise(request.method, request.path, json.loads(request.body))
    assert call is not None
    return call


def decoded(answer: Answer, api: str = APIS[0]) -> LlmResponse:
    decoder = CODECS[api].decoder(status=answer.status, headers=answer.headers)
    for chunk in answer.chunks:
        decoder.receive(chunk)
    return decoder.finish()


def read(reply: FauxReply, api: str = APIS[0], *, stream: bool = True) -> LlmResponse:
    return decoded(render(reply, asked(api, stream=stream)), api)


def bare(part: Part) -> Any:
    """A part without what only a decoder knows."""
    if isinstance(part, ToolCallPart):
        return (part.id if part.id_sent else None, part.name, part.arguments, part.provider_data)
    if isinstance(part, OpaquePart):
        return (part.type, part.data)
    if isinstance(part, (ImagePart, AudioPart)):
        return (part.media_type, part.data, part.provider_data)
    assert isinstance(part, (TextPart, ReasoningPart))
    return (type(part), part.text, part.provider_data)


SIGNED = {"thoughtSignature": "RXBFR0NvNEdB"}
CODE = {"executableCode": {"language": "PYTHON", "code": "6*7"}, **SIGNED}
CONTENT: tuple[Part, ...] = (
    ReasoningPart("Let me think about it for a while."),
    OpaquePart("executableCode", CODE),
    TextPart("Sunny, 東京 👋, as far as I can see."),
    TextPart("", provider_data=SIGNED),
    ImagePart(data=b"hi", media_type="image/png", provider_data=SIGNED),
    AudioPart(data=b"hi", media_type="audio/wav"),
    ToolCallPart("c1", "get_weather", {"city": "Paris"}, provider_data=SIGNED),
    ToolCallPart("made up", "now", id_sent=False),
    ToolCallPart("c2", "get_weather", raw_arguments='{"city": "Rome"}'),
)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("api", APIS)
def test_a_scripted_reply_is_read_as_it_was_written(api: str, stream: bool) -> None:
    usage = LlmUsage(5, 3, 0, 40, 7, 2, 1)
    response = read(FauxReply(CONTENT, usage=usage, id="r-7"), api, stream=stream)
    wanted = [bare(part) for part in CONTENT]
    wanted[-1] = ("c2", "get_weather", {"city": "Rome"}, None)
    assert [bare(part) for part in response.content] == wanted
    assert (response.id, response.model, response.stop_reason) == ("r-7", "gemini-3", "tool_use")
    counted = response.usage
    assert counted is not None
    assert (counted.input_tokens, counted.cached_input_tokens, counted.output_tokens) == (5, 3, 40)
    assert (counted.reasoning_tokens, counted.audio_input_tokens, counted.audio_output_tokens) == (7, 2, 1)


def test_text_comes_in_pieces_and_a_signed_text_in_one() -> None:
    decoder = CODECS["google-generative-ai"].decoder(status=200, headers=[])
    reply = FauxReply([TextPart("abcde"), TextPart("fghij", provider_data=SIGNED)], piece=2)
    events = [event for chunk in render(reply, asked()).chunks for event in decoder.receive(chunk)]
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["ab", "cd", "e", "fghij"]


def test_an_event_stream_looks_as_googles_does() -> None:
    answer = render(FauxReply("Hi", usage=LlmUsage(2, output_tokens=1), id="r"), asked())
    assert answer.headers == (("content-type", "text/event-stream"),)
    around = b'"modelVersion":"gemini-3","responseId":"r"}\r\n\r\n'
    assert answer.body == b"".join(
        [
            b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],',
            b'"usageMetadata":{"promptTokenCount":2,"totalTokenCount":2},' + around,
            b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},',
            b'"finishReason":"STOP","index":0}],',
            b'"usageMetadata":{"promptTokenCount":2,"totalTokenCount":3,"candidatesTokenCount":1},' + around,
        ]
    )


def test_without_alt_sse_a_stream_is_one_array() -> None:
    call = recognise("POST", ARRAY, {})
    assert call is not None
    answer = render(FauxReply("Hello there, all."), call)
    assert [chunk[:2] for chunk in answer.chunks] == [b"[{", b"\n,", b"\n,", b"\n]"]
    assert [each["candidates"][0]["content"]["parts"][0]["text"] for each in json.loads(answer.body)] == [
        "Hello there,",
        " all.",
        "",
    ]
    assert decoded(answer).text == "Hello there, all."
    cut = render(FauxReply("Hello there, all.", cut_after=2), call)
    assert cut.chunks == answer.chunks[:2]
    assert render(FauxReply("Hello there, all.", cut_after=9), call) == answer


@pytest.mark.parametrize("api", APIS)
def test_a_cut_is_noticed(api: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read(FauxReply("Hello there, all.", cut_after=1), api)
    assert caught.value.response is not None
    assert caught.value.response.text == "Hello there,"


@pytest.mark.parametrize(
    ("stop", "raw", "ours"),
    [
        ("stop", "STOP", "stop"),
        ("length", "MAX_TOKENS", "length"),
        ("content_filter", "SAFETY", "content_filter"),
        ("refusal", "SAFETY", "content_filter"),
        ("pause", "CONTINUATION", "pause"),
        ("error", "OTHER", "error"),
        ("aborted", "OTHER", "error"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_it_stops_with_googles_word(stop: StopReason, raw: str, ours: str, stream: bool) -> None:
    response = read(FauxReply("Hi", stop_reason=stop), stream=stream)
    assert (response.raw_stop_reason, response.stop_reason) == (raw, ours)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("api", APIS)
def test_filtered_content_without_content_is_a_blocked_prompt(api: str, stream: bool) -> None:
    call = asked(api, stream=stream)
    answer = render(FauxReply(stop_reason="content_filter"), call)
    assert b'"promptFeedback":{"blockReason":"SAFETY"}' in answer.body
    assert decoded(answer, api).stop_reason == "content_filter"


def test_a_refusal_is_text() -> None:
    assert read(FauxReply([RefusalPart("I will not.")])).text == "I will not."


def test_a_stream_counts_the_prompt_alike_from_its_beginning_to_its_end() -> None:
    told = render(FauxReply("Hello.", piece=3, usage=LlmUsage(10, 20, 5, 34)), asked()).chunks
    counts = [json.loads(chunk.removeprefix(b"data: "))["usageMetadata"] for chunk in told]
    assert [(each["promptTokenCount"], each["totalTokenCount"]) for each in counts] == [(35, 35), (35, 35), (35, 69)]


def test_no_usage_is_none() -> None:
    assert read(FauxReply("Hi", usage=None)).usage is None
    assert read(FauxReply("Hi", usage=LlmUsage(1))).usage == LlmUsage(
        1, raw={"promptTokenCount": 1, "totalTokenCount": 1}
    )


KINDS: tuple[tuple[FailureKind, int, str], ...] = (
    ("invalid_request", 400, "INVALID_ARGUMENT"),
    ("context_overflow", 400, "INVALID_ARGUMENT"),
    ("authentication", 401, "UNAUTHENTICATED"),
    ("permission", 403, "PERMISSION_DENIED"),
    ("not_found", 404, "NOT_FOUND"),
    ("rate_limit", 429, "RESOURCE_EXHAUSTED"),
    ("quota", 429, "RESOURCE_EXHAUSTED"),
    ("cancelled", 499, "CANCELLED"),
    ("server", 500, "INTERNAL"),
    ("overloaded", 503, "UNAVAILABLE"),
    ("timeout", 504, "DEADLINE_EXCEEDED"),
)


@pytest.mark.parametrize(("kind", "status", "word"), KINDS)
@pytest.mark.parametrize("api", APIS)
def test_an_error_response_is_read_as_its_kind(api: str, kind: FailureKind, status: int, word: str) -> None:
    answer = render(FauxReply(error=FauxError(kind, "No.", status=status)), asked(api))
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (status, status)
    error = decoded(answer, api).error
    assert error is not None
    assert (error.kind, error.status, error.code) == (kind, status, word)


@pytest.mark.parametrize(("kind", "status", "word"), KINDS)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_in_a_good_response_is_read_as_its_kind(
    kind: FailureKind, status: int, word: str, stream: bool
) -> None:
    response = read(FauxReply("Once", error=FauxError(kind, "No.", retry_after=1.5)), stream=stream)
    assert response.text == ("Once" if stream else "")
    assert response.error is not None
    assert (response.error.kind, response.error.status, response.error.code) == (kind, status, word)


def test_an_error_says_how_long_to_wait() -> None:
    error = read(FauxReply(error=FauxError("rate_limit", "Slow down.", status=429, retry_after=1.5))).error
    assert error is not None
    assert (error.message, error.retry_after) == ("Slow down.", 1.5)


def test_an_overflow_is_told_in_googles_words_or_its_own() -> None:
    for message in ("No.", "The input token count (9) exceeds the maximum number of tokens allowed (8)."):
        error = read(FauxReply(error=FauxError("context_overflow", message, status=400))).error
        assert error is not None
        assert (error.kind, error.message.endswith(message)) == ("context_overflow", True)


@pytest.mark.parametrize(
    ("path", "api", "model", "stream"),
    [
        ("/v1beta/models/gemini-3:generateContent", APIS[0], "gemini-3", False),
        ("/prefix/v1/models/gemini-3:streamGenerateContent?alt=sse&key=k", APIS[0], "gemini-3", True),
        ("/v1beta/tunedModels/mine:generateContent", APIS[0], "tunedModels/mine", False),
        ("/v1beta/models/a%3Ab:generateContent", APIS[0], "a:b", False),
        ("/v1internal:generateContent", APIS[1], "asked", False),
        ("/v1internal:streamGenerateContent?alt=sse", APIS[1], "asked", True),
    ],
)
def test_its_paths_are_known(path: str, api: str, model: str, stream: bool) -> None:
    call = recognise("POST", path, {"model": "asked"})
    assert call == FauxCall(api, model, stream, {"model": "asked"}, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1beta/models/gemini-3:generateContent"),
        ("POST", "/v1beta/models/gemini-3:countTokens"),
        ("POST", "/v1internal:loadCodeAssist"),
        ("POST", "/v1/messages"),
    ],
)
def test_other_paths_are_not(method: str, path: str) -> None:
    assert recognise(method, path, {}) is None


@pytest.mark.parametrize("api", APIS)
def test_the_provider_finds_the_dialect(api: str) -> None:
    request = CODECS[api].encode(LlmRequest("Hi"), "gemini-3")
    provider = FauxProvider([FauxReply("Hello.")])
    answer = provider.answer(request.method, request.path, request.headers, request.body)
    assert decoded(answer, api).text == "Hello."
    assert [call.api for call in provider.calls] == [api]
