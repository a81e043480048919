"""Gemini's answers: parts and their signatures, calls whole and in pieces, Code Assist's wrapper."""

from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.messages import AudioPart, ImagePart, OpaquePart, Origin, ReasoningPart, TextPart, ToolCallPart
from lash_proto.replies import (
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from tests.proto.codecs.gemini import (
    BEGINNING,
    GEMINI,
    GROUNDING,
    SIGNATURE,
    UNAVAILABLE,
    candidate,
    decoder,
    events,
    going_on,
    piece,
    sse,
    streamed,
    whole,
)

# --- parts -----------------------------------------------------------------------------------------------------------


def test_neighbouring_texts_of_a_stream_are_increments_of_one_block() -> None:
    assert events(
        {**candidate({"text": "Hel"}), "responseId": "r", "modelVersion": "m"},
        candidate({"text": "lo"}, {"text": "!"}, finish="STOP"),
    ) == [
        ResponseStart("r", "m"),
        TextStart(0),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        TextDelta(0, "!"),
        TextEnd(0, TextPart("Hello!", origin=GEMINI)),
    ]


def test_the_parts_of_a_whole_body_stay_apart() -> None:
    response = whole(candidate({"text": "a"}, {"text": "b"}, {"text": ""}, finish="STOP"))
    assert response.content == (TextPart("a", origin=GEMINI), TextPart("b", origin=GEMINI))


def test_thoughts_are_reasoning() -> None:
    assert events(
        candidate({"text": "Hm", "thought": True}),
        candidate({"text": "m.", "thought": True}),
        candidate({"text": "Yes.", "thought": False}, finish="STOP"),
    )[1:] == [
        ReasoningStart(0),
        ReasoningDelta(0, "Hm"),
        ReasoningDelta(0, "m."),
        ReasoningEnd(0, ReasoningPart("Hmm.", origin=GEMINI)),
        TextStart(1),
        TextDelta(1, "Yes."),
        TextEnd(1, TextPart("Yes.", origin=GEMINI)),
    ]


def test_a_signature_keeps_the_borders_of_its_part() -> None:
    """WIRE 5h: never merge a part with a signature into one without, nor two signed parts."""
    response = streamed(
        candidate({"text": "a"}),
        candidate({"text": "b", "thoughtSignature": SIGNATURE}),
        candidate({"text": "c", "thoughtSignature": "QQ=="}),
        candidate({"text": "d"}),
        candidate({"text": "", "thoughtSignature": "Qg=="}, finish="STOP"),
    )
    assert [(part.text, part.provider_data) for part in response.content if isinstance(part, TextPart)] == [
        ("a", None),
        ("b", {"thoughtSignature": SIGNATURE}),
        ("c", {"thoughtSignature": "QQ=="}),
        ("d", None),
        ("", {"thoughtSignature": "Qg=="}),
    ]
    assert response.text == "abcd"


def test_an_empty_text_with_a_signature_is_a_block_without_a_delta() -> None:
    end = TextPart("", origin=GEMINI, provider_data={"thoughtSignature": SIGNATURE})
    assert events(candidate({"text": "", "thoughtSignature": SIGNATURE}, finish="STOP"))[1:] == [
        TextStart(0),
        TextEnd(0, end),
    ]


def test_an_empty_signature_is_none() -> None:
    response = streamed(candidate({"text": "a"}), candidate({"text": "b", "thoughtSignature": ""}, finish="STOP"))
    assert response.content == (TextPart("ab", origin=GEMINI),)


def test_what_a_part_says_beside_its_text_is_kept_for_replay() -> None:
    (part,) = streamed(candidate({"text": "a", "partMetadata": {"k": 1}}, finish="STOP")).content
    assert part == TextPart("a", origin=GEMINI, provider_data={"partMetadata": {"k": 1}})


def test_a_surrogate_pair_may_be_cut_between_parts() -> None:
    assert streamed(candidate({"text": "\ud83d"}), candidate({"text": "\ude00"}, finish="STOP")).text == "😀"


def test_pictures_and_sound_come_as_bytes() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": SIGNATURE}
    sound = {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}}
    assert streamed(candidate(picture, sound, finish="STOP")).content == (
        ImagePart(data=b"hi", media_type="image/png", origin=GEMINI, provider_data={"thoughtSignature": SIGNATURE}),
        AudioPart(data=b"hi", media_type="audio/L16;rate=24000", origin=GEMINI),
    )


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True},
        {"inlineData": {"mimeType": "video/mp4", "data": "aGk="}},
        {"inlineData": {"mimeType": "image/png", "data": "no base64"}},
        {"inlineData": {"mimeType": "image/png", "data": "ü"}},
        {"inlineData": {"mimeType": "image/png"}},
        {"inlineData": {}},
        {"inlineData": "x"},
        {"fileData": {"fileUri": "https://files.example/1"}},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": SIGNATURE},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        {"thoughtSignature": SIGNATURE, "toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {}, "id": "1"}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH_WEB", "id": "1"}},
        {"somethingNew": 1},
        {"thoughtSignature": SIGNATURE},
    ],
)
def test_a_part_of_another_kind_is_kept_as_it_came(part: dict[str, Any]) -> None:
    word = next((key for key in part if key not in ("thought", "thoughtSignature")), "thoughtSignature")
    assert streamed(candidate({"text": "a"}, part, {"text": "b"}, finish="STOP")).content == (
        TextPart("a", origin=GEMINI),
        OpaquePart(word, part, GEMINI),
        TextPart("b", origin=GEMINI),
    )


