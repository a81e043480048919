"""Gemini's chunks in every shape: what is read by a short way is what the long way reads.

The short way is taken once id and model are known. So the same stream with and without them is to be the same.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from lash_proto.failures import RemoteProtocolError
from lash_proto.replies import ResponseStart, StreamEvent, TextDelta, UsageUpdate
from lash_proto.usage import LlmUsage
from tests.proto.codecs.gemini import GROUNDING, SIGNATURE, UNAVAILABLE, candidate, decoder, going_on, piece, sse

COUNTS = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}
MORE_COUNTS = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}

PARTS: list[Any] = [
    {"text": "a"}, {"text": "é"}, {"text": ""}, {"text": "\ud83d"}, {"text": "\ude00b"}, {"text": None}, {"text": 5},
    {"text": "t", "thought": True}, {"text": "u", "thought": True}, {"text": "a", "thought": False},
    {"text": "a", "thought": 1}, {"text": "a", "thoughtSignature": SIGNATURE}, {"text": "a", "thoughtSignature": ""},
    {"text": "t", "thought": True, "thoughtSignature": SIGNATURE}, {"thought": True}, {"thoughtSignature": SIGNATURE},
    {"functionCall": {"id": "1", "name": "f", "willContinue": True}},
    {"functionCall": {"id": "2", "name": "g", "args": {"x": 1}}},
    going_on(piece("$.a", more=True, stringValue="x")), going_on(piece("$.a", stringValue="y")),
    going_on(piece("$.b", numberValue=1), piece("$.c", numberValue=2)), going_on({}), going_on(),
    {**going_on(piece("$.a", more=True, stringValue="z")), "thoughtSignature": SIGNATURE},
    {"functionCall": {"name": None, "partialArgs": [piece("$.d", stringValue="")]}},
    {"functionCall": {"args": {"x": 1}}}, {"functionCall": {}}, {"functionCall": []}, {"functionCall": {}, "text": "a"},
    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"executableCode": {"code": "1"}}, {}, "text", 7, None,
]  # fmt: skip


def one(content: Any, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": content, **more}]}


INDEXES: list[Any] = [1, 0.0, "0", "1", None, False, True, -1, []]

CHUNKS: list[Any] = [
    *[candidate(part) for part in PARTS],
    *[candidate(part, index=0) for part in PARTS],
    *[{**candidate(part, index=0), "usageMetadata": COUNTS} for part in PARTS],
    *[candidate({"text": "a"}, index=index) for index in INDEXES],
    candidate({"text": "a"}, {"text": "b"}), candidate(), candidate({"text": "a"}, {"text": "t", "thought": True}),
    candidate({"text": "a"}, groundingMetadata=GROUNDING),
    candidate({"text": "a"}, index=0, groundingMetadata=GROUNDING),
    candidate({"text": "a"}, finish="STOP"), candidate({"text": "a"}, finish=""), candidate(finish="SAFETY"),
    one({"parts": {"text": "a"}}), one({"parts": "a"}), one({"parts": None}), one([{"text": "a"}]), one("parts"),
    {"candidates": {"content": {"parts": [{"text": "a"}]}}}, {"candidates": "c"}, {"candidates": [[]]},
    {"candidates": [*candidate({"text": "a"})["candidates"], *candidate({"text": "b"})["candidates"]]},
    {"candidates": []}, {"candidates": None}, {"candidates": ["content"]},
    {**candidate({"text": "a"}), "error": UNAVAILABLE}, {**candidate({"text": "a"}), "error": None},
    {**candidate({"text": "a"}), "promptFeedback": {"blockReason": "SAFETY"}}, {"error": UNAVAILABLE},
    {**candidate({"text": "a"}), "promptFeedback": None}, {"promptFeedback": {"blockReason": "OTHER"}},
    {**candidate({"text": "a"}), "usageMetadata": MORE_COUNTS}, {"usageMetadata": MORE_COUNTS},
    {**candidate({"text": "a"}), "usageMetadata": {}}, {**candidate({"text": "a"}), "usageMetadata": [COUNTS]},
    [candidate({"text": "a"})], [], "candidates", 3, None, {},
]  # fmt: skip


def read(chunks: list[Any], known: bool, api: str) -> list[Any]:
    """What each chunk brings, and the whole, less id and model."""
    ours = decoder(api=api)
    said = [{"responseId": "r", "modelVersion": "m"} if known else {"modelVersion": ""}, *chunks]
    if api == "google-code-assist":
        said = [{"response": each} if place % 7 else each for place, each in enumerate(said, 1)]
    told: list[Any] = []
    for each in said:
        try:
            told.append(ours.receive(sse(each)))
        except RemoteProtocolError as error:
            told.append(str(error))
        told.append(evolve(ours.partial(), id=None, model=None))
        ours = pickle.loads(pickle.dumps(ours))
    assert told[0] == [ResponseStart("r", "m") if known else ResponseStart(None, None)]
    return told[1:]


@given(st.lists(st.sampled_from(CHUNKS), max_size=12), st.sampled_from(["google-generative-ai", "google-code-assist"]))
@example([candidate({"text": "a"}), candidate({"text": "b"}, index=1)], "google-generative-ai")
def test_a_chunk_says_the_same_once_id_and_model_are_known(chunks: list[Any], api: str) -> None:
    assert read(chunks, True, api) == read(chunks, False, api)


@pytest.mark.parametrize("api", ["google-generative-ai", "google-code-assist"])
@pytest.mark.parametrize(
    "begun",
    [
        [],
        [candidate({"text": "a"}, index=0)],
        [candidate({"text": "a"}, index=0), candidate({"text": "\ud83d"})],
        [{**candidate({"text": "a"}, index=0), "usageMetadata": COUNTS}],
        [candidate({"text": "t", "thought": True}, index=0)],
        [candidate({"functionCall": {"id": "1", "name": "f", "willContinue": True}})],
        [{**candidate({"text": "a"}, finish="STOP"), "usageMetadata": COUNTS}, candidate({"text": "a"})],
    ],
)
def test_each_chunk_says_the_same_behind_each_beginning(begun: list[Any], api: str) -> None:
    for chunk in CHUNKS:
        chunks = [*begun, chunk, candidate({"text": "z"})]
        assert read(chunks, True, api) == read(chunks, False, api), chunk


def test_counts_beside_text_are_told_at_first_and_where_a_chunk_brings_nothing_else() -> None:
    ours = decoder()
    ours.receive(sse({"responseId": "r", "modelVersion": "m"}, candidate({"text": "a"})))
    told: list[list[StreamEvent]] = [
        ours.receive(sse({**candidate({"text": text}, index=0), "usageMetadata": counts}))
        for text, counts in (("b", COUNTS), ("c", MORE_COUNTS), ("", MORE_COUNTS))
    ]
    assert told == [
        [TextDelta(0, "b"), UsageUpdate(LlmUsage(9, output_tokens=2, raw=COUNTS))],
        [TextDelta(0, "c")],
        [UsageUpdate(LlmUsage(9, output_tokens=3, raw=MORE_COUNTS))],
    ]


def test_an_id_or_a_model_that_comes_late_is_seen_beside_text() -> None:
    ours = decoder()
    ours.receive(sse({**candidate({"text": "a"}), "responseId": "r"}))
    ours.receive(sse({**candidate({"text": "b"}), "modelVersion": "m"}))
    assert (ours.partial().id, ours.partial().model) == ("r", "m")
    ours = decoder()
    ours.receive(sse({**candidate({"text": "a"}), "modelVersion": "m"}))
    ours.receive(sse({**candidate({"text": "b"}), "responseId": "r"}))
    assert (ours.partial().id, ours.partial().model) == ("r", "m")


@pytest.mark.parametrize("api", ["google-generative-ai", "google-code-assist"])
def test_an_event_that_is_called_an_error_is_one_even_if_it_holds_text(api: str) -> None:
    ours = decoder(api=api)
    said = {**candidate({"text": "a"}), "responseId": "r", "modelVersion": "m"}
    ours.receive(sse({"response": said} if api == "google-code-assist" else said))
    ours.receive(b"event: error\r\n" + sse({"response": said} if api == "google-code-assist" else said))
    response = ours.finish()
    assert (response.text, response.stop_reason) == ("aa", "error")


def test_an_error_beside_code_assists_wrapper_is_one_even_if_that_holds_text() -> None:
    ours = decoder(api="google-code-assist")
    said = {**candidate({"text": "a"}), "responseId": "r", "modelVersion": "m"}
    ours.receive(sse({"response": said}, {"response": said, "error": UNAVAILABLE}))
    response = ours.finish()
    assert response.error is not None
    assert (response.text, response.error.kind, response.error.status) == ("aa", "overloaded", 503)
