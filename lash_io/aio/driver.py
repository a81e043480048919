"""The driver for asyncio and trio: one loop that carries out effects and feeds happenings, for every machine.

It decides nothing. While one effect is in flight it stays in the caller's task: a task hop costs 24 us an event. When
effects overlap each gets a task in one group, and one more happening in the inbox is what they say to the one task that
owns the machine. The group belongs to `async with`, never to an iterator, which a caller may leave half-way.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import Cancelled, Happening, HostAnswered, ToolReturned, Woke
from lash_proto.machine import Done, Machine

from ..cancel import CancelToken
from ..flights import (
    ENDINGS,
    INBOX,
    MOMENT,
    ORDERS,
    News,
    broken,
    is_due,
    log_function,
    no_performer,
    nothing_to_wait_for,
)
from ..world import CLOCK, Clock
from .loops import poster

__all__ = ["Flight", "Run", "Transport", "performers"]

R = TypeVar("R")


class Flight(Protocol):
    """An effect under way; `lash_io.flights` tells the rules. Only in the loop that began it."""

    @property
    def bounded(self) -> bool:
        """Whether `receive` keeps to `until`."""
        ...

    async def receive(self, until: float | None) -> News | None:
        """The next happening; None where the clock passed `until`, and once where someone interrupted."""
        ...

    def interrupt(self) -> None:
        """Make a wait return promptly."""
        ...

    def close(self) -> None:
        """Drop what it holds, at once and without waiting. Twice does no harm."""
        ...


class Transport(Protocol):
    """What performs CallHttp."""

    def open(self, call: CallHttp) -> Flight:
        """The call's flight. Touches nothing before its first `receive`."""
        ...

    async def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        ...


def performers(
    transport: Transport | None = None,
    *,
    run_tool: Callable[[RunTool], Any] | None = None,
    ask_host: Callable[[AskHost], Any] | None = None,
) -> dict[type, Callable[[Any], Flight]]:
    """The table a Run needs. An exception in a function becomes Failed, for the machine to judge.

    Functions may be async. A tool that is not runs in a worker thread; a host's function that is not runs in the loop.
    """
    table: dict[type, Callable[[Any], Flight]] = {}
    if transport is not None:
        table[CallHttp] = transport.open
    if run_tool is not None:
        threaded = not inspect.iscoroutinefunction(run_tool)
        table[RunTool] = lambda effect: Function(effect, run_tool, ToolReturned, threaded)
    if ask_host is not None:
        table[AskHost] = lambda effect: Function(effect, ask_host, HostAnswered, False)
    return table


