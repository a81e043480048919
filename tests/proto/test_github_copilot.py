"""GitHub Copilot: three dialects behind one host, and what it wants to know of a request (WIRE 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.errors import MissingCredential, UnsupportedRequest
from lash_proto.happenings import BodyEnded, BodyReceived, HeadReceived
from lash_proto.machine import Done
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    ImagePart,
    LlmRequest,
    Message,
    ProviderOptions,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.outgoing import USER_AGENT
from lash_proto.providers import ProviderHandle, ProviderSpec, from_spec, github_copilot, register_all
from lash_proto.values import Secret, from_json

TOKEN = "tid=abc;exp=1767225600;sku=free;proxy-ep=proxy.business.githubcopilot.com;st=dotcom"
HOST = "https://api.individual.githubcopilot.com"
PNG = ImagePart(data=b"\x89PNG", media_type="image/png")
ASKED = (UserMessage("Hi"), AssistantMessage([ToolCallPart("call_1", "f")]))


def first_call(given: ProviderHandle, request: LlmRequest | None = None, model: str | ModelSpec = "gpt-4.1") -> Any:
    (effect,) = given.exchange(request or LlmRequest("Hi"), model).start(0.0)
    return effect


@pytest.mark.parametrize(
    ("model", "path", "api"),
    [
        ("claude-opus-5", "/v1/messages", "anthropic-messages"),
        ("gpt-5.6-codex", "/responses", "openai-responses"),
        ("grok-4.5", "/responses", "openai-responses"),
        ("grok-4", "/chat/completions", "openai-completions"),
        ("gpt-4.1", "/chat/completions", "openai-completions"),
        ("gemini-3-pro", "/chat/completions", "openai-completions"),
    ],
)
def test_a_model_has_its_own_dialect(model: str, path: str, api: str) -> None:
    handle = github_copilot("t")
    assert first_call(handle, model=model).url == HOST + path
    assert handle.route_of(model).codec.api == api
    assert handle.options_type(model) is handle.route_of(model).codec.options_type  # type: ignore[attr-defined]


def test_the_hosts_own_table_replaces_ours_and_the_longest_beginning_counts() -> None:
    listed = {
        "claude-": ["/chat/completions"],
        "claude-opus": "/v1/messages",
        "gpt-": ["/responses", "ws:/responses", "/chat/completions"],
        "embed-": ["/embeddings"],
        "old-": [],
    }
    handle = github_copilot("t", endpoints=listed)
    paths = {
        model: first_call(handle, model=model).url.removeprefix(HOST)
        for model in ("claude-haiku-4.5", "claude-opus-5", "gpt-4.1", "old-1", "grok-5")
    }
    assert paths == {
        "claude-haiku-4.5": "/chat/completions",
        "claude-opus-5": "/v1/messages",
        "gpt-4.1": "/responses",
        "old-1": "/chat/completions",
        "grok-5": "/chat/completions",
    }
    rule = "model 'embed-1': it is at /embeddings; lash speaks /v1/messages, /responses, /chat/completions"
    with pytest.raises(UnsupportedRequest, match=rule):
        handle.exchange(LlmRequest("Hi"), "embed-1")
    with pytest.raises(ValueError, match="github-copilot: 'gpt-' goes to '/v2'; lash knows /v1/messages, /responses, "):
        github_copilot("t", endpoints={"gpt-": "/v2"})


@pytest.mark.parametrize(
    ("messages", "initiator", "vision"),
    [
        ([UserMessage("Hi")], "user", None),
        ([UserMessage([TextPart("Look"), PNG])], "user", "true"),
        ([*ASKED, ToolResultMessage("call_1", "ok")], "agent", None),
        ([*ASKED, ToolResultMessage("call_1", [PNG])], "agent", "true"),
        ([*ASKED, ToolResultMessage("call_1", "ok"), UserMessage("And?")], "user", None),
        ([UserMessage("Hi"), AssistantMessage("Hello")], "agent", None),
        ([UserMessage("Hi"), CustomMessage("mine")], "user", None),
    ],
)
def test_it_is_told_who_began_and_whether_there_are_pictures(
    messages: list[Message], initiator: str, vision: str | None
) -> None:
    for model in ("gpt-4.1", "gpt-5", "claude-opus-5"):
        headers = dict(first_call(github_copilot("t"), LlmRequest(messages), model).headers)
        assert headers["x-initiator"] == initiator
        assert headers["openai-intent"] == "conversation-edits"
        assert headers.get("copilot-vision-request") == vision


@pytest.mark.parametrize("model", ["gpt-5.6", "gpt-4.1"])
def test_reasoning_is_switched_off_by_silence(model: str) -> None:
    """No effort "none" goes to Copilot."""
    off = LlmRequest("Hi", options=ProviderOptions(reasoning="off"))
    handle = github_copilot("t")
    assert first_call(handle, off, model).body == first_call(handle, model=model).body
    http = handle.route_of(model).codec.encode(off, model)
    assert http.notes == ("reasoning off is said by sending nothing: the server has no word for it",)
    low = LlmRequest("Hi", options=ProviderOptions(reasoning="low"))
    assert b'"low"' in first_call(handle, low, model).body


def test_a_model_that_does_not_see_is_sent_no_pictures_and_not_announced_any() -> None:
    blind = ModelSpec("gpt-4.1", inputs=("text",))
    call = first_call(github_copilot("t"), LlmRequest([UserMessage([TextPart("Look"), PNG])]), blind)
    assert "copilot-vision-request" not in dict(call.headers)
    assert b"image_url" not in call.body


def test_lash_names_itself_unless_the_caller_says_what_is_sent() -> None:
    plain = dict(first_call(github_copilot("t")).headers)
    assert plain["user-agent"] == USER_AGENT
    assert not {"editor-version", "editor-plugin-version", "copilot-integration-id"} & set(plain)
    named = dict(first_call(github_copilot("t", identity={"Editor-Version": "mine/1", "User-Agent": "Mine"})).headers)
    assert (named["editor-version"], named["user-agent"]) == ("mine/1", "Mine")


def refusal(handle: ProviderHandle, status: int, body: bytes) -> str:
    exchange = handle.exchange(LlmRequest("Hi"), "gpt-4.1")
    (call,) = exchange.start(0.0)
    exchange.receive(HeadReceived(call.id, status, (("content-type", "application/json"),)), 0.1)
    exchange.receive(BodyReceived(call.id, body), 0.2)
    done = exchange.receive(BodyEnded(call.id), 0.3)[-1]
    assert isinstance(done, Done)
    error = done.result.error
    assert error == done.result.attempts[-1].failure
    message: str = error.message
    return message


def test_a_refusal_without_identity_is_explained() -> None:
    bare, named = github_copilot("t"), github_copilot("t", identity={"Editor-Version": "mine/1"})
    body = b'{"error":{"message":"access denied","code":"forbidden"}}'
    for status in (400, 401, 403, 404):
        assert refusal(bare, status, body).startswith("access denied (lash sends no identity headers of others, ")
        assert refusal(named, status, body) == "access denied"
    assert refusal(bare, 402, body) == "access denied"
    overflow = b'{"error":{"message":"prompt token count of 9 exceeds the limit of 8"}}'
    assert refusal(bare, 400, overflow) == "prompt token count of 9 exceeds the limit of 8"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({"access_token": TOKEN}, "https://api.business.githubcopilot.com"),
        ({"api_key": Secret(TOKEN)}, "https://api.business.githubcopilot.com"),
        ({"access_token": TOKEN, "base_url": "https://copilot-api.acme.ghe.com/"}, "https://copilot-api.acme.ghe.com"),
        ({"access_token": "t;proxy-ep=proxy.evil/x;"}, HOST),
        ({"access_token": "t"}, HOST),
    ],
)
def test_calls_go_where_the_token_says(given: Any, host: str) -> None:
    handle = github_copilot(**given)
    effect = first_call(handle)
    assert effect.url == f"{host}/chat/completions"
    assert str(dict(effect.headers)["authorization"]) == "***"
    assert "tid=" not in repr(handle) + json.dumps(handle.spec.to_json())


def test_a_token_given_later_says_it_too() -> None:
    later = github_copilot().with_key(TOKEN)
    assert {first_call(later, model=model).url for model in ("claude-opus-5", "gpt-5", "gpt-4.1")} == {
        f"https://api.business.githubcopilot.com{path}" for path in ("/v1/messages", "/responses", "/chat/completions")
    }
    assert first_call(later.with_key("tid=other")).url == f"{HOST}/chat/completions"


def test_without_a_token_a_call_says_so() -> None:
    with pytest.raises(MissingCredential, match="no key for github-copilot: set COPILOT_GITHUB_TOKEN, or give"):
        first_call(github_copilot())


@pytest.mark.parametrize("given", [{}, {"identity": {"A": "1"}, "endpoints": {"x": ["/responses"]}, "base_url": HOST}])
def test_its_table_and_its_headers_are_in_its_saved_form(given: Any) -> None:
    register_all()
    handle = github_copilot(**given)
    assert set(handle.state) == {"endpoints", *given}
    assert given.items() <= handle.state.items()
    spec = from_json(json.loads(json.dumps(handle.spec.to_json())))
    assert isinstance(spec, ProviderSpec)
    assert from_spec(spec) == handle
