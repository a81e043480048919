"""Requests to the Messages API (WIRE 4a, 4b): everything but the messages.

Decisions.
- `max_tokens` is required: where the caller says nothing it is 32,000, above that by a thinking budget, and never more
  than the model's own limit.
- A level of reasoning is adaptive thinking and an effort, a number is a budget. Models that know budgets only
  (`AnthropicCompat.adaptive_thinking`) get the level as one.
- How to show thinking is a member of `thinking`. Where no reasoning is asked for it is sent only for a model that is
  known to think by default (`Capability.default_level`); to others it would switch thinking on.
- The system prompt is always a list of blocks, for the reason that content is.
- What two fields together make the server refuse is refused here, where the API's documentation says so for all models;
  what depends on the model is for the server to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from ...cache import Slot, ephemeral, place_markers
from ...errors import UnsupportedRequest
from ...http import HttpRequest
from ...messages import AssistantMessage, JsonObject, LlmRequest, ProviderTool, TextPart, ToolCallPart, ToolDefinition
from ...models import ModelSpec
from ...schema import no_parameters, project
from ...values import JsonDict
from .._encoder import Numbers, check_length, check_name, fit_request, http_request, session_headers
from .content import NAME_RULE, TOOL_NAME, Conversation, needs_container, text_block
from .options import AnthropicOptions

if TYPE_CHECKING:
    from . import AnthropicMessages

DEFAULT_MAX_TOKENS: Final = 32_000
MIN_BUDGET: Final = 1024
MAX_USER_ID: Final = 256

# The version of the API that has no sampling parameters any more (WIRE F1).
_NO_SAMPLING: Final = "2026-10-21"
_INTERLEAVED: Final = "interleaved-thinking-2025-05-14"
_EAGER: Final = "fine-grained-tool-streaming-2025-05-14"
_COMPACTION: Final = "compact-2026-01-12"
# The betas without which a field is refused, or a value of it (WIRE 4a, 4b).
_BETAS: Final = {
    "mcp_servers": "mcp-client-2025-11-20",
    "context_management": "context-management-2025-06-27",
    "speed fast": "fast-mode-2026-02-01",
    "display updates": "thinking-display-updates-2026-08-18",
}
_DATE: Final = re.compile(r"-\d{4}-\d{2}-\d{2}")
# The reference client's budgets for levels; it knows none above high.
_BUDGETS: dict[str, int] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384}
# Between tool calls a model may think more than one answer has room for (WIRE 4b): a budget is judged below.
_ADAPTIVE = Numbers(least_output=0, least_budget=MIN_BUDGET, budget_in_output=False)
_BUDGETED = evolve(_ADAPTIVE, budgets=_BUDGETS)
# Options that go into the body as they stand.
_PLAIN = ("service_tier", "speed", "inference_geo", "context_management", "mcp_servers")


@define
class Encoding:
    """One request on its way to bytes."""

    codec: AnthropicMessages
    request: LlmRequest
    spec: ModelSpec
    stream: bool
    options: AnthropicOptions = field(init=False)
    talk: Conversation = field(init=False)
    body: JsonDict = field(init=False)
    slots: list[Slot] = field(factory=list[Slot], init=False)
    config: JsonDict = field(factory=dict[str, Any], init=False)

    def __attrs_post_init__(self) -> None:
        codec = self.codec
        self.talk = Conversation(codec.provider, codec.api, self.spec.id, codec.compat_of(self.spec))
        spec = evolve(self.spec, compat=self.talk.compat)
        numbers = _ADAPTIVE if self.talk.compat.adaptive_thinking else _BUDGETED
        self.request = fit_request(self.request, spec, self.talk.notes, numbers)
        self.options = as_anthropic(self.request)
        self.talk.betas += [*codec.betas, *self.options.get("betas", ())]
        # The order of keys is the order of the prompt: tools, system, messages (WIRE 4b).
        self.body = {"model": self.spec.id, "max_tokens": 0}

    def http(self) -> HttpRequest:
        """The whole request. Raises UnsupportedRequest."""
        request, body, talk = self.request, self.body, self.talk
        self._add_tools()
        self._add_system()
        talk.add(request.messages)
        body["messages"] = talk.messages
        self._add_output()
        budget = self._add_thinking()
        if self.config:
            body["output_config"] = self.config
        self._add_max_tokens(budget)
        self._add_sampling()
        self._add_metadata()
        self._add_container()
        for name in _PLAIN:
            if self.options.get(name):
                body[name] = self.options.get(name)
        self._add_betas()
        if self.stream:
            body["stream"] = True
        self._add_markers()
        return http_request(
            "/v1/messages", body, self.options, stream=self.stream, headers=self._headers(), notes=talk.notes
        )

    def _headers(self) -> Iterable[tuple[str, str]]:
        yield "anthropic-version", self.codec.version
        if self.talk.betas:
            yield "anthropic-beta", ",".join(dict.fromkeys(self.talk.betas))
        yield from session_headers(self.request, self.talk.compat.session_headers)

    # --- tools and system --------------------------------------------------------------------------------------------

    def _add_tools(self) -> None:
        tools: list[JsonDict] = []
        for tool in self.request.tools:
            tools.append(dict(tool.data) if isinstance(tool, ProviderTool) else self._tool(tool))
            if self.talk.compat.tool_markers:
                self.slots.append(Slot(tools[-1], "tool"))
        names = [tool["name"] for tool in tools if "name" in tool]
        choice = self._tool_choice(names)
        if not tools:
            tools = self._called_before()
            choice = {"type": "none"} if tools else choice
        if tools:
            self.body["tools"] = tools
            if self.options.get("eager_input_streaming") and not self.talk.compat.eager_input_streaming:
                self.talk.betas.append(_EAGER)
        if choice is not None:
            self.body["tool_choice"] = choice

    def _called_before(self) -> list[JsonDict]:
        """The tools that earlier calls name, for a request that has none: the server wants tools where there are calls
        (WIRE 4b)."""
        said = [part for m in self.request.messages if isinstance(m, AssistantMessage) for part in m.content]
        fit = self.talk.compat.rules.tool_name
        names = dict.fromkeys(fit(part.name) for part in said if isinstance(part, ToolCallPart))
        if names:
            self.talk.note("the tools of earlier calls are named, and none may be called: the request has no tools")
        return [{"name": name, "input_schema": {"type": "object"}} for name in names]

    def _tool(self, tool: ToolDefinition) -> JsonDict:
        if tool.kind == "custom":
            raise UnsupportedRequest(f"custom tool {tool.name!r}", "tools of the Messages API take JSON arguments")
        compat = self.talk.compat
        strict = tool.strict is True and compat.strict_tools
        said = tool.parameters or no_parameters(strict=strict)
        made = project(said, "anthropic", "tool", strict=strict, where=f"parameters of tool {tool.name!r}")
        self.talk.notes += made.changes
        wire: JsonDict = {"name": check_name(tool.name, TOOL_NAME, NAME_RULE)}
        if tool.description:
            wire["description"] = tool.description
        wire["input_schema"] = dict(made.schema)
        if compat.strict_tools and tool.strict is not None:
            wire["strict"] = tool.strict
        elif tool.strict:
            self.talk.note(f"the server does not hold tool {tool.name!r} to its schema")
        if compat.eager_input_streaming and self.options.get("eager_input_streaming"):
            wire["eager_input_streaming"] = True
        return wire

    def _tool_choice(self, names: list[str]) -> JsonDict | None:
        said = self.request.tool_choice
        parallel = self.options.get("parallel_tool_calls")
        if not self.request.tools:
            if said in (None, "auto", "none"):
                return None
            raise UnsupportedRequest(f"tool_choice {said!r}", "the request has no tools")
        if said == "none":
            return {"type": "none"}
        if said in (None, "auto"):
            return {"type": "auto", "disable_parallel_tool_use": True} if parallel is False else _auto(said)
        if said != "required" and said not in names:
            raise UnsupportedRequest(f"tool_choice {said!r}", "no tool of the request has this name")
        choice: JsonDict = {"type": "any"} if said == "required" else {"type": "tool", "name": said}
        if parallel is False:
            choice["disable_parallel_tool_use"] = True
        return choice

    def _add_system(self) -> None:
        said = self.request.system
        parts = (TextPart(said),) if isinstance(said, str) else said or ()
        blocks: list[JsonDict] = []
        for part in parts:
            block = text_block(part.text)
            if block is not None:
                blocks.append(block)
                self.slots.append(Slot(block, "system", True, part.cache_breakpoint))
        if blocks:
            self.body["system"] = blocks

    # --- output, thinking, sampling ----------------------------------------------------------------------------------

    def _add_output(self) -> None:
        output = self.request.output
        if output is None:
            return
        if isinstance(output, JsonObject):
            raise UnsupportedRequest("output JsonObject", "the Messages API has no free JSON mode: use JsonSchema")
        if self.talk.cited:
            raise UnsupportedRequest("output JsonSchema", "it does not go together with documents to be cited")
        made = project(output.schema, "anthropic", "output", where="output")
        self.talk.notes += made.changes
        self.config["format"] = {"type": "json_schema", "schema": dict(made.schema)}

    def _add_thinking(self) -> int:
        """`thinking` and the effort; returns the budget, 0 where there is none."""
        said = self.options.get("reasoning")
        compat = self.talk.compat
        budget = 0
        effort = self.options.get("effort")
        if effort:
            self.config["effort"] = effort
        if said == "off":
            known = compat.efforts_without_thinking
            if effort and known is not None and effort not in known:
                raise UnsupportedRequest(f"effort {effort!r}", f"with reasoning off it is one of {', '.join(known)}")
            self.body["thinking"] = {"type": "disabled"}
        elif isinstance(said, int):
            if not compat.budget_thinking:
                raise UnsupportedRequest(f"reasoning {said}", "the model takes levels and no budget")
            budget = said
        elif said is not None:
            self.body["thinking"] = {"type": "adaptive"}
            word = (compat.effort_words or {}).get(said, said)
            if word == "minimal":
                word = "low"
                self.talk.note("reasoning minimal is sent as low, the least effort there is")
            self.config.setdefault("effort", word)
        if budget:
            if self.talk.answers_unthought_calls():
                self.talk.note(
                    "thinking is left out: the calls being answered were made without it, or by another model"
                )
                return 0
            self.body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        display = self.options.get("thinking_display") or (
            "summarized" if self.options.get("expose_thinking") else None
        )
        if display and said is None and self._thinks_unasked():
            self.body["thinking"] = {"type": "adaptive", "display": display}
        elif display and said not in (None, "off"):
            self.body["thinking"]["display"] = display
        elif display:
            self.talk.note("how to show thinking is not said without a reasoning level or budget")
        return budget

    def _thinks_unasked(self) -> bool:
        known = self.spec.capability
        unasked = known is not None and (known.mandatory or known.default_level not in (None, "off"))
        return unasked and self.talk.compat.adaptive_thinking

    def _add_max_tokens(self, budget: int) -> None:
        limit = self.request.max_output_tokens
        if limit is None:
            limit = DEFAULT_MAX_TOKENS + budget
            if self.spec.max_output_tokens is not None:
                limit = min(limit, self.spec.max_output_tokens)
        self.body["max_tokens"] = limit
        mode = self.body.get("thinking", {}).get("type")
        if budget and limit <= budget and _INTERLEAVED not in self.talk.betas:
            raise UnsupportedRequest(f"max_output_tokens {limit}", f"it must be above the thinking budget of {budget}")
        forced = self.body.get("tool_choice", {}).get("type") in ("any", "tool")
        if forced and mode == "enabled":
            raise UnsupportedRequest("tool_choice", "a forced tool does not go together with a thinking budget")
        # Nothing but the prompt cache is filled (WIRE 4b).
        if limit == 0 and (self.stream or forced or mode in ("enabled", "adaptive") or "format" in self.config):
            rule = "no streaming, thinking, forced tool or output format go with it"
            raise UnsupportedRequest("max_output_tokens 0", rule)

    def _add_sampling(self) -> None:
        request = self.request
        if request.seed is not None:
            raise UnsupportedRequest("seed", "the Messages API has none")
        sampling = {"temperature": request.temperature, "top_p": request.top_p, "top_k": self.options.get("top_k")}
        thinks = self.body.get("thinking", {}).get("type") in ("enabled", "adaptive")
        for name, value in sampling.items():
            if value is None:
                continue
            if self.codec.version >= _NO_SAMPLING or not self.talk.compat.sampling:
                raise UnsupportedRequest(
                    name, "the API's newer version and its newer models take no sampling parameters"
                )
            if name != "top_k" and not 0 <= value <= 1:
                raise UnsupportedRequest(f"{name} {value}", "it must be from 0 to 1")
            if thinks and not (value == 1 or (name == "top_p" and value >= 0.95)):
                raise UnsupportedRequest(name, "it does not go together with thinking")
            self.body[name] = value
        for text in request.stop:
            if not text.strip():
                raise UnsupportedRequest(f"stop {text!r}", "a stop sequence needs more than white space")
        if request.stop:
            self.body["stop_sequences"] = list(request.stop)

    # --- what stands beside ------------------------------------------------------------------------------------------

    def _add_metadata(self) -> None:
        metadata = dict(self.request.metadata or {})
        if "user_id" in metadata:
            user = check_length(metadata.pop("user_id"), MAX_USER_ID, "metadata 'user_id'")
            self.body["metadata"] = {"user_id": user}
        for key in metadata:
            self.talk.note(f"metadata {key!r} left out: the Messages API knows user_id alone")

    def _add_container(self) -> None:
        container = self.options.get("container")
        if container is None and self.talk.container is not None and needs_container(self.request.messages):
            container = self.talk.container.get("id")
        if container is not None:
            self.body["container"] = container

    def _add_betas(self) -> None:
        """Name the betas that the body needs, unless the caller named one of the same kind with another date."""
        body = self.body
        said = {*body, f"speed {body.get('speed')}", f"display {body.get('thinking', {}).get('display')}"}
        needed = [beta for field, beta in _BETAS.items() if field in said]
        edits = body.get("context_management", {}).get("edits", ())
        if any(edit.get("type") == "compact_20260112" for edit in edits):
            needed.append(_COMPACTION)
        named = {_DATE.sub("", beta) for beta in self.talk.betas}
        self.talk.betas += [beta for beta in needed if _DATE.sub("", beta) not in named]

    def _add_markers(self) -> None:
        retention, ttl = self.options.get("cache_retention", "short"), self.talk.compat.marker_ttl
        if retention == "long" and not ttl:
            self.talk.note("the server decides how long it keeps the prompt cached")
        marker = ephemeral(retention, ttl=ttl)
        if marker is not None:
            slots = [*self.slots, *self.talk.slots]
            self.talk.notes += place_markers(slots, marker, self.options.get("extra_body"))


def as_anthropic(request: LlmRequest) -> AnthropicOptions:
    """The request's options as this dialect's; another dialect's own knobs say nothing here."""
    options = AnthropicOptions().over(request.options)
    return options if isinstance(options, AnthropicOptions) else AnthropicOptions()


def _auto(said: str | None) -> JsonDict | None:
    return {"type": "auto"} if said == "auto" else None
