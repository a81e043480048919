"""About how many tokens, and whether they were too many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lash_proto.failures import Failure
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    ImageRequest,
    JsonObject,
    JsonSchema,
    LlmRequest,
    Message,
    OpaquePart,
    Part,
    ProviderTool,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.replies import LlmResponse
from lash_proto.tokens import estimate_tokens, is_overflow
from lash_proto.usage import LlmUsage
from tests.strategies import ODD_MESSAGES, REQUESTS


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("four", 1), ("a" * 400, 100), ("世界" * 50, 75), ("\ud800", 1)],
)
def test_four_bytes_are_a_token(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == estimate_tokens([UserMessage(text)]) == estimate_tokens(LlmRequest(text)) == tokens


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (TextPart("a" * 40), 10),
        (ReasoningPart("a" * 40), 10),
        (RefusalPart("a" * 40), 10),
        (ImagePart(b"x" * 10**6, "image/png"), 1600),
        (ImagePart(url="https://x", detail="low"), 85),
        (DocumentPart(text="a" * 40, context="b" * 8), 12),
        (DocumentPart(b"a" * 40, "text/csv"), 10),
        (DocumentPart(b"%PDF /Type /Pages /Type /Page /Type/Page ", "application/pdf"), 4000),
        (DocumentPart(b"x" * 100_001, "application/pdf"), 6000),
        (DocumentPart(url="https://x"), 2000),
        (AudioPart(b"x" * 160_000, "audio/mpeg"), 320),  # ten seconds
        (AudioPart(transcript="a" * 40), 10),
        (ToolCallPart("c", "look", {"a": "b" * 9}), 6),  # look{"a":"bbbbbbbbb"}
        (ToolCallPart("c", "look", {}, '{"a": "b" }'), 4),
        (OpaquePart("odd", {"a": 1}), 2),
        (OpaquePart("odd", {"a": {1}}), 3),  # what no JSON says counts as it prints
    ],
)
def test_each_part_costs_what_it_says_or_shows(part: Part, tokens: int) -> None:
    assert estimate_tokens([AssistantMessage([part])]) == estimate_tokens([UserMessage([part])]) == tokens


def test_a_request_is_its_system_prompt_tools_schema_and_messages() -> None:
    messages: list[Message] = [UserMessage("a" * 4), CustomMessage("mark", "x" * 99), ToolResultMessage("c", "b" * 4)]
    schema = {"a": "bcd"}  # {"a":"bcd"}: 11 bytes
    format = {"type": "x"}  # {"type":"x"}: 12 bytes
    tools = (
        ToolDefinition("f", "g" * 4, schema),
        ToolDefinition("h", format=format, kind="custom"),
        ProviderTool({"type": "x"}),
    )
    assert estimate_tokens(messages) == 2
    request = LlmRequest(messages, "s" * 4, tools, output=JsonSchema("answer", schema))
    assert estimate_tokens(request) == -(-(8 + 4 + (1 + 4 + 11) + (1 + 12) + 12 + 11) // 4)
    parts = LlmRequest(messages, [TextPart("s" * 4), TextPart("t" * 4)], output=JsonObject())
    assert estimate_tokens(parts) == 4


@given(REQUESTS, st.lists(ODD_MESSAGES, max_size=3))
def test_an_estimate_never_raises_and_more_is_never_less(request: LlmRequest, messages: list[Message]) -> None:
    assert estimate_tokens(request) >= estimate_tokens(request.messages) >= 0
    assert estimate_tokens([*request.messages, *messages]) >= estimate_tokens(request.messages)


# --- overflow --------------------------------------------------------------------------------------------------------


def reply(stop_reason: Any = "stop", usage: LlmUsage | None = None, **fields: Any) -> LlmResponse:
    return LlmResponse((), stop_reason, usage=usage, **fields)


def test_a_failure_that_says_so_is_an_overflow() -> None:
    known = Failure("context_overflow", "413")
    told = Failure("other", "prompt is too long: 210000 tokens > 200000 maximum")
    limited = Failure("rate_limit", "Rate limit: too many tokens per minute")
    for failure, expected in ((known, True), (told, True), (limited, False)):
        assert is_overflow(failure) is is_overflow(reply("error", error=failure)) is expected


def test_a_stop_reason_may_say_so() -> None:
    assert is_overflow(reply("length", raw_stop_reason="model_context_window_exceeded"))
    assert not is_overflow(reply("length", raw_stop_reason="max_tokens"))


@pytest.mark.parametrize(
    ("stop_reason", "usage", "expected"),
    [
        ("stop", LlmUsage(100_001, output_tokens=5), True),  # z.ai
        ("stop", LlmUsage(60_000, 40_000, 1, output_tokens=5), True),
        ("stop", LlmUsage(100_000, output_tokens=5), False),
        ("length", LlmUsage(99_000), True),  # MiMo
        ("length", LlmUsage(98_999), False),
        ("length", LlmUsage(40_000), False),
        ("length", LlmUsage(99_000, output_tokens=5), False),
        ("stop", LlmUsage(99_000), False),
        ("stop", None, False),
    ],
)
def test_an_overflow_without_an_error_shows_in_the_usage(
    stop_reason: str, usage: LlmUsage | None, expected: bool
) -> None:
    assert is_overflow(reply(stop_reason, usage), 100_000) is expected
    assert not is_overflow(reply(stop_reason, usage))


def test_a_request_for_pictures_counts_its_prompt() -> None:
    assert estimate_tokens(ImageRequest("An otter")) == 2  # eight bytes
    assert estimate_tokens(ImageRequest([TextPart("An otter"), ImagePart(url="https://x.test/a")])) == 1602
