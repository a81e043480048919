"""Where a key is found when none was given: the environment, which a client reads once, when it is built."""

from __future__ import annotations

from lash_proto.providers import ProviderHandle
from lash_proto.providers.presets import PRESETS
from lash_proto.providers.registry import VARIABLES

from .world import environment

__all__ = ["get_env_api_key", "with_env_key"]


def get_env_api_key(kind: str) -> str | None:
    """The key that the environment holds for a provider kind or a preset; None where there is none, or it is empty."""
    variables = VARIABLES.get(kind)
    if variables is None:
        variables = PRESETS[kind].variables if kind in PRESETS else ()
    return _first(variables)


def with_env_key(handle: ProviderHandle) -> ProviderHandle:
    """The handle with a key from the environment, where it has none and one is there."""
    key = None if handle.has_key else _first(handle.variables)
    return handle if key is None else handle.with_key(key)


def _first(variables: tuple[str, ...]) -> str | None:
    held = environment()
    return next((held[name] for name in variables if held.get(name)), None)
