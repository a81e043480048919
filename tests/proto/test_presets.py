"""Presets of openai-compatible: what each sends differently, by the servers' own documentation (WIRE 2h)."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from lash_proto.codecs.openai_completions import ChatOptions
from lash_proto.compat import ChatCompat
from lash_proto.errors import MissingCredential, UnsupportedRequest
from lash_proto.handoff import handoff
from lash_proto.messages import (
    AssistantMessage,
    JsonSchema,
    LlmRequest,
    Origin,
    ProviderOptions,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.providers import ProviderHandle, ProviderSpec, from_spec, openai_compatible, presets, register_all
from lash_proto.providers.presets import PRESETS, CompatByModel, Preset
from lash_proto.values import Secret, from_json

AZURE = "https://r.openai.azure.com/openai/v1"
VLLM = "http://localhost:8000/v1"
HI = {"role": "user", "content": "Hi"}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def first_call(given: ProviderHandle, request: LlmRequest | None = None, model: str | ModelSpec = "m") -> Any:
    (effect,) = given.exchange(request or LlmRequest("Hi"), model).start(0.0)
    return effect


def body_of(given: ProviderHandle, model: str = "m", reasoning: Any = "high", **fields: Any) -> Any:
    fields = {"max_output_tokens": 9, **fields}
    request = LlmRequest("Hi", options=ProviderOptions(reasoning=reasoning), **fields)
    return json.loads(first_call(given, request, model).body)


def made(preset: str) -> ProviderHandle:
    return openai_compatible("k", preset=preset, base_url={"azure": AZURE, "vllm": VLLM}.get(preset, ""))


def test_groq_is_asked_to_show_reasoning_and_most_servers_show_it_unasked() -> None:
    """WIRE 2h; Groq's documents say that a request may have one of its two fields, and gpt-oss knows only the first."""
    asked = LlmRequest("Hi", options=ProviderOptions(expose_thinking=True))
    plain = {"model": "m", "messages": [HI], **STREAM}
    for preset in PRESETS.keys() - {"groq", "azure"}:
        call = first_call(made(preset), asked)
        assert call.body == first_call(made(preset)).body, preset
    assert json.loads(first_call(made("groq"), asked).body) == {**plain, "include_reasoning": True}
    qwen = json.loads(first_call(made("groq"), asked, "qwen/qwen3-32b").body)
    assert qwen == {**plain, "model": "qwen/qwen3-32b", "reasoning_format": "parsed"}


