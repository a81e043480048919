"""A request as Gemini's `GenerateContentRequest` (WIRE 5b), and a model as the resource in its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote

from ...cache import has_breakpoints
from ...compat import GoogleCompat
from ...errors import UnsupportedRequest
from ...messages import JsonSchema, LlmRequest, ProviderOptions, ToolDefinition
from ...schema import Purpose, project
from ...values import Json, JsonDict
from .._encoder import Numbers, check_name
from .contents import NAME, NAME_RULE, Contents
from .options import GoogleOptions

MAX_STOPS: Final = 5

_LEVELS: Final = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
# Tokens that every thinking model before Gemini 3 takes: the lowest minimum and the lowest maximum.
_BUDGETS: Final = {"minimal": 512, "low": 2048, "medium": 8192, "high": 24576}

# GoogleOptions that go into generationConfig, by their name there.
_CONFIG: Final = {
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "media_resolution": "mediaResolution",
    "response_modalities": "responseModalities",
    "image_config": "imageConfig",
    "speech_config": "speechConfig",
}
_RESOURCES: Final = ("models/", "tunedModels/", "publishers/", "projects/")
_NOT_IN_PATH = re.compile(r"[\s\x00-\x1f\x7f\ud800-\udfff]")


def numbers_of(compat: GoogleCompat) -> Numbers:
    """What this Gemini takes of numbers (WIRE 5b)."""
    return Numbers(any_budget=-1, budgets=_BUDGETS if compat.thinking == "budget" else {})


def model_resource(model: str) -> str:
    """The model as a resource name for the path: `models/x`, and Vertex's longer names as they are."""
    segments = model.split("/")
    if _NOT_IN_PATH.search(model) or any(segment in ("", ".", "..") for segment in segments):
        raise UnsupportedRequest(
            f"model {model!r}", "it goes into the path: no blanks, and no empty or dotted segments"
        )
    resource = model if model.startswith(_RESOURCES) else f"models/{model}"
    return "/".join(quote(segment, safe="@") for segment in resource.split("/"))


def generate_content(
    request: LlmRequest, contents: Contents, options: ProviderOptions, compat: GoogleCompat
) -> JsonDict:
    """The body, the model set aside. Raises UnsupportedRequest for what Gemini cannot be told."""
    notes = contents.notes
    if options.get("cache_retention", "short") != "none" and has_breakpoints(request):
        notes.append("cache breakpoints are left out: Gemini caches prompts by itself")
    body: JsonDict = {"contents": contents.encode(request.messages)}
    if not body["contents"]:
        raise UnsupportedRequest("messages", "there is nothing to send, and Gemini needs at least one content")
    if request.system:
        system = contents.user_parts(request.system, "system")
        if system:
            body["systemInstruction"] = {"parts": system}
    _put_tools(request, compat, notes, body)
    config = _config(request, options, compat, notes)
    if config:
        body["generationConfig"] = config
    if isinstance(options, GoogleOptions):
        if options.get("safety_settings"):
            body["safetySettings"] = [dict(each) for each in options.get("safety_settings")]
        if options.get("cached_content"):
            body["cachedContent"] = options.get("cached_content")
            for key in ("systemInstruction", "tools", "toolConfig"):
                if key in body:
                    raise UnsupportedRequest(key, "a cachedContent has it inside; the request may not have its own")
    if options.get("service_tier"):
        body["serviceTier"] = options.get("service_tier")
    if options.get("parallel_tool_calls") is False:
        raise UnsupportedRequest("parallel_tool_calls", "Gemini has no switch for it")
    if request.metadata:
        if compat.labels:
            body["labels"] = dict(request.metadata)
        else:
            notes.append("metadata is left out: the Gemini API takes none; Vertex and Code Assist do (compat.labels)")
    _refuse_candidates(options)
    return body


