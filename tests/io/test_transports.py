"""One suite for every transport and every driver: what a CallHttp becomes, whoever performs it."""

from __future__ import annotations

import asyncio
import gc
import shutil
import socket
import ssl
import tempfile
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import h2.config
import h2.connection
import h2.events
import httpcore
import pytest
import trustme

import lash_io.aio
import lash_io.blocking
from lash_io.aio.connection import Reader
from lash_io.aio.transports.pool import Kept
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


def own_httpcore(twin: Any, **settings: Any) -> Any:
    return twin.transports.HttpcoreTransport(**settings)


def users_pool(twin: Any, clock: Any = None, ssl_context: Any = None) -> Any:
    pool = httpcore.ConnectionPool if twin is lash_io.blocking else httpcore.AsyncConnectionPool
    return twin.transports.HttpcoreTransport(pool=pool(ssl_context=ssl_context))


def recorded(twin: Any, **settings: Any) -> Any:
    folder = Path(tempfile.mkdtemp(prefix="lash-test-"))
    return twin.transports.RecordTransport(stream(twin, **settings), folder)


@pytest.fixture(params=[stream, own_httpcore, users_pool, recorded])
def transport(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def make(twin: Any, **settings: Any) -> Any:
        made.append(request.param(twin, **settings))
        return made[-1]

    make.__name__ = request.param.__name__
    yield make
    for each in made:
        if (folder := getattr(each, "directory", None)) is not None:
            shutil.rmtree(folder)
        if isinstance(pool := getattr(each, "pool", None), httpcore.ConnectionPool):
            pool.close()  # the asynchronous one is closed in its loop


def is_made_by(transport: Callable[..., Any], *makers: Callable[..., Any]) -> bool:
    return transport.__name__ in [maker.__name__ for maker in makers]


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
    if is_made_by(transport, users_pool):
        pytest.skip("a user's pool has its own say about its connections")
    with Server([SIZED, close], [SIZED]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url), OneCall(server.url)])
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert server.accepted == 2


def test_a_connection_that_was_idle_for_long_is_used_no_more(world: str, transport: Any) -> None:
    """Whoever translates addresses on the way may have forgotten it, and would say nothing."""
    if is_made_by(transport, users_pool):
        pytest.skip("a user's pool has its own say about its connections")
    clock = FakeClock(patience=PATIENCE)
    pauses = iter([240.0, 241.0])

    def pause() -> None:
        clock.time += next(pauses)

    with Server([SIZED], [SIZED, until_hung_up], [SIZED]) as server:
        calls = [OneCall(server.url) for _ in range(3)]
        outcomes = run_all(world, lambda twin: transport(twin, clock=clock), calls, clock=clock, between=pause)
        assert [result for _, result in outcomes] == [b"hello"] * 3
        assert server.hung_up.wait(PATIENCE)
        assert server.accepted == 2


def test_a_kept_connection_that_breaks_at_the_next_request_is_replaced_in_silence(world: str, transport: Any) -> None:
    if is_made_by(transport, users_pool):
        pytest.skip("a user's pool has its own say about its connections")
    with Server([SIZED], [reset], [SIZED]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url), OneCall(server.url)])
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert server.accepted == 2


@pytest.mark.parametrize(
    ("begun", "kind"), [(b"HTTP/1.1 2", {"truncated", "connection", "protocol"}), (b"\x15\x03\r\n\r\n", {"protocol"})]
)
def test_a_request_that_has_begun_to_be_answered_goes_out_once(
    world: str, transport: Any, begun: bytes, kind: set[str]
) -> None:
    """The server may have done what it was asked to do, and counted it."""
    with Server([SIZED], [begun, close], [SIZED]) as server:
        outcomes = run_all(world, transport, [OneCall(server.url), OneCall(server.url)])
        assert outcomes[1][1] in kind
        assert len(server.requests) == 2


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
    # A pool of httpcore's connects and sends in one breath, and Connected is told as that begins.
    begun = ["connected"] if is_made_by(transport, users_pool) else []
    assert run_all(world, transport, [OneCall(url)]) == [(begun, "connection")]