def test_a_picture_comes_as_one_event() -> None:
    part = ImagePart(data=b"hi", media_type="image/png", origin=GEMINI)
    made = candidate({"inlineData": {"mimeType": "image/png", "data": "aGk="}}, finish="STOP")
    assert events(made)[1:] == [PartAdded(0, part)]


@pytest.mark.parametrize("part", [{}, {"thought": True}, {"text": None}, {"text": ""}, "text", None, 3])
def test_a_part_that_says_nothing_is_passed_over(part: Any) -> None:
    assert streamed(candidate(part, {"text": "a"}, finish="STOP")).content == (TextPart("a", origin=GEMINI),)


def test_only_candidate_nought_is_read() -> None:
    chunks = (
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "no"}]}, "finishReason": "SAFETY"}]},
        {"candidates": [{"content": {"parts": [{"text": "y"}]}}, {"content": {"parts": [{"text": "no"}]}}]},
        {"candidates": [None, {"index": 0, "content": {"parts": [{"text": "es"}]}, "finishReason": "STOP"}]},
    )
    response = streamed(*chunks)
    assert (response.text, response.raw_stop_reason) == ("yes", "STOP")


# --- calls -----------------------------------------------------------------------------------------------------------


def test_a_call_comes_whole() -> None:
    part = {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": SIGNATURE}
    call = ToolCallPart("c1", "f", {"a": 1}, '{"a":1}', origin=GEMINI, provider_data={"thoughtSignature": SIGNATURE})
    assert events(candidate(part, finish="STOP"))[1:] == [
        ToolCallStart(0, "c1", "f"),
        ToolCallDelta(0, '{"a":1}'),
        ToolCallEnd(0, call),
    ]


def test_a_call_without_an_id_gets_one_made_of_response_index_and_name() -> None:
    response = streamed({**candidate({"functionCall": {"name": "f"}}, finish="STOP"), "responseId": "r-1"})
    # printf 'r-1\n0\nf' | sha256sum | cut -c-24
    assert response.tool_calls == (ToolCallPart("call_09916e6e98507107e8019611", "f", id_sent=False, origin=GEMINI),)
    assert response.stop_reason == "tool_use"


def test_text_after_a_call_is_a_new_block() -> None:
    response = streamed(
        candidate({"text": "a"}, {"functionCall": {"name": "f", "args": {}}}), candidate({"text": "b"}, finish="STOP")
    )
    assert [type(part) for part in response.content] == [TextPart, ToolCallPart, TextPart]


def test_arguments_that_are_no_object_are_an_error_of_the_call() -> None:
    (call,) = streamed(candidate({"functionCall": {"name": "f", "args": [1]}}, finish="STOP")).tool_calls
    assert (call.arguments, call.raw_arguments) == ({}, "[1]")
    assert call.arguments_error is not None


def test_a_nameless_call_is_no_call() -> None:
    assert streamed(candidate({"functionCall": {}}, {"functionCall": {"args": {"a": 1}}}, finish="STOP")).content == ()


def test_arguments_in_pieces_are_fragments_of_json() -> None:
    made = events(
        candidate(BEGINNING),
        candidate(going_on(piece("$.a.b", more=True, stringValue="x"))),
        candidate(going_on(piece("$.a.b", stringValue="y"))),
        candidate(going_on(piece("$.n[0]", numberValue=1))),
        candidate({"functionCall": {}}, finish="STOP"),
    )
    deltas = [event for event in made if isinstance(event, ToolCallDelta)]
    assert [delta.fragment for delta in deltas] == ['{"a":{"b":"x', 'y"', '},"n":[1', "]}"]
    assert deltas[0].arguments == {"a": {"b": "x"}}
    # printf '\n0\nf' | sha256sum | cut -c-24
    whole_call = ToolCallPart(
        "call_cc36df28016c58665dbf6120",
        "f",
        {"a": {"b": "xy"}, "n": [1]},
        '{"a":{"b":"xy"},"n":[1]}',
        id_sent=False,
        origin=GEMINI,
        provider_data={"thoughtSignature": SIGNATURE},
    )
    assert made[-1] == ToolCallEnd(0, whole_call)


def test_a_call_in_pieces_shows_what_has_come() -> None:
    ours = decoder()
    ours.receive(sse(candidate(BEGINNING), candidate(going_on(piece("$.a", more=True, stringValue="x")))))
    (call,) = ours.partial().tool_calls
    assert (call.raw_arguments, call.arguments) == ('{"a":"x', {})


def test_the_end_of_a_call_may_be_missing_where_the_model_stopped_by_itself() -> None:
    """One recorded stream lacks the last, empty functionCall."""
    (call,) = streamed(candidate(BEGINNING, going_on(piece("$.a", stringValue="x")), finish="STOP")).tool_calls
    assert (call.arguments, call.arguments_error) == ({"a": "x"}, None)


def test_a_call_that_ran_out_of_tokens_is_cut() -> None:
    (call,) = streamed(
        candidate(BEGINNING, going_on(piece("$.a", more=True, stringValue="x")), finish="MAX_TOKENS")
    ).tool_calls
    assert (call.arguments, call.raw_arguments) == ({}, '{"a":"x')
    assert call.arguments_error is not None


def test_a_call_in_pieces_may_have_no_arguments() -> None:
    (call,) = streamed(candidate(BEGINNING, {"functionCall": {}}, finish="STOP")).tool_calls
    assert (call.arguments, call.raw_arguments, call.arguments_error) == ({}, "", None)


def test_a_call_that_goes_on_may_bring_its_arguments_whole() -> None:
    (call,) = streamed(candidate(BEGINNING, {"functionCall": {"args": {"a": 1}}}, finish="STOP")).tool_calls
    assert call.arguments == {"a": 1}


def test_the_next_name_ends_the_call_before_and_a_late_signature_belongs_to_its_call() -> None:
    late = {**going_on(piece("$.b", boolValue=True)), "thoughtSignature": "Qg=="}
    second = {
        "functionCall": {"id": "2", "name": "g", "partialArgs": [piece("$.a", numberValue=1)], "willContinue": True}
    }
    one, two = streamed(candidate(BEGINNING), candidate(second), candidate(late, finish="STOP")).tool_calls
    assert (one.name, one.arguments, one.provider_data) == ("f", {}, {"thoughtSignature": SIGNATURE})
    assert (two.id, two.name, two.arguments) == ("2", "g", {"a": 1, "b": True})
    assert two.provider_data == {"thoughtSignature": "Qg=="}


# --- Code Assist -----------------------------------------------------------------------------------------------------


def test_code_assist_wraps_each_object() -> None:
    chunk = {"response": {**candidate({"text": "a"}, finish="STOP"), "modelVersion": "m"}, "traceId": "t-1"}
    response = streamed(chunk, api="google-code-assist")
    assert (response.text, response.id, response.model, response.api) == ("a", "t-1", "m", "google-code-assist")


def test_code_assist_may_also_answer_without_the_wrapper() -> None:
    response = streamed({**candidate({"text": "a"}, finish="STOP"), "responseId": "r"}, api="google-code-assist")
    assert (response.text, response.id) == ("a", "r")


def test_an_empty_id_and_model_are_empty_and_not_unknown() -> None:
    response = streamed({**candidate({"text": "a"}, finish="STOP"), "responseId": "", "modelVersion": ""})
    assert (response.id, response.model) == ("", "")


def test_an_error_inside_the_wrapper_is_an_error() -> None:
    error = streamed({"response": {"error": UNAVAILABLE}}, api="google-code-assist").error
    assert error is not None
    assert error.raw == UNAVAILABLE


# --- the laws that touch what this decoder keeps ---------------------------------------------------------------------


def test_a_saved_decoder_goes_on_as_an_unsaved_one() -> None:
    body = sse(
        candidate({"text": "a"}),
        candidate(BEGINNING, groundingMetadata=GROUNDING),
        candidate(going_on(piece("$.a[0]", more=True, stringValue="x"))),
        {**candidate({"functionCall": {}}, finish="STOP"), "usageMetadata": {"promptTokenCount": 1}},
    )
    ours, copied = decoder(), decoder()
    for at in range(0, len(body), 5):
        copied = deepcopy(pickle.loads(pickle.dumps(copied)))
        assert copied.receive(body[at : at + 5]) == ours.receive(body[at : at + 5])
    assert copied.finish() == ours.finish()


def test_a_model_asked_for_is_in_the_origin() -> None:
    ours = CODECS["google-generative-ai"].decoder(status=200, headers=[], model="gemini-3")
    ours.receive(sse(candidate({"text": "a"}, finish="STOP")))
    assert ours.finish().content[0].origin == Origin(None, "google-generative-ai", "gemini-3")


def test_counts_that_came_with_text_are_added_up_in_the_end() -> None:
    said = [
        {**candidate({"text": "a"}), "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": n, **more}}
        for n, more in [(1, {"cachedContentTokenCount": 4, "totalTokenCount": 10})]
        + [(n, {"totalTokenCount": str(9 + n)}) for n in range(2, 80)]
    ]
    response = streamed(*said, candidate(finish="STOP"))
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.cached_input_tokens, response.usage.output_tokens) == (5, 4, 79)


def test_an_empty_text_and_parts_of_another_shape_say_nothing() -> None:
    odd = {"candidates": [{"content": []}, {"content": {"parts": {}}}]}
    response = streamed(candidate({"text": "a"}), candidate({"text": ""}), odd, candidate({"text": "b"}, finish="STOP"))
    assert [part.text for part in response.content if isinstance(part, TextPart)] == ["ab"]
