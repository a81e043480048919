"""Connections that wait for another request. A process that was forked off uses none of its parent's."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lash_proto.http1 import Origin
from lash_proto.shelf import Shelf

from ..world import Clock

__all__ = ["Idle"]

C = TypeVar("C")


class Idle(Generic[C]):
    """The idle connections of one transport. `drop` closes one of them; `clock` is the transport's."""

    def __init__(self, drop: Callable[[C], object], clock: Clock) -> None:
        self._drop = drop
        self._clock = clock
        self._lock = threading.Lock()
        self._shelf: Shelf[C] = Shelf()
        self._process = os.getpid()

    def take(self, origin: Origin) -> C | None:
        """The one used last, which is the likeliest to live; None where there is none."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._shelf = os.getpid(), Shelf()
            swept = self._shelf.sweep(origin, self._clock.now())
            kept = self._shelf.take(origin)
        for connection in swept:
            self._drop(connection)
        return kept

    def give(self, origin: Origin, connection: C) -> None:
        """Keep one for later."""
        with self._lock:
            now = self._clock.now()
            self._shelf.give(origin, connection, now)
            swept = self._shelf.sweep(origin, now)
        for old in swept:
            self._drop(old)

    def abandon(self) -> bool:
        """Drop them all; whether there were any."""
        with self._lock:
            kept = self._shelf.empty()
        for connection in kept:
            self._drop(connection)
        return bool(kept)

    def __del__(self) -> None:
        self.abandon()

    def close(self) -> None:
        """Drop them all."""
        self.abandon()
