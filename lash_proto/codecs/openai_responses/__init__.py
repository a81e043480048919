"""OpenAI's Responses API, and whoever speaks it: Codex, Azure, GitHub Copilot, xAI and others (WIRE 1, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from ...compat import ResponsesCompat
from ...http import HttpRequest
from ...messages import LlmRequest
from ...models import ModelSpec
from .decode import ResponsesDecoder
from .encode import encode
from .options import ResponsesOptions

__all__ = ["OpenAIResponses", "ResponsesDecoder", "ResponsesOptions"]


@frozen(weakref_slot=False)
class OpenAIResponses:
    """The codec `openai-responses`. `compat` is what holds for models that do not bring their own."""

    api: ClassVar[str] = "openai-responses"
    options_type: ClassVar[type[ResponsesOptions]] = ResponsesOptions

    provider: str | None = None
    compat: ResponsesCompat = ResponsesCompat()

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        """`POST /responses`. Raises UnsupportedRequest for what the dialect, or this server of it, cannot say."""
        return encode(self, request, ModelSpec.of(model), stream)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> ResponsesDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return ResponsesDecoder(self.api, self.provider, status, tuple(headers), spec)

    def compat_of(self, spec: ModelSpec) -> ResponsesCompat:
        """The model's flags where they are this dialect's, else the codec's."""
        return spec.compat if isinstance(spec.compat, ResponsesCompat) else self.compat
