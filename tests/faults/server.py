"""The fault server: what it does to a connection, as data, and who does it.

Each script stands under a path of its own, so that any client is aimed at it by its base URL. A connection serves one
request: what follows a script is the end of the connection, in good order unless the script broke it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from tests.io.loopback import Peer, Server, Step, close


@frozen
class Drip:
    """Send the bytes one by one, each in a packet of its own; `gap` is in seconds."""

    data: bytes
    gap: float = 0.0

    def __call__(self, peer: Peer) -> None:
        peer.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(self.data)):
            peer.connection.sendall(self.data[at : at + 1])
            pause(peer, self.gap)


@frozen
class Repeat:
    """Send the bytes again and again, until the client hangs up."""

    data: bytes
    gap: float = 0.0

    def __call__(self, peer: Peer) -> None:
        while True:
            peer.connection.sendall(self.data)
            pause(peer, self.gap)


def pause(peer: Peer, seconds: float) -> None:
    """Wait, unless the server ends."""
    assert isinstance(peer.server, FaultServer)
    if seconds and peer.server.ending.wait(seconds):
        raise OSError("the server ends")


@frozen
class Script:
    """What answers one request. `early`: it is answered by its head, its body unread."""

    steps: Sequence[Step]
    early: bool = False


class FaultServer(Server):
    """Plays the script whose name the request's path begins with: `/NAME/...`, a name may hold slashes."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        super().__init__()
        self.plays = dict(scripts)
        self.ending = threading.Event()

    def reads_head_only(self, head: bytes) -> bool:
        return self._script(head).early

    def script_of(self, request: bytes) -> Sequence[Step]:
        return [*self._script(request).steps, close]

    def _script(self, request: bytes) -> Script:
        parts = request.split(b" ", 2)[1].decode("latin-1").lstrip("/").split("/")
        return next(
            self.plays[name] for end in range(len(parts), 0, -1) if (name := "/".join(parts[:end])) in self.plays
        )

    def __exit__(self, *exc: Any) -> None:
        self.ending.set()
        super().__exit__(*exc)
