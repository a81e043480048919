"""The blocking driver: one loop that carries out effects and feeds happenings, for every machine.

It decides nothing. While one effect is in flight it stays in the caller's thread; threads begin when effects overlap,
and one more happening in the inbox is what they say to the one thread that owns the machine. A function that runs in
the caller's thread cannot be interrupted, so it gets a thread of its own where a deadline or a token could end it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import Cancelled, Happening, HostAnswered, ToolReturned, Woke
from lash_proto.machine import Done, Machine

from ..cancel import CancelToken
from ..flights import ENDINGS, INBOX, ORDERS, News, broken, is_due, log_function, no_performer, nothing_to_wait_for
from ..world import CLOCK, Clock

__all__ = ["Flight", "Run", "Transport", "performers"]

R = TypeVar("R")


class Flight(Protocol):
    """An effect under way; `lash_io.flights` tells the rules."""

    @property
    def bounded(self) -> bool:
        """Whether `receive` keeps to `until`."""
        ...

    def receive(self, until: float | None) -> News | None:
        """The next happening; None where the clock passed `until`, and once where someone interrupted."""
        ...

    def interrupt(self) -> None:
        """Make a wait return promptly. From any thread."""
        ...

    def close(self) -> None:
        """Drop what it holds, at once. Twice does no harm."""
        ...


class Transport(Protocol):
    """What performs CallHttp."""

    def open(self, call: CallHttp) -> Flight:
        """The call's flight. Touches nothing before its first `receive`."""
        ...

    def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        ...


def performers(
    transport: Transport | None = None,
    *,
    run_tool: Callable[[RunTool], Any] | None = None,
    ask_host: Callable[[AskHost], Any] | None = None,
) -> dict[type, Callable[[Any], Flight]]:
    """The table a Run needs. An exception in a function becomes Failed, for the machine to judge."""
    table: dict[type, Callable[[Any], Flight]] = {}
    if transport is not None:
        table[CallHttp] = transport.open
    if run_tool is not None:
        table[RunTool] = lambda effect: Function(effect, run_tool, ToolReturned)
    if ask_host is not None:
        table[AskHost] = lambda effect: Function(effect, ask_host, HostAnswered)
    return table


