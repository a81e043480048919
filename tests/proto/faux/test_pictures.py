"""The provider's side of both dialects for pictures: what is scripted is what a decoder reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.failures import FailureKind, RemoteProtocolError
from lash_proto.faux import FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.faux import openai_images as images
from lash_proto.faux import openrouter_images as openrouter
from lash_proto.faux.form import read_form
from lash_proto.messages import (
    ImagePart,
    ImageRequest,
    LlmRequest,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.replies import LlmResponse
from lash_proto.usage import LlmUsage

PNG = ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
LINK = ImagePart(url="https://x/1.png", provider_data={"revised_prompt": "An otter."})
SVG = ImagePart(data=b"<svg/>", media_type="image/svg+xml")
BOTH = pytest.mark.parametrize("stream", [True, False])
APIS = pytest.mark.parametrize("api", ["openai-images", "openrouter-images"])


def answer(
    api: str, reply: FauxReply, prompt: Any = "An otter", *, stream: bool = False, model: str = "m"
) -> tuple[FauxCall, LlmResponse]:
    """What was asked, and what a client reads that asked the faux provider."""
    codec: Any = CODECS[api]
    request = codec.encode(ImageRequest(prompt), model, stream=stream)
    provider = FauxProvider([reply])
    sent = provider.answer(request.method, f"/v1{request.path}?x=1", request.headers, request.body)
    decoder = codec.decoder(status=sent.status, headers=sent.headers)
    for chunk in sent.chunks:
        decoder.receive(chunk)
    (call,) = provider.calls
    return call, decoder.finish()


def plain(response: LlmResponse) -> list[Any]:
    """The content, without where it came from."""
    return [{key: value for key, value in part.to_json().items() if key != "origin"} for part in response.content]


def scripted(*parts: Any) -> list[Any]:
    return [part.to_json() for part in parts]


@BOTH
def test_images_gives_the_pictures_of_a_script(stream: bool) -> None:
    usage = LlmUsage(5, 3, 0, 20)
    reply = FauxReply((TextPart("has no place"), PNG, LINK), usage=usage)
    call, response = answer("openai-images", reply, stream=stream)
    assert plain(response) == scripted(PNG, LINK)
    assert (call.api, call.model, call.stream, response.stop_reason) == ("openai-images", "m", stream, "stop")
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.cached_input_tokens, response.usage.output_tokens) == (5, 3, 20)


@BOTH
def test_images_without_usage_and_of_another_format(stream: bool) -> None:
    _, response = answer("openai-images", FauxReply((SVG,), usage=None), stream=stream)
    assert (plain(response), response.usage) == (scripted(SVG), None)
    assert answer("openai-images", FauxReply(()))[1].images == ()


def test_an_edit_is_read_as_a_form() -> None:
    prompt = (TextPart("A hat"), PNG, PNG)
    call, response = answer("openai-images", FauxReply((PNG,)), prompt, stream=True, model="gpt-image-2")
    file = {"content_type": "image/png", "bytes": 8}
    assert call.body == {
        "model": "gpt-image-2",
        "prompt": "A hat",
        "stream": "true",
        "image[]": [{"filename": f"image-{number}.png", **file} for number in (1, 2)],
    }
    assert (call.model, call.stream, plain(response)) == ("gpt-image-2", True, scripted(PNG))


def test_what_is_no_form_is_none() -> None:
    assert read_form("application/json", b"{}") is None
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    assert read_form('multipart/form-data; charset=utf-8; boundary="b"', body) == {"a": "1"}


@BOTH
def test_openrouter_gives_reasoning_text_and_pictures(stream: bool) -> None:
    usage = LlmUsage(5, 3, 2, 20, 8, 1)
    reply = FauxReply((ReasoningPart("Hm, an otter."), TextPart("Here is your otter."), PNG, SVG), usage=usage)
    call, response = answer("openrouter-images", reply, stream=stream)
    assert plain(response) == scripted(ReasoningPart("Hm, an otter."), TextPart("Here is your otter."), PNG, SVG)
    assert (call.api, call.model, call.stream, response.stop_reason) == ("openrouter-images", "m", stream, "stop")
    assert response.usage is not None
    assert LlmUsage(**{n: getattr(response.usage, n) for n in ("input_tokens", "cached_input_tokens")}) == LlmUsage(
        5, 3
    )
    assert (response.usage.cache_write_tokens, response.usage.output_tokens, response.usage.reasoning_tokens) == (
        2,
        20,
        8,
    )


@BOTH
def test_openrouter_refuses_links_and_counts_nothing(stream: bool) -> None:
    _, response = answer(
        "openrouter-images",
        FauxReply((ImagePart(url="https://x/1.png"), RefusalPart("No.")), usage=None),
        stream=stream,
    )
    assert plain(response) == scripted(ImagePart(url="https://x/1.png"), RefusalPart("No."))
    assert (response.stop_reason, response.usage) == ("refusal", None)


def test_openrouter_leaves_out_what_has_no_place() -> None:
    reply = FauxReply((ToolCallPart("c", "f"), PNG))
    assert plain(answer("openrouter-images", reply, stream=True)[1]) == scripted(PNG)


@APIS
@BOTH
@pytest.mark.parametrize(
    ("kind", "status"), [("rate_limit", 429), ("authentication", 401), ("invalid_request", 400), ("server", 500)]
)
def test_an_error_is_told_as_a_response(api: str, stream: bool, kind: FailureKind, status: int) -> None:
    reply = FauxReply(error=FauxError(kind, "Not now.", status=status, retry_after=3))
    error = answer(api, reply, stream=stream)[1].error
    assert error is not None
    assert (error.kind, error.message, error.status) == (kind, "Not now.", status)


@APIS
@BOTH
def test_an_error_is_told_within_a_good_response(api: str, stream: bool) -> None:
    reply = FauxReply((PNG,), error=FauxError("server", "Broken."))
    error = answer(api, reply, stream=stream)[1].error
    assert error is not None
    assert (error.kind, error.message) == ("server", "Broken.")


@BOTH
@pytest.mark.parametrize("status", [400, None])
def test_openrouter_says_in_its_own_words_that_the_prompt_is_too_long(stream: bool, status: int | None) -> None:
    error = answer(
        "openrouter-images",
        FauxReply((PNG,), error=FauxError("context_overflow", "Be brief.", status=status)),
        stream=stream,
    )[1].error
    assert error is not None
    assert (error.kind, error.status) == ("context_overflow", 400)
    assert error.message == "This endpoint's maximum context length is 65536 tokens. Be brief."


@APIS
def test_an_error_without_a_wish_to_be_asked_again(api: str) -> None:
    reply = FauxReply(error=FauxError("invalid_request", "No.", status=400))
    assert answer(api, reply)[1].stop_reason == "error"


@APIS
def test_a_stream_may_be_cut(api: str) -> None:
    with pytest.raises(RemoteProtocolError):
        answer(api, FauxReply((PNG,), cut_after=1), stream=True)


def test_each_knows_its_own_calls() -> None:
    pictures: Any = {"model": "m", "modalities": ["image", "text"]}
    assert images.recognise("POST", "/v1/images/generations", {}) is not None
    assert images.recognise("GET", "/v1/images/generations", {}) is None
    assert images.recognise("POST", "/v1/images/variations", {}) is None
    assert images.recognise("POST", "/v1/images/edits", None) is None
    assert openrouter.recognise("POST", "/chat/completions", pictures) is not None
    assert openrouter.recognise("GET", "/chat/completions", pictures) is None
    assert openrouter.recognise("POST", "/responses", pictures) is None
    assert openrouter.recognise("POST", "/chat/completions", {"model": "m"}) is None
    assert openrouter.recognise("POST", "/chat/completions", {**pictures, "tools": [{}]}) is None
    assert openrouter.recognise("POST", "/chat/completions", None) is None


def test_a_chat_stays_a_chat() -> None:
    request = CODECS["openai-completions"].encode(LlmRequest("Hi"), "m")
    provider = FauxProvider([FauxReply("Hi.")])
    provider.answer(request.method, request.path, request.headers, request.body)
    assert provider.calls[0].api == "openai-completions"
    assert json.loads(request.body) == provider.calls[0].body