@pytest.mark.parametrize(
    ("preset", "url", "fields"),
    [
        (
            "openrouter",
            "https://openrouter.ai/api/v1",
            {"max_completion_tokens": 9, "reasoning": {"effort": "high"}},
        ),
        ("groq", "https://api.groq.com/openai/v1", {"max_completion_tokens": 9, "reasoning_effort": "high"}),
        ("together", "https://api.together.xyz/v1", {"max_tokens": 9, "reasoning": {"enabled": True}}),
        ("vllm", VLLM, {"max_tokens": 9, "reasoning_effort": "high"}),
        ("ollama", "http://localhost:11434/v1", {"max_tokens": 9, "reasoning_effort": "high"}),
        (
            "llama.cpp",
            "http://localhost:8080/v1",
            {"max_tokens": 9, "chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True}},
        ),
        (
            "mlx",
            "http://localhost:8080/v1",
            {"max_tokens": 9, "chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True}},
        ),
        ("lmstudio", "http://localhost:1234/v1", {"max_tokens": 9, "reasoning_effort": "high"}),
        (
            "deepseek",
            "https://api.deepseek.com",
            {"max_tokens": 9, "thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
        ("xai", "https://api.x.ai/v1", {"max_completion_tokens": 9, "reasoning_effort": "high"}),
        ("azure", AZURE, {"max_completion_tokens": 9, "reasoning_effort": "high", "prompt_cache_key": "s"}),
        (
            "zai",
            "https://api.z.ai/api/paas/v4",
            {"max_tokens": 9, "thinking": {"type": "enabled", "clear_thinking": False}},
        ),
        ("moonshot", "https://api.moonshot.ai/v1", {"max_tokens": 9, "thinking": {"type": "enabled"}}),
        (
            "cerebras",
            "https://api.cerebras.ai/v1",
            {"max_completion_tokens": 9, "reasoning_effort": "high", "prompt_cache_key": "s"},
        ),
    ],
)
def test_a_preset_knows_where_its_server_is_and_which_fields_it_takes(
    preset: str, url: str, fields: dict[str, Any]
) -> None:
    assert first_call(made(preset)).url == f"{url}/chat/completions"
    assert body_of(made(preset), session_id="s") == {"model": "m", "messages": [HI], **STREAM, **fields}


def test_mistral_is_asked_in_its_own_words() -> None:
    assert body_of(made("mistral"), seed=3) == {
        "model": "m",
        "messages": [HI],
        "stream": True,
        "max_tokens": 9,
        "random_seed": 3,
        "reasoning_effort": "high",
    }


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("openrouter", {"reasoning": {"max_tokens": 2000}}),
        ("vllm", {"thinking_token_budget": 2000}),
        (
            "llama.cpp",
            {
                "chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True},
                "thinking_budget_tokens": 2000,
            },
        ),
    ],
)
def test_a_budget_goes_into_the_servers_own_field(preset: str, fields: dict[str, Any]) -> None:
    body = body_of(made(preset), reasoning=2000, max_output_tokens=4096)
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("preset", "level"),
    [("groq", "max"), ("cerebras", "xhigh"), ("xai", "minimal"), ("mistral", "low"), ("deepseek", "minimal")],
)
def test_a_level_that_a_server_does_not_have_is_refused(preset: str, level: str) -> None:
    with pytest.raises(UnsupportedRequest, match=f"reasoning '{level}'"):
        body_of(made(preset), reasoning=level)


def test_deepseek_takes_no_seed_and_of_structured_output_json_alone() -> None:
    schema = JsonSchema("city", {"type": "object", "properties": {}, "additionalProperties": False})
    refused: list[tuple[dict[str, Any], str]] = [({"seed": 3}, "seed"), ({"output": schema}, "output of a schema")]
    for fields, part in refused:
        with pytest.raises(UnsupportedRequest) as caught:
            body_of(made("deepseek"), **fields)
        assert caught.value.part == part


@pytest.mark.parametrize(
    ("preset", "options", "part"),
    [
        ("groq", {"logit_bias": {"1": 1}}, "logit_bias"),
        ("together", {"store": True}, "store"),
        ("cerebras", {"store": True}, "store"),
        ("cerebras", {"frequency_penalty": 0.5}, "frequency_penalty"),
        ("cerebras", {"presence_penalty": 0.5}, "presence_penalty"),
    ],
)
def test_a_field_that_a_server_refuses_is_refused_before(preset: str, options: dict[str, Any], part: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        first_call(made(preset), LlmRequest("Hi", options=ChatOptions(**options)))
    assert caught.value.part == part


@pytest.mark.parametrize(("preset", "filler"), [("deepseek", ""), ("moonshot", " "), ("zai", None)])
def test_calls_made_elsewhere_bring_the_reasoning_that_a_server_insists_on(preset: str, filler: str | None) -> None:
    history = (UserMessage("Hi"), AssistantMessage([ToolCallPart("a", "f")]), ToolResultMessage("a", "1"))
    messages = json.loads(first_call(made(preset), LlmRequest(history)).body)["messages"]
    assert messages[1].get("reasoning_content") == filler


def test_groqs_qwen_knows_on_and_off_only() -> None:
    asked = [body_of(made("groq"), "qwen/qwen3-32b", reasoning=level) for level in ("off", "minimal", "high", "max")]
    assert [body["reasoning_effort"] for body in asked] == ["none", "default", "default", "default"]
    assert body_of(made("groq"), "openai/gpt-oss-120b", reasoning="low")["reasoning_effort"] == "low"


def test_zai_streams_arguments_only_when_told_to() -> None:
    assert body_of(made("zai"), tools=[ToolDefinition("f")])["tool_stream"] is True


@pytest.mark.parametrize(("preset", "header"), [("openrouter", "x-session-id"), ("xai", "x-grok-conv-id")])
def test_a_session_stays_on_one_cache_by_the_servers_own_header(preset: str, header: str) -> None:
    assert dict(first_call(made(preset), LlmRequest("Hi", session_id="s")).headers)[header] == "s"


@pytest.mark.parametrize(
    ("model", "mark"),
    [
        ("anthropic/claude-opus-5", {"cache_control": {"type": "ephemeral"}}),
        ("google/gemini-3-pro", {"cache_control": {"type": "ephemeral"}}),
        ("google/gemma-4", {}),
        ("openai/gpt-5.6", {}),
        (ModelSpec("anthropic/claude-opus-5", compat=ChatCompat()), {}),
    ],
)
def test_openrouter_marks_what_claude_and_gemini_are_to_cache(model: str | ModelSpec, mark: dict[str, Any]) -> None:
    asked = LlmRequest([UserMessage([TextPart("Hi", cache_breakpoint=True)])])
    (message,) = json.loads(first_call(made("openrouter"), asked, model).body)["messages"]
    assert message["content"] == [{"type": "text", "text": "Hi", **mark}]


def test_a_long_cache_is_asked_for_where_it_can_be() -> None:
    asked = LlmRequest([UserMessage([TextPart("Hi")])], options=ProviderOptions(cache_retention="long"))
    claude = json.loads(first_call(made("openrouter"), asked, "anthropic/claude-opus-5").body)
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert claude["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi", **hour}]}]
    for preset, model in (("openrouter", "google/gemini-3-pro"), ("openrouter", "openai/gpt-5.6"), ("groq", "m")):
        body = json.loads(first_call(made(preset), asked, model).body)
        assert not [name for name in body if name.startswith("prompt_cache")]
    azure = json.loads(first_call(made("azure"), asked).body)
    assert azure["prompt_cache_retention"] == "24h"


