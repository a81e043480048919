"""What performs CallHttp, one file each."""

from __future__ import annotations

from .stream import StreamTransport

__all__ = ["StreamTransport"]
