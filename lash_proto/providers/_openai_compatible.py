"""Chat Completions at a caller's base URL, or at a known server's by the name of its preset.

Nothing is guessed from a URL: how a server differs is `compat`. A preset is a base URL, where to find a key, and flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..codec import Route
from ..compat import ChatCompat
from ..messages import ProviderOptions
from ..values import Secret
from .handle import AsNamed, KeyAuth, ProviderHandle, check_base_url, codec_of, flags_of
from .presets import PRESETS, CompatByModel, Preset


def openai_compatible(
    api_key: str | Secret | None = None,
    *,
    preset: str | None = None,
    base_url: str = "",
    compat: ChatCompat | Mapping[str, Any] | None = None,
    api_version: str | None = None,
    key_header: str | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Any server that speaks Chat Completions: at a `base_url`, or by the name of a preset (see `presets`).

    `base_url` and `compat` go before the preset's; flags given here are all the flags there are, for every model.
    `api_version` is Azure's classic query. Without a preset, and for local servers, no key is sent where none is given.
    What a server says has the preset's name, or the place in the URL, as its provider, and goes back to no other.
    """
    known = _preset(preset)
    if not (base_url or known.base_url):
        asked = "openai-compatible" if preset is None else f"the preset {preset!r}"
        raise ValueError(f'{asked} needs a base_url, for example "http://localhost:11434/v1"{_or_a_preset(preset)}')
    url = check_base_url("openai-compatible", base_url or known.base_url or "")
    flags = flags_of("openai-compatible", ChatCompat, compat)
    server = preset or url.partition("://")[2]
    drawn = {"api_version": api_version} if known.pictures == "openai-images" else {}
    return ProviderHandle(
        kind="openai-compatible",
        state={
            "preset": preset,
            "base_url": base_url or None,
            "compat": None if flags is None else flags.to_json(),
            "api_version": api_version,
            "key_header": key_header,
        },
        auth=KeyAuth(
            "openai-compatible",
            key_header or known.key_header,
            variables=known.variables,
            optional=not known.variables,
        ),
        route=Route(
            url,
            codec_of(
                "openai-completions",
                server,
                compat=flags if flags is not None else known.compat,
                api_version=api_version,
            ),
        ),
        policy=CompatByModel(known.by_model) if flags is None and known.by_model else AsNamed(),
        options=options,
        pictures=Route(url, codec_of(known.pictures, server, **drawn)),
    ).with_key(api_key)


def _preset(name: str | None) -> Preset:
    if name is None:
        return Preset()
    if name not in PRESETS:
        raise ValueError(f"openai-compatible has no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def _or_a_preset(asked: str | None) -> str:
    return f", or a preset ({', '.join(PRESETS)})" if asked is None else ""
