"""The faux Responses server: its bytes are the provider's, and our decoder reads in them what was scripted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.openai_responses import ResponsesOptions
from lash_proto.failures import FailureKind, RemoteProtocolError
from lash_proto.faux import FauxCall, FauxError, FauxProvider, FauxReply
from lash_proto.faux.openai_responses import recognise, render
from lash_proto.messages import (
    AudioPart,
    ImagePart,
    LlmRequest,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from lash_proto.replies import LlmResponse
from lash_proto.usage import LlmUsage, StopReason

CODEC = CODECS["openai-responses"]
STREAM = FauxCall("openai-responses", "gpt-5.6", True, {"include": ["reasoning.encrypted_content"]})
WHOLE = FauxCall("openai-responses", "gpt-5.6", False, {})


def ask(reply: FauxReply, stream: bool = True, options: ResponsesOptions | None = None) -> LlmResponse:
    """What a client of ours gets: encoded, answered, decoded."""
    request = LlmRequest("Hi", options=options or ResponsesOptions())
    http = CODEC.encode(request, "gpt-5.6", stream=stream)
    answer = FauxProvider([reply]).answer(http.method, "/v1" + http.path, http.headers, http.body)
    decoder = CODEC.decoder(status=answer.status, headers=answer.headers)
    for chunk in answer.chunks:
        decoder.receive(chunk)
    return decoder.finish()


def events(reply: FauxReply, call: FauxCall = STREAM) -> list[dict[str, Any]]:
    answer = render(reply, call)
    return [json.loads(chunk.decode().split("\ndata: ")[1]) for chunk in answer.chunks]


def test_the_path_and_the_method_tell_the_dialect() -> None:
    body = {"model": "gpt-5.6", "stream": True}
    for path in ("/v1/responses", "/responses", "/backend-api/codex/responses?x=y", "/openai/v1/responses/"):
        assert recognise("POST", path, body) == FauxCall("openai-responses", "gpt-5.6", True, body, path)
    assert recognise("POST", "/responses", None) == FauxCall("openai-responses", "", False, None, "/responses")
    for method, path in (("GET", "/v1/responses"), ("POST", "/v1/responses/compact"), ("POST", "/v1/chat/completions")):
        assert recognise(method, path, body) is None


def test_a_text_is_streamed_as_openai_streams_it() -> None:
    answer = render(FauxReply("Hello there.", piece=6), STREAM)
    assert answer.status == 200
    assert ("content-type", "text/event-stream; charset=utf-8") in answer.headers
    assert answer.chunks[4] == (
        b"event: response.output_text.delta\n"
        b'data: {"type":"response.output_text.delta","item_id":"msg_faux-1_0","output_index":0,"content_index":0,'
        b'"delta":"Hello ","logprobs":[],"sequence_number":4}\n\n'
    )
    assert [event["type"] for event in events(FauxReply("Hello there.", piece=6))] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in events(FauxReply("Hi"))] == list(range(9))


def test_a_whole_response_is_one_object() -> None:
    answer = render(FauxReply("Hi", usage=None, model="gpt-5.6-2026"), WHOLE)
    assert ("content-type", "application/json") in answer.headers
    body = json.loads(answer.body)
    assert (body["object"], body["status"], body["model"], body["usage"]) == (
        "response",
        "completed",
        "gpt-5.6-2026",
        None,
    )
    assert body["output"] == [
        {
            "id": "msg_faux-1_0",
            "type": "message",
            "status": "completed",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi"}],
            "role": "assistant",
        }
    ]


@pytest.mark.parametrize("stream", [True, False])
def test_what_was_scripted_is_what_is_decoded(stream: bool) -> None:
    cite = {"type": "url_citation", "url": "https://example.org", "title": "x", "start_index": 0, "end_index": 2}
    script: list[Part] = [
        ReasoningPart("Let me see."),
        OpaquePart("web_search_call", {"status": "completed", "action": {"type": "search", "query": "x"}}),
        TextPart("Grüße 🎉", phase="commentary", citations=(cite,)),
        ToolCallPart("c1", "f", {"a": 1}),
        ToolCallPart("c2", "g", raw_arguments='{"b": '),
        ToolCallPart("c3", "sql", raw_arguments="SELECT 1", kind="custom"),
    ]
    usage = LlmUsage(10, 20, 30, 40, reasoning_tokens=5)
    response = ask(FauxReply(script, usage=usage, id="r7", piece=3), stream)
    assert (response.id, response.model, response.stop_reason) == ("r7", "gpt-5.6", "tool_use")
    assert (response.reasoning, response.text) == ("Let me see.", "Grüße 🎉")
    assert [(call.id, call.name, call.kind, call.raw_arguments) for call in response.tool_calls] == [
        ("c1", "f", "function", '{"a":1}'),
        ("c2", "g", "function", '{"b": '),
        ("c3", "sql", "custom", "SELECT 1"),
    ]
    thought, search, text = response.content[:3]
    assert isinstance(thought, ReasoningPart)
    assert isinstance(search, OpaquePart)
    assert isinstance(text, TextPart)
    assert thought.provider_data is not None
    assert thought.provider_data["encrypted_content"]
    assert search.data["action"] == {"type": "search", "query": "x"}
    assert (text.phase, text.citations) == ("commentary", (cite,))
    assert response.usage is not None
    counted = response.usage
    assert (counted.input_tokens, counted.cached_input_tokens, counted.cache_write_tokens) == (10, 20, 30)
    assert (counted.output_tokens, counted.reasoning_tokens) == (40, 5)


def test_reasoning_is_encrypted_without_being_asked_for() -> None:
    (said,) = ask(FauxReply([ReasoningPart("", provider_data={"encrypted_content": "e"})])).content
    assert isinstance(said, ReasoningPart)
    assert said.provider_data == {"id": "rs_faux-1_0", "type": "reasoning", "summary": [], "encrypted_content": "e"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("stop", "raw"),
    [
        ("stop", "completed"),
        ("length", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("pause", "steered"),
        ("aborted", "cancelled"),
        ("refusal", "completed"),
        ("error", "failed"),
    ],
)
def test_every_stop_reason_has_its_words(stream: bool, stop: StopReason, raw: str) -> None:
    response = ask(FauxReply([TextPart("I cannot."), ReasoningPart("Hm.")], stop_reason=stop), stream)
    assert (response.stop_reason, response.raw_stop_reason) == (stop, raw)
    assert (response.refusal, response.text)[stop != "refusal"] == "I cannot."


@pytest.mark.parametrize("stream", [True, False])
def test_refusals_and_pictures(stream: bool) -> None:
    response = ask(FauxReply([RefusalPart("I cannot do that."), ImagePart(data=b"x")], stop_reason="refusal"), stream)
    assert response.refusal == "I cannot do that."
    picture = response.content[1]
    assert isinstance(picture, OpaquePart)
    assert (picture.type, picture.data["result"]) == ("image_generation_call", "eA==")


def test_what_a_responses_server_never_says_is_a_mistake_of_the_script() -> None:
    with pytest.raises(ValueError, match="no AudioPart"):
        render(FauxReply([AudioPart(data=b"x")]), STREAM)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("authentication", 401, "invalid_api_key"),
        ("permission", 403, "unsupported_country_region_territory"),
        ("not_found", 404, "model_not_found"),
        ("rate_limit", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("overloaded", 503, "server_is_overloaded"),
        ("server", 500, "server_error"),
        ("context_overflow", 400, "context_length_exceeded"),
        ("invalid_request", 400, "invalid_prompt"),
    ],
)
def test_an_error_is_told_by_status_or_in_the_stream(kind: FailureKind, status: int, code: str) -> None:
    response = ask(FauxReply(error=FauxError(kind, "No.", status=status, retry_after=1.5)))
    assert response.error is not None
    assert (response.error.kind, response.error.status, response.error.retry_after) == (kind, status, 1.5)
    assert response.error.raw["code"] == code
    for stream in (True, False):
        response = ask(FauxReply("So far", error=FauxError(kind, "No.")), stream)
        assert response.error is not None
        assert (response.error.kind, response.error.message, response.text) == (kind, "No.", "So far")
        assert (response.stop_reason, response.raw_stop_reason) == ("error", "failed")


def test_an_error_without_a_wait_says_none() -> None:
    answer = render(FauxReply(error=FauxError("server", "No.", status=500)), WHOLE)
    assert "retry-after" not in dict(answer.headers)


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_is_a_cut(stream: bool) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        ask(FauxReply("Hello there.", cut_after=5), stream)
    assert caught.value.failure is not None
    assert caught.value.failure.kind == "truncated"
    assert len(render(FauxReply("Hello there.", cut_after=5), STREAM).chunks) == 5
