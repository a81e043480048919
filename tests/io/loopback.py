"""A server that does what a test tells it, byte for byte, on a loopback port.

Each request is answered by the next script: a list of bytes to send and of steps beside them.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

Step = bytes | Callable[["Peer"], Any]

PATIENCE = 10.0
"""Seconds after which a test that waits in vain is failed."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.open = True

    def secure(self, tls: ssl.SSLContext) -> None:
        """Begin TLS."""
        plain, self.connection = (
            self.connection,
            tls.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False),
        )
        plain.close()
        self.server.peers.append(self.connection)
        self.connection.do_handshake()

    def read_request(self) -> bytes | None:
        """One whole request, None where the client closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.connection.recv(65536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        if self.server.reads_head_only(head):
            return head
        sizes = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while sizes and len(body) < int(sizes[0]):
            more = self.connection.recv(65536)
            if not more:
                return None
            body += more
        return head + b"\r\n\r\n" + body


def close(peer: Peer) -> None:
    """End the connection."""
    peer.open = False
    peer.connection.close()


def reset(peer: Peer) -> None:
    """Break the connection off."""
    peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    close(peer)


def until_hung_up(peer: Peer) -> None:
    """Wait for the client to close."""
    try:
        while peer.connection.recv(65536):
            pass
    except OSError:
        pass
    peer.server.hung_up.set()
    peer.open = False


class Server:
    """Listens on 127.0.0.1 while its `with` block lasts. `accepted` counts connections."""

    def __init__(
        self,
        *scripts: Sequence[Step],
        tls: ssl.SSLContext | None = None,
        greeting: Callable[[Peer], Any] | None = None,
    ) -> None:
        self.scripts = list(scripts)
        self.tls = tls
        self.greeting = greeting  # for what is not HTTP/1.1 at all
        self.head_only = False  # leave bodies unread
        self.accepted = 0
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.peers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Its base URL."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def reads_head_only(self, head: bytes) -> bool:
        """Whether the body of this request is left unread."""
        return self.head_only

    def script_of(self, request: bytes) -> Sequence[Step]:
        """What answers this request."""
        return self.scripts.pop(0)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping = True
        # Closing alone does not wake a thread that accepts.
        socket.create_connection(self._listener.getsockname()).close()
        self._threads[0].join(PATIENCE)
        self._listener.close()
        for connection in self.peers:
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping:
                connection.close()
                return
            self.accepted += 1
            self.peers.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        peer = Peer(self, connection)
        try:
            if self.tls is not None:
                peer.secure(self.tls)
            if self.greeting is not None:
                self.greeting(peer)
                return
            while peer.open:
                request = peer.read_request()
                if request is None:
                    break
                self.requests.append(request)
                for step in self.script_of(request):
                    if isinstance(step, bytes):
                        peer.connection.sendall(step)
                    else:
                        step(peer)
        except OSError:
            pass
        finally:
            connection.close()
            peer.connection.close()
