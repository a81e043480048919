"""Tokens as they are paid for, and why a model stopped: two things every provider counts and names its own way.

The three input buckets are disjoint and add up to the whole input on every provider (law 7). OpenAI and Google report
the cached part inside the input, Anthropic beside it; the codecs undo that, so that nobody after them has to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from attrs import frozen

from .values import Value

StopReason = Literal["stop", "length", "tool_use", "refusal", "content_filter", "pause", "error", "aborted"]
"""Why a response ended, in one vocabulary; `raw_stop_reason` keeps the provider's own word."""


@frozen(weakref_slot=False, getstate_setstate=False)
class LlmUsage(Value):
    """Tokens of one response, as the provider counted them. Where no count came at all, `usage` is None, not zeros."""

    tag: ClassVar = ("type", "usage")
    input_tokens: int = 0
    """Input neither read from a cache nor written to one."""
    cached_input_tokens: int = 0
    """Input read from the prompt cache."""
    cache_write_tokens: int = 0
    """Input written to the prompt cache."""
    output_tokens: int = 0
    """All output, reasoning included."""
    reasoning_tokens: int | None = None
    """The part of the output that was reasoning; None where the provider does not say."""
    audio_input_tokens: int = 0
    """The part of the input that was audio."""
    audio_output_tokens: int = 0
    """The part of the output that was audio."""
    raw: Mapping[str, Any] | None = None
    """The provider's own usage object."""

    @property
    def total_input_tokens(self) -> int:
        """The three input buckets together."""
        return self.input_tokens + self.cached_input_tokens + self.cache_write_tokens
