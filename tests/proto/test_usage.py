"""Tokens as they are paid for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lash_proto.usage import LlmUsage

COUNT = st.integers(0, 10**9)


def test_counts_not_said_are_nothing_and_reasoning_not_said_is_unknown() -> None:
    usage = LlmUsage()
    assert (usage.total_input_tokens, usage.output_tokens, usage.reasoning_tokens) == (0, 0, None)


@given(COUNT, COUNT, COUNT)
def test_the_three_input_buckets_are_the_whole_input(plain: int, cached: int, written: int) -> None:
    usage = LlmUsage(input_tokens=plain, cached_input_tokens=cached, cache_write_tokens=written)
    assert usage.total_input_tokens == plain + cached + written
    assert LlmUsage.from_json(usage.to_json()) == usage
