"""Where a client keeps its handle, and where its calls wait while one of them renews it: `lash_proto.keeping` decides.

Whoever waits is called when he has an answer, from the thread that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from attrs import define

from lash_proto.codec import Handle
from lash_proto.failures import Failure
from lash_proto.keeping import Keeper, Left, News, Told, Wanted
from lash_proto.machine import Ids
from lash_proto.providers import ProviderHandle

__all__ = ["Kept", "Ticket"]


@define(eq=False)
class Ticket:
    """One call, which is `over` when it has left: what still runs of it in a thread asks for nothing any more."""

    id: int
    over: bool = False


class Kept:
    """Threads share it, and so do event loops in turn or at once."""

    def __init__(self, handle: ProviderHandle) -> None:
        self._lock = threading.Lock()
        self._keeper = Keeper(handle)
        self._ids = Ids()
        self._waiting: dict[int, Callable[[], object]] = {}
        self._answers: dict[int, Any] = {}

    @property
    def handle(self) -> ProviderHandle:
        """The handle as the latest of the calls left it."""
        return cast("ProviderHandle", self._keeper.handle)

    def ticket(self) -> Ticket:
        """For one call."""
        with self._lock:
            return Ticket(self._ids.next())

    def want(self, ticket: Ticket, handle: ProviderHandle, call: Callable[[], object]) -> None:
        """Wait for an answer. `call` is called, from any thread, when it is there, or when the call is over."""
        with self._lock:
            if ticket.over:
                called = [call]
            else:
                self._waiting[ticket.id] = call
                called = self._step(Wanted(ticket.id, handle))
        _call(called)

    def answer(self, ticket: Ticket) -> Any:
        """A newer handle, the Failure of another's attempt, or None, for one that was called."""
        with self._lock:
            return self._answers.pop(ticket.id, None)

    def tell(self, ticket: Ticket, outcome: ProviderHandle | Failure) -> None:
        """What has come of a renewal."""
        with self._lock:
            called = self._step(Told(ticket.id, outcome))
        _call(called)

    def leave(self, ticket: Ticket, handle: Handle | None) -> None:
        """A call is over, and this is its handle. Twice does no harm."""
        with self._lock:
            ticket.over = True
            waits = self._waiting.pop(ticket.id, None)  # in a thread that nobody listens to any more
            called = [*self._step(Left(ticket.id, handle)), *([] if waits is None else [waits])]
            self._answers.pop(ticket.id, None)
        _call(called)

    def _step(self, news: News) -> list[Callable[[], object]]:
        answers = self._keeper.receive(news)
        self._answers.update({answer.id: answer.value for answer in answers})
        return [self._waiting.pop(answer.id) for answer in answers]


def _call(called: list[Callable[[], object]]) -> None:
    for call in called:
        call()
