"""Byte streams of blocking code: sockets, with TLS or without."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from lash_proto.http1 import Origin

from ..flights import READ
from ..names import Addresses, look_up, written_out
from ..world import Clock

__all__ = ["Connection"]

T = TypeVar("T")


class Connection:
    """One TCP connection, with TLS or without. Errors are OSError; TimeoutError: `until` passed.

    It may be interrupted from the start: what it waits for is its own, a name's address too.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._socket: socket.socket | _TlsInTls | None = None
        self._timeout: float | None = None
        self._interrupted = False
        self._news = threading.Event()  # a name was found, or someone interrupted

    def connect(self, origin: Origin, tls: ssl.SSLContext | None, until: float | None) -> None:
        """Connect to the first address that answers; each has its share of the time."""
        plain = self._dial(origin, until)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.secure(tls, origin.host, until)

    def secure(self, tls: ssl.SSLContext, host: str, until: float | None) -> None:
        """Begin TLS; within TLS too."""
        plain = self._socket
        assert isinstance(plain, socket.socket)
        secured: ssl.SSLSocket | _TlsInTls
        if isinstance(plain, ssl.SSLSocket):
            secured = _TlsInTls(plain, tls, host)
        else:
            secured = tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        self._hold(secured)
        self._set_timeout(until)
        secured.do_handshake()

    @property
    def tls(self) -> Any:
        """What knows of its TLS (`selected_alpn_protocol`), None where there is none."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket | _TlsInTls) else None

    def _dial(self, origin: Origin, until: float | None) -> socket.socket:
        *others, last = self._look_up(origin, until)
        for tried, address in enumerate(others):
            try:
                return self._try(address, until, shares=len(others) + 1 - tried)
            except OSError:
                self.close()
                if self._interrupted:
                    raise
        return self._try(last, until)

    def _look_up(self, origin: Origin, until: float | None) -> Addresses:
        if (address := written_out(origin.host, origin.port)) is not None:
            return address
        told: list[Addresses | Exception] = []

        def tell(found: Addresses | Exception) -> None:
            told.append(found)
            self._news.set()

        look_up(origin.host, origin.port, tell)
        found_in_time = self._news.wait(None if until is None else self.clock.timeout(until))
        if self._interrupted:
            raise InterruptedError("interrupted")
        if not found_in_time:
            raise TimeoutError("the name was not found in time")
        found = told[0]
        if isinstance(found, Exception):
            raise found
        return found

    def _try(self, address: Any, until: float | None, *, shares: int = 1) -> socket.socket:
        family, kind, protocol, _, where = address
        tried = socket.socket(family, kind, protocol)
        self._hold(tried)
        self._set_timeout(until, shares=shares)
        tried.connect(where)
        return tried

    def send(self, data: bytes, until: float | None) -> None:
        """Send all of it."""
        assert self._socket is not None
        self._set_timeout(until)
        self._socket.sendall(data)

    def read(self, until: float | None) -> bytes:
        """What has come, as soon as something has; b"" is the end."""
        assert self._socket is not None
        self._set_timeout(until)
        return self._socket.recv(READ)

    def is_stale(self) -> bool:
        """Whether a connection nobody waits on has something to read: its end, or bytes nobody asked for."""
        if self._socket is None:
            return True
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def interrupt(self) -> None:
        """End what blocks here, from any thread, and with it the connection."""
        self._interrupted = True
        self._news.set()
        if (held := self._socket) is not None:
            try:
                # Not SSLSocket's: it forgets its TLS state, which the thread that reads is using.
                socket.socket.shutdown(held.below if isinstance(held, _TlsInTls) else held, socket.SHUT_RDWR)
            except OSError:
                pass  # not connected, or no longer

    def close(self) -> None:
        """Give the socket back, at once."""
        held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def _hold(self, new: socket.socket | _TlsInTls) -> None:
        self._socket, self._timeout = new, None
        if self._interrupted:  # while there was none to shut down
            raise InterruptedError("interrupted")

    def _set_timeout(self, until: float | None, *, shares: int = 1) -> None:
        assert self._socket is not None
        wanted = None if until is None else self.clock.timeout(until) / shares
        held = self._timeout
        # A system call saved where a deadline has moved by less than anyone would notice.
        if wanted is None or held is None or abs(wanted - held) > 0.01 * held:
            if wanted is not None and wanted <= 0:
                wanted = 1e-6  # 0 would mean: never wait, and fail in another way
            self._socket.settimeout(wanted)
            self._timeout = wanted


class _TlsInTls:
    """TLS through a tunnel that is TLS itself, to a proxy at https://. The module ssl wraps no socket twice."""

    def __init__(self, below: ssl.SSLSocket, tls: ssl.SSLContext, host: str) -> None:
        self.below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.settimeout = below.settimeout
        self.fileno = below.fileno
        self.close = below.close
        self.selected_alpn_protocol = self._tls.selected_alpn_protocol

    def do_handshake(self) -> None:
        self._work(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        try:
            return self._work(lambda: self._tls.read(size))
        except ssl.SSLEOFError:
            return b""  # as SSLSocket has it: the end of the body is HTTP's to tell

    def sendall(self, data: bytes) -> None:
        self._work(lambda: self._tls.write(data))

    def _work(self, step: Callable[[], T]) -> T:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush()
                if more := self.below.recv(READ):
                    self._incoming.write(more)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return done

    def _flush(self) -> None:
        if waiting := self._outgoing.read():
            self.below.sendall(waiting)
