"""What every encoder does the same: the edges of a body, and refusals that name part and rule."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast, get_args

from attrs import evolve, field, frozen

from ..errors import UnsupportedRequest
from ..handoff import NO_RESULT
from ..http import HttpRequest, merge_headers
from ..messages import (
    AssistantMessage,
    AudioPart,
    CacheRetention,
    CustomMessage,
    DocumentPart,
    ImagePart,
    LlmRequest,
    Message,
    ProviderOptions,
    ReasoningLevel,
    Tool,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
)
from ..models import KINDS, LEVELS, Kind, ModelSpec, supported_levels
from ..partial_json import parse_arguments
from ..placeholders import without_media
from ..values import JsonDict, dump_json, get_dict, get_str, merge_patch

RETENTIONS: tuple[str, ...] = get_args(CacheRetention)
PLAIN: Final = re.compile(r"[\x21-\x7e]+")
MAX_KEY: Final = 64
MAX_VALUE: Final = 512
MAX_PAIRS: Final = 16
MAX_REQUEST_ID: Final = 512
ROOM_TO_ANSWER: Final = 1024
"""Tokens that a budget for reasoning leaves of the output."""


@frozen(weakref_slot=False)
class Numbers:
    """What a dialect takes of the numbers that all dialects have."""

    least_output: int = 1
    least_budget: int = 1
    any_budget: int | None = None
    """The budget that means as many tokens as the model likes."""
    budget_in_output: bool = True
    """Whether a budget of the caller's own is lowered to leave room for an answer; False: the dialect judges it."""
    budgets: Mapping[str, int] = field(factory=dict[str, int])
    """Tokens by level, the least first, for models that are told a budget and no level; levels above take the last."""


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
    text = body_text(merge_patch(body, options.get("extra_body") or {}))
    merged = merge_headers(
        (("content-type", "application/json"), ("accept", "text/event-stream" if stream else "application/json")),
        headers,
        options.get("extra_headers") or {},
    )
    plain = tuple((name, value) for name, value in merged if isinstance(value, str))
    return HttpRequest("POST", path, plain, text.encode(), tuple(notes))


def body_text(body: JsonDict) -> str:
    """A body as JSON, or UnsupportedRequest where it holds what JSON cannot say."""
    try:
        return dump_json(body)
    except (ValueError, TypeError) as error:
        raise UnsupportedRequest("request", f"it holds a value that JSON cannot say ({error})") from None


def check_model(id: str) -> None:
    """Refuse a name that names nothing."""
    if not id.strip():
        raise UnsupportedRequest(f"model {id!r}", "it names no model")


def check_request(request: LlmRequest) -> None:
    """Refuse what no dialect can say: several answers, a level or retention that is none, an empty stop sequence,
    metadata that is no text, two tools of one name."""
    options = request.options
    extra: Mapping[str, Any] = options.get("extra_body") or {}
    if extra.get("n") is not None:
        raise UnsupportedRequest("extra_body.n", "a reply is one answer: make a call for each")
    reasoning: Any = options.get("reasoning")
    if isinstance(reasoning, bool) or not (reasoning is None or isinstance(reasoning, int) or reasoning in LEVELS):
        raise UnsupportedRequest(f"reasoning {reasoning!r}", f"one of {', '.join(LEVELS)}, or a number of tokens")
    retention = options.get("cache_retention", "short")
    if retention not in RETENTIONS:
        raise UnsupportedRequest(f"cache_retention {retention!r}", f"one of {', '.join(RETENTIONS)}")
    if "" in request.stop:
        raise UnsupportedRequest("stop ''", "a stop sequence has text")
    for key, value in (request.metadata or {}).items():
        if not isinstance(cast("Any", key), str) or not isinstance(cast("Any", value), str):
            raise UnsupportedRequest(f"metadata {key!r}", "keys and values are text")
    names: set[str] = set()
    for tool in request.tools:
        name = _name_of(tool)
        if name in names:
            raise UnsupportedRequest(f"tool {name!r}", "there are two of this name")
        if name is not None:
            names.add(name)


def _name_of(tool: Tool) -> str | None:
    """What a tool is called by, in Chat's nested form too; None where it has no name."""
    if isinstance(tool, ToolDefinition):
        return tool.name
    return get_str(dict(tool.data), "name") or get_str(get_dict(dict(tool.data), "function"), "name")


