"""Whom requests are made for: every kind, preset and dialect, with what may be asked of each server and each model.

What a server takes is written down here by hand, from WIRE and the vendors' types, and not asked of our encoders: a
knob that an encoder refuses without need shows in the share of refused requests. How servers of one dialect differ is
read from their compat flags, which are data and no behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, frozen

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.compat import AnthropicCompat, ChatCompat, Compat, GoogleCompat, ResponsesCompat
from lash_proto.messages import ReasoningLevel
from lash_proto.models import LEVELS, Capability, ModelSpec, supported_levels
from lash_proto.providers import (
    ProviderHandle,
    anthropic,
    codex,
    faux,
    github_copilot,
    google,
    google_oauth,
    openai,
    openai_compatible,
    openrouter,
)
from lash_proto.providers.presets import PRESETS

CHAT: Final = "openai-completions"
RESPONSES: Final = "openai-responses"
MESSAGES: Final = "anthropic-messages"
GEMINI: Final = "google-generative-ai"
CODE_ASSIST: Final = "google-code-assist"
APIS: Final = (CHAT, RESPONSES, MESSAGES, GEMINI, CODE_ASSIST)
"""The dialects of conversations."""


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- what dialects know ----------------------------------------------------------------------------------------------

_ALL: Final = words(
    "system tools strict_tools choice json_schema max_output_tokens temperature top_p session_id request_id metadata"
    " cache reasoning expose_thinking parallel choice:forced service_tier extra_body extra_headers"
)
_CHAT_OPTIONS: Final = words(
    "frequency_penalty presence_penalty logit_bias verbosity modalities prediction web_search_options"
    " safety_identifier store"
)
_RESPONSES_OPTIONS: Final = words(
    "store encrypted_reasoning include summary verbosity truncation previous_response_id conversation max_tool_calls"
    " background safety_identifier"
)
_MESSAGES_OPTIONS: Final = words(
    "top_k effort thinking_display eager_input_streaming betas container mcp_servers context_management speed"
    " inference_geo"
)
_GOOGLE_OPTIONS: Final = words(
    "top_k presence_penalty frequency_penalty media_resolution response_modalities image_config speech_config"
    " safety_settings cached_content"
)

KNOBS: Final[Mapping[str, frozenset[str]]] = {
    CHAT: _ALL | _CHAT_OPTIONS | words("json_object stop seed custom_tools user:audio user:file_id assistant:audio"),
    RESPONSES: (_ALL | _RESPONSES_OPTIONS)
    | words("json_object custom_tools user:file_id user:file_url image:file_id result:document provider_tools"),
    MESSAGES: (_ALL | _MESSAGES_OPTIONS)
    | words("stop budget user:file_id user:file_url user:cited image:file_id result:document provider_tools"),
    GEMINI: (_ALL | _GOOGLE_OPTIONS)
    | words(
        "stop seed json_object budget user:audio user:file_id user:file_url image:file_id result:document"
        " result:audio provider_tools"
    ),
}
"""The knobs and kinds of parts that a dialect has a place for."""

_TIERS: Final[Mapping[str, tuple[str, ...]]] = {
    CHAT: ("auto", "default", "flex", "scale", "priority", "fast"),
    RESPONSES: ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    MESSAGES: ("auto", "standard_only"),
    GEMINI: ("flex", "standard", "priority"),
}

_SERVER_TOOLS: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    CHAT: (),
    RESPONSES: (
        {"type": "web_search", "search_context_size": "low"},
        {"type": "web_search_preview"},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation"},
        {"type": "mcp", "server_label": "deep", "server_url": "https://mcp.test/", "require_approval": "never"},
        {"type": "local_shell"},
        {"type": "apply_patch"},
    ),
    MESSAGES: (
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"type": "memory_20250818", "name": "memory"},
    ),
    GEMINI: ({"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}, {"googleMaps": {}}),
}


# --- targets ---------------------------------------------------------------------------------------------------------


@frozen
class Model:
    """A model as its host knows it: `lacks` are knobs that the dialect has and this model refuses."""

    spec: ModelSpec
    lacks: frozenset[str] = frozenset()


@frozen
class Target:
    """One server: how it is reached, how the checker calls it, and what may be asked of it.

    `thoughts` are the ways in which it tells reasoning, as provider data of a scripted reply; `servers` are the
    providers whose recordings are its own; `tools` are those it runs itself; `extra` are fields of its own. `flagged`:
    its models have compat flags of all sorts.
    """

    name: str
    handle: ProviderHandle
    api: str
    dialect: str | None
    models: tuple[Model, ...]
    knobs: frozenset[str]
    thoughts: tuple[Mapping[str, Any] | None, ...] = (None,)
    servers: frozenset[str] = frozenset()
    tools: tuple[dict[str, Any], ...] = ()
    tiers: tuple[str, ...] = ()
    extra: tuple[dict[str, Any], ...] = ({},)
    flagged: bool = False
    pictures: bool = False

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def family(self) -> str:
        """The dialect, Code Assist and Gemini being one."""
        return GEMINI if self.api == CODE_ASSIST else self.api

    def codec(self, spec: ModelSpec) -> Any:
        """The codec that writes for a model."""
        route = self.handle.pictures if self.pictures else self.handle.route_of(spec)
        assert route is not None
        return route.codec

    def compat(self, spec: ModelSpec) -> Compat | None:
        """The flags that hold for a model."""
        own = self.handle.policy.spec(spec).compat
        return own if own is not None else getattr(self.codec(spec), "compat", None)

    def levels(self, spec: ModelSpec) -> tuple[ReasoningLevel, ...]:
        """The levels that a model can be asked for."""
        compat = self.compat(spec)
        if isinstance(compat, ChatCompat) and compat.thinking_format == "none":
            return ()
        return supported_levels(evolve(spec, compat=compat)) or LEVELS

    def takes_budget(self, spec: ModelSpec) -> bool:
        """Whether a number of tokens is a way to ask for reasoning."""
        compat = self.compat(spec)
        if spec.capability is not None and spec.capability.levels == ("off",):
            return False
        if isinstance(compat, ChatCompat):
            return compat.thinking_format == "openrouter" or compat.budget_field is not None
        return not isinstance(compat, ResponsesCompat)


def without_flags(compat: Compat | None) -> frozenset[str]:
    """The knobs that flags say a server does not have."""
    missing: set[str] = set()
    if isinstance(compat, ChatCompat):
        missing |= {knob for knob in ("custom_tools", "json_schema") if not getattr(compat, knob)} | set(compat.refuses)
    elif isinstance(compat, ResponsesCompat):
        missing |= {"custom_tools"} if not compat.custom_tools else set()
        missing |= set(compat.refuses)
    elif isinstance(compat, AnthropicCompat) and not compat.sampling:
        missing |= {"temperature", "top_p", "top_k"}
    return frozenset(missing)


def _of(*ids: str, lacks: str = "", **facts: Any) -> tuple[Model, ...]:
    return tuple(Model(ModelSpec(id, **facts), words(lacks)) for id in ids)


_NO_REASONING: Final = Capability(("off",))
# OpenAI's reasoning models take no sampling unless their effort is none, and no stop words (WIRE 1b, 2b).
_REASONS: Final = "temperature top_p stop"


def _chat(preset: str, dialect: str | None, *models: Model, **more: Any) -> Target:
    handle = openai_compatible("key", preset=preset, base_url=PRESETS[preset].base_url or "https://server.test/v1")
    compat = PRESETS[preset].compat
    # Servers other than OpenAI have no files of their own and no memory of what they said in sound.
    knobs = KNOBS[CHAT] - words("user:file_id assistant:audio web_search_options prediction") - without_flags(compat)
    more.setdefault("servers", frozenset({preset}))
    more.setdefault("tiers", _TIERS[CHAT])
    if more.get("tools"):
        knobs |= {"provider_tools"}
    return Target(preset, handle, CHAT, dialect, models or _of(f"{preset}-model"), knobs, **more)


_CONTENT: Final = {"field": "reasoning_content"}
_REASONING: Final = {"field": "reasoning"}
_DETAILS: Final = (
    {"details": [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}]},
    {"details": [{"type": "reasoning.encrypted", "data": "ZW5j", "id": "rs_1", "format": "openai-responses-v1"}]},
    {"field": "reasoning", "details": [{"type": "reasoning.summary", "summary": "Hm.", "index": 0}]},
)


def _chat_targets() -> list[Target]:
    openai_models = (
        *_of("gpt-4o", lacks="user:audio modalities assistant:audio web_search_options", capability=_NO_REASONING),
        *_of("gpt-4o-audio-preview", lacks="web_search_options", capability=_NO_REASONING),
        *_of("gpt-4o-search-preview", lacks="user:audio modalities assistant:audio", capability=_NO_REASONING),
        *_of("gpt-5.2", lacks=f"{_REASONS} user:audio modalities assistant:audio web_search_options"),
        *_of(
            "gpt-5.6-sol",
            lacks=f"{_REASONS} user:audio modalities assistant:audio web_search_options",
            compat=ChatCompat(cache_marks="openai"),
        ),
        *_of(
            "o3",
            lacks=f"{_REASONS} user:audio modalities assistant:audio web_search_options",
            compat=ChatCompat(system_role="developer"),
        ),
    )
    first = Target(
        "openai-compatible",
        openai_compatible("key", base_url="https://api.openai.com/v1"),
        CHAT,
        None,
        openai_models,
        KNOBS[CHAT],
        servers=frozenset({"openai"}),
        tiers=_TIERS[CHAT],
        extra=({"user": "me"}, {"logprobs": True, "top_logprobs": 2}, {"stream_options": None}),
    )
    azure = evolve(
        first,
        name="azure",
        handle=openai_compatible("key", preset="azure", base_url="https://me.openai.azure.com/openai/v1"),
        dialect="azure",
        # Not those of Azure itself: DeepSeek's models there say their reasoning in a field that OpenAI's refuse.
        servers=frozenset({"openai"}),
    )
    claude = ModelSpec("anthropic/claude-sonnet-4.5")
    odd = ChatCompat(
        assistant_after_tool_result=True,
        content_required=True,
        tools_with_history=True,
        tool_result_name=True,
        max_tokens_field="max_tokens",
        prompt_cache_key=False,
        custom_tools=False,
        replay_reasoning=False,
        session_headers=("x-session",),
    )
    qwen = ChatCompat(
        max_tokens_field="max_tokens",
        thinking_format="qwen",
        budget_field="thinking_budget",
        prompt_cache_key=False,
        custom_tools=False,
    )
    return [
        first,
        azure,
        _chat(
            "openrouter",
            "openrouter",
            Model(claude),
            *_of("openai/gpt-5.2", "google/gemini-3-pro"),
            thoughts=(_REASONING, *_DETAILS),
            tools=({"type": "openrouter:web_search"},),
            extra=({"provider": {"only": ["anthropic"]}}, {"usage": {"include": True}}, {"top_k": 5}),
        ),
        _chat(
            "groq",
            "groq",
            thoughts=(_REASONING,),
            tools=({"type": "browser_search"},),
            tiers=("auto", "on_demand", "flex", "performance"),
            extra=({"reasoning_format": "parsed"},),
        ),
        _chat("together", "together", thoughts=(_REASONING, _CONTENT), extra=({"top_k": 5},)),
        _chat("vllm", "vllm", thoughts=(_REASONING, _CONTENT), extra=({"top_k": 5, "min_p": 0.1},)),
        _chat("ollama", "ollama", thoughts=(_REASONING,), extra=({"keep_alive": "5m"},)),
        _chat("llama.cpp", "llama.cpp", thoughts=(_CONTENT,), extra=({"cache_prompt": True},)),
        _chat("mlx", "other", thoughts=(_REASONING, _CONTENT), servers=frozenset({"other"})),
        _chat("lmstudio", "lmstudio", thoughts=(_REASONING, _CONTENT)),
        _chat("deepseek", "deepseek", thoughts=(_CONTENT,)),
        _chat("xai", "xai", thoughts=(_CONTENT,), tools=({"type": "live_search"},), extra=({"deferred": False},)),
        _chat(
            "mistral",
            "mistral",
            thoughts=({"field": "content"}, {"field": "content", "with": {"closed": True}}),
            tools=({"type": "web_search"},),
            extra=({"safe_prompt": True},),
        ),
        _chat("zai", "zai", thoughts=(_CONTENT,), extra=({"tool_stream": True},)),
        _chat(
            "moonshot",
            "moonshot",
            thoughts=(_CONTENT,),
            tools=({"type": "builtin_function", "function": {"name": "$web_search"}},),
        ),
        _chat("cerebras", "cerebras", thoughts=(_REASONING,), tiers=("auto", "default", "flex", "priority")),
        Target(
            "qwen by flags",
            openai_compatible("key", base_url="https://dashscope.test/v1", compat=qwen),
            CHAT,
            "qwen",
            _of("qwen3-max"),
            KNOBS[CHAT] - words("custom_tools user:file_id assistant:audio web_search_options prediction"),
            thoughts=(_CONTENT,),
            servers=frozenset({"alibaba"}),
            tiers=_TIERS[CHAT],
        ),
        Target(
            "a front by flags",
            openai_compatible("key", base_url="https://front.test/v1", compat=odd),
            CHAT,
            "other",
            _of("some-model"),
            KNOBS[CHAT] - words("custom_tools user:file_id assistant:audio web_search_options prediction"),
            thoughts=(_CONTENT, _REASONING),
            servers=frozenset({"huggingface", "snowflake", "perplexity", "bedrock", "other", "pydantic-gateway"}),
            tiers=_TIERS[CHAT],
            flagged=True,
        ),
    ]


def _responses_targets() -> list[Target]:
    models = (
        *_of("gpt-5.2", lacks=_REASONS),
        *_of("gpt-4.1", capability=_NO_REASONING),
        *_of("o3", lacks=_REASONS, compat=ResponsesCompat(system_role="developer", strict_tools=None)),
        *_of(
            "gpt-5.6-sol",
            lacks=_REASONS,
            compat=ResponsesCompat(cache_breakpoints=True, cache_lifetime="options", encrypted_reasoning=True),
        ),
    )
    own: dict[str, Any] = {
        "tools": _SERVER_TOOLS[RESPONSES],
        "tiers": _TIERS[RESPONSES],
        "servers": frozenset({"openai"}),
        "extra": ({"top_logprobs": 2}, {"user": "me"}, {"prompt_cache_key": None}),
    }
    knobs = KNOBS[RESPONSES]
    refused = words("max_output_tokens temperature top_p previous_response_id metadata truncation store background")
    return [
        Target("openai", openai("key"), RESPONSES, None, models, knobs, **own),
        Target(
            "codex",
            codex("token", account_id="acct"),
            RESPONSES,
            "codex",
            _of("gpt-5.2-codex", lacks=_REASONS),
            knobs - refused - words("conversation"),
            **{**own, "extra": ({},)},
        ),
    ]


def _messages_targets() -> list[Target]:
    budgets = AnthropicCompat(adaptive_thinking=False)
    models = (
        *_of("claude-sonnet-4-5", lacks="temperature+top_p effort:xhigh", compat=budgets),
        *_of("claude-3-7-sonnet-latest", lacks="effort", compat=budgets),
        *_of("claude-opus-5", lacks="budget prefill", compat=AnthropicCompat(sampling=False)),
        *_of("claude-sonnet-5", lacks="prefill temperature+top_p"),
    )
    own: dict[str, Any] = {
        "tools": _SERVER_TOOLS[MESSAGES],
        "tiers": _TIERS[MESSAGES],
        "servers": frozenset({"anthropic"}),
        "extra": ({"diagnostics": {"previous_message_id": None}}, {"cache_control": {"type": "ephemeral"}}),
    }
    new: Any = anthropic("key")
    new = evolve(new, route=evolve(new.route, codec=evolve(new.route.codec, version="2026-10-21")))
    lenient = AnthropicCompat(
        message_stop_required=False, empty_signature_allowed=True, session_headers=("x-session-id",)
    )
    other: Any = anthropic("key", base_url="https://messages.test/anthropic")
    other = evolve(other, route=evolve(other.route, codec=evolve(other.route.codec, compat=lenient)))
    knobs = KNOBS[MESSAGES]
    return [
        Target("anthropic", anthropic("key"), MESSAGES, None, models, knobs, **own),
        Target(
            "anthropic 2026-10-21",
            new,
            MESSAGES,
            None,
            _of("claude-opus-4-8", lacks="budget prefill"),
            knobs - words("temperature top_p top_k"),
            **own,
        ),
        Target(
            "messages by flags",
            other,
            MESSAGES,
            "zai",
            _of("glm-4.6"),
            knobs,
            thoughts=(None, {"signature": ""}),
            **{**own, "servers": frozenset[str]()},
        ),
    ]


def _google_targets() -> list[Target]:
    old = GoogleCompat(thinking="budget", tool_result_parts=False, server_tool_calls=False)
    oldest = evolve(old, json_schema=False, validated_mode=False)
    behind = GoogleCompat(
        json_schema=False,
        call_ids_required=True,
        signature_sentinel=False,
        server_tool_calls=False,
        labels=True,
        demoted_reasoning=False,
    )
    own: dict[str, Any] = {"tools": _SERVER_TOOLS[GEMINI], "tiers": _TIERS[GEMINI]}
    knobs = KNOBS[GEMINI]
    vertex: Any = CODECS[GEMINI]
    flags = GoogleCompat(server_tool_calls=False, labels=True)
    vertex = evolve(vertex, provider="google", api_version="v1", compat=flags)
    project = "projects/p/locations/global/publishers/google/models/gemini-3-pro"
    return [
        Target(
            "google",
            google("key"),
            GEMINI,
            None,
            (
                *_of("gemini-3-pro-preview"),
                *_of("gemini-2.5-flash", compat=old),
                *_of("gemini-1.5-pro", compat=oldest, capability=_NO_REASONING),
            ),
            knobs,
            servers=frozenset({"google"}),
            extra=({"labels": None}, {"store": False}),
            **own,
        ),
        Target(
            "vertex",
            evolve(google("key"), route=Route("https://aiplatform.googleapis.com", vertex)),
            GEMINI,
            "vertex",
            _of(project),
            knobs,
            servers=frozenset({"vertex"}),
            **own,
        ),
        Target(
            "google_oauth",
            google_oauth("token", project="my-project"),
            CODE_ASSIST,
            None,
            (*_of("gemini-3-pro-preview"), *_of("claude-sonnet-4-5", compat=behind)),
            knobs,
            extra=({"enabled_credit_types": ["GOOGLE_ONE_AI"]},),
            **own,
        ),
    ]


def _copilot_targets() -> list[Target]:
    handle = github_copilot("tid=1;exp=2", identity={"editor-version": "mine/1"})
    # What Copilot runs itself is not known, so it is asked for none.
    return [
        Target(
            "github-copilot chat",
            handle,
            CHAT,
            "copilot",
            _of("gemini-2.5-pro", "gpt-4.1"),
            KNOBS[CHAT] - words("custom_tools user:file_id assistant:audio web_search_options prediction"),
            thoughts=({"field": "reasoning_text"}, {"field": "reasoning_text", "opaque": "b3BhcXVl"}),
            tiers=_TIERS[CHAT],
        ),
        Target(
            "github-copilot responses",
            handle,
            RESPONSES,
            "copilot",
            _of("gpt-5.2", "grok-4.5", lacks=_REASONS),
            KNOBS[RESPONSES] - words("provider_tools"),
            servers=frozenset({"github-copilot"}),
            tiers=_TIERS[RESPONSES],
        ),
        Target(
            "github-copilot messages",
            handle,
            MESSAGES,
            None,  # Anthropic's own rules
            _of("claude-sonnet-4.5", lacks="temperature+top_p"),
            KNOBS[MESSAGES] - words("provider_tools mcp_servers container"),
            tiers=_TIERS[MESSAGES],
        ),
    ]


def _faux_targets() -> list[Target]:
    """The faux provider speaks every dialect as its vendor does."""
    made: list[Target] = []
    for api in APIS:
        family = GEMINI if api == CODE_ASSIST else api
        knobs = KNOBS[family]
        handle = faux(api=api, api_key="key")
        tools, tiers = _SERVER_TOOLS[family], _TIERS[family]
        made.append(
            Target(
                f"faux {api}",
                handle,
                api,
                None,
                _of("faux-model", lacks="web_search_options"),
                knobs,
                tools=tools,
                tiers=tiers,
                flagged=api != CHAT,  # no vendor has the flags that servers of Chat have
            )
        )
    return made


def _picture_targets() -> list[Target]:
    azure = openai_compatible("key", preset="azure", base_url="https://me.test/openai/v1", api_version="2026-01-01")
    images = "openai-images"
    return [
        Target("openai pictures", openai("key"), images, None, _of("gpt-image-2"), frozenset(), pictures=True),
        Target("azure pictures", azure, images, None, _of("gpt-image-2"), frozenset(), pictures=True),
        Target(
            "openrouter pictures",
            openrouter("key"),
            CHAT,
            "openrouter",
            _of("google/gemini-3-pro-image"),
            frozenset(),
            pictures=True,
        ),
        Target(
            "openrouter preset's pictures",
            openai_compatible("key", preset="openrouter"),
            CHAT,
            "openrouter",
            _of("google/gemini-3-pro-image"),
            frozenset(),
            pictures=True,
        ),
    ]


TARGETS: Final[tuple[Target, ...]] = (
    *_responses_targets(),
    *_chat_targets(),
    *_messages_targets(),
    *_google_targets(),
    *_copilot_targets(),
    *_faux_targets(),
)
"""Whom conversations are for."""
PICTURES: Final[tuple[Target, ...]] = tuple(_picture_targets())
