"""An ImageRequest as a call of the Images API (WIRE 6.1).

A prompt of text alone is a generation, one JSON body; with pictures to start from it is an edit, a form with files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...errors import UnsupportedRequest
from ...http import HttpRequest, merge_headers
from ...messages import ImagePart, ImageRequest, TextPart
from ...models import ModelSpec
from ...values import JsonDict
from .._encoder import http_request, media_type_of
from .._pictures import PICTURES, notes_on, prompt_parts
from .form import File, form

FORMATS: Final = ("png", "jpeg", "webp", "gif", "svg")
MAX_PROMPT: Final = 32_000
"""Characters."""
MAX_PICTURES: Final = 10
MAX_SOURCES: Final = 16

_OWN: Final = ("background", "output_compression", "moderation")


def encode(request: ImageRequest, spec: ModelSpec, query: str, *, stream: bool) -> HttpRequest:
    """The HTTP request. `response_format` is never sent: GPT image models answer it with a 400 and send base64."""
    parts = prompt_parts(request, spec)
    mask: ImagePart | None = getattr(request.options, "mask", None) or None
    pictures = [part for part in parts if isinstance(part, ImagePart)]
    body: JsonDict = {"model": spec.id, "prompt": _prompt(parts), **_fields(request)}
    if stream:
        body["stream"] = True
    if not pictures:
        if mask is not None:
            raise UnsupportedRequest("mask", "it says where to change a picture, and the prompt has none")
        notes = notes_on(request.options)
        return http_request(f"/images/generations{query}", body, request.options, stream=stream, notes=notes)
    if "moderation" in body:
        raise UnsupportedRequest("moderation", "the API has it for new pictures, and none for an edit")
    if len(pictures) > MAX_SOURCES:
        raise UnsupportedRequest(f"{len(pictures)} pictures in a prompt", f"an edit takes up to {MAX_SOURCES}")
    name = "image" if len(pictures) == 1 else "image[]"
    files = [_file(part, name, f"image-{number}", PICTURES) for number, part in enumerate(pictures, 1)]
    if mask is not None:
        files.append(_file(mask, "mask", "mask", frozenset({"image/png"})))
    return _edit(f"/images/edits{query}", body, files, request, stream=stream)


def _fields(request: ImageRequest) -> JsonDict:
    if request.n is not None and not 1 <= request.n <= MAX_PICTURES:
        raise UnsupportedRequest(f"n {request.n}", f"one call makes 1 to {MAX_PICTURES} pictures")
    if request.format is not None and request.format not in FORMATS:
        raise UnsupportedRequest(f"format {request.format!r}", "it is one of " + ", ".join(FORMATS))
    fields: JsonDict = {
        "n": request.n,
        "size": request.size,
        "quality": request.quality,
        "output_format": request.format,
        **{name: request.options.get(name) for name in _OWN if hasattr(request.options, name)},
    }
    return {name: value for name, value in fields.items() if value is not None}


def _prompt(parts: tuple[TextPart | ImagePart, ...]) -> str:
    prompt = "\n".join([part.text for part in parts if isinstance(part, TextPart)])
    if len(prompt) > MAX_PROMPT:
        raise UnsupportedRequest(f"prompt of {len(prompt)} characters", f"at most {MAX_PROMPT} are allowed")
    return prompt


def _file(part: ImagePart, name: str, stem: str, allowed: frozenset[str]) -> File:
    if part.data is None:
        raise UnsupportedRequest("a picture without bytes", "an edit takes a picture's bytes, and no URL or file id")
    media_type = media_type_of(part, allowed, "a picture")
    return File(name, f"{stem}.{media_type.removeprefix('image/')}", media_type, part.data)


def _edit(path: str, body: JsonDict, files: list[File], request: ImageRequest, *, stream: bool) -> HttpRequest:
    extra: Mapping[str, Any] = request.options.get("extra_body") or {}
    fields = {name: value for name, value in {**body, **extra}.items() if value is not None}
    try:
        media_type, data = form(fields, files)
    except (ValueError, TypeError) as error:
        raise UnsupportedRequest("request", f"it holds a value that JSON cannot say ({error})") from None
    merged = merge_headers(
        (("content-type", media_type), ("accept", "text/event-stream" if stream else "application/json")),
        request.options.get("extra_headers") or {},
    )
    headers = tuple((name, value) for name, value in merged if isinstance(value, str))
    return HttpRequest("POST", path, headers, data, notes_on(request.options))
