"""lash for blocking code: client, driver and transports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cancel import CancelToken
from . import transports
from .client import Client, Stream
from .driver import Run, performers

if TYPE_CHECKING:
    from .transports import (
        DefaultTransport,
        FauxTransport,
        HttpcoreTransport,
        RecordTransport,
        ReplayTransport,
        StreamTransport,
    )

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
    if name not in transports.__all__:  # most are not needed, and some bring httpcore or the faux provider with them
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(transports, name)
    return value
