"""`generate_images` on both twins: one scenario under blocking code, asyncio and trio."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lash_io import AsyncClient, Client
from lash_io.faux_server import FauxServer
from lash_proto import (
    BadRequestError,
    ChatOptions,
    ImagePart,
    ImageRequest,
    ImagesOptions,
    LlmResponse,
    ProviderOptions,
    TextPart,
    UnsupportedRequest,
)
from lash_proto.faux import FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.providers import ProviderHandle, anthropic, faux, openai, openai_compatible, openrouter
from tests.io.worlds import WORLDS

PNG = ImagePart(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
APIS = pytest.mark.parametrize("api", ["openai-images", "openrouter-images"])


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def draw(world: str, handle: ProviderHandle, prompt: Any, settings: Any = None, **knobs: Any) -> LlmResponse:
    """What `generate_images` gives."""
    made = {"model": "m", **(settings or {})}
    if world == "blocking":
        with Client(handle, **made) as client:
            return client.generate_images(prompt, **knobs)

    async def main() -> LlmResponse:
        async with AsyncClient(handle, **made) as client:
            return await client.generate_images(prompt, **knobs)

    return anyio.run(main, backend=world)


def asked(world: str, prompt: Any, settings: Any = None, **knobs: Any) -> FauxCall:
    handle = faux([FauxReply((PNG,))])
    draw(world, handle, prompt, settings, **knobs)
    return handle.provider.calls[0]


@APIS
def test_a_prompt_becomes_pictures(world: str, api: str) -> None:
    handle = faux([FauxReply((PNG,))], pictures=api)
    reply = draw(world, handle, "An otter")
    assert [(picture.data, picture.media_type) for picture in reply.images] == [(PNG.data, "image/png")]
    assert (reply.stop_reason, reply.api, reply.provider, len(reply.attempts)) == ("stop", api, "faux", 1)
    assert (handle.provider.calls[0].api, handle.provider.calls[0].stream) == (api, False)


def test_keywords_are_fields_of_the_request_and_of_its_options(world: str) -> None:
    call = asked(world, "An otter", n=2, size="auto", background="opaque", extra_body={"user": "u"}, model="other")
    assert call.body == {
        "model": "other",
        "prompt": "An otter",
        "n": 2,
        "size": "auto",
        "background": "opaque",
        "user": "u",
    }


def test_a_keyword_beats_the_request_and_that_beats_the_client(world: str) -> None:
    request = ImageRequest("x", n=1, quality="low", options=ImagesOptions(background="opaque", moderation="low"))
    client = {"options": ChatOptions(extra_body={"from": "client"}, verbosity="low")}
    call = asked(world, request, client, n=3, options=ImagesOptions(background="auto"))
    assert call.body == {
        "model": "m",
        "prompt": "x",
        "n": 3,
        "quality": "low",
        "background": "auto",
        "moderation": "low",
        "from": "client",
    }


def test_pictures_to_start_from_are_sent_along(world: str) -> None:
    call = asked(world, [TextPart("A hat"), PNG])
    assert call.path == "/v1/images/edits"
    assert call.body["image"] == {"filename": "image-1.png", "content_type": "image/png", "bytes": 8}


def test_a_failed_call_raises_the_typed_error_or_gives_it(world: str) -> None:
    blocked = FauxReply(error=FauxError("invalid_request", "Blocked.", status=400))
    with pytest.raises(BadRequestError, match=r"Blocked\.") as caught:
        draw(world, faux([blocked]), "x")
    assert caught.value.response is not None
    reply = draw(world, faux([blocked]), "x", raise_errors=False)
    assert reply.error is not None
    assert (reply.stop_reason, reply.error.message) == ("error", "Blocked.")


def test_what_may_be_different_the_next_time_is_tried_again(world: str) -> None:
    busy = FauxReply(error=FauxError("rate_limit", "Wait.", status=429))
    settings = {"options": ProviderOptions(retry_base_delay=0.0)}
    reply = draw(world, faux([busy, FauxReply((PNG,))]), "x", settings)
    assert [attempt.status for attempt in reply.attempts] == [429, 200]


def test_what_cannot_be_asked_is_told_before_any_io(world: str) -> None:
    with pytest.raises(UnsupportedRequest, match="an ImageRequest: the kind anthropic makes no pictures"):
        draw(world, anthropic("k"), "x")
    with pytest.raises(UnsupportedRequest, match="n 11"):
        draw(world, openai("k"), "x", n=11)
    with pytest.raises(TypeError, match="unknown option 'colour': neither ImageRequest nor ImagesOptions has it"):
        draw(world, faux(), "x", colour="red")
    with pytest.raises(TypeError, match="ChatOptions are options of another dialect; this one takes ImagesOptions"):
        draw(world, faux(), "x", options=ChatOptions())
    with pytest.raises(TypeError, match="no model"):
        draw(world, faux(), "x", {"model": None})


@pytest.mark.parametrize(
    ("handle", "path", "provider"),
    [
        (openai("k"), "/v1/images/generations", "openai"),
        (
            openai_compatible("k", base_url="https://example.test/api/v1"),
            "/api/v1/images/generations",
            "example.test/api/v1",
        ),
        (openai_compatible("k", preset="openrouter"), "/api/v1/chat/completions", "openrouter"),
        (openrouter("k"), "/api/v1/chat/completions", "openrouter"),
    ],
)
def test_over_a_socket(world: str, handle: ProviderHandle, path: str, provider: str) -> None:
    with FauxServer(FauxProvider([FauxReply((PNG,))])) as server:
        reply = draw(world, server.aim(handle), "An otter", api_key="k")
        (call,) = server.provider.calls
    assert (call.path, dict(call.headers)["authorization"]) == (path, "***")
    assert [(picture.data, picture.origin and picture.origin.provider) for picture in reply.images] == [
        (PNG.data, provider)
    ]
