"""Connections that wait for another request, by event loop: none can be used in another loop than its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from attrs import define, field

from lash_proto.http1 import Origin

from .loops import background, current_loop, poster

__all__ = ["Idle"]

C = TypeVar("C")

LIMIT = 100
"""Idle connections kept to one origin; the longest idle goes first."""


class Idle(Generic[C]):
    """The idle connections of one transport. `drop` closes one of them, and does so even where it cannot wait."""

    def __init__(self, drop: Callable[[C], Coroutine[Any, Any, None]]) -> None:
        self._drop = drop
        self._loops: dict[Any, _Kept[C]] = {}

    def take(self, origin: Origin) -> C | None:
        """The one used last in this loop, which is the likeliest to live; None where there is none."""
        here = self._loops.get(current_loop())
        kept = None if here is None else here.origins.get(origin)
        return kept.pop() if kept else None

    def give(self, origin: Origin, connection: C) -> None:
        """Keep one for later."""
        loop = current_loop()
        here = self._loops.get(loop)
        if here is None:
            for other in [other for other in self._loops if getattr(other, "is_closed", bool)()]:
                del self._loops[other]  # closed without finishing its generators
            here = self._loops[loop] = _Kept(poster())
            here.guard = self._until_the_end(loop)
            _begin(here.guard)
        kept = here.origins.setdefault(origin, [])
        kept.append(connection)
        if len(kept) > LIMIT:
            oldest = kept.pop(0)
            background(lambda: self._drop(oldest))

    async def close(self) -> None:
        """Drop them all, each in its own loop."""
        here = current_loop()
        for loop, held in list(self._loops.items()):
            origins, held.origins = held.origins, {}
            if loop is here:
                await self._drop_all(origins)
            else:
                held.post(lambda origins=origins: background(lambda: self._drop_all(origins)))  # type: ignore[misc]

    async def _drop_all(self, origins: dict[Origin, list[C]]) -> None:
        for connections in origins.values():
            for connection in connections:
                await self._drop(connection)

    async def _until_the_end(self, loop: Any) -> AsyncGenerator[None]:
        """A loop that ends finishes its asynchronous generators first: the last moment for its connections."""
        try:
            yield
        finally:
            await self._drop_all(self._loops.pop(loop).origins)


@define(eq=False)
class _Kept(Generic[C]):
    """What is kept in one loop."""

    post: Callable[[Callable[[], object]], None]
    origins: dict[Origin, list[C]] = field(factory=dict)
    guard: AsyncGenerator[None] | None = None


def _begin(generator: AsyncGenerator[None]) -> None:
    """To its first yield, which it reaches without waiting; the loop gets to know of it here."""
    try:
        generator.__anext__().send(None)
    except StopIteration:
        pass
