"""The knobs that OpenRouter's pictures alone know (WIRE 6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from ...messages import ProviderOptions
from ...values import UNSET, Unset


@frozen(weakref_slot=False, getstate_setstate=False)
class OpenRouterImagesOptions(ProviderOptions):
    """Options of a call for pictures."""

    tag: ClassVar = ("type", "openrouter_images_options")
    modalities: tuple[str, ...] | Unset | None = UNSET
    """What the answer may hold. Default `("image",)`, and `("image", "text")` for a model that is known to write too
    (`ModelSpec.outputs`); a wrong value finds no endpoint (404)."""
    image_config: Mapping[str, Any] | Unset | None = UNSET
    """Merged last into the fields made from size, quality and format: `{"background": "transparent"}`."""