def test_claude_behind_openrouter_is_not_told_the_thoughts_of_others() -> None:
    thought = AssistantMessage([ReasoningPart("hm", Origin("google", "google-generative-ai", "g")), TextPart("Yes.")])
    for model, told in (("anthropic/claude-opus-5", 1), ("google/gemini-3-pro", 2)):
        (message,) = handoff([thought], made("openrouter"), model).messages
        assert len(message.content) == told  # type: ignore[union-attr]


def test_what_one_server_thought_stays_there_though_another_has_a_model_of_that_name() -> None:
    body = b'{"id":"r","model":"m","choices":[{"index":0,"message":{"content":"Oslo.","reasoning":"Hm.",'
    body += b'"reasoning_details":[{"type":"reasoning.encrypted","data":"e"}]},"finish_reason":"stop"}]}'
    model = "openai/gpt-oss-120b"
    decoder = made("openrouter").route.codec.decoder(status=200, headers=[], model=model)
    decoder.receive(body)
    said = decoder.finish()
    assert said.provider == "openrouter"
    history = (UserMessage("Hi"), said.message, UserMessage("Go on."))
    sent = {
        preset: json.loads(first_call(made(preset), LlmRequest(history), model).body)["messages"][1]
        for preset in ("openrouter", "groq")
    }
    assert sent["openrouter"]["reasoning_details"] == [{"type": "reasoning.encrypted", "data": "e"}]
    assert sent["groq"] == {"role": "assistant", "content": "Oslo."}


def test_flags_of_the_caller_are_all_the_flags_there_are() -> None:
    given = openai_compatible("k", preset="openrouter", compat=ChatCompat(max_tokens_field="max_tokens"))
    body = body_of(given, "anthropic/claude-opus-5")
    assert (body["max_tokens"], body["reasoning_effort"]) == (9, "high")


def test_the_first_beginning_that_fits_gives_a_model_its_flags() -> None:
    one, other = ChatCompat(mistral=True), ChatCompat(json_schema=False)
    policy = CompatByModel((("a/b", one), ("a/", other)))
    assert policy.spec("a/bc") == ModelSpec("a/bc", compat=one)
    assert policy.spec("a/c") == ModelSpec("a/c", compat=other)
    assert policy.spec("b") == ModelSpec("b")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_key_goes_in_the_servers_header_and_one_that_is_missing_names_its_variable(preset: str) -> None:
    header, value = ("api-key", "k") if preset == "azure" else ("authorization", "Bearer k")
    assert dict(first_call(made(preset)).headers)[header] == Secret(value)
    bare = openai_compatible(preset=preset, base_url={"azure": AZURE, "vllm": VLLM}.get(preset, ""))
    assert bare.variables == PRESETS[preset].variables
    if bare.variables:
        with pytest.raises(MissingCredential, match=f"set {bare.variables[0]}, or give one to openai_compatible"):
            first_call(bare)
    else:
        assert header not in dict(first_call(bare).headers)


def test_azure_has_a_classic_query_and_takes_a_token_too() -> None:
    url = "https://r.openai.azure.com/openai/deployments/d"
    given = openai_compatible("k", preset="azure", base_url=url, api_version="2024-10-21", key_header="Authorization")
    effect = first_call(given)
    assert effect.url == f"{url}/chat/completions?api-version=2024-10-21"
    assert dict(effect.headers)["authorization"] == Secret("Bearer k")


def test_what_is_missing_or_unknown_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"openai-compatible needs a base_url, .* or a preset \(openrouter, groq, "):
        openai_compatible()
    with pytest.raises(ValueError, match=r"the preset 'azure' needs a base_url, for example \"http:\S+\"$"):
        openai_compatible(preset="azure")
    with pytest.raises(ValueError, match="openai-compatible has no preset 'grok'; there are openrouter, groq, "):
        openai_compatible(preset="grok")


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (openai_compatible(preset="groq"), {"preset": "groq"}),
        (openai_compatible(preset="groq", base_url=VLLM), {"preset": "groq", "base_url": VLLM}),
        (
            openai_compatible(preset="azure", base_url=AZURE, api_version="v1", key_header="authorization"),
            {"preset": "azure", "base_url": AZURE, "api_version": "v1", "key_header": "authorization"},
        ),
    ],
)
def test_the_saved_form_of_a_handle_keeps_the_presets_name(given: ProviderHandle, state: dict[str, Any]) -> None:
    register_all()
    form = json.loads(json.dumps(given.spec.to_json()))
    assert form == {"v": 1, "type": "provider", "kind": "openai-compatible", "state": state}
    spec = from_json(form)
    assert isinstance(spec, ProviderSpec)
    assert from_spec(spec) == given


def test_a_preset_of_ones_own_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "mine", Preset("https://llm.example/v1", ("MINE_API_KEY",)))
    assert first_call(openai_compatible("k", preset="mine")).url == "https://llm.example/v1/chat/completions"


def test_a_preset_is_short() -> None:
    source = inspect.getsource(presets).partition("PRESETS: Final")[2]
    entries = source.split("\n    ),\n")
    assert max(len(entry.splitlines()) for entry in entries) < 15
