"""What both dialects for pictures ask of a request before they write it."""

from __future__ import annotations

from typing import Final

from ..errors import UnsupportedRequest
from ..messages import ImagePart, ImageRequest, TextPart

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
"""Media types that a picture to start from may have."""


def prompt_parts(request: object) -> tuple[TextPart | ImagePart, ...]:
    """The prompt in parts, those of empty text left out. Raises UnsupportedRequest where there is nothing to draw."""
    if not isinstance(request, ImageRequest):
        raise UnsupportedRequest("a conversation", "the dialect makes pictures from an ImageRequest")
    prompt = (TextPart(request.prompt),) if isinstance(request.prompt, str) else request.prompt
    if not any(isinstance(part, TextPart) and part.text.strip() for part in prompt):
        raise UnsupportedRequest("prompt", "it has no text")
    return tuple(part for part in prompt if isinstance(part, ImagePart) or part.text)
