"""Gemini's `usageMetadata`, which every chunk of a stream repeats as it grows (WIRE 5e)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...usage import LlmUsage
from ...values import JsonDict, get_int, get_list, get_str

_CACHED: Final = "cachedContentTokenCount"  # part of the prompt: the total cannot tell of it
_PARTS: Final = ("promptTokenCount", "candidatesTokenCount", "toolUsePromptTokenCount", "thoughtsTokenCount")


def add_counts(said: Sequence[JsonDict]) -> JsonDict:
    """What one object after the other has counted.

    Google leaves out zeros, and fields vanish from later chunks (pydantic-ai#5205). Where what is there makes the
    total, what is not there is nought; where it does not, what was said of it last stands.
    """
    # So of what stands before the last object whose counts make its total only one field is left.
    start = next((place for place in range(len(said) - 1, 0, -1) if _adds_up(said[place])), 0)
    cached = [counts[_CACHED] for counts in said[:start] if counts.get(_CACHED) is not None]
    counts: JsonDict = {_CACHED: cached[-1]} if cached else {}
    for each in said[start:]:
        counts = _after(counts, each)
    return counts


def _after(before: JsonDict, said: JsonDict) -> JsonDict:
    counts = {key: value for key, value in said.items() if value is not None}
    if not _adds_up(counts):
        return {**before, **counts}
    return {**counts, _CACHED: before[_CACHED]} if _CACHED in before and _CACHED not in counts else counts


def _adds_up(counts: JsonDict) -> bool:
    """Whether the counts of one object make its total: then what it leaves out is nought, and else it is not said."""
    total = counts.get("totalTokenCount")
    if type(total) is not int:
        total = get_int(counts, "totalTokenCount")
        if total is None:
            return False
    for key in _PARTS:
        if key in counts:
            count = counts[key]
            total -= count if type(count) is int else get_int(counts, key) or 0
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
