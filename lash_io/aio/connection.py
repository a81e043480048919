"""Byte streams of asynchronous code. Only `connect` here knows the event loop.

Under asyncio they are its own streams: anyio's pause and resume reading around every read, which costs 15 us an event
and 37 under TLS. Under trio they are anyio's, which are bare trio sockets there.

A deadline costs no scope a read under asyncio: one timer a connection, armed again when it fires too early. It cancels
the read the way `asyncio.timeout` does, so nothing that was received is lost, and the next read goes on.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from typing import Any, Protocol

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from lash_proto.http1 import Origin

from ..flights import MOMENT, READ
from ..names import Addresses, look_up, written_out
from ..world import Clock
from .loops import in_trio, poster

__all__ = ["Connection", "connect"]


class Connection(Protocol):
    """One TCP connection, with TLS or without. Errors are OSError."""

    @property
    def tls(self) -> Any:
        """What knows of its TLS (`selected_alpn_protocol`), None where there is none."""
        ...

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Begin TLS; within TLS too."""
        ...

    def send_at_once(self, data: bytes) -> bool:
        """Send it, if that takes no waiting; whether all of it is out. False: `send` goes on with it."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of it, or what `send_at_once` has left of it."""
        ...

    async def read(self, until: float | None) -> bytes | None:
        """What has come, as soon as something has; b"" is the end; None: `until` passed, or someone interrupted."""
        ...

    def is_stale(self) -> bool:
        """Whether a connection nobody waits on has something to read: its end, or bytes nobody asked for."""
        ...

    def interrupt(self) -> None:
        """Make a read return. Only in the connection's own loop."""
        ...

    def close(self) -> None:
        """Give the socket back, at once and without waiting."""
        ...


async def connect(origin: Origin, tls: ssl.SSLContext | None, clock: Clock) -> Connection:
    """Connect in the loop that runs. Addresses race each other (RFC 8305)."""
    if in_trio():
        try:
            connection = _AnyioConnection(await anyio.connect_tcp(origin.host, origin.port), clock)
        except BaseException as error:
            raise _within(error) from None
        if tls is not None:
            try:
                await connection.secure(tls, origin.host)
            except BaseException:
                connection.close()
                raise
        return connection
    plain_socket = await _race(await _look_up(origin.host, origin.port))
    loop = asyncio.get_running_loop()
    reader = Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    server_hostname = origin.host if tls is not None else None
    try:
        transport, _ = await loop.create_connection(
            lambda: protocol, sock=plain_socket, ssl=tls, server_hostname=server_hostname
        )
    except BaseException:
        plain_socket.close()
        raise
    return _AsyncioConnection(reader, asyncio.StreamWriter(transport, protocol, reader, loop), clock)


async def _look_up(host: str, port: int) -> Addresses:
    if (address := written_out(host, port)) is not None:
        return address
    future: asyncio.Future[Addresses | Exception] = asyncio.get_running_loop().create_future()
    post = poster()

    def tell(found: Addresses | Exception) -> None:
        post(lambda: None if future.done() else future.set_result(found))

    look_up(host, port, tell)
    found = await future
    if isinstance(found, Exception):
        raise found
    return found


async def _race(addresses: Addresses) -> socket.socket:
    """Try each address, the next one 250 ms after the last or as soon as it failed (RFC 8305).

    asyncio's own race, in Python 3.11, loses a connected socket when it is cancelled at that moment.
    """
    loop = asyncio.get_running_loop()
    errors: list[OSError] = []
    won: list[socket.socket] = []

    async def attempt(family: int, kind: int, protocol: int, address: Any, failed: anyio.Event | None) -> None:
        tried = socket.socket(family, kind, protocol)
        try:
            tried.setblocking(False)
            await loop.sock_connect(tried, address)
            won.append(tried)
        except OSError as error:
            errors.append(error)
            tried.close()
        except BaseException:
            tried.close()
            raise
        if failed is not None and won:
            group.cancel_scope.cancel()
        elif failed is not None:
            failed.set()

    try:
        if len(addresses) == 1:
            ((family, kind, protocol, _, address),) = addresses
            await attempt(family, kind, protocol, address, None)
        else:
            async with anyio.create_task_group() as group:
                for family, kind, protocol, _, address in addresses:
                    failed = anyio.Event()
                    group.start_soon(attempt, family, kind, protocol, address, failed)
                    with anyio.move_on_after(0.25):
                        await failed.wait()
    except BaseException:
        for connected in won:
            connected.close()
        raise
    for late in won[1:]:
        late.close()
    if not won:
        raise errors[0]
    return won[0]


