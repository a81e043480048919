"""HTTP by httpcore: proxies, HTTP/2, and pools that users bring. httpcore is imported here, and not before.

Without a pool given, connections come from `create_connection(origin)` and idle ones are kept by us: httpcore 1.0.9's
own pool costs quadratic time in open connections. A pool that is given is used as it is.

Beneath httpcore lie the byte streams of StreamTransport. They connect before httpcore is asked anything, so Connected
is told when it is true; what TLS and a proxy have to say after that takes `connect_timeout` at most. No other timeout
that httpcore hands down is looked at: it fixes a read's when the body begins, and our deadlines move with every event.
httpcore's reads cannot be broken off and taken up again, so the driver bounds a flight from outside (`bounded` is
False); what it drops ends at once, wherever it waits.

A pool that is given connects and sends in one breath, so Connected is told as that begins, and `connect_timeout` bounds
connecting. For reading it is told the most that the call has patience for (`CallHttp.patience`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpcore
from attrs import frozen

from lash_proto.effects import CallHttp
from lash_proto.happenings import BodyEnded, Connected, Failed
from lash_proto.http1 import Origin

from ...flights import News, unreached
from ...httpcore_calls import (
    Body,
    alpn,
    failure,
    may_renew,
    needs,
    peer_of,
    proxy_of,
    request_of,
    secured_proxy,
    shares,
)
from ...tls import LazyContext
from ...world import CLOCK, Clock
from ..connection import Connection
from ..idle import Idle

__all__ = ["HttpcoreFlight", "HttpcoreTransport"]


class HttpcoreTransport:
    """Performs calls by httpcore, or by any pool with its API. May be shared by threads.

    `pool` stays the caller's to close, and has its own say about proxy, HTTP/2 and TLS. HTTP/2 needs the extra
    `http2`, a SOCKS proxy `socks`. `connect_timeout` is in seconds. `clock` is the driver's.
    """

    def __init__(
        self,
        *,
        pool: Any = None,
        proxy: str | None = None,
        http2: bool = False,
        ssl_context: ssl.SSLContext | LazyContext | None = None,
        connect_timeout: float | None = 10.0,
        clock: Clock = CLOCK,
    ) -> None:
        if http2 and pool is None:
            needs("h2", "http2", "HTTP/2")
        self.pool = pool
        self.http2 = http2
        self.connect_timeout = connect_timeout
        self.clock = clock
        self.idle: Idle[Kept] = Idle(lambda kept: kept.network.close(), clock)
        self._proxy = proxy_of(proxy) if proxy else None
        self._tls = LazyContext.of(ssl_context)

    def open(self, call: CallHttp) -> HttpcoreFlight:
        """The call's flight. Raises LocalProtocolError for what cannot be sent."""
        return HttpcoreFlight(self, call)

    def peer(self, origin: Origin) -> Origin:
        """Who is connected to, for the sake of an origin."""
        return origin if self._proxy is None else peer_of(self._proxy)

    def tls_to_peer(self, origin: Origin) -> ssl.SSLContext | None:
        """What a connection begins with; through a proxy the origin's TLS comes later."""
        if origin.scheme != "https" or self._proxy is not None:
            return None
        context = self._tls.get()
        context.set_alpn_protocols(alpn(self.http2))
        return context

    def upon(self, network: Network, request: httpcore.Request) -> Kept:
        """A connection of httpcore's upon one of ours."""
        maker = httpcore.ConnectionPool(
            proxy=None if self._proxy is None else secured_proxy(self._proxy, self._tls),
            http2=self.http2,
            ssl_context=self._tls.get() if request.url.scheme == b"https" else None,
            network_backend=network,
        )
        return Kept(maker.create_connection(request.url.origin), network)

    def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        self.idle.close()


@frozen
class Kept:
    """A connection of httpcore's, and what it stands on."""

    http: Any
    network: Network


class Network(httpcore.NetworkBackend, httpcore.NetworkStream):
    """A connection as httpcore wants one: the backend that gives it, and the stream of its bytes."""

    def __init__(self, connection: Connection, *, secured: bool) -> None:
        self.connection = connection
        self.received = 0  # bytes
        self._secured = secured  # the TLS that httpcore will ask for first is there
        self._closed = False

    def connect_tcp(self, *args: Any, **kwargs: Any) -> Network:
        """The connection, which stands."""
        return self

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Network:
        """Begin TLS."""
        if self._secured:
            self._secured = False
            return self
        try:
            until = None if timeout is None else self.connection.clock.now() + timeout
            self.connection.secure(ssl_context, server_hostname or "", until)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, as soon as something has."""
        if self._closed:
            raise httpcore.ReadError("closed")
        try:
            data = self.connection.read(None)
        except OSError as error:
            raise httpcore.ReadError(error) from error
        self.received += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        try:
            self.connection.send(buffer, None)
        except OSError as error:
            raise httpcore.WriteError(error) from error

    def close(self) -> None:
        """Give the socket back, at once. Twice does no harm."""
        if not self._closed:
            self._closed = True
            self.connection.close()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about: TLS, and whether an idle connection has something to read."""
        if info == "ssl_object":
            return self.connection.tls
        return self.connection.is_stale() if info == "is_readable" else None


