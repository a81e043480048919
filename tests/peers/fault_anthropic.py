"""What a user of Anthropic's SDK sees of a fault, by `create(stream=True)` and by `.stream()`."""

from __future__ import annotations

import json
from typing import Any

from anthropic import Anthropic, AnthropicError
from watch import TIMEOUT, main

ASKED: dict[str, Any] = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "?"}]}


def client(url: str) -> Anthropic:
    return Anthropic(api_key="peer", base_url=url, max_retries=0, timeout=TIMEOUT)


def create(url: str, seen: dict[str, Any]) -> None:
    for event in client(url).messages.create(**ASKED, stream=True):
        if event.type == "content_block_delta":
            seen["text"] += getattr(event.delta, "text", "")
        elif event.type == "message_delta":
            seen["stop"] = event.delta.stop_reason


def stream(url: str, seen: dict[str, Any]) -> None:
    with client(url).messages.stream(**ASKED) as stream:
        for text in stream.text_stream:
            seen["text"] += text
        message = stream.get_final_message()
    seen["stop"] = message.stop_reason
    seen["calls"] = [[block.name, json.dumps(block.input)] for block in message.content if block.type == "tool_use"]


main({"messages create": create, "messages .stream()": stream}, AnthropicError)
