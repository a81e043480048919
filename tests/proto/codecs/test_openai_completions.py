"""Chat Completions decoded: the shapes that real servers send, one by one (WIRE 2)."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.openai_completions import ChatDecoder, OpenAICompletions
from lash_proto.compat import AnthropicCompat, ChatCompat
from lash_proto.failures import RemoteProtocolError
from lash_proto.messages import AudioPart, ImagePart, OpaquePart, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from lash_proto.models import ModelSpec
from lash_proto.replies import (
    LlmResponse,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)

CODEC = OpenAICompletions()
SSE = [("content-type", "text/event-stream")]
JSON = [("content-type", "application/json")]
DONE = "data: [DONE]\n\n"


def decoder(compat: ChatCompat | None = None, *, status: int = 200, headers: Any = SSE) -> ChatDecoder:
    return CODEC.decoder(
        status=status, headers=headers, model=None if compat is None else ModelSpec("m", compat=compat)
    )


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> str:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c-1', 'model': 'm-1', 'choices': [choice], **more})}\n\n"


def event(data: Any, name: str = "") -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def stream(*texts: str, compat: ChatCompat | None = None) -> tuple[list[StreamEvent], LlmResponse]:
    """The events and the response of a stream, which must say the same when each byte comes alone."""
    body = "".join(texts).encode()
    one = decoder(compat)
    events = one.receive(body) + one.end()
    other = decoder(compat)
    for at in range(len(body)):
        other.receive(body[at : at + 1])
        other = pickle.loads(pickle.dumps(other)) if at % 97 == 0 else other
    other = copy.deepcopy(other)
    other.end()
    assert other.partial() == one.partial()
    return events, one.partial()


def said(*deltas: Any, finish: str = "stop") -> LlmResponse:
    """The response that these deltas make, ended as it should be."""
    return stream(*[chunk(delta) for delta in deltas], chunk({}, finish), DONE)[1]


def calls(*entries: Any) -> tuple[ToolCallPart, ...]:
    """The calls that these chunks of `tool_calls` make."""
    return said(*[{"tool_calls": e if isinstance(e, list) else [e]} for e in entries], finish="tool_calls").tool_calls


def call(
    id: str | None = None, index: int | None = None, name: str | None = None, arguments: Any = ""
) -> dict[str, Any]:
    entry: dict[str, Any] = {"function": {"arguments": arguments}}
    if id is not None:
        entry["id"] = id
    if index is not None:
        entry["index"] = index
    if name is not None:
        entry["function"]["name"] = name
    return entry


def brief(parts: tuple[ToolCallPart, ...]) -> list[tuple[str, str, Any]]:
    return [(part.id if part.id_sent else "", part.name, dict(part.arguments)) for part in parts]


def whole(message: Any, finish: Any = "stop", **more: Any) -> LlmResponse:
    """The response to a body that came whole."""
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return body({"id": "c-1", "model": "m-1", "choices": [choice], **more})


def body(data: Any, *, status: int = 200) -> LlmResponse:
    read = decoder(status=status, headers=JSON)
    read.receive(json.dumps(data).encode())
    return read.finish()


# --- the plain case --------------------------------------------------------------------------------------------------


def test_a_text_comes_as_start_deltas_and_end() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    events, response = stream(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        event({"id": "c-1", "model": "m-1", "choices": [], "usage": usage}),
        DONE,
    )
    assert response.usage is not None
    part = TextPart("Hello", origin=response.content[0].origin)
    assert events == [
        ResponseStart("c-1", "m-1"),
        TextStart(0),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        UsageUpdate(response.usage),
        TextEnd(0, part),
    ]
    assert (response.text, response.stop_reason, response.raw_stop_reason) == ("Hello", "stop", "stop")
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.raw) == (5, 2, usage)


def test_a_whole_body_makes_the_same_kind_of_events() -> None:
    read = decoder(headers=JSON)
    message = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm", "tool_calls": [call("a", 0, "f", "{}")]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    data = json.dumps({"id": "c", "model": "m", "choices": choices}).encode()
    assert read.receive(data) == []
    events = read.end()
    kinds = [type(each) for each in events]
    assert kinds[:5] == [ResponseStart, ReasoningStart, ReasoningDelta, ReasoningEnd, TextStart]
    assert kinds[5:] == [TextDelta, TextEnd, ToolCallStart, ToolCallDelta, ToolCallEnd]
    assert read.finish().stop_reason == "tool_use"


def test_ended_comes_with_the_usage_after_the_last_word_or_with_done() -> None:
    read = decoder()
    read.receive(chunk({"content": "x"}, usage={"prompt_tokens": 1}).encode())
    read.receive(chunk({}, "stop").encode())
    assert not read.ended
    read.receive(event({"choices": [], "usage": {"prompt_tokens": 2}}).encode())
    assert read.ended
    other = decoder()
    other.receive(DONE.encode())
    assert other.ended


# --- where the end is ------------------------------------------------------------------------------------------------


def test_done_alone_proves_nothing() -> None:
    read = decoder()
    read.receive((chunk({"content": "x"}) + DONE).encode())
    with pytest.raises(RemoteProtocolError):
        read.finish()
    assert read.partial().error is not None
    assert read.partial().error.kind == "truncated"  # type: ignore[union-attr]


def test_an_empty_word_is_no_proof_either() -> None:
    read = decoder()
    read.receive((chunk({"content": "x"}) + chunk({}, "") + DONE).encode())
    with pytest.raises(RemoteProtocolError):
        read.finish()
    assert read.partial().raw_stop_reason == ""


@pytest.mark.parametrize("end", ["", DONE])
def test_a_server_known_to_say_no_word_is_believed_at_the_end_of_the_body(end: str) -> None:
    read = decoder(ChatCompat(finish_reason_required=False))
    read.receive((chunk({"content": "x"}) + end).encode())
    assert (read.partial().error is None) is bool(end)
    assert read.finish().stop_reason == "stop"


def test_a_server_known_to_say_no_word_still_has_to_say_something() -> None:
    read = decoder(ChatCompat(finish_reason_required=False))
    read.receive(b": ping\n\n")
    with pytest.raises(RemoteProtocolError):
        read.finish()


def test_another_dialects_flags_are_not_ours() -> None:
    spec = ModelSpec("m", compat=AnthropicCompat())
    assert OpenAICompletions(compat=ChatCompat(mistral=True)).compat_of(spec) == ChatCompat(mistral=True)


def test_the_word_may_come_twice_and_never_gives_way_to_an_empty_one() -> None:
    _, response = stream(chunk({"content": "x"}, "length"), chunk({}, "length"), chunk({}, ""), DONE)
    assert (response.raw_stop_reason, response.stop_reason) == ("length", "length")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("end", "stop"),
        ("eos", "stop"),
        ("complete", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
        ("tool_calls", "stop"),
        ("error", "error"),
        ("network_error", "error"),
        ("never heard of", "error"),
    ],
)
def test_each_word_has_its_meaning(word: str, reason: str) -> None:
    assert said({"content": "x"}, finish=word).stop_reason == reason


def test_words_for_failures_have_a_kind() -> None:
    assert said(finish="model_context_window_exceeded").error.kind == "context_overflow"  # type: ignore[union-attr]
    assert said(finish="insufficient_system_resource").error.kind == "overloaded"  # type: ignore[union-attr]


def test_a_word_that_is_no_string_is_no_word() -> None:
    assert stream(chunk({"content": "x"}, 5), chunk({}, "stop"))[1].raw_stop_reason == "stop"


def test_the_codec_is_known_by_its_name() -> None:
    assert CODECS["openai-completions"] == CODEC


# --- names and choices -----------------------------------------------------------------------------------------------


def test_azures_nameless_first_chunk_leaves_the_name_to_a_later_one() -> None:
    events, response = stream(
        event({"id": "", "model": "", "choices": [], "prompt_filter_results": []}), chunk({"content": "x"}, "stop")
    )
    assert events[0] == ResponseStart(None, None)
    assert (response.id, response.model) == ("c-1", "m-1")


def test_only_choice_0_is_read_and_a_missing_index_is_0() -> None:
    texts = [
        {"index": 1, "delta": {"content": "no"}, "finish_reason": "length"},
        {"delta": {"content": "yes"}, "finish_reason": "stop"},
        "no choice",
    ]
    _, response = stream(event({"choices": texts}))
    assert (response.text, response.raw_stop_reason) == ("yes", "stop")


def test_choices_of_null_are_skipped() -> None:
    assert stream(event({"choices": None}), chunk({"content": "x"}, "stop"))[1].text == "x"


def test_a_choice_without_delta_is_skipped_and_one_with_a_whole_message_is_read() -> None:
    choice = {"index": 0, "finish_reason": None}
    message = {"role": "assistant", "content": "all of it"}
    texts = [
        event({"choices": [choice]}),
        event({"choices": [{**choice, "delta": None, "message": message}]}),
        event({"choices": [{**choice, "message": message, "finish_reason": "stop"}]}),
    ]
    assert stream(*texts)[1].text == "all of it"
    assert (
        stream(chunk({"content": "a"}), event({"choices": [{**choice, "message": message}]}), chunk({}, "stop"))[1].text
        == "a"
    )


def test_perplexitys_message_beside_the_delta_is_not_read() -> None:
    choice = {"index": 0, "delta": {"content": "b"}, "message": {"content": "ab"}, "finish_reason": "stop"}
    assert stream(chunk({"content": "a"}), event({"choices": [choice]}))[1].text == "ab"


def test_copilots_split_choices_are_joined() -> None:
    response = body(
        {
            "choices": [
                {"message": {"content": "Reading."}, "finish_reason": "tool_calls"},
                {"message": {"tool_calls": [call("a", None, "f", "{}")]}, "finish_reason": "tool_calls"},
                {"index": 1, "message": {"content": "another choice"}, "finish_reason": "stop"},
                "nothing",
            ]
        }
    )
    assert (response.text, len(response.tool_calls), response.raw_stop_reason) == ("Reading.", 1, "tool_calls")


def test_openrouters_completion_inside_provider_is_found() -> None:
    inner = {"id": "i", "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}
    assert body({"provider": inner}).text == "x"
    chunked = {"id": "i", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
    assert stream(event({"provider": chunked}))[1].text == "x"


@pytest.mark.parametrize("data", [{"choices": []}, {"choices": None}, {"hello": 1}, {"message": "hi"}, [], [1, 2], 5])
def test_a_body_that_is_no_completion_is_refused(data: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="which is not openai-completions"):
        body(data)


def test_a_completion_without_choices_is_no_answer_but_says_whose_it_was() -> None:
    told = {"id": "i", "model": "m", "choices": None, "usage": {"prompt_tokens": 5, "completion_tokens": 0}}
    decoder = CODECS["openai-completions"].decoder(status=200, headers=[])
    assert decoder.receive(json.dumps(told).encode()) + decoder.end() == []
    with pytest.raises(RemoteProtocolError, match="the body has no choices"):
        decoder.finish()
    response = decoder.partial()
    assert (response.id, response.model, response.content) == ("i", "m", ())
    assert response.usage is not None
    assert response.usage.total_input_tokens == 5


def test_what_is_no_object_in_a_stream_is_skipped() -> None:
    assert stream(event(None), event([1]), event(5), chunk({"content": "x"}, "stop"))[1].text == "x"


def test_azures_filtered_choice_without_a_message_is_an_answer() -> None:
    response = body({"id": "c", "choices": [{"index": 0, "finish_reason": "content_filter"}]})
    assert (response.content, response.stop_reason) == ((), "content_filter")


# --- content ---------------------------------------------------------------------------------------------------------


def test_text_after_a_call_is_a_new_block() -> None:
    response = said({"content": "a"}, {"tool_calls": [call("i", 0, "f", "{}")]}, {"content": "b"})
    assert [type(part) for part in response.content] == [TextPart, ToolCallPart, TextPart]
    assert response.text == "ab"


def test_content_as_a_list_of_parts() -> None:
    response = said({"content": [{"type": "text", "text": "a"}, "b", {"text": "c"}, {"type": "text"}, 5, None]})
    assert response.text == "abc"


def test_an_object_where_the_text_should_be_is_kept_and_is_no_text() -> None:
    response = whole({"role": "assistant", "content": {"answer": 42}})
    assert response.text == ""
    assert response.content == (OpaquePart("json", {"answer": 42}, response.content[0].origin),)


def test_content_of_another_type_is_nothing() -> None:
    assert whole({"role": "assistant", "content": 42}).content == ()


def test_unknown_parts_are_kept_in_their_place() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    response = whole({"content": [{"type": "text", "text": "a"}, reference, {"type": "text", "text": "b"}]})
    assert [type(part) for part in response.content] == [TextPart, OpaquePart, TextPart]
    assert response.content[1].data == reference  # type: ignore[union-attr]


def test_parts_of_a_whole_message_stay_apart_and_pieces_of_a_stream_are_joined() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert [part.text for part in whole({"content": content}).content] == ["a", "b"]  # type: ignore[union-attr]
    assert len(said({"content": content[:1]}, {"content": content[1:]}).content) == 1


def test_a_refusal_comes_whole_and_is_no_text() -> None:
    events, response = stream(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), chunk({}, "stop"), DONE)
    part = RefusalPart("I cannot.", response.content[0].origin)
    assert events[-1] == PartAdded(0, part)
    assert (response.text, response.refusal, response.stop_reason) == ("", "I cannot.", "refusal")


def test_a_refusal_is_there_before_the_body_is_over() -> None:
    read = decoder()
    read.receive(chunk({"refusal": "No"}).encode())
    assert (read.partial().refusal, read.partial().stop_reason) == ("No", "error")
    read.receive(chunk({}, "stop").encode())
    assert read.partial().stop_reason == "refusal"


def test_a_refusal_may_be_a_content_part() -> None:
    assert whole({"content": [{"type": "refusal", "refusal": "No."}]}).refusal == "No."


def test_annotations_are_citations_of_the_text_even_when_they_come_late() -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://a.b", "title": "t"}}
    response = said(
        {"content": "a"},
        {"tool_calls": [call("i", 0, "f", "{}")]},
        {"annotations": [citation, "no"]},
        {"annotations": 5},
    )
    assert response.content[0].citations == (citation,)  # type: ignore[union-attr]
    early = said({"annotations": [citation]}, {"content": "a"})
    assert [part.citations for part in early.content] == [(citation,)]  # type: ignore[union-attr]


def test_openrouters_parsed_document_is_kept_for_the_next_request() -> None:
    annotation = {"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": []}}
    response = whole({"content": "a", "annotations": [annotation]})
    assert response.content[1] == OpaquePart("file", annotation, response.content[0].origin)


PNG = base64.b64encode(b"png").decode()


@pytest.mark.parametrize(
    ("image", "part"),
    [
        ({"type": "image_url", "image_url": {"url": f"data:image/PNG;base64,{PNG}"}}, ImagePart(b"png", "image/png")),
        (f"data:;base64,{PNG}", ImagePart(b"png", "image/png")),
        ({"image_url": "https://a.b/c.png"}, ImagePart(url="https://a.b/c.png")),
        ({"image_url": {"url": "data:image/png;base64,#"}}, ImagePart(url="data:image/png;base64,#")),
    ],
)
def test_pictures_of_an_answer(image: Any, part: ImagePart) -> None:
    for response in (whole({"content": "", "images": [image]}), said({"images": [image]})):
        (found,) = response.images
        assert (found.data, found.media_type, found.url) == (part.data, part.media_type, part.url)


def test_a_picture_may_be_a_content_part_and_what_is_none_is_skipped() -> None:
    content = [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]
    assert len(whole({"content": content, "images": [{}, 5]}).images) == 1
    assert whole({"content": "x", "images": {"a": 1}}).images == ()


def test_sound_comes_in_pieces_and_is_one_part() -> None:
    pieces = [base64.b64encode(b"ab").decode(), base64.b64encode(b"c").decode()]
    response = said(
        {"audio": {"id": "audio_1", "transcript": "Hel"}},
        {"audio": {"data": pieces[0]}},
        {"audio": {"data": pieces[1], "transcript": "lo"}},
        {"audio": {"expires_at": 1767225600}},
    )
    (part,) = response.content
    assert isinstance(part, AudioPart)
    assert (part.id, part.data, part.transcript) == ("audio_1", b"abc", "Hello")
    assert part.provider_data == {"expires_at": 1767225600}


def test_sound_whose_base64_is_cut_anywhere_or_broken() -> None:
    text = base64.b64encode(b"abc").decode()
    (part,) = said({"audio": {"data": text[:3]}}, {"audio": {"data": text[3:]}}).content
    assert isinstance(part, AudioPart)
    assert (part.data, part.id) == (b"abc", None)
    (broken,) = said({"audio": {"data": "#", "transcript": "x"}}).content
    assert isinstance(broken, AudioPart)
    assert (broken.data, broken.transcript) == (None, "x")


def test_snowflakes_objects_of_empty_strings_are_nothing() -> None:
    message = {
        "content": "x",
        "refusal": "",
        "audio": {"id": "", "data": "", "transcript": "", "expires_at": 0},
        "function_call": {"name": "", "arguments": ""},
    }
    assert [type(part) for part in whole(message, "").content] == [TextPart]


# --- reasoning -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_text"])
def test_reasoning_under_each_of_its_names(field: str) -> None:
    response = said({field: "Hm"}, {field: "."}, {"content": "4"})
    reasoning, text = response.content
    assert isinstance(reasoning, ReasoningPart)
    assert (reasoning.text, reasoning.provider_data, text.text) == ("Hm.", {"field": field}, "4")  # type: ignore[union-attr]


def test_the_same_reasoning_under_two_names_is_told_once() -> None:
    response = said({"reasoning": "Hm", "reasoning_content": "Hm"}, {"reasoning": "!", "reasoning_content": ""})
    assert response.reasoning == "Hm!"


def test_reasoning_and_text_take_turns_and_reasoning_goes_first() -> None:
    response = said({"content": "b", "reasoning_content": "a"}, {"reasoning_content": "c"}, {"content": "d"})
    kinds = [(type(part), part.text) for part in response.content]  # type: ignore[union-attr]
    assert kinds == [(ReasoningPart, "a"), (TextPart, "b"), (ReasoningPart, "c"), (TextPart, "d")]


def detail(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "index": 0, **more}


def test_fragments_of_details_are_put_together_and_told_once() -> None:
    response = said(
        {"reasoning": "Let ", "reasoning_details": [detail("Let ", format=None)]},
        {"reasoning": "me", "reasoning_details": [detail("me", format="f")]},
        {"reasoning_details": [{"type": "reasoning.text", "signature": "sig", "index": 0, "format": None}]},
        {"content": "x"},
    )
    part = response.content[0]
    assert isinstance(part, ReasoningPart)
    assert part.text == "Let me"
    details = [{"type": "reasoning.text", "text": "Let me", "index": 0, "format": "f", "signature": "sig"}]
    assert part.provider_data == {"field": "reasoning", "details": details}


def test_details_of_different_blocks_and_encrypted_ones_stay_apart() -> None:
    entries = [
        detail("a", index=0),
        detail("b", index=1),
        {"type": "reasoning.summary", "summary": "s"},
        {"type": "reasoning.summary", "summary": "t"},
        {"type": "reasoning.encrypted", "data": "e1"},
        {"type": "reasoning.encrypted", "data": "e2"},
        detail("c", signature="sig"),
        detail("d"),
        {"type": "reasoning.text", "text": 5},
        "not an entry",
    ]
    response = said(*[{"reasoning_details": [entry]} for entry in entries])
    part = response.content[0]
    assert isinstance(part, ReasoningPart)
    assert part.provider_data is not None
    assert part.provider_data["details"] == [
        *entries[:2],
        {"type": "reasoning.summary", "summary": "st"},
        *entries[4:7],
        detail("d"),
    ]
    assert part.text == "abstcd"


def test_details_of_a_whole_message_are_kept_exactly() -> None:
    details = [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}]
    response = whole({"content": "x", "reasoning": "ab", "reasoning_details": details})
    assert response.reasoning == "ab"
    assert response.content[0].provider_data["details"] == details  # type: ignore[union-attr, index]


def test_details_alone_are_read_until_a_field_has_spoken() -> None:
    assert said({"reasoning_details": [detail("a")]}).reasoning == "a"
    assert said({"reasoning": "a"}, {"reasoning_details": [detail("a")]}).reasoning == "a"


def test_a_signature_after_the_text_joins_the_part_it_belongs_to() -> None:
    response = said(
        {"reasoning": "a", "reasoning_details": [detail("a")]},
        {"content": "x"},
        {"reasoning_details": [{"type": "reasoning.text", "signature": "sig", "index": 0}]},
    )
    assert response.content[0].provider_data["details"] == [detail("a", signature="sig")]  # type: ignore[union-attr, index]


def test_another_blocks_entry_after_the_text_stands_behind() -> None:
    entry = {"type": "reasoning.text", "signature": "sig", "index": 1}
    response = said({"reasoning_details": [detail("a")]}, {"content": "x"}, {"reasoning_details": [entry]})
    assert response.content[0].provider_data["details"] == [detail("a"), entry]  # type: ignore[union-attr, index]
    encrypted = {"type": "reasoning.encrypted", "data": "e"}
    response = said({"reasoning": "a"}, {"content": "x"}, {"reasoning_details": [encrypted]})
    assert response.content[0].provider_data == {"field": "reasoning", "details": [encrypted]}  # type: ignore[union-attr]


def test_encrypted_reasoning_alone_is_a_part_without_text() -> None:
    encrypted = {"type": "reasoning.encrypted", "data": "e"}
    first = said({"reasoning_details": [encrypted]}, {"content": "x"})
    assert [type(part) for part in first.content] == [ReasoningPart, TextPart]
    events, late = stream(chunk({"content": "x"}), chunk({"reasoning_details": [encrypted]}), chunk({}, "stop"))
    assert late.content[1] == ReasoningPart("", late.content[0].origin, {"details": [encrypted]})
    assert events[-1] == PartAdded(1, late.content[1])


def test_copilots_encrypted_reasoning_is_kept_beside_the_readable() -> None:
    response = said({"reasoning_text": "a"}, {"content": "x", "reasoning_opaque": "o"})
    assert response.content[0].provider_data == {"field": "reasoning_text", "opaque": "o"}  # type: ignore[union-attr]
    late = said({"reasoning_text": "a"}, {"content": "x"}, {"reasoning_opaque": "o"})
    assert late.content[0].provider_data == {"field": "reasoning_text", "opaque": "o"}  # type: ignore[union-attr]


def test_mistrals_thinking_is_reasoning_with_what_else_stood_on_the_part() -> None:
    response = said(
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
        {"content": [{"type": "thinking", "thinking": "b", "signature": "s"}]},
        {"content": [{"type": "thinking", "thinking": [], "closed": True}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "c"}, 5]}]},
        {"content": [{"type": "text", "text": "x"}]},
    )
    first, second, _ = response.content
    assert isinstance(first, ReasoningPart)
    assert isinstance(second, ReasoningPart)
    assert (first.text, first.provider_data) == ("ab", {"field": "content", "with": {"signature": "s", "closed": True}})
    assert (second.text, second.provider_data) == ("c", {"field": "content"})


# --- tool calls ------------------------------------------------------------------------------------------------------


def test_fragments_belong_to_their_index() -> None:
    found = calls(
        call("a", 0, "f"),
        call(None, 0, None, '{"x"'),
        call("b", 1, "g"),
        call(None, 1, None, "{}"),
        call(None, 0, None, ":1}"),
    )
    assert brief(found) == [("a", "f", {"x": 1}), ("b", "g", {})]


def test_the_first_index_may_be_1() -> None:
    assert brief(calls(call("a", 1, "f"), call(None, 1, None, '{"x":1}'))) == [("a", "f", {"x": 1})]


def test_a_new_id_on_a_used_index_is_a_new_call() -> None:
    assert brief(calls(call("a", 0, "f", '{"x":1}'), call("b", 0, "f", '{"x":2}'))) == [
        ("a", "f", {"x": 1}),
        ("b", "f", {"x": 2}),
    ]


def test_a_known_id_goes_on_with_its_call_whatever_the_index() -> None:
    found = calls(call("a", 0, "f", '{"x"'), call("b", 0, "g", "{}"), call("a", 0, None, ":1}"))
    assert brief(found) == [("a", "f", {"x": 1}), ("b", "g", {})]
    assert brief(calls(call("a", None, "f", '{"x"'), call("a", None, None, ":1}"))) == [("a", "f", {"x": 1})]


def test_repeated_ids_and_names_are_not_joined() -> None:
    found = calls(call("0", 0, "llm_version"), call("0", 0, "llm_version", "{}"))
    assert brief(found) == [("0", "llm_version", {})]


def test_one_id_for_two_calls_with_their_own_index() -> None:
    found = calls([call("f", 0, "f", '{"x":1}'), call("f", 1, "f", '{"x":2}')])
    assert brief(found) == [("f", "f", {"x": 1}), ("f", "f", {"x": 2})]


def test_without_id_and_index_a_fragment_belongs_to_the_call_at_hand() -> None:
    assert brief(calls(call("a", None, "f", '{"x"'), call(None, None, None, ":1}"))) == [("a", "f", {"x": 1})]
    assert brief(calls(call(None, None, "f", '{"x"'), call(None, None, "f", ":1}"))) == [("", "f", {"x": 1})]


def test_without_any_key_a_chunks_entries_are_calls_of_their_own() -> None:
    found = calls([call(None, None, "f", '{"x":1}'), call(None, None, "f", '{"x":2}')])
    assert brief(found) == [("", "f", {"x": 1}), ("", "f", {"x": 2})]
    assert len({part.id for part in found}) == 2


def test_without_an_id_another_name_or_whole_arguments_begin_another_call() -> None:
    found = calls(call(None, 0, "f", '{"x":1}'), call(None, 0, "f", '{"x":2}'), call(None, 0, "g", "{}"))
    assert brief(found) == [("", "f", {"x": 1}), ("", "f", {"x": 2}), ("", "g", {})]
    nested = calls(call(None, 0, "f", '{"x":{}'), call(None, 0, "f", "{}"))
    assert [part.raw_arguments for part in nested] == ['{"x":{}{}']


def test_a_name_that_comes_late_starts_the_call_then() -> None:
    events, response = stream(
        chunk({"tool_calls": [call("a", 0, None, '{"x"')]}),
        chunk({"tool_calls": [call(None, 0, "f", ":1}")]}),
        chunk({}, "tool_calls"),
    )
    assert events[1] == ToolCallStart(0, "a", "f")
    assert [each.fragment for each in events if isinstance(each, ToolCallDelta)] == ['{"x"', ":1}"]
    assert brief(response.tool_calls) == [("a", "f", {"x": 1})]


def test_an_id_that_comes_late_belongs_to_the_call() -> None:
    assert brief(calls(call(None, 0, "f"), call("a", 0, None, '{"x":1}'))) == [("a", "f", {"x": 1})]
    assert brief(calls(call(None, None, None, ""), call("a", None, "f", "{}"))) == [("a", "f", {})]


def test_calls_without_a_name_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lash_proto.codecs.openai_completions.calls.MAX_BLOCKS", 2)
    deltas = [{"tool_calls": [{"index": index, "function": {"arguments": "{}"}}]} for index in range(3)]
    assert said(*deltas[:2]).error is None
    with pytest.raises(RemoteProtocolError, match="more than 2 calls without a name"):
        said(*deltas)


def test_a_nameless_call_counts_only_if_it_has_an_id() -> None:
    assert brief(calls(call("a", 0, None, "{}"), call(None, 1, None, "{}"))) == [("a", "", {})]
    assert brief(whole({"tool_calls": [call("a", 0, None, "{}"), call(None, 1, None, "{}")]}).tool_calls) == [
        ("a", "", {})
    ]


def test_entries_of_a_whole_message_are_calls_of_their_own_whatever_their_keys() -> None:
    found = whole({"tool_calls": [call("a", 0, "f", "{}"), call("a", 0, "g", "{}"), "none"]}).tool_calls
    assert brief(found) == [("a", "f", {}), ("a", "g", {})]


@pytest.mark.parametrize(("sent", "raw"), [(None, ""), ("", ""), ({"x": 1}, '{"x":1}'), (5, ""), ("{}", "{}")])
def test_arguments_of_every_type(sent: Any, raw: str) -> None:
    for part in (*calls(call("a", 0, "f", sent)), *whole({"tool_calls": [call("a", 0, "f", sent)]}).tool_calls):
        assert (part.raw_arguments, part.arguments_error) == (raw, None)


def test_arguments_that_are_no_json_are_kept_and_said_to_be_none() -> None:
    (part,) = calls(call("a", 0, "f", '{"x": '))
    assert (dict(part.arguments), part.raw_arguments) == ({}, '{"x": ')
    assert part.arguments_error


def test_tool_calls_of_null_and_of_other_types_are_none() -> None:
    assert said({"content": "x", "tool_calls": None}, {"tool_calls": {}}, {"tool_calls": [None, 5]}).tool_calls == ()


def test_the_old_function_call_is_a_call_without_an_id() -> None:
    response = said({"function_call": {"name": "f", "arguments": '{"x"'}}, {"function_call": {"arguments": ":1}"}})
    assert brief(response.tool_calls) == [("", "f", {"x": 1})]
    assert whole({"function_call": {"name": "f", "arguments": "{}"}}, "function_call").stop_reason == "tool_use"


def test_a_call_told_in_the_new_form_and_the_old_is_one_call() -> None:
    both = {"tool_calls": [call("i", 0, "f", "{}")], "function_call": {"name": "f", "arguments": "{}"}}
    assert [part.id for part in whole(both, "tool_calls").tool_calls] == ["i"]
    assert [part.id for part in said(both).tool_calls] == ["i"]


def test_custom_calls_have_text_for_arguments() -> None:
    entries = [
        {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "SEL"}},
        {"index": 0, "custom": {"input": "ECT"}},
    ]
    (part,) = calls(*entries)
    assert (part.kind, part.name, part.raw_arguments, part.arguments) == ("custom", "sql", "SELECT", {})


def test_a_custom_call_may_be_named_late_and_go_without_a_type() -> None:
    entries = [{"index": 0, "id": "a"}, {"index": 0, "custom": {"name": "sql", "input": "x"}, "function": {"name": ""}}]
    assert [(part.kind, part.raw_arguments) for part in calls(*entries)] == [("custom", "x")]


def test_snowflakes_empty_custom_beside_a_function_is_ignored() -> None:
    entry = {**call("a", None, "f", '{"x":1}'), "type": "function", "custom": {"name": "", "input": ""}}
    assert brief(whole({"tool_calls": [entry]}).tool_calls) == [("a", "f", {"x": 1})]


def test_googles_thought_signature_is_kept_with_its_call() -> None:
    extra = {"google": {"thought_signature": "s"}}
    (part,) = calls({**call("a", 0, "f", "{}"), "extra_content": extra})
    assert part.provider_data == {"extra_content": extra}


def test_120_000_fragments_cost_what_they_should() -> None:
    read = decoder()
    read.receive(chunk({"tool_calls": [call("a", 0, "f", '{"x":"')]}).encode())
    fragment = chunk({"tool_calls": [call(None, 0, None, "y")]}).encode()
    for _ in range(120):
        read.receive(fragment * 1000)
    read.receive(chunk({"tool_calls": [call(None, 0, None, '"}')]}, "tool_calls").encode())
    (part,) = read.finish().tool_calls
    assert part.arguments == {"x": "y" * 120_000}


# --- usage -----------------------------------------------------------------------------------------------------------


def counts(usage: Any, compat: ChatCompat | None = None) -> tuple[int, int, int, int, int | None] | None:
    _, response = stream(chunk({"content": "x"}, "stop", usage=usage), compat=compat)
    found = response.usage
    if found is None:
        return None
    cached, written = found.cached_input_tokens, found.cache_write_tokens
    return found.input_tokens, cached, written, found.output_tokens, found.reasoning_tokens


def test_the_input_buckets_are_disjoint() -> None:
    details = {"cached_tokens": 30, "cache_write_tokens": 20}
    reasoning = {"reasoning_tokens": 4}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "prompt_tokens_details": details,
        "completion_tokens_details": reasoning,
    }
    assert counts(usage) == (50, 30, 20, 9, 4)


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_tokens_details": {"cached_tokens": 0}, "cached_tokens": 7},
        {"prompt_tokens_details": None, "cached_tokens": 0},
        {"prompt_token_details": {"cached_tokens": 0}},
        {"prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": 5},
        {"num_cached_tokens": 0},
    ],
)
def test_zero_is_a_count(cached: Any) -> None:
    assert counts({"prompt_tokens": 5, "completion_tokens": 1, **cached}) == (5, 0, 0, 1, None)


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_tokens_details": {"cached_tokens": 3}},
        {"prompt_token_details": {"cached_tokens": 3}},
        {"prompt_cache_hit_tokens": 3},
        {"cached_tokens": 3},
        {"num_cached_tokens": "3"},
    ],
)
def test_cached_input_under_each_servers_name(cached: Any) -> None:
    assert counts({"prompt_tokens": 5.0, "completion_tokens": 1, **cached}) == (2, 3, 0, 1, None)


@pytest.mark.parametrize("name", ["cache_write_tokens", "cache_creation_input_tokens"])
def test_written_input_under_each_servers_name(name: str) -> None:
    details = {"cached_tokens": 0, name: 1204}
    usage = {"prompt_tokens": 1250, "completion_tokens": 1, "prompt_tokens_details": details}
    assert counts(usage) == (46, 0, 1204, 1, None)


def test_more_cached_than_prompt_means_that_the_prompt_is_told_without_it() -> None:
    assert counts({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 100}}) == (5, 100, 0, 0, None)


def test_what_is_read_and_written_may_not_push_the_rest_below_zero() -> None:
    details = {"cached_tokens": 4, "cache_write_tokens": 4}
    assert counts({"prompt_tokens": 5, "completion_tokens": -1, "prompt_tokens_details": details}) == (0, 4, 4, 0, None)


def test_reasoning_may_stand_outside_the_output_where_a_flag_says_so() -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 340}}
    assert counts(usage) == (12, 0, 0, 2, 340)
    assert counts(usage, ChatCompat(reasoning_in_output=False)) == (12, 0, 0, 342, 340)
    assert counts({"completion_tokens": 2}, ChatCompat(reasoning_in_output=False)) == (0, 0, 0, 2, None)


def test_reasoning_tokens_at_the_top_and_tokens_of_sound() -> None:
    assert counts({"prompt_tokens": 1, "completion_tokens": 3, "reasoning_tokens": 2}) == (1, 0, 0, 3, 2)
    usage = {"prompt_tokens_details": {"audio_tokens": 6}, "completion_tokens_details": {"audio_tokens": 7}}
    _, response = stream(chunk({}, "stop", usage=usage))
    assert response.usage is not None
    assert (response.usage.audio_input_tokens, response.usage.audio_output_tokens) == (6, 7)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, "many", [1]])
def test_no_count_is_no_usage(usage: Any) -> None:
    assert counts(usage) is None


def test_the_last_count_wins_by_field_and_is_never_added() -> None:
    _, response = stream(
        chunk({"content": "a"}, usage={"prompt_tokens": 5, "completion_tokens": 1, "num_cached_tokens": 2}),
        chunk({"content": "b"}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 2}),
        chunk({}, usage=None),
    )
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.cached_input_tokens, response.usage.output_tokens) == (3, 2, 2)


def test_usage_of_groq_and_of_a_choice() -> None:
    own = {"x_groq": {"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}}
    assert stream(chunk({}, "stop", **own))[1].usage.output_tokens == 1  # type: ignore[union-attr]
    both = {**own, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    assert stream(chunk({}, "stop", **both))[1].usage.output_tokens == 2  # type: ignore[union-attr]
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"completion_tokens": 4}}
    assert stream(event({"choices": [choice]}))[1].usage.output_tokens == 4  # type: ignore[union-attr]
    assert whole({"content": "x"}, **own).usage.output_tokens == 1  # type: ignore[union-attr]
    assert whole({"content": "x"}, x_groq={"id": "r"}).usage is None


def test_usage_after_done_still_counts() -> None:
    read = decoder()
    read.receive((chunk({"content": "x"}, "stop") + DONE).encode())
    read.receive(event({"choices": [], "usage": {"completion_tokens": 3}}).encode())
    assert read.finish().usage.output_tokens == 3  # type: ignore[union-attr]


# --- errors ----------------------------------------------------------------------------------------------------------

SERVER = {"message": "broken", "type": "server_error", "code": None}


@pytest.mark.parametrize(
    ("text", "raw", "kind"),
    [
        (event({"error": SERVER}), SERVER, "server"),
        (event({"error": SERVER}, "error"), SERVER, "server"),
        (
            'error: {"detail":"x","error":{"message":"broken","code":503}}\n\n',
            {"message": "broken", "code": 503},
            "overloaded",
        ),
        (
            event({"error": "overloaded", "code": "slow_down"}),
            {"error": "overloaded", "code": "slow_down"},
            "overloaded",
        ),
        (event({"choices": [], "error": "bad"}), "bad", "other"),
        (
            event({"object": "error", "message": "m", "code": 400}),
            {"object": "error", "message": "m", "code": 400},
            "invalid_request",
        ),
        (event({"message": "m"}, "error"), {"message": "m"}, "other"),
        (event("text", "error"), "text", "other"),
        (event({"choices": [{"index": 0, "delta": {}, "error": SERVER, "finish_reason": "error"}]}), SERVER, "server"),
        (event({"choices": [], "x_groq": {"error": "over_capacity"}}), "over_capacity", "other"),
    ],
)
def test_errors_in_a_stream_of_every_shape(text: str, raw: Any, kind: str) -> None:
    _, response = stream(chunk({"content": "so far"}), text)
    assert response.error is not None
    assert (response.error.raw, response.error.kind) == (raw, kind)
    assert (response.stop_reason, response.text) == ("error", "so far")


def test_an_error_beside_choices_and_usage_loses_neither() -> None:
    usage = {"prompt_tokens": 43, "completion_tokens": 10}
    _, response = stream(
        chunk({"content": "x"}, "length"), chunk({}, error={"code": 400, "message": "Token limit"}, usage=usage), DONE
    )
    assert (response.raw_stop_reason, response.stop_reason) == ("length", "error")
    assert response.usage is not None
    assert response.usage.total_input_tokens == 43


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        ({"error": SERVER}, SERVER),
        ([{"error": SERVER}], SERVER),
        ({"error": "text"}, {"error": "text"}),
        ({"object": "error", "message": "m"}, {"object": "error", "message": "m"}),
        ({"detail": "Not allowed"}, {"detail": "Not allowed"}),
        ({"statusCode": 429, "message": "m"}, {"statusCode": 429, "message": "m"}),
    ],
)
def test_errors_in_a_body_of_status_200(data: Any, raw: Any) -> None:
    response = body(data)
    assert response.stop_reason == "error"
    assert response.error is not None
    assert response.error.raw == raw


def test_an_error_beside_a_completion() -> None:
    response = whole({"content": "half"}, "error", error=SERVER)
    assert (response.text, response.stop_reason, response.error.raw) == ("half", "error", SERVER)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "said", "compat", "kind"),
    [
        (400, b"\n", ChatCompat(), "invalid_request"),
        (400, b"\n", ChatCompat(bare_400_is_overflow=True), "context_overflow"),
        (400, b"no", ChatCompat(bare_400_is_overflow=True), "invalid_request"),
        (401, b"", ChatCompat(bare_400_is_overflow=True), "authentication"),
        (413, b"", ChatCompat(), "context_overflow"),
    ],
)
def test_what_a_refusal_without_a_body_means_is_for_the_server_to_say(
    status: int, said: bytes, compat: ChatCompat, kind: str
) -> None:
    read = decoder(compat, status=status, headers=JSON)
    read.receive(said)
    error = read.finish().error
    assert error is not None
    assert error.kind == kind


def test_an_error_response_tells_its_kind() -> None:
    error = {"message": "no such model", "type": "invalid_request_error", "param": None, "code": "model_not_found"}
    response = body({"error": error}, status=404)
    assert response.error is not None
    assert (response.error.kind, response.error.status, response.error.raw) == ("not_found", 404, error)


def test_what_comes_after_an_error_is_still_read_but_can_break_nothing() -> None:
    read = decoder()
    read.receive((event({"error": SERVER}) + "data: {oops\n\n").encode())
    assert read.finish().error.raw == SERVER  # type: ignore[union-attr]


def test_an_event_that_is_no_json_is_the_peers_mistake() -> None:
    read = decoder()
    assert read.receive((chunk({"content": "x"}) + "data: {oops\n\n").encode())[1:3] == [
        TextStart(0),
        TextDelta(0, "x"),
    ]
    with pytest.raises(RemoteProtocolError):
        read.receive(b"")
    assert read.partial().text == "x"


def test_an_error_that_is_null_is_none() -> None:
    response = stream(chunk({"content": "a"}, error=None), chunk({}, "stop"), DONE)[1]
    assert (response.text, response.error, response.stop_reason) == ("a", None, "stop")
