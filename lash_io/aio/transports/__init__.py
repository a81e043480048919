"""What performs CallHttp, one file each, imported on first use: with some come httpcore and the faux provider."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .default import DefaultTransport
    from .faux import FauxTransport
    from .pool import HttpcoreTransport
    from .record import RecordTransport
    from .replay import ReplayTransport
    from .stream import StreamTransport

_WHERE = {
    "DefaultTransport": ".default",
    "FauxTransport": ".faux",
    "HttpcoreTransport": ".pool",
    "RecordTransport": ".record",
    "ReplayTransport": ".replay",
    "StreamTransport": ".stream",
}

__all__ = [
    "DefaultTransport",
    "FauxTransport",
    "HttpcoreTransport",
    "RecordTransport",
    "ReplayTransport",
    "StreamTransport",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name], __name__), name)
    return value
