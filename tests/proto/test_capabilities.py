"""What can be said to a provider, and a model as its handle makes it."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from attrs import evolve, frozen

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.compat import AnthropicCompat, ChatCompat
from lash_proto.models import LEVELS, Capability, ModelSpec, nearest_level, supported_levels
from lash_proto.prices import Prices
from lash_proto.providers import (
    Capabilities,
    ProviderHandle,
    anthropic,
    codex,
    github_copilot,
    google,
    google_oauth,
    openai,
    openai_compatible,
)
from lash_proto.values import from_json

RESPONSES: dict[str, Any] = {
    "api": "openai-responses",
    "inputs": ("text", "image", "document"),
    "levels": LEVELS,
    "budget": False,
    "json_object": True,
    "json_schema": True,
    "custom_tools": True,
    "max_output_tokens": True,
    "temperature": True,
    "stop": False,
    "seed": False,
}
GEMINI: dict[str, Any] = {
    "api": "google-generative-ai",
    "inputs": ("text", "image", "audio", "document"),
    "levels": LEVELS,
    "budget": True,
    "json_object": True,
    "json_schema": True,
    "custom_tools": False,
    "max_output_tokens": True,
    "temperature": True,
    "stop": True,
    "seed": True,
}
CLAUDE = {
    **GEMINI,
    "api": "anthropic-messages",
    "inputs": ("text", "image", "document"),
    "json_object": False,
    "seed": False,
}
LOCAL = ChatCompat(effort_words={"xhigh": None, "max": None}, json_schema=False, custom_tools=False)


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        (openai("k"), RESPONSES),
        # WIRE 3: what the backend refuses.
        (codex("k"), {**RESPONSES, "max_output_tokens": False, "temperature": False}),
        (anthropic("k"), CLAUDE),
        (google("k"), GEMINI),
        (google_oauth("k"), {**GEMINI, "api": "google-code-assist"}),
        (
            openai_compatible(base_url="http://x/v1", compat=LOCAL),
            {**GEMINI, "api": "openai-completions", "levels": LEVELS[:5], "budget": False, "json_schema": False},
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, ProviderHandle) else "",
)
def test_a_handle_knows_what_requests_may_hold(handle: ProviderHandle, expected: dict[str, Any]) -> None:
    found = handle.capabilities
    assert found == Capabilities(**expected)
    assert from_json(json.loads(json.dumps(found.to_json()))) == found


def test_where_only_pictures_are_made_no_message_may_hold_anything() -> None:
    pictures = evolve(openai("k"), route=Route("http://x/v1", cast("Any", CODECS["openai-images"])))
    assert pictures.capabilities == Capabilities("openai-images")


def test_a_model_of_a_handle_has_the_facts_it_is_given() -> None:
    prices, capability = Prices(5, 25), Capability(("off", "low"))
    handle = anthropic("k")
    made = handle.model("claude-opus-5", context_window=200_000, prices=prices, capability=capability)
    flags = AnthropicCompat()
    assert made == ModelSpec("claude-opus-5", flags, context_window=200_000, prices=prices, capability=capability)
    assert handle.model(made, max_output_tokens=8000) == evolve(made, max_output_tokens=8000)
    with pytest.raises(TypeError, match="contxt_window"):
        handle.model("claude-opus-5", contxt_window=1)


@frozen
class Aliases:
    """A policy with a short name and something known."""

    def spec(self, model: str | ModelSpec) -> ModelSpec:
        return ModelSpec("claude-opus-5", context_window=200_000) if model == "opus" else ModelSpec.of(model)


def test_the_facts_stand_over_those_of_the_policy() -> None:
    handle = evolve(anthropic("k"), policy=Aliases())
    assert handle.model("opus") == ModelSpec("claude-opus-5", AnthropicCompat(), context_window=200_000)
    assert handle.model("opus", context_window=1).context_window == 1


def test_a_model_of_a_preset_has_the_levels_of_its_server() -> None:
    made = openai_compatible("k", preset="groq").model("llama")
    assert supported_levels(made) == ("off", "low", "medium", "high")
    assert nearest_level(made, "max") == "high"
    claude = openai_compatible("k", preset="openrouter").model("anthropic/claude-opus-5")
    assert isinstance(claude.compat, ChatCompat)
    assert claude.compat.cache_marks == "anthropic"


def test_where_a_kind_has_several_routes_only_what_all_of_them_take_is_promised() -> None:
    said = github_copilot("t").capabilities
    assert (said.api, said.inputs) == ("openai-completions", ("text", "image", "document"))
    assert (said.custom_tools, said.stop, said.seed, said.json_object, said.json_schema) == (
        False,  # Chat and Messages have none
        False,  # Responses has none
        False,
        False,  # Messages has no free JSON
        True,
    )
