"""OpenAI's Images API (`openai-images`; WIRE 6.1): a prompt becomes pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from ...http import HttpRequest
from ...messages import ImageRequest
from ...models import ModelSpec
from .._encoder import http_request
from .decode import ImagesDecoder
from .encode import generation

__all__ = ["ImagesDecoder", "OpenAIImages"]


@frozen(weakref_slot=False)
class OpenAIImages:
    """The codec `openai-images`."""

    api: ClassVar[str] = "openai-images"

    provider: str | None = None

    def encode(self, request: ImageRequest, model: str | ModelSpec, *, stream: bool = False) -> HttpRequest:
        """`POST /images/generations`. Raises UnsupportedRequest for what it cannot be told."""
        body = generation(request, ModelSpec.of(model).id, stream=stream)
        return http_request("/images/generations", body, request.options, stream=stream)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> ImagesDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return ImagesDecoder(self.api, self.provider, status, tuple(headers), spec)
