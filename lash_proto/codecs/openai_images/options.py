"""The knobs that the Images API alone knows (WIRE 6.1)."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from ...messages import ImagePart, ProviderOptions
from ...values import UNSET, Unset


@frozen(weakref_slot=False, getstate_setstate=False)
class ImagesOptions(ProviderOptions):
    """Options of an Images call. What is unset or None is not sent."""

    tag: ClassVar = ("type", "images_options")
    background: str | Unset | None = UNSET
    """`transparent` (png and webp only), `opaque` or `auto`."""
    output_compression: int | Unset | None = UNSET
    """0 to 100, of webp and jpeg."""
    moderation: str | Unset | None = UNSET
    """`auto` or `low`, of new pictures; an edit has none."""
    mask: ImagePart | Unset | None = UNSET
    """A PNG whose transparent places are where the first picture may be changed."""
