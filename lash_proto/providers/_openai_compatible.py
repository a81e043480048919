"""Chat Completions at a caller's base URL. Nothing is guessed from it: how a server differs is `compat`."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..compat import ChatCompat
from ..messages import ProviderOptions
from ..values import Secret
from .handle import KeyAuth, ProviderHandle, check_base_url


def openai_compatible(
    api_key: str | Secret | None = None,
    *,
    base_url: str = "",
    compat: ChatCompat | dict[str, Any] | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Any server that speaks Chat Completions. `base_url` is needed; without a key none is sent (local servers)."""
    if not base_url:
        raise ValueError('openai-compatible needs a base_url, for example "http://localhost:11434/v1"')
    url = check_base_url("openai-compatible", base_url)
    flags = ChatCompat.from_json(compat) if isinstance(compat, dict) else compat
    codec = cast("Any", CODECS["openai-completions"])
    codec = evolve(codec, provider="openai-compatible", compat=flags if flags is not None else codec.compat)
    state: dict[str, Any] = {"base_url": base_url}
    if flags is not None:
        state["compat"] = flags.to_json()
    auth = KeyAuth("openai-compatible", "authorization", prefix="Bearer ", optional=True)
    return ProviderHandle(
        kind="openai-compatible",
        state=state,
        auth=auth.with_key(api_key) if api_key else auth,
        route=Route(url, codec),
        options=options or ProviderOptions(),
    )
