"""Connections that wait for another request, by event loop: none can be used in another loop than its own.

A loop that ends finishes its asynchronous generators first, which is the last moment for its connections. So there is
one such generator a loop, held here and not by what it looks after: trio complains of one that is lost before its end.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, Generic, TypeVar

from attrs import define, field

from lash_proto.http1 import Origin
from lash_proto.shelf import Shelf

from ..world import Clock
from .loops import current_loop, poster

__all__ = ["Idle"]

C = TypeVar("C")


class Idle(Generic[C]):
    """The idle connections of one transport. `drop` closes one of them, in its own loop, and does not wait; `clock` is
    the transport's."""

    def __init__(self, drop: Callable[[C], object], clock: Clock) -> None:
        self._drop = drop
        self._clock = clock
        self._loops: dict[Any, _Kept[C]] = {}

    def take(self, origin: Origin) -> C | None:
        """The one used last in this loop, which is the likeliest to live; None where there is none."""
        here = self._loops.get(current_loop())
        if here is None:
            return None
        for old in here.shelf.sweep(origin, self._clock.now()):
            self._drop(old)
        return here.shelf.take(origin)

    def give(self, origin: Origin, connection: C) -> None:
        """Keep one for later."""
        loop = current_loop()
        here = self._loops.get(loop)
        if here is None:
            for other in [other for other in self._loops if _is_closed(other)]:
                del self._loops[other]  # closed without finishing its generators
            here = self._loops[loop] = _Kept(poster())
            _watch(loop, self)
        now = self._clock.now()
        here.shelf.give(origin, connection, now)
        for old in here.shelf.sweep(origin, now):
            self._drop(old)

    def abandon(self) -> bool:
        """Drop them all, each in its own loop, without waiting; whether there were any. From anywhere."""
        found = False
        for held in list(self._loops.values()):
            for connection in held.shelf.empty():
                found = True
                held.post(partial(self._drop, connection))
        return found

    def __del__(self) -> None:
        self.abandon()

    async def close(self) -> None:
        """Drop them all: those of this loop now, those of others as soon as these go on."""
        self.leave(current_loop())
        self.abandon()

    def leave(self, loop: Any) -> None:
        """Drop those of the loop that runs, now."""
        held = self._loops.pop(loop, None)
        for connection in () if held is None else held.shelf.empty():
            self._drop(connection)


@define(eq=False)
class _Kept(Generic[C]):
    """What is kept in one loop."""

    post: Callable[[Callable[[], object]], None]
    shelf: Shelf[C] = field(factory=Shelf)


_watched: dict[Any, tuple[weakref.WeakSet[Idle[Any]], AsyncGenerator[None]]] = {}


def _watch(loop: Any, idle: Idle[Any]) -> None:
    """Have what is idle leave the loop when that ends."""
    if loop not in _watched:
        for other in [other for other in _watched if _is_closed(other)]:
            del _watched[other]
        generator = _until_the_end(loop)
        _watched[loop] = weakref.WeakSet(), generator
        try:
            generator.__anext__().send(None)  # to its first yield, without waiting; the loop gets to know of it here
        except StopIteration:
            pass
    _watched[loop][0].add(idle)


async def _until_the_end(loop: Any) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        idles, _ = _watched.pop(loop)
        for idle in list(idles):
            idle.leave(loop)


def _is_closed(loop: Any) -> bool:
    return bool(getattr(loop, "is_closed", bool)())