def test_a_deadline_ends_the_wait_and_the_connection(world: str, transport: Any) -> None:
    clock = FakeClock(patience=0.05)
    with Server([SIZED[:-2], until_hung_up]) as server:
        outcomes = run_all(
            world, lambda twin: transport(twin, clock=clock), [OneCall(server.url, deadline=30)], clock=clock
        )
        # How far the call came in that real moment is the machine's business; that it ended is ours.
        assert [result for _, result in outcomes] == ["too late"]
        assert server.hung_up.wait(PATIENCE) or not server.requests
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
    if is_made_by(transport, users_pool):
        pytest.skip("httpcore's pool belongs to one event loop")
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


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls_and_its_connection_is_used_again(world: str, transport: Any, authority: trustme.CA) -> None:
    trusting = client_tls(authority)
    with Server([SIZED], [CHUNKED], tls=server_tls(authority)) as server:
        outcomes = run_all(
            world,
            lambda twin: transport(twin, ssl_context=trusting),
            [OneCall(server.url), OneCall(server.url)],
        )
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert server.accepted == 1


@pytest.mark.parametrize("fault", ["a stranger's certificate", "another's name"])
def test_a_certificate_that_cannot_be_trusted_is_a_failure_that_says_so(
    world: str, transport: Any, authority: trustme.CA, fault: str
) -> None:
    trusting = client_tls(trustme.CA() if fault == "a stranger's certificate" else authority)
    call = OneCall("", told=True)
    with Server(
        [SIZED], tls=server_tls(authority, "localhost" if fault == "another's name" else "127.0.0.1")
    ) as server:
        call.url = server.url
        ((_, failed),) = run_all(world, lambda twin: transport(twin, ssl_context=trusting), [call])
        assert (failed.kind, server.requests) == ("connection", [])
        assert failed.message.startswith("the TLS certificate of 127.0.0.1 is not trusted: ")


def test_tls_leaves_nothing_open_when_a_deadline_passes(world: str, transport: Any, authority: trustme.CA) -> None:
    clock = FakeClock(patience=0.1)
    trusting = client_tls(authority)
    with Server([SIZED[:-2], until_hung_up], tls=server_tls(authority)) as server:
        outcomes = run_all(
            world,
            lambda twin: transport(twin, clock=clock, ssl_context=trusting),
            [OneCall(server.url, deadline=30)],
            clock=clock,
        )
        assert [result for _, result in outcomes] == ["too late"]
        assert server.hung_up.wait(PATIENCE) or not server.requests


# --- what only a socket can do wrong ---------------------------------------------------------------------------------


def test_a_handshake_that_never_ends_is_bounded_by_the_deadline(
    world: str, transport: Any, authority: trustme.CA
) -> None:
    if is_made_by(transport, users_pool):
        pytest.skip("httpcore's own stream leaves its socket open in such a moment")
    clock = FakeClock(patience=0.05)
    trusting = client_tls(authority)
    with Server(greeting=until_hung_up) as server:  # TLS is greeted with silence
        call = OneCall(server.url.replace("http:", "https:"), deadline=10)
        make = lambda twin: transport(twin, clock=clock, ssl_context=trusting)  # noqa: E731
        outcomes = run_all(world, make, [call], clock=clock)
        assert outcomes == [([], "too late")]
        assert not server.accepted or server.hung_up.wait(PATIENCE)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_held_up_past_a_deadline_finds_what_came_meanwhile(backend: str) -> None:
    clock = FakeClock()
    gate, sent = threading.Event(), threading.Event()

    def body(peer: Peer) -> None:
        gate.wait(PATIENCE)
        peer.connection.sendall(SIZED[-5:])
        sent.set()

    async def main(url: str) -> None:
        transport = lash_io.aio.transports.StreamTransport(clock=clock)
        table = lash_io.aio.driver.performers(transport)
        async with lash_io.aio.driver.Run[Any](OneCall(url, deadline=5.0), table, clock=clock) as run:
            async for event in run:
                if event == 200:
                    gate.set()
                    assert sent.wait(PATIENCE)
                    clock.time += 60.0
        assert run.result == b"hello"
        await transport.close()

    with Server([SIZED[:-5], body]) as server:
        clock.patience = PATIENCE
        anyio.run(main, server.url, backend=backend)


def test_what_came_before_a_connection_broke_is_read_before_its_error() -> None:
    async def main() -> list[Any]:
        reader = Reader()
        reader.feed_data(b"hello")
        reader.set_exception(ConnectionResetError())
        return [await reader.read(9), await reader.read(9), type(reader.broken)]

    assert asyncio.run(main()) == [b"hello", b"", ConnectionResetError]


