"""The knobs that Chat Completions alone knows (WIRE 2b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import frozen

from ...messages import ProviderOptions
from ...values import UNSET, Unset


@frozen(weakref_slot=False, getstate_setstate=False)
class ChatOptions(ProviderOptions):
    """Options of a Chat Completions call. What is unset or None is not sent."""

    tag: ClassVar = ("type", "chat_options")
    frequency_penalty: float | Unset | None = UNSET
    """-2 to 2."""
    presence_penalty: float | Unset | None = UNSET
    """-2 to 2."""
    logit_bias: Mapping[str, Any] | Unset | None = UNSET
    """Token ids to numbers from -100 to 100."""
    verbosity: str | Unset | None = UNSET
    """`low`, `medium` or `high`."""
    modalities: tuple[str, ...] | Unset | None = UNSET
    """What the answer may hold: `("text", "audio")`, `("image", "text")`."""
    audio: Mapping[str, Any] | Unset | None = UNSET
    """`{"voice": ..., "format": ...}` for an answer in sound."""
    prediction: Mapping[str, Any] | Unset | None = UNSET
    """`{"type": "content", "content": ...}`: what much of the answer will be."""
    web_search_options: Mapping[str, Any] | Unset | None = UNSET
    """For the search models."""
    safety_identifier: str | Unset | None = UNSET
    """Stands for the end user, up to 64 characters."""
    store: bool | Unset | None = UNSET
    """Whether the provider keeps the answer. Default: what the server's compat says."""


FIELDS: Final = (
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "verbosity",
    "modalities",
    "audio",
    "prediction",
    "web_search_options",
    "safety_identifier",
    "store",
)
"""The fields that go into the body under their own name."""
