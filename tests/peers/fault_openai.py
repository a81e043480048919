"""What a user of OpenAI's SDK sees of a fault: chat and Responses, by `create(stream=True)` and by `.stream()`."""

from __future__ import annotations

from typing import Any

from openai import OpenAI, OpenAIError
from watch import TIMEOUT, main


def client(url: str) -> OpenAI:
    return OpenAI(api_key="peer", base_url=f"{url}/v1", max_retries=0, timeout=TIMEOUT)


def chat_create(url: str, seen: dict[str, Any]) -> None:
    for chunk in client(url).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "?"}], stream=True
    ):
        for choice in chunk.choices:
            seen["text"] += choice.delta.content or ""
            seen["stop"] = choice.finish_reason or seen["stop"]


def chat_stream(url: str, seen: dict[str, Any]) -> None:
    with client(url).chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}]) as stream:
        for event in stream:
            if event.type == "content.delta":
                seen["text"] += event.delta
        (choice,) = stream.get_final_completion().choices
    seen["stop"] = choice.finish_reason
    seen["calls"] = [[call.function.name, call.function.arguments] for call in choice.message.tool_calls or ()]


def responses_create(url: str, seen: dict[str, Any]) -> None:
    for event in client(url).responses.create(model="m", input="?", stream=True):
        take(event, seen)


def responses_stream(url: str, seen: dict[str, Any]) -> None:
    with client(url).responses.stream(model="m", input="?") as stream:
        for event in stream:
            take(event, seen)
        response = stream.get_final_response()
    seen["stop"] = response.status
    seen["calls"] = [[item.name, item.arguments] for item in response.output if item.type == "function_call"]


def take(event: Any, seen: dict[str, Any]) -> None:
    if event.type == "response.output_text.delta":
        seen["text"] += event.delta
    elif event.type == "response.completed":
        seen["stop"] = event.response.status


main(
    {
        "chat create": chat_create,
        "chat .stream()": chat_stream,
        "responses create": responses_create,
        "responses .stream()": responses_stream,
    },
    OpenAIError,
)
