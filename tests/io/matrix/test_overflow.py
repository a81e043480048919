"""Too much input, in each provider's own words (WIRE 2g, 12.3), told in a stream, and not told at all."""

from __future__ import annotations

from typing import Any

import pytest

from lash_io.faux_server import FauxServer
from lash_proto import ContextOverflowError, LlmUsage
from lash_proto.faux import FauxError, FauxProvider, FauxReply
from lash_proto.providers import openai_compatible
from lash_proto.tokens import is_overflow
from tests.io.matrix.conftest import Stage
from tests.io.worlds import World


def refusal(status: int, body: Any) -> FauxReply:
    return FauxReply(error=FauxError("other", status=status, body=body))


async def refused(client: Any, request: Any, *, stream: bool = True) -> ContextOverflowError:
    """The error of a call; that it is one for all providers is half of what is shown here."""
    with pytest.raises(ContextOverflowError) as caught:
        await client.complete(request, stream=stream)
    return caught.value


async def read(stream: Any) -> None:
    async with stream:
        async for _ in stream:
            pass


@pytest.mark.parametrize("stream", [True, False])
def test_it_is_told_in_the_providers_own_words(stage: Stage, stream: bool) -> None:
    async def scenario(client: Any) -> Any:
        return await refused(client, stage.ask("Long, long ago."), stream=stream)

    status, body = stage.target.overflow
    error = stage.play(scenario, refusal(status, body))
    assert len(stage.calls) == 1  # it will not be shorter the next time
    failure = error.failure
    assert (failure.kind, failure.status, failure.retryable) == ("context_overflow", status, False)
    assert failure.message in str(body)
    assert is_overflow(error.response)


def test_it_is_told_in_the_middle_of_a_stream(stage: Stage) -> None:
    async def scenario(client: Any) -> Any:
        stream = client.stream(stage.ask("Long, long ago."))
        with pytest.raises(ContextOverflowError) as caught:
            await read(stream)
        return caught.value

    error = stage.play(scenario, FauxReply("There was", error=FauxError("context_overflow", "Too long.")))
    assert len(stage.calls) == 1
    assert error.failure.kind == "context_overflow"
    assert error.failure.message.endswith("Too long.")
    assert error.response.text == "There was"
    assert is_overflow(error.response)


def test_it_is_not_told_at_all(stage: Stage) -> None:
    """z.ai answers to more than its window holds, MiMo ends for length before it begins."""

    async def scenario(client: Any) -> Any:
        return [await client.complete(stage.ask("Long, long ago.")) for _ in range(3)]

    usages = (LlmUsage(150_000, 60_000, output_tokens=9), LlmUsage(199_500), LlmUsage(150_000, 40_000, output_tokens=9))
    stops: tuple[Any, ...] = ("stop", "length", "stop")
    unasked = stage.name == "mistral"
    script = [FauxReply("Hm.", stop, usage, usage_unasked=unasked) for stop, usage in zip(stops, usages, strict=True)]
    replies = stage.play(scenario, *script)
    assert [is_overflow(reply, 200_000) for reply in replies] == [True, True, False]
    assert [is_overflow(reply) for reply in replies] == [False, False, False]


OTHERS = {
    "together": (
        400,
        {"error": {"message": "input (140000 tokens) is longer than the model's context length (131072 tokens)"}},
    ),
    "ollama": (400, {"error": "prompt too long; exceeded max context length by 1200 tokens"}),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 8192,
            }
        },
    ),
    "lmstudio": (
        400,
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length."},
    ),
    "zai": (400, {"error": {"code": "1261", "message": "Prompt exceeds max length"}}),
    "moonshot": (
        400,
        {
            "error": {
                "message": "Invalid request: Your request exceeded model token limit: 131072",
                "type": "invalid_request_error",
            }
        },
    ),
    "cerebras": (400, ""),
    "groq": (413, "<html><head><title>413 Request Entity Too Large</title></head></html>"),
    "azure": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
                "140000 tokens. Please reduce the length of the messages.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
    ),
}


@pytest.mark.parametrize("preset", OTHERS)
def test_other_servers_have_other_words(world: World, server: FauxServer, preset: str) -> None:
    where: Any = {"base_url": "https://here.openai.azure.com/openai/v1"} if preset == "azure" else {}
    handle = server.aim(openai_compatible("k", preset=preset, **where))
    server.provider = FauxProvider([refusal(*OTHERS[preset])])

    async def scenario(client: Any) -> Any:
        return await refused(client, "Long, long ago.")

    assert world(scenario, handle, model="m").failure.status == OTHERS[preset][0]
    assert len(server.provider.calls) == 1
