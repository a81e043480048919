"""HTTP/1.1 over the loop's own byte streams, with lash_proto's own reader of it: the default transport."""

from __future__ import annotations

import ssl
from collections import deque

import anyio

from lash_proto.effects import CallHttp
from lash_proto.happenings import Connected
from lash_proto.http1 import Http1Exchange

from ...flights import News, unreached
from ...tls import LazyContext
from ...world import CLOCK, Clock
from ..connection import Connection, connect
from ..idle import Idle

__all__ = ["StreamFlight", "StreamTransport"]


class StreamTransport:
    """Plain HTTP/1.1 and TLS, connections kept and used again. May be shared by tasks, and by event loops in turn.

    `ssl_context` None: the system's trust store, read once. `clock` is the driver's.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | LazyContext | None = None, clock: Clock = CLOCK) -> None:
        self.tls = LazyContext.of(ssl_context)
        self.clock = clock
        self.idle: Idle[Connection] = Idle(lambda connection: connection.close(), clock)

    def open(self, call: CallHttp) -> StreamFlight:
        """The call's flight. Raises LocalProtocolError for what cannot be sent."""
        return StreamFlight(self, call)

    async def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        await self.idle.close()


class StreamFlight:
    """One request and its response. Until the request is out, a wait that ends too early begins the connection anew."""

    bounded = True

    def __init__(self, transport: StreamTransport, call: CallHttp) -> None:
        self._transport = transport
        self._http = Http1Exchange(call)
        self._request = self._http.to_send()
        self._connection: Connection | None = None
        self._scope: anyio.CancelScope | None = None
        self._kept = False  # the connection served others before
        self._renewed = False  # it was stale, and another took its place
        self._announced = False
        self._sent = False
        self._whole = True  # the request, as far as we could see
        self._interrupted = False  # and nobody was told yet: a wait that was over in that moment ended as it would have
        self._queue: deque[News] = deque()

    async def receive(self, until: float | None) -> News | None:
        """The next happening; None where the clock passed `until`, and once where someone interrupted."""
        if self._queue:
            return self._queue.popleft()
        http = self._http
        while True:
            try:
                if self._connection is None and self._take_kept() and not self._announced:
                    self._announced = True
                    return Connected(http.call.id)
                if self._connection is not None and not self._sent:
                    self._sent = self._connection.send_at_once(self._request)
                if not self._sent:  # a scope costs 10 us, and a kept connection as a rule needs none
                    clock = self._transport.clock
                    with anyio.move_on_after(None if until is None else clock.timeout(until)) as scope:
                        self._scope = scope
                        connection = self._connection or await self._connect()
                        if not self._announced:
                            self._announced = True
                            return Connected(http.call.id)
                        await self._send(connection)
                    if not self._sent:
                        self.close()
                        if until is not None and scope.deadline <= anyio.current_time():
                            clock.passed(until)
                        self._interrupted = False
                        return None
                assert self._connection is not None
                data = None if self._interrupted else await self._connection.read(until)
            except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name
                if self._renew():
                    continue
                self.close()
                return unreached(http.call.id, http.origin, error, started=http.started)
            if data is None:
                self._interrupted = False
                return None
            if not data and self._renew():
                continue
            happenings: list[News] = http.receive(data)  # type: ignore[assignment]  # it answers one effect
            if http.ended:
                self._land()
            if happenings:
                self._queue.extend(happenings[1:])
                return happenings[0]

    def interrupt(self) -> None:
        """Make `receive` return. Only in the loop that runs it."""
        self._interrupted = True
        if not self._sent and self._scope is not None:
            self._scope.cancel()
        elif self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        """Drop the connection, at once. Twice does no harm."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _take_kept(self) -> bool:
        """Whether a connection that served others is there for this one."""
        while not self._renewed and (kept := self._transport.idle.take(self._http.origin)) is not None:
            if not kept.is_stale():
                self._connection, self._kept = kept, True
                return True
            kept.close()
        return False

    async def _connect(self) -> Connection:
        origin = self._http.origin
        tls = self._transport.tls.get() if origin.scheme == "https" else None
        self._connection = await connect(origin, tls, self._transport.clock)
        return self._connection

    async def _send(self, connection: Connection) -> None:
        try:
            await connection.send(self._request)
        except ConnectionError:
            if self._kept:
                raise
            self._whole = False  # a server that refuses a request may answer and close before all of it came
        self._sent = True

    def _renew(self) -> bool:
        """Replace, once and in silence, a kept connection that ended before the first byte: it was stale."""
        if not self._kept or self._http.started:
            return False
        self.close()
        self._kept = self._sent = False
        self._renewed = True
        return True

    def _land(self) -> None:
        connection = self._connection
        if self._http.reusable and self._whole and connection is not None:
            self._connection = None
            self._transport.idle.give(self._http.origin, connection)
        else:
            self.close()
