"""Pictures from every provider that makes them, through every driver."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lash_io import CancelToken
from lash_io.faux_server import FauxServer
from lash_proto import (
    APIStatusError,
    ContextOverflowError,
    ImagePart,
    LlmUsage,
    ReasoningPart,
    TextPart,
    UnsupportedRequest,
)
from lash_proto.faux import FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.providers import ProviderHandle, faux, openai, openai_compatible, openrouter
from tests.io.loopback import PATIENCE
from tests.io.matrix.heard import heard
from tests.io.matrix.targets import aimed
from tests.io.worlds import World

PNG = b"\x89PNG\r\n\x1a\nlash"
PICTURE = ImagePart(PNG, "image/png")

PAINTERS: dict[str, tuple[ProviderHandle, str]] = {
    "openrouter": (openrouter("k"), "openrouter"),
    "openrouter's preset": (openai_compatible("k", preset="openrouter"), "openrouter"),
    "openai": (openai("k"), "openai"),
    "openai-compatible": (openai_compatible("k", base_url="https://llm.example/v1"), "llm.example/v1"),
    "faux": (faux(), "faux"),
}
"""Handles, and who is named as the provider of their pictures."""


@pytest.fixture(params=PAINTERS)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def painter(name: str) -> ProviderHandle:
    return PAINTERS[name][0]


def over_chat(painter: ProviderHandle) -> bool:
    assert painter.pictures is not None
    return painter.pictures.codec.api == "openrouter-images"


def paint(world: World, server: FauxServer, painter: ProviderHandle, script: Any, prompt: Any, **knobs: Any) -> Any:
    server.provider = FauxProvider(script)

    async def scenario(client: Any) -> Any:
        return await client.generate_images(prompt, **knobs)

    return world(scenario, aimed(painter, server), model="m")


def asked(call: FauxCall) -> list[Any]:
    """The prompt as the provider hears it; of a form that was sent along, how long each picture is."""
    body: Any = call.body
    if call.api == "openrouter-images":
        return heard(call)
    files = body.get("image", body.get("image[]", []))
    pictures = [files] if isinstance(files, dict) else files
    return [("user", "text", body["prompt"]), *(("user", "image", file["bytes"]) for file in pictures)]


def test_a_prompt_becomes_pictures_that_cost_what_they_cost(
    world: World, server: FauxServer, name: str, painter: ProviderHandle
) -> None:
    prompt = "An otter 🦦 in a h\ud83dat"
    usage = LlmUsage(10, 20, output_tokens=340, reasoning_tokens=12)
    parts = (ReasoningPart("Hm."), TextPart("Here."), PICTURE, PICTURE)
    reply = paint(world, server, painter, [FauxReply(parts, usage=usage)], prompt)
    assert [(picture.data, picture.media_type) for picture in reply.images] == [(PNG, "image/png")] * 2
    assert (reply.stop_reason, reply.provider, reply.error) == ("stop", PAINTERS[name][1], None)
    assert (reply.text, reply.reasoning) == (("Here.", "Hm.") if over_chat(painter) else ("", ""))
    assert (reply.usage.total_input_tokens, reply.usage.output_tokens) == (30, 340)
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens) == (10, 20)
    assert asked(server.provider.calls[0]) == [("user", "text", "An otter 🦦 in a h\ufffdat")]


def test_pictures_are_made_from_pictures(world: World, server: FauxServer, painter: ProviderHandle) -> None:
    paint(world, server, painter, [FauxReply((PICTURE,))], [TextPart("A hat."), PICTURE])
    size = PNG if over_chat(painter) else len(PNG)
    assert asked(server.provider.calls[0]) == [("user", "text", "A hat."), ("user", "image", size)]


@pytest.mark.parametrize("prompt", ["", " ", (), [TextPart("")], [PICTURE]])
def test_nobody_draws_what_nobody_asked_for(
    world: World, server: FauxServer, painter: ProviderHandle, prompt: Any
) -> None:
    with pytest.raises(UnsupportedRequest, match="it has no text"):
        paint(world, server, painter, [], prompt)
    assert server.provider.calls == []


def test_a_prompt_may_be_too_long(world: World, server: FauxServer) -> None:
    told = FauxError("context_overflow", "Too long.", status=400)
    with pytest.raises(ContextOverflowError, match="maximum context length") as caught:
        paint(world, server, openrouter("k"), [FauxReply(error=told)], "An otter")
    assert caught.value.failure is not None
    assert (caught.value.failure.status, len(server.provider.calls)) == (400, 1)


def test_a_picture_may_be_refused(world: World, server: FauxServer, painter: ProviderHandle) -> None:
    told = FauxError("invalid_request", "Your request was rejected by the safety system.", status=400)
    with pytest.raises(APIStatusError, match="rejected by the safety system"):
        paint(world, server, painter, [FauxReply(error=told)], "An otter")
    assert len(server.provider.calls) == 1


def test_before_it_begins_and_in_the_middle(world: World, server: FauxServer, painter: ProviderHandle) -> None:
    token, over = CancelToken(), threading.Event()

    def drawing(call: FauxCall) -> FauxReply:
        token.cancel()
        over.wait(PATIENCE)
        return FauxReply((PICTURE,))

    replies = [paint(world, server, painter, [drawing], "An otter", cancel=token)]
    over.set()
    assert len(server.provider.calls) == 1
    replies.append(paint(world, server, painter, [], "An otter", cancel=token))
    assert server.provider.calls == []
    for reply in replies:
        assert (reply.stop_reason, reply.content, reply.usage) == ("aborted", (), None)
        assert reply.error.kind == "cancelled"


def test_who_only_draws_does_not_talk(world: World, server: FauxServer) -> None:
    server.provider = FauxProvider()

    async def scenario(client: Any) -> None:
        with pytest.raises(UnsupportedRequest, match="makes pictures"):
            await client.complete("Hi.")

    world(scenario, server.aim(openrouter("k")), model="m")
    assert server.provider.calls == []
