"""lash for blocking code: client, agent, driver and transports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..cancel import CancelToken
from . import transports
from .client import Client, Stream
from .driver import Run, performers

if TYPE_CHECKING:
    from .agent import (
        Agent,
        AgentEvents,
        agent_loop,
        agent_loop_continue,
        run_agent_loop,
        run_agent_loop_continue,
    )
    from .transports import (
        DefaultTransport,
        FauxTransport,
        HttpcoreTransport,
        RecordTransport,
        ReplayTransport,
        StreamTransport,
    )

_AGENTS = (
    "Agent",
    "AgentEvents",
    "agent_loop",
    "agent_loop_continue",
    "run_agent_loop",
    "run_agent_loop_continue",
)

__all__ = [
    "Agent",
    "AgentEvents",
    "CancelToken",
    "Client",
    "DefaultTransport",
    "FauxTransport",
    "HttpcoreTransport",
    "RecordTransport",
    "ReplayTransport",
    "Run",
    "Stream",
    "StreamTransport",
    "agent_loop",
    "agent_loop_continue",
    "performers",
    "run_agent_loop",
    "run_agent_loop_continue",
]


def __getattr__(name: str) -> Any:
    # Most is not needed by most, and some bring httpcore, the faux provider or the loop with them.
    if name in _AGENTS:
        value = getattr(import_module(".agent", __name__), name)
    elif name in transports.__all__:
        value = getattr(transports, name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