class Run(Generic[R]):
    """A machine under way: iterate over its events, then read `result`. A context manager; belongs to one thread."""

    def __init__(
        self,
        machine: Machine[R],
        performers: Mapping[type, Callable[[Any], Flight]],
        *,
        clock: Clock = CLOCK,
        cancel: CancelToken | None = None,
    ) -> None:
        self._machine = machine
        self._performers = performers
        self._clock = clock
        self._cancel = cancel
        self._cancelled = False
        self._started = False
        self._now = 0.0
        self._given = False  # the last outputs held events, which the caller takes his time with
        self._back = 0.0  # when he last came back for more
        self._done: Done[R] | None = None
        self.events: Iterator[Any] = iter(())
        """What the machine gave and nobody has taken; it does for a caller who is in a hurry what `next` does."""
        self._flights: dict[int, Flight] = {}
        self._inbox: _Inbox | None = None
        self._held: News | None = None
        self._told: deque[Happening] = deque()
        self._pause = threading.Event()

    @property
    def started(self) -> bool:
        """Whether the machine has begun."""
        return self._started

    @property
    def done(self) -> bool:
        """Whether the machine has ended."""
        return self._done is not None

    @property
    def result(self) -> R:
        """The machine's result. Raises LocalProtocolError before it is done."""
        if self._done is None:
            raise LocalProtocolError(f"{type(self._machine).__name__} is not done yet")
        return self._done.result

    def start(self) -> None:
        """Start the machine, where iterating has not done so; what it raises for a call that cannot be comes here."""
        if self._started:
            return
        self._started = True
        self._now = self._clock.now()
        self._take(self._machine.start(self._now))
        if self._cancel is not None and self._done is None:
            self._cancel.listen(self._interrupt)

    def tell(self, happening: Happening) -> None:
        """News that no flight brings: what a tool has so far, what the caller has to say. From any thread."""
        self._told.append(happening)
        self._pause.set()
        if (inbox := self._inbox) is not None:
            inbox.wake()

    def abandon(self) -> R | None:
        """Drop everything and tell the machine, which may still have a result: what had come. None where it has not."""
        self.close()
        if self._started and self._done is None:
            outputs = self._machine.receive(Cancelled(), self._clock.now())
            if outputs and type(outputs[-1]) is Done:
                self._done = outputs[-1]
        return None if self._done is None else self._done.result

    def finish(self) -> R:
        """Run to the end, whatever events there are, and give the result."""
        for _ in self:
            pass
        return self.result

    def close(self) -> None:
        """Drop everything in flight, at once. Twice does no harm."""
        if self._cancel is not None:
            self._cancel.forget(self._interrupt)
        for id in list(self._flights):
            self._drop(id)
        self._leave_threads()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while True:
            for event in self.events:
                return event
            if not self._started:
                self.start()
                continue
            if self._done is not None:
                raise StopIteration
            try:
                self._advance()
            except BaseException:
                self.close()
                raise

    def _advance(self) -> None:
        if self._given:
            self._back = self._clock.now()
        happening = self._wait()
        self._now = self._clock.now()
        self._take(self._machine.receive(happening, self._now))

    def _take(self, outputs: Sequence[Any]) -> None:
        events = [output for output in outputs if type(output) not in ORDERS]
        if len(events) != len(outputs):
            for output in outputs:
                if type(output) in ORDERS:
                    self._carry_out(output)
        self.events = iter(events)
        self._given = bool(events)

    def _carry_out(self, order: Any) -> None:
        if type(order) is Done:
            self._done = order
            self.close()
        elif type(order) is Abort:
            self._drop(order.id)
        elif type(order) in self._performers:
            flight = self._flights[order.id] = self._performers[type(order)](order)
            if self._inbox is not None:
                self._inbox.attend(order.id, flight)
        else:
            raise no_performer(order)

    def _wait(self) -> Happening:
        flights = self._flights
        happening: News | None
        quiet = False
        while True:
            wake_at = self._machine.wake_at
            if self._cancel is not None and self._cancel.cancelled and not self._cancelled:
                self._cancelled = True
                return Cancelled()
            if self._told:
                return self._told.popleft()
            if wake_at is not None and wake_at <= self._now:
                if not flights or is_due(wake_at, self._now, self._back, quiet):
                    return Woke()
            if self._held is not None:
                happening, self._held = self._held, None
            elif self._inbox is not None:
                happening = self._inbox.get(wake_at, self._clock)
            elif not flights:
                self._sleep(wake_at)
                happening = None
            elif len(flights) == 1 and (flight := next(iter(flights.values()))) and self._may_stay(flight, wake_at):
                happening = flight.receive(wake_at)
            else:
                self._inbox = _Inbox()
                for id, flight in flights.items():
                    self._inbox.attend(id, flight)
                continue
            if happening is None:
                quiet = True
                self._now = self._clock.now()
            elif self._told or (self._cancel is not None and self._cancel.cancelled and not self._cancelled):
                # It may be no more than the interrupt's own trace, or the end of what was told on: these come first.
                self._held = happening
            elif happening.id in flights:
                if type(happening) in ENDINGS:
                    del flights[happening.id]
                    if not flights:
                        self._leave_threads()
                return happening

    def _may_stay(self, flight: Flight, wake_at: float | None) -> bool:
        return flight.bounded or (wake_at is None and self._cancel is None)

    def _sleep(self, wake_at: float | None) -> None:
        if wake_at is None:
            raise nothing_to_wait_for(self._machine)
        if self._pause.wait(self._clock.timeout(wake_at)):
            self._pause.clear()
        else:
            self._clock.passed(wake_at)

    def _interrupt(self) -> None:
        self._pause.set()
        for flight in list(self._flights.values()):
            flight.interrupt()
        if (inbox := self._inbox) is not None:
            inbox.wake()

    def _drop(self, id: int) -> None:
        flight = self._flights.pop(id, None)
        if flight is None:
            return
        if self._inbox is not None:
            flight.interrupt()  # its thread holds it, and closes it on its way out
        else:
            flight.close()
        if not self._flights:
            self._leave_threads()

    def _leave_threads(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None


class _Inbox:
    """Where the threads of overlapping flights leave their news. Bounded, so that a slow caller slows the peer."""

    def __init__(self) -> None:
        self._items: deque[News | BaseException | None] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def attend(self, id: int, flight: Flight) -> None:
        """Hear the flight out in a thread of its own."""
        # In the caller's context, as a task would be: what traces and logs hang on to is in there.
        work = copy_context().run
        threading.Thread(target=work, args=(self._hear, flight), name=f"lash-effect-{id}", daemon=True).start()

    def get(self, until: float | None, clock: Clock) -> Any:
        """The next happening, None where the clock passed `until` or someone woke us. Raises what a thread raised."""
        with self._changed:
            if not self._items:
                self._changed.wait(None if until is None else clock.timeout(until))
            if not self._items:
                if until is not None:
                    clock.passed(until)
                return None
            item = self._items.popleft()
            self._changed.notify_all()
        if isinstance(item, BaseException):
            raise item
        return item

    def wake(self) -> None:
        """Make `get` return."""
        with self._changed:
            self._items.append(None)
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody listens any more; the threads end when they next look up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _hear(self, flight: Flight) -> None:
        try:
            happening: News | None = None
            while type(happening) not in ENDINGS and not self._closed:
                happening = flight.receive(None)
                if happening is not None:
                    self._put(happening)
        except BaseException as error:
            self._put(error)
        finally:
            flight.close()

    def _put(self, item: News | BaseException) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < INBOX or self._closed)
            self._items.append(item)
            self._changed.notify_all()


class Function:
    """A function of the caller's as a flight. Python cannot stop one: `close` only stops listening."""

    bounded = False

    def __init__(
        self,
        effect: Any,
        function: Callable[[Any], Any],
        answer: Callable[[int, Any], News],
        failed: Callable[[int, Exception], News] = broken,
    ) -> None:
        self._effect = effect
        self._function = function
        self._answer = answer
        self._failed = failed

    def receive(self, until: float | None) -> News:
        try:
            return self._answer(self._effect.id, self._function(self._effect))
        except Exception as error:
            log_function(self._effect, error)
            return self._failed(self._effect.id, error)

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass
