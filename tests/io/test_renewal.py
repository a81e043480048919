"""A client keeps what one of its calls renewed, the same on all three drivers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from lash_io import CancelToken
from lash_io.fixtures import load
from lash_proto import AuthenticationError
from lash_proto.providers import anthropic
from lash_proto.values import Secret
from tests.io.loopback import Server
from tests.io.test_client import HELLO
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
