"""Tokens as Chat Completions servers count them, in as many places as there are servers (WIRE 2e).

What the numbers or keys themselves tell is read from them: each server has its own key for cached input, and where more
was cached than there was prompt, the prompt is told without its cached part. Whether completion tokens hold the
reasoning cannot be told from a count alone; a flag says so.
"""

from __future__ import annotations

from typing import Final

from ...usage import LlmUsage
from ...values import Json, JsonDict, get_dict, get_int

COUNTS: Final = ("prompt", "completion", "cached", "written", "reasoning", "audio_in", "audio_out")
"""What is counted. A count that was not said is absent."""


def read_counts(usage: Json) -> dict[str, int]:
    """The counts that a usage object says."""
    prompt = get_dict(usage, "prompt_tokens_details") or get_dict(usage, "prompt_token_details")  # the second: Mistral
    completion = get_dict(usage, "completion_tokens_details")
    said = (
        get_int(usage, "prompt_tokens"),
        get_int(usage, "completion_tokens"),
        _first(
            get_int(prompt, "cached_tokens"),
            get_int(usage, "prompt_cache_hit_tokens"),  # DeepSeek
            get_int(usage, "cached_tokens"),  # Moonshot
            get_int(usage, "num_cached_tokens"),  # Mistral
        ),
        _first(get_int(prompt, "cache_write_tokens"), get_int(prompt, "cache_creation_input_tokens")),  # second: Qwen
        _first(get_int(completion, "reasoning_tokens"), get_int(usage, "reasoning_tokens")),  # the second: SGLang
        get_int(prompt, "audio_tokens"),
        get_int(completion, "audio_tokens"),
    )
    return {name: max(0, count) for name, count in zip(COUNTS, said, strict=True) if count is not None}


def usage_of(counts: dict[str, int], raw: JsonDict, *, reasoning_in_output: bool) -> LlmUsage:
    """The counts so far as our usage, the input buckets disjoint."""
    prompt, cached, written = (counts.get(name, 0) for name in ("prompt", "cached", "written"))
    reasoning = counts.get("reasoning")
    # More cached than prompt: the prompt is told without it (xAI). Else both parts are inside the prompt.
    uncached = prompt if cached > prompt else max(0, prompt - cached - written)
    return LlmUsage(
        input_tokens=uncached,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=counts.get("completion", 0) + (0 if reasoning_in_output else reasoning or 0),
        reasoning_tokens=reasoning,
        audio_input_tokens=counts.get("audio_in", 0),
        audio_output_tokens=counts.get("audio_out", 0),
        raw=raw,
    )


def _first(*counts: int | None) -> int | None:
    """The first that was said; zero is a count too."""
    return next((count for count in counts if count is not None), None)
