"""What only the Messages API knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from attrs import field, frozen

from ...messages import ProviderOptions
from ...values import UNSET, Unset


def _tuple(value: Iterable[Any] | Unset) -> tuple[Any, ...] | Unset:
    return value if isinstance(value, Unset) else tuple(value)


@frozen(weakref_slot=False, getstate_setstate=False)
class AnthropicOptions(ProviderOptions):
    """Knobs of Anthropic's Messages API beside the common ones (WIRE 4b). What is UNSET is not sent."""

    tag: ClassVar = ("type", "anthropic_options")
    top_k: int | Unset | None = UNSET
    """Sample from so many of the likeliest tokens only."""
    effort: str | Unset | None = UNSET
    """`output_config.effort`, where it is to differ from what `reasoning` says."""
    thinking_display: Literal["summarized", "omitted", "updates"] | Unset | None = UNSET
    """How thinking is shown; `expose_thinking` alone asks for "summarized"."""
    eager_input_streaming: bool | Unset | None = UNSET
    """True: arguments of calls are streamed as they are written, before anyone has seen that they are JSON."""
    betas: tuple[str, ...] | Unset = field(default=UNSET, converter=_tuple)
    """Names for the `anthropic-beta` header, beside the codec's own."""
    container: str | Mapping[str, Any] | Unset | None = UNSET
    """The code execution container to go on in, or the skills to load into a new one."""
    mcp_servers: tuple[Mapping[str, Any], ...] | Unset = field(default=UNSET, converter=_tuple)
    """MCP servers that Anthropic calls itself (beta)."""
    context_management: Mapping[str, Any] | Unset | None = UNSET
    """What the server clears or compacts by itself (beta)."""
    speed: Literal["standard", "fast"] | Unset | None = UNSET
    """Faster output at a higher price."""
    inference_geo: str | Unset | None = UNSET
    """Where the request may be computed."""