class Run(Generic[R]):
    """A machine under way: iterate over its events, then read `result`. A context manager; belongs to one task."""

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
        self._group: TaskGroup | None = None
        self._inbox: _Inbox | None = None
        self._held: News | None = None
        self._told: deque[Happening] = deque()
        self._post: Callable[[Callable[[], object]], None] | None = None
        self._pause: anyio.Event | None = None
        self._listener: Callable[[], None] | None = None

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
            post = self._post = poster()
            self._listener = lambda: post(self._interrupt)
            self._cancel.listen(self._listener)

    def tell(self, happening: Happening) -> None:
        """News that no flight brings: what a tool has so far, what the caller has to say. From any thread or task, of a
        run that has started; one without a token is told in its own loop."""
        self._told.append(happening)
        if self._post is None:
            self._wake()
        else:
            self._post(self._wake)

    def abandon(self) -> R | None:
        """Drop everything and tell the machine, which may still have a result: what had come. None where it has not."""
        self.close()
        if self._started and self._done is None:
            outputs = self._machine.receive(Cancelled(), self._clock.now())
            if outputs and type(outputs[-1]) is Done:
                self._done = outputs[-1]
        return None if self._done is None else self._done.result

    async def finish(self) -> R:
        """Run to the end, whatever events there are, and give the result."""
        async for _ in self:
            pass
        return self.result

    def close(self) -> None:
        """Drop everything in flight, at once. Twice does no harm."""
        if self._cancel is not None and self._listener is not None:
            self._cancel.forget(self._listener)
        for id in list(self._flights):
            self._drop(id)
        self._leave_tasks()

    async def __aenter__(self) -> Self:
        # A group costs as much as a short answer, and a call that asks nobody else never has two effects at once.
        flights = self._flights.values()
        if len(self._performers) > 1 or not flights or not all(flight.bounded for flight in flights):
            self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._group is not None:
            # The caller's exception is the caller's: a group that saw it would wrap it.
            await self._group.__aexit__(None, None, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while True:
            for event in self.events:
                return event
            if not self._started:
                self.start()
                continue
            if self._done is not None:
                raise StopAsyncIteration
            try:
                await self._advance()
            except BaseException:
                self.close()
                raise

    async def _advance(self) -> None:
        if self._given:
            self._back = self._clock.now()
        happening = await self._wait()
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

    async def _wait(self) -> Happening:
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
                happening = await self._inbox.get(wake_at, self._clock)
            elif not flights:
                await self._sleep(wake_at)
                happening = None
            elif len(flights) == 1 and (flight := next(iter(flights.values()))) and self._may_stay(flight, wake_at):
                happening = await flight.receive(wake_at)
            else:
                if self._group is None:
                    raise LocalProtocolError("effects overlap: enter the Run with `async with` before iterating")
                self._inbox = _Inbox(self._group)
                for id, flight in flights.items():
                    self._inbox.attend(id, flight)
                continue
            if happening is None:
                quiet = True
                self._now = self._clock.now()
            elif self._told or (self._cancel is not None and self._cancel.cancelled and not self._cancelled):
                self._held = happening  # it may be the end of what was told on: that comes first, as an abort does
            elif happening.id in flights:
                if type(happening) in ENDINGS:
                    del flights[happening.id]
                    if not flights:
                        self._leave_tasks()
                return happening

    def _may_stay(self, flight: Flight, wake_at: float | None) -> bool:
        return flight.bounded or (wake_at is None and self._cancel is None)

    async def _sleep(self, wake_at: float | None) -> None:
        if wake_at is None:
            raise nothing_to_wait_for(self._machine)
        self._pause = anyio.Event()
        with anyio.move_on_after(self._clock.timeout(wake_at)):
            await self._pause.wait()
            return
        self._clock.passed(wake_at)

    def _wake(self) -> None:
        if self._pause is not None:
            self._pause.set()
        if self._inbox is not None:
            self._inbox.wake()

    def _interrupt(self) -> None:
        self._wake()
        if self._inbox is None:
            for flight in self._flights.values():
                flight.interrupt()

    def _drop(self, id: int) -> None:
        flight = self._flights.pop(id, None)
        if flight is None:
            return
        if self._inbox is not None:
            self._inbox.dismiss(id)  # its task holds it, and closes it on its way out
        else:
            flight.close()
        if not self._flights:
            self._leave_tasks()

    def _leave_tasks(self) -> None:
        if self._inbox is not None:
            self._inbox.close()
            self._inbox = None


class _Inbox:
    """Where the tasks of overlapping flights leave their news. Bounded, so that a slow caller slows the peer."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._report: MemoryObjectSendStream[News | Exception | None]
        self._reports: MemoryObjectReceiveStream[News | Exception | None]
        self._report, self._reports = anyio.create_memory_object_stream(INBOX)
        self._scopes: dict[int, anyio.CancelScope] = {}

    def attend(self, id: int, flight: Flight) -> None:
        """Hear the flight out in a task of its own."""
        # The scope is known before the task begins, so that an Abort in the same breath finds it.
        scope = self._scopes[id] = anyio.CancelScope()
        self._group.start_soon(self._hear, flight, scope, name=f"lash-effect-{id}")

    async def get(self, until: float | None, clock: Clock) -> News | None:
        """The next happening, None where the clock passed `until` or someone woke us. Raises what a task raised."""
        item: News | Exception | None = None
        try:
            item = self._reports.receive_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(None if until is None else max(MOMENT, clock.timeout(until))) as scope:
                item = await self._reports.receive()
            if scope.cancelled_caught and until is not None:
                clock.passed(until)
        if isinstance(item, Exception):
            raise item
        return item

    def wake(self) -> None:
        """Make `get` return."""
        try:
            self._report.send_nowait(None)
        except anyio.WouldBlock:
            pass  # it is full: `get` returns anyway

    def dismiss(self, id: int) -> None:
        """Nobody wants to hear this one any more."""
        self._scopes.pop(id).cancel()

    def close(self) -> None:
        """Nobody listens any more."""
        for scope in self._scopes.values():
            scope.cancel()
        self._report.close()
        self._reports.close()

    async def _hear(self, flight: Flight, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                try:
                    happening: News | None = None
                    while type(happening) not in ENDINGS:
                        happening = await flight.receive(None)
                        if happening is not None:
                            await self._report.send(happening)
                except Exception as error:
                    await self._report.send(error)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the inbox was closed in the meantime
        finally:
            flight.close()


class Function:
    """A function of the caller's as a flight."""

    bounded = False

    def __init__(
        self,
        effect: Any,
        function: Callable[[Any], Any],
        answer: Callable[[int, Any], News],
        threaded: bool,
        failed: Callable[[int, Exception], News] = broken,
    ) -> None:
        self._effect = effect
        self._function = function
        self._answer = answer
        self._threaded = threaded
        self._failed = failed

    async def receive(self, until: float | None) -> News:
        try:
            if self._threaded:
                # With a limiter of its own: of the usual one an abandoned function would keep its share.
                value = await anyio.to_thread.run_sync(
                    self._function, self._effect, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1)
                )
            else:
                value = self._function(self._effect)
            if inspect.isawaitable(value):
                value = await value
            return self._answer(self._effect.id, value)
        except Exception as error:
            log_function(self._effect, error)
            return self._failed(self._effect.id, error)

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass
