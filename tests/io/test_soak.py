"""Many streams through each asynchronous transport, a third of them ended by chance: nothing is left of any.

500 in `make test`, 20,000 in `make soak`. What is counted at the end: tasks, sockets on both sides, file descriptors,
threads, places at the gate, and every object of lash, httpcore and h11 that garbage collection does not take away.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve

import lash_io.aio
from lash_io import AsyncClient, CancelToken
from lash_io.faux_server import FauxServer
from lash_io.fixtures import Fixture
from lash_proto import Limits, LlmResponse
from lash_proto.faux import Answer, FauxProvider, FauxReply
from lash_proto.providers import ProviderHandle, anthropic
from tests.io.test_limits import inside, poll

SOAK = os.environ.get("LASH_HYPOTHESIS_PROFILE") == "soak"
STREAMS = 20_000 if SOAK else 500
AT_ONCE = 24
PLACES = 16
TEXT = "Nothing is left of this." * 2
SPEED = 2000.0
"""Tokens in a second, one an event: there is a moment between any two in which a stream may be ended."""


class Same:
    """A provider that says one thing for ever, and remembers nothing."""

    def __init__(self) -> None:
        body = b'{"model":"m","stream":true,"messages":[]}'
        self._answer = FauxProvider([FauxReply(TEXT, piece=4)]).answer("POST", "/v1/messages", (), body)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        return evolve(self._answer)

    def fixture(self) -> Fixture:
        return Fixture(200, tuple(self._answer.headers), b"".join(self._answer.chunks))


MAKERS: dict[str, Callable[[Path], Any]] = {
    "stream": lambda folder: lash_io.aio.StreamTransport(),
    "httpcore": lambda folder: lash_io.aio.HttpcoreTransport(),
    "record": lambda folder: lash_io.aio.RecordTransport(lash_io.aio.StreamTransport(), folder),
    "faux": lambda folder: lash_io.aio.FauxTransport(Same(), tokens_per_second=SPEED),
    "replay": lambda folder: lash_io.aio.ReplayTransport(Same().fixture(), cuts=40),
}


async def one(client: AsyncClient, chance: random.Random) -> str:
    """One stream, which a third of the time is ended before it ends: how, and by whom, is chance."""
    end = chance.choice(("leave", "scope", "token", "time")) if chance.random() < 1 / 3 else "none"
    after = chance.randrange(10)
    token = CancelToken()
    stream = client.stream("Hi.", cancel=token if end == "token" or chance.random() < 0.5 else None)
    with anyio.CancelScope() as scope:
        if end == "time":  # in any moment, while it waits or connects too
            scope.deadline = anyio.current_time() + chance.random() * 0.01
        async with stream:
            seen = 0
            async for _ in stream:
                seen += 1
                if seen > after and end == "leave":
                    break
                if seen > after and end == "scope":
                    scope.cancel()
                if seen > after and end == "token":
                    token.cancel()
    response: LlmResponse = stream.response
    whole = response.text == TEXT and response.stop_reason == "stop"
    assert TEXT.startswith(response.text)
    assert whole or response.stop_reason == "aborted"
    assert whole or end != "none"
    return str(response.stop_reason)


def living() -> Counter[str]:
    """The objects there are of what lash is made of, by class."""
    gc.collect()
    rooms = ("lash_", "httpcore", "h11", "h2", "asyncio.streams", "asyncio.sslproto")
    kinds = Counter(type(thing) for thing in gc.get_objects())
    return Counter(
        {
            f"{kind.__module__}.{kind.__name__}": number
            for kind, number in kinds.items()
            if kind.__module__.startswith(rooms)
        }
    )


def tasks(backend: str) -> int:
    if backend == "asyncio":
        return len(asyncio.all_tasks())
    import trio

    return trio.lowlevel.current_statistics().tasks_living


def memory() -> int:
    """Bytes of this process in memory, where the system tells."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


@contextmanager
def serving(name: str) -> Iterator[tuple[ProviderHandle, FauxServer | None]]:
    handle = anthropic("k")
    if name in ("faux", "replay"):
        yield handle, None
        return
    with FauxServer(Same(), tokens_per_second=SPEED) as server:  # type: ignore[arg-type]
        yield server.aim(handle), server


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", MAKERS)
def test_nothing_is_left_of_many_streams(name: str, backend: str, tmp_path: Path) -> None:
    async def main(handle: ProviderHandle, streams: int) -> Counter[str]:
        chance = random.Random(streams)
        before = tasks(backend)
        transport = MAKERS[name](tmp_path / str(streams))
        client = AsyncClient(handle, model="m", transport=transport, limits=Limits(max_concurrency=PLACES))
        ends: Counter[str] = Counter()
        left = iter(range(streams))

        async def work() -> None:
            for _ in left:
                ends[await one(client, chance)] += 1

        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(work)
        assert inside(client) == (0, 0)
        await transport.close()
        await anyio.wait_all_tasks_blocked()
        assert tasks(backend) <= before
        return ends

    with serving(name) as (handle, server):

        def run(streams: int) -> Counter[str]:
            return anyio.run(main, handle, streams, backend=backend)

        run(STREAMS // 10)  # what is made once is made
        poll(lambda: server is None or not server._open)
        objects, threads, files, used = living(), threading.active_count(), descriptors(), memory()
        ends = run(STREAMS)
        assert sum(ends.values()) == STREAMS
        assert STREAMS / 10 < ends["aborted"] < STREAMS / 2
        poll(lambda: server is None or not server._open)
        poll(lambda: threading.active_count() <= threads)
        assert +(living() - objects) == Counter()
        assert descriptors() <= files
        assert memory() - used < 16 << 20
