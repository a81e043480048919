"""One suite for every transport and every driver: what a CallHttp becomes, whoever performs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from lash_io.cancel import CancelToken
from tests.io.loopback import PATIENCE, Peer, Server, close, reset, until_hung_up
from tests.io.machines import OneCall
from tests.io.worlds import WORLDS, FakeClock, run_all

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def stream(twin: Any, **settings: Any) -> Any:
    return twin.transports.StreamTransport(**settings)


def own_httpcore(twin: Any, clock: Any = None, **settings: Any) -> Any:
    return twin.transports.HttpcoreTransport(**settings)


@pytest.fixture(params=[stream, own_httpcore])
def transport(request: pytest.FixtureRequest) -> Callable[..., Any]:
    make: Callable[..., Any] = request.param
    return make


def test_a_body_whose_size_is_told(world: str, transport: Any) -> None:
    with Server([SIZED]) as server:
        assert run_all(world, transport, [OneCall(server.url)]) == [(["connected", 200], b"hello")]


def test_a_body_in_chunks(world: str, transport: Any) -> None:
    with Server([CHUNKED[:60], CHUNKED[60:]]) as server:
        assert run_all(world, transport, [OneCall(server.url)]) == [(["connected", 200], b"hello")]


def test_a_connection_is_used_again(world: str, transport: Any) -> None:
    with Server([SIZED], [CHUNKED], [SIZED]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url) for _ in range(3)])
        assert [result for _, result in outcomes] == [b"hello", b"hello", b"hello"]
        assert server.accepted == 1


def test_a_kept_connection_that_the_server_closed_is_replaced_in_silence(world: str, transport: Any) -> None:
    with Server([SIZED, close], [SIZED]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url), OneCall(server.url)])
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert server.accepted == 2


def test_a_kept_connection_that_breaks_at_the_next_request_is_replaced_in_silence(world: str, transport: Any) -> None:
    with Server([SIZED], [reset], [SIZED]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url), OneCall(server.url)])
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert server.accepted == 2


def test_a_new_connection_that_ends_before_the_response_is_a_failure(world: str, transport: Any) -> None:
    with Server([close], [SIZED]) as server:
        assert run_all(world, transport, [OneCall(server.url)]) == [(["connected"], "connection")]
        assert server.accepted == 1


def test_a_body_cut_short_is_truncated(world: str, transport: Any) -> None:
    with Server([SIZED[:-2], close]) as server:
        assert run_all(world, transport, [OneCall(server.url)]) == [(["connected", 200], "truncated")]


def test_chunks_cut_short_are_truncated(world: str, transport: Any) -> None:
    with Server([CHUNKED[:-5], close]) as server:
        assert run_all(world, transport, [OneCall(server.url)]) == [(["connected", 200], "truncated")]


def test_an_error_status_is_a_response_like_any_other(world: str, transport: Any) -> None:
    with Server([b"HTTP/1.1 529 Busy\r\nContent-Length: 4\r\n\r\nbusy"]) as server:
        assert run_all(world, transport, [OneCall(server.url)]) == [(["connected", 529], b"busy")]


def test_nobody_there(world: str, transport: Any) -> None:
    with Server() as server:
        url = server.url
    # httpcore connects and sends in one breath, and Connected is told as that begins.
    begun = [] if transport is stream else ["connected"]
    assert run_all(world, transport, [OneCall(url)]) == [(begun, "connection")]


def test_a_deadline_ends_the_wait_and_the_connection(world: str, transport: Any) -> None:
    clock = FakeClock(patience=0.05)
    with Server([SIZED[:-2], until_hung_up]) as server:
        outcomes = run_all(
            world, lambda twin: transport(twin, clock=clock), [OneCall(server.url, deadline=30)], clock=clock
        )
        assert outcomes == [(["connected", 200], "too late")]
        assert server.hung_up.wait(PATIENCE)
    assert clock.now() == 1030


def test_a_token_ends_the_wait_and_the_connection(world: str, transport: Any) -> None:
    token, began = CancelToken(), threading.Event()

    def cancel(peer: Peer) -> None:
        began.wait(PATIENCE)
        token.cancel()

    with Server([SIZED[:-2], cancel, until_hung_up]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url, began=began)], cancel=token)
        assert outcomes == [(["connected", 200], "cancelled")]
        assert server.hung_up.wait(PATIENCE)


def test_a_token_cancelled_before_the_call_lets_nothing_out(world: str, transport: Any) -> None:
    token = CancelToken()
    token.cancel()
    with Server([SIZED]) as server:
        assert run_all(world, transport, [OneCall(server.url)], cancel=token) == [([], "cancelled")]
        assert server.requests == []


@pytest.mark.parametrize(
    "backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "asyncio"), ("trio", "trio")]
)
def test_one_transport_in_two_event_loops(backends: tuple[str, str], transport: Any) -> None:
    import lash_io.aio
    from lash_io.aio.driver import Run, performers

    made = transport(lash_io.aio)
    results = []

    async def main(url: str) -> None:
        for _ in range(2):
            async with Run[Any](OneCall(url), performers(made)) as run:
                results.append(await run.finish())

    with Server(*([[SIZED]] * 4)) as server:
        for backend in backends:
            anyio.run(main, server.url, backend=backend)
        assert results == [b"hello"] * 4
        assert server.accepted == 2  # one in each loop


def test_threads_share_a_transport(transport: Any) -> None:
    import lash_io.blocking
    from lash_io.blocking.driver import Run, performers

    made = transport(lash_io.blocking)
    results = []
    with Server(*([[SIZED]] * 12)) as server:

        def call() -> None:
            for _ in range(3):
                with Run[Any](OneCall(server.url), performers(made)) as run:
                    results.append(run.finish())

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        made.close()
        assert results == [b"hello"] * 12
        assert server.accepted <= 4
