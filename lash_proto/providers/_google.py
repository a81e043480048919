"""The Gemini API with a key (WIRE 5a)."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url
from .registry import VARIABLES

BASE_URL = "https://generativelanguage.googleapis.com"


def google(
    api_key: str | Secret | None = None, *, base_url: str = BASE_URL, options: ProviderOptions | None = None
) -> ProviderHandle:
    """Gemini by an API key."""
    url = check_base_url("google", base_url)
    auth = KeyAuth("google", "x-goog-api-key", variables=VARIABLES["google"])
    codec = evolve(cast("Any", CODECS["google-generative-ai"]), provider="google")
    return ProviderHandle(
        kind="google",
        state={"base_url": base_url},
        auth=auth.with_key(api_key) if api_key else auth,
        route=Route(url, codec),
        options=options or ProviderOptions(),
    )
