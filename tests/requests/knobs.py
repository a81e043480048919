"""The fields of a request beside its messages: every knob that the target has, in company that it goes with.

What a model or dialect refuses is not asked for, except by the bold: these turn knobs that the target lacks, and must
be refused by part and rule.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, evolve, field
from hypothesis import strategies as st

from lash_proto.codecs.anthropic_messages import AnthropicOptions
from lash_proto.codecs.google import GoogleOptions
from lash_proto.codecs.openai_completions import ChatOptions
from lash_proto.codecs.openai_responses import ResponsesOptions
from lash_proto.compat import ResponsesCompat
from lash_proto.messages import JsonObject, Message, ProviderOptions, ProviderTool, TextPart, UserMessage
from lash_proto.models import LEVELS, Capability, ModelSpec

from . import parts
from .flags import FLAGS
from .parts import SAID, Draw, rarely, some
from .targets import CHAT, GEMINI, KNOBS, MESSAGES, RESPONSES, Model, Target, without_flags

EVERYTHING: Final = frozenset[str]().union(*KNOBS.values())
"""All knobs of all dialects."""


@define
class Knobs:
    """The fields of a request beside its messages, while they are chosen."""

    draw: Draw
    target: Target
    model: Model
    knobs: frozenset[str]
    fields: dict[str, Any] = field(factory=dict[str, Any])
    options: dict[str, Any] = field(factory=dict[str, Any])
    spec: ModelSpec = field(init=False)

    def has(self, knob: str, one_in: int = 4) -> bool:
        """Whether a knob is there and is to be turned."""
        return knob in self.knobs and rarely(self.draw, one_in)

    def put(self, name: str, strategy: st.SearchStrategy[Any], one_in: int = 4) -> None:
        if self.has(name, one_in):
            self.fields[name] = self.draw(strategy)

    def option(self, name: str, strategy: st.SearchStrategy[Any], one_in: int = 4) -> None:
        if self.has(name, one_in):
            self.options[name] = self.draw(strategy)

    def drop(self, *names: str) -> None:
        """What the rest must not have."""
        self.knobs -= frozenset(names)

    # --- the model ---------------------------------------------------------------------------------------------------

    def __attrs_post_init__(self) -> None:
        """What the host knows of the model."""
        facts: dict[str, Any] = {}
        if rarely(self.draw, 4):
            facts["max_output_tokens"] = self.draw(st.sampled_from([64, 4096, 200_000]))
        if rarely(self.draw, 6):
            facts["context_window"] = 200_000
        if rarely(self.draw, 5):
            facts["inputs"] = self.draw(st.sampled_from([("text",), ("text", "image"), ("text", "document", "audio")]))
        self.spec = evolve(self.model.spec, **facts)
        if self.target.flagged and not rarely(self.draw, 4):
            compat: Any = self.target.compat(self.spec)
            self.spec = evolve(self.spec, compat=evolve(compat, **self.draw(FLAGS[self.target.family])))
        self.knobs -= without_flags(self.target.compat(self.spec))
        if self.spec.capability is None and rarely(self.draw, 4):
            levels: Any = self.draw(st.sampled_from([None, ("low", "medium", "high"), ("off", "low", "high"), LEVELS]))
            budgets = self.draw(st.sampled_from([None, None, {"low": 1024, "high": 20_000}]))
            known = Capability(levels, budgets=budgets if self.takes_budgets else None)
            self.spec = evolve(self.spec, capability=known)

    @property
    def takes_budgets(self) -> bool:
        return "budget" not in self.model.lacks and self.target.takes_budget(self.spec)

    # --- reasoning, and what it rules out ----------------------------------------------------------------------------

    def reasoning(self) -> None:
        draw, spec, family = self.draw, self.spec, self.target.family
        levels = [level for level in self.target.levels(spec) if f"effort:{level}" not in self.model.lacks]
        if self.has("reasoning", 2):
            forms: list[Any] = [*levels, *levels, None]
            if self.takes_budgets:
                forms += 3 * {MESSAGES: [1024, 5000], GEMINI: [0, 512, -1]}.get(family, [0, 2048])
                if spec.capability is not None and spec.capability.levels and "off" not in spec.capability.levels:
                    forms = [form for form in forms if form != 0]
            self.options["reasoning"] = draw(st.sampled_from(forms))
        self.option("expose_thinking", st.booleans())
        said = self.options.get("reasoning")
        compat = self.target.compat(spec)
        if said == "off" and isinstance(compat, ResponsesCompat) and (compat.effort_words or {}).get("off", "none"):
            # A model that is told not to reason takes them.
            self.knobs |= self.model.lacks & self.target.knobs & {"temperature", "top_p"}
        if said not in (None, "off") and family == MESSAGES:
            self.thinking(said)

    def thinking(self, said: Any) -> None:
        """What Anthropic refuses beside thinking (WIRE 4b)."""
        self.drop("temperature", "top_k", "top_p", "prefill")
        compat: Any = self.target.compat(self.spec)
        budgets = (self.spec.capability.budgets if self.spec.capability is not None else None) or {}
        if isinstance(said, int) or said in budgets or not compat.adaptive_thinking:
            self.drop("choice:forced")
            self.knobs |= {"budgeted"}
            if (self.spec.max_output_tokens or 0) < _ABOVE_BUDGETS:
                self.spec = evolve(self.spec, max_output_tokens=None)

    # --- tools -------------------------------------------------------------------------------------------------------

    def tools(self, names: list[str], *, recursive: bool) -> None:
        draw = self.draw
        chosen: list[Any] = []
        if names and "tools" in self.knobs:
            chosen = draw(parts.tools(self.knobs, names, recursive=recursive))
        own = [tool.name for tool in chosen]
        served = self.target.tools
        if served and self.has("provider_tools"):
            some_served = some(draw, st.sampled_from(served), 2, 1)
            if "odd values" not in self.knobs:  # Anthropic has one name for one tool
                some_served = [tool for tool in some_served[:1] if tool.get("name") not in own]
            chosen += [ProviderTool(tool) for tool in some_served]
        if not chosen:
            self.fields["tool_choice"] = draw(st.sampled_from([None, None, "auto", "none"]))
            return
        self.fields["tools"] = chosen
        forms = ["auto", "none"]
        if "choice:forced" in self.knobs:
            forms += ["required", draw(st.sampled_from(own))] if own else self.named()
        if self.has("choice", 2):
            self.fields["tool_choice"] = draw(st.sampled_from(forms))
        if self.has("parallel"):
            self.options["parallel_tool_calls"] = draw(
                st.sampled_from([True, None] if self.target.family == GEMINI else [True, False])
            )

    def named(self) -> list[str]:
        """The words by which a provider's own tool can be asked for."""
        chosen = [tool.data for tool in self.fields["tools"]]
        if self.target.family == MESSAGES:
            return [tool["name"] for tool in chosen]
        if self.target.family == RESPONSES:
            return [tool.get("server_label") or tool["type"] for tool in chosen if tool["type"] != "local_shell"]
        return []

    # --- the rest ----------------------------------------------------------------------------------------------------

    def output(self, *, recursive: bool) -> None:
        held = self.target.family == MESSAGES  # to the schema, whatever is asked
        if self.has("json_object", 8):
            self.fields["output"] = JsonObject()
        elif self.has("json_schema", 4):
            self.fields["output"] = self.draw(parts.outputs(strict=held, recursive=recursive and not held))
            self.drop("user:cited", "prefill")  # Anthropic wants neither beside it (WIRE 4b)

    def numbers(self) -> None:
        draw, family = self.draw, self.target.family
        least = _ABOVE_BUDGETS if "budgeted" in self.knobs else 1
        self.put("max_output_tokens", st.sampled_from([cap for cap in (1, 16, 4096, 32_000, 500_000) if cap >= least]))
        hottest = 1 if family == MESSAGES else 2
        self.put("temperature", st.sampled_from([0, 0.0, 0.7, 1, hottest]))
        if not ("temperature+top_p" in self.model.lacks and "temperature" in self.fields):
            self.put("top_p", st.sampled_from([0.0, 0.5, 1]))
        most = {CHAT: 4, GEMINI: 5, MESSAGES: 9}.get(family, 4)
        words = SAID if family == MESSAGES else st.one_of(SAID, st.just("\n\n"))
        self.put("stop", st.lists(words, min_size=1, max_size=most))
        self.put("seed", st.sampled_from([0, 7, 2**31 - 1]))
        self.put("session_id", parts.SESSIONS)
        self.put("request_id", parts.REQUEST_IDS)
        values = ["1", "", "ü\ud83d", "y" * (256 if family == MESSAGES else 512)]
        keys = ["a", "b-c", "x" * 64, *(["user_id"] * 3 if family == MESSAGES else [])]
        self.put("metadata", st.dictionaries(st.sampled_from(keys), st.sampled_from(values), max_size=3))
        if "odd values" in self.knobs and rarely(draw, 3):
            self.fields["metadata"] = draw(st.sampled_from(_ODD_METADATA))
        if self.has("cache", 2):
            self.options["cache_retention"] = draw(st.sampled_from(["none", "short", "long"]))
        if self.target.tiers:
            self.option("service_tier", st.sampled_from(self.target.tiers))
        self.option("extra_body", st.sampled_from(self.target.extra))
        self.option("extra_headers", st.sampled_from([{"x-trace": "1"}, {"accept": None}, {"X-Trace": "ü"}]))

    def own_options(self) -> type[ProviderOptions]:
        """The dialect's own knobs, or another dialect's, which must be refused."""
        family = self.target.family
        if "other options" in self.knobs and rarely(self.draw, 12):
            family = self.draw(st.sampled_from([CHAT, RESPONSES, MESSAGES, GEMINI]))
        theirs = family != self.target.family
        class_, known = _OPTIONS[family]
        for name, strategy in known.items():
            if theirs or name in self.knobs:
                if rarely(self.draw, 7):
                    self.options[name] = self.draw(strategy)
        if family in _AGREE and not theirs:
            _AGREE[family](self)
        if "odd values" in self.knobs and "safety_identifier" in self.options:
            self.options["safety_identifier"] = "x" * 65
        return class_


