"""Pictures: the Images API's bodies and streams, and the request for them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.openai_images import ImagesDecoder, ImagesOptions, OpenAIImages
from lash_proto.errors import UnsupportedRequest
from lash_proto.failures import RemoteProtocolError
from lash_proto.messages import ImagePart, ImageRequest, OpaquePart, Origin, ProviderOptions, TextPart
from lash_proto.models import ModelSpec
from lash_proto.replies import PartAdded, ResponseStart, StreamEvent, UsageUpdate
from lash_proto.usage import LlmUsage
from lash_proto.values import Secret

MADE = Origin(None, "openai-images", None)
PNG = b"\x89PNG\r\n\x1a\n"
PNG_TEXT = "iVBORw0KGgo="
SOURCE = ImagePart(data=PNG, media_type="image/png")


def decoder(content_type: str = "application/json") -> ImagesDecoder:
    made = CODECS["openai-images"].decoder(status=200, headers=[("content-type", content_type)])
    assert isinstance(made, ImagesDecoder)
    return made


def whole(body: Any) -> list[StreamEvent]:
    ours = decoder()
    return ours.receive(json.dumps(body).encode()) + ours.end()


def test_pictures_come_in_their_order() -> None:
    usage = {"input_tokens": 12, "output_tokens": 100, "total_tokens": 112}
    assert whole(
        {
            "created": 1,
            "data": [{"b64_json": PNG_TEXT, "revised_prompt": "An otter."}, {"url": "https://x/1"}],
            "usage": usage,
        }
    ) == [
        ResponseStart(None, None),
        PartAdded(
            0, ImagePart(data=PNG, media_type="image/png", origin=MADE, provider_data={"revised_prompt": "An otter."})
        ),
        PartAdded(1, ImagePart(url="https://x/1", origin=MADE)),
        UsageUpdate(LlmUsage(12, 0, 0, 100, raw=usage)),
    ]


@pytest.mark.parametrize(
    ("said", "text", "kind"),
    [
        ("webp", "aGk=", "image/webp"),
        ("svg", "aGk=", "image/svg+xml"),
        (None, PNG_TEXT, "image/png"),
        (None, "/9j/4A==", "image/jpeg"),
        (None, "R0lGODlh", "image/gif"),
        (None, "UklGRg==", "image/webp"),
        (None, "PHN2Zz4=", "image/svg+xml"),
        (None, "aGk=", None),
    ],
)
def test_what_kind_a_picture_is_says_the_answer_or_the_picture(said: str | None, text: str, kind: str | None) -> None:
    ours = decoder()
    ours.receive(json.dumps({"data": [{"b64_json": text}], "output_format": said}).encode())
    assert [picture.media_type for picture in ours.finish().images] == [kind]


def test_a_picture_that_is_no_base64_is_kept_as_it_came() -> None:
    ours = decoder()
    ours.receive(b'{"data": [{"b64_json": "no!"}, {"b64_json": ""}, {}, 7]}')
    assert ours.finish().content == (OpaquePart("image", {"b64_json": "no!"}, MADE),)


def test_cached_and_reasoned_tokens_are_told() -> None:
    usage = {
        "input_tokens": 300,
        "output_tokens": 50,
        "input_tokens_details": {"cached_tokens": 100},
        "output_tokens_details": {"reasoning_tokens": 20},
    }
    assert whole({"data": [], "usage": usage})[-1] == UsageUpdate(LlmUsage(200, 100, 0, 50, 20, raw=usage))


def test_tokens_may_be_counted_under_chats_names() -> None:
    ours = decoder()
    ours.receive(b'{"data": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}')
    usage = ours.finish().usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)


def test_previews_are_passed_over_and_the_completed_picture_ends_the_stream() -> None:
    ours = decoder("text/event-stream")
    preview = {"type": "image_generation.partial_image", "b64_json": PNG_TEXT, "partial_image_index": 0}
    last = {"type": "image_generation.completed", "b64_json": PNG_TEXT, "output_format": "png", "model": "gpt-image-2"}
    assert ours.receive(b"data: " + json.dumps(preview).encode() + b"\n\n") == []
    assert ours.receive(b'data: {"type": "keepalive"}\n\n') == []
    assert (ours.ended, ours.progress) == (False, 1)
    ours.receive(b"data: " + json.dumps(last).encode() + b"\n\n")
    assert ours.ended
    response = ours.finish()
    assert (response.content, response.stop_reason) == (
        (ImagePart(data=PNG, media_type="image/png", origin=MADE),),
        "stop",
    )
    assert response.model == "gpt-image-2"


def test_previews_alone_are_no_answer() -> None:
    ours = decoder("text/event-stream")
    ours.receive(b'event: image_edit.partial_image\ndata: {"b64_json": "aGk="}\n\n')
    with pytest.raises(RemoteProtocolError):
        ours.finish()


@pytest.mark.parametrize("data", ['{"type": "error", "error": {"message": "no"}}', '{"error": {"message": "no"}}'])
def test_an_error_in_a_stream_is_the_answer(data: str) -> None:
    ours = decoder("text/event-stream")
    ours.receive(f"data: {data}\n\n".encode())
    error = ours.finish().error
    assert error is not None
    assert (error.message, error.raw) == ("no", {"message": "no"})


def test_an_error_in_a_good_body_is_the_answer() -> None:
    ours = decoder()
    ours.receive(b'{"error": {"message": "no"}}')
    assert ours.finish().stop_reason == "error"


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"data": 7}', b"7"])
def test_a_body_without_pictures_or_error_is_refused(body: bytes) -> None:
    ours = decoder()
    ours.receive(body)
    with pytest.raises(RemoteProtocolError):
        ours.finish()


def test_a_request_is_one_json_body() -> None:
    request = ImageRequest(
        (TextPart("An otter"), TextPart("at sea")),
        n=2,
        size="1024x1024",
        quality="high",
        format="webp",
        options=ProviderOptions(extra_body={"background": "transparent"}),
    )
    http = OpenAIImages().encode(request, ModelSpec("gpt-image-2"), stream=True)
    assert (http.method, http.path) == ("POST", "/images/generations")
    assert json.loads(http.body) == {
        "model": "gpt-image-2",
        "prompt": "An otter\nat sea",
        "n": 2,
        "size": "1024x1024",
        "quality": "high",
        "output_format": "webp",
        "stream": True,
        "background": "transparent",
    }


def test_what_is_not_said_is_not_sent() -> None:
    assert OpenAIImages().encode(ImageRequest("An otter"), "gpt-image-2").body == (
        b'{"model":"gpt-image-2","prompt":"An otter"}'
    )


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (ImageRequest(""), "prompt"),
        (ImageRequest((TextPart(" "),)), "prompt"),
        (ImageRequest("x" * 32_001), "prompt of 32001 characters"),
        (ImageRequest((TextPart("x"), *[SOURCE] * 17)), "17 pictures in a prompt"),
        (ImageRequest((TextPart("x"), ImagePart(url="https://x/1.png"))), "a picture without bytes"),
        (ImageRequest((TextPart("x"), ImagePart(data=b"x", media_type="image/gif"))), "a picture of type image/gif"),
        (ImageRequest("x", options=ImagesOptions(mask=SOURCE)), "mask"),
        (ImageRequest((TextPart("x"), SOURCE), options=ProviderOptions(extra_body={"a": [math.nan]})), "request"),
        (ImageRequest((TextPart("x"), SOURCE), options=ImagesOptions(moderation="low")), "moderation"),
        (ImageRequest("x", n=0), "n 0"),
        (ImageRequest("x", n=11), "n 11"),
        (ImageRequest("x", format="bmp"), "format 'bmp'"),
    ],
)
def test_what_the_api_would_refuse_is_refused_before(request_: ImageRequest, part: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        OpenAIImages().encode(request_, "gpt-image-2")
    assert caught.value.part == part


def test_a_model_that_is_known_not_to_see_gets_no_picture_to_start_from() -> None:
    request = ImageRequest((TextPart("x"), SOURCE))
    with pytest.raises(UnsupportedRequest, match="a picture in the prompt: the model takes none"):
        OpenAIImages().encode(request, ModelSpec("m", inputs=("text",)))
    assert OpenAIImages().encode(request, ModelSpec("m", inputs=("text", "image"))).path == "/images/edits"


def test_a_knob_of_its_own_goes_under_its_own_name() -> None:
    options = ImagesOptions(background="transparent", output_compression=0, moderation="low")
    http = OpenAIImages().encode(ImageRequest("An otter", options=options), "gpt-image-2")
    assert json.loads(http.body) == {
        "model": "gpt-image-2",
        "prompt": "An otter",
        "background": "transparent",
        "output_compression": 0,
        "moderation": "low",
    }
    masked = ImagesOptions(mask=SOURCE)
    assert ImagesOptions.from_json(masked.to_json()) == masked


# By hand after RFC 7578; the boundary is named by its parts, whatever it is.
EDIT = (
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="model"\r\n\r\ngpt-image-2\r\n'
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="prompt"\r\n\r\nA hat, bitte \xc3\xbc\r\n'
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="n"\r\n\r\n2\r\n'
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n'
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="a%22b%0D%0A"\r\n\r\n{"c":1}\r\n'
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="image"; filename="image-1.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + PNG + b"\r\n"
    b"--BOUNDARY\r\n"
    b'Content-Disposition: form-data; name="mask"; filename="mask.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + PNG + b"\r\n"
    b"--BOUNDARY--\r\n"
)


def test_with_a_picture_to_start_from_it_is_an_edit_in_a_form() -> None:
    options = ImagesOptions(
        mask=SOURCE, extra_body={'a"b\r\n': {"c": 1}, "size": None}, extra_headers={"X-A": "1", "x-b": Secret("s")}
    )
    request = ImageRequest((TextPart("A hat, bitte ü"), SOURCE), n=2, size="auto", options=options)
    http = OpenAIImages().encode(request, "gpt-image-2", stream=True)
    headers = dict(http.headers)
    kind, _, boundary = headers.pop("content-type").partition("; boundary=")
    assert (http.method, http.path, kind) == ("POST", "/images/edits", "multipart/form-data")
    assert headers == {"accept": "text/event-stream", "x-a": "1"}
    assert http.body == EDIT.replace(b"BOUNDARY", boundary.encode())
    assert OpenAIImages().encode(request, "gpt-image-2", stream=True) == http


def test_half_a_surrogate_pair_in_a_form_is_replaced() -> None:
    request = ImageRequest((TextPart("A hat \ud83d"), SOURCE), options=ImagesOptions(extra_body={"a\ud83d": "1"}))
    body = OpenAIImages().encode(request, "gpt-image-2").body
    assert b'name="prompt"\r\n\r\nA hat \xef\xbf\xbd\r\n' in body
    assert b'name="a\xef\xbf\xbd"\r\n\r\n1\r\n' in body


def test_several_pictures_to_start_from_are_a_list() -> None:
    photo = ImagePart(data=b"x", media_type="image/jpeg")
    http = OpenAIImages().encode(ImageRequest((TextPart("Both"), SOURCE, photo)), "gpt-image-2")
    assert dict(http.headers)["accept"] == "application/json"
    assert http.body.count(b'name="image[]"; filename="image-') == 2
    assert b'filename="image-2.jpeg"\r\nContent-Type: image/jpeg\r\n\r\nx\r\n' in http.body


def test_azure_has_a_classic_query() -> None:
    codec = OpenAIImages(api_version="2025-04-01-preview")
    for prompt, path in (("x", "/images/generations"), ((TextPart("x"), SOURCE), "/images/edits")):
        assert codec.encode(ImageRequest(prompt), "m").path == f"{path}?api-version=2025-04-01-preview"
