"""A client keeps what one of its calls renewed, the same on all three drivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from lash_io import CancelToken
from lash_io.fixtures import load
from lash_io.kept import Kept
from lash_proto import APITimeoutError, AuthenticationError
from lash_proto.failures import Failure
from lash_proto.providers import anthropic
from lash_proto.values import Secret
from tests.io.loopback import PATIENCE, Peer, Server, Step, until_hung_up
from tests.io.test_client import HELLO
from tests.io.test_limits import Crowd, hello, poll, soon
from tests.io.worlds import WORLDS, World, twin
from tests.toy_auth import ToyAuth

REFUSED = (
    b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n"
    b'{"error":{"message":"It expired."}}\n'
)
TOKEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\ntoken-new"
SPENT = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def keys(server: Server) -> list[str]:
    """The credential of each request, the body where it has none."""
    found = []
    for request in server.requests:
        head, _, body = request.decode().partition("\r\n\r\n")
        lines = [line for line in head.split("\r\n") if line.lower().startswith("authorization:")]
        found.append(lines[0].partition(": ")[2] if lines else body)
    return found


@pytest.mark.parametrize("bounded", [True, False])
def test_what_one_call_renewed_serves_the_next(world: World, bounded: bool) -> None:
    knobs: dict[str, Any] = {"total_timeout": 60.0, "cancel": CancelToken()} if bounded else {}

    async def scenario(client: Any) -> Any:
        replies = [await client.complete("Hi.", **knobs), await client.complete("Again.", **knobs)]
        return [reply.text for reply in replies], getattr(client, "_client", client).provider.auth

    with Server([REFUSED], [TOKEN], [HELLO], [HELLO]) as server:
        handle = anthropic(base_url=server.url)
        handle = evolve(handle, auth=ToyAuth(Secret("token-old"), url=f"{server.url}/token"))
        texts, auth = world(scenario, handle, model="m")
        assert keys(server) == ["Bearer token-old", "refresh-1", "Bearer token-new", "Bearer token-new"]
    assert (texts, auth.token) == (["hello", "hello"], Secret("token-new"))


def test_a_recording_has_the_calls_of_the_model_and_nothing_of_a_renewal(world: World, tmp_path: Path) -> None:
    async def scenario(client: Any) -> Any:
        return (await client.complete("Hi.")).text

    with Server([REFUSED], [TOKEN], [HELLO]) as server:
        handle = anthropic(base_url=server.url)
        handle = evolve(handle, auth=ToyAuth(Secret("token-old"), url=f"{server.url}/token"))
        io = twin(world.name)
        recorder = io.RecordTransport(io.StreamTransport(), tmp_path)
        assert world(scenario, handle, model="m", transport=recorder) == "hello"
        assert len(server.requests) == 3
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert [fixture.status for fixture in load(tmp_path)] == [401, 200]
    assert not any(token in data for data in written for token in (b"token-", b"refresh-"))


def test_a_call_under_way_takes_what_another_renewed(world: World) -> None:
    async def scenario(client: Any) -> Any:
        stream = client.stream("Hi.")  # made with the old one
        first = await client.complete("Before.")
        async with stream:
            async for _ in stream:
                pass
        return first.text, stream.response.text

    with Server([REFUSED], [TOKEN], [HELLO], [REFUSED], [HELLO]) as server:
        handle = anthropic(base_url=server.url)
        handle = evolve(handle, auth=ToyAuth(Secret("token-old"), url=f"{server.url}/token"))
        assert world(scenario, handle, model="m") == ("hello", "hello")
        old, new = "Bearer token-old", "Bearer token-new"
        assert keys(server) == [old, "refresh-1", new, old, new]


def test_where_none_can_be_had_the_call_says_so(world: World) -> None:
    async def scenario(client: Any) -> Any:
        with pytest.raises(AuthenticationError, match="sign in again") as raised:
            await client.complete("Hi.")
        return raised.value

    with Server([REFUSED], [SPENT]) as server:
        handle = anthropic(base_url=server.url)
        handle = evolve(handle, auth=ToyAuth(Secret("token-old"), url=f"{server.url}/token"))
        error = world(scenario, handle, model="m")
    assert [attempt.status for attempt in error.response.attempts] == [401]
    assert "token-old" not in repr(error.response)


# --- several calls at once -------------------------------------------------------------------------------------------


@frozen
class Rotating(ToyAuth):
    """Its refresh token is another one each time."""

    def _made(self, status: int, said: str) -> Any:
        made: Any = super()._made(status, said)
        return evolve(made, refresh_token=Secret(said.replace("token", "refresh"))) if status == 200 else made


class Issuer(Server):
    """Refuses `token-1` to `parties` calls, all at once, and takes `token-2`. `tokens` answer who would renew."""

    def __init__(self, parties: int, *tokens: Sequence[Step]) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.renewals: list[bytes] = []
        self._tokens = list(tokens)
        self._refused = threading.Barrier(parties)

    def script_of(self, request: bytes) -> Sequence[Step]:
        if request.startswith(b"POST /token "):
            self.renewals.append(request.partition(b"\r\n\r\n")[2])
            return [lambda peer: self.asked.set(), *self._tokens.pop(0)]
        if b"Bearer token-1" in request:
            return [lambda peer: self._refused.wait(PATIENCE), REFUSED]
        assert b"Bearer token-2" in request
        return [HELLO]

    def handle(self) -> Any:
        auth = Rotating(Secret("token-1"), url=f"{self.url}/token")
        return evolve(anthropic(base_url=self.url), auth=auth)


TOKEN_2 = TOKEN.replace(b"token-new", b"token-2").replace(b"Length: 9", b"Length: 7")


def waiting(client: Any) -> int:
    """How many of its calls wait for another's renewal."""
    return len(getattr(client, "_client", client)._calls.kept._waiting)


