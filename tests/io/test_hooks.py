"""Hooks of a client's call, the same on all three drivers."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from lash_io import CancelToken
from lash_proto import APIError, ModelSpec
from lash_proto.faux import FauxCall, FauxError, FauxReply
from lash_proto.http import ResponseHead
from lash_proto.messages import ImagePart
from lash_proto.providers import anthropic, faux
from tests.io.loopback import Server
from tests.io.test_client import HELLO
from tests.io.worlds import WORLDS, FakeClock, World


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def echoing(seen: list[Any]) -> FauxReply:
    def reply(call: FauxCall) -> FauxReply:
        seen.append(call.body)
        return FauxReply("Hi.")

    return reply  # type: ignore[return-value]


@pytest.mark.parametrize("whose", ["client", "call", "both"])
def test_the_body_that_a_hook_returns_is_the_one_that_is_sent(world: World, whose: str) -> None:
    seen: list[Any] = []

    def hook(who: str) -> Any:
        return lambda body, model: {**body, "model": f"{model.id}-{who}"}

    async def scenario(client: Any) -> Any:
        own = {} if whose == "client" else {"on_payload": hook("call")}
        return await client.complete("Hi.", **own)

    given = {} if whose == "call" else {"on_payload": hook("client")}
    reply = world(scenario, faux([echoing(seen)]), model=ModelSpec("m"), **given)
    assert [body["model"] for body in seen] == ["m-client" if whose == "client" else "m-call"]
    assert (reply.text, reply.notes) == ("Hi.", ("on_payload replaced the body",))


def test_hooks_see_the_body_and_each_head_in_a_stream(world: World) -> None:
    told: list[Any] = []

    def on_response(head: ResponseHead, model: ModelSpec) -> None:
        told.append((head.status, dict(head.headers)["content-type"].split(";")[0], model.id))

    async def scenario(client: Any) -> Any:
        async with client.stream(
            "Hi.", on_payload=lambda body, model: told.append(sorted(body)), on_response=on_response
        ) as stream:
            async for _ in stream:
                told.append("an event") if told[-1] != "an event" else None
        return stream.response.text

    busy = FauxReply(error=FauxError("overloaded", "Too busy.", status=529))
    assert world(scenario, faux([busy, FauxReply("Hi.")]), model="m", clock=FakeClock()) == "Hi."
    assert told == [
        ["max_tokens", "messages", "model", "stream"],
        (529, "application/json", "m"),
        "an event",  # AttemptReset
        (200, "text/event-stream", "m"),
        "an event",
    ]


def test_a_hook_may_be_async(world: World) -> None:
    if world.name == "blocking":
        pytest.skip("blocking code has nothing that awaits")
    seen: list[Any] = []

    async def on_payload(body: Any, model: ModelSpec) -> Any:
        return {**body, "model": "other"}

    async def on_response(head: ResponseHead, model: ModelSpec) -> None:
        seen.append(head.status)

    async def scenario(client: Any) -> Any:
        return (await client.complete("Hi.", on_payload=on_payload, on_response=on_response)).text

    assert world(scenario, faux([echoing(seen)]), model="m") == "Hi."
    assert (seen[0]["model"], seen[1:]) == ("other", [200])


def test_a_hook_that_raises_ends_the_call_with_its_words(world: World) -> None:
    def on_payload(body: Any, model: ModelSpec) -> None:
        raise RuntimeError("the budget is used up")

    async def scenario(client: Any) -> Any:
        with pytest.raises(APIError, match="RuntimeError: the budget is used up"):
            await client.complete("Hi.", on_payload=on_payload)
        return await client.complete("Hi.", on_payload=on_payload, raise_errors=False)

    reply = world(scenario, faux([]), model="m")
    assert (reply.stop_reason, reply.error.kind, reply.attempts) == ("error", "other", ())


def test_hooks_over_a_socket_with_a_deadline_and_a_token(world: World) -> None:
    heads: list[int] = []

    async def scenario(client: Any) -> Any:
        reply = await client.complete(
            "Hi.",
            cancel=CancelToken(),
            total_timeout=60.0,
            on_payload=lambda body, model: None,
            on_response=lambda head, model: heads.append(head.status),
        )
        return reply.text

    with Server([HELLO]) as server:
        assert world(scenario, anthropic("sk-ant-test", base_url=server.url), model="m") == "hello"
    assert heads == [200]


def test_pictures_have_hooks_too(world: World) -> None:
    heads: list[int] = []
    picture = ImagePart(b"\x89PNG\r\n\x1a\n", "image/png")

    def scenario_of(client: Any) -> Any:
        return client.generate_images(
            "An otter", on_payload=lambda body, model: None, on_response=lambda head, model: heads.append(head.status)
        )

    async def scenario(client: Any) -> Any:
        answer = scenario_of(getattr(client, "_client", client))
        reply = answer if world.name == "blocking" else await answer
        return [image.data for image in reply.images]

    assert world(scenario, faux([FauxReply((picture,))]), model="m") == [picture.data]
    assert heads == [200]


def test_where_a_hook_raised_is_logged_and_not_with_what_words(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lash_io")

    def broken(body: Any, model: ModelSpec) -> None:
        raise KeyError("secret")

    async def scenario(client: Any) -> Any:
        return await client.complete("Hi.")

    reply = world(scenario, faux(["Hi."]), model="m", on_payload=broken, raise_errors=False)
    assert reply.error.kind == "other"
    (line,) = [record.getMessage() for record in caplog.records if "raised" in record.getMessage()]
    assert line.startswith("the hook on_payload raised KeyError at ")
    assert line.endswith(f"test_hooks.py:{broken.__code__.co_firstlineno + 1}")
