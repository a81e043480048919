"""OpenAI's Responses API, and whoever speaks it: Codex, Azure, GitHub Copilot, xAI, OpenRouter, LM Studio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from ...compat import ResponsesCompat
from ...models import ModelSpec
from .decode import ResponsesDecoder


@frozen(weakref_slot=False)
class OpenAIResponses:
    """The codec. `provider` is the kind it speaks to, `compat` how its servers differ where a model does not say."""

    api: ClassVar[str] = "openai-responses"
    provider: str | None = None
    compat: ResponsesCompat = ResponsesCompat()

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> ResponsesDecoder:
        """A fresh decoder for one response."""
        spec = ModelSpec.of(model) if model is not None else None
        return ResponsesDecoder(self.api, self.provider, status, tuple(headers), spec)