@pytest.mark.parametrize("made", [stream, own_httpcore])
def test_an_answer_to_a_request_that_was_not_read_to_its_end_is_heard(world: str, made: Any) -> None:
    """A server may refuse by the head alone, and close."""
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"

    def refuse(peer: Peer) -> None:
        peer.connection.sendall(early)

    with Server([refuse, close]) as server:
        server.head_only = True
        outcomes = run_all(world, made, [OneCall(server.url, body=b"x" * 100_000)])
        assert outcomes == [(["connected", 413], b"big")]


def test_a_request_that_breaks_off_leaves_nothing_to_warn_of(world: str) -> None:
    with Server([reset]) as server, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        server.head_only = True
        outcomes = run_all(world, own_httpcore, [OneCall(server.url, body=b"x" * 8_000_000)])
        gc.collect()
    assert outcomes == [(["connected"], "connection")]
    assert told == []


class Landing:
    """An httpcore connection and its response, whose caller is cancelled at the very end of the body."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.scope = scope

    async def handle_async_request(self, request: Any) -> httpcore.Response:
        return httpcore.Response(200, content=self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"hello"

    async def aclose(self) -> None:
        self.scope.cancel()
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_task_cancelled_at_the_end_of_a_body_closes_its_connection(backend: str) -> None:
    async def main(url: str) -> bool:
        transport = lash_io.aio.HttpcoreTransport()
        scope = anyio.CancelScope()
        landing: Any = Landing(scope)
        transport.upon = lambda network, request: Kept(landing, network)  # type: ignore[method-assign]
        with scope:
            async with lash_io.aio.Run[Any](OneCall(url), lash_io.aio.performers(transport)) as run:
                await run.finish()
        return scope.cancelled_caught

    with Server(greeting=until_hung_up) as server:
        assert anyio.run(main, server.url, backend=backend)
        assert server.hung_up.wait(PATIENCE)


def test_a_name_that_cannot_be_resolved_is_a_failure(world: str) -> None:
    ((events, failed),) = run_all(world, stream, [OneCall("http://nowhere.invalid/", told=True)])
    assert (events, failed.kind) == ([], "connection")
    assert failed.message.startswith("the name nowhere.invalid cannot be resolved")


def test_the_next_address_is_tried_where_one_refuses(
    world: str, transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def two(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("two.example", b"two.example"):
            return look_up(host, *args, **kwargs)
        # The server listens at the second; nobody does at the first.
        return look_up("127.0.0.2", *args, **kwargs) + look_up("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with Server([SIZED]) as server:
        call = OneCall(server.url.replace("127.0.0.1", "two.example"))
        assert run_all(world, transport, [call]) == [(["connected", 200], b"hello")]


def test_a_forked_process_leaves_its_parents_connections_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = lash_io.blocking.StreamTransport()

    def call(url: str) -> Any:
        with lash_io.blocking.Run[Any](OneCall(url), lash_io.blocking.performers(transport)) as run:
            return run.finish()

    with Server([SIZED], [SIZED]) as server:
        assert call(server.url) == b"hello"
        parents = transport.idle._shelf
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert call(server.url) == b"hello"
        assert server.accepted == 2
        transport.close()
        for connection in parents.empty():
            connection.close()


class Asked:
    """A pool, blocking or not, that keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def handle_request(self, request: Any) -> Any:
        self.requests.append(request)
        raise httpcore.ReadTimeout("too long")

    async def handle_async_request(self, request: Any) -> Any:
        return self.handle_request(request)

    async def aclose(self) -> None:
        """For the asynchronous worlds."""


def test_a_pool_is_told_how_long_the_call_may_be_silent_and_its_timeout_is_one(world: str) -> None:
    """Once, for a body that it reads whole: our deadlines, which move, end a call before that."""
    pool = Asked()
    call = OneCall("http://api.example", told=True, patience=600.0)
    ((_, failed),) = run_all(world, lambda twin: twin.transports.HttpcoreTransport(pool=pool), [call])
    assert pool.requests[0].extensions["timeout"] == {"connect": 10.0, "pool": 10.0, "read": 600.0, "write": 600.0}
    assert (failed.kind, failed.message) == ("timeout", "no answer from api.example:80 within the time allowed")


# --- proxies and HTTP/2 ----------------------------------------------------------------------------------------------