def fit_request(request: LlmRequest, spec: ModelSpec, notes: list[str], numbers: Numbers = Numbers()) -> LlmRequest:
    """The request, checked, as what is known of the model wants it; `notes` get what was changed.

    Refuses a reasoning level that the model is known not to have. Of a model of which nothing is known, any is right. A
    budget of no tokens is the level "off", and of a model that is told budgets a level is one.
    """
    check_model(spec.id)
    check_request(request)
    if spec.inputs is not None:
        request = _fit_media(request, spec.inputs, notes)
    answered = answer_calls(request.messages, notes)
    if answered is not request.messages:
        request = evolve(request, messages=answered)
    cap, limit = request.max_output_tokens, spec.max_output_tokens
    if cap is not None and cap < numbers.least_output:
        raise UnsupportedRequest(f"max_output_tokens {cap}", f"it is at least {numbers.least_output}")
    if cap is not None and limit is not None and cap > limit:
        notes.append(f"max_output_tokens was lowered from {cap} to {limit}, the model's limit")
        request = evolve(request, max_output_tokens=limit)
    said: ReasoningLevel | int | None = request.options.get("reasoning")
    fitting = _fit_reasoning(said, request.max_output_tokens or limit, spec, numbers, notes)
    return request if fitting == said else evolve(request, options=evolve(request.options, reasoning=fitting))


def _fit_media(request: LlmRequest, inputs: tuple[Kind, ...], notes: list[str]) -> LlmRequest:
    """A model that is known not to see is told that there was a picture; so with documents and sound."""
    missing = frozenset(KINDS) - {"text", *inputs}
    messages, told = without_media(request.messages, missing)
    for kind in sorted(set(told)):
        many = f"{told.count(kind)} {kind} parts" if told.count(kind) > 1 else f"one {kind} part"
        notes.append(f"{many} became text: the model is not given {_NOT_GIVEN[kind]}")
    return evolve(request, messages=messages) if told else request


_NOT_GIVEN: Final = {"audio": "sound", "document": "documents", "image": "pictures"}


def answer_calls(messages: tuple[Message, ...], notes: list[str]) -> tuple[Message, ...]:
    """The conversation in which every call has a result before somebody goes on speaking.

    No provider takes one without. So a call that nobody answers, because the user broke off or spoke up instead, gets a
    result that says so, behind those of its neighbours. Calls at the very end stay open.
    """
    lost: dict[int, list[Message]] = {}  # by the place, before which message they go
    speaker: int | None = None  # where in the conversation stands who speaks next
    coming: set[str] = set()  # results further on, each as far as the last call that bears its id
    for place in range(len(messages) - 1, -1, -1):
        message = messages[place]
        if isinstance(message, ToolResultMessage):
            coming.add(message.tool_call_id)
        elif isinstance(message, AssistantMessage):
            names: dict[str, str] = {}
            for part in message.content:
                if isinstance(part, ToolCallPart):
                    names[part.id] = part.name
            if speaker is not None and not coming.issuperset(names):
                lost[speaker] = [
                    ToolResultMessage(id, NO_RESULT, name, is_error=True)
                    for id, name in names.items()
                    if id not in coming
                ]
            coming.difference_update(names)
            speaker = place
        elif not isinstance(message, CustomMessage):
            speaker = place
    if not lost:
        return messages
    notes.append(f"calls that nobody answered got the result {NO_RESULT!r}")
    return tuple([each for place, message in enumerate(messages) for each in (*lost.get(place, ()), message)])


def _fit_reasoning(
    said: ReasoningLevel | int | None, cap: int | None, spec: ModelSpec, numbers: Numbers, notes: list[str]
) -> ReasoningLevel | int | None:
    if said is None:
        return None
    asked, said = said, "off" if said == 0 else said
    levels = supported_levels(spec)
    if levels is not None:
        if levels == ("off",) and said == "off":
            # Servers refuse the field for a model that does not reason, whatever it says.
            notes.append("reasoning is not switched off: the model does not reason")
            return None
        # A budget is as good as any level but "off".
        known = said in levels if isinstance(said, str) else levels != ("off",)
        if not known:
            raise UnsupportedRequest(f"reasoning {asked!r}", f"the model takes one of {', '.join(levels)}")
    if isinstance(said, str):
        budget = _budget_of(said, spec, numbers, notes)
        if budget is None:
            return said
        return _leave_room(budget, cap, numbers, notes) if budget else "off"
    if said < numbers.least_budget and said != numbers.any_budget:
        raise UnsupportedRequest(f"reasoning {said}", f"a budget of tokens is at least {numbers.least_budget}")
    return _leave_room(said, cap, numbers, notes) if numbers.budget_in_output else said


