"""The drivers of lash: they touch the world and decide nothing. `lash_io.blocking` and `lash_io.aio` are twins.

What is named here is imported on first use (PEP 562). lash logs to `lash_io.*`, where nothing listens unless told to.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import Agent as AsyncAgent
    from .aio import Client as AsyncClient
    from .blocking import Agent, Client
    from .cancel import CancelToken
    from .keys import get_env_api_key

_WHERE = {
    "Agent": (".blocking", "Agent"),
    "AsyncAgent": (".aio", "Agent"),
    "AsyncClient": (".aio", "Client"),
    "CancelToken": (".cancel", "CancelToken"),
    "Client": (".blocking", "Client"),
    "get_env_api_key": (".keys", "get_env_api_key"),
}

__all__ = ["Agent", "AsyncAgent", "AsyncClient", "CancelToken", "Client", "get_env_api_key"]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, found = _WHERE[name]
    value = globals()[name] = getattr(import_module(module, __name__), found)
    return value
