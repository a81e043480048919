"""What a user of pydantic-ai sees of a fault, over the four dialects that lash has too."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from watch import TIMEOUT, main


def openai(url: str) -> Any:
    client = AsyncOpenAI(api_key="peer", base_url=f"{url}/v1", max_retries=0, timeout=TIMEOUT)
    return OpenAIProvider(openai_client=client)


def anthropic(url: str) -> Any:
    client = AsyncAnthropic(api_key="peer", base_url=url, max_retries=0, timeout=TIMEOUT)
    return AnthropicProvider(anthropic_client=client)


MAKERS: dict[str, Any] = {
    "chat": lambda url: OpenAIChatModel("m", provider=openai(url)),
    "responses": lambda url: OpenAIResponsesModel("m", provider=openai(url)),
    "messages": lambda url: AnthropicModel("m", provider=anthropic(url)),
    "gemini": lambda url: GoogleModel("m", provider=GoogleProvider(api_key="peer", base_url=url)),
}


def over(name: str) -> Any:
    async def stream(url: str, seen: dict[str, Any]) -> None:
        settings: Any = {"timeout": TIMEOUT}
        asked = [ModelRequest.user_text_prompt("?")]
        async with model_request_stream(MAKERS[name](url), asked, model_settings=settings) as stream:
            async for _ in stream:
                take(stream.get(), seen)
            take(stream.get(), seen)

    return lambda url, seen: asyncio.run(stream(url, seen))


def take(response: Any, seen: dict[str, Any]) -> None:
    seen["text"] = "".join(part.content for part in response.parts if part.part_kind == "text")
    seen["stop"] = response.finish_reason
    calls = [part for part in response.parts if part.part_kind == "tool-call"]
    seen["calls"] = [
        [part.tool_name, part.args if isinstance(part.args, str) else json.dumps(part.args or {})] for part in calls
    ]


main({name: over(name) for name in MAKERS}, (AgentRunError, UserError))
