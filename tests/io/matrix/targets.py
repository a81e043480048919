"""Whom the matrix asks: every provider kind, several presets of the one that has some, and what is peculiar to each.

A server's own ways are written here by hand: its call ids, how it seals what its model thought, and the body with which
it says that the input is too long (WIRE 1g, 2g, 4g, 5g, 7, 12.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from attrs import frozen

from lash_io.faux_server import FauxServer
from lash_proto import ReasoningPart, ToolCallPart
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
)

SEAL: Final = "c2VhbGVkIGJ5IHRoZSBwcm92aWRlcg=="
"""A signature, or an encrypted thought: what a provider wants back as it was."""

Thought = Callable[[str], Mapping[str, Any] | None]


def _unsealed(text: str) -> None:
    return None


def _signed(text: str) -> Mapping[str, Any]:
    return {"signature": SEAL}


def _encrypted(text: str) -> Mapping[str, Any]:
    return {"encrypted_content": SEAL}


def _with_details(text: str) -> Mapping[str, Any]:
    """OpenRouter tells a thought in a field and again, signed, in `reasoning_details`."""
    entry = {"type": "reasoning.text", "text": text, "signature": SEAL, "format": "anthropic-claude-v1", "index": 0}
    return {"field": "reasoning", "details": [entry]}


def _in_field(name: str, **more: Any) -> Thought:
    return lambda text: {"field": name, **more}


@frozen
class Target:
    """A model of a provider. `overflow` is status and body of its answer to too much input.

    `ids` are those of its calls, None where it gives none; `id_rule` is what ids it takes. `hears_thoughts`: thoughts
    of others may be told it as text. `server` is who answers where the kind alone does not tell.
    """

    handle: ProviderHandle
    model: str
    overflow: tuple[int, Any]
    ids: tuple[str, str] | None
    id_rule: str
    thought: Thought = _unsealed
    sealed_calls: bool = False
    hears_thoughts: bool = True
    server: str | None = None

    @property
    def api(self) -> str:
        """The dialect."""
        return self.handle.route_of(self.model).codec.api

    @property
    def provider(self) -> str:
        """Who is named as the provider of an answer."""
        return self.server or self.handle.kind

    def think(self, text: str) -> ReasoningPart:
        """A thought as this provider tells it."""
        return ReasoningPart(text, provider_data=self.thought(text))

    def call(self, number: int, city: str) -> ToolCallPart:
        """A call of the weather tool as this provider makes it. Gemini signs the first of a turn."""
        seal = {"thoughtSignature": SEAL} if self.sealed_calls and number == 0 else None
        id, sent = (self.ids[number], True) if self.ids is not None else (f"unsaid-{number}", False)
        return ToolCallPart(id, "weather", {"city": city}, id_sent=sent, provider_data=seal)


def aimed(handle: ProviderHandle, server: FauxServer) -> ProviderHandle:
    """The handle with its calls sent to the server: over HTTP, a faux one too, which would ask its own provider."""
    there = server.aim(handle)
    return ProviderHandle(**{each.name: getattr(there, each.name) for each in attrs.fields(ProviderHandle)})


_OPENAI: Final = (
    400,
    {
        "error": {
            "message": "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "context_length_exceeded",
        }
    },
)
_ANTHROPIC: Final = (
    400,
    {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 213462 tokens > 200000 maximum"},
        "request_id": "req_1",
    },
)
_GOOGLE: Final = {
    "error": {
        "code": 400,
        "message": "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
        "status": "INVALID_ARGUMENT",
    }
}
_COPILOT: Final = (
    400,
    {
        "error": {
            "message": "prompt token count of 135000 exceeds the limit of 128000",
            "code": "model_max_prompt_tokens_exceeded",
        }
    },
)

_CHAT_IDS: Final = r"[A-Za-z0-9_-]{1,40}"
_IDS: Final = r"[A-Za-z0-9_-]{1,64}"
_CALL_IDS: Final = ("call_5Fd0aGqVbXyT1sRkU2wLm3Np", "call_Zk4TqWn8oPq1rSt2uVw3xYz4")
_TOOLU_IDS: Final = ("toolu_01A09q90qw90lq917835lq9A", "toolu_01D7FLrfh4GYq7yT1ULFeyMV")


def _chat(model: str, overflow: Any, **more: Any) -> Target:
    """A preset of `openai-compatible`, or a server at a base URL where there is no preset of that name."""
    preset = more.pop("preset", None)
    where: Any = {"base_url": "https://llm.example/v1"} if preset is None else {"preset": preset}
    more = {"ids": _CALL_IDS, "id_rule": _CHAT_IDS, "server": preset or "llm.example/v1", **more}
    return Target(openai_compatible("k", **where), model, (400, overflow), **more)


TARGETS: Final[dict[str, Target]] = {
    "openai": Target(openai("k"), "gpt-5.6", _OPENAI, _CALL_IDS, _IDS, _encrypted),
    "vllm": _chat(
        "qwen3-coder",
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        ids=("chatcmpl-tool-8f14e45fceea167a5a36dedd4b", "chatcmpl-tool-c9f0f895fb98ab9159f51fd029"),
    ),
    "openrouter": _chat(
        "anthropic/claude-opus-5",
        {
            "error": {
                "message": "This endpoint's maximum context length is 200000 tokens. However, you requested about "
                "210000 tokens. Please reduce the length of either one.",
                "code": 400,
                "metadata": {"provider_name": None},
            }
        },
        preset="openrouter",
        ids=_TOOLU_IDS,
        thought=_with_details,
        hears_thoughts=False,
    ),
    "groq": _chat(
        "openai/gpt-oss-120b",
        {
            "error": {
                "message": "Please reduce the length of the messages or completion.",
                "type": "invalid_request_error",
                "param": "messages",
            }
        },
        preset="groq",
        ids=("fc_1fa3a1a5-4c70-4d0f-8a3d-5d0c2a7a2c11", "fc_9d2b6c1e-7f48-4b55-9a0e-3b1d4e5f6a77"),
        thought=_in_field("reasoning"),
    ),
    "deepseek": _chat(
        "deepseek-v4",
        {
            "error": {
                "message": "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens.",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_request_error",
            }
        },
        preset="deepseek",
        ids=("call_0_7b2c9f0e-58a4-4a2e-9d3c", "call_1_1d6f3a5b-90c7-4f18-8e21"),
        thought=_in_field("reasoning_content"),
    ),
    "mistral": _chat(
        "magistral-medium",
        {
            "object": "error",
            "message": "Prompt contains 40960 tokens, too large for model with 32768 maximum context length",
            "type": "invalid_request_prompt",
            "param": None,
            "code": "3051",
        },
        preset="mistral",
        ids=("D681PevKs", "aB3dE5fG7"),
        id_rule=r"[A-Za-z0-9]{9}",
        thought=_in_field("content"),
    ),
    "xai": _chat(
        "grok-5",
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        },
        preset="xai",
        thought=_in_field("reasoning_content"),
    ),
    "codex": Target(codex("t", account_id="a"), "gpt-5.6-codex", _OPENAI, _CALL_IDS, _IDS, _encrypted),
    "anthropic": Target(anthropic("k"), "claude-opus-5", _ANTHROPIC, _TOOLU_IDS, _IDS, _signed, hears_thoughts=False),
    "google": Target(google("k"), "gemini-2.5-pro", (400, _GOOGLE), None, _IDS, sealed_calls=True),
    "google_oauth": Target(
        google_oauth("t", project="p"),
        "gemini-3-pro",
        (400, [_GOOGLE]),
        ("jyztdb6z", "8f3kq0xw"),
        _IDS,
        sealed_calls=True,
    ),
    "copilot, chat": Target(
        github_copilot("t"), "gpt-4.1", _COPILOT, _CALL_IDS, _CHAT_IDS, _in_field("reasoning_text", opaque=SEAL)
    ),
    "copilot, responses": Target(github_copilot("t"), "gpt-5.6", _COPILOT, _CALL_IDS, _IDS, _encrypted),
    "copilot, messages": Target(
        github_copilot("t"), "claude-opus-5", _COPILOT, _TOOLU_IDS, _IDS, _signed, hears_thoughts=False
    ),
    "faux": Target(faux(), "faux-1", _ANTHROPIC, _TOOLU_IDS, _IDS, _signed, hears_thoughts=False),
}