class HttpcoreFlight:
    """One request and its response."""

    bounded = False

    def __init__(self, transport: HttpcoreTransport, call: CallHttp) -> None:
        self._transport = transport
        self._id = call.id
        self._origin, self._request = request_of(call, transport.connect_timeout, self._trace)
        self._held: Kept | None = None  # None where the pool has it
        self._kept = False  # it served others before
        self._shared = False  # others may use it beside us
        self._connecting: Connection | None = None
        self._pools: Any = None  # what the pool's connection stands on
        self._response: Any = None
        self._chunks: Iterator[bytes] = iter(())
        self._body: Body | None = None
        self._announced = False
        self._interrupted = False

    def receive(self, until: float | None) -> News:
        """The next happening."""
        if not self._announced:
            try:
                if self._transport.pool is None:
                    self._take()
            except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name
                return unreached(self._id, self._transport.peer(self._origin), error)
            self._announced = True
            return Connected(self._id)
        try:
            happening = self._step()
        except Exception as error:
            failed = failure(self._id, self._origin, error, started=self._body is not None)
            if failed is None:
                raise
            happening = failed
        if type(happening) is BodyEnded:
            self._land()
        elif type(happening) is Failed:
            self.close()
        return happening

    def interrupt(self) -> None:
        """Make `receive` return, from any thread. The connection is lost, unless others share it."""
        self._interrupted = True
        if (connecting := self._connecting) is not None:
            connecting.interrupt()
        elif (held := self._held) is not None and not self._shared:
            held.network.connection.interrupt()
        elif self._pools is not None and not shares(self._pools):
            try:
                socket.socket.shutdown(self._pools.get_extra_info("socket"), socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        """Drop the connection, at once. Twice does no harm."""
        response, self._response = self._response, None
        held, self._held = self._held, None
        if held is not None and not self._shared:
            held.network.close()
        if response is not None:
            response.close()

    def _step(self) -> News:
        if self._interrupted:
            return Failed(self._id, "connection", "interrupted")
        if self._body is None:
            self._response = self._ask()
            self._chunks = iter(self._response.stream)
            self._body = Body(self._id, self._response)
            return self._body.head
        if (happening := self._body.waiting()) is not None:
            return happening
        for chunk in self._chunks:
            self._body.receive(chunk)
            if (happening := self._body.waiting()) is not None:
                return happening
        return self._body.end()

    def _take(self) -> None:
        """Take a connection that was kept, or a new one."""
        while (kept := self._transport.idle.take(self._origin)) is not None:
            if kept.http.is_available() and not kept.http.has_expired():
                self._held, self._kept = kept, True
                return
            kept.network.close()
        self._connect()

    def _connect(self) -> None:
        self._kept = False
        transport, origin = self._transport, self._origin
        tls = transport.tls_to_peer(origin)
        connecting = self._connecting = Connection(transport.clock)
        if self._interrupted:
            connecting.interrupt()
        try:
            connecting.connect(transport.peer(origin), tls, None)
        except BaseException:
            connecting.close()
            raise
        finally:
            self._connecting = None
        self._held = transport.upon(Network(connecting, secured=tls is not None), self._request)

    def _ask(self) -> Any:
        if self._transport.pool is not None:
            return self._transport.pool.handle_request(self._request)
        while True:
            assert self._held is not None
            held, heard = self._held, self._held.network.received
            try:
                response = held.http.handle_request(self._request)
            except httpcore.ConnectionNotAvailable:
                self._held = None  # others share it, and it takes no more
                self._take()
            except Exception as error:
                unheard = self._transport.http2 or held.network.received == heard
                if not self._kept or not may_renew(error, unheard=unheard) or self._interrupted:
                    raise
                self.close()
                self._connect()
            else:
                if self._transport.http2 and held.http.is_available():
                    self._shared = True
                    self._transport.idle.give(self._origin, held)
                return response

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        if self._transport.pool is not None and name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._pools = info["return_value"]
            if self._interrupted:
                self.interrupt()

    def _land(self) -> None:
        response, self._response = self._response, None
        response.close()
        held, self._held = self._held, None
        if held is not None and not self._shared and not held.http.is_closed():
            self._transport.idle.give(self._origin, held)
