"""How Gemini's answers end and what they cost: counts, citations, stops, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs.google.faults import refine
from lash_proto.failures import Failure, RemoteProtocolError, failure_of
from lash_proto.messages import TextPart
from lash_proto.replies import (
    UsageUpdate,
)
from lash_proto.usage import LlmUsage
from tests.proto.codecs.gemini import (
    GROUNDING,
    SIGNATURE,
    UNAVAILABLE,
    candidate,
    decoder,
    events,
    sse,
    streamed,
    whole,
)

# --- counts ----------------------------------------------------------------------------------------------------------


def usage(*said: Any) -> LlmUsage | None:
    return streamed(*[{"usageMetadata": each} for each in said], candidate(finish="STOP")).usage


def test_the_cached_part_is_taken_out_of_the_prompt_and_thoughts_are_added_to_the_output() -> None:
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 60,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 112,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}, {"modality": "TEXT", "tokenCount": 70}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}, {"modality": "AUDIO"}],
    }
    assert usage(counts) == LlmUsage(40, 60, 0, 12, 5, 30, 4, counts)


def test_a_field_that_vanishes_keeps_its_count_where_the_total_still_has_it() -> None:
    """pydantic-ai#5205."""
    made = usage(
        {"promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 20, "totalTokenCount": 31},
        {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 33},
    )
    assert made is not None
    assert (made.input_tokens, made.output_tokens, made.reasoning_tokens) == (9, 24, 20)


def test_a_field_that_vanishes_from_the_total_too_is_nought() -> None:
    made = usage(
        {"promptTokenCount": 9, "cachedContentTokenCount": 4, "candidatesTokenCount": 21, "totalTokenCount": 30},
        {"promptTokenCount": 87, "thoughtsTokenCount": 78, "totalTokenCount": 165},
    )
    assert made is not None
    assert (made.input_tokens, made.cached_input_tokens, made.output_tokens) == (83, 4, 78)


def test_what_googles_own_tools_read_is_in_raw_alone() -> None:
    """Google's SDK and the recordings leave it out of the prompt."""
    said = {"promptTokenCount": 15, "toolUsePromptTokenCount": 288, "candidatesTokenCount": 40, "totalTokenCount": 343}
    made = usage(said)
    assert made is not None
    assert (made.total_input_tokens, made.output_tokens, made.raw) == (15, 40, said)


@pytest.mark.parametrize("said", [{"trafficType": "ON_DEMAND"}, {}, None, 7])
def test_no_count_is_no_usage(said: Any) -> None:
    assert usage(said) is None


def test_a_total_alone_is_a_count() -> None:
    assert usage({"totalTokenCount": 5}) == LlmUsage(raw={"totalTokenCount": 5})


def test_odd_counts_do_no_harm() -> None:
    made = usage({"promptTokenCount": -3, "candidatesTokenCount": None, "thoughtsTokenCount": -1, "totalTokenCount": 1})
    assert made is not None
    assert (made.total_input_tokens, made.output_tokens, made.reasoning_tokens) == (0, 0, 0)


def test_usage_is_told_when_it_changes() -> None:
    counts = {"promptTokenCount": 1}
    made = events({"usageMetadata": counts}, {"usageMetadata": counts}, candidate(finish="STOP"))
    assert [event for event in made if isinstance(event, UsageUpdate)] == [UsageUpdate(LlmUsage(1, raw=counts))]


# --- citations -------------------------------------------------------------------------------------------------------

CITED = ({"groundingMetadata": GROUNDING},)


def cited(*chunks: Any) -> list[tuple[str, Any]]:
    return [(part.text, part.citations) for part in streamed(*chunks).content if isinstance(part, (TextPart))]


def test_grounding_belongs_to_the_text_that_is_open() -> None:
    last = candidate({"text": "", "thoughtSignature": SIGNATURE}, finish="STOP", groundingMetadata=GROUNDING)
    assert cited(candidate({"text": "a"}), last) == [("a", CITED), ("", ())]


def test_grounding_before_any_text_belongs_to_the_next() -> None:
    thought = candidate({"text": "t", "thought": True})
    early = candidate({"text": "u", "thought": True}, groundingMetadata=GROUNDING)
    assert cited(thought, early, candidate({"text": "a"}, finish="STOP")) == [("a", CITED)]


def test_grounding_after_all_text_belongs_to_the_last_of_it() -> None:
    call = {"functionCall": {"name": "f"}}
    chunks = (candidate({"text": "a"}, call), candidate(finish="STOP", groundingMetadata=GROUNDING))
    assert cited(*chunks) == [("a", CITED)]


def test_grounding_without_text_is_nowhere() -> None:
    assert streamed(candidate(finish="STOP", groundingMetadata=GROUNDING)).content == ()


def test_citations_of_several_kinds_stand_side_by_side_and_the_last_of_a_kind_counts() -> None:
    first = candidate({"text": "a"}, groundingMetadata={"webSearchQueries": ["old"]})
    last = candidate(finish="STOP", groundingMetadata=GROUNDING, citationMetadata={"citations": [{"startIndex": 1}]})
    kinds = (*CITED, {"citationMetadata": {"citations": [{"startIndex": 1}]}})
    assert cited(first, last) == [("a", kinds)]


def test_the_first_text_of_a_whole_body_has_its_citations() -> None:
    response = whole(candidate({"text": "a"}, {"text": "b"}, finish="STOP", groundingMetadata=GROUNDING))
    assert [part.citations for part in response.content if isinstance(part, TextPart)] == [CITED, ()]


# --- stops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "raw", "meaning"),
    [
        ("STOP", "STOP", "stop"),
        (1, "1", "stop"),
        ("MAX_TOKENS", "MAX_TOKENS", "length"),
        (2, "2", "length"),
        (3, "3", "content_filter"),
        ("RECITATION", "RECITATION", "content_filter"),
        ("MODEL_ARMOR", "MODEL_ARMOR", "content_filter"),
        ("CONTINUATION", "CONTINUATION", "pause"),
        ("OTHER", "OTHER", "error"),
        ("NO_IMAGE", "NO_IMAGE", "error"),
        ("MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL", "error"),
        ("NEW_WORD", "NEW_WORD", "error"),
    ],
)
def test_a_finish_reason_has_a_meaning(word: Any, raw: str, meaning: str) -> None:
    response = streamed(candidate({"text": "a"}, finish=word))
    assert (response.raw_stop_reason, response.stop_reason) == (raw, meaning)
    assert (response.error is None) == (meaning != "error")


