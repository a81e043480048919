"""Connections that wait for another request. A process that was forked off uses none of its parent's."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lash_proto.http1 import Origin

__all__ = ["Idle"]

C = TypeVar("C")

LIMIT = 100
"""Idle connections kept to one origin; the longest idle goes first."""


class Idle(Generic[C]):
    """The idle connections of one transport. `drop` closes one of them."""

    def __init__(self, drop: Callable[[C], object]) -> None:
        self._drop = drop
        self._lock = threading.Lock()
        self._origins: dict[Origin, list[C]] = {}
        self._process = os.getpid()

    def take(self, origin: Origin) -> C | None:
        """The one used last, which is the likeliest to live; None where there is none."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._origins = os.getpid(), {}
            kept = self._origins.get(origin)
            return kept.pop() if kept else None

    def give(self, origin: Origin, connection: C) -> None:
        """Keep one for later."""
        with self._lock:
            kept = self._origins.setdefault(origin, [])
            kept.append(connection)
            oldest = kept.pop(0) if len(kept) > LIMIT else None
        if oldest is not None:
            self._drop(oldest)

    def abandon(self) -> bool:
        """Drop them all; whether there were any."""
        with self._lock:
            kept, self._origins = self._origins, {}
        for connections in kept.values():
            for connection in connections:
                self._drop(connection)
        return any(kept.values())

    def __del__(self) -> None:
        self.abandon()

    def close(self) -> None:
        """Drop them all."""
        self.abandon()
