"""A request as the body of a Chat Completions call (WIRE 2b); how servers differ is in `ChatCompat`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from ...compat import ChatCompat
from ...errors import UnsupportedRequest
from ...http import HttpRequest
from ...messages import CacheRetention, JsonObject, JsonSchema, LlmRequest, Origin, ToolDefinition
from ...models import ModelSpec
from ...schema import no_parameters, project
from ...values import JsonDict
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
)
from .conversation import NAME, NAME_RULE, Conversation
from .options import FIELDS, ChatOptions
from .parts import PartEncoder
from .thinking import thinking_fields

PATH: Final = "/chat/completions"


def encode(
    request: LlmRequest, spec: ModelSpec, compat: ChatCompat, target: Origin, path: str, *, stream: bool
) -> HttpRequest:
    """The HTTP request. Raises UnsupportedRequest."""
    notes: list[str] = []
    request = fit_request(request, evolve(spec, compat=compat), notes)
    options = request.options
    retention: CacheRetention = options.get("cache_retention", "short")
    parts = PartEncoder(compat, retention, notes)
    conversation = Conversation(compat, target, parts)
    if request.system is not None:
        conversation.add_system(request.system)
    for message in request.messages:
        conversation.add(message)
    conversation.flush()
    if not conversation.messages:
        raise UnsupportedRequest("messages", "there is none to send")
    body: JsonDict = {**(compat.body or {}), "model": spec.id, "messages": conversation.messages}
    if body.get("n") is not None:
        raise UnsupportedRequest("compat.body.n", "a reply is one answer: make a call for each")
    if stream:
        body["stream"] = True
        if compat.usage_in_stream:
            body["stream_options"] = {"include_usage": True}
    body |= _sampling(request, compat)
    body |= _tools(request, compat, notes)
    if stream and compat.tool_stream and "tools" in body:
        body["tool_stream"] = True
    parts.write_marks(body.get("tools", []), options.get("extra_body"))
    if compat.tools_with_history and conversation.has_calls:
        body.setdefault("tools", [])
    if request.output is not None:
        body["response_format"] = _response_format(request.output, compat, notes)
    body |= thinking_fields(compat, options.get("reasoning"), notes)
    if options.get("expose_thinking"):
        body |= compat.show_reasoning or {}
        if compat.show_reasoning is None:
            notes.append("the server has no switch that shows reasoning")
    if tier := options.get("service_tier"):
        body["service_tier"] = tier
    if request.metadata:
        body["metadata"] = openai_metadata(request.metadata)
    body |= _cache(request.session_id, retention, compat, notes)
    if compat.store is not None:
        body["store"] = compat.store
    if isinstance(options, ChatOptions):
        body |= {name: value for name in FIELDS if (value := options.get(name)) is not None}
        check_length(body.get("safety_identifier", ""), MAX_KEY, "options.safety_identifier")
    for name in compat.refuses:
        if body.get(name) is False and name == "store":
            del body[name]
        elif name in body:
            raise UnsupportedRequest(name, "the server takes none")
    headers = [*client_request_id(request, notes), *session_headers(request, compat.session_headers)]
    return http_request(path, body, options, stream=stream, headers=headers, notes=notes)


def _sampling(request: LlmRequest, compat: ChatCompat) -> JsonDict:
    if len(request.stop) > 4:
        raise UnsupportedRequest("stop", f"at most 4 sequences, here are {len(request.stop)}")
    fields: JsonDict = {
        compat.max_tokens_field: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "random_seed" if compat.mistral else "seed": request.seed,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _tools(request: LlmRequest, compat: ChatCompat, notes: list[str]) -> JsonDict:
    parallel: bool | None = request.options.get("parallel_tool_calls")
    if not request.tools:
        # Servers refuse these two where there are no tools.
        if request.tool_choice not in (None, "auto", "none"):
            raise UnsupportedRequest(f"tool_choice {request.tool_choice!r}", "there are no tools")
        if parallel is not None:
            notes.append("parallel_tool_calls means nothing without tools")
        return {}
    kinds: dict[str, str] = {}
    tools: list[JsonDict] = []
    for tool in request.tools:
        if not isinstance(tool, ToolDefinition):
            tools.append(dict(tool.data))
            continue
        check_name(tool.name, NAME, NAME_RULE)
        kinds[tool.name] = tool.kind
        tools.append(_custom(tool, compat) if tool.kind == "custom" else _function(tool, compat, notes))
    fields: JsonDict = {"tools": tools}
    if request.tool_choice is not None:
        fields["tool_choice"] = _tool_choice(request.tool_choice, kinds, compat)
    if parallel is not None:
        fields["parallel_tool_calls"] = parallel
    return fields


def _function(tool: ToolDefinition, compat: ChatCompat, notes: list[str]) -> JsonDict:
    function: JsonDict = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    strict = tool.strict is True and compat.strict_tools
    # Some servers refuse a function without parameters; an object without properties says the same.
    parameters = no_parameters(strict=strict) if tool.parameters is None else tool.parameters
    made = project(parameters, "openai", "tool", strict=strict, where=f"parameters of tool {tool.name!r}")
    notes += made.changes
    function["parameters"] = dict(made.schema)
    if tool.strict is not None:
        if compat.strict_tools:
            function["strict"] = tool.strict
        elif tool.strict:
            notes.append(f"the server does not hold tool {tool.name!r} to its schema")
    return {"type": "function", "function": function}


def _custom(tool: ToolDefinition, compat: ChatCompat) -> JsonDict:
    if not compat.custom_tools:
        raise UnsupportedRequest(f"custom tool {tool.name!r}", "the server has function tools only")
    custom: JsonDict = {"name": tool.name}
    if tool.description:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = custom_format(tool.format, nested=True)
    return {"type": "custom", "custom": custom}


def _tool_choice(choice: str, kinds: Mapping[str, str], compat: ChatCompat) -> str | JsonDict:
    if choice in ("auto", "none"):
        return choice
    if choice == "required":
        return "any" if compat.mistral else "required"
    if choice not in kinds:
        raise UnsupportedRequest(f"tool_choice {choice!r}", "it names none of the tools")
    kind = kinds[choice]
    return {"type": kind, kind: {"name": choice}}


def _response_format(output: JsonObject | JsonSchema, compat: ChatCompat, notes: list[str]) -> JsonDict:
    if isinstance(output, JsonObject):
        return {"type": "json_object"}
    if not compat.json_schema:
        raise UnsupportedRequest("output of a schema", "the server has only JsonObject")
    check_name(output.name, NAME, NAME_RULE, "schema name")
    made = project(output.schema, "openai", "output", strict=output.strict, where="output")
    notes += made.changes
    schema: dict[str, Any] = {"name": output.name, "schema": dict(made.schema), "strict": output.strict}
    return {"type": "json_schema", "json_schema": schema}


def _cache(session_id: str | None, retention: CacheRetention, compat: ChatCompat, notes: list[str]) -> JsonDict:
    if retention == "none":
        # Without a breakpoint nothing is written (WIRE 1b).
        return {"prompt_cache_options": {"mode": "explicit"}} if compat.cache_lifetime == "options" else {}
    fields: JsonDict = {}
    if session_id and compat.prompt_cache_key:
        fields["prompt_cache_key"] = session_key(session_id)
    if retention == "long" and not (compat.cache_marks == "anthropic" and compat.marker_ttl):
        if compat.cache_lifetime == "retention":
            fields["prompt_cache_retention"] = "24h"
        elif compat.cache_lifetime == "options":
            fields["prompt_cache_options"] = {"ttl": "30m"}
            notes.append("a long cache is asked for 30 minutes: Chat Completions has no longer one")
        else:
            notes.append("the server decides how long it keeps the prompt cached")
    return fields