def test_what_the_provider_says_of_its_stop_is_told() -> None:
    chunk = candidate(finish="MALFORMED_FUNCTION_CALL", finishMessage="Malformed function call: print(")
    error = streamed(chunk).error
    assert error is not None
    assert error.message == "the model stopped with MALFORMED_FUNCTION_CALL: Malformed function call: print("
    assert (error.raw, error.retryable) == (None, True)  # WIRE 12.2
    plain = streamed(candidate(finish="OTHER")).error
    assert plain is not None
    assert plain.message == "the model stopped with OTHER"


def test_an_unexpected_call_is_an_error_that_keeps_the_call() -> None:
    response = streamed(candidate({"functionCall": {"name": "f"}}, finish="UNEXPECTED_TOOL_CALL"))
    assert (response.stop_reason, len(response.tool_calls)) == ("error", 1)
    assert response.error is not None
    assert (response.error.raw, response.error.retryable) == (None, False)


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", 2, "JAILBREAK"])
def test_a_blocked_prompt_is_filtered_content(reason: Any) -> None:
    response = streamed({"promptFeedback": {"blockReason": reason}})
    assert (response.stop_reason, response.raw_stop_reason) == ("content_filter", str(reason))


def test_feedback_beside_an_answer_is_no_block() -> None:
    chunk = {**candidate({"text": "a"}, finish="STOP"), "promptFeedback": {"blockReason": "OTHER"}}
    assert (streamed(chunk).stop_reason, streamed(chunk).raw_stop_reason) == ("stop", "STOP")
    assert streamed({"promptFeedback": {"safetyRatings": []}}, candidate(finish="STOP")).stop_reason == "stop"


@pytest.mark.parametrize("word", ["FINISH_REASON_UNSPECIFIED", 0, "", None, True, []])
def test_a_word_that_says_nothing_ends_nothing(word: Any) -> None:
    ours = decoder()
    ours.receive(sse(candidate({"text": "a"}, finish=word)))
    assert not ours.ended
    with pytest.raises(RemoteProtocolError):
        ours.finish()


def test_the_last_finish_reason_counts() -> None:
    """Early models said STOP in every chunk."""
    response = streamed(candidate({"text": "a"}, finish="STOP"), candidate({"text": "b"}, finish="MAX_TOKENS"))
    assert (response.text, response.stop_reason) == ("ab", "length")


