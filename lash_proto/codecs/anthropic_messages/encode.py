"""Requests to the Messages API (WIRE 4a, 4b): everything but the messages.

Decisions.
- `max_tokens` is required: where the caller says nothing it is 32,000, above that by a thinking budget, and never more
  than the model's own limit.
- A level of reasoning is adaptive thinking and an effort, a number is a budget. Models that know budgets only
  (`AnthropicCompat.adaptive_thinking`) get the level as one.
- The system prompt is always a list of blocks, for the reason that content is.
- What two fields together make the server refuse is refused here, where the API's documentation says so for all models;
  what depends on the model is for the server to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from ...cache import MAX_MARKERS, Slot, ephemeral, place_markers
from ...errors import UnsupportedRequest
from ...http import HttpRequest
from ...messages import JsonObject, LlmRequest, ProviderTool, TextPart, ToolDefinition
from ...models import ModelSpec
from ...schema import no_parameters, project
from ...values import JsonDict
from .._encoder import check_name, fit_request, http_request, session_headers
from .content import NAME_RULE, TOOL_NAME, Conversation, needs_container, text_block
from .options import AnthropicOptions

if TYPE_CHECKING:
    from . import AnthropicMessages

DEFAULT_MAX_TOKENS: Final = 32_000
MIN_BUDGET: Final = 1024

# The version of the API that has no sampling parameters any more (WIRE F1).
_NO_SAMPLING: Final = "2026-10-21"
_INTERLEAVED: Final = "interleaved-thinking-2025-05-14"
_EAGER: Final = "fine-grained-tool-streaming-2025-05-14"
# The reference client's budgets for levels; it knows none above high.
_BUDGETS: dict[str, int] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 16384, "max": 16384}
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
        self.request = fit_request(self.request, evolve(self.spec, compat=self.talk.compat), self.talk.notes)
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
            if self.talk.compat.tool_markers and not tools[-1].get("defer_loading"):  # a marker there is refused
                self.slots.append(Slot(tools[-1], "tool"))
        names = [tool["name"] for tool in tools if "name" in tool]
        if tools:
            self.body["tools"] = tools
            if self.options.get("eager_input_streaming") and not self.talk.compat.eager_input_streaming:
                self.talk.betas.append(_EAGER)
        choice = self._tool_choice(names)
        if choice is not None:
            self.body["tool_choice"] = choice

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
        budget = 0
        if self.options.get("effort"):
            self.config["effort"] = self.options.get("effort")
        if said == "off":
            self.body["thinking"] = {"type": "disabled"}
        elif isinstance(said, int):
            budget = said
        elif said is not None and self.talk.compat.adaptive_thinking:
            self.body["thinking"] = {"type": "adaptive"}
            word = (self.talk.compat.effort_words or {}).get(said, said)
            if word == "minimal":
                word = "low"
                self.talk.note("reasoning minimal is sent as low, the least effort there is")
            self.config.setdefault("effort", word)
        elif said is not None:
            budget = self._budget_of(said)
        if isinstance(said, int) or budget:
            if self.talk.answers_unthought_calls():
                self.talk.note(
                    "thinking is left out: the calls being answered were made without it, or by another model"
                )
                return 0
            self.body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        display = self.options.get("thinking_display") or (
            "summarized" if self.options.get("expose_thinking") else None
        )
        if display and said not in (None, "off"):
            self.body["thinking"]["display"] = display
        elif display:
            self.talk.note("how to show thinking is not said without a reasoning level or budget")
        return budget

    def _budget_of(self, level: str) -> int:
        budget = _BUDGETS[level]
        limit = self.request.max_output_tokens
        limit = self.spec.max_output_tokens if limit is None else limit
        if limit is not None and limit - MIN_BUDGET < budget:
            budget = max(MIN_BUDGET, limit - MIN_BUDGET)
            self.talk.note(f"the thinking budget is {budget} tokens, to leave room for an answer")
        return budget

    def _add_max_tokens(self, budget: int) -> None:
        limit = self.request.max_output_tokens
        if limit is None:
            limit = DEFAULT_MAX_TOKENS + budget
            if self.spec.max_output_tokens is not None:
                limit = min(limit, self.spec.max_output_tokens)
        self.body["max_tokens"] = limit
        mode = self.body.get("thinking", {}).get("type")
        if mode == "enabled" and budget < MIN_BUDGET:
            raise UnsupportedRequest(f"reasoning {budget}", f"a thinking budget is at least {MIN_BUDGET} tokens")
        if limit < 0:
            raise UnsupportedRequest(f"max_output_tokens {limit}", "it must not be below 0")
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
            self.body["metadata"] = {"user_id": metadata.pop("user_id")}
        for key in metadata:
            self.talk.note(f"metadata {key!r} left out: the Messages API knows user_id alone")

    def _add_container(self) -> None:
        container = self.options.get("container")
        if container is None and self.talk.container is not None and needs_container(self.request.messages):
            container = self.talk.container.get("id")
        if container is not None:
            self.body["container"] = container

    def _add_markers(self) -> None:
        retention, ttl = self.options.get("cache_retention", "short"), self.talk.compat.marker_ttl
        if retention == "long" and not ttl:
            self.talk.note("the server decides how long it keeps the prompt cached")
        marker = ephemeral(retention, ttl=ttl)
        if marker is not None:
            # A marker at the top level, which the caller may have put there, counts too.
            limit = MAX_MARKERS - ("cache_control" in (self.options.get("extra_body") or {}))
            self.talk.notes += place_markers([*self.slots, *self.talk.slots], marker, limit=limit)


def as_anthropic(request: LlmRequest) -> AnthropicOptions:
    """The request's options as this dialect's; another dialect's own knobs say nothing here."""
    options = AnthropicOptions().over(request.options)
    return options if isinstance(options, AnthropicOptions) else AnthropicOptions()


def _auto(said: str | None) -> JsonDict | None:
    return {"type": "auto"} if said == "auto" else None
