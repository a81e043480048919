"""The provider's side of OpenRouter's pictures: text, reasoning and pictures as its server sends them (WIRE 6.2, 2h).

A call is one of Chat Completions that asks for pictures and brings no tools; any other is a chat.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Final, cast

from ..failures import is_context_overflow
from ..messages import ImagePart, ReasoningPart, RefusalPart, TextPart
from ..usage import LlmUsage, StopReason
from ..values import Json, JsonDict, dump_json, get_list, get_str
from .script import Answer, FauxCall, FauxError, FauxReply, count_tokens

API: Final = "openrouter-images"

_CREATED: Final = 1_767_225_600
_STOPS: Final[dict[StopReason, str]] = {"length": "length", "content_filter": "content_filter", "error": "error"}

# OpenRouter's `code` is a number, that of the HTTP status as a rule.
_CODES: Final = {
    "authentication": 401,
    "quota": 402,
    "permission": 403,
    "rate_limit": 429,
    "invalid_request": 400,
    "context_overflow": 400,
}


def recognise(method: str, path: str, body: Json) -> FauxCall | None:
    """The call, where it is a POST to `.../chat/completions` that asks for pictures."""
    if method != "POST" or not path.partition("?")[0].endswith("/chat/completions"):
        return None
    if "image" not in get_list(body, "modalities") or get_list(body, "tools"):
        return None
    asked = cast("JsonDict", body)
    return FauxCall(API, get_str(asked, "model") or "", asked.get("stream") is True, asked, path)


def render(reply: FauxReply, call: FauxCall) -> Answer:
    """The reply as chunks and `[DONE]`, as one JSON body, or as an HTTP error."""
    headers = [("x-generation-id", reply.id)]
    if reply.error is not None and reply.error.status is not None:
        if reply.error.retry_after is not None:
            headers.append(("retry-after", f"{reply.error.retry_after:g}"))
        return _json(reply.error.status, {"error": _error(reply.error)}, headers)
    if not call.stream:
        whole = {"error": _error(reply.error)} if reply.error is not None else _completion(reply, call)
        return _json(200, whole, headers)
    events = list(_events(reply, call))[: reply.cut_after]
    chunks = tuple(f"data: {event if isinstance(event, str) else dump_json(event)}\n\n".encode() for event in events)
    tokens = tuple(count_tokens(get_list(event, "choices"), ("content", "reasoning", "refusal")) for event in events)
    return Answer(200, (("content-type", "text/event-stream"), *headers), chunks, tokens)


def _json(status: int, body: JsonDict, headers: list[tuple[str, str]]) -> Answer:
    return Answer(status, (("content-type", "application/json"), *headers), (dump_json(body).encode(),))


def _error(error: FauxError) -> JsonDict:
    message = error.message
    if error.kind == "context_overflow" and not is_context_overflow(message):
        message = f"This endpoint's maximum context length is 65536 tokens. {message}"  # its code says no more than 400
    return {"code": error.status or _CODES.get(error.kind, 502), "message": message}


def _events(reply: FauxReply, call: FauxCall) -> Iterator[JsonDict | str]:
    head = _head(reply, call, "chat.completion.chunk")
    for delta in _deltas(reply):
        yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]}
    end = {"index": 0, "delta": {"role": "assistant", "content": ""}, **_finish(reply)}
    if reply.error is not None:
        yield {**head, "error": _error(reply.error), "choices": [{**end, "finish_reason": "error"}]}
        return
    yield {**head, "choices": [end]}
    if reply.usage is not None:
        yield {**head, "choices": [end], "usage": _usage(reply.usage)}
    yield "[DONE]"


def _deltas(reply: FauxReply) -> Iterator[JsonDict]:
    for part in reply.content:
        if isinstance(part, TextPart):
            yield from ({"content": piece} for piece in reply.pieces(part.text))
        elif isinstance(part, ReasoningPart):
            yield from ({"content": "", "reasoning": piece} for piece in reply.pieces(part.text))
        elif isinstance(part, RefusalPart):
            yield {"refusal": part.text}
        elif isinstance(part, ImagePart):
            yield {"content": "", "images": [{**_image(part), "index": 0}]}


def _completion(reply: FauxReply, call: FauxCall) -> JsonDict:
    message: JsonDict = {
        "role": "assistant",
        "content": "".join([part.text for part in reply.content if isinstance(part, TextPart)]),
        "refusal": "".join([part.text for part in reply.content if isinstance(part, RefusalPart)]) or None,
        "reasoning": "".join([part.text for part in reply.content if isinstance(part, ReasoningPart)]) or None,
        "images": [_image(part) for part in reply.content if isinstance(part, ImagePart)],
    }
    body: JsonDict = {
        **_head(reply, call, "chat.completion"),
        "choices": [{"index": 0, **_finish(reply), "message": message}],
    }
    return body if reply.usage is None else {**body, "usage": _usage(reply.usage)}


def _finish(reply: FauxReply) -> JsonDict:
    word = _STOPS.get(reply.stop, "stop")
    return {"finish_reason": word, "native_finish_reason": word.upper()}


def _head(reply: FauxReply, call: FauxCall, kind: str) -> JsonDict:
    return {
        "id": reply.id,
        "provider": "Faux",
        "model": reply.model or call.model,
        "object": kind,
        "created": _CREATED,
    }


def _image(part: ImagePart) -> JsonDict:
    url = part.url
    if part.data is not None:
        url = f"data:{part.media_type or 'image/png'};base64,{base64.b64encode(part.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _usage(usage: LlmUsage) -> JsonDict:
    return {
        "prompt_tokens": usage.total_input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
