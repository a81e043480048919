"""Kinds by name: what turns `"anthropic:claude-opus-5"` and a saved ProviderSpec into a handle."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from .handle import ProviderHandle, ProviderSpec

Factory = Callable[..., ProviderHandle]

_BUILT_IN: tuple[str, ...] = (
    "openai",
    "openai-compatible",
    "codex",
    "anthropic",
    "google_oauth",
    "google",
    "github-copilot",
    "openrouter",
    "faux",
)

VARIABLES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY"),
    "github-copilot": ("COPILOT_GITHUB_TOKEN",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "google": ("GEMINI_API_KEY",),
}
"""The environment variables that hold a kind's key, in the order they are asked. Presets name their own."""

_factories: dict[str, Factory] = {}


def register(kind: str, factory: Factory) -> None:
    """Make a kind known by name. A later registration replaces an earlier one."""
    if not kind or ":" in kind:
        raise ValueError(f"{kind!r} is no name for a kind: it must not be empty or hold a colon")
    _factories[kind] = factory


def register_all() -> None:
    """Make every built-in kind known. Twice does no harm, and what was registered by hand stays."""
    for kind in _BUILT_IN:
        _factories.setdefault(kind, _late(kind.replace("-", "_")))


def _late(name: str) -> Factory:
    def factory(**state: Any) -> ProviderHandle:
        made: ProviderHandle = getattr(import_module(".", __package__), name)(**state)
        return made

    return factory


def kinds() -> tuple[str, ...]:
    """Every kind known by name."""
    return tuple(_factories)


def make_handle(kind: str, **options: Any) -> ProviderHandle:
    """A handle of a registered kind, or `openai-compatible` by the name of one of its presets where no kind has it.

    `options` go to the factory. ValueError for a name that nobody registered.
    """
    factory = _factories.get(kind)
    if factory is None:
        from .presets import PRESETS

        if kind in PRESETS and "openai-compatible" in _factories:
            return make_handle("openai-compatible", preset=kind, **options)
        known = ", ".join(_factories) or "none; call register_all()"
        raise ValueError(f"no provider kind {kind!r} is registered (there are: {known}; presets: {', '.join(PRESETS)})")
    return factory(**options)


def from_spec(spec: ProviderSpec, **credentials: Any) -> ProviderHandle:
    """The handle whose `spec` this is, with the credential given anew.

    ValueError for a state that no handle of its kind can have.
    """
    options = {} if spec.options is None else {"options": spec.options}
    try:
        return make_handle(spec.kind, **spec.state, **options, **credentials)
    except TypeError as error:
        raise ValueError(f"no {spec.kind!r} can be made of its saved form: {error}") from error


def split_model(text: str) -> tuple[str, str]:
    """`"kind:model"` as its two halves. ValueError where one is missing."""
    kind, colon, model = text.partition(":")
    if not colon or not kind or not model:
        raise ValueError(f'{text!r} names no model: write it as "kind:model", for example "anthropic:claude-opus-5"')
    return kind, model
