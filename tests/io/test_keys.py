"""Keys from the environment."""

from __future__ import annotations

import pytest

from lash_io import Client, get_env_api_key
from lash_proto.providers import anthropic, google, openai, openai_compatible, openrouter


def test_the_handles_name_their_variables() -> None:
    assert openai().variables == ("OPENAI_API_KEY",)
    assert anthropic().variables == ("ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY")
    assert google().variables == ("GEMINI_API_KEY",)
    assert openrouter().variables == ("OPENROUTER_API_KEY",)


def test_a_github_token_is_found_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_GITHUB_TOKEN", "t")
    assert get_env_api_key("github-copilot") == "t"


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({}, None),
        ({"ANTHROPIC_API_KEY": "a"}, "a"),
        ({"ANTHROPIC_API_KEY": "a", "ANTHROPIC_OAUTH_TOKEN": "b"}, "b"),
        ({"ANTHROPIC_API_KEY": "a", "ANTHROPIC_OAUTH_TOKEN": ""}, "a"),
    ],
)
def test_the_first_variable_that_says_something(
    environment: dict[str, str], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert get_env_api_key("anthropic") == key


def test_a_kind_without_variables_has_no_key() -> None:
    assert get_env_api_key("faux") is None


def test_a_preset_names_the_variable_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "g")
    assert get_env_api_key("groq") == "g"
    assert get_env_api_key("ollama") is None
    with Client(openai_compatible(preset="groq"), model="m") as client:
        assert client.provider == openai_compatible("g", preset="groq")
