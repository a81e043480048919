"""Provider kinds: `anthropic()`, `openai()` and the others make a handle; the registry makes one from a name.

Each factory is imported on first use, and with it the codec it speaks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._anthropic import anthropic
    from ._codex import codex
    from ._faux import FauxHandle, faux
    from ._github_copilot import github_copilot
    from ._google import google
    from ._google_oauth import google_oauth
    from ._openai import openai
    from ._openai_compatible import openai_compatible
    from ._openrouter import openrouter
    from .capabilities import Capabilities
    from .handle import KeyAuth, ModelPolicy, ProviderHandle, ProviderSpec
    from .presets import PRESETS, Preset
    from .registry import from_spec, kinds, make_handle, register, register_all, split_model

_WHERE = {
    "anthropic": "._anthropic",
    "codex": "._codex",
    "faux": "._faux",
    "FauxHandle": "._faux",
    "github_copilot": "._github_copilot",
    "google": "._google",
    "google_oauth": "._google_oauth",
    "openai": "._openai",
    "openai_compatible": "._openai_compatible",
    "openrouter": "._openrouter",
    "Capabilities": ".capabilities",
    "KeyAuth": ".handle",
    "ModelPolicy": ".handle",
    "ProviderHandle": ".handle",
    "ProviderSpec": ".handle",
    "PRESETS": ".presets",
    "Preset": ".presets",
    "from_spec": ".registry",
    "kinds": ".registry",
    "make_handle": ".registry",
    "register": ".registry",
    "register_all": ".registry",
    "split_model": ".registry",
}

__all__ = [
    "PRESETS",
    "Capabilities",
    "FauxHandle",
    "KeyAuth",
    "ModelPolicy",
    "Preset",
    "ProviderHandle",
    "ProviderSpec",
    "anthropic",
    "codex",
    "faux",
    "from_spec",
    "github_copilot",
    "google",
    "google_oauth",
    "kinds",
    "make_handle",
    "openai",
    "openai_compatible",
    "openrouter",
    "register",
    "register_all",
    "split_model",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name], __name__), name)
    globals()[name] = value
    return value
