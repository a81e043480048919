"""Connections that wait for another request, by origin: which one is next, and which are given up.

Decisions.
- The one used last is next: it is the likeliest to live, and so the others grow old and go.
- As many are kept as a busy program has streams at once. With fewer, each wave of streams would pay for connections,
  and for TLS, anew.
- None is kept for long. Address translators forget a silent connection without a word to either end, AWS's after 350 s,
  and a request on it would wait until its deadline.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

from .http1 import Origin

C = TypeVar("C")

LIMIT: Final = 1000
"""Idle connections kept to one origin; the longest idle goes first."""
LONGEST: Final = 240.0
"""Seconds that one is kept."""


class Shelf(Generic[C]):
    """The idle connections of one event loop, or of one process. Closes nothing: it gives back what is to be closed."""

    def __init__(self) -> None:
        self._origins: dict[Origin, deque[tuple[float, C]]] = {}

    def take(self, origin: Origin) -> C | None:
        """The one used last; None where there is none. `sweep` comes first."""
        kept = self._origins.get(origin)
        return kept.pop()[1] if kept else None

    def give(self, origin: Origin, connection: C, now: float) -> None:
        """Keep one for later."""
        self._origins.setdefault(origin, deque()).append((now, connection))

    def sweep(self, origin: Origin, now: float) -> list[C]:
        """Those that are idle for too long, and those over the limit: no longer kept, to be closed."""
        kept = self._origins.get(origin)
        swept: list[C] = []
        while kept and (len(kept) > LIMIT or now - kept[0][0] > LONGEST):
            swept.append(kept.popleft()[1])
        return swept

    def empty(self) -> list[C]:
        """All of them: no longer kept, to be closed."""
        origins, self._origins = self._origins, {}
        return [connection for kept in origins.values() for _, connection in kept]
