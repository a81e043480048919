"""Gemini's `usageMetadata`, which every chunk of a stream repeats as it grows (WIRE 5e)."""

from __future__ import annotations

from typing import Final

from ...usage import LlmUsage
from ...values import JsonDict, get_int, get_list, get_str

_PARTS: Final = ("promptTokenCount", "candidatesTokenCount", "toolUsePromptTokenCount", "thoughtsTokenCount")


def add_counts(before: JsonDict, said: JsonDict) -> JsonDict:
    """The counts as of this object.

    Google leaves out zeros, and fields vanish from later chunks (pydantic-ai#5205). Where what is there makes the
    total, what is not there is nought; where it does not, what was said of it last stands.
    """
    counts = {key: value for key, value in said.items() if value is not None} if None in said.values() else said
    if not _adds_up(counts):
        return {**before, **counts}
    cached = "cachedContentTokenCount"  # part of the prompt: the total cannot tell of it
    return {**counts, cached: before[cached]} if cached in before and cached not in counts else counts


def _adds_up(counts: JsonDict) -> bool:
    """Whether the counts of one object make its total: then what it leaves out is nought, and else it is not said."""
    total = get_int(counts, "totalTokenCount")
    if total is None:
        return False
    for key in _PARTS:
        if key in counts:
            total -= get_int(counts, key) or 0
    return total == 0


def usage_of(counts: JsonDict) -> LlmUsage | None:
    """The usage that the counts tell; None where there is no count among them."""
    prompt, cached = get_int(counts, "promptTokenCount"), get_int(counts, "cachedContentTokenCount")
    output, thoughts = get_int(counts, "candidatesTokenCount"), get_int(counts, "thoughtsTokenCount")
    if prompt is cached is output is thoughts is None:
        others = get_int(counts, "toolUsePromptTokenCount"), get_int(counts, "totalTokenCount")
        if others == (None, None):
            return None
    cached = max(0, cached or 0)
    # The prompt holds the cached part, candidates do not hold the thoughts (WIRE 5e). What Google's own tools read
    # (toolUsePromptTokenCount) is in neither; it stays in `raw`, as in Google's SDK and the recordings.
    return LlmUsage(
        input_tokens=max(0, (prompt or 0) - cached),
        cached_input_tokens=cached,
        output_tokens=max(0, output or 0) + max(0, thoughts or 0),
        reasoning_tokens=None if thoughts is None else max(0, thoughts),
        audio_input_tokens=_audio(counts, "promptTokensDetails"),
        audio_output_tokens=_audio(counts, "candidatesTokensDetails"),
        raw=counts,
    )


def _audio(counts: JsonDict, key: str) -> int:
    total = 0
    for detail in get_list(counts, key):
        if get_str(detail, "modality") == "AUDIO":
            total += max(0, get_int(detail, "tokenCount") or 0)
    return total
