"""Whatever a call waits for, whoever ends it: the wait is over at once, the connection is gone, what had come stays.

A token, the caller's task, Ctrl-C and the call's own deadline, in each moment of a call, over both HTTP transports and
all three drivers.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anyio
import anyio.to_thread
import pytest

from lash_io import AsyncClient, CancelToken
from lash_proto import APITimeoutError, LlmResponse, ProviderOptions, TextDelta
from lash_proto.providers import anthropic
from tests.io.loopback import PATIENCE, Peer, Server, until_hung_up
from tests.io.test_client import HALF
from tests.io.test_limits import poll
from tests.io.worlds import WORLDS, World, twin

TRANSPORTS = ("StreamTransport", "HttpcoreTransport")
MOMENTS = ("look-up", "connect", "tls", "head", "body", "backoff")
SETTLE = 0.05
"""Seconds for what a test cannot see: that a call waits where no server hears of it; that Python blocks, which looks
for signals before that and not in the moment between."""


class Moment:
    """Where a call stands still. `reached` is when it does, `url` where to; `still` whether it would, if let."""

    def __init__(self, name: str, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.reached = threading.Event()
        self.over = threading.Event()
        self.server: Server | None = None
        getattr(self, "_" + name.replace("-", "_"))(stack, monkeypatch)

    def _look_up(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        look_up = socket.getaddrinfo

        def stall(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
            if host not in ("slow.example", b"slow.example") or flags & socket.AI_NUMERICHOST:
                return look_up(host, port, family, type, proto, flags)
            self.reached.set()
            self.over.wait(PATIENCE)
            raise socket.gaierror(socket.EAI_AGAIN, "later")

        monkeypatch.setattr(socket, "getaddrinfo", stall)
        stack.callback(self.over.set)
        self.url = "https://slow.example"

    def _connect(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        # Where nobody accepts and the queue is full, a system answers no more.
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(listener.getsockname())
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.reached.set()

    def _tls(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        def greet(peer: Peer) -> None:
            peer.connection.recv(1)
            self.reached.set()
            until_hung_up(peer)

        self.server = stack.enter_context(Server(greeting=greet))
        self.url = self.server.url.replace("http:", "https:")

    def _head(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._serve(stack, [self._reach, until_hung_up])

    def _body(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._serve(stack, [HALF, until_hung_up])  # reached is what the reader has heard

    def _backoff(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self._serve(stack, [broken, self._reach, until_hung_up])

    def _serve(self, stack: ExitStack, script: list[Any]) -> None:
        self.server = stack.enter_context(Server(script))
        self.url = self.server.url

    def _reach(self, peer: Peer) -> None:
        self.reached.set()

    def wait(self, *, settle: bool = False) -> None:
        """Until the call stands there."""
        assert self.reached.wait(PATIENCE)
        if settle or self.name in ("connect", "backoff"):
            threading.Event().wait(SETTLE)

    def check(self) -> None:
        """That nothing of the call is left: no connection, no thread, and nobody who waited to the end."""
        assert not self.over.is_set()
        if self.server is not None:
            assert self.server.hung_up.wait(PATIENCE)
        poll(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("lash-effect")])


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=MOMENTS)
def moment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moment]:
    with ExitStack() as stack:
        yield Moment(request.param, stack, monkeypatch)


def settings(world: str, transport: str) -> dict[str, Any]:
    options = ProviderOptions(retry_base_delay=3600.0, retry_max_delay=3600.0)
    return {"model": "m", "options": options, "transport": getattr(twin(world).transports, transport)()}


async def read(client: Any, moment: Moment, responses: list[LlmResponse], **how: Any) -> None:
    stream = client.stream("Hi", **how)
    try:
        async with stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    moment.reached.set()
    finally:
        responses.append(stream.response)


def ended(responses: list[LlmResponse], moment: Moment) -> None:
    """It was aborted, which is no error, and has what had come."""
    (response,) = responses
    assert response.stop_reason == "aborted"
    assert response.error is not None
    assert response.error.kind == "cancelled"
    begun = moment.name == "body"
    assert "hello".startswith(response.text)
    assert (response.text != "", response.usage is not None) == (begun, begun)


def test_a_token_ends_it(world: str, transport: str, moment: Moment) -> None:
    token = CancelToken()
    responses: list[LlmResponse] = []

    def cancel() -> None:
        moment.wait()
        token.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    handle = anthropic("k", base_url=moment.url)
    World(world)(lambda client: read(client, moment, responses, cancel=token), handle, **settings(world, transport))
    canceller.join()
    moment.check()
    ended(responses, moment)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_callers_task_ends_it(backend: str, transport: str, moment: Moment) -> None:
    responses: list[LlmResponse] = []

    async def main() -> bool:
        made = settings(backend, transport)
        async with AsyncClient(anthropic("k", base_url=moment.url), **made) as client:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:

                    async def cancel() -> None:
                        await anyio.to_thread.run_sync(moment.wait)
                        scope.cancel()

                    group.start_soon(cancel)
                    await read(client, moment, responses)
            await made["transport"].close()
            return scope.cancelled_caught

    assert anyio.run(main, backend=backend)
    moment.check()
    ended(responses, moment)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_control_c_ends_it(world: str, transport: str, moment: Moment) -> None:
    responses: list[LlmResponse] = []

    def interrupt() -> None:
        moment.wait(settle=True)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            World(world)(
                lambda client: read(client, moment, responses),
                anthropic("k", base_url=moment.url),
                **settings(world, transport),
            )
    finally:
        signal.signal(signal.SIGINT, before)
        interrupter.join()
    moment.check()
    ended(responses, moment)


def test_the_calls_deadline_ends_it(world: str, transport: str, moment: Moment) -> None:
    """That is an error, and what had come is kept all the same."""
    if moment.name == "backoff":
        pytest.skip("a wait that would be too long does not begin")
    responses: list[LlmResponse] = []
    with pytest.raises(APITimeoutError, match="longer than its total_timeout"):
        World(world)(
            lambda client: read(client, moment, responses, total_timeout=0.2),
            anthropic("k", base_url=moment.url),
            **settings(world, transport),
        )
    if moment.reached.is_set():  # else the time was up before
        moment.check()
    (response,) = responses
    assert (response.stop_reason, "hello".startswith(response.text)) == ("error", True)
