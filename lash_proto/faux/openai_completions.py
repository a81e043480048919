"""The provider's side of Chat Completions: a scripted reply in the bytes that OpenAI's server sends (WIRE 2c, 2d, 2g).

What OpenAI itself does not send is written as the server that has it writes it, told by the part's provider data:
`reasoning_content` where nothing is said, `reasoning_details` as OpenRouter, a list of content parts as Mistral.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from ..failures import FailureKind
from ..messages import (
    AudioPart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from ..usage import LlmUsage, StopReason
from ..values import Json, JsonDict, dump_json, get_dict, get_list, get_str
from .script import Answer, FauxCall, FauxError, FauxReply, count_tokens

API: Final = "openai-completions"

_CREATED: Final = 1_767_225_600

_STOPS: Final[Mapping[StopReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "stop",
    "pause": "stop",
    "error": "error",
    "aborted": "error",
}

# Type and code of an error object, by kind (WIRE 1g).
_ERRORS: Final[Mapping[FailureKind, tuple[str, str | None]]] = {
    "authentication": ("invalid_request_error", "invalid_api_key"),
    "permission": ("permission_error", None),
    "not_found": ("invalid_request_error", "model_not_found"),
    "rate_limit": ("tokens", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "overloaded": ("service_unavailable_error", "server_is_overloaded"),
    "context_overflow": ("invalid_request_error", "context_length_exceeded"),
    "invalid_request": ("invalid_request_error", None),
}


def recognise(method: str, path: str, body: Json) -> FauxCall | None:
    """The call, where it is a POST to `.../chat/completions` with a body of this dialect."""
    if method != "POST" or not path.partition("?")[0].endswith("/chat/completions") or not isinstance(body, dict):
        return None
    asked = cast("JsonDict", body)
    return FauxCall(API, get_str(asked, "model") or "", asked.get("stream") is True, asked, path)


def render(reply: FauxReply, call: FauxCall) -> Answer:
    """The reply as chunks and `[DONE]`, as one JSON body, or as an HTTP error."""
    headers = [("x-request-id", f"req-{reply.id}")]
    if reply.error is not None and reply.error.status is not None:
        if reply.error.retry_after is not None:
            headers.append(("retry-after", f"{reply.error.retry_after:g}"))
        return _json(reply.error.status, {"error": _error(reply.error)}, headers)
    if not call.stream:
        whole = {"error": _error(reply.error)} if reply.error is not None else _completion(reply, call)
        return _json(200, whole, headers)
    events = list(_events(reply, call))[: reply.cut_after]
    chunks = tuple(f"data: {event if isinstance(event, str) else dump_json(event)}\n\n".encode() for event in events)
    headers = [("content-type", "text/event-stream; charset=utf-8"), *headers]
    return Answer(200, tuple(headers), chunks, tuple(map(_tokens, events)))


def _json(status: int, body: JsonDict, headers: list[tuple[str, str]]) -> Answer:
    return Answer(status, (("content-type", "application/json"), *headers), (dump_json(body).encode(),))


def _error(error: FauxError) -> JsonDict:
    kind, code = _ERRORS.get(error.kind, ("server_error", None))
    return {"message": error.message, "type": kind, "param": None, "code": code}


# --- a stream --------------------------------------------------------------------------------------------------------

# Where a delta has its piece of the reply: `text` inside Mistral's thinking.
_SAID: Final = frozenset(
    "content refusal reasoning_content reasoning reasoning_text text arguments input transcript".split()
)


def _tokens(event: JsonDict | str) -> int:
    deltas = [get_dict(choice, "delta") for choice in get_list(event, "choices")]
    return count_tokens([{**delta, "reasoning_details": None} for delta in deltas], _SAID)  # these repeat what was said


def _events(reply: FauxReply, call: FauxCall) -> Iterator[JsonDict | str]:
    head = _head(reply, call, "chat.completion.chunk")
    counted = get_dict(call.body, "stream_options").get("include_usage") is True

    def chunk(delta: JsonDict, finish: str | None = None) -> JsonDict:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], **({"usage": None} if counted else {})}

    yield chunk({"role": "assistant", "content": ""})
    calls = 0
    for part in reply.content:
        for delta in _deltas(part, calls, reply):
            yield chunk(delta)
        calls += isinstance(part, ToolCallPart)
    if reply.error is not None:
        yield {"error": _error(reply.error)}
        return
    last = chunk({}, _STOPS[reply.stop])
    if reply.usage is not None and reply.usage_unasked and not counted:
        last["usage"] = _usage(reply.usage)
    yield last
    if reply.usage is not None and counted:
        yield {**head, "choices": [], "usage": _usage(reply.usage)}
    yield "[DONE]"


def _deltas(part: Part, index: int, reply: FauxReply) -> Iterator[JsonDict]:
    if isinstance(part, TextPart):
        for piece in reply.pieces(part.text):
            yield {"content": piece}
        if part.citations:
            yield {"annotations": [dict(citation) for citation in part.citations]}
    elif isinstance(part, ReasoningPart):
        yield from _reasoning_deltas(part, reply)
    elif isinstance(part, ToolCallPart):
        yield from _call_deltas(part, index, reply)
    elif isinstance(part, RefusalPart):
        for piece in reply.pieces(part.text):
            yield {"refusal": piece}
    elif isinstance(part, AudioPart):
        yield {"audio": {"id": part.id, "transcript": part.transcript}}
        yield {"audio": {"data": base64.b64encode(part.data or b"").decode()}}
    elif isinstance(part, ImagePart):
        yield {"images": [_image(part)]}
    elif isinstance(part, OpaquePart):
        yield {_OPAQUE.get(part.type, "content"): dict(part.data) if part.type == "json" else [dict(part.data)]}


_OPAQUE: Final = {"file": "annotations"}


def _reasoning_deltas(part: ReasoningPart, reply: FauxReply) -> Iterator[JsonDict]:
    data = part.provider_data
    name = get_str(data, "field") or "reasoning_content"
    details = get_list(data, "details")
    for piece in reply.pieces(part.text):
        if name == "content":
            yield {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]}
        else:
            yield {name: piece}
    if name == "content" and (rest := get_dict(data, "with")):
        yield {"content": [{"type": "thinking", "thinking": [], **rest}]}
    if details:
        yield {"reasoning_details": details}
    if opaque := get_str(data, "opaque"):
        yield {"reasoning_opaque": opaque}


def _call_deltas(part: ToolCallPart, index: int, reply: FauxReply) -> Iterator[JsonDict]:
    body, word = ("custom", "input") if part.kind == "custom" else ("function", "arguments")
    first: JsonDict = {"index": index, **_call_head(part), body: {"name": part.name, word: ""}}
    yield {"tool_calls": [first]}
    for piece in reply.pieces(_arguments(part)):
        yield {"tool_calls": [{"index": index, body: {word: piece}}]}


def _call_head(part: ToolCallPart) -> JsonDict:
    head: JsonDict = {"id": part.id} if part.id_sent else {}
    head["type"] = part.kind
    if extra := get_dict(part.provider_data, "extra_content"):
        head["extra_content"] = extra
    return head


def _arguments(part: ToolCallPart) -> str:
    return part.raw_arguments or ("" if part.kind == "custom" else dump_json(dict(part.arguments)))


# --- whole -----------------------------------------------------------------------------------------------------------


def _completion(reply: FauxReply, call: FauxCall) -> JsonDict:
    choice = {"index": 0, "message": _message(reply), "logprobs": None, "finish_reason": _STOPS[reply.stop]}
    body: JsonDict = {**_head(reply, call, "chat.completion"), "choices": [choice]}
    if reply.usage is not None:
        body["usage"] = _usage(reply.usage)
    return body


def _message(reply: FauxReply) -> JsonDict:
    texts = [part.text for part in reply.content if isinstance(part, TextPart)]
    refusals = [part.text for part in reply.content if isinstance(part, RefusalPart)]
    message: JsonDict = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
        "annotations": [],
    }
    listed = [delta for part in reply.content for delta in _listed(part)]
    for part in reply.content:
        if isinstance(part, TextPart):
            message["annotations"] += [dict(citation) for citation in part.citations]
        elif isinstance(part, ReasoningPart):
            _add_reasoning(message, part)
        elif isinstance(part, ToolCallPart):
            body, word = ("custom", "input") if part.kind == "custom" else ("function", "arguments")
            entry = {**_call_head(part), body: {"name": part.name, word: _arguments(part)}}
            message.setdefault("tool_calls", []).append(entry)
        elif isinstance(part, AudioPart):
            data = base64.b64encode(part.data or b"").decode()
            message["audio"] = {"id": part.id, "data": data, "expires_at": 0, "transcript": part.transcript or ""}
        elif isinstance(part, ImagePart):
            message.setdefault("images", []).append(_image(part))
        elif isinstance(part, OpaquePart) and part.type == "file":
            message["annotations"].append(dict(part.data))
        elif isinstance(part, OpaquePart) and part.type == "json":
            message["content"] = dict(part.data)
    if any(entry["type"] != "text" for entry in listed):
        message["content"] = listed
    return message


def _listed(part: Part) -> Iterator[JsonDict]:
    """A part as an entry of a content list, where it has one."""
    if isinstance(part, TextPart):
        yield {"type": "text", "text": part.text}
    elif isinstance(part, ReasoningPart) and get_str(part.provider_data, "field") == "content":
        thinking = [{"type": "text", "text": part.text}]
        yield {"type": "thinking", "thinking": thinking, **get_dict(part.provider_data, "with")}
    elif isinstance(part, OpaquePart) and part.type not in ("file", "json"):
        yield dict(part.data)


def _add_reasoning(message: JsonDict, part: ReasoningPart) -> None:
    data = part.provider_data
    name = get_str(data, "field") or "reasoning_content"
    if name != "content":
        message[name] = message.get(name, "") + part.text
    if details := get_list(data, "details"):
        message.setdefault("reasoning_details", []).extend(details)
    if opaque := get_str(data, "opaque"):
        message["reasoning_opaque"] = opaque


# --- shared ----------------------------------------------------------------------------------------------------------


def _head(reply: FauxReply, call: FauxCall, kind: str) -> JsonDict:
    return {
        "id": reply.id,
        "object": kind,
        "created": _CREATED,
        "model": reply.model or call.model,
        "service_tier": "default",
        "system_fingerprint": "fp_faux",
    }


def _image(part: ImagePart) -> JsonDict:
    url = part.url
    if part.data is not None:
        url = f"data:{part.media_type or 'image/png'};base64,{base64.b64encode(part.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _usage(usage: LlmUsage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.total_input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens or 0,
            "audio_tokens": usage.audio_output_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
