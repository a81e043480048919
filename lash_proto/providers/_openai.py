"""OpenAI by its Responses API, pictures by its Images API: another server is `openai-compatible` (WIRE 1a, 6.1)."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle
from .registry import VARIABLES

BASE_URL = "https://api.openai.com/v1"


def openai(api_key: str | Secret | None = None, *, options: ProviderOptions | None = None) -> ProviderHandle:
    """OpenAI's own models, over Responses; pictures over Images."""
    auth = KeyAuth("openai", "authorization", prefix="Bearer ", variables=VARIABLES["openai"])
    codec = evolve(cast("Any", CODECS["openai-responses"]), provider="openai")
    return ProviderHandle(
        kind="openai",
        state={},
        auth=auth.with_key(api_key) if api_key else auth,
        route=Route(BASE_URL, codec),
        options=options or ProviderOptions(),
        pictures=Route(BASE_URL, evolve(cast("Any", CODECS["openai-images"]), provider="openai")),
    )