def _budget_of(level: ReasoningLevel, spec: ModelSpec, numbers: Numbers, notes: list[str]) -> int | None:
    """The tokens that the model is told for a level; None where it is told the level."""
    own = (spec.capability.budgets if spec.capability is not None else None) or {}
    budgets = {**numbers.budgets, **own}
    if level in budgets:
        return budgets[level]
    if level == "off" or not numbers.budgets:
        return None
    notes.append(f"reasoning {level} is sent as the largest budget that all models take")
    return budgets[[*numbers.budgets][-1]]


def _leave_room(budget: int, cap: int | None, numbers: Numbers, notes: list[str]) -> int:
    """The budget, or what leaves room for an answer below the cap on the output, of which reasoning is a part. Of a cap
    that has little more than that room it is half."""
    if cap is None:
        return budget
    room = max(cap - ROOM_TO_ANSWER, cap // 2, numbers.least_budget)
    if budget > room:
        notes.append(f"the reasoning budget is {room} tokens, to leave room for an answer")
    return min(budget, room)


def unsaid(level: str) -> str:
    """The note on a level that has an empty word."""
    return f"reasoning {level} is said by sending nothing: the server has no word for it"


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


def openai_metadata(metadata: Mapping[str, str]) -> JsonDict:
    """Metadata as OpenAI's servers take it (WIRE 1b)."""
    if len(metadata) > MAX_PAIRS:
        raise UnsupportedRequest("metadata", f"at most {MAX_PAIRS} pairs, here are {len(metadata)}")
    for key, value in metadata.items():
        if len(key) > MAX_KEY or len(value) > MAX_VALUE:
            rule = f"keys up to {MAX_KEY} characters, values up to {MAX_VALUE}"
            raise UnsupportedRequest(f"metadata {key[:MAX_KEY]!r}", rule)
    return dict(metadata)


def check_name(name: str, pattern: re.Pattern[str], rule: str, what: str = "tool name") -> str:
    """The name, or UnsupportedRequest where the provider would refuse it."""
    if not pattern.fullmatch(name):
        raise UnsupportedRequest(f"{what} {name!r}", rule)
    return name


def custom_format(format: Mapping[str, Any], *, nested: bool) -> JsonDict:
    """What a custom tool's text is held to. A grammar may be given in either form: flat, as Responses has it, or
    nested, as Chat Completions does (WIRE 1b, 2b)."""
    if format.get("type") != "grammar":
        return dict(format)
    grammar = {**format, **format.get("grammar", {})}
    grammar = {key: value for key, value in grammar.items() if key not in ("type", "grammar")}
    return {"type": "grammar", "grammar": grammar} if nested else {"type": "grammar", **grammar}


def check_length(value: str, most: int, what: str) -> str:
    """The value, or UnsupportedRequest where the provider would refuse so long a one."""
    if len(value) > most:
        raise UnsupportedRequest(what, f"at most {most} characters")
    return value


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
    """A call's arguments as JSON text: what the model wrote, to the letter, where that is an object. The text of a
    custom call is the argument `input`.

    What is no object goes back as an empty one. OpenAI takes anything here, but servers that put calls into a template
    parse them first: with one broken call vLLM and llama.cpp would refuse the rest of the conversation.
    """
    raw = call.raw_arguments
    if call.kind == "custom":
        return dump_json({"input": raw})
    if raw and (call.arguments or (raw.lstrip().startswith("{") and parse_arguments(raw)[1] is None)):
        return _without_halves(raw)
    try:
        return dump_json(dict(call.arguments))
    except (ValueError, TypeError) as error:
        rule = f"they hold a value that JSON cannot say ({error})"
        raise UnsupportedRequest(f"arguments of the call of {call.name!r}", rule) from None


# A backslash that escapes itself, a whole surrogate pair, and half of one.
_ESCAPES: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def _without_halves(text: str) -> str:
    """JSON text with the replacement character for each half of a surrogate pair that is written as an escape. Servers
    that parse the arguments of a call fail on one."""
    return _ESCAPES.sub(lambda found: r"\ufffd" if found["half"] else found[0], text) if "\\u" in text else text
