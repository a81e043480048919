"""Chat Completions at a caller's base URL, or at a known server's by the name of its preset.

Nothing is guessed from a URL: how a server differs is `compat`. A preset is a base URL, where to find a key, and flags.
"""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve

from ..codec import Route
from ..codecs import CODECS
from ..compat import ChatCompat
from ..messages import ProviderOptions
from ..values import Secret
from .handle import AsNamed, KeyAuth, ModelPolicy, ProviderHandle, check_base_url
from .presets import PRESETS, CompatByModel, Preset


def openai_compatible(
    api_key: str | Secret | None = None,
    *,
    preset: str | None = None,
    base_url: str = "",
    compat: ChatCompat | dict[str, Any] | None = None,
    api_version: str | None = None,
    key_header: str | None = None,
    options: ProviderOptions | None = None,
) -> ProviderHandle:
    """Any server that speaks Chat Completions: at a `base_url`, or by the name of a preset (see `presets`).

    `base_url` and `compat` go before the preset's; flags given here are all the flags there are, for every model.
    `api_version` is Azure's classic query. Without a preset, and for local servers, no key is sent where none is given.
    """
    known = _preset(preset)
    if not (base_url or known.base_url):
        asked = "openai-compatible" if preset is None else f"the preset {preset!r}"
        raise ValueError(f'{asked} needs a base_url, for example "http://localhost:11434/v1"{_or_a_preset(preset)}')
    url = check_base_url("openai-compatible", base_url or known.base_url or "")
    flags = ChatCompat.from_json(compat) if isinstance(compat, dict) else compat
    # Servers have models of one name (`openai/gpt-oss-120b`), yet what one said of its reasoning another refuses.
    provider = preset or "openai-compatible"
    codec = evolve(
        cast("Any", CODECS["openai-completions"]),
        provider=provider,
        compat=flags if flags is not None else known.compat,
        api_version=api_version,
    )
    header = (key_header or known.key_header).lower()
    auth = KeyAuth(
        "openai-compatible",
        header,
        prefix="Bearer " if header == "authorization" else "",
        variables=known.variables,
        optional=not known.variables,
    )
    state: dict[str, Any] = {
        "preset": preset,
        "base_url": base_url or None,
        "compat": None if flags is None else flags.to_json(),
        "api_version": api_version,
        "key_header": key_header,
    }
    drawn: Any = evolve(cast("Any", CODECS[known.pictures]), provider=provider)
    if api_version is not None and known.pictures == "openai-images":
        drawn = evolve(drawn, api_version=api_version)
    policy: ModelPolicy = CompatByModel(known.by_model) if flags is None and known.by_model else AsNamed()
    return ProviderHandle(
        kind="openai-compatible",
        state={name: value for name, value in state.items() if value is not None},
        auth=auth.with_key(api_key) if api_key else auth,
        route=Route(url, codec),
        policy=policy,
        options=options or ProviderOptions(),
        pictures=Route(url, drawn),
    )


def _preset(name: str | None) -> Preset:
    if name is None:
        return Preset()
    if name not in PRESETS:
        raise ValueError(f"openai-compatible has no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def _or_a_preset(asked: str | None) -> str:
    return f", or a preset ({', '.join(PRESETS)})" if asked is None else ""
