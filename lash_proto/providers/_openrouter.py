"""OpenRouter for pictures (WIRE 6.2). Its chat is `openai_compatible(preset="openrouter")`."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url
from .registry import VARIABLES

BASE_URL = "https://openrouter.ai/api/v1"


def openrouter(
    api_key: str | Secret | None = None, *, base_url: str = BASE_URL, options: ProviderOptions | None = None
) -> ProviderHandle:
    """Pictures by OpenRouter: text in and pictures out, unless the call's `modalities` say more."""
    url = check_base_url("openrouter", base_url)
    auth = KeyAuth("openrouter", "authorization", prefix="Bearer ", variables=VARIABLES["openrouter"])
    route = Route(url, evolve(cast("Any", CODECS["openrouter-images"]), provider="openrouter"))
    return ProviderHandle(
        kind="openrouter",
        state={"base_url": base_url},
        auth=auth.with_key(api_key) if api_key else auth,
        route=route,
        options=options or ProviderOptions(),
        pictures=route,
    )
