"""Tool calls whose ids, names and indexes come late, twice or never: by dialect, a name, what is sent, what is true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.faults.wire import respond

Call = tuple[str | None, str, Mapping[str, Any]]
"""Id (None: the server sent none), name, arguments."""


_OSLO, _ROME = {"city": "Oslo"}, {"city": "Rome"}
_WHOLE = json.dumps(_OSLO)


def _sse(data: Any, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def _chat(*deltas: list[dict[str, Any]], finish: str = "tool_calls") -> bytes:
    """A stream of deltas of `tool_calls`."""

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _sse({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})

    events = [event({"role": "assistant", "content": None}), *(event({"tool_calls": calls}) for calls in deltas)]
    return respond(*events, event({}, finish), b"data: [DONE]\n\n")


def _entry(arguments: str | None = None, name: str | None = None, **keys: Any) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {**keys, "function": function}


def chat_calls() -> Iterator[tuple[str, bytes, tuple[Call, ...]]]:
    one, two = ("call_1", "weather", _OSLO), ("call_2", "weather", _ROME)
    first, second = _entry(_WHOLE, "weather", id="call_1"), _entry(json.dumps(_ROME), "weather", id="call_2")
    yield (
        "late-id",
        _chat(
            [_entry("", "weather", index=0)],
            [_entry('{"city":', index=0)],
            [_entry('"Oslo"}', index=0, id="call_1")],
        ),
        (one,),
    )
    yield (
        "late-name",
        _chat(
            [_entry("", index=0, id="call_1")], [_entry('{"city":', index=0)], [_entry('"Oslo"}', "weather", index=0)]
        ),
        (one,),
    )
    yield "no-id", _chat([_entry(_WHOLE, "weather", index=0)]), ((None, "weather", _OSLO),)
    yield "no-index", _chat([first, second]), (one, two)
    yield (
        "no-index-in-pieces",
        _chat(
            [_entry('{"city":', "weather", id="call_1")],
            [_entry('"Oslo"}')],
            [_entry('{"city":', "weather", id="call_2")],
            [_entry('"Rome"}')],
        ),
        (one, two),
    )
    yield "all-at-index-0", _chat([{**first, "index": 0}], [{**second, "index": 0}]), (one, two)
    yield "from-index-1", _chat([{**first, "index": 1}], [{**second, "index": 2}]), (one, two)
    yield (
        "interleaved",
        _chat(
            [_entry("", "weather", index=0, id="call_1"), _entry("", "weather", index=1, id="call_2")],
            [_entry('{"city":', index=0), _entry('{"city":', index=1)],
            [_entry('"Rome"}', index=1), _entry('"Oslo"}', index=0)],
        ),
        (one, two),
    )
    yield (
        "id-repeated",
        _chat(*([_entry(piece, "weather", index=0, id="call_1")] for piece in ('{"ci', 'ty":"Os', 'lo"}'))),
        (one,),
    )
    yield "finished-with-stop", _chat([{**first, "index": 0}], finish="stop"), (one,)
    yield "no-arguments", _chat([_entry("", "weather", index=0, id="call_1")]), (("call_1", "weather", {}),)
    deep = '{"a":' + "[" * 10_000
    yield "deep-arguments", _chat([_entry(deep, "weather", index=0, id="call_1")]), (("call_1", "weather", {}),)


def _responses(*events: dict[str, Any]) -> bytes:
    done = [event for event in events if event["type"] == "response.output_item.done"]
    items = [event["item"] for event in sorted(done, key=lambda event: event.get("output_index", 0))]
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
    told = [
        {"type": "response.created", "response": {**response, "status": "in_progress"}},
        *events,
        {"type": "response.completed", "response": {**response, "status": "completed", "output": items}},
    ]
    return respond(*(_sse({**event, "sequence_number": number}, event["type"]) for number, event in enumerate(told)))


def _item(number: int, arguments: str = "", **more: Any) -> dict[str, Any]:
    return {"id": f"fc_{number}", "type": "function_call", "call_id": f"call_{number}", "name": "weather",
            "arguments": arguments, "status": "completed" if arguments else "in_progress", **more}  # fmt: skip


def responses_calls() -> Iterator[tuple[str, bytes, tuple[Call, ...]]]:
    one, two = ("call_1", "weather", _OSLO), ("call_2", "weather", _ROME)
    rome = json.dumps(_ROME)
    added, done = "response.output_item.added", "response.output_item.done"
    delta = "response.function_call_arguments.delta"

    def piece(text: str, **keys: Any) -> dict[str, Any]:
        return {"type": delta, "delta": text, **keys}

    yield (
        "late-id",
        _responses(
            {"type": added, "output_index": 0, "item": _item(1, call_id="")},
            piece(_WHOLE, output_index=0, item_id="fc_1"),
            {"type": done, "output_index": 0, "item": _item(1, _WHOLE)},
        ),
        (one,),
    )
    yield (
        "no-index",
        _responses(
            {"type": added, "item": _item(1)},
            piece(_WHOLE, item_id="fc_1"),
            {"type": done, "item": _item(1, _WHOLE)},
            {"type": added, "item": _item(2)},
            piece(rome, item_id="fc_2"),
            {"type": done, "item": _item(2, rome)},
        ),
        (one, two),
    )
    yield (
        "ids-change",
        _responses(
            {"type": added, "output_index": 0, "item": _item(1)},
            piece(_WHOLE, output_index=0, item_id="other"),
            {"type": done, "output_index": 0, "item": _item(1, _WHOLE, id="third")},
        ),
        (one,),
    )
    yield (
        "interleaved",
        _responses(
            {"type": added, "output_index": 0, "item": _item(1)},
            {"type": added, "output_index": 1, "item": _item(2)},
            piece('{"city":', output_index=1),
            piece('{"city":', output_index=0),
            piece('"Oslo"}', output_index=0),
            piece('"Rome"}', output_index=1),
            {"type": done, "output_index": 1, "item": _item(2, '{"city":"Rome"}')},
            {"type": done, "output_index": 0, "item": _item(1, '{"city":"Oslo"}')},
        ),
        (one, two),
    )
    yield "never-announced", _responses({"type": done, "output_index": 0, "item": _item(1, _WHOLE)}), (one,)
    deep = '{"a":' + "[" * 10_000
    yield "deep-arguments", _responses(
        {"type": added, "output_index": 0, "item": _item(1)}, piece(deep, output_index=0),
        {"type": done, "output_index": 0, "item": _item(1, deep)},
    ), (("call_1", "weather", {}),)  # fmt: skip


def _messages(*events: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
    }
    message["usage"] = {"input_tokens": 12, "output_tokens": 1}
    told = [
        {"type": "message_start", "message": message},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return respond(*(_sse(event, event["type"]) for event in told))


def messages_calls() -> Iterator[tuple[str, bytes, tuple[Call, ...]]]:
    one, two = ("call_1", "weather", _OSLO), ("call_2", "weather", _ROME)

    def begin(number: int, index: int | None, **more: Any) -> dict[str, Any]:
        block = {"type": "tool_use", "id": f"call_{number}", "name": "weather", "input": {}, **more}
        return {"type": "content_block_start", "content_block": block} | _at(index)

    def piece(text: str, index: int | None) -> dict[str, Any]:
        delta = {"type": "input_json_delta", "partial_json": text}
        return {"type": "content_block_delta", "delta": delta} | _at(index)

    def stop(index: int | None) -> dict[str, Any]:
        return {"type": "content_block_stop"} | _at(index)

    rome = json.dumps(_ROME)
    yield (
        "no-index",
        _messages(begin(1, None), piece(_WHOLE, None), stop(None), begin(2, None), piece(rome, None), stop(None)),
        (one, two),
    )
    yield (
        "all-at-index-0",
        _messages(begin(1, 0), piece(_WHOLE, 0), stop(0), begin(2, 0), piece(rome, 0), stop(0)),
        (one, two),
    )
    yield "never-stopped", _messages(begin(1, 0), piece(_WHOLE, 0), begin(2, 1), piece(rome, 1)), (one, two)
    yield (
        "interleaved",
        _messages(
            begin(1, 0),
            begin(2, 1),
            piece('{"city":', 1),
            piece('{"city":"Oslo"}', 0),
            piece('"Rome"}', 1),
            stop(1),
            stop(0),
        ),
        (one, two),
    )
    yield "whole-in-start", _messages(begin(1, 0, input=_OSLO), stop(0)), (one,)
    yield "no-id", _messages(begin(1, 0, id=""), piece(_WHOLE, 0), stop(0)), ((None, "weather", _OSLO),)
    deep = '{"a":' + "[" * 10_000
    yield "deep-arguments", _messages(begin(1, 0), piece(deep, 0), stop(0)), (("call_1", "weather", {}),)


def _at(index: int | None) -> dict[str, int]:
    return {} if index is None else {"index": index}


def gemini_calls(wrap: Callable[[Any], Any]) -> Iterator[tuple[str, bytes, tuple[Call, ...]]]:
    def answer(*events: list[dict[str, Any]]) -> bytes:
        told: list[Any] = [
            {"candidates": [{"content": {"role": "model", "parts": [{"functionCall": call} for call in calls]}}]}
            for calls in events
        ]
        told.append({"candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP"}]})
        return respond(*(_sse(wrap(event)) for event in told))

    oslo, rome = {"name": "weather", "args": _OSLO}, {"name": "weather", "args": _ROME}
    yield "no-id", answer([oslo, rome]), ((None, "weather", _OSLO), (None, "weather", _ROME))
    yield "no-id-apart", answer([oslo], [rome]), ((None, "weather", _OSLO), (None, "weather", _ROME))
    yield "same-call-twice", answer([oslo], [oslo]), ((None, "weather", _OSLO), (None, "weather", _OSLO))
    yield "no-arguments", answer([{"name": "weather"}]), ((None, "weather", {}),)
