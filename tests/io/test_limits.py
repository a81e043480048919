"""A client's limits, shared by its threads or tasks: who waits, what ends a wait, and that places are given back."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.to_thread
import pytest

from lash_io import AsyncClient, CancelToken, Client
from lash_proto import APITimeoutError, Limits, ProviderOptions, TextDelta
from lash_proto.effects import CallHttp
from lash_proto.faux import FauxError, FauxReply
from lash_proto.providers import anthropic, faux
from tests.io.loopback import PATIENCE, Peer, Server, close, until_hung_up
from tests.io.test_client import HALF, HELLO
from tests.io.worlds import WORLDS, Coloured, FakeClock, World, drive, twin

ONCE: Any = {"model": "m", "options": ProviderOptions(max_retries=0)}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["StreamTransport", "HttpcoreTransport"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Crowd:
    """Calls of one client at once: each in its own thread or task."""

    def __init__(self, world: str) -> None:
        self.world = world

    def __call__(self, calls: Sequence[Callable[[Any], Any]], *args: Any, **settings: Any) -> list[Any]:
        """Run `call(client)` for each of the coroutine functions; what they give, in their order."""
        outcomes: list[Any] = [None] * len(calls)
        if self.world == "blocking":
            with Client(*args, **settings) as client, ThreadPoolExecutor(len(calls)) as pool:
                running = [pool.submit(lambda call=call: drive(call(Coloured(client)))) for call in calls]  # type: ignore[misc]
                return [each.result(PATIENCE) for each in running]

        async def main() -> None:
            async with AsyncClient(*args, **settings) as client, anyio.create_task_group() as group:

                async def keep(number: int, call: Callable[[Any], Any]) -> None:
                    outcomes[number] = await call(client)

                for number, call in enumerate(calls):
                    group.start_soon(keep, number, call)

        anyio.run(main, backend=self.world)
        return outcomes


class Meter:
    """How many requests are being answered at once."""

    def __init__(self, parties: int) -> None:
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(parties)

    def answer(self, peer: Peer) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._barrier.wait(PATIENCE)  # so many are here at once
        with self._lock:
            self._inside -= 1
        peer.connection.sendall(HELLO)


async def hello(client: Any) -> str:
    text: str = (await client.complete("Say hello.")).text
    return text


def inside(client: Any) -> tuple[int, int]:
    """How many have a place at its gate, and how many wait there."""
    gate = client._performers[CallHttp].__self__._gate
    return len(gate._admission._inside), len(gate._waiting)


# --- who waits -------------------------------------------------------------------------------------------------------


def test_so_many_at_once_and_no_more(world: str, transport: str) -> None:
    meter = Meter(2)
    with Server(*([[meter.answer]] * 6)) as server:
        settings = {"transport": getattr(twin(world).transports, transport)(), "limits": Limits(max_concurrency=2)}
        assert Crowd(world)([hello] * 6, anthropic("k", base_url=server.url), **settings, **ONCE) == ["hello"] * 6
        assert meter.most == 2


def test_so_many_in_a_window(world: str) -> None:
    clock = FakeClock()

    async def scenario(client: Any) -> list[float]:
        times = []
        for _ in range(4):
            await client.complete("Hi")
            times.append(clock.now() - 1000)
        return times

    limits = Limits(requests=2, window=60)
    times = World(world)(scenario, faux(["Hi."] * 4), model="m", limits=limits, clock=clock)
    assert times == [0, 0, 60, 60]


def test_so_many_tokens_in_a_window(world: str) -> None:
    clock = FakeClock()

    async def scenario(client: Any) -> list[float]:
        times = []
        for words in ("x" * 40, "x" * 40, "x" * 4000, "x"):
            await client.complete(words)
            times.append(clock.now() - 1000)
        return times

    limits = Limits(tokens=20, window=60)
    times = World(world)(scenario, faux(["Hi."] * 4), model="m", limits=limits, clock=clock)
    assert times == [0, 0, 60, 120]


def test_an_attempt_that_is_made_again_waits_again(world: str) -> None:
    clock = FakeClock()
    busy = FauxReply(error=FauxError("overloaded", "too busy", status=529))

    async def scenario(client: Any) -> Any:
        return await client.complete("Hi")

    limits = Limits(max_concurrency=1, requests=1, window=60)
    reply = World(world)(scenario, faux([busy, busy, "Hi."]), model="m", limits=limits, clock=clock)
    assert [attempt.started_at - 1000 for attempt in reply.attempts] == [0, 60, 120]


# --- what ends a wait, and a place -----------------------------------------------------------------------------------


class Held:
    """A server whose first answer waits for `let_go`, and that says when it has been asked."""

    def __init__(self, *scripts: Any) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()
        self.server = Server([self._hold, HELLO], *scripts)

    def _hold(self, peer: Peer) -> None:
        self.asked.set()
        assert self.let_go.wait(PATIENCE)


async def soon(condition: Callable[[], Any]) -> None:
    """Until something is so; in its own thread or task nothing waits meanwhile."""
    if not condition():
        await anyio.to_thread.run_sync(lambda: poll(condition))


def poll(condition: Callable[[], Any]) -> None:
    for _ in range(int(PATIENCE * 1000)):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("in vain")


def test_a_token_ends_a_wait(world: str, transport: str) -> None:
    held, token = Held(), CancelToken()
    settings = {"transport": getattr(twin(world).transports, transport)(), "limits": Limits(max_concurrency=1), **ONCE}

    def cancel() -> None:
        assert held.asked.wait(PATIENCE)
        poll(lambda: waiting and inside(waiting[0])[1] == 1)
        token.cancel()

    waiting: list[Any] = []

    async def second(client: Any) -> Any:
        if world == "blocking":
            assert held.asked.wait(PATIENCE)
        else:
            await soon(held.asked.is_set)
        waiting.append(getattr(client, "_client", client))
        reply = await client.complete("Say hello.", cancel=token)
        held.let_go.set()
        return reply.stop_reason, reply.attempts, reply.error.kind

    with held.server as server:
        canceller = threading.Thread(target=cancel)
        canceller.start()
        outcomes = Crowd(world)([hello, second], anthropic("k", base_url=server.url), **settings)
        canceller.join()
        assert outcomes == ["hello", ("aborted", (), "cancelled")]
        assert (len(server.requests), inside(waiting[0])) == (1, (0, 0))


def test_a_deadline_ends_a_wait(world: str) -> None:
    held = Held()

    async def second(client: Any) -> Any:
        if world == "blocking":
            assert held.asked.wait(PATIENCE)
        else:
            await soon(held.asked.is_set)
        with pytest.raises(APITimeoutError, match="longer than its total_timeout") as caught:
            await client.complete("Say hello.", total_timeout=0.01)
        held.let_go.set()
        return caught.value.response.attempts  # type: ignore[union-attr]

    with held.server as server:
        handle = anthropic("k", base_url=server.url)
        assert Crowd(world)([hello, second], handle, limits=Limits(max_concurrency=1), **ONCE) == ["hello", ()]


def test_a_place_is_given_back_however_a_call_ends(world: str, transport: str) -> None:
    """Each of these would hold the only one for ever."""

    async def break_off(client: Any) -> None:
        async with client.stream("Hi") as stream:
            async for _ in stream:
                raise ZeroDivisionError

    async def scenario(client: Any) -> Any:
        ends = [await client.complete("Hi", raise_errors=False)]  # a 500
        ends.append(await client.complete("Hi", raise_errors=False))  # the connection ends
        async with client.stream("Hi") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        ends.append(stream.response)
        with pytest.raises(ZeroDivisionError):
            await break_off(client)
        token = CancelToken()
        token.cancel()
        ends.append(await client.complete("Hi", cancel=token))
        async with client.stream("Hi"):
            pass  # and never asked for an event
        ends.append(await client.complete("Hi"))
        return [end.error.kind if end.error else end.text for end in ends], inside(getattr(client, "_client", client))

    broken = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with Server([broken, close], [close], [HALF, until_hung_up], [HALF, until_hung_up], [HELLO]) as server:
        outcome = World(world)(
            scenario,
            anthropic("k", base_url=server.url),
            transport=getattr(twin(world).transports, transport)(),
            limits=Limits(max_concurrency=1),
            **ONCE,
        )
        assert outcome == (["server", "connection", "cancelled", "cancelled", "hello"], (0, 0))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_task_waits_no_longer_and_those_behind_it_move_up(backend: str) -> None:
    held = Held([HELLO])

    async def main(url: str) -> Any:
        outcomes: list[str] = []
        async with AsyncClient(anthropic("k", base_url=url), limits=Limits(max_concurrency=1), **ONCE) as client:

            async def ask() -> None:
                outcomes.append(await hello(client))

            async def give_up() -> None:
                with anyio.CancelScope() as scope:
                    scopes.append(scope)
                    await client.complete("Say hello.")
                outcomes.append("gave up" if scope.cancelled_caught else "did not")

            scopes: list[anyio.CancelScope] = []
            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await soon(held.asked.is_set)
                group.start_soon(give_up)
                await soon(lambda: inside(client) == (1, 1))
                group.start_soon(ask)
                await soon(lambda: inside(client) == (1, 2))
                scopes[0].cancel()
                await soon(lambda: inside(client) == (1, 1))
                held.let_go.set()
            return outcomes, inside(client)

    with held.server as server:
        assert anyio.run(main, server.url, backend=backend) == (["gave up", "hello", "hello"], (0, 0))


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_control_c_ends_a_wait(world: str) -> None:
    """The only place is taken by a stream that nobody reads."""

    async def scenario(client: Any) -> None:
        async with client.stream("Hi") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
            threading.Thread(target=interrupt, args=(getattr(client, "_client", client),)).start()
            await client.complete("Say hello.")

    kept: list[Any] = []

    def interrupt(client: Any) -> None:
        kept.append(client)
        poll(lambda: inside(client) == (1, 1))
        threading.Event().wait(0.05)  # Python looks for signals before it blocks, not in the moment between
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Server([HALF, until_hung_up]) as server:
            with pytest.raises(KeyboardInterrupt):
                World(world)(scenario, anthropic("k", base_url=server.url), limits=Limits(max_concurrency=1), **ONCE)
            assert server.hung_up.wait(PATIENCE)
        assert inside(kept[0]) == (0, 0)
    finally:
        signal.signal(signal.SIGINT, before)


# --- several loops, and many at once ---------------------------------------------------------------------------------


def test_one_client_in_one_event_loop_after_the_other() -> None:
    with Server(*([[HELLO]] * 6)) as server:
        client = AsyncClient(anthropic("k", base_url=server.url), limits=Limits(max_concurrency=1), **ONCE)

        async def twice() -> list[str]:
            said: list[str] = []

            async def ask() -> None:
                said.append(await hello(client))

            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                group.start_soon(ask)
            await client.close()
            return said

        for backend in ("asyncio", "trio", "asyncio"):
            assert anyio.run(twice, backend=backend) == ["hello", "hello"]
        assert inside(client) == (0, 0)


def test_two_event_loops_at_once_share_one_place() -> None:
    meter = Meter(1)
    with Server(*([[meter.answer]] * 8)) as server:
        client = AsyncClient(anthropic("k", base_url=server.url), limits=Limits(max_concurrency=1), **ONCE)

        async def ask() -> list[str]:
            said = [await hello(client) for _ in range(4)]
            await client.close()
            return said

        with ThreadPoolExecutor(2) as pool:
            loops = [pool.submit(lambda backend=backend: anyio.run(ask, backend=backend)) for backend in WORLDS[1:]]  # type: ignore[misc]
            assert [loop.result(PATIENCE) for loop in loops] == [["hello"] * 4] * 2
        assert (meter.most, inside(client)) == (1, (0, 0))


def test_a_crowd_that_gives_up_at_random_leaves_nothing_behind(world: str) -> None:
    chance = random.Random(7)
    tokens = [CancelToken() for _ in range(60)]
    clients: list[Any] = []

    def asking(number: int) -> Callable[[Any], Any]:
        async def ask(client: Any) -> str:
            clients.append(getattr(client, "_client", client))
            chance.choice(tokens).cancel()
            reply = await client.complete("Hi", cancel=tokens[number])
            return str(reply.stop_reason)

        return ask

    calls = [asking(number) for number in range(60)]
    outcomes = Crowd(world)(calls, faux(["Hi."] * 60), limits=Limits(max_concurrency=3), **ONCE)
    assert set(outcomes) == {"stop", "aborted"}
    assert inside(clients[0]) == (0, 0)