@pytest.mark.parametrize(
    "body", [{}, {"foo": 1}, [], "x", 7, None, {"usageMetadata": {"promptTokenCount": 1}}, {"candidates": []}]
)
def test_a_body_without_an_answer_is_refused(body: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        whole(body)


def test_an_answer_without_a_candidate_is_worth_another_try() -> None:
    """WIRE 5c: Code Assist sends empty answers now and then."""
    with pytest.raises(RemoteProtocolError) as caught:
        whole({"response": {"usageMetadata": {"promptTokenCount": 1}}}, api="google-code-assist")
    assert caught.value.failure is not None
    assert caught.value.failure.retryable
    assert caught.value.response is not None
    assert caught.value.response.usage == LlmUsage(1, raw={"promptTokenCount": 1})


def test_a_whole_body_needs_no_word() -> None:
    response = whole(candidate({"text": "a"}))
    assert (response.stop_reason, response.raw_stop_reason) == ("stop", None)


@pytest.mark.parametrize("event", ["7", '"x"', "[]", "[1, 2]", "null"])
def test_an_event_that_is_no_object_is_refused(event: str) -> None:
    ours = decoder()
    assert ours.receive(f"data: {event}\n\n".encode()) == []
    with pytest.raises(RemoteProtocolError):
        ours.receive(b"")


def test_an_unknown_object_is_passed_over() -> None:
    assert events({"somethingNew": 1}) == []


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [{"error": UNAVAILABLE}, [{"error": UNAVAILABLE}]])
def test_an_error_in_mid_stream_ends_the_answer(event: Any) -> None:
    response = streamed(candidate({"text": "a"}), event)
    assert (response.text, response.stop_reason) == ("a", "error")
    assert response.error == Failure(
        "overloaded", "The model is overloaded.", status=503, code="UNAVAILABLE", retryable=True, raw=UNAVAILABLE
    )


def test_counts_beside_an_error_count() -> None:
    response = streamed(
        {"error": UNAVAILABLE, "usageMetadata": {"promptTokenCount": 3}}, {"error": {"message": "again"}}
    )
    assert response.usage == LlmUsage(3, raw={"promptTokenCount": 3})
    assert response.error is not None
    assert response.error.raw == UNAVAILABLE


def test_an_event_named_error_is_one() -> None:
    ours = decoder()
    ours.receive(b'event: error\ndata: {"code": 500, "message": "no"}\n\n')
    error = ours.finish().error
    assert error is not None
    assert (error.kind, error.message) == ("server", "no")


def test_the_time_to_wait_stands_in_the_details() -> None:
    details = [{" @type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}, "odd"]
    body = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": details}}
    ours = decoder(429, "application/json")
    ours.receive(json.dumps(body).encode())
    error = ours.finish().error
    assert error is not None
    assert (error.kind, error.retry_after, error.retryable) == ("rate_limit", 34.07, True)


def limited(message: str, *details: Any) -> Failure:
    error = {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED", "details": list(details)}
    return refine(failure_of(error, status=429))


def test_the_time_to_wait_may_stand_in_the_text() -> None:
    assert limited("Too many. Please retry in 500ms.").retry_after == 0.5


def test_a_quota_that_comes_back_hours_later_is_used_up() -> None:
    failure = limited("Your quota will reset after 18h31m10s.")
    assert (failure.kind, failure.retry_after, failure.retryable) == ("quota", 66670.0, False)


def test_an_exhausted_quota_is_used_up() -> None:
    failure = limited("No.", {"reason": "QUOTA_EXHAUSTED", "domain": "cloudcode-pa.googleapis.com"})
    assert (failure.kind, failure.retryable) == ("quota", False)
    assert limited("No.", {"reason": "RATE_LIMIT_EXCEEDED"}).kind == "rate_limit"


def test_the_real_error_may_stand_in_the_message() -> None:
    inner = {
        "error": {"code": 400, "message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."}
    }
    outer = {"code": 500, "message": json.dumps(inner), "status": "INTERNAL"}
    failure = refine(failure_of(outer, status=500))
    assert (failure.kind, failure.raw) == ("context_overflow", outer)
    assert failure.message == "The input token count (9) exceeds the maximum number of tokens allowed (8)."


@pytest.mark.parametrize("message", ["{not json", '{"a": 1}', "[1]"])
def test_a_message_that_only_looks_like_json_is_a_message(message: str) -> None:
    assert refine(failure_of({"code": 500, "message": message})).message == message


def test_messages_in_messages_are_read_to_a_depth() -> None:
    nested = ["bottom"]
    for _ in range(12):
        nested.append(json.dumps({"error": {"message": nested[-1]}}))
    assert refine(failure_of({"message": nested[12]})).message == nested[2]
