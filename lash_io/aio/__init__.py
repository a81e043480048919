"""lash for asyncio and trio: client, driver and transports."""

from __future__ import annotations

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
    from .transports import HttpcoreTransport

__all__ = [
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
    "performers",
]


def __getattr__(name: str) -> Any:
    if name != "HttpcoreTransport":  # which brings httpcore with it
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .transports import HttpcoreTransport

    return HttpcoreTransport
