"""What Gemini alone can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from ...messages import ProviderOptions
from ...values import UNSET, Unset


@frozen(weakref_slot=False, getstate_setstate=False)
class GoogleOptions(ProviderOptions):
    """ProviderOptions for Gemini (WIRE 5b). Names are the API's, in snake case; what is None or unset is not sent."""

    tag: ClassVar = ("type", "google_options")
    top_k: int | Unset | None = UNSET
    presence_penalty: float | Unset | None = UNSET
    frequency_penalty: float | Unset | None = UNSET
    media_resolution: str | Unset | None = UNSET
    """`MEDIA_RESOLUTION_LOW`, `_MEDIUM` or `_HIGH`, for all pictures and videos of the call."""
    response_modalities: tuple[str, ...] | Unset | None = UNSET
    """What the answer may be made of: `TEXT`, `IMAGE`, `AUDIO`."""
    image_config: Mapping[str, Any] | Unset | None = UNSET
    """`{"aspectRatio": "16:9", "imageSize": "2K"}`."""
    speech_config: Mapping[str, Any] | Unset | None = UNSET
    safety_settings: tuple[Mapping[str, str], ...] | Unset | None = UNSET
    """`{"category": ..., "threshold": ...}`, one a category."""
    cached_content: str | Unset | None = UNSET
    """The resource name of a cache made before. It holds system and tools; the request may have none of its own."""
