"""What a user of LiteLLM sees of a fault: over three dialects that it turns into its own."""

from __future__ import annotations

import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network at its import

import litellm
from watch import TIMEOUT, main

litellm.suppress_debug_info = True


def over(model: str, suffix: str) -> Any:
    def stream(url: str, seen: dict[str, Any]) -> None:
        asked = [{"role": "user", "content": "?"}]
        how: dict[str, Any] = {"api_key": "peer", "timeout": TIMEOUT, "num_retries": 0, "max_retries": 0}
        chunks: list[Any] = []
        for chunk in litellm.completion(model, asked, api_base=url + suffix, stream=True, **how):
            chunks.append(chunk)
            choice = chunk.choices[0]
            seen["text"] += choice.delta.content or ""
            seen["stop"] = choice.finish_reason or seen["stop"]
        calls = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls or ()
        seen["calls"] = [[call.function.name, call.function.arguments] for call in calls]

    return stream


OWN = tuple(
    each
    for each in vars(litellm.exceptions).values()
    if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == "litellm.exceptions"
)

main(
    {
        "chat": over("openai/m", "/v1"),
        "messages": over("anthropic/m", ""),
        # With an `api_base` of its own LiteLLM appends the method alone.
        "gemini": over("gemini/m", "/v1beta/models/m"),
    },
    OWN,
)
