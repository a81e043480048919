"""OpenAI by its Responses API, pictures by its Images API: another server is `openai-compatible` (WIRE 1a, 6.1)."""

from __future__ import annotations

from typing import Final

from ..codec import Route
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, codec_of
from .registry import VARIABLES

BASE_URL: Final = "https://api.openai.com/v1"


def openai(api_key: str | Secret | None = None, *, options: ProviderOptions | None = None) -> ProviderHandle:
    """OpenAI's own models, over Responses; pictures over Images."""
    return ProviderHandle(
        kind="openai",
        state={},
        auth=KeyAuth("openai", variables=VARIABLES["openai"]),
        route=Route(BASE_URL, codec_of("openai-responses", "openai")),
        options=options,
        pictures=Route(BASE_URL, codec_of("openai-images", "openai")),
    ).with_key(api_key)
