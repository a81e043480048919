"""The Messages API of Anthropic, and of the servers that speak it (WIRE 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen

from ...compat import AnthropicCompat
from ...http import HttpRequest
from ...messages import LlmRequest
from ...models import ModelSpec
from .decode import MessagesDecoder
from .encode import Encoding
from .options import AnthropicOptions

__all__ = ["AnthropicMessages", "AnthropicOptions", "MessagesDecoder"]


@frozen(weakref_slot=False)
class AnthropicMessages:
    """The codec `anthropic-messages`.

    `version` is the `anthropic-version` header: `2023-06-01`, or `2026-10-21`, which has no sampling parameters.
    `betas` are the names that every request has in its `anthropic-beta` header.
    """

    api: ClassVar[str] = "anthropic-messages"
    options_type: ClassVar[type[AnthropicOptions]] = AnthropicOptions

    provider: str | None = None
    compat: AnthropicCompat = AnthropicCompat()
    version: str = "2023-06-01"
    betas: tuple[str, ...] = ()

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        """`POST /v1/messages`. Raises UnsupportedRequest for what the dialect cannot say."""
        return Encoding(self, request, ModelSpec.of(model), stream).http()

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> MessagesDecoder:
        """A fresh decoder for one response."""
        spec = None if model is None else ModelSpec.of(model)
        return MessagesDecoder(self.api, self.provider, status, tuple(headers), spec, compat=self.compat_of(spec))

    def compat_of(self, spec: ModelSpec | None) -> AnthropicCompat:
        """The model's flags where they are this dialect's, else the codec's."""
        if spec is not None and isinstance(spec.compat, AnthropicCompat):
            return spec.compat
        return self.compat
