"""lash for blocking code: client, driver and transports."""

from __future__ import annotations

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

__all__ = [
    "CancelToken",
    "Client",
    "DefaultTransport",
    "FauxTransport",
    "RecordTransport",
    "ReplayTransport",
    "Run",
    "Stream",
    "StreamTransport",
    "performers",
]
