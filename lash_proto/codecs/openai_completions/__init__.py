"""OpenAI Chat Completions, and the many servers that speak it in their own way.

How servers differ is data in `ChatCompat`; nothing is guessed from a name or URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from attrs import frozen

from ...compat import ChatCompat
from ...http import HttpRequest
from ...messages import LlmRequest, Origin
from ...models import ModelSpec
from .decode import ChatDecoder
from .encode import PATH, encode
from .options import ChatOptions

__all__ = ["ChatDecoder", "ChatOptions", "OpenAICompletions"]


@frozen(weakref_slot=False)
class OpenAICompletions:
    """The codec. `compat` serves models whose spec has none of its own; `api_version` is Azure's classic query."""

    api: ClassVar[str] = "openai-completions"
    options_type: ClassVar[type[ChatOptions]] = ChatOptions
    provider: str | None = None
    compat: ChatCompat = ChatCompat()
    api_version: str | None = None

    def compat_of(self, model: ModelSpec | None) -> ChatCompat:
        """The flags that hold for a model."""
        own = model.compat if model is not None else None
        return own if isinstance(own, ChatCompat) else self.compat

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        """The same bytes for the same request. Raises UnsupportedRequest for what the dialect cannot say."""
        spec = ModelSpec.of(model)
        target = Origin(self.provider, self.api, spec.id)
        path = PATH if self.api_version is None else f"{PATH}?api-version={quote(self.api_version)}"
        return encode(request, spec, self.compat_of(spec), target, path, stream=stream)

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> ChatDecoder:
        """A fresh decoder for one response."""
        spec = ModelSpec.of(model) if model is not None else None
        return ChatDecoder(self.api, self.provider, status, tuple(headers), spec, self.compat_of(spec))
