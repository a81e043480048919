"""What Chat Completions and the pictures that come over it share on the wire: stop words, tokens, reasoning, pictures.

Tokens are counted in as many places as there are servers (WIRE 2e). What the numbers or keys themselves tell is read
from them: each server has its own key for cached input, and where more was cached than there was prompt, the prompt is
told without its cached part. Whether completion tokens hold the reasoning cannot be told from a count alone; a flag
says so.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Final

from ..messages import ImagePart, Origin
from ..usage import LlmUsage, StopReason
from ..values import Json, JsonDict, clean, get_dict, get_int, get_str

STOPS: Final[Mapping[str, StopReason]] = {
    "stop": "stop",
    "end": "stop",
    "complete": "stop",
    "eos": "stop",  # Together
    "length": "length",
    "model_length": "length",  # Mistral
    "max_tokens": "length",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filter",
    "sensitive": "content_filter",  # GLM
    "error": "error",  # OpenRouter, Mistral
    "network_error": "error",  # GLM
    "insufficient_system_resource": "error",  # DeepSeek
    "model_context_window_exceeded": "error",  # z.ai
}
"""`finish_reason`, by what it means (WIRE 2f)."""

FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text")
"""Names of the field, the first that is not empty counts: Chutes sends the same text under two of them."""

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


def field_text(delta: JsonDict) -> tuple[str, str]:
    """The reasoning that a delta or message holds in a field of its own, and the field's name."""
    for name in FIELDS:
        if name in delta and (text := delta[name]) and type(text) is str:
            return name, text
    return "", ""


_DATA_URL = re.compile(r"data:([^;,]*)(?:;[^;,]*)*;base64,", re.IGNORECASE)


def image_of(image: Json, origin: Origin) -> ImagePart | None:
    """An entry of `images`: an object with a URL inside, or a bare URL; None where there is none."""
    url = image if type(image) is str else get_str(get_dict(image, "image_url"), "url") or get_str(image, "image_url")
    if not url:
        return None
    match = _DATA_URL.match(url)
    if match is not None:
        try:
            data = b64decode(url[match.end() :], validate=True)
        except ValueError:  # kept as it came
            return ImagePart(url=clean(url), origin=origin)
        return ImagePart(data=data, media_type=clean(match[1]).lower() or "image/png", origin=origin)
    return ImagePart(url=clean(url), origin=origin)


def is_error(body: JsonDict) -> bool:
    """Whether a body without choices is an error object (WIRE 2g), and not something else altogether."""
    if body.get("error") or body.get("object") == "error" or body.get("detail"):
        return True
    return type(body.get("message")) is str and any(body.get(key) for key in ("code", "type", "statusCode"))
