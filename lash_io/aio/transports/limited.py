"""Any other transport, kept to limits."""

from __future__ import annotations

from functools import partial

import anyio

from lash_proto.admission import Limits
from lash_proto.effects import CallHttp
from lash_proto.happenings import Admitted, Failed

from ...flights import ENDINGS, News
from ...gate import Gate
from ...world import CLOCK, Clock
from ..driver import Flight, Transport
from ..loops import poster

__all__ = ["LimitedTransport"]


class LimitedTransport:
    """Performs calls by `inner`; those that count (`CallHttp.tokens`) wait for their turn. `clock` is the driver's."""

    def __init__(self, inner: Transport, limits: Limits, *, clock: Clock = CLOCK) -> None:
        self._inner = inner
        self._gate = Gate(limits, clock)

    def open(self, call: CallHttp) -> Flight:
        """The call's flight, which takes a place while it lasts."""
        flight = self._inner.open(call)
        return flight if call.tokens is None else LimitedFlight(call.id, call.tokens, flight, self._gate)

    async def close(self) -> None:
        """Close the transport within."""
        await self._inner.close()


class LimitedFlight:
    """A flight that waits for its turn, and makes room when it ends or is dropped."""

    def __init__(self, id: int, tokens: int, inner: Flight, gate: Gate) -> None:
        self._id = id
        self._tokens = tokens
        self._inner = inner
        self._gate = gate
        self._ticket = gate.ticket()
        self._arrived = self._admitted = False
        self._called = anyio.Event()
        self._interrupted = self._told = False
        self.bounded = inner.bounded

    async def receive(self, until: float | None) -> News | None:
        """Admitted, then what the flight within gives."""
        if not self._admitted:
            return await self._wait(until)
        happening = await self._inner.receive(until)
        if type(happening) in ENDINGS:
            self._gate.leave(self._ticket)
        return happening

    def interrupt(self) -> None:
        """Make `receive` return. Only in the loop that runs it."""
        self._interrupted = True
        self._called.set()
        self._inner.interrupt()

    def close(self) -> None:
        """Drop the flight within, and make room, at once. Twice does no harm."""
        self._inner.close()
        self._gate.leave(self._ticket)

    async def _wait(self, until: float | None) -> News | None:
        gate, ticket, clock = self._gate, self._ticket, self._gate.clock
        while True:
            self._called = anyio.Event()
            if self._interrupted:
                return self._stop()
            if not self._arrived:
                self._arrived = True
                gate.arrive(ticket, self._tokens, partial(poster(), self._call))
            if gate.has_come(ticket):
                self._admitted = True
                return Admitted(self._id)
            at = gate.look_at(ticket, until)
            with anyio.move_on_after(None if at is None else clock.timeout(at)) as scope:
                await self._called.wait()
            if scope.cancelled_caught and at is not None:
                clock.passed(at)
                gate.look()
                if until is not None and clock.now() >= until and not gate.has_come(ticket):
                    return None

    def _call(self) -> None:
        self._called.set()

    def _stop(self) -> News | None:
        told, self._told = self._told, True
        if not told:
            return None
        self._gate.leave(self._ticket)
        return Failed(self._id, "connection", "interrupted")
