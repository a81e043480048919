"""The provider's side of the Images API: a script's pictures in the bytes that OpenAI's server sends (WIRE 6.1).

Of a reply's parts only pictures have a place. A stream has a preview of each before the picture itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Final, cast

from ..failures import FailureKind
from ..messages import ImagePart
from ..usage import LlmUsage
from ..values import Json, JsonDict, dump_json, get_str
from .script import Answer, FauxCall, FauxError, FauxReply

API: Final = "openai-images"

_CREATED: Final = 1_767_225_600
_PATHS: Final = {"/images/generations": "image_generation", "/images/edits": "image_edit"}

_ERRORS: Final[Mapping[FailureKind, tuple[str, str | None]]] = {
    "authentication": ("invalid_request_error", "invalid_api_key"),
    "rate_limit": ("requests", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "invalid_request": ("image_generation_user_error", "moderation_blocked"),
}


def recognise(method: str, path: str, body: Json) -> FauxCall | None:
    """The call, where it is a POST to `.../images/generations` or `.../images/edits`."""
    if method != "POST" or not path.partition("?")[0].endswith(tuple(_PATHS)) or not isinstance(body, dict):
        return None
    asked = cast("JsonDict", body)
    return FauxCall(API, get_str(asked, "model") or "", asked.get("stream") in (True, "true"), asked, path)


def render(reply: FauxReply, call: FauxCall) -> Answer:
    """The pictures as one JSON body or as events, or an HTTP error."""
    headers = [("x-request-id", f"req-{reply.id}")]
    if reply.error is not None and reply.error.status is not None:
        if reply.error.retry_after is not None:
            headers.append(("retry-after", f"{reply.error.retry_after:g}"))
        return _json(reply.error.status, {"error": _error(reply.error)}, headers)
    if not call.stream:
        return _json(200, {"error": _error(reply.error)} if reply.error is not None else _whole(reply), headers)
    chunks = tuple(f"event: {event['type']}\ndata: {dump_json(event)}\n\n".encode() for event in _events(reply, call))
    return Answer(200, (("content-type", "text/event-stream; charset=utf-8"), *headers), chunks[: reply.cut_after])


def _json(status: int, body: JsonDict, headers: list[tuple[str, str]]) -> Answer:
    return Answer(status, (("content-type", "application/json"), *headers), (dump_json(body).encode(),))


def _error(error: FauxError) -> JsonDict:
    kind, code = _ERRORS.get(error.kind, ("server_error", None))
    return {"message": error.message, "type": kind, "param": None, "code": code}


def _whole(reply: FauxReply) -> JsonDict:
    pictures = _pictures(reply)
    body: JsonDict = {"created": _CREATED, "data": [_entry(picture) for picture in pictures]}
    if pictures:
        body["output_format"] = _format(pictures[0])
    if reply.usage is not None:
        body["usage"] = _usage(reply.usage)
    return body


def _events(reply: FauxReply, call: FauxCall) -> Iterator[JsonDict]:
    kind = next(kind for path, kind in _PATHS.items() if call.path.partition("?")[0].endswith(path))
    for picture in _pictures(reply):
        around = {"created_at": _CREATED, "output_format": _format(picture)}
        yield {"type": f"{kind}.partial_image", **_entry(picture), "partial_image_index": 0, **around}
        if reply.error is None:
            usage = {} if reply.usage is None else {"usage": _usage(reply.usage)}
            yield {"type": f"{kind}.completed", **_entry(picture), **around, **usage}
    if reply.error is not None:
        yield {"type": "error", "error": _error(reply.error)}


def _pictures(reply: FauxReply) -> list[ImagePart]:
    return [part for part in reply.content if isinstance(part, ImagePart)]


def _entry(picture: ImagePart) -> JsonDict:
    entry: JsonDict = {"url": picture.url}
    if picture.data is not None:
        entry = {"b64_json": base64.b64encode(picture.data).decode()}
    prompt = get_str(picture.provider_data, "revised_prompt")
    return {**entry, "revised_prompt": prompt} if prompt else entry


def _format(picture: ImagePart) -> str:
    return (picture.media_type or "image/png").removeprefix("image/").removesuffix("+xml")


def _usage(usage: LlmUsage) -> JsonDict:
    return {
        "input_tokens": usage.total_input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_input_tokens + usage.output_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_input_tokens},
    }
