"""OpenRouter for pictures (WIRE 6.2). Its chat is `openai_compatible(preset="openrouter")`."""

from __future__ import annotations

from typing import Final

from ..codec import Route
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url, codec_of
from .registry import VARIABLES

BASE_URL: Final = "https://openrouter.ai/api/v1"


def openrouter(
    api_key: str | Secret | None = None, *, base_url: str = BASE_URL, options: ProviderOptions | None = None
) -> ProviderHandle:
    """Pictures by OpenRouter: text in and pictures out, unless the call's `modalities` say more."""
    route = Route(check_base_url("openrouter", base_url), codec_of("openrouter-images", "openrouter"))
    return ProviderHandle(
        kind="openrouter",
        state={"base_url": base_url},
        auth=KeyAuth("openrouter", variables=VARIABLES["openrouter"]),
        route=route,
        options=options,
        pictures=route,
    ).with_key(api_key)
