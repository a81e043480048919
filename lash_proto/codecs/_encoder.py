"""What every encoder does the same: the edges of a body, and refusals that name part and rule."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from attrs import evolve

from ..errors import UnsupportedRequest
from ..http import HttpRequest, merge_headers
from ..messages import (
    AudioPart,
    CacheRetention,
    DocumentPart,
    ImagePart,
    LlmRequest,
    ProviderOptions,
    ReasoningLevel,
    ToolCallPart,
    ToolDefinition,
)
from ..models import LEVELS, ModelSpec, supported_levels
from ..values import JsonDict, dump_json, merge_patch

RETENTIONS: tuple[str, ...] = get_args(CacheRetention)
PLAIN: Final = re.compile(r"[\x21-\x7e]+")
MAX_KEY: Final = 64
MAX_REQUEST_ID: Final = 512
ROOM_TO_ANSWER: Final = 1024
"""Tokens that a budget for reasoning leaves of the output where its level was made a budget."""


def http_request(
    path: str,
    body: JsonDict,
    options: ProviderOptions,
    *,
    stream: bool,
    headers: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> HttpRequest:
    """A POST of this body, with the caller's extra body and headers merged in last."""
    try:
        text = dump_json(merge_patch(body, options.get("extra_body") or {}))
    except (ValueError, TypeError) as error:
        raise UnsupportedRequest("request", f"it holds a value that JSON cannot say ({error})") from None
    merged = merge_headers(
        (("content-type", "application/json"), ("accept", "text/event-stream" if stream else "application/json")),
        headers,
        options.get("extra_headers") or {},
    )
    plain = tuple((name, value) for name, value in merged if isinstance(value, str))
    return HttpRequest("POST", path, plain, text.encode(), tuple(notes))


def check_request(request: LlmRequest) -> None:
    """Refuse what no dialect can say: several answers, a level or retention that is none, two tools of one name."""
    options = request.options
    extra: Mapping[str, Any] = options.get("extra_body") or {}
    if extra.get("n") is not None:
        raise UnsupportedRequest("extra_body.n", "a reply is one answer: make a call for each")
    reasoning = options.get("reasoning")
    if isinstance(reasoning, str) and reasoning not in LEVELS:
        raise UnsupportedRequest(f"reasoning {reasoning!r}", f"one of {', '.join(LEVELS)}, or a number of tokens")
    retention = options.get("cache_retention", "short")
    if retention not in RETENTIONS:
        raise UnsupportedRequest(f"cache_retention {retention!r}", f"one of {', '.join(RETENTIONS)}")
    names: set[str] = set()
    for tool in request.tools:
        if isinstance(tool, ToolDefinition):
            if tool.name in names:
                raise UnsupportedRequest(f"tool {tool.name!r}", "there are two of this name")
            names.add(tool.name)


def fit_request(request: LlmRequest, spec: ModelSpec, notes: list[str]) -> LlmRequest:
    """The request, checked, as what is known of the model wants it; `notes` get what was changed.

    Refuses a reasoning level that the model is known not to have. Of a model of which nothing is known, any is right.
    """
    check_request(request)
    cap, limit = request.max_output_tokens, spec.max_output_tokens
    if cap is not None and limit is not None and cap > limit:
        notes.append(f"max_output_tokens was lowered from {cap} to {limit}, the model's limit")
        request = evolve(request, max_output_tokens=limit)
    said: ReasoningLevel | int | None = request.options.get("reasoning")
    fitting = _fit_reasoning(said, request.max_output_tokens or limit, spec, notes)
    return request if fitting == said else evolve(request, options=evolve(request.options, reasoning=fitting))


def _fit_reasoning(
    said: ReasoningLevel | int | None, cap: int | None, spec: ModelSpec, notes: list[str]
) -> ReasoningLevel | int | None:
    if said is None:
        return None
    levels = supported_levels(spec)
    if levels is not None:
        if levels == ("off",) and said in ("off", 0):
            # Servers refuse the field for a model that does not reason, whatever it says.
            notes.append("reasoning is not switched off: the model does not reason")
            return None
        # A budget is as good as any level but "off".
        known = said in levels if isinstance(said, str) else "off" in levels if said == 0 else levels != ("off",)
        if not known:
            raise UnsupportedRequest(f"reasoning {said!r}", f"the model takes one of {', '.join(levels)}")
    budgets = spec.capability.budgets if spec.capability is not None else None
    if not isinstance(said, str) or not budgets or said not in budgets:
        return said
    budget = budgets[said]
    room = budget if cap is None else max(cap - ROOM_TO_ANSWER, ROOM_TO_ANSWER)
    if budget > room:
        notes.append(f"the reasoning budget is {room} tokens, to leave room for an answer")
    return min(budget, room)


def session_key(session_id: str) -> str:
    """A session's name as keys and headers take it, in at most 64 plain characters: itself where it fits, else its
    SHA-256."""
    if len(session_id) <= MAX_KEY and PLAIN.fullmatch(session_id):
        return session_id
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


def session_headers(request: LlmRequest, names: Iterable[str]) -> list[tuple[str, str]]:
    """The headers that keep a conversation on one cache; none where nothing is to be cached."""
    if not request.session_id or request.options.get("cache_retention", "short") == "none":
        return []
    return [(name, session_key(request.session_id)) for name in names]


def client_request_id(request: LlmRequest, notes: list[str]) -> list[tuple[str, str]]:
    """The header that tells OpenAI's servers the caller's own name for a call; none, and a note, for one that is not
    plain."""
    if request.request_id is None:
        return []
    if len(request.request_id) <= MAX_REQUEST_ID and PLAIN.fullmatch(request.request_id):
        return [("x-client-request-id", request.request_id)]
    notes.append(f"request_id was not sent: 1 to {MAX_REQUEST_ID} visible ASCII characters")
    return []


def check_name(name: str, pattern: re.Pattern[str], rule: str, what: str = "tool name") -> str:
    """The name, or UnsupportedRequest where the provider would refuse it."""
    if not pattern.fullmatch(name):
        raise UnsupportedRequest(f"{what} {name!r}", rule)
    return name


def encode_base64(data: bytes) -> str:
    """Standard base64 without line breaks."""
    return base64.b64encode(data).decode("ascii")


def data_url(media_type: str, data: bytes) -> str:
    """A `data:` URL (RFC 2397)."""
    return f"data:{media_type};base64,{encode_base64(data)}"


def media_type_of(part: ImagePart | DocumentPart | AudioPart, allowed: frozenset[str], what: str) -> str:
    """The part's media type; UnsupportedRequest where it is missing or the dialect does not take it."""
    if part.media_type is None:
        raise UnsupportedRequest(what, "bytes need a media_type")
    media_type = part.media_type.lower().split(";")[0].strip()
    if media_type not in allowed:
        raise UnsupportedRequest(f"{what} of type {media_type}", "the dialect takes " + ", ".join(sorted(allowed)))
    return media_type


def arguments_text(call: ToolCallPart) -> str:
    """A call's arguments as JSON text: what the model wrote, to the letter, where that is known. The text of a custom
    call is the argument `input`."""
    if call.kind == "custom":
        return dump_json({"input": call.raw_arguments})
    return call.raw_arguments or dump_json(dict(call.arguments))
