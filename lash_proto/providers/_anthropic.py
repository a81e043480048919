"""Anthropic Messages (WIRE 4a).

The key goes as a bearer token, as the vendor's SDK 2 sends it: that header takes API keys and OAuth tokens alike, where
`x-api-key` refuses the latter. Servers that know only `x-api-key` get it by option. A subscription's OAuth token, told
by how it begins, needs a beta of its own (WIRE 4h); whose identity goes with it is not lash's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from attrs import evolve

from ..codec import Route
from ..compat import AnthropicCompat
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url, codec_of, flags_of
from .registry import VARIABLES

BASE_URL: Final = "https://api.anthropic.com"

_OAUTH: Final = "sk-ant-oat"
_OAUTH_BETA: Final = "oauth-2025-04-20"
_HINT: Final = (
    "lash sends no identity of others, and Anthropic may serve a subscription's token only to clients that it knows: "
    "anthropic(identity={...}) sends the headers that are yours to send"
)


def anthropic(
    api_key: str | Secret | None = None,
    *,
    base_url: str = BASE_URL,
    key_header: str = "authorization",
    version: str | None = None,
    betas: Iterable[str] = (),
    compat: AnthropicCompat | Mapping[str, Any] | None = None,
    identity: Mapping[str, str] | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Claude by Anthropic's own API, or by a server that speaks Messages at `base_url`.

    `version` and `betas` go into the headers of those names, `identity` holds further headers of every request.
    """
    flags = flags_of("anthropic", AnthropicCompat, compat)
    fields: dict[str, Any] = {"version": version, "betas": tuple(betas) or None, "compat": flags}
    given = {name: value for name, value in fields.items() if value is not None}
    return ProviderHandle(
        kind="anthropic",
        state={
            "base_url": base_url,
            "key_header": key_header,
            "version": version,
            "betas": list(betas) or None,
            "compat": None if flags is None else flags.to_json(),
            "identity": dict(identity or {}) or None,
        },
        auth=KeyAuth("anthropic", key_header, variables=VARIABLES["anthropic"]),
        route=Route(
            check_base_url("anthropic", base_url),
            codec_of("anthropic-messages", "anthropic", **given),
            tuple((identity or {}).items()),
        ),
        options=options,
        keyed=_with_token,
    ).with_key(api_key)


def _with_token(handle: ProviderHandle, key: str) -> ProviderHandle:
    """What a subscription's token needs: its beta, the header that takes it, and a word on refusals."""
    if not key.startswith(_OAUTH):
        return handle
    codec = cast("Any", handle.route.codec)
    codec = evolve(codec, betas=tuple(dict.fromkeys((_OAUTH_BETA, *codec.betas))))
    hints = {} if "identity" in handle.state else dict.fromkeys((400, 401, 403), _HINT)
    auth = evolve(cast("KeyAuth", handle.auth), header="authorization")
    return evolve(handle, auth=auth, route=evolve(handle.route, codec=codec, hints=hints))
