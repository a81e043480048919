"""OpenAI's Images API (`openai-images`; WIRE 6.1): a prompt becomes pictures, with pictures in it other pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from attrs import frozen

from ...http import HttpRequest
from ...messages import ImageRequest
from ...models import ModelSpec
from .decode import ImagesDecoder
from .encode import encode
from .options import ImagesOptions

__all__ = ["ImagesDecoder", "ImagesOptions", "OpenAIImages"]


@frozen(weakref_slot=False)
class OpenAIImages:
    """The codec `openai-images`. `api_version` is Azure's classic query."""

    api: ClassVar[str] = "openai-images"
    options_type: ClassVar[type[ImagesOptions]] = ImagesOptions

    provider: str | None = None
    api_version: str | None = None

    def encode(self, request: ImageRequest, model: str | ModelSpec, *, stream: bool = False) -> HttpRequest:
        """`POST /images/generations` or `/images/edits`. Raises UnsupportedRequest for what it cannot be told."""
        query = "" if self.api_version is None else f"?api-version={quote(self.api_version)}"
        return encode(request, ModelSpec.of(model), query, stream=stream)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> ImagesDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return ImagesDecoder(self.api, self.provider, status, tuple(headers), spec)