def test_a_proxy_is_asked_for_the_whole_url(world: str) -> None:
    with Server([SIZED]) as proxy:
        make = lambda twin: twin.transports.DefaultTransport(proxy=proxy.url)  # noqa: E731
        assert run_all(world, make, [OneCall("http://example.invalid/v1?a=b")]) == [(["connected", 200], b"hello")]
        assert proxy.requests[0].startswith(b"POST http://example.invalid/v1?a=b HTTP/1.1\r\n")


def test_a_tunnel_through_a_proxy_is_kept(world: str, authority: trustme.CA) -> None:
    trusting = client_tls(authority)

    def tunnel(peer: Peer) -> None:
        peer.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.secure(server_tls(authority, "example.invalid"))

    with Server([tunnel], [SIZED], [SIZED]) as proxy:
        outcomes = run_all(
            world,
            lambda twin: twin.transports.DefaultTransport(proxy=proxy.url, ssl_context=trusting),
            [OneCall("https://example.invalid/"), OneCall("https://example.invalid/")],
        )
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert proxy.requests[0].startswith(b"CONNECT example.invalid:443 HTTP/1.1\r\n")
        assert proxy.accepted == 1


def test_a_proxy_that_refuses_is_a_failure(world: str) -> None:
    with Server([b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        ((_, failed),) = run_all(
            world,
            lambda twin: twin.transports.DefaultTransport(proxy=proxy.url.replace("//", "//user:p%40ss@")),
            [OneCall("https://example.invalid/", told=True)],
        )
        assert (failed.kind, failed.message) == ("connection", "the proxy refused: 407 Who Are You")
        assert b"Basic dXNlcjpwQHNz" in proxy.requests[0]  # user:p@ss


def socks5(peer: Peer) -> None:
    """A SOCKS proxy without authentication (RFC 1928) that answers for whatever is asked through it."""
    peer.connection.recv(262)
    peer.connection.sendall(b"\x05\x00")
    peer.server.requests.append(peer.connection.recv(262))
    peer.connection.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
    while peer.read_request() is not None:
        peer.connection.sendall(SIZED)


def test_a_socks_proxy(world: str) -> None:
    with Server(greeting=socks5) as proxy:
        outcomes = run_all(
            world,
            lambda twin: twin.transports.DefaultTransport(proxy=proxy.url.replace("http:", "socks5:")),
            [OneCall("http://example.invalid"), OneCall("http://example.invalid")],
        )
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert (proxy.accepted, proxy.requests) == (1, [b"\x05\x01\x00\x03\x0fexample.invalid\x00\x50"])


def http2(peer: Peer) -> None:
    """Answer every HTTP/2 request on the connection with `hello`."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    peer.connection.sendall(connection.data_to_send())
    while data := peer.connection.recv(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                peer.server.requests.append(b"HTTP/2")
                connection.send_headers(event.stream_id, [(":status", "200")])
                connection.send_data(event.stream_id, b"hello", end_stream=True)
        peer.connection.sendall(connection.data_to_send())


def test_http2_where_it_is_asked_for(world: str, authority: trustme.CA) -> None:
    served, trusting = server_tls(authority), client_tls(authority)
    served.set_alpn_protocols(["h2"])
    with Server(tls=served, greeting=http2) as server:
        outcomes = run_all(
            world,
            lambda twin: twin.transports.DefaultTransport(http2=True, ssl_context=trusting),
            [OneCall(server.url), OneCall(server.url)],
        )
        assert outcomes == [(["connected", 200], b"hello")] * 2
        assert (server.accepted, server.requests) == (1, [b"HTTP/2"] * 2)


def test_a_loop_that_was_closed_carelessly_is_forgotten() -> None:
    async def call(transport: Any, url: str) -> Any:
        async with lash_io.aio.Run[Any](OneCall(url), lash_io.aio.performers(transport)) as run:
            return await run.finish()

    def call_carelessly(transport: Any, url: str) -> Any:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(call(transport, url))
        finally:
            loop.close()

    def call_thrice(url: str) -> None:
        transport = lash_io.aio.StreamTransport()
        assert [call_carelessly(transport, url) for _ in range(3)] == [b"hello"] * 3
        assert len(transport.idle._loops) == 1

    with warnings.catch_warnings(), Server(*([[SIZED]] * 3)) as server:
        warnings.simplefilter("ignore", ResourceWarning)  # which is what such a loop leaves behind
        call_thrice(server.url)
        gc.collect()
