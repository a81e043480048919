"""Anthropic Messages (WIRE 4a). The key goes as a bearer token, as the vendor's SDK 2 sends it: that header takes API
keys and OAuth tokens alike, where `x-api-key` refuses the latter. Servers that know only `x-api-key` get it by option.
"""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url
from .registry import VARIABLES

BASE_URL = "https://api.anthropic.com"


def anthropic(
    api_key: str | Secret | None = None,
    *,
    base_url: str = BASE_URL,
    key_header: str = "authorization",
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Claude by Anthropic's own API, or by a server that speaks Messages at `base_url`."""
    url = check_base_url("anthropic", base_url)
    auth = KeyAuth(
        "anthropic",
        key_header.lower(),
        prefix="Bearer " if key_header.lower() == "authorization" else "",
        variables=VARIABLES["anthropic"],
    )
    codec = evolve(cast("Any", CODECS["anthropic-messages"]), provider="anthropic")
    return ProviderHandle(
        kind="anthropic",
        state={"base_url": base_url, "key_header": key_header},
        auth=auth.with_key(api_key) if api_key else auth,
        route=Route(url, codec),
        options=options or ProviderOptions(),
    )
