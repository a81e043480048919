"""lash for blocking code: client, driver and transports."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..cancel import CancelToken
from .client import Client, Stream
from .driver import Run, performers
from .transports import (
    DefaultTransport,
    FauxTransport,
    RecordTransport,
    ReplayTransport,
    StreamTransport,
)

if TYPE_CHECKING:
    from .agent import (
        Agent,
        AgentEvents,
        agent_loop,
        agent_loop_continue,
        run_agent_loop,
        run_agent_loop_continue,
    )
    from .transports import HttpcoreTransport

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


# What brings more with it than a client needs is imported on first use.
_LATER = {
    "HttpcoreTransport": ".transports",
    **dict.fromkeys(
        ("Agent", "AgentEvents", "agent_loop", "agent_loop_continue", "run_agent_loop", "run_agent_loop_continue"),
        ".agent",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)
