"""Where the calls of a client wait for their turn: the one Admission that its threads or tasks share.

The machine decides; whoever waits is called when his turn has come, from the thread that made it come, and times
himself where only time is missing. That is for the first in line alone, so that a long line does not wake all at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from lash_proto.admission import Admission, Arrived, Left, Limits, News
from lash_proto.happenings import Woke
from lash_proto.machine import Ids

from .world import Clock

__all__ = ["Gate"]


class Gate:
    """Threads share it, and so do event loops in turn or at once."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._admission = Admission(limits)
        self._ids = Ids()
        self._waiting: dict[int, Callable[[], object]] = {}  # in the order of arrival
        self._first: int | None = None

    def ticket(self) -> int:
        """A number to wait under. It takes no place before it arrives."""
        with self._lock:
            return self._ids.next()

    def arrive(self, ticket: int, tokens: int, call: Callable[[], object]) -> None:
        """Wait for a turn. `call` is called, from any thread, when there is reason to look whether it has come."""
        with self._lock:
            self._waiting[ticket] = call
            called = self._step(Arrived(ticket, tokens))
        _call(called)

    def leave(self, ticket: int) -> None:
        """Make room, or wait no longer. Twice does no harm."""
        with self._lock:
            self._waiting.pop(ticket, None)
            called = self._step(Left(ticket))
        _call(called)

    def look(self) -> None:
        """See whose turn has come by time alone."""
        with self._lock:
            called = self._step(Woke())
        _call(called)

    def has_come(self, ticket: int) -> bool:
        """Whether it is the turn of one that has arrived."""
        return ticket not in self._waiting

    def look_at(self, ticket: int, until: float | None) -> float | None:
        """When one that waits till `until` is to look; None where it waits to be called."""
        at = self._admission.wake_at if ticket == self._first else None
        return until if at is None or (until is not None and until < at) else at

    def _step(self, news: News) -> list[Callable[[], object]]:
        called = [self._waiting.pop(admit.id) for admit in self._admission.receive(news, self.clock.now())]
        first = next(iter(self._waiting), None)
        if first is not None and first != self._first:
            called.append(self._waiting[first])
        self._first = first
        return called


def _call(called: list[Callable[[], object]]) -> None:
    for call in called:
        call()
