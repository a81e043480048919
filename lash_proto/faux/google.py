"""The Gemini API and Code Assist as the provider's side has them (WIRE 5): paths, streams, arrays, bodies, errors.

A stream has CRLF line ends and no `[DONE]`, its last object an empty text with the finishReason, as recorded. Without
`alt=sse` it is one JSON array in pieces. A part whose `provider_data` says more (a signature) goes out in one piece, as
it stands; other texts come in pieces. Gemini counts no cache writes and has no refusals: these are text and SAFETY.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from attrs import evolve

from ..failures import FailureKind, is_context_overflow
from ..messages import AudioPart, DocumentPart, ImagePart, OpaquePart, Part, ReasoningPart, ToolCallPart
from ..partial_json import parse_arguments
from ..usage import LlmUsage, StopReason
from ..values import Json, JsonDict, dump_json, get_dict, get_str
from .script import Answer, FauxCall, FauxError, FauxReply, count_tokens

_GEMINI = re.compile(r"/v\d\w*/(.+):(generateContent|streamGenerateContent)(?:\?.*)?")
_CODE_ASSIST = re.compile(r"/v1internal:(generateContent|streamGenerateContent)(?:\?.*)?")

_FINISH: Final[dict[StopReason, str]] = {
    "stop": "STOP",
    "tool_use": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "CONTINUATION",
    "error": "OTHER",
    "aborted": "OTHER",
}

# google.rpc.Code and the HTTP status that goes with it (WIRE 5g).
_ERRORS: Final[dict[FailureKind, tuple[int, str]]] = {
    "invalid_request": (400, "INVALID_ARGUMENT"),
    "context_overflow": (400, "INVALID_ARGUMENT"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "cancelled": (499, "CANCELLED"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
}
_INTERNAL: Final = (500, "INTERNAL")

# Protobuf's JSON writer escapes these of the basic plane, and Google's SDK rests on it: it splits lines where Python's
# `splitlines` does, at U+2028 and U+0085 too. Recorded are < and >.
_ESCAPED = re.compile(
    r"[<>\x7f-\x9f\xad\u0600-\u0603\u06dd\u070f\u17b4\u17b5\u200b-\u200f\u2028-\u202e\u2060-\u2064\u206a-\u206f"
    r"\ufeff\ufff9-\ufffb]"
)


def recognise(method: str, path: str, body: Json) -> FauxCall | None:
    """The call, where method and path are the Gemini API's or Code Assist's."""
    if method != "POST":
        return None
    if match := _CODE_ASSIST.search(path):
        model = get_str(body, "model") or ""
        return FauxCall("google-code-assist", model, match[1] == "streamGenerateContent", body, path)
    if match := _GEMINI.search(path):
        model = unquote(match[1]).removeprefix("models/")
        return FauxCall("google-generative-ai", model, match[2] == "streamGenerateContent", body, path)
    return None


def render(reply: FauxReply, call: FauxCall) -> Answer:
    """The reply as the call asked for it: events, an array in pieces, or one body."""
    error = reply.error
    if error is not None and error.status is not None:
        return _json({"error": _error(error)}, error.status)
    wrapped = call.api == "google-code-assist"
    if not call.stream:
        return _json(_wrap(_whole(reply, call), reply, wrapped))
    objects = _stream(reply, call)
    texts = [_text(_wrap(each, reply, wrapped)) for each in objects][: reply.cut_after]
    tokens = tuple(map(_tokens, objects))[: reply.cut_after]
    if "alt=sse" in call.path.partition("?")[2]:
        chunks = tuple(f"data: {text}\r\n\r\n".encode() for text in texts)
        return Answer(200, (("content-type", "text/event-stream"),), chunks, tokens)
    pieces = [("\n,\r\n" if number else "[") + text for number, text in enumerate(texts)]
    if reply.cut_after is None or reply.cut_after > len(texts):
        pieces.append("\n]\n")
        tokens = (*tokens, 0)
    head = (("content-type", "application/json; charset=UTF-8"),)
    return Answer(200, head, tuple(piece.encode() for piece in pieces), tokens)


def _tokens(event: JsonDict) -> int:
    parts = [part for candidate in event.get("candidates", ()) for part in candidate["content"]["parts"]]
    calls = [{"text": dump_json(get_dict(part["functionCall"], "args"))} for part in parts if "functionCall" in part]
    return count_tokens([*parts, *calls], ("text",))


def _text(body: JsonDict) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", dump_json(body))


def _json(body: JsonDict, status: int = 200) -> Answer:
    return Answer(status, (("content-type", "application/json; charset=UTF-8"),), (_text(body).encode(),))


def _wrap(body: JsonDict, reply: FauxReply, wrapped: bool) -> JsonDict:
    if not wrapped or "error" in body:
        return body
    return {"response": {key: value for key, value in body.items() if key != "responseId"}, "traceId": reply.id}


def _whole(reply: FauxReply, call: FauxCall) -> JsonDict:
    if reply.error is not None:
        return {"error": _error(reply.error)}
    if _blocked(reply):
        return _object(reply, call, reply.usage, promptFeedback={"blockReason": "SAFETY"})
    parts = [part for each in reply.content for part in _parts(each, reply, whole=True)]
    return _object(reply, call, reply.usage, candidates=[_candidate(parts, _FINISH[reply.stop])])


def _stream(reply: FauxReply, call: FauxCall) -> list[JsonDict]:
    if _blocked(reply):
        return [_object(reply, call, reply.usage, promptFeedback={"blockReason": "SAFETY"})]
    # Until its end a stream knows what came in, and counts up what goes out.
    so_far = None if reply.usage is None else evolve(reply.usage, output_tokens=0, reasoning_tokens=None)
    objects = [
        _object(reply, call, so_far, candidates=[_candidate([part])])
        for each in reply.content
        for part in _parts(each, reply, whole=False)
    ]
    if reply.error is not None:
        return [*objects, {"error": _error(reply.error)}]
    return [*objects, _object(reply, call, reply.usage, candidates=[_candidate([{"text": ""}], _FINISH[reply.stop])])]


def _blocked(reply: FauxReply) -> bool:
    return reply.error is None and reply.stop == "content_filter" and not reply.content


def _object(reply: FauxReply, call: FauxCall, usage: LlmUsage | None, **said: Json) -> JsonDict:
    counts = {} if usage is None else {"usageMetadata": _counts(usage)}
    return {**said, **counts, "modelVersion": reply.model or call.model, "responseId": reply.id}


def _candidate(parts: list[JsonDict], finish: str | None = None) -> JsonDict:
    candidate: JsonDict = {"content": {"parts": parts, "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = finish
    return {**candidate, "index": 0}


def _parts(part: Part, reply: FauxReply, *, whole: bool) -> list[JsonDict]:
    if isinstance(part, OpaquePart):
        return [dict(part.data)]
    more: Mapping[str, Any] = part.provider_data or {}
    if isinstance(part, ToolCallPart):
        arguments = part.arguments or parse_arguments(part.raw_arguments)[0]
        id = {"id": part.id} if part.id_sent else {}
        return [{"functionCall": {**id, "name": part.name, "args": dict(arguments)}, **more}]
    if isinstance(part, (ImagePart, AudioPart, DocumentPart)):
        data = {"mimeType": part.media_type, "data": base64.b64encode(part.data or b"").decode()}
        return [{"inlineData": data, **more}]
    thought = {"thought": True} if isinstance(part, ReasoningPart) else {}
    texts = [part.text] if whole or more else reply.pieces(part.text)
    return [{"text": text, **thought, **more} for text in texts]


def _counts(usage: LlmUsage) -> JsonDict:
    total = usage.total_input_tokens
    made: JsonDict = {"promptTokenCount": total, "totalTokenCount": total + usage.output_tokens}
    if usage.cached_input_tokens:
        made["cachedContentTokenCount"] = usage.cached_input_tokens
    if usage.reasoning_tokens is not None:
        made["thoughtsTokenCount"] = usage.reasoning_tokens
    if spoken := usage.output_tokens - (usage.reasoning_tokens or 0):  # zeros are left out
        made["candidatesTokenCount"] = spoken
    for key, count in (
        ("promptTokensDetails", usage.audio_input_tokens),
        ("candidatesTokensDetails", usage.audio_output_tokens),
    ):
        if count:
            made[key] = [{"modality": "AUDIO", "tokenCount": count}]
    return made


def _error(error: FauxError) -> JsonDict:
    code, word = _ERRORS.get(error.kind, _INTERNAL)
    message = error.message
    if error.kind == "context_overflow" and not is_context_overflow(message):
        message = f"The input token count exceeds the maximum number of tokens allowed. {message}"
    details: list[JsonDict] = []
    if error.kind == "quota":
        violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]})
    if error.retry_after is not None:
        delay = f"{error.retry_after:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    said = {"details": details} if details else {}
    return {"code": error.status or code, "message": message, "status": word, **said}
