"""lash for asyncio and trio: client, agent, driver and transports."""

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

_WHERE = {
    "Agent": ".agent",
    "AgentEvents": ".agent",
    "HttpcoreTransport": ".transports",  # which brings httpcore with it
    "agent_loop": ".agent",
    "agent_loop_continue": ".agent",
    "run_agent_loop": ".agent",
    "run_agent_loop_continue": ".agent",
}

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
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name], __name__), name)
    return value
