"""A server in a process of its own, on the second core, that plays one stream to whoever asks, whatever they say.

    python -m benchmarks.server SETTINGS

SETTINGS is JSON: `events` in a stream; `pace`, seconds between two of them, or null for all in one write; `cert`, a PEM
file, for TLS. For each line on the standard input it tells its port and the connections it has had. An event is a chunk
of HTTP/1.1. The path tells the dialect. Nothing of lash is in here, and it does as little as a server can, because at
50,000 events a second it must not be what is measured.

In a paced stream each text is the time at which it was sent, so that who reads it knows how long it was on the way.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .peers import work
from .rounds import pin
from .streams import make

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"
_TIME = "%017.6f"
_APIS = {b"/messages": "anthropic-messages", b"Generate": "google-generative-ai", b"/responses": "openai-responses"}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Plays:
    """One dialect's stream: all of it, or paced."""

    def __init__(self, api: str, events: int) -> None:
        self.whole = _HEAD + b"".join([_chunk(each) for each in make(api, "text", events).events]) + _END
        self._events = events
        self._sample = make(api, "text", 1, pieces=[_TIME]).events

    def paced(self) -> Iterator[bytes]:
        """What is sent each time: one event with a text, and at the ends those that stand before and after it."""
        at = next(i for i, event in enumerate(self._sample) if _TIME.encode() in event)
        left, right = self._sample[at].split(_TIME.encode())
        piece = _HEAD + b"".join([_chunk(each) for each in self._sample[:at]])
        for _ in range(self._events - 1):
            yield piece + _chunk(left + (_TIME % time.monotonic()).encode() + right)
            piece = b""
        last = [left + (_TIME % time.monotonic()).encode() + right, *self._sample[at + 1 :]]
        yield piece + b"".join([_chunk(each) for each in last]) + _END


class Server(asyncio.Protocol):
    """One connection."""

    connections = 0
    pace: float | None
    plays: dict[str, Plays]

    def connection_made(self, transport: Any) -> None:
        Server.connections += 1
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < (int(length[1]) if length is not None else 0):
            return
        self._received = b""
        path = head.split(b" ", 2)[1]
        play = self.plays[next((api for word, api in _APIS.items() if word in path), "openai-completions")]
        if self.pace is None:
            self._transport.write(play.whole)
        else:
            self._go_on(play.paced(), asyncio.get_running_loop().time())

    def _go_on(self, pieces: Iterator[bytes], due: float) -> None:
        assert self.pace is not None
        piece = next(pieces, None)
        if piece is not None and not self._transport.is_closing():
            self._transport.write(piece)
            due += self.pace  # not from now: a server that is late does not slow the stream down
            asyncio.get_running_loop().call_at(due, self._go_on, pieces, due)


async def _serve(settings: dict[str, Any], told: dict[str, Any], ready: threading.Event) -> None:
    tls = None
    if settings["cert"]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(settings["cert"])
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, ssl=tls, backlog=2000)
    told["port"] = server.sockets[0].getsockname()[1]
    ready.set()
    await server.serve_forever()


def begin() -> Callable[[], dict[str, Any]]:
    """Serve in a thread, until the process ends."""
    settings = json.loads(sys.argv[1])
    pin(1)
    more_files()
    Server.pace = settings["pace"]
    Server.plays = {api: Plays(api, settings["events"]) for api in ["openai-completions", *_APIS.values()]}
    told: dict[str, Any] = {}
    ready = threading.Event()
    threading.Thread(target=lambda: asyncio.run(_serve(settings, told, ready)), daemon=True).start()
    ready.wait()
    return lambda: {**told, "connections": Server.connections}


def more_files() -> None:
    """As many open connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    work(begin)
