"""HTTP by httpcore: proxies, HTTP/2, and pools that users bring. httpcore is imported here, and not before.

Without a pool given, connections come from `create_connection(origin)` and idle ones are kept by us: httpcore 1.0.9's
own pool costs quadratic time in open connections. A pool that is given is used as it is.

Beneath httpcore lie the byte streams of StreamTransport. They connect before httpcore is asked anything, so Connected
is told when it is true; what TLS and a proxy have to say after that takes `connect_timeout` at most. No other timeout
that httpcore hands down is looked at: it fixes a read's when the body begins, and our deadlines move with every event.
httpcore's reads cannot be broken off and taken up again. So where a connection is one call's alone, a read that has
waited long enough pauses (`pausing`), and goes on there when the driver comes back; what waits before the request is
out begins the connection anew. Flights through proxies, by HTTP/2 and of a pool that is given are bounded by the driver
from outside (`bounded` is False). What is dropped ends at once, wherever it waits.

A pool that is given connects and sends in one breath, so Connected is told as that begins, and `connect_timeout` bounds
connecting. For reading it is told the most that the call has patience for (`CallHttp.patience`).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import anyio
import httpcore
from attrs import define, frozen

from lash_proto.effects import CallHttp
from lash_proto.happenings import BodyEnded, Connected, Failed
from lash_proto.http1 import Origin

from ...flights import News, is_due, unreached
from ...httpcore_calls import Body, alpn, failure, may_renew, needs, peer_of, proxy_of, request_of, secured_proxy
from ...tls import LazyContext
from ...world import CLOCK, Clock
from ..connection import Connection, connect
from ..idle import Idle
from ..loops import background
from ..pausing import Pausing, pause

__all__ = ["HttpcoreFlight", "HttpcoreTransport"]

T = TypeVar("T")


class HttpcoreTransport:
    """Performs calls by httpcore, or by any pool with its API. May be shared by tasks, and by event loops in turn.

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
        # Each connection is one call's, and all its waits are where we see them.
        self.alone = pool is None and not http2 and not proxy

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
        maker = httpcore.AsyncConnectionPool(
            proxy=None if self._proxy is None else secured_proxy(self._proxy, self._tls),
            http2=self.http2,
            ssl_context=self._tls.get() if request.url.scheme == b"https" else None,
            network_backend=network,
        )
        return Kept(maker.create_connection(request.url.origin), network)

    async def close(self) -> None:
        """Drop the idle connections. Twice does no harm."""
        await self.idle.close()


@frozen
class Kept:
    """A connection of httpcore's, and what it stands on."""

    http: Any
    network: Network


class Late(Exception):
    """A wait ended too early that cannot be taken up again."""


@define(eq=False)
class Patience:
    """How long a flight waits. One that shares its connection leaves it as it is: for ever."""

    clock: Clock
    until: float | None = None
    interrupted: bool = False
    since: float | None = None
    """When it first read for the happening that is waited for."""
    _scope: anyio.CancelScope | None = None

    async def read(self, connection: Connection) -> bytes | None:
        """What has come; None: nothing in time, or someone interrupted."""
        if self.until is not None:
            now = self.clock.now()
            if self.since is None:
                self.since = now
            elif now >= self.until and is_due(self.until, now, self.since, False):
                return None  # a flood of what says nothing: httpcore reads on for as long as there is something
        data = None if self.interrupted else await connection.read(self.until)
        if data is None:
            self.interrupted = False
        return data

    async def bound(self, work: Callable[[], Awaitable[T]]) -> T:
        """What comes of this work. Raises Late."""
        with anyio.move_on_after(None if self.until is None else self.clock.timeout(self.until)) as scope:
            self._scope = scope
            try:
                return await work()
            finally:
                self._scope = None
        if self.until is not None and scope.deadline <= anyio.current_time():
            self.clock.passed(self.until)
        self.interrupted = False
        raise Late

    def interrupt(self) -> None:
        """Wait no longer."""
        self.interrupted = True
        if self._scope is not None:
            self._scope.cancel()


