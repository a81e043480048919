"""HTTP by httpcore: proxies, HTTP/2, and pools that users bring. httpcore is imported here, and not before.

Without a pool given, connections come from `create_connection(origin)` and idle ones are kept by us: httpcore 1.0.9's
own pool costs quadratic time in open connections. A pool that is given is used as it is.

httpcore connects and sends in one breath, so Connected is told as that begins, and `connect_timeout` bounds connecting.
Its reads cannot be interrupted and resumed, so the driver bounds a flight from outside (`bounded` is False).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpcore

from lash_proto.effects import CallHttp
from lash_proto.happenings import BodyEnded, Connected, Failed

from ...flights import News
from ...httpcore_calls import Body, failure, may_renew, needs, proxy_of, request_of
from ...tls import LazyContext
from ..idle import Idle
from ..loops import background, in_trio
from ..network import AsyncioBackend

__all__ = ["HttpcoreFlight", "HttpcoreTransport"]


class HttpcoreTransport:
    """Performs calls by httpcore, or by any pool with its API. May be shared by tasks, and by event loops in turn.

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
        self.idle: Idle[Any] = Idle(lambda connection: connection.aclose())
        self._proxy = proxy_of(proxy) if proxy else None
        self._tls = LazyContext.of(ssl_context)

    def open(self, call: CallHttp) -> HttpcoreFlight:
        """The call's flight. Raises LocalProtocolError for what cannot be sent."""
        return HttpcoreFlight(self, call)

    def connect(self, origin: Any) -> Any:
        """A connection object that connects when it is first used."""
        tls = self._tls.get() if origin.scheme == b"https" else None
        network = None if in_trio() else AsyncioBackend()
        maker = httpcore.AsyncConnectionPool(
            proxy=self._proxy, http2=self.http2, ssl_context=tls, network_backend=network
        )
        return maker.create_connection(origin)

    async def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        await self.idle.close()


class HttpcoreFlight:
    """One request and its response."""

    bounded = False

    def __init__(self, transport: HttpcoreTransport, call: CallHttp) -> None:
        self._transport = transport
        self._id = call.id
        self._origin, self._request = request_of(call, transport.connect_timeout, None)
        self._connection: Any = None  # None where the pool has it
        self._shared = False  # others may use the connection beside us
        self._response: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._body: Body | None = None
        self._announced = False

    async def receive(self, until: float | None) -> News:
        """The next happening."""
        if not self._announced:
            self._announced = True
            return Connected(self._id)
        try:
            happening = await self._step()
        except Exception as error:
            failed = failure(self._id, self._origin, error, started=self._body is not None)
            if failed is None:
                raise
            happening = failed
        if type(happening) is BodyEnded:
            await self._land()
        elif type(happening) is Failed:
            self.close()
        return happening

    def interrupt(self) -> None:
        """Nothing: the driver cancels the task that waits."""

    def close(self) -> None:
        """Drop the connection, as soon as the loop goes on. Twice does no harm."""
        response, self._response = self._response, None
        if response is not None:
            chunks = self._chunks
            background(lambda: _release(response, chunks))
        connection, self._connection = self._connection, None
        if connection is not None and not self._shared:
            background(connection.aclose)

    async def _step(self) -> News:
        if self._body is None:
            self._response = await self._ask()
            self._chunks = aiter(self._response.stream)
            self._body = Body(self._id, self._response)
            return self._body.head
        if (happening := self._body.waiting()) is not None:
            return happening
        assert self._chunks is not None
        async for chunk in self._chunks:
            self._body.receive(chunk)
            if (happening := self._body.waiting()) is not None:
                return happening
        return self._body.end()

    async def _ask(self) -> Any:
        if self._transport.pool is not None:
            return await self._transport.pool.handle_async_request(self._request)
        while (kept := self._transport.idle.take(self._origin)) is not None:
            if not kept.is_available() or kept.has_expired():
                await kept.aclose()
                continue
            try:
                return await self._ask_on(kept)
            except httpcore.ConnectionNotAvailable:
                continue
            except Exception as error:
                if not may_renew(error):
                    raise
                self.close()
                break
        return await self._ask_on(self._transport.connect(self._request.url.origin))

    async def _ask_on(self, connection: Any) -> Any:
        self._connection, self._shared = connection, False
        response = await connection.handle_async_request(self._request)
        if self._transport.http2 and connection.is_available():
            self._shared = True
            self._transport.idle.give(self._origin, connection)
        return response

    async def _land(self) -> None:
        connection = self._connection
        await self._response.aclose()  # who is cancelled here still has both, and closes them
        self._response = self._connection = None
        if connection is not None and not self._shared and not connection.is_closed():
            self._transport.idle.give(self._origin, connection)


async def _release(response: Any, chunks: AsyncIterator[bytes] | None) -> None:
    await response.aclose()
    # httpcore's body is generators within one another, and trio warns of any that is left half-way. Only a read that
    # fails ends them all; one of HTTP/2 would wait for the other streams.
    if chunks is not None and response.extensions.get("http_version") != b"HTTP/2":
        async for _ in chunks:
            pass
