"""The Responses decoder, an event at a time: what the fixtures do not say."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.openai_responses import ResponsesDecoder
from lash_proto.failures import RemoteProtocolError
from lash_proto.messages import OpaquePart, Origin, ReasoningPart, RefusalPart, TextPart, ToolCallPart
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
from lash_proto.usage import LlmUsage
from tests.recordings import FIXTURES, read_items

API = "openai-responses"
ORIGIN = Origin(None, API, None)


def sse(*events: dict[str, Any] | str) -> bytes:
    texts = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def begin(content_type: str = "text/event-stream") -> ResponsesDecoder:
    decoder = CODECS[API].decoder(status=200, headers=[("content-type", content_type)])
    assert isinstance(decoder, ResponsesDecoder)
    return decoder


def events_of(*events: dict[str, Any] | str) -> list[StreamEvent]:
    decoder = begin()
    return decoder.receive(sse(*events)) + decoder.end()


def answer(*events: dict[str, Any] | str) -> LlmResponse:
    decoder = begin()
    decoder.receive(sse(*events))
    return decoder.finish()


def whole(body: Any) -> LlmResponse:
    decoder = begin("application/json")
    decoder.receive(json.dumps(body).encode())
    return decoder.finish()


def created(**response: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": "r1", "model": "m1", **response}}


def completed(*output: dict[str, Any], **response: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"status": "completed", "output": list(output), **response}}


def added(index: int | None, item: dict[str, Any]) -> dict[str, Any]:
    event = {"type": "response.output_item.added", "item": item}
    return event if index is None else {**event, "output_index": index}


def done(index: int | None, item: dict[str, Any]) -> dict[str, Any]:
    return {**added(index, item), "type": "response.output_item.done"}


def message(*texts: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"type": "message", "role": "assistant", "id": "msg_1", "content": content, **more}


def call(arguments: Any = "", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": arguments, **more}


def delta(text: Any, kind: str = "output_text", **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": 0, "content_index": 0, "delta": text, **more}


# --- events ----------------------------------------------------------------------------------------------------------


def test_a_stream_of_text_is_a_block_with_its_start_and_end() -> None:
    part = TextPart("Hello", phase="final_answer", origin=ORIGIN, provider_data={"id": "msg_1", "status": "completed"})
    told = message("Hello", phase="final_answer", status="completed")
    assert events_of(
        created(),
        added(0, message(phase="final_answer", status="in_progress")),
        {"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {"type": "output_text"}},
        delta("Hel"),
        delta("lo"),
        done(0, told),
        completed(told, usage={"input_tokens": 3, "output_tokens": 1}),
    ) == [
        ResponseStart("r1", "m1"),
        TextStart(0),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        TextEnd(0, part),
        UsageUpdate(LlmUsage(3, output_tokens=1, raw={"input_tokens": 3, "output_tokens": 1})),
    ]


def test_a_whole_body_gives_the_same_kind_of_events() -> None:
    decoder = begin("application/json")
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    body = {"id": "r1", "object": "response", "model": "m1", "status": "completed", "output": [reasoning, call("{}")]}
    assert decoder.receive(json.dumps(body).encode()) == []
    part = ToolCallPart("c1", "f", {}, "{}", origin=ORIGIN, provider_data={"id": "fc_1"})
    assert decoder.end() == [
        ResponseStart("r1", "m1"),
        ReasoningStart(0),
        ReasoningDelta(0, "Hm."),
        ReasoningEnd(0, ReasoningPart("Hm.", ORIGIN, reasoning)),
        ToolCallStart(1, "c1", "f"),
        ToolCallDelta(1, "{}"),
        ToolCallEnd(1, part),
    ]
    assert decoder.finish().stop_reason == "tool_use"


def test_items_may_interleave_and_each_delta_goes_to_its_own() -> None:
    response = answer(
        added(0, message()),
        added(1, {**message(), "id": "msg_2"}),
        delta("b", output_index=1),
        delta("a"),
        completed(),
    )
    assert [part.text for part in response.content if isinstance(part, TextPart)] == ["b", "a"]


def test_without_an_index_the_items_id_tells_and_else_the_item_at_hand() -> None:
    text = {"type": "response.output_text.delta"}
    response = answer(
        added(None, message()),
        added(None, {**message(), "id": "msg_2"}),
        {**text, "item_id": "msg_1", "delta": "one"},
        {**text, "item_id": "unheard", "delta": "two"},
        {**text, "delta": "!"},
        done(None, message("one")),
        done(None, {**message("two!"), "id": "unheard"}),
        completed(),
    )
    assert [part.text for part in response.content if isinstance(part, TextPart)] == ["one", "two!"]


def test_pieces_of_an_item_that_nobody_announced_begin_it() -> None:
    response = answer(
        delta("Hi"),
        delta("Hm", "reasoning_summary_text", output_index=1),
        delta('{"a":', "function_call_arguments", output_index=2),
        added(2, call()),
        delta("1}", "function_call_arguments", output_index=2),
        added(0, message(phase="commentary")),
        done(0, message("Hi", phase="commentary")),
        completed(),
    )
    assert (response.text, response.reasoning) == ("Hi", "Hm")
    assert [(each.id, each.name, each.arguments) for each in response.tool_calls] == [("c1", "f", {"a": 1})]
    assert [part.phase for part in response.content if isinstance(part, TextPart)] == ["commentary"]


def test_pieces_for_an_item_of_another_kind_are_not_for_us() -> None:
    search = {"type": "x_search_call", "id": "x1"}
    events = [
        added(0, search),
        delta("q", "custom_tool_call_input"),
        delta("q", "function_call_arguments"),
        delta("q"),
        delta("q", "reasoning_text"),
        delta("q", "refusal"),
        {"type": "response.output_text.done", "output_index": 0, "text": "q"},
        {"type": "response.refusal.done", "output_index": 0, "refusal": "q"},
        {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "q"},
        {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": {"a": 1}},
        {"type": "response.content_part.added", "output_index": 0, "part": {"type": "output_text"}},
        {"type": "response.content_part.added", "output_index": 0, "part": {"type": "reasoning_text"}},
        done(0, search),
        delta("late"),
        completed(search),
    ]
    assert answer(*events).content == (OpaquePart("x_search_call", search, ORIGIN),)


def test_a_gateway_that_gives_every_item_the_same_index_loses_nothing() -> None:
    response = answer(
        done(0, message("one")),
        done(0, call('{"a":1}')),
        done(0, call('{"a":2}', call_id="c2")),
        done(0, {**message("two"), "id": "msg_2"}),
        done(0, {"type": "web_search_call", "id": "ws_1"}),
        done(0, {"type": "web_search_call", "id": "ws_2"}),
        completed(),
    )
    assert response.text == "onetwo"
    assert [(each.id, each.arguments) for each in response.tool_calls] == [("c1", {"a": 1}), ("c2", {"a": 2})]
    assert [part.data["id"] for part in response.content if isinstance(part, OpaquePart)] == ["ws_1", "ws_2"]


def test_an_item_that_comes_twice_counts_once() -> None:
    thought = {"type": "reasoning", "id": "a", "summary": [], "encrypted_content": "e"}
    response = answer(
        done(0, thought),
        done(0, {**thought, "id": "b"}),
        done(1, message("one")),
        done(1, {**message("one"), "id": "b"}),
        done(2, call("{}")),
        done(2, call("{}", id="b")),
        completed(),
    )
    assert [type(part).__name__ for part in response.content] == ["ReasoningPart", "TextPart", "ToolCallPart"]


def test_the_final_text_that_goes_on_is_one_more_delta() -> None:
    events = events_of(added(0, message()), delta("Hel"), done(0, message("Hello")), completed())
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo"]


def test_a_final_text_that_differs_is_kept_for_the_replay() -> None:
    response = answer(added(0, message()), delta("Hullo"), done(0, message("Hello")), completed())
    assert response.content == (TextPart("Hullo", origin=ORIGIN, provider_data={"id": "msg_1", "text": "Hello"}),)


def test_a_text_may_come_with_its_done_event_alone() -> None:
    text = {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "Hi"}
    assert answer(added(0, message()), text, completed()).text == "Hi"


def test_the_parts_of_one_message_are_blocks_that_remember_their_item() -> None:
    told = message("a", "b", status="completed")
    told["content"] += [{"type": "refusal", "refusal": "c"}, {"type": "output_audio", "id": "z"}, "odd"]
    response = answer(done(0, told), completed())
    assert response.content == (
        TextPart("a", origin=ORIGIN, provider_data={"id": "msg_1", "status": "completed"}),
        TextPart("b", origin=ORIGIN, provider_data={"id": "msg_1", "status": "completed", "part": 1}),
        RefusalPart("c", ORIGIN, {"id": "msg_1", "status": "completed", "part": 2}),
        OpaquePart("message", {**told, "content": [{"type": "output_audio", "id": "z"}]}, ORIGIN),
    )


def test_a_text_that_the_finished_message_no_longer_has_stays_as_said() -> None:
    response = answer(delta("a"), delta("b", content_index=1), done(0, message("a", status="incomplete")), completed())
    assert [part.provider_data for part in response.content if isinstance(part, TextPart)] == [
        {"id": "msg_1", "status": "incomplete"},
        {"id": "msg_1", "status": "incomplete", "part": 1},
    ]


def test_an_empty_message_is_kept_because_reasoning_may_need_it() -> None:
    told = message(status="completed")
    assert answer(done(0, told), completed()).content == (OpaquePart("message", told, ORIGIN),)


def test_a_message_in_the_short_form_is_read() -> None:
    body = {"object": "response", "output": [{"role": "assistant", "content": "Hi"}, {"role": "user"}, "odd", {}]}
    response = whole(body)
    assert (response.text, response.stop_reason, response.raw_stop_reason) == ("Hi", "stop", None)


def test_annotations_come_singly_and_are_replaced_by_those_of_the_finished_text() -> None:
    told = message("a")
    told["content"][0]["annotations"] = [{"type": "url_citation", "n": 2}, "odd"]
    one = {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": {"n": 1}}
    assert [part.citations for part in answer(delta("a"), one, completed()).content if isinstance(part, TextPart)] == [
        ({"n": 1},)
    ]
    response = answer(delta("a"), one, done(0, told), completed())
    assert [part.citations for part in response.content if isinstance(part, TextPart)] == [
        ({"type": "url_citation", "n": 2},)
    ]
    odd = {**one, "annotation": None}
    assert answer(delta("a"), odd, completed()).text == "a"


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_refusal_is_one_part_when_its_message_is_done() -> None:
    told = message(phase="final_answer")
    told["content"] = [{"type": "refusal", "refusal": ""}]
    events = events_of(delta("I ", "refusal"), delta("cannot.", "refusal"), done(0, told), completed())
    part = RefusalPart("I cannot.", ORIGIN, {"id": "msg_1", "phase": "final_answer"})
    assert events == [ResponseStart(), PartAdded(0, part)]


def test_a_refusal_without_its_messages_end_is_said_when_nothing_more_comes() -> None:
    response = answer(
        delta("I", "refusal"),
        {"type": "response.refusal.done", "output_index": 0, "refusal": "I cannot."},
        completed(),
    )
    assert (response.refusal, response.stop_reason) == ("I cannot.", "refusal")


def test_a_refusal_that_is_still_coming_is_in_the_partial_answer() -> None:
    decoder = begin()
    decoder.receive(sse(created(), added(0, message()), delta("I ", "refusal"), delta("can", "refusal")))
    assert decoder.partial().content == (RefusalPart("I can", ORIGIN, {"id": "msg_1"}),)
    decoder.end()
    assert decoder.partial().content == (RefusalPart("I can", ORIGIN, {"id": "msg_1"}),)


def test_a_refusal_that_the_finished_message_lost_is_kept() -> None:
    assert answer(delta("No.", "refusal"), done(0, message("Hm.")), completed()).refusal == "No."


# --- calls -----------------------------------------------------------------------------------------------------------


def test_a_call_waits_for_its_name() -> None:
    arguments = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}
    events = events_of(
        created(),
        added(0, {"type": "function_call", "call_id": "c1"}),
        delta('{"a"', "function_call_arguments"),
        {**arguments, "name": "f"},
        completed(),
    )
    part = ToolCallPart("c1", "f", {"a": 1}, '{"a":1}', origin=ORIGIN, provider_data={})
    assert events == [
        ResponseStart("r1", "m1"),
        ToolCallStart(0, "c1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        ToolCallEnd(0, part),
    ]


def test_a_call_that_nobody_announced_has_the_id_that_its_done_tells() -> None:
    arguments = {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}", "name": "f"}
    pieces = (delta("{}", "function_call_arguments"), arguments)
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    (call,) = answer(*pieces, done(0, item), completed()).tool_calls
    assert (call.id, call.id_sent, call.name, call.raw_arguments) == ("c1", True, "f", "{}")
    (call,) = answer(*pieces, completed()).tool_calls
    assert (call.id_sent, call.name, call.raw_arguments) == (False, "f", "{}")


def test_an_id_that_its_own_announcement_lacked_is_taken_when_it_comes() -> None:
    item = {"type": "function_call", "name": "f", "arguments": "{}"}
    (call,) = answer(added(0, item), done(0, {**item, "call_id": "c1"}), completed()).tool_calls
    assert (call.id, call.id_sent) == ("c1", True)


def test_a_call_without_a_name_is_a_call_if_it_has_an_id_and_none_if_not() -> None:
    nameless = {"type": "function_call", "arguments": "{}"}
    response = answer(done(0, {**nameless, "call_id": "c1"}), done(1, nameless), completed())
    assert [(each.id, each.name) for each in response.tool_calls] == [("c1", "")]


def test_a_call_without_an_id_gets_one_made_of_response_place_and_name() -> None:
    made_up = "call_f2e6a2f15a56b310bf99c5f1"  # printf 'r1\n0\nf' | sha256sum
    part = answer(created(), done(0, {"type": "function_call", "name": "f"}), completed()).tool_calls[0]
    assert (part.id, part.id_sent) == (made_up, False)


def test_arguments_that_only_the_announcement_has_count_when_nothing_else_came() -> None:
    assert answer(added(0, call('{"a":1}')), completed()).tool_calls[0].arguments == {"a": 1}
    twice = answer(added(0, call('{"a":1}')), delta('{"a":1}', "function_call_arguments"), completed())
    assert twice.tool_calls[0].raw_arguments == '{"a":1}'


def test_arguments_that_a_gateway_parsed_are_text_again() -> None:
    part = answer(done(0, call({"a": [1]})), completed()).tool_calls[0]
    assert (part.arguments, part.raw_arguments) == ({"a": [1]}, '{"a":[1]}')


def test_an_empty_final_text_does_not_take_arguments_back() -> None:
    part = answer(added(0, call()), delta('{"a":1}', "function_call_arguments"), done(0, call("")), completed())
    assert part.tool_calls[0].arguments == {"a": 1}


def test_a_custom_call_has_its_text_and_what_its_item_said_beside_it() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1", "name": "sql", "status": "completed"}
    done_event = {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "SELECT 1"}
    response = answer(
        added(0, {**item, "input": ""}),
        delta("SEL", "custom_tool_call_input"),
        done_event,
        done(0, {**item, "input": "SELECT 1"}),
        completed(),
    )
    data = {"id": "ctc_1"}
    part = ToolCallPart("c1", "sql", {}, "SELECT 1", kind="custom", origin=ORIGIN, provider_data=data)
    assert response.content == (part,)


def test_a_call_keeps_what_its_provider_wants_back() -> None:
    caller = {"type": "program", "caller_id": "c0"}
    told = call("{}", status="in_progress", namespace="crm", caller=caller, parsed=None)
    data = answer(done(0, told), completed()).tool_calls[0].provider_data
    assert data == {"id": "fc_1", "status": "in_progress", "namespace": "crm", "caller": caller}


def test_the_status_of_a_call_that_nobody_finished_is_not_kept() -> None:
    assert answer(added(0, call("{}", status="in_progress")), completed()).tool_calls[0].provider_data == {"id": "fc_1"}


# --- the terminal event ----------------------------------------------------------------------------------------------


def test_what_only_the_terminal_event_has_is_added_at_the_end() -> None:
    search = {"type": "web_search_call", "id": "ws_1"}
    response = answer(added(0, message()), delta("Hi"), completed({"odd": 1}, search, message("Hi!"), call("{}")))
    assert [type(part).__name__ for part in response.content] == ["TextPart", "OpaquePart", "ToolCallPart"]
    assert response.text == "Hi!"


def test_the_terminal_events_items_are_found_by_id_place_or_kind() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    late = {"encrypted_content": "e"}
    for told in (
        [{**thought, **late}],
        [message("Hi"), {**thought, **late}],
        [{**thought, "id": "other", **late}, {**message("Hi"), "id": "another"}],
        [{**message("Hi"), "id": "another"}, {**thought, "id": "other", **late}],
    ):
        response = answer(done(0, thought), done(1, message("Hi")), completed(*told))
        data = [part.provider_data for part in response.content if isinstance(part, (ReasoningPart, TextPart))]
        assert data == [{**thought, **late}, {"id": "msg_1"}]


def test_a_call_is_only_the_one_with_its_call_id() -> None:
    two = (call("{}", id="x", call_id="c2"), call("{}", id="y"))
    response = answer(done(0, call("{}")), completed(*two))
    assert [each.id for each in response.tool_calls] == ["c1", "c2"]


def test_two_new_items_under_one_id_are_two() -> None:
    assert answer(completed(message("a"), message("b"))).text == "ab"


def test_lists_of_tools_that_came_empty_are_filled_from_the_terminal_event() -> None:
    empty = {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "docs", "tools": []}
    full = {**empty, "tools": [{"name": "ask"}]}
    assert answer(done(0, empty), completed(full)).content == (OpaquePart("mcp_list_tools", full, ORIGIN),)


def test_encrypted_reasoning_is_that_of_the_finished_item() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    response = answer(
        added(0, {**thought, "encrypted_content": "early"}),
        done(0, {**thought, "encrypted_content": "done"}),
        completed({**thought, "encrypted_content": "late"}),
    )
    assert response.content == (ReasoningPart("", ORIGIN, {**thought, "encrypted_content": "done"}),)


def test_reasoning_without_its_end_is_text_and_nothing_to_replay() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "early"}
    response = answer(
        added(0, thought), delta("Hm", "reasoning_summary_text"), delta(None, "reasoning_text"), completed()
    )
    assert response.content == (ReasoningPart("Hm", ORIGIN, None),)


@pytest.mark.parametrize(
    ("kind", "response", "raw", "stop"),
    [
        ("completed", {}, "completed", "stop"),
        ("done", {}, "completed", "stop"),
        ("incomplete", {}, "incomplete", "length"),
        ("cancelled", {}, "cancelled", "aborted"),
        ("failed", {}, "failed", "error"),
        ("completed", {"status": "cancelled"}, "cancelled", "aborted"),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens", "length"),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, "content_filter", "content_filter"),
        ("incomplete", {"incomplete_details": {"reason": "steered"}}, "steered", "pause"),
        ("incomplete", {"incomplete_details": {"reason": "max_messages"}}, "max_messages", "error"),
    ],
)
def test_every_way_to_end(kind: str, response: dict[str, Any], raw: str, stop: str) -> None:
    decoded = answer(created(), {"type": f"response.{kind}", "response": response})
    assert (decoded.raw_stop_reason, decoded.stop_reason) == (raw, stop)


def test_the_name_of_the_event_stands_in_for_a_missing_type() -> None:
    decoder = begin()
    decoder.receive(b'event: response.failed\ndata: {"response":{"error":{"code":"server_error","message":"Oh."}}}\n\n')
    response = decoder.finish()
    assert response.raw_stop_reason == "failed"
    assert response.error is not None
    assert (response.error.kind, response.error.raw) == ("server", {"code": "server_error", "message": "Oh."})


def test_nothing_after_the_end_changes_the_answer_but_its_usage() -> None:
    late = completed(message("late"), status="failed", usage={"input_tokens": 1, "output_tokens": 2})
    response = answer(created(), delta("Hi"), completed(), delta(" more"), added(3, call()), late, "[DONE]")
    assert (response.text, response.raw_stop_reason, response.usage is not None) == ("Hi", "completed", True)
    assert response.tool_calls == ()


def test_the_first_error_stands_and_the_failed_response_adds_status_and_usage() -> None:
    error = {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}
    usage = {"input_tokens": 4, "output_tokens": 0}
    failed = {"id": "r1", "usage": usage, "error": {"code": "server_error", "message": "?"}}
    response = answer(error, {"type": "response.failed", "response": failed})
    assert response.error is not None
    assert (response.error.kind, response.raw_stop_reason, response.id) == ("rate_limit", "failed", "r1")
    assert response.usage is not None
    assert response.usage.total_input_tokens == 4


def test_any_event_with_an_error_in_it_is_one() -> None:
    response = answer(created(), {"error": {"message": "Provider returned error", "code": 502}})
    assert response.error is not None
    assert (response.error.kind, response.error.status) == ("server", 502)


def test_unknown_events_are_ignored() -> None:
    known = (created(), delta("Hi"), completed())
    unknown = (
        {"type": "keepalive"},
        {"type": "response.new_thing", "delta": "?"},
        {"type": "codex.rate_limits"},
        {"type": ["?"]},
    )
    assert answer(*unknown, known[0], *unknown, known[1], *unknown, known[2]) == answer(*known)


def test_a_stream_that_stops_before_its_end_is_truncated() -> None:
    decoder = begin()
    decoder.receive(sse(created(), delta("Hi"), added(1, call('{"a":1}'))))
    with pytest.raises(RemoteProtocolError, match="ended before its end was said"):
        decoder.finish()
    response = decoder.partial()
    assert (response.text, response.tool_calls[0].arguments, response.stop_reason) == ("Hi", {"a": 1}, "error")
    assert response.error is not None
    assert response.error.kind == "truncated"


# --- whole bodies ----------------------------------------------------------------------------------------------------


def test_an_error_object_in_a_200_is_an_error() -> None:
    for body in ({"error": {"message": "No."}}, {"type": "error", "message": "No."}, {"code": "x", "error": "No."}):
        response = whole(body)
        assert response.error is not None
        assert (response.stop_reason, response.error.message) == ("error", "No.")


def test_a_failed_response_in_a_body_keeps_what_it_has() -> None:
    error = {"code": "server_error", "message": "No."}
    response = whole({"object": "response", "status": "failed", "error": error, "output": [message("Hi")]})
    assert response.error is not None
    assert (response.text, response.raw_stop_reason, response.error.raw) == ("Hi", "failed", error)


@pytest.mark.parametrize("body", [{"choices": []}, [], [1], {"object": "chat.completion"}])
def test_a_body_that_is_no_response_is_not_ours(body: Any) -> None:
    with pytest.raises(RemoteProtocolError):
        whole(body)


# --- odd values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        "3",
        "[]",
        delta(5),
        delta({}, "reasoning_text") | {"delta": {"a": 1}},
        delta(5, "function_call_arguments"),
        delta(5, "refusal"),
    ],
)
def test_an_event_that_is_not_the_dialects_is_a_fault(event: Any) -> None:
    decoder = begin()
    decoder.receive(sse(created(), event))
    with pytest.raises(RemoteProtocolError):
        decoder.receive(b"")
    assert decoder.partial().error is not None


def test_values_of_other_types_are_passed_over() -> None:
    response = answer(
        created(id=3, model=["m"]),
        added(0, {"type": 3}),
        {"type": "response.output_item.added", "item": None},
        {"type": "response.output_item.done", "item": 3},
        {**delta("Hi"), "content_index": "0"},
        delta(None),
        delta(None, "refusal"),
        done(0, message("Hi", status=3, phase=4)),
        completed(usage={"input_tokens": "5", "output_tokens": 2.0, "input_tokens_details": 3}),
    )
    assert (response.text, response.refusal, response.id, response.model) == ("Hi", "", None, None)
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 2)


def test_usage_splits_the_input_into_three_and_never_below_zero() -> None:
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 5}}
    response = answer(completed(usage={**usage, "output_tokens_details": {"reasoning_tokens": 0}}))
    assert response.usage is not None
    counts = response.usage
    assert (counts.input_tokens, counts.cached_input_tokens, counts.cache_write_tokens) == (0, 8, 5)
    assert (counts.output_tokens, counts.reasoning_tokens) == (0, 0)


def test_more_items_than_there_can_be_are_a_fault() -> None:
    decoder = begin()
    decoder.receive(sse(*[added(n, {"type": "web_search_call"}) for n in range(10_001)]))
    with pytest.raises(RemoteProtocolError, match="more than 10000 items"):
        decoder.receive(b"")


def test_a_decoder_copied_between_any_two_chunks_says_the_same() -> None:
    for item in read_items(FIXTURES / API):
        whole_way = CODECS[API].decoder(status=item.meta["status"], headers=item.headers)
        copied = CODECS[API].decoder(status=item.meta["status"], headers=item.headers)
        for number in range(0, len(item.body), 211):
            whole_way.receive(item.body[number : number + 211])
            copied = copy.deepcopy(copied) if number % 2 else pickle.loads(pickle.dumps(copied))
            copied.receive(item.body[number : number + 211])
        assert (copied.end(), copied.partial()) == (whole_way.end(), whole_way.partial())