class Seen:
    """The client of a crowd, for the server that waits until so many of its calls wait."""

    def __init__(self) -> None:
        self.client: Any = None

    def until(self, number: int) -> Callable[[Peer], None]:
        return lambda peer: poll(lambda: self.client is not None and waiting(self.client) == number)

    async def hello(self, client: Any) -> str:
        self.client = client
        return await hello(client)


def test_calls_that_are_refused_at_once_renew_once(world: World) -> None:
    seen = Seen()
    with Issuer(5, [seen.until(4), TOKEN_2]) as server:
        texts = Crowd(world.name)([seen.hello] * 5, server.handle(), model="m")
        assert (texts, server.renewals) == (["hello"] * 5, [b"refresh-1"])
        auth = seen.client.provider.auth if world.name != "blocking" else seen.client._client.provider.auth
        assert auth == Rotating(Secret("token-2"), Secret("refresh-2"), url=f"{server.url}/token")


def test_and_fail_at_once_where_that_fails(world: World) -> None:
    seen = Seen()

    async def ask(client: Any) -> Any:
        seen.client = client
        reply = await client.complete("Hi.", raise_errors=False)
        return reply.error, len(reply.attempts)

    with Issuer(4, [seen.until(3), SPENT]) as server:
        outcomes = Crowd(world.name)([ask] * 4, server.handle(), model="m")
        assert server.renewals == [b"refresh-1"]
    spent = Failure("authentication", "sign in again: the refresh token is spent", status=400)
    assert outcomes == [(spent, 1)] * 4


def test_where_the_one_that_renews_is_cancelled_the_next_does(world: World) -> None:
    seen, token = Seen(), CancelToken()

    async def doomed(client: Any) -> str:
        reply = await client.complete("Hi.", cancel=token)
        return str(reply.stop_reason)

    async def after(client: Any) -> str:
        if world.name == "blocking":
            assert server.asked.wait(PATIENCE)
        else:
            await soon(server.asked.is_set)
        return await seen.hello(client)

    cancel = [seen.until(2), lambda peer: token.cancel(), until_hung_up]
    with Issuer(1, cancel, [TOKEN_2]) as server:
        assert Crowd(world.name)([doomed, after, after], server.handle(), model="m") == ["aborted", "hello", "hello"]
        assert server.renewals == [b"refresh-1"] * 2
        assert waiting(seen.client) == 0


def test_who_waits_can_be_ended_by_deadline_and_token(world: World) -> None:
    seen, token, ended = Seen(), CancelToken(), list[str]()

    async def begun(client: Any) -> None:
        if world.name == "blocking":
            assert server.asked.wait(PATIENCE)
        else:
            await soon(server.asked.is_set)

    async def late(client: Any) -> None:
        await begun(client)
        with pytest.raises(APITimeoutError, match="longer than its total_timeout"):
            await client.complete("Hi.", total_timeout=0.1)
        ended.append("late")

    async def cancelled(client: Any) -> None:
        await begun(client)
        assert (await client.complete("Hi.", cancel=token)).stop_reason == "aborted"
        ended.append("cancelled")

    def hold(peer: Peer) -> None:
        poll(lambda: seen.client is not None and waiting(seen.client) + len(ended) == 2)
        token.cancel()
        poll(lambda: len(ended) == 2)

    with Issuer(1, [hold, TOKEN_2]) as server:
        assert Crowd(world.name)([seen.hello, late, cancelled], server.handle(), model="m") == ["hello", None, None]
        assert (server.renewals, waiting(seen.client)) == ([b"refresh-1"], 0)


def test_a_call_that_has_left_asks_for_nothing_any_more() -> None:
    """Its thread may begin to run after that, and nobody would give back what it got."""
    with Issuer(1) as server:
        kept, called = Kept(server.handle()), list[str]()
    gone, other = kept.ticket(), kept.ticket()
    kept.leave(gone, kept.handle)
    kept.want(gone, kept.handle, lambda: called.append("gone"))
    kept.want(other, kept.handle, lambda: called.append("other"))
    assert (called, kept.answer(gone), kept.answer(other)) == (["gone", "other"], None, None)