class Network(httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """A connection as httpcore wants one: the backend that gives it, and the stream of its bytes."""

    def __init__(self, connection: Connection, patience: Patience, *, secured: bool) -> None:
        self.connection = connection
        self.patience = patience
        self.received = 0  # bytes
        self._secured = secured  # the TLS that httpcore will ask for first is there
        self._closed = False

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> Network:
        """The connection, which stands."""
        return self

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Network:
        """Begin TLS."""
        if self._secured:
            self._secured = False
            return self
        try:
            with anyio.fail_after(timeout):
                await self.connection.secure(ssl_context, server_hostname or "")
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, as soon as something has."""
        while not self._closed:
            try:
                data = await self.patience.read(self.connection)
            except OSError as error:
                raise httpcore.ReadError(error) from error
            if data is not None:
                self.received += len(data)
                return data
            await pause()
        raise httpcore.ReadError("closed")

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it. Raises Late."""
        try:
            if not self.connection.send_at_once(buffer):
                await self.patience.bound(lambda: self.connection.send(buffer))
        except OSError as error:
            raise httpcore.WriteError(error) from error

    async def aclose(self) -> None:
        """Give the socket back."""
        self.close()

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

    def __init__(self, transport: HttpcoreTransport, call: CallHttp) -> None:
        self.bounded = transport.alone
        self._transport = transport
        self._id = call.id
        self._origin, self._request = request_of(call, transport.connect_timeout, None)
        self._patience = Patience(transport.clock)
        self._paused: Pausing[News] | None = None
        self._held: Kept | None = None  # None where the pool has it
        self._kept = False  # it served others before
        self._shared = False  # others may use it beside us
        self._response: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._body: Body | None = None
        self._announced = False

    async def receive(self, until: float | None) -> News | None:
        """The next happening; None where the clock passed `until`, and once where someone interrupted."""
        if self._body is not None and (waiting := self._body.waiting()) is not None:
            if type(waiting) is Failed:
                self.close()
            return waiting
        if self.bounded:
            self._patience.until, self._patience.since = until, None
        step, self._paused = self._paused or Pausing(self._next()), None
        try:
            happening = await step.go_on()
        except Late:
            self.close()
            return None
        if happening is None:
            self._paused = step
        return happening

    def interrupt(self) -> None:
        """Make `receive` return. Only in the loop that runs it; where others bound it, they cancel the task."""
        if self.bounded:
            self._patience.interrupt()
            if self._held is not None:
                self._held.network.connection.interrupt()

    def close(self) -> None:
        """Drop the connection, at once. Twice does no harm."""
        response, self._response = self._response, None
        paused, self._paused = self._paused, None
        held, self._held = self._held, None
        self._kept = False  # what fails because of this is not begun anew
        if held is not None and not self._shared:
            held.network.close()
        if response is not None or paused is not None:
            chunks = self._chunks
            background(lambda: _release(paused, response, chunks))

    async def _next(self) -> News:
        try:
            if self._held is None and self._transport.pool is None:
                await self._take()
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name
            return unreached(self._id, self._transport.peer(self._origin), error)
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

    async def _step(self) -> News:
        if self._body is None:
            self._response = await self._ask()
            self._chunks = aiter(self._response.stream)
            self._body = Body(self._id, self._response)
            return self._body.head
        assert self._chunks is not None
        async for chunk in self._chunks:
            self._body.receive(chunk)
            if (happening := self._body.waiting()) is not None:
                return happening
        return self._body.end()

    async def _take(self) -> None:
        """Take a connection that was kept, or a new one."""
        while (kept := self._transport.idle.take(self._origin)) is not None:
            if kept.http.is_available() and not kept.http.has_expired():
                self._held, self._kept = kept, True
                kept.network.patience = self._patience
                return
            kept.network.close()
        await self._connect()

    async def _connect(self) -> None:
        self._kept = False
        transport, origin = self._transport, self._origin
        tls = transport.tls_to_peer(origin)
        connection = await self._patience.bound(lambda: connect(transport.peer(origin), tls, transport.clock))
        self._held = transport.upon(Network(connection, self._patience, secured=tls is not None), self._request)

    async def _ask(self) -> Any:
        if self._transport.pool is not None:
            return await self._transport.pool.handle_async_request(self._request)
        while True:
            assert self._held is not None
            held, heard = self._held, self._held.network.received
            try:
                response = await held.http.handle_async_request(self._request)
            except httpcore.ConnectionNotAvailable:
                self._held = None  # others share it, and it takes no more
                await self._take()
            except Exception as error:
                unheard = self._transport.http2 or held.network.received == heard
                if not self._kept or not may_renew(error, unheard=unheard):
                    raise
                self.close()
                await self._connect()
            else:
                if self._transport.http2 and held.http.is_available():
                    self._shared = True
                    self._transport.idle.give(self._origin, held)
                return response

    async def _land(self) -> None:
        await self._response.aclose()  # who is cancelled here still has both, and closes them
        self._response = None
        held, self._held = self._held, None
        if held is not None and not self._shared and not held.http.is_closed():
            self._transport.idle.give(self._origin, held)


async def _release(paused: Pausing[News] | None, response: Any, chunks: AsyncIterator[bytes] | None) -> None:
    if paused is not None:
        await paused.go_on()  # to a read that fails
    if response is None:
        return
    await response.aclose()
    # httpcore's body is generators within one another, and trio warns of any that is left half-way. Only a read that
    # fails ends them all; one of HTTP/2 would wait for the other streams.
    if chunks is not None and response.extensions.get("http_version") != b"HTTP/2":
        async for _ in chunks:
            pass