class Reader(asyncio.StreamReader):
    """Gives what had come when the connection broke, and then the error. asyncio's own forgets what had come: the
    answer to a request that was refused half-way, the end of a stream that is read slowly."""

    broken: Exception | None = None

    def set_exception(self, exc: Exception) -> None:
        self.broken = exc
        self.feed_eof()

    def at_hand(self, size: int) -> bytes | None:
        """What a read gives without waiting, b"" at the end; None where it would wait."""
        waiting = self.read(size)
        try:
            waiting.send(None)
        except StopIteration as read:
            data: bytes = read.value
            return data
        waiting.close()
        return None


class _AsyncioConnection:
    def __init__(self, reader: Reader, writer: asyncio.StreamWriter, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float = 0.0  # for when the timer was set
        self._until: float | None = None  # what is wanted now
        self._reading: asyncio.Task[object] | None = None
        self._cut = False
        self._written = False  # to its buffers, where it waits

    @property
    def tls(self) -> Any:
        return self._writer.get_extra_info("ssl_object")

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        await self._writer.start_tls(tls, server_hostname=host)

    def send_at_once(self, data: bytes) -> bool:
        transport = self._writer.transport
        self._writer.write(data)
        self._written = bool(transport.get_write_buffer_size()) or transport.is_closing()
        return not self._written

    async def send(self, data: bytes) -> None:
        if not self._written:
            self._writer.write(data)
        self._written = False
        await self._writer.drain()

    async def read(self, until: float | None) -> bytes | None:
        if until is not None and (self._timer is None or until < self._armed):
            self._arm(until)
        self._until = until
        task = self._reading = asyncio.current_task()
        assert task is not None
        others = task.cancelling()
        try:
            data = await self._reader.read(READ)
            if not data and self._reader.broken is not None:
                raise self._reader.broken
            return data
        except asyncio.CancelledError:
            if not self._cut:
                raise
            self._cut = False
            if task.uncancel() > others:
                raise
            return (
                self._reader.at_hand(READ) or None
            )  # a loop that was held up hears of the deadline and of news at once
        finally:
            self._reading = None

    def is_stale(self) -> bool:
        return self._reader.at_hand(1) is not None or self._writer.is_closing()

    def interrupt(self) -> None:
        if self._reading is not None and not self._cut:
            self._cut = True
            self._reading.cancel()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._loop.is_closed():
            self._writer.transport.abort()

    def _arm(self, until: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = until
        self._timer = self._loop.call_later(self._clock.timeout(until), self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._reading is None or self._until is None:
            return
        if self._until > self._armed:
            self._arm(self._until)
        else:
            self._clock.passed(self._until)
            self.interrupt()


class _AnyioConnection:
    def __init__(self, stream: ByteStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._scope: anyio.CancelScope | None = None

    @property
    def tls(self) -> Any:
        return self._stream.extra(TLSAttribute.ssl_object, None)

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        try:
            self._stream = await TLSStream.wrap(self._stream, hostname=host, ssl_context=tls, standard_compatible=False)
        except (anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise _cause(error) from None

    def send_at_once(self, data: bytes) -> bool:
        return False

    async def send(self, data: bytes) -> None:
        try:
            await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise _cause(error) from None

    async def read(self, until: float | None) -> bytes | None:
        timeout = None if until is None else max(MOMENT, self._clock.timeout(until))
        with anyio.move_on_after(timeout) as scope:
            self._scope = scope
            try:
                return await self._stream.receive(READ)
            except anyio.EndOfStream:
                return b""
            except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
                raise _cause(error) from None
        if until is not None and scope.deadline <= anyio.current_time():
            self._clock.passed(until)
        return None

    def is_stale(self) -> bool:
        poll = select.poll()
        poll.register(self._stream.extra(SocketAttribute.raw_socket), select.POLLIN)
        return bool(poll.poll(0))

    def interrupt(self) -> None:
        if self._scope is not None:
            self._scope.cancel()

    def close(self) -> None:
        held = self._stream.extra(SocketAttribute.raw_socket)
        if held.fileno() >= 0:
            if in_trio():  # else its run is over, and nobody waits for it
                import trio

                trio.lowlevel.notify_closing(held)
            held.close()


def _within(error: BaseException) -> BaseException:
    """What happened, out of "All connection attempts failed" and the groups in which anyio's race tells the rest, so
    that Ctrl-C is a KeyboardInterrupt."""
    found = error.__cause__ if isinstance(error, OSError) else error
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found or error


def _cause(error: Exception) -> OSError:
    """What lies under anyio's exception, so that both loops tell the same."""
    cause = error.__cause__
    return cause if isinstance(cause, OSError) else ConnectionResetError("the connection was closed")
