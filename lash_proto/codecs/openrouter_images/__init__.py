"""Pictures by OpenRouter (`openrouter-images`; WIRE 6.2): Chat Completions that answer with images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from ...http import HttpRequest
from ...messages import ImageRequest
from ...models import ModelSpec
from .decode import OpenRouterImagesDecoder
from .encode import encode
from .options import OpenRouterImagesOptions

__all__ = ["OpenRouterImages", "OpenRouterImagesDecoder", "OpenRouterImagesOptions"]


@frozen(weakref_slot=False)
class OpenRouterImages:
    """The codec `openrouter-images`."""

    api: ClassVar[str] = "openrouter-images"
    options_type: ClassVar[type[OpenRouterImagesOptions]] = OpenRouterImagesOptions

    provider: str | None = None

    def encode(self, request: ImageRequest, model: str | ModelSpec, *, stream: bool = False) -> HttpRequest:
        """`POST /chat/completions`. Raises UnsupportedRequest for what it cannot be told."""
        return encode(request, ModelSpec.of(model), stream=stream)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> OpenRouterImagesDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return OpenRouterImagesDecoder(self.api, self.provider, status, tuple(headers), spec)
