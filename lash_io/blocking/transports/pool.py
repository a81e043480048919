"""HTTP by httpcore: proxies, HTTP/2, and pools that users bring. httpcore is imported here, and not before.

Without a pool given, connections come from `create_connection(origin)` and idle ones are kept by us: httpcore 1.0.9's
own pool costs quadratic time in open connections. A pool that is given is used as it is.

httpcore connects and sends in one breath, so Connected is told as that begins, and `connect_timeout` bounds connecting.
Its reads cannot be interrupted and resumed, so the driver bounds a flight from outside (`bounded` is False).
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

from ...flights import News
from ...httpcore_calls import Body, failure, may_renew, needs, proxy_of, request_of
from ...tls import LazyContext
from ..idle import Idle

__all__ = ["HttpcoreFlight", "HttpcoreTransport"]


class HttpcoreTransport:
    """Performs calls by httpcore, or by any pool with its API. May be shared by threads.

    `pool` stays the caller's to close, and has its own say about proxy, HTTP/2 and TLS. HTTP/2 needs the extra
    `http2`, a SOCKS proxy `socks`. `connect_timeout` is in seconds.
    """

    def __init__(
        self,
        *,
        pool: Any = None,
        proxy: str | None = None,
        http2: bool = False,
        ssl_context: ssl.SSLContext | LazyContext | None = None,
        connect_timeout: float | None = 10.0,
    ) -> None:
        if http2 and pool is None:
            needs("h2", "http2", "HTTP/2")
        self.pool = pool
        self.http2 = http2
        self.connect_timeout = connect_timeout
        self.idle: Idle[Kept] = Idle(lambda kept: kept.connection.close())
        self._proxy = proxy_of(proxy) if proxy else None
        self._tls = LazyContext.of(ssl_context)

    def open(self, call: CallHttp) -> HttpcoreFlight:
        """The call's flight. Raises LocalProtocolError for what cannot be sent."""
        return HttpcoreFlight(self, call)

    def connect(self, origin: Any) -> Any:
        """A connection object that connects when it is first used."""
        tls = self._tls.get() if origin.scheme == b"https" else None
        maker = httpcore.ConnectionPool(proxy=self._proxy, http2=self.http2, ssl_context=tls)
        return maker.create_connection(origin)

    def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        self.idle.close()


@frozen
class Kept:
    """A connection and its socket, which an interrupt must reach."""

    connection: Any
    network: Any


class HttpcoreFlight:
    """One request and its response."""

    bounded = False

    def __init__(self, transport: HttpcoreTransport, call: CallHttp) -> None:
        self._transport = transport
        self._id = call.id
        self._origin, self._request = request_of(call, transport.connect_timeout, self._trace)
        self._connection: Any = None  # None where the pool has it
        self._shared = False  # others may use the connection beside us
        self._network: Any = None
        self._response: Any = None
        self._chunks: Iterator[bytes] = iter(())
        self._body: Body | None = None
        self._announced = False
        self._interrupted = False

    def receive(self, until: float | None) -> News:
        """The next happening."""
        if not self._announced:
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
        """Make `receive` return, from any thread. The connection is lost."""
        self._interrupted = True
        held = None if self._network is None else self._network.get_extra_info("socket")
        if held is not None and not self._transport.http2:  # there others may share it
            try:
                socket.socket.shutdown(held, socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        """Drop the connection, at once. Twice does no harm."""
        response, self._response = self._response, None
        if response is not None:
            response.close()
        connection, self._connection = self._connection, None
        if connection is not None and not self._shared:
            connection.close()

    def _step(self) -> News:
        if self._interrupted:
            return Failed(self._id, "connection", "interrupted")
        if self._body is None:
            self._response = self._ask()
            self._network = self._response.extensions.get("network_stream", self._network)
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

    def _ask(self) -> Any:
        if self._transport.pool is not None:
            return self._transport.pool.handle_request(self._request)
        while (kept := self._transport.idle.take(self._origin)) is not None:
            if not kept.connection.is_available() or kept.connection.has_expired():
                kept.connection.close()
                continue
            try:
                return self._ask_on(kept.connection, kept.network)
            except httpcore.ConnectionNotAvailable:
                continue
            except Exception as error:
                if not may_renew(error) or self._interrupted:
                    raise
                self.close()
                break
        return self._ask_on(self._transport.connect(self._request.url.origin), None)

    def _ask_on(self, connection: Any, network: Any) -> Any:
        self._connection, self._network, self._shared = connection, network, False
        response = connection.handle_request(self._request)
        if self._transport.http2 and connection.is_available():
            self._shared = True
            self._transport.idle.give(self._origin, Kept(connection, self._network))
        return response

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._network = info["return_value"]
            if self._interrupted:
                self.interrupt()

    def _land(self) -> None:
        response, self._response = self._response, None
        connection, self._connection = self._connection, None
        response.close()
        if connection is not None and not self._shared and not connection.is_closed():
            self._transport.idle.give(self._origin, Kept(connection, self._network))
