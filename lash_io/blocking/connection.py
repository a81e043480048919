"""Byte streams of blocking code: sockets, with TLS or without."""

from __future__ import annotations

import select
import socket
import ssl
from typing import Any

from lash_proto.http1 import Origin

from ..flights import READ
from ..world import Clock

__all__ = ["Connection"]


class Connection:
    """One TCP connection, with TLS where the origin asks for it. Errors are OSError; TimeoutError: `until` passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._socket: socket.socket | None = None
        self._timeout: float | None = None
        self._interrupted = False

    def connect(self, origin: Origin, tls: ssl.SSLContext | None, until: float | None) -> None:
        """Connect to the first address that answers; each has its share of the time."""
        plain = self._dial(origin, until)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            secured = tls.wrap_socket(plain, server_hostname=origin.host, do_handshake_on_connect=False)
            self._hold(secured)
            self._set_timeout(until)
            secured.do_handshake()

    def _dial(self, origin: Origin, until: float | None) -> socket.socket:
        *others, last = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        for tried, address in enumerate(others):
            try:
                return self._try(address, until, shares=len(others) + 1 - tried)
            except OSError:
                self.close()
                if self._interrupted:
                    raise
        return self._try(last, until)

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
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def interrupt(self) -> None:
        """End what blocks here, from any thread, and with it the connection."""
        self._interrupted = True
        if (held := self._socket) is not None:
            try:
                # Not SSLSocket's: it forgets its TLS state, which the thread that reads is using.
                socket.socket.shutdown(held, socket.SHUT_RDWR)
            except OSError:
                pass  # not connected, or no longer

    def close(self) -> None:
        """Give the socket back, at once."""
        held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def _hold(self, new: socket.socket) -> None:
        self._socket, self._timeout = new, None
        if self._interrupted:  # while there was none to shut down
            raise InterruptedError("interrupted")

    def _set_timeout(self, until: float | None, *, shares: int = 1) -> None:
        assert self._socket is not None
        wanted = None if until is None else self._clock.timeout(until) / shares
        held = self._timeout
        # A system call saved where a deadline has moved by less than anyone would notice.
        if wanted is None or held is None or abs(wanted - held) > 0.01 * held:
            if wanted is not None and wanted <= 0:
                wanted = 1e-6  # 0 would mean: never wait, and fail in another way
            self._socket.settimeout(wanted)
            self._timeout = wanted
