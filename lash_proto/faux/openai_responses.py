"""Responses from the provider's side: a scripted reply as the bytes that OpenAI's server sends (WIRE 1c, 1d, 1g).

What a request asks for counts as it does there: a stream or a whole body. Reasoning is encrypted without being asked
for, as it is there by now. A reply with an error and no status ends as real ones do: an `error` event, then
`response.failed`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, cast

from ..failures import FailureKind
from ..messages import ImagePart, OpaquePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from ..usage import StopReason
from ..values import Json, JsonDict, dump_json, get_str
from .script import Answer, FauxCall, FauxError, FauxReply, count_tokens

_CREATED_AT = 1_763_000_000

# Kind: type and code, as WIRE 1g has them. What is not here is an error of the server.
_ERRORS: dict[FailureKind, tuple[str, str]] = {
    "authentication": ("invalid_request_error", "invalid_api_key"),
    "permission": ("invalid_request_error", "unsupported_country_region_territory"),
    "not_found": ("invalid_request_error", "model_not_found"),
    "rate_limit": ("tokens", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "overloaded": ("service_unavailable_error", "server_is_overloaded"),
    "context_overflow": ("invalid_request_error", "context_length_exceeded"),
    "invalid_request": ("invalid_request_error", "invalid_prompt"),
}

# Stop reason: the terminal event's name, the status, the reason for an incomplete one.
_ENDS: dict[StopReason, tuple[str, str, str | None]] = {
    "length": ("incomplete", "incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "incomplete", "content_filter"),
    "pause": ("incomplete", "incomplete", "steered"),
    "aborted": ("incomplete", "cancelled", None),
    "error": ("failed", "failed", None),
}


def recognise(method: str, path: str, body: Json) -> FauxCall | None:
    """The call, where this is `POST …/responses`; OpenAI's and the Codex backend's paths both end so."""
    if method != "POST" or not path.partition("?")[0].rstrip("/").endswith("/responses"):
        return None
    stream = isinstance(body, dict) and cast("JsonDict", body).get("stream") is True
    return FauxCall("openai-responses", get_str(body, "model") or "", stream, body, path)


def render(reply: FauxReply, call: FauxCall) -> Answer:
    """The reply in this dialect's bytes."""
    if reply.error is not None and reply.error.status is not None:
        return _error_answer(reply.error, reply.error.status)
    items = [_item(part, f"{reply.id}_{number}") for number, part in enumerate(_content(reply))]
    if not call.stream:
        text = dump_json(_response(reply, call, items)).encode()
        return Answer(200, _headers("application/json"), (text if reply.cut_after is None else text[: len(text) // 2],))
    events = list(_events(reply, call, items))[: reply.cut_after]
    chunks = tuple(
        f"event: {event['type']}\ndata: {dump_json({**event, 'sequence_number': number})}\n\n".encode()
        for number, event in enumerate(events)
    )
    tokens = tuple(count_tokens(event, ("delta",)) for event in events)
    return Answer(200, _headers("text/event-stream; charset=utf-8"), chunks, tokens)


def _headers(content_type: str) -> tuple[tuple[str, str], ...]:
    return (("content-type", content_type), ("x-request-id", "req_faux"), ("openai-version", "2020-10-01"))


def _error_answer(error: FauxError, status: int) -> Answer:
    headers = _headers("application/json")
    if error.retry_after is not None:
        headers += (("retry-after", f"{error.retry_after:g}"),)
    return Answer(status, headers, (dump_json({"error": _error(error)}).encode(),))


def _error(error: FauxError) -> JsonDict:
    type, code = _ERRORS.get(error.kind, ("server_error", "server_error"))
    return {"message": error.message, "type": type, "param": None, "code": code}


# --- whole things ----------------------------------------------------------------------------------------------------


def _response(reply: FauxReply, call: FauxCall, items: list[JsonDict] | None) -> JsonDict:
    """The response object: as it is at the end, or, without items, as it is at the beginning."""
    _, status, reason = _end(reply) if items is not None else ("", "in_progress", None)
    error: JsonDict | None = None
    if items is not None and status == "failed":
        told = _error(reply.error or FauxError("server", "The server had an error processing your request."))
        error = {"code": told["code"], "message": told["message"]}
    return {
        "id": reply.id,
        "object": "response",
        "created_at": _CREATED_AT,
        "status": status,
        "background": False,
        "error": error,
        "incomplete_details": {"reason": reason} if reason is not None else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": reply.model or call.model,
        "output": items or [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": _usage(reply) if items is not None else None,
    }


def _content(reply: FauxReply) -> tuple[Part, ...]:
    """The parts; where the script says only that it is a refusal, its text is one."""
    if reply.stop != "refusal" or any(isinstance(part, RefusalPart) for part in reply.content):
        return reply.content
    return tuple(RefusalPart(part.text) if isinstance(part, TextPart) else part for part in reply.content)


def _end(reply: FauxReply) -> tuple[str, str, str | None]:
    return _ENDS["error"] if reply.error is not None else _ENDS.get(reply.stop, ("completed", "completed", None))


def _usage(reply: FauxReply) -> JsonDict | None:
    usage = reply.usage
    if usage is None:
        return None
    return {
        "input_tokens": usage.total_input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        # OpenAI always says it, and its SDK's types hold it to that.
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
    }


def _item(part: Part, id: str) -> JsonDict:
    """A part as the finished output item."""
    if isinstance(part, TextPart):
        text = {"type": "output_text", "annotations": list(part.citations), "logprobs": [], "text": part.text}
        return _message(id, text, part.phase)
    if isinstance(part, RefusalPart):
        return _message(id, {"type": "refusal", "refusal": part.text}, None)
    if isinstance(part, ReasoningPart):
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        said = get_str(dict(part.provider_data or {}), "encrypted_content")
        encrypted = said or base64.b64encode(f"encrypted {id}".encode()).decode()
        return {"id": f"rs_{id}", "type": "reasoning", "summary": summary, "encrypted_content": encrypted}
    if isinstance(part, ToolCallPart):
        if part.kind == "custom":
            call = {"id": f"ctc_{id}", "type": "custom_tool_call", "input": part.raw_arguments}
        else:
            arguments = part.raw_arguments or dump_json(dict(part.arguments))
            call = {"id": f"fc_{id}", "type": "function_call", "arguments": arguments}
        return {**call, "status": "completed", "call_id": part.id, "name": part.name}
    if isinstance(part, OpaquePart):
        return {"id": f"item_{id}", "type": part.type, **part.data}
    if isinstance(part, ImagePart) and part.data is not None:
        picture = base64.b64encode(part.data).decode()
        return {"id": f"ig_{id}", "type": "image_generation_call", "status": "completed", "result": picture}
    raise ValueError(f"a Responses server sends no {type(part).__name__}")


def _message(id: str, content: JsonDict, phase: str | None) -> JsonDict:
    item: JsonDict = {
        "id": f"msg_{id}",
        "type": "message",
        "status": "completed",
        "content": [content],
        "role": "assistant",
    }
    if phase is not None:
        item["phase"] = phase
    return item


# --- events ----------------------------------------------------------------------------------------------------------


def _events(reply: FauxReply, call: FauxCall, items: list[JsonDict]) -> Iterator[JsonDict]:
    begun = _response(reply, call, None)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(items):
        yield from _item_events(reply, item, index)
    if reply.error is not None:
        yield {"type": "error", **{key: _error(reply.error)[key] for key in ("code", "message", "param")}}
    yield {"type": f"response.{_end(reply)[0]}", "response": _response(reply, call, items)}


def _item_events(reply: FauxReply, item: JsonDict, index: int) -> Iterator[JsonDict]:
    # As the server has it at first: nothing said yet. A server tool's item comes whole.
    empty = {key: value for key, value in _EMPTY.items() if key in item}
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}
    inside = _INSIDE.get(item["type"])
    if inside is not None:
        at = {"item_id": item["id"], "output_index": index}
        yield from inside(reply, item, at)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


_EMPTY: JsonDict = {"status": "in_progress", "content": [], "summary": [], "arguments": "", "input": ""}


def _message_events(reply: FauxReply, item: JsonDict, at: JsonDict) -> Iterator[JsonDict]:
    at = {**at, "content_index": 0}
    part = item["content"][0]
    if part["type"] == "refusal":
        yield {"type": "response.content_part.added", **at, "part": {"type": "refusal", "refusal": ""}}
        for piece in reply.pieces(part["refusal"]):
            yield {"type": "response.refusal.delta", **at, "delta": piece}
        yield {"type": "response.refusal.done", **at, "refusal": part["refusal"]}
    else:
        empty: JsonDict = {**part, "text": "", "annotations": []}
        yield {"type": "response.content_part.added", **at, "part": empty}
        for piece in reply.pieces(part["text"]):
            yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}
        for number, annotation in enumerate(part["annotations"]):
            told = {**at, "annotation_index": number, "annotation": annotation}
            yield {"type": "response.output_text.annotation.added", **told}
        yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **at, "part": part}


def _reasoning_events(reply: FauxReply, item: JsonDict, at: JsonDict) -> Iterator[JsonDict]:
    for number, part in enumerate(item["summary"]):
        here = {**at, "summary_index": number}
        yield {"type": "response.reasoning_summary_part.added", **here, "part": {**part, "text": ""}}
        for piece in reply.pieces(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", **here, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **here, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **here, "part": part}


def _function_events(reply: FauxReply, item: JsonDict, at: JsonDict) -> Iterator[JsonDict]:
    for piece in reply.pieces(item["arguments"]):
        yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
    yield {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]}


def _custom_events(reply: FauxReply, item: JsonDict, at: JsonDict) -> Iterator[JsonDict]:
    for piece in reply.pieces(item["input"]):
        yield {"type": "response.custom_tool_call_input.delta", **at, "delta": piece}
    yield {"type": "response.custom_tool_call_input.done", **at, "input": item["input"]}


_INSIDE: dict[str, Callable[[FauxReply, JsonDict, JsonDict], Iterator[Any]]] = {
    "message": _message_events,
    "reasoning": _reasoning_events,
    "function_call": _function_events,
    "custom_tool_call": _custom_events,
}
