"""The provider's side of the Messages API: a scripted reply as the bytes that Anthropic's server sends (WIRE 4c to 4g).

Blocks come one after the other, as they do there: `message_start`, each block with its deltas and stop, a `ping` after
the first block has begun, `message_delta` with the reason and the final counts, `message_stop`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..failures import FailureKind, LocalProtocolError, is_context_overflow
from ..messages import OpaquePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from ..usage import LlmUsage, StopReason
from ..values import Json, JsonDict, clean, dump_json, get_str
from .script import Answer, FauxCall, FauxError, FauxReply, count_tokens

API = "anthropic-messages"

_STOPS: dict[StopReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "content_filter": "sensitive",  # GLM's word: Anthropic has none
    "pause": "pause_turn",
}

_ERRORS: dict[FailureKind, str] = {
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "rate_limit": "rate_limit_error",
    "quota": "billing_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "context_overflow": "invalid_request_error",
    "invalid_request": "invalid_request_error",
    "unsupported": "invalid_request_error",
}


# Where a delta has its piece of the reply.
_SAID = frozenset({"text", "thinking", "partial_json"})


def recognise(method: str, path: str, body: Json) -> FauxCall | None:
    """The call, where it is `POST .../v1/messages`."""
    if method != "POST" or not path.split("?")[0].endswith("/v1/messages") or not isinstance(body, dict):
        return None
    asked = cast("JsonDict", body)
    return FauxCall(API, get_str(asked, "model") or "", asked.get("stream") is True, asked, path)


def render(reply: FauxReply, call: FauxCall) -> Answer:
    """The reply as a stream, a whole message, or an error."""
    request_id = f"req_{reply.id}"
    error = reply.error
    if error is not None and (error.status is not None or not call.stream):
        headers = [("content-type", "application/json"), ("request-id", request_id)]
        if error.retry_after is not None:
            headers.append(("retry-after", f"{error.retry_after:g}"))
        body = dump_json(_error(error, request_id)).encode()
        return Answer(error.status if error.status is not None else 200, tuple(headers), (body,))
    if call.stream:
        events = list(_events(reply, call, request_id))[: reply.cut_after]
        tokens = tuple(count_tokens(event.get("delta"), _SAID) for event in events)
        head = (("content-type", "text/event-stream; charset=utf-8"), ("request-id", request_id))
        return Answer(200, head, tuple(map(_sse, events)), tokens)
    content = [block for block in map(_block, reply.content) if block is not None]
    message = {**_message(reply, call, content), **_ending(reply)}
    if reply.usage is not None:
        message["usage"] = _usage(reply.usage)
    body = dump_json(message).encode()
    return Answer(200, (("content-type", "application/json"), ("request-id", request_id)), (body,))


def _sse(data: JsonDict) -> bytes:
    return f"event: {data['type']}\ndata: {dump_json(data)}\n\n".encode()


def _events(reply: FauxReply, call: FauxCall, request_id: str) -> Iterator[JsonDict]:
    message = {**_message(reply, call, []), "stop_reason": None, "stop_sequence": None}
    if reply.usage is not None:
        counts = _usage(reply.usage)
        counts.pop("output_tokens_details", None)
        message["usage"] = {**counts, "output_tokens": min(1, reply.usage.output_tokens)}
    yield {"type": "message_start", "message": message}
    index = 0
    for part in reply.content:
        block = _block(part)
        if block is None:
            continue
        deltas = _deltas(reply, part, block)
        yield {"type": "content_block_start", "index": index, "content_block": block}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
        index += 1
    if reply.error is not None:
        yield _error(reply.error, request_id)
        return
    event: JsonDict = {"type": "message_delta", "delta": _ending(reply)}
    if reply.usage is not None:
        event["usage"] = _usage(reply.usage)
    yield event
    yield {"type": "message_stop"}


def _message(reply: FauxReply, call: FauxCall, content: list[JsonDict]) -> JsonDict:
    model = reply.model if reply.model is not None else call.model
    return {"id": reply.id, "type": "message", "role": "assistant", "model": model, "content": content}


def _ending(reply: FauxReply) -> JsonDict:
    refusal = next((part for part in reply.content if isinstance(part, RefusalPart)), None)
    stop = "refusal" if refusal is not None else reply.stop
    if stop not in _STOPS:
        raise LocalProtocolError(f"no message stops with {stop!r}: script an error, or a cut")
    ending: JsonDict = {"stop_reason": _STOPS[stop], "stop_sequence": None}
    if refusal is not None:
        ending["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal.text}
    for part in reply.content:
        if isinstance(part, OpaquePart) and part.type == "container":
            ending["container"] = dict(part.data)
    return ending


def _block(part: Part) -> JsonDict | None:
    """The block in a message that is not streamed; None for what stands beside the content."""
    if isinstance(part, TextPart):
        block: JsonDict = {"type": "text", "text": part.text}
        if part.citations:
            block["citations"] = [dict(citation) for citation in part.citations]
        return block
    if isinstance(part, ReasoningPart):
        return _thinking(part)
    if isinstance(part, ToolCallPart):
        call: JsonDict = {"type": "tool_use", "id": part.id, "name": part.name, "input": dict(part.arguments)}
        return {**call, **(part.provider_data or {})}
    if isinstance(part, OpaquePart):
        return None if part.type == "container" else dict(part.data)
    if isinstance(part, RefusalPart):
        return None
    raise LocalProtocolError(f"the Messages API has no block for a {type(part).__name__}")


def _thinking(part: ReasoningPart) -> JsonDict:
    known: Mapping[str, Any] = part.provider_data or {}
    if known.get("type") == "redacted_thinking":
        return dict(known)
    signature = known.get("signature")
    if not isinstance(signature, str):
        # A server signs all thinking; what stands in a signature is nobody's business but its own.
        signature = base64.b64encode(hashlib.sha256(clean(part.text).encode()).digest()).decode()
    return {**known, "type": "thinking", "thinking": part.text, "signature": signature}


def _deltas(reply: FauxReply, part: Part, block: JsonDict) -> list[JsonDict]:
    """The deltas of a block, which is emptied to what its start holds."""
    if isinstance(part, TextPart):
        block["text"] = ""
        citations = block.pop("citations", ())
        return [
            *({"type": "text_delta", "text": piece} for piece in reply.pieces(part.text)),
            *({"type": "citations_delta", "citation": citation} for citation in citations),
        ]
    if block["type"] == "thinking":
        text, signature = block["thinking"], block["signature"]
        block["thinking"] = block["signature"] = ""
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in reply.pieces(text)]
        return [*thoughts, {"type": "signature_delta", "signature": signature}]
    if isinstance(block.get("input"), dict):
        raw = part.raw_arguments if isinstance(part, ToolCallPart) else ""
        raw = raw or (dump_json(block["input"]) if block["input"] else "")
        block["input"] = {}
        # The first piece is empty, and the only one where a tool takes no arguments.
        return [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *reply.pieces(raw))]
    return []


def _usage(usage: LlmUsage) -> JsonDict:
    counts: JsonDict = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write_tokens, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output_tokens,
        "service_tier": "standard",
    }
    if usage.reasoning_tokens is not None:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts


def _error(error: FauxError, request_id: str) -> JsonDict:
    kind, message = _ERRORS.get(error.kind, "api_error"), error.message
    if error.kind == "context_overflow" and error.status == 413:
        kind = "request_too_large"
    elif error.kind == "context_overflow" and not is_context_overflow(message):
        message = f"prompt is too long: {message}"  # its type says no more than that the request is invalid
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