_ODD_METADATA: Final = ({"user_id": "y" * 257}, {"a": "y" * 513}, {"x" * 65: "1"}, {str(n): "" for n in range(17)})
_ABOVE_BUDGETS: Final = 30_000
"""More than any budget that a level is made into."""

_OPTIONS: Final[dict[str, tuple[type[ProviderOptions], dict[str, st.SearchStrategy[Any]]]]] = {
    CHAT: (
        ChatOptions,
        {
            "frequency_penalty": st.sampled_from([-2, 0.5]),
            "presence_penalty": st.sampled_from([-0.5, 2]),
            "logit_bias": st.sampled_from([{"50256": -100}, {}]),
            "verbosity": st.sampled_from(["low", "high"]),
            "modalities": st.just(("text", "audio")),
            "prediction": st.just({"type": "content", "content": "Oslo"}),
            "web_search_options": st.sampled_from([{}, {"search_context_size": "low"}]),
            "safety_identifier": st.sampled_from(["user-1", "x" * 64]),
            "store": st.booleans(),
        },
    ),
    RESPONSES: (
        ResponsesOptions,
        {
            "store": st.booleans(),
            "encrypted_reasoning": st.booleans(),
            "include": st.sampled_from([(), ("file_search_call.results", "reasoning.encrypted_content")]),
            "summary": st.sampled_from(["auto", "concise", "detailed"]),
            "verbosity": st.sampled_from(["low", "medium", "high"]),
            "truncation": st.sampled_from(["auto", "disabled"]),
            "previous_response_id": st.just("resp_1"),
            "conversation": st.just("conv_1"),
            "max_tool_calls": st.just(3),
            "background": st.booleans(),
            "safety_identifier": st.sampled_from(["user-1", "x" * 64]),
        },
    ),
    MESSAGES: (
        AnthropicOptions,
        {
            "top_k": st.just(5),
            "effort": st.sampled_from(["low", "high", "max"]),
            "thinking_display": st.sampled_from(["summarized", "omitted"]),
            "eager_input_streaming": st.booleans(),
            "betas": st.sampled_from([(), ("fast-mode-2026-02-01",), ("interleaved-thinking-2025-05-14",)]),
            "container": st.sampled_from(["container_1", {"skills": [{"type": "anthropic", "skill_id": "pdf"}]}]),
            "mcp_servers": st.just(({"type": "url", "name": "deep", "url": "https://mcp.test/"},)),
            "context_management": st.just({"edits": [{"type": "clear_tool_uses_20250919"}]}),
            "speed": st.sampled_from(["standard", "fast"]),
            "inference_geo": st.just("us"),
        },
    ),
    GEMINI: (
        GoogleOptions,
        {
            "top_k": st.just(5),
            "presence_penalty": st.just(0.5),
            "frequency_penalty": st.just(-0.5),
            "media_resolution": st.sampled_from(["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"]),
            "response_modalities": st.sampled_from([("TEXT",), ("TEXT", "IMAGE"), ("AUDIO",)]),
            "image_config": st.just({"aspectRatio": "16:9", "imageSize": "2K"}),
            "speech_config": st.just({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}),
            "safety_settings": st.just(({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},)),
            "cached_content": st.just("cachedContents/1"),
        },
    ),
}


def _agree_chat(knobs: Knobs) -> None:
    if "modalities" in knobs.options:
        knobs.options["audio"] = {"voice": "alloy", "format": "wav"}


def _agree_responses(knobs: Knobs) -> None:
    options = knobs.options
    if "previous_response_id" in options:
        options.pop("conversation", None)
    if options.get("background"):
        options["store"] = True


def _agree_gemini(knobs: Knobs) -> None:
    if "cached_content" in knobs.options:  # it has these inside
        for name in ("tools", "tool_choice", "system"):
            knobs.fields.pop(name, None)


_AGREE: Final[dict[str, Any]] = {
    CHAT: _agree_chat,
    RESPONSES: _agree_responses,
    GEMINI: _agree_gemini,
}


def say_json(draw: Draw, knobs: Knobs, messages: list[Message]) -> None:
    """OpenAI gives a JSON object only where the word is said."""
    if draw(st.booleans()) and "cached_content" not in knobs.options and "system" in knobs.knobs:
        said = knobs.fields.get("system")
        knobs.fields["system"] = (*said, TextPart("Use JSON.")) if isinstance(said, tuple) else "Answer in JSON."
    else:
        messages.insert(0, UserMessage("Answer in JSON."))