def _put_tools(request: LlmRequest, compat: GoogleCompat, notes: list[str], body: JsonDict) -> None:
    functions: list[JsonDict] = []
    others: list[JsonDict] = []
    strict = False
    for tool in request.tools:
        if isinstance(tool, ToolDefinition):
            functions.append(_function(tool, compat, notes))
            strict = strict or tool.strict is True
        else:
            others.append(dict(tool.data))
    if others and request.tool_choice == "none":
        notes.append("Google's own tools are left out: the mode NONE keeps only functions from being called")
        others = []
    tools = [{"functionDeclarations": functions}, *others] if functions else others
    if tools:
        body["tools"] = tools
    calling = _calling(request.tool_choice, [each["name"] for each in functions])
    if strict and compat.validated_mode and calling.get("mode", "AUTO") == "AUTO":
        calling = {"mode": "VALIDATED"}
    config: JsonDict = {"functionCallingConfig": calling} if calling else {}
    if functions and others and compat.server_tool_calls:
        config["includeServerSideToolInvocations"] = True
    if config:
        body["toolConfig"] = config


def _function(tool: ToolDefinition, compat: GoogleCompat, notes: list[str]) -> JsonDict:
    check_name(tool.name, NAME, NAME_RULE)
    where = f"tool {tool.name!r}"
    if tool.kind == "custom":
        raise UnsupportedRequest(where, "Gemini has functions only, no tools that take free text")
    made: JsonDict = {"name": tool.name, "description": tool.description}
    if tool.parameters is not None:
        schema = _schema(tool.parameters, "tool", where, compat, notes)
        if compat.json_schema:
            made["parametersJsonSchema"] = schema
        elif schema.get("properties"):  # "should be non-empty for OBJECT type", says the server
            made["parameters"] = schema
    return made


def _schema(
    schema: Mapping[str, Any], purpose: Purpose, where: str, compat: GoogleCompat, notes: list[str]
) -> Mapping[str, Any]:
    made = project(schema, "google" if compat.json_schema else "google-openapi", purpose, where=where)
    notes += made.changes
    return made.schema


def _calling(choice: str | None, names: list[str]) -> JsonDict:
    if choice is None:
        return {}
    if choice in ("auto", "none"):
        return {"mode": choice.upper()} if names else {}  # 400 where nothing is declared (WIRE 5b)
    if choice == "required":
        if not names:
            raise UnsupportedRequest("tool_choice 'required'", "there is no function to call")
        return {"mode": "ANY"}
    if choice not in names:
        raise UnsupportedRequest(f"tool_choice {choice!r}", "no tool of the request has that name")
    return {"mode": "ANY", "allowedFunctionNames": [choice]}


def _config(request: LlmRequest, options: ProviderOptions, compat: GoogleCompat, notes: list[str]) -> JsonDict:
    if len(request.stop) > MAX_STOPS:
        raise UnsupportedRequest(f"{len(request.stop)} stop sequences", f"Gemini takes at most {MAX_STOPS}")
    said: JsonDict = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "maxOutputTokens": request.max_output_tokens,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
    }
    if isinstance(options, GoogleOptions):
        for name, key in _CONFIG.items():
            value = options.get(name)
            said[key] = list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
    if request.output is not None:
        said["responseMimeType"] = "application/json"
    if isinstance(request.output, JsonSchema):
        schema = _schema(request.output.schema, "output", "output", compat, notes)
        said["responseJsonSchema" if compat.json_schema else "responseSchema"] = schema
    said["thinkingConfig"] = _thinking(options, notes) or None
    return {key: value for key, value in said.items() if value is not None}


def _thinking(options: ProviderOptions, notes: list[str]) -> JsonDict:
    reasoning = options.get("reasoning")
    made: JsonDict = {}
    if isinstance(reasoning, int):
        made["thinkingBudget"] = reasoning
    elif reasoning == "off":
        made["thinkingBudget"] = 0
    elif reasoning is not None:
        made["thinkingLevel"] = _LEVELS[reasoning]
        if reasoning == "max":
            notes.append("reasoning max is sent as XHIGH, the highest that Gemini has")
    if options.get("expose_thinking"):
        made["includeThoughts"] = True
    return made


def _refuse_candidates(options: ProviderOptions) -> None:
    extra: Json = options.get("extra_body") or {}
    for body in (extra, extra.get("request")):
        for name in ("generationConfig", "generation_config"):
            config = cast("JsonDict", body).get(name) if isinstance(body, Mapping) else None
            if isinstance(config, Mapping) and not config.keys().isdisjoint(("candidateCount", "candidate_count")):
                raise UnsupportedRequest(f"extra_body.{name}.candidateCount", "a reply is one candidate")
