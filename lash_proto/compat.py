"""How servers of one dialect differ, as data. A flag here is the only way a codec becomes lenient or different.

Defaults are the vendor's own server. One class a dialect; `ModelSpec.compat` holds the one that fits the codec, and a
codec given none, or another dialect's, uses its defaults. Each class tells by `rules` what of a conversation that
began elsewhere its servers take.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final, Literal, TypeAlias, cast

from attrs import evolve, field, frozen

from .values import Value

_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]")
_NINE: Final = re.compile(r"[A-Za-z0-9]{9}")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@frozen(weakref_slot=False)
class TargetRules:
    """What servers of a dialect take of a conversation that began elsewhere (WIRE 12.4)."""

    id: re.Pattern[str]
    """Call ids that are taken as they are."""
    name: re.Pattern[str]
    """Tool names that are taken as they are."""
    id_length: int = 64
    id_digest: int = 12
    """Hex digits of a digest at the end of an id made fit, which keep apart what the rest would make alike."""
    nine: bool = False
    """Mistral's ids: nine letters and digits."""
    name_length: int = 64
    not_in_name: re.Pattern[str] = _NOT_PLAIN
    custom_calls: bool = False
    """Whether calls whose argument is free text are known; else it becomes the argument `input`."""
    demoted_reasoning: bool = True
    own_reasoning: bool = False
    """Whether reasoning without an origin, the app's own, has a place."""
    signed_reasoning: bool = False
    """Whether it has one where it is signed, or redacted."""

    def call_id(self, id: str) -> str:
        """The id as it is where it is taken, else the same other one each time."""
        if self.id.fullmatch(id):
            return id
        digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
        if self.nine:
            number = int.from_bytes(digest, "big")
            return "".join([_ALPHABET[number // 62**place % 62] for place in range(9)])
        kept = _NOT_PLAIN.sub("_", id)[: self.id_length - self.id_digest - 1]
        return f"{kept}_{digest.hex()[: self.id_digest]}"

    def tool_name(self, name: str) -> str:
        """The name as it is where it is taken, else the nearest that is."""
        if self.name.fullmatch(name):
            return name
        fitted = self.not_in_name.sub("_", name)[: self.name_length]
        return fitted if self.name.fullmatch(fitted) else f"_{fitted}"[: self.name_length]


@cache  # every request asks for its rules, and to make them anew takes longer than to read a message
def _but(rules: TargetRules, **changes: Any) -> TargetRules:
    return evolve(rules, **changes)


_CHAT_RULES: Final = TargetRules(
    id=re.compile(r"[A-Za-z0-9_-]{1,40}"),
    name=re.compile(r"[A-Za-z0-9_-]{1,64}"),
    id_length=40,
    id_digest=8,
)

_RESPONSES_RULES: Final = TargetRules(
    id=re.compile(r"[A-Za-z0-9_-]{1,64}"),
    name=re.compile(r"[A-Za-z0-9_-]{1,128}"),
    custom_calls=True,
)
_ANTHROPIC_RULES: Final = TargetRules(
    id=re.compile(r"[A-Za-z0-9_-]{1,64}"),
    name=re.compile(r"[A-Za-z0-9_-]{1,128}"),
    name_length=128,
    signed_reasoning=True,
)
_GOOGLE_RULES: Final = TargetRules(
    id=re.compile(r"[A-Za-z0-9_-]{1,64}"),
    name=re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}"),
    name_length=128,
    not_in_name=re.compile(r"[^A-Za-z0-9_.:-]"),
    own_reasoning=True,
)

ThinkingFormat: TypeAlias = Literal[
    "none",
    "openai",
    "openrouter",
    "deepseek",
    "zai",
    "together",
    "qwen",
    "qwen-chat-template",
    "chat-template",
    "baseten",
    "string",
    "ant-ling",
]
"""Ways in which Chat Completions servers are told how much to reason; what each sends stands in the encoder."""


_VARIABLES: Final = ("thinking.enabled", "thinking.effort", "thinking.budget")


def _check_template(compat: Any, attribute: Any, template: Mapping[str, Any] | None) -> None:
    for name, value in (template or {}).items():
        if isinstance(value, Mapping):
            variable = cast("Mapping[str, Any]", value)
            if variable.get("$var") not in _VARIABLES or not variable.keys() <= {"$var", "omit_when_off"}:
                raise ValueError(f"template[{name!r}]: a `$var` is one of {', '.join(_VARIABLES)}")


@frozen(weakref_slot=False, getstate_setstate=False)
class ChatCompat(Value):
    """Chat Completions servers."""

    tag: ClassVar = ("type", "chat_compat")
    finish_reason_required: bool = True
    """False: the server may end a whole answer without a finish_reason (WIRE 12.1)."""
    bare_400_is_overflow: bool = False
    """A 400 without a body means that the prompt is too long (Cerebras, WIRE 12.3); others mean anything by it."""
    reasoning_in_output: bool = True
    """False: `completion_tokens` leaves the reasoning tokens out, as xAI's does (WIRE 2e)."""
    system_role: Literal["system", "developer"] = "system"
    """OpenAI takes both and most other servers only `system`; its older reasoning models want `developer`."""
    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """OpenAI's reasoning models refuse the old name; most other servers know only that (WIRE 2b, 2h)."""
    usage_in_stream: bool = True
    """Whether `stream_options.include_usage` is sent."""
    thinking_format: ThinkingFormat = "openai"
    """How a reasoning level or budget is written; "none": the server has no field for it."""
    template: Mapping[str, Any] | None = field(default=None, validator=_check_template)
    """What the formats "chat-template" and "baseten" tell the model's chat template, under the template's own names:
    values as they are sent, in every request, and variables that follow the reasoning asked for.
    `{"$var": "thinking.enabled"}` is true or false, "thinking.effort" the server's word for the level (for off only one
    from `effort_words`), "thinking.budget" the tokens; with `"omit_when_off": True` it is left out at off."""
    effort_words: Mapping[str, Any] | None = None
    """The server's words for our levels where they differ; None for a level that it does not have. An empty word is
    said by sending nothing (in the format "openai"); the format "ant-ling" has only those that stand here."""
    effort_beside_thinking: bool = False
    """Whether a format that switches thinking on takes `reasoning_effort` beside the switch."""
    budget_field: str | None = None
    """The field for a reasoning budget: `thinking_budget` (Qwen), `thinking_token_budget` (vLLM),
    `thinking_budget_tokens` (llama.cpp)."""
    show_reasoning: Mapping[str, Any] | None = None
    """The body fields by which `expose_thinking` asks for readable reasoning; `{}`: the server shows it unasked. None:
    there is no such field, which is noted."""
    replay_reasoning: bool = True
    """False: the server refuses to be told its own reasoning again, as DeepSeek's R1 did (WIRE 2h)."""
    reasoning_as_text: bool = False
    """True: its own reasoning goes back as text at the head of what it said, in a content of parts and without tags, to
    a server that knows no field for it."""
    reasoning_content_required: bool = False
    """Every assistant message needs `reasoning_content`, if need be the one below (DeepSeek with tools, Moonshot)."""
    reasoning_filler: str = ""
    """What stands for reasoning that a message does not have; Moonshot takes an empty one for none
    (earendil-works/pi#4178)."""
    tool_result_name: bool = False
    """Tool messages carry the tool's `name`."""
    assistant_after_tool_result: bool = False
    """A user message may not follow a tool message: an assistant message is put between."""
    content_required: bool = False
    """Assistant content is `""` where it would be null."""
    tools_with_history: bool = False
    """`tools: []` is sent where the history has calls and the request no tools (LiteLLM before Anthropic)."""
    tool_stream: bool = False
    """Whether a stream with tools says `tool_stream`: z.ai streams a call's arguments only then (WIRE 2h)."""
    strict_tools: bool = True
    """Whether a tool may say `strict`."""
    custom_tools: bool = True
    """Whether there are custom tools, with grammars or without."""
    json_schema: bool = True
    """False: of structured output the server has only `json_object` (DeepSeek)."""
    refuses: tuple[str, ...] = ()
    """Body fields that the server refuses (WIRE 2h): to need one is an UnsupportedRequest, and `store: false` is left
    out."""
    prompt_cache_key: bool = True
    """Whether `session_id` is sent as `prompt_cache_key`."""
    cache_marks: Literal["openai", "anthropic", "gemini"] | None = None
    """How a cache breakpoint is written on a part: `prompt_cache_breakpoint` (GPT-5.6 and later), or `cache_control` as
    gateways take it for Claude ("anthropic") and for Gemini ("gemini": one in a request, without a `ttl`)."""
    marker_ttl: bool = True
    """Whether Anthropic's markers may say `ttl: "1h"`; False: a long cache is marked as a short one."""
    cache_lifetime: Literal["retention", "options"] | None = "retention"
    """How a long cache is asked for, unless markers do it: `prompt_cache_retention`, or `prompt_cache_options` (GPT-5.6
    and later); None: the server has neither."""
    session_headers: tuple[str, ...] = ()
    """Headers that carry `session_id`, so that a conversation stays on one cache: `x-session-id` (OpenRouter),
    `x-session-affinity`."""
    store: bool | None = None
    """The `store` that is sent where the options say nothing. None: none is sent, which means False to OpenAI (WIRE 2b)
    and most other servers would not know it (WIRE 2h)."""
    body: Mapping[str, Any] | None = None
    """Fields that every request to the server has, less those that the request says itself: what a server takes beside
    the dialect, as OpenRouter's `provider`, `providerOptions` of Vercel's gateway, vLLM's `priority` (WIRE 2h)."""
    mistral: bool = False
    """Mistral's own words: `random_seed`, `any` for required, `document_url`, call ids of nine letters and digits."""
    demoted_reasoning: bool = True
    """False: reasoning of other models is never told as text. Claude takes it for an attempt to draw out its own
    thoughts and refuses; so say it of Claude behind this dialect too."""

    @property
    def rules(self) -> TargetRules:
        """What this server takes of a conversation that began elsewhere."""
        return _but(
            _CHAT_RULES,
            id=_NINE if self.mistral else _CHAT_RULES.id,
            nine=self.mistral,
            custom_calls=self.custom_tools,
            demoted_reasoning=self.demoted_reasoning,
            own_reasoning=self.reasoning_content_required or self.reasoning_as_text,
        )


@frozen(weakref_slot=False, getstate_setstate=False)
class ResponsesCompat(Value):
    """Responses servers."""

    tag: ClassVar = ("type", "responses_compat")
    system_role: Literal["instructions", "developer", "system"] = "instructions"
    """Where the system text goes: the field `instructions`, or a first message of that role."""
    default_instructions: str | None = None
    """Sent where the request has no system text, for servers that refuse an empty `instructions` (WIRE 3)."""
    store: bool | None = False
    """The `store` that is sent where the options say nothing; None: none is sent (GitHub Copilot, WIRE 7)."""
    encrypted_reasoning: bool | None = None
    """Ask for encrypted reasoning, so that it can be sent back without being stored (WIRE 1h). None: where the request
    says how to reason. OpenAI gives it unasked, and its models that do not reason refuse the question."""
    stream_only: bool = False
    """The server streams whatever was asked for (WIRE 3)."""
    refuses: tuple[str, ...] = ()
    """Body fields that the server refuses, `store` standing for `store: true`: to need one is an UnsupportedRequest."""
    strict_tools: bool | None = False
    """The `strict` of a tool that says nothing. It is always sent: left out it would mean true (WIRE 1b)."""
    custom_tools: bool = True
    """Whether there are custom tools, with grammars or without."""
    effort_words: Mapping[str, Any] | None = None
    """The server's words for our reasoning levels where they differ; None for a level that it does not have, an empty
    one for a level that is said by sending nothing."""
    min_output_tokens: int = 16
    """The smallest `max_output_tokens` that the server takes; a smaller cap is raised to it (WIRE 1b)."""
    prompt_cache_key: bool = True
    """Whether `session_id` is sent as `prompt_cache_key`."""
    cache_breakpoints: bool = False
    """Whether content parts take `prompt_cache_breakpoint` (GPT-5.6 and later, WIRE 1b)."""
    cache_lifetime: Literal["retention", "options"] | None = "retention"
    """How a long cache is asked for: `prompt_cache_retention`, or `prompt_cache_options` (GPT-5.6 and later); None: the
    server has neither."""
    headers: Mapping[str, str] | None = None
    """Headers that every request to the server has."""
    session_headers: tuple[str, ...] = ()
    """Headers that carry `session_id` beside `prompt_cache_key`: `session-id` (Codex, WIRE 3)."""
    demoted_reasoning: bool = True
    """False: reasoning of other models is never told as text. Claude takes it for an attempt to draw out its own
    thoughts and refuses; so say it of Claude behind this dialect too."""

    @property
    def rules(self) -> TargetRules:
        """What this server takes of a conversation that began elsewhere."""
        return _but(_RESPONSES_RULES, custom_calls=self.custom_tools, demoted_reasoning=self.demoted_reasoning)


# The ChatGPT subscription's backend (WIRE 3).
CODEX = ResponsesCompat(
    encrypted_reasoning=True,
    default_instructions="You are a helpful assistant.",
    stream_only=True,
    refuses=(
        "store",
        "max_output_tokens",
        "temperature",
        "top_p",
        "previous_response_id",
        "metadata",
        "user",
        "truncation",
    ),
    strict_tools=None,
    cache_lifetime=None,
    headers={"openai-beta": "responses=experimental"},
    session_headers=("session-id",),
)


@frozen(weakref_slot=False, getstate_setstate=False)
class AnthropicCompat(Value):
    """Messages servers."""

    tag: ClassVar = ("type", "anthropic_compat")
    message_stop_required: bool = True
    """False: a front may cut `message_stop`; a `message_delta` with a stop reason is then the end (WIRE 12.1)."""
    adaptive_thinking: bool = True
    """False: the model knows thinking budgets only, so a level becomes one (Claude 4.5 and older)."""
    budget_thinking: bool = True
    """False: the model refuses thinking budgets (Claude 4.7 and newer, WIRE 4b)."""
    effort_words: Mapping[str, Any] | None = None
    """The server's words for our reasoning levels where they differ; None for a level that it does not have, as "off"
    of a model that always thinks."""
    efforts_without_thinking: tuple[str, ...] | None = None
    """The efforts that go together with thinking switched off; None: all. Opus 5 refuses xhigh and max (WIRE 4b)."""
    sampling: bool = True
    """False: the model refuses `temperature`, `top_p` and `top_k`, as Claude 4.7 and newer do (WIRE 4b)."""
    empty_signature_allowed: bool = False
    """True: the server signs no thinking and wants it back with `signature: ""` (WIRE 4h)."""
    strict_tools: bool = True
    """Whether a tool may say `strict`."""
    eager_input_streaming: bool = True
    """Whether a tool may say `eager_input_streaming`, where the options ask for it; False: the server knows it by the
    beta `fine-grained-tool-streaming-2025-05-14` that came before (WIRE 4a)."""
    tool_markers: bool = True
    """Whether the last tool may carry a cache marker."""
    marker_ttl: bool = True
    """Whether a marker may say `ttl: "1h"`; False: a long cache is marked as a short one."""
    session_headers: tuple[str, ...] = ()
    """Headers that carry `session_id`, so that a conversation stays on one cache: `x-session-id` (OpenRouter)."""
    demoted_reasoning: bool = False
    """Whether reasoning of other models may be told as text. Claude takes it for an attempt to draw out its own
    thoughts and refuses."""

    @property
    def rules(self) -> TargetRules:
        """What this server takes of a conversation that began elsewhere."""
        allowed = self.empty_signature_allowed
        return _but(_ANTHROPIC_RULES, demoted_reasoning=self.demoted_reasoning, own_reasoning=allowed)


@frozen(weakref_slot=False, getstate_setstate=False)
class GoogleCompat(Value):
    """Gemini API and Code Assist."""

    tag: ClassVar = ("type", "google_compat")
    json_schema: bool = True
    """False: tools and structured output take the OpenAPI subset only, as Claude behind Code Assist does (WIRE 5b)."""
    thinking: Literal["level", "budget"] = "level"
    """How a reasoning level is said: `thinkingLevel` from Gemini 3 on, a `thinkingBudget` before (WIRE 5b)."""
    call_ids_required: bool = False
    """Send a call's id also where the model gave none: Claude and gpt-oss behind Code Assist want one (WIRE 5b)."""
    signature_sentinel: bool = True
    """Mark calls that no Gemini made with Google's documented word, without which Gemini 3 refuses them (WIRE 5h)."""
    tool_result_parts: bool = True
    """False: before Gemini 3 pictures do not go inside a `functionResponse`; they follow in a content of their own."""
    validated_mode: bool = True
    """Whether a strict tool is asked for by the mode VALIDATED, which Gemini has from 2.5 on (WIRE 5h)."""
    server_tool_calls: bool = True
    """Whether mixing Google's tools with functions is asked for; Gemini 3 wants it, Vertex and older ones refuse it."""
    labels: bool = False
    """Whether `metadata` is sent as `labels`: Vertex and Code Assist have them, the Gemini API has not (WIRE 5b)."""
    demoted_reasoning: bool = True
    """False: reasoning of other models is never told as text. Claude takes it for an attempt to draw out its own
    thoughts and refuses; so say it of Claude behind this dialect too."""

    @property
    def rules(self) -> TargetRules:
        """What this server takes of a conversation that began elsewhere."""
        return _but(_GOOGLE_RULES, demoted_reasoning=self.demoted_reasoning)


Compat: TypeAlias = ChatCompat | ResponsesCompat | AnthropicCompat | GoogleCompat
