"""How known servers of Chat Completions differ: one entry a server, data and nothing else.

`openai_compatible(preset="groq")` takes an entry by its name. `PRESETS["mine"] = Preset(...)` adds one, for saved
handles too. Each flag is there for a reason of the server's own (WIRE 2h, else what the server's documents say). Where
a server's models differ from each other, a preset tells what all of them take, and `ModelSpec.compat` what one takes.
Flags in `by_model` hold for models whose ids begin so: OpenRouter puts the maker before the name.
"""

from __future__ import annotations

from typing import Final, Literal

from attrs import evolve, frozen

from ..compat import ChatCompat
from ..models import LEVELS, ModelSpec


@frozen(weakref_slot=False)
class Preset:
    """One server. Without a `base_url` the caller must give one; without `variables` it needs no key."""

    base_url: str | None = None
    variables: tuple[str, ...] = ()
    compat: ChatCompat = ChatCompat()
    by_model: tuple[tuple[str, ChatCompat], ...] = ()
    key_header: str = "authorization"
    pictures: Literal["openai-images", "openrouter-images"] = "openai-images"


@frozen(weakref_slot=False)
class CompatByModel:
    """The policy that gives a model its flags by how its id begins, the first that fits. A spec's own flags stand."""

    flags: tuple[tuple[str, ChatCompat], ...]

    def spec(self, model: str | ModelSpec) -> ModelSpec:
        """The model to ask for."""
        spec = ModelSpec.of(model)
        if spec.compat is None:
            for beginning, compat in self.flags:
                if spec.id.startswith(beginning):
                    return evolve(spec, compat=compat)
        return spec


# Custom tools and the fields of its prompt cache are OpenAI's own, and so is keeping reasoning back; most servers know
# only the older name for the token limit.
_NEW: Final = ChatCompat(prompt_cache_key=False, cache_lifetime=None, custom_tools=False, show_reasoning={})
_OLD: Final = evolve(_NEW, max_tokens_field="max_tokens")

_OPENROUTER: Final = evolve(_NEW, thinking_format="openrouter", session_headers=("x-session-id",))
_GROQ: Final = evolve(
    _NEW,
    effort_words={"minimal": None, "xhigh": None, "max": None},
    show_reasoning={"include_reasoning": True},
    refuses=("logit_bias",),
)
# It knows on and off only, and writes its reasoning between tags in the text unless told otherwise.
_GROQ_QWEN: Final = evolve(
    _GROQ, effort_words=dict.fromkeys(LEVELS[1:], "default"), show_reasoning={"reasoning_format": "parsed"}
)

PRESETS: Final[dict[str, Preset]] = {
    # Claude and Gemini behind OpenRouter cache what is marked (WIRE 2h, 12.7).
    "openrouter": Preset(
        base_url="https://openrouter.ai/api/v1",
        variables=("OPENROUTER_API_KEY",),
        compat=_OPENROUTER,
        by_model=(
            ("anthropic/", evolve(_OPENROUTER, cache_marks="anthropic", demoted_reasoning=False)),
            ("google/gemini", evolve(_OPENROUTER, cache_marks="gemini")),
        ),
        pictures="openrouter-images",
    ),
    # Of its two fields that show reasoning a request may have one, and gpt-oss knows only the first (Groq's documents).
    "groq": Preset(
        base_url="https://api.groq.com/openai/v1",
        variables=("GROQ_API_KEY",),
        compat=_GROQ,
        by_model=(("qwen/qwen3-32b", _GROQ_QWEN),),
    ),
    "together": Preset(
        base_url="https://api.together.xyz/v1",
        variables=("TOGETHER_API_KEY",),
        compat=evolve(_OLD, thinking_format="together", refuses=("store",)),
    ),
    "vllm": Preset(compat=evolve(_OLD, budget_field="thinking_token_budget")),
    # A whole answer may end without a finish_reason.
    "ollama": Preset(base_url="http://localhost:11434/v1", compat=evolve(_OLD, finish_reason_required=False)),
    "llama.cpp": Preset(
        base_url="http://localhost:8080/v1",
        compat=evolve(_OLD, thinking_format="qwen-chat-template", budget_field="thinking_budget_tokens"),
    ),
    "mlx": Preset(base_url="http://localhost:8080/v1", compat=evolve(_OLD, thinking_format="qwen-chat-template")),
    "lmstudio": Preset(
        base_url="http://localhost:1234/v1",
        compat=evolve(_OLD, effort_words={"minimal": None, "max": None}),
    ),
    # With tools in thinking mode every assistant message must bring `reasoning_content`; schemas are held under /beta.
    "deepseek": Preset(
        base_url="https://api.deepseek.com",
        variables=("DEEPSEEK_API_KEY",),
        compat=evolve(
            _OLD,
            thinking_format="deepseek",
            effort_beside_thinking=True,
            effort_words={"minimal": None},
            reasoning_content_required=True,
            json_schema=False,
            strict_tools=False,
            refuses=("seed",),
        ),
    ),
    # Completion tokens leave the reasoning out (WIRE 2e).
    "xai": Preset(
        base_url="https://api.x.ai/v1",
        variables=("XAI_API_KEY",),
        compat=evolve(
            _NEW,
            reasoning_in_output=False,
            effort_words={"minimal": None, "max": None},
            session_headers=("x-grok-conv-id",),
        ),
    ),
    # It tells usage unasked, and refuses fields that it does not know.
    "mistral": Preset(
        base_url="https://api.mistral.ai/v1",
        variables=("MISTRAL_API_KEY",),
        compat=evolve(
            _OLD,
            mistral=True,
            usage_in_stream=False,
            tool_result_name=True,
            effort_words={"minimal": None, "low": None, "medium": None, "xhigh": None, "max": None},
        ),
    ),
    # `base_url` ends in /openai/v1, or in /openai/deployments/NAME with an api_version; for an Entra token,
    # key_header="authorization".
    "azure": Preset(variables=("AZURE_OPENAI_API_KEY",), key_header="api-key"),
    "zai": Preset(
        base_url="https://api.z.ai/api/paas/v4",
        variables=("ZAI_API_KEY",),
        compat=evolve(_OLD, thinking_format="zai", tool_stream=True),
    ),
    # `thinking: {"type": ...}` is DeepSeek's switch, without an effort beside it. While it thinks, an assistant message
    # with calls must bring reasoning.
    "moonshot": Preset(
        base_url="https://api.moonshot.ai/v1",
        variables=("MOONSHOT_API_KEY",),
        compat=evolve(_OLD, thinking_format="deepseek", reasoning_content_required=True, reasoning_filler=" "),
    ),
    "cerebras": Preset(
        base_url="https://api.cerebras.ai/v1",
        variables=("CEREBRAS_API_KEY",),
        compat=evolve(
            _NEW,
            prompt_cache_key=True,
            effort_words={"minimal": None, "xhigh": None, "max": None},
            refuses=("store", "frequency_penalty", "presence_penalty"),
            bare_400_is_overflow=True,
        ),
    ),
}
