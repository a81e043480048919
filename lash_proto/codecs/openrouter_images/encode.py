"""An ImageRequest as the body of a Chat Completions call (WIRE 6.2): one user message, and what is to come of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ...errors import UnsupportedRequest
from ...http import HttpRequest
from ...messages import ImagePart, ImageRequest, TextPart
from ...models import ModelSpec
from ...values import JsonDict
from .._encoder import data_url, http_request, media_type_of
from .._pictures import PICTURES, notes_on, prompt_parts

# One word for size here, three fields there: each is known by how it is written.
_SIZES: Final = (
    ("aspect_ratio", re.compile(r"\d+:\d+")),
    ("image_size", re.compile(r"\d+(?:\.\d+)?K")),
    ("size", re.compile(r"\d+x\d+|auto")),
)
_URL: Final = re.compile(r"https?://|data:", re.IGNORECASE)


def encode(request: ImageRequest, spec: ModelSpec, *, stream: bool) -> HttpRequest:
    """The HTTP request. Raises UnsupportedRequest."""
    parts = prompt_parts(request, spec)
    content = request.prompt if isinstance(request.prompt, str) else [_part(part) for part in parts]
    options = request.options
    extra: JsonDict = options.get("extra_body") or {}
    if request.n not in (None, 1) or extra.get("n") is not None:
        raise UnsupportedRequest("n", "a reply is one answer: make a call for each")
    both = spec.outputs is not None and "text" in spec.outputs
    modalities: tuple[str, ...] = getattr(options, "modalities", None) or (("image", "text") if both else ("image",))
    body: JsonDict = {
        "model": spec.id,
        "messages": [{"role": "user", "content": content}],
        "modalities": list(modalities),
    }
    if config := _image_config(request):
        body["image_config"] = config
    if stream:
        body["stream"] = True
    return http_request("/chat/completions", body, options, stream=stream, notes=notes_on(options))


def _image_config(request: ImageRequest) -> JsonDict:
    own: Mapping[str, Any] = getattr(request.options, "image_config", None) or {}
    fields: JsonDict = {
        **_size(request.size),
        "quality": request.quality,
        "output_format": request.format,
        **own,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _size(size: str | None) -> JsonDict:
    if size is None:
        return {}
    for field, written in _SIZES:
        if written.fullmatch(size):
            return {field: size}
    raise UnsupportedRequest(f"size {size!r}", 'a ratio ("16:9"), a step ("2K"), pixels ("1024x1024") or "auto"')


def _part(part: TextPart | ImagePart) -> JsonDict:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if part.data is not None:
        url = data_url(media_type_of(part, PICTURES, "a picture"), part.data)
    elif part.url is not None and _URL.match(part.url):
        url = part.url
    else:
        raise UnsupportedRequest("a picture", "OpenRouter takes bytes, or a URL with its scheme, and no file id")
    return {"type": "image_url", "image_url": {"url": url}}
