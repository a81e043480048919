"""What both dialects for pictures ask of a request before they write it."""

from __future__ import annotations

from typing import Final

from ..errors import UnsupportedRequest
from ..messages import ImagePart, ImageRequest, ProviderOptions, TextPart
from ..models import ModelSpec
from ._encoder import check_model

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
"""Media types that a picture to start from may have."""


def prompt_parts(request: object, spec: ModelSpec) -> tuple[TextPart | ImagePart, ...]:
    """The prompt in parts, those of empty text left out.

    Raises UnsupportedRequest where there is nothing to draw, and for a picture to a model that is known not to see:
    a line of text in its place would ask for another picture.
    """
    if not isinstance(request, ImageRequest):
        raise UnsupportedRequest("a conversation", "the dialect makes pictures from an ImageRequest")
    check_model(spec.id)
    prompt = (TextPart(request.prompt),) if isinstance(request.prompt, str) else request.prompt
    if not any(isinstance(part, TextPart) and part.text.strip() for part in prompt):
        raise UnsupportedRequest("prompt", "it has no text")
    if spec.inputs is not None and "image" not in spec.inputs and any(isinstance(part, ImagePart) for part in prompt):
        raise UnsupportedRequest("a picture in the prompt", "the model takes none")
    return tuple(part for part in prompt if isinstance(part, ImagePart) or part.text)


def notes_on(options: ProviderOptions) -> tuple[str, ...]:
    """A line for each option of conversations that a call for pictures has no field for. They are left out and not
    refused, because a client's own options serve both."""
    asked = {
        name: options.get(name) for name in ("reasoning", "expose_thinking", "parallel_tool_calls", "service_tier")
    }
    asked["cache_retention"] = options.get("cache_retention") == "long" or None
    return tuple(f"{name} is left out: it means nothing to a call for pictures" for name, said in asked.items() if said)
