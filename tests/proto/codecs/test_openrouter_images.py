"""Pictures by OpenRouter: what is asked, and the bodies and streams that answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.openrouter_images import OpenRouterImages, OpenRouterImagesDecoder, OpenRouterImagesOptions
from lash_proto.errors import UnsupportedRequest
from lash_proto.failures import RemoteProtocolError
from lash_proto.messages import (
    ImagePart,
    ImageRequest,
    LlmRequest,
    Origin,
    ProviderOptions,
    ReasoningPart,
    RefusalPart,
    TextPart,
)
from lash_proto.models import ModelSpec
from lash_proto.replies import LlmResponse, PartAdded, ResponseStart, TextDelta, TextEnd, TextStart, UsageUpdate
from lash_proto.usage import LlmUsage

MADE = Origin(None, "openrouter-images", None)
PNG = b"\x89PNG\r\n\x1a\n"
PNG_URL = "data:image/png;base64,iVBORw0KGgo="
PICTURE = ImagePart(data=PNG, media_type="image/png", origin=MADE)
SOURCE = ImagePart(data=PNG, media_type="image/png")
IMAGE = {"type": "image_url", "image_url": {"url": PNG_URL}}
MODEL = "google/gemini-3-pro-image"


def decoder(content_type: str = "application/json") -> OpenRouterImagesDecoder:
    made = CODECS["openrouter-images"].decoder(status=200, headers=[("content-type", content_type)])
    assert isinstance(made, OpenRouterImagesDecoder)
    return made


def read(body: Any) -> LlmResponse:
    ours = decoder()
    ours.receive(json.dumps(body).encode())
    return ours.finish()


def said(message: Any, finish: str = "stop") -> LlmResponse:
    return read({"id": "g", "choices": [{"message": message, "finish_reason": finish}]})


def stream(*chunks: Any) -> tuple[OpenRouterImagesDecoder, list[Any]]:
    ours = decoder("text/event-stream")
    events = [event for chunk in chunks for event in ours.receive(b"data: " + json.dumps(chunk).encode() + b"\n\n")]
    return ours, events


def chunk(delta: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "g", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


# --- what comes ------------------------------------------------------------------------------------------------------


def test_a_stream_is_text_and_then_the_picture_whole() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 1302}
    ours, events = stream(
        chunk({"content": "An "}),
        chunk({"content": "otter."}),
        chunk({"content": "", "images": [IMAGE]}),
        chunk({"content": ""}, "stop"),
    )
    assert not ours.ended
    events += ours.receive(b"data: " + json.dumps(chunk({}, None, usage=usage)).encode() + b"\n\n")
    assert ours.ended
    text = TextPart("An otter.", origin=MADE)
    assert events == [
        ResponseStart("g", "m"),
        TextStart(0),
        TextDelta(0, "An "),
        TextDelta(0, "otter."),
        TextEnd(0, text),
        PartAdded(1, PICTURE),
        UsageUpdate(LlmUsage(12, 0, 0, 1302, raw=usage)),
    ]
    response = ours.finish()
    assert (response.content, response.stop_reason, response.raw_stop_reason) == ((text, PICTURE), "stop", "stop")


def test_the_sentinel_ends_a_stream_and_proves_nothing() -> None:
    ours, _ = stream(chunk({"content": "An "}))
    ours.receive(b"data: [DONE]\n\n")
    assert ours.ended
    with pytest.raises(RemoteProtocolError):
        ours.finish()


def test_a_whole_message_is_reasoning_and_text_and_pictures() -> None:
    assert said(
        {"reasoning": "Hm.", "content": "Two.", "images": [IMAGE, "https://x/1.png", {"image_url": ""}, 7]}
    ) == (
        LlmResponse(
            (
                ReasoningPart("Hm.", MADE),
                TextPart("Two.", origin=MADE),
                PICTURE,
                ImagePart(url="https://x/1.png", origin=MADE),
            ),
            "stop",
            "stop",
            id="g",
            api="openrouter-images",
            headers=(("content-type", "application/json"),),
        )
    )


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "An otter."}, IMAGE, 7]
    assert said({"content": parts}).content == (TextPart("An otter.", origin=MADE), PICTURE)


def test_a_refusal_in_pieces_is_one_part() -> None:
    ours, _ = stream(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"))
    response = ours.finish()
    assert (response.content, response.stop_reason) == ((RefusalPart("I cannot.", MADE),), "refusal")


def test_another_choice_is_passed_over() -> None:
    other = {"index": 1, "message": {"content": "no"}, "finish_reason": "length"}
    first = {"index": 0, "message": {"content": "yes"}, "finish_reason": "stop"}
    response = read({"choices": [first, other, 7]})
    assert (response.text, response.raw_stop_reason) == ("yes", "stop")


@pytest.mark.parametrize(
    ("body", "raw"),
    [
        ({"error": {"code": 403, "message": "no"}}, {"code": 403, "message": "no"}),
        ({"error": "no", "code": "x"}, {"error": "no", "code": "x"}),
        ({"object": "error", "message": "no"}, {"object": "error", "message": "no"}),
        ({"choices": [{"error": {"message": "no"}}]}, {"message": "no"}),
    ],
)
def test_an_error_in_a_good_body_is_the_answer(body: Any, raw: Any) -> None:
    error = read(body).error
    assert error is not None
    assert error.raw == raw


def test_an_error_in_a_stream_is_the_answer() -> None:
    for event, message in (
        (b'data: {"error": {"message": "no"}}\n\n', "no"),
        (b'event: error\ndata: "no"\n\n', "no"),
        (b'event: error\ndata: {"message": "no"}\n\n', "no"),
        (b'data: {"choices": [], "error": "no"}\n\n', "no"),
    ):
        ours = decoder("text/event-stream")
        ours.receive(b'data: "what is no chunk is passed over"\n\n' + event)
        error = ours.finish().error
        assert error is not None
        assert error.message == message


@pytest.mark.parametrize("body", [{}, [], 7, {"choices": []}, {"provider": {"choices": []}}])
def test_a_body_that_is_no_answer_is_refused(body: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        read(body)


# --- what is asked ---------------------------------------------------------------------------------------------------


def asked(request: ImageRequest, model: str | ModelSpec = MODEL, *, stream: bool = False) -> Any:
    http = OpenRouterImages().encode(request, model, stream=stream)
    assert (http.method, http.path) == ("POST", "/chat/completions")
    return json.loads(http.body)


def test_text_goes_in_and_pictures_come_out() -> None:
    assert asked(ImageRequest("An otter")) == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "An otter"}],
        "modalities": ["image"],
    }


def test_the_caller_widens_what_goes_in_and_what_comes_out() -> None:
    options = OpenRouterImagesOptions(modalities=("image", "text"), image_config={"background": "transparent"})
    linked = ImagePart(url="https://x/1.png")
    request = ImageRequest(
        (TextPart("Both"), SOURCE, TextPart(""), linked), quality="high", format="webp", n=1, options=options
    )
    assert asked(request, stream=True) == {
        "model": MODEL,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Both"},
                    IMAGE,
                    {"type": "image_url", "image_url": {"url": "https://x/1.png"}},
                ],
            }
        ],
        "modalities": ["image", "text"],
        "image_config": {"quality": "high", "output_format": "webp", "background": "transparent"},
        "stream": True,
    }


def test_what_is_known_of_the_model_says_what_goes_in_and_what_comes_out() -> None:
    for outputs, modalities in ((None, ["image"]), (["image"], ["image"]), (["text", "image"], ["image", "text"])):
        assert asked(ImageRequest("x"), ModelSpec(MODEL, outputs=outputs))["modalities"] == modalities  # type: ignore[arg-type]
    narrow = OpenRouterImagesOptions(modalities=("image",))
    assert asked(ImageRequest("x", options=narrow), ModelSpec(MODEL, outputs=("text",)))["modalities"] == ["image"]
    with pytest.raises(UnsupportedRequest, match="a picture in the prompt: the model takes none"):
        asked(ImageRequest((TextPart("x"), SOURCE)), ModelSpec(MODEL, inputs=("text",)))


@pytest.mark.parametrize(
    ("size", "field"), [("16:9", "aspect_ratio"), ("2K", "image_size"), ("1024x1536", "size"), ("auto", "size")]
)
def test_a_size_is_known_by_how_it_is_written(size: str, field: str) -> None:
    assert asked(ImageRequest("x", size=size))["image_config"] == {field: size}


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (ImageRequest(""), "prompt"),
        (ImageRequest((SOURCE,)), "prompt"),
        (ImageRequest("x", n=2), "n"),
        (ImageRequest("x", options=ProviderOptions(extra_body={"n": 2})), "n"),
        (ImageRequest("x", size="large"), "size 'large'"),
        (ImageRequest((TextPart("x"), ImagePart(file_id="f"))), "a picture"),
        (ImageRequest((TextPart("x"), ImagePart(url="ftp://x"))), "a picture"),
        (ImageRequest((TextPart("x"), ImagePart(data=b"x"))), "a picture"),
        (ImageRequest((TextPart("x"), ImagePart(data=b"x", media_type="image/bmp"))), "a picture of type image/bmp"),
        (LlmRequest("Hi"), "a conversation"),
    ],
)
def test_what_it_cannot_be_told_is_refused_before(request_: Any, part: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        OpenRouterImages().encode(request_, MODEL)
    assert caught.value.part == part


def test_its_options_have_a_json_form() -> None:
    options = OpenRouterImagesOptions(modalities=("image", "text"), image_config={"a": 1})
    assert OpenRouterImagesOptions.from_json(options.to_json()) == options
