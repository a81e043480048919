"""What performs CallHttp, one file each. HttpcoreTransport is imported on first use, and httpcore with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .default import DefaultTransport
from .faux import FauxTransport
from .record import RecordTransport
from .replay import ReplayTransport
from .stream import StreamTransport

if TYPE_CHECKING:
    from .pool import HttpcoreTransport

__all__ = [
    "DefaultTransport",
    "FauxTransport",
    "HttpcoreTransport",
    "RecordTransport",
    "ReplayTransport",
    "StreamTransport",
]


def __getattr__(name: str) -> Any:
    if name != "HttpcoreTransport":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .pool import HttpcoreTransport

    return HttpcoreTransport
