"""Requests as Responses bodies (WIRE 1b, 3).

Decisions.
- System text goes into `instructions`: every server of this dialect knows the field. A server that wants it as a
  message has a flag.
- `store: false`, and encrypted reasoning asked for where the request reasons: the conversation is the caller's, nothing
  is left at the provider, and reasoning still goes back to the model. Options and compat change both.
- `strict` is said of every tool, because leaving it out means true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve

from ...compat import ResponsesCompat
from ...errors import UnsupportedRequest
from ...http import HttpRequest
from ...messages import JsonObject, JsonSchema, LlmRequest, ProviderOptions, TextPart, Tool, ToolDefinition
from ...models import ModelSpec
from ...schema import project
from ...values import Json, JsonDict
from .._encoder import (
    MAX_KEY,
    check_length,
    check_name,
    client_request_id,
    custom_format,
    fit_request,
    http_request,
    openai_metadata,
    session_headers,
    session_key,
    unsaid,
)
from .input import NAME, InputItems

if TYPE_CHECKING:
    from . import OpenAIResponses

_NAME_RULE = "letters, digits, _ and -, at most 64"
_LEVELS = {
    "off": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_NO_PARAMETERS: Json = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
# Tools of the provider's that `tool_choice` names by their type; others it takes in a list of one (WIRE 1b).
_CHOICES = frozenset(
    {
        "file_search",
        "web_search_preview",
        "web_search_preview_2025_03_11",
        "computer",
        "computer_use",
        "computer_use_preview",
        "image_generation",
        "code_interpreter",
        "apply_patch",
        "shell",
        "programmatic_tool_calling",
    }
)


def encode(codec: OpenAIResponses, request: LlmRequest, spec: ModelSpec, stream: bool) -> HttpRequest:
    """`POST /responses`. Raises UnsupportedRequest for what the dialect, or this server of it, cannot say."""
    compat = codec.compat_of(spec)
    notes: list[str] = []
    request = fit_request(request, evolve(spec, compat=compat), notes)
    options = request.options
    stream = stream or compat.stream_only
    _refuse_what_is_missing(request)
    store = _option(options, "store")
    store = compat.store if store is None else store
    short = options.get("cache_retention", "short") != "none"
    items = InputItems(
        codec.provider, codec.api, spec.id, compat, store is True, compat.cache_breakpoints and short, notes
    )

    body: JsonDict = {"model": spec.id}
    instructions = _system(request, compat, items, notes)
    if instructions is not None:
        body["instructions"] = instructions
    for number, message in enumerate(request.messages):
        items.add(message, number)
    items.write_marks(options.get("extra_body"))
    body["input"] = items.items
    _tools(request, compat, body, notes)
    _output(request, options, body, notes)
    _reasoning(options, compat, body, notes)
    _sampling(request, options, compat, body, notes)
    _cache(request, options, compat, body, notes)
    if store is not None:
        body["store"] = store
    _include(options, compat, store is True, body)
    body["stream"] = stream

    if not items.items and not _goes_on(body, options):
        raise UnsupportedRequest("messages", "Responses needs some input")
    _refuse_fields(body, compat)
    headers = [
        *(compat.headers or {}).items(),
        *session_headers(request, compat.session_headers),
        *client_request_id(request, notes),
    ]
    return http_request("/responses", body, options, stream=stream, headers=headers, notes=notes)


def _option(options: ProviderOptions, name: str) -> Any:
    """An option that only ResponsesOptions have: None in others, and where it is unset."""
    return options.get(name) if hasattr(options, name) else None


def _refuse_what_is_missing(request: LlmRequest) -> None:
    if request.stop:
        raise UnsupportedRequest("stop", "Responses has no stop sequences")
    if request.seed is not None:
        raise UnsupportedRequest("seed", "Responses has no seed")


def _goes_on(body: JsonDict, options: ProviderOptions) -> bool:
    extra: Mapping[str, Any] = options.get("extra_body") or {}
    return any(key in body or extra.get(key) for key in ("previous_response_id", "conversation", "prompt"))


def _refuse_fields(body: JsonDict, compat: ResponsesCompat) -> None:
    for name in compat.refuses:
        value = body.get(name)
        if value is not None and value is not False:
            raise UnsupportedRequest(name, "this server refuses it")


def _system(request: LlmRequest, compat: ResponsesCompat, items: InputItems, notes: list[str]) -> str | None:
    """The text for `instructions`, None where the system text is a message or there is none."""
    system = request.system
    as_json = isinstance(request.output, JsonObject)
    parts = () if system is None else (TextPart(system),) if isinstance(system, str) else system
    text = "\n\n".join(part.text for part in parts)
    if not text:
        return compat.default_instructions
    role = compat.system_role
    if role == "instructions" and as_json and "json" in text.lower():
        role = "developer"  # OpenAI looks for the word in the input alone before it allows a JSON object
    if role != "instructions":
        items.add_system(role, text if isinstance(system, str) else parts)
        return compat.default_instructions
    if items.marks and any(part.cache_breakpoint for part in parts):
        notes.append("`instructions` takes no cache breakpoint")
    return text


def _tools(request: LlmRequest, compat: ResponsesCompat, body: JsonDict, notes: list[str]) -> None:
    if request.tools:
        body["tools"] = [_tool(tool, compat, notes) for tool in request.tools]
    choice = request.tool_choice
    if choice in ("auto", "none"):
        if request.tools:  # without tools both mean nothing
            body["tool_choice"] = choice
    elif choice == "required":
        if not request.tools:
            raise UnsupportedRequest("tool_choice 'required'", "the request has no tools")
        body["tool_choice"] = choice
    elif choice is not None:
        body["tool_choice"] = _named_choice(choice, request.tools)
    parallel = request.options.get("parallel_tool_calls")
    if parallel is not None:
        body["parallel_tool_calls"] = parallel


def _tool(tool: Tool, compat: ResponsesCompat, notes: list[str]) -> JsonDict:
    if not isinstance(tool, ToolDefinition):
        return dict(tool.data)
    item: JsonDict = {"type": tool.kind, "name": check_name(tool.name, NAME, _NAME_RULE)}
    if tool.description:
        item["description"] = tool.description
    if tool.kind == "custom":
        if not compat.custom_tools:
            raise UnsupportedRequest(f"custom tool {tool.name!r}", "the server has function tools only")
        if tool.format is not None:
            item["format"] = custom_format(tool.format, nested=False)
        return item
    strict = compat.strict_tools if tool.strict is None else tool.strict
    parameters: Mapping[str, Any] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    where = f"parameters of tool {tool.name!r}"
    made = project(parameters, "openai", "tool", strict=strict is True, where=where)
    notes += made.changes
    item["parameters"] = made.schema
    item["strict"] = strict
    return item


def _named_choice(name: str, tools: tuple[Tool, ...]) -> JsonDict:
    for tool in tools:
        if isinstance(tool, ToolDefinition):
            if tool.name == name:
                return {"type": tool.kind, "name": name}
        elif tool.data.get("type") == "mcp" and tool.data.get("server_label") == name:
            return {"type": "mcp", "server_label": name}
        elif tool.data.get("type") == name:
            return (
                {"type": name}
                if name in _CHOICES
                else {"type": "allowed_tools", "mode": "required", "tools": [{"type": name}]}
            )
    raise UnsupportedRequest(f"tool_choice {name!r}", "the request has no tool of that name")


def _output(request: LlmRequest, options: ProviderOptions, body: JsonDict, notes: list[str]) -> None:
    text: JsonDict = {}
    output = request.output
    if isinstance(output, JsonSchema):
        name = check_name(output.name, NAME, _NAME_RULE, "schema name")
        made = project(output.schema, "openai", "output", strict=output.strict, where="output")
        notes += made.changes
        text["format"] = {"type": "json_schema", "name": name, "schema": made.schema, "strict": output.strict}
    elif output is not None:
        text["format"] = {"type": "json_object"}
    verbosity = _option(options, "verbosity")
    if verbosity is not None:
        text["verbosity"] = verbosity
    if text:
        body["text"] = text


def _reasoning(options: ProviderOptions, compat: ResponsesCompat, body: JsonDict, notes: list[str]) -> None:
    level = options.get("reasoning")
    reasoning: JsonDict = {}
    if level is not None:
        words: Mapping[str, Any] = {**_LEVELS, **(compat.effort_words or {})}
        word = words.get(level) if isinstance(level, str) else None
        if word is None:
            known = ", ".join(level for level, word in words.items() if word is not None)
            raise UnsupportedRequest(f"reasoning {level!r}", f"Responses takes a level, one of {known}")
        if word:
            reasoning["effort"] = word
        else:
            notes.append(unsaid(level))
    summary = _option(options, "summary") or ("auto" if options.get("expose_thinking") else None)
    if summary is not None:
        reasoning["summary"] = summary
    if reasoning:
        body["reasoning"] = reasoning


def _sampling(
    request: LlmRequest, options: ProviderOptions, compat: ResponsesCompat, body: JsonDict, notes: list[str]
) -> None:
    cap = request.max_output_tokens
    if cap is not None:
        if cap < compat.min_output_tokens:
            notes.append(f"max_output_tokens was raised from {cap} to {compat.min_output_tokens}, the least there is")
        body["max_output_tokens"] = max(cap, compat.min_output_tokens)
    fields: dict[str, Json] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "metadata": None if request.metadata is None else openai_metadata(request.metadata),
        "service_tier": options.get("service_tier"),
    }
    for name in ("truncation", "previous_response_id", "conversation", "max_tool_calls", "background"):
        fields[name] = _option(options, name)
    body.update({name: value for name, value in fields.items() if value is not None})
    if "previous_response_id" in body and "conversation" in body:
        raise UnsupportedRequest("options.conversation", "not together with previous_response_id")
    who = _option(options, "safety_identifier")
    if who is not None:
        body["safety_identifier"] = check_length(who, MAX_KEY, "options.safety_identifier")


def _cache(
    request: LlmRequest, options: ProviderOptions, compat: ResponsesCompat, body: JsonDict, notes: list[str]
) -> None:
    retention = options.get("cache_retention", "short")
    if retention == "none":
        if compat.cache_lifetime == "options":
            body["prompt_cache_options"] = {"mode": "explicit"}  # without a breakpoint: nothing is written
        return
    if request.session_id and compat.prompt_cache_key:
        body["prompt_cache_key"] = session_key(request.session_id)
    if retention == "long":
        if compat.cache_lifetime == "retention":
            body["prompt_cache_retention"] = "24h"
        elif compat.cache_lifetime == "options":
            body["prompt_cache_options"] = {"ttl": "12h"}
        else:
            notes.append("this server keeps its cache as long as it likes: a long retention cannot be asked for")


def _include(options: ProviderOptions, compat: ResponsesCompat, stored: bool, body: JsonDict) -> None:
    said = [wish for wish in (_option(options, "encrypted_reasoning"), compat.encrypted_reasoning) if wish is not None]
    include: list[str] = []
    if not stored and (said[0] if said else "reasoning" in body):
        include.append("reasoning.encrypted_content")
    include += [each for each in _option(options, "include") or () if each not in include]
    if include:
        body["include"] = include
    if body.get("background") and not stored:
        raise UnsupportedRequest(
            "options.background", "a response in the background has to be stored: set options.store"
        )
