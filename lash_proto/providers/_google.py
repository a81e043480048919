"""The Gemini API with a key (WIRE 5a)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..codec import Route
from ..compat import GoogleCompat
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url, codec_of, flags_of
from .registry import VARIABLES

BASE_URL: Final = "https://generativelanguage.googleapis.com"


def google(
    api_key: str | Secret | None = None,
    *,
    base_url: str = BASE_URL,
    compat: GoogleCompat | Mapping[str, Any] | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Gemini by an API key. `compat` says which Gemini where it is not the newest."""
    flags = flags_of("google", GoogleCompat, compat)
    given = {} if flags is None else {"compat": flags}
    return ProviderHandle(
        kind="google",
        state={"base_url": base_url, "compat": None if flags is None else flags.to_json()},
        auth=KeyAuth("google", "x-goog-api-key", variables=VARIABLES["google"]),
        route=Route(check_base_url("google", base_url), codec_of("google-generative-ai", "google", **given)),
        options=options,
    ).with_key(api_key)
