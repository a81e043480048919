"""httpcore's sockets under asyncio, by asyncio's own streams.

httpcore's, which are anyio's, lose what a server said when it refuses a request half-way and closes: the answer lies
unread while the request breaks off, and goes with it. They also cost 15 us more a read. Under trio httpcore's serve.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import anyio
import httpcore

from lash_proto.http1 import Origin

from .connection import Reader, dial

__all__ = ["AsyncioBackend"]


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """What an httpcore pool connects with in an asyncio loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; addresses race each other as they do for StreamTransport."""
        with _telling(httpcore.ConnectTimeout, httpcore.ConnectError, timeout):
            plain = await dial(Origin("http", host, port))
            for option in socket_options or ():
                plain.setsockopt(*option)
            loop = asyncio.get_running_loop()
            protocol = _protocol(loop)
            try:
                await loop.create_connection(lambda: protocol, sock=plain)
            except BaseException:
                plain.close()
                raise
            return _Stream(protocol)

    async def sleep(self, seconds: float) -> None:
        """Wait, between attempts to connect."""
        await anyio.sleep(seconds)


class _Protocol(asyncio.StreamReaderProtocol):
    """The streams' protocol, which knows its transport and its reader."""

    def __init__(self, reader: Reader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.reader = reader
        self.loop = loop
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = transport


def _protocol(loop: asyncio.AbstractEventLoop) -> _Protocol:
    return _Protocol(Reader(loop=loop), loop)


class _Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, protocol: _Protocol, under: _Stream | None = None) -> None:
        self._under = under  # kept, because a StreamWriter that is forgotten closes its transport
        self._protocol = protocol
        self._reader = protocol.reader
        self._writer = asyncio.StreamWriter(protocol.transport, protocol, protocol.reader, protocol.loop)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _telling(httpcore.ReadTimeout, httpcore.ReadError, timeout):
            data = await self._reader.read(max_bytes)
            if not data and self._reader.broken is not None:
                raise self._reader.broken
            return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _telling(httpcore.WriteTimeout, httpcore.WriteError, timeout):
            self._writer.write(buffer)
            await self._writer.drain()

    async def aclose(self) -> None:
        if not self._protocol.loop.is_closed():
            self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop = self._protocol.loop
        protocol = _protocol(loop)
        with _telling(httpcore.ConnectTimeout, httpcore.ConnectError, timeout):
            try:
                transport = await loop.start_tls(
                    self._writer.transport, protocol, ssl_context, server_hostname=server_hostname
                )
            except BaseException:
                await self.aclose()
                raise
            if transport is None:  # it was lost in the meantime
                raise ConnectionResetError("the connection was closed")
            protocol.connection_made(transport)
            return _Stream(protocol, self)

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "is_readable":
                return bool(self._reader.at_hand(1) is not None or self._writer.is_closing())
            case "client_addr":
                return self._writer.get_extra_info("sockname")
            case "server_addr":
                return self._writer.get_extra_info("peername")
            case _:
                return self._writer.get_extra_info(info)


@contextmanager
def _telling(late: type[Exception], broken: type[Exception], timeout: float | None) -> Iterator[None]:
    """Tell failures in httpcore's own exceptions."""
    try:
        with nullcontext() if timeout is None else anyio.fail_after(timeout):
            yield
    except TimeoutError as error:
        raise late(error) from error
    except OSError as error:
        raise broken(error) from error
