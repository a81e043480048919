"""HTTP/1.1 over sockets, with lash_proto's own reader of it: the default transport."""

from __future__ import annotations

import ssl
from collections import deque

from lash_proto.effects import CallHttp
from lash_proto.happenings import Connected
from lash_proto.http1 import Http1Exchange

from ...flights import News, unreached
from ...tls import LazyContext
from ...world import CLOCK, Clock
from ..connection import Connection
from ..idle import Idle

__all__ = ["StreamFlight", "StreamTransport"]


class StreamTransport:
    """Plain HTTP/1.1 and TLS, connections kept and used again. May be shared by threads.

    `ssl_context` None: the system's trust store, read once. `clock` is the driver's.
    """

    def __init__(self, *, ssl_context: ssl.SSLContext | LazyContext | None = None, clock: Clock = CLOCK) -> None:
        self.tls = LazyContext.of(ssl_context)
        self.clock = clock
        self.idle: Idle[Connection] = Idle(Connection.close, clock)

    def open(self, call: CallHttp) -> StreamFlight:
        """The call's flight. Raises LocalProtocolError for what cannot be sent."""
        return StreamFlight(self, call)

    def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        self.idle.close()


class StreamFlight:
    """One request and its response. Until the request is out, a wait that ends too early begins the connection anew."""

    bounded = True

    def __init__(self, transport: StreamTransport, call: CallHttp) -> None:
        self._transport = transport
        self._http = Http1Exchange(call)
        self._request = self._http.to_send()
        self._connection: Connection | None = None
        self._kept = False  # the connection served others before
        self._renewed = False  # it was stale, and another took its place
        self._announced = False
        self._sent = False
        self._whole = True  # the request, as far as we could see
        self._queue: deque[News] = deque()
        self._interrupted = self._told = False

    def receive(self, until: float | None) -> News | None:
        """The next happening; None where the clock passed `until`, and once where someone interrupted."""
        if self._queue:
            return self._queue.popleft()
        http = self._http
        while True:
            try:
                connection = self._connection
                if connection is None:
                    connection = self._connect(until)
                    if not self._announced:
                        self._announced = True
                        return Connected(http.call.id)
                if not self._sent:
                    self._send(connection, until)
                data = connection.read(until)
            except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name
                if isinstance(error, TimeoutError) and error.errno is None and until is not None:
                    if not self._sent:
                        self.close()
                    self._transport.clock.passed(until)
                    return None
                if self._stop():
                    return None
                if self._renew():
                    continue
                self.close()
                return unreached(http.call.id, http.origin, error, started=http.started)
            if not data:
                if self._stop():
                    return None
                if self._renew():
                    continue
            happenings: list[News] = http.receive(data)  # type: ignore[assignment]  # it answers one effect
            if http.ended:
                self._land()
            if happenings:
                self._queue.extend(happenings[1:])
                return happenings[0]

    def interrupt(self) -> None:
        """Make `receive` return, from any thread. The connection is lost."""
        self._interrupted = True
        if (connection := self._connection) is not None:
            connection.interrupt()

    def close(self) -> None:
        """Drop the connection, at once. Twice does no harm."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self, until: float | None) -> Connection:
        origin = self._http.origin
        while not self._renewed and (kept := self._transport.idle.take(origin)) is not None:
            if not kept.is_stale():
                self._connection, self._kept = kept, True
                return kept
            kept.close()
        connection = self._connection = Connection(self._transport.clock)
        if self._interrupted:
            connection.interrupt()
        connection.connect(origin, self._transport.tls.get() if origin.scheme == "https" else None, until)
        return connection

    def _send(self, connection: Connection, until: float | None) -> None:
        try:
            connection.send(self._request, until)
        except ConnectionError:
            if self._kept:
                raise
            self._whole = False  # a server that refuses a request may answer and close before all of it came
        self._sent = True

    def _stop(self) -> bool:
        """Whether this end of the connection is our own doing, told for the first time."""
        told, self._told = self._told, self._interrupted
        return self._interrupted and not told

    def _renew(self) -> bool:
        """Replace, once and in silence, a kept connection that ended before the first byte: it was stale."""
        if not self._kept or self._http.started or self._interrupted:
            return False
        self.close()
        self._kept = self._sent = False
        self._renewed = True
        return True

    def _land(self) -> None:
        connection = self._connection
        if self._http.reusable and self._whole and not self._interrupted and connection is not None:
            self._connection = None
            self._transport.idle.give(self._http.origin, connection)
        else:
            self.close()
