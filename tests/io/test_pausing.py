"""Flights that are left where they wait, and gone on with or dropped there, whoever reads the bytes."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from lash_io.aio import HttpcoreTransport, StreamTransport
from lash_proto.effects import CallHttp
from lash_proto.happenings import BodyEnded, BodyReceived, Connected, HeadReceived

from .loopback import PATIENCE, Server, Step, close, until_hung_up
from .worlds import FakeClock

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEAD = HeadReceived(1, 200, (("content-length", "5"),))

pytestmark = [
    pytest.mark.parametrize("backend", ["asyncio", "trio"]),
    pytest.mark.parametrize("made", [StreamTransport, HttpcoreTransport]),
]


def fly(backend: str, made: Any, server: Server, clock: FakeClock, use: Callable[[Any], Awaitable[None]]) -> None:
    """Use a flight to a server."""

    async def main() -> None:
        transport = made(clock=clock)
        flight = transport.open(CallHttp(1, "POST", f"{server.url}/", (), b"{}"))
        assert flight.bounded
        assert await flight.receive(clock.now() + 60) == Connected(1)
        await use(flight)
        flight.close()
        await transport.close()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        anyio.run(main, backend=backend)
        gc.collect()
    assert told == []


def waiting(gate: threading.Event) -> Callable[[object], None]:
    """A step of the server that waits."""

    def wait(peer: object) -> None:
        assert gate.wait(PATIENCE)

    return wait


async def interrupted(flight: Any) -> Any:
    """What a wait gives that somebody interrupts."""
    async with anyio.create_task_group() as group:

        async def interrupt() -> None:
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            flight.interrupt()

        group.start_soon(interrupt)
        return await flight.receive(None)


def test_one_that_waited_in_vain_goes_on_from_there(backend: str, made: Any) -> None:
    head, body = threading.Event(), threading.Event()
    clock = FakeClock(patience=0.01)

    async def use(flight: Any) -> None:
        assert await flight.receive(1030.0) is None
        assert clock.now() == 1030.0
        assert await interrupted(flight) is None
        head.set()
        assert await flight.receive(None) == HEAD
        assert await flight.receive(1090.0) is None
        assert await interrupted(flight) is None
        body.set()
        assert await flight.receive(None) == BodyReceived(1, b"hello")
        assert await flight.receive(None) == BodyEnded(1)

    with Server([waiting(head), SIZED[:-5], waiting(body), SIZED[-5:]]) as server:
        fly(backend, made, server, clock, use)
        assert (server.accepted, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("said", [b"", SIZED[:-5], SIZED[:-1]])
def test_one_that_is_dropped_while_nobody_waits_leaves_nothing_behind(backend: str, made: Any, said: bytes) -> None:
    clock = FakeClock(patience=0.01)
    steps: list[Step] = [said, until_hung_up] if said else [until_hung_up]

    async def use(flight: Any) -> None:
        while await flight.receive(clock.now() + 60) is not None:
            pass
        flight.close()
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert await anyio.to_thread.run_sync(server.hung_up.wait, PATIENCE)

    with Server(steps) as server:
        fly(backend, made, server, clock, use)
        assert server.accepted == 1


def test_a_request_that_does_not_get_out_in_time_begins_anew(backend: str, made: Any) -> None:
    gate = threading.Event()
    clock = FakeClock(patience=0.05)

    def leave_unread(peer: Any) -> None:
        assert gate.wait(PATIENCE)
        server.head_only = False
        close(peer)

    async def main() -> None:
        transport = made(clock=clock)
        flight = transport.open(CallHttp(1, "POST", f"{server.url}/", (), b"x" * 16_000_000))
        assert await flight.receive(1030.0) == Connected(1)
        assert await flight.receive(1030.0) is None
        assert clock.now() == 1030.0
        gate.set()
        assert await flight.receive(None) == HEAD
        flight.close()
        await transport.close()

    with Server([leave_unread], [SIZED]) as server:
        server.head_only = True
        anyio.run(main, backend=backend)
        assert server.accepted == 2
