"""Models as the host knows them, and how servers differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto import compat
from lash_proto.compat import AnthropicCompat, ChatCompat, Compat, GoogleCompat, ResponsesCompat
from lash_proto.models import ModelSpec
from lash_proto.values import JsonFormError, from_json


def test_a_string_makes_a_model_of_which_nothing_is_known() -> None:
    spec = ModelSpec.of("some-model")
    assert spec == ModelSpec("some-model", compat=None, max_output_tokens=None, context_window=None)
    assert ModelSpec.of(spec) is spec


@pytest.mark.parametrize(
    "flags",
    [
        ChatCompat(),
        ChatCompat(finish_reason_required=False),
        ChatCompat(
            store=False,
            body={"provider": {"only": ["groq"]}},
            tool_stream=True,
            show_reasoning={"include_reasoning": True},
            cache_marks="gemini",
            marker_ttl=False,
            cache_lifetime=None,
            reasoning_as_text=True,
            thinking_format="chat-template",
            template={"preserve_thinking": True, "effort": {"$var": "thinking.effort", "omit_when_off": True}},
        ),
        ResponsesCompat(),
        ResponsesCompat(custom_tools=False, prompt_cache_key=False, session_headers=("x-session-id",)),
        AnthropicCompat(message_stop_required=False),
        AnthropicCompat(
            effort_words={"off": None},
            budget_thinking=False,
            efforts_without_thinking=("low", "medium", "high"),
            strict_tools=False,
            eager_input_streaming=False,
            tool_markers=False,
            marker_ttl=False,
        ),
        GoogleCompat(),
        *[value for value in vars(compat).values() if isinstance(value, Compat)],
    ],
)
def test_flags_and_models_have_json_forms(flags: Compat) -> None:
    spec = ModelSpec("m", flags, 1000, 200_000)
    assert from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert from_json(json.loads(json.dumps(flags.to_json()))) == flags


@pytest.mark.parametrize("variable", [{"$var": "enabled"}, {}, {"$var": "thinking.effort", "omitWhenOff": True}])
def test_a_template_knows_three_variables(variable: dict[str, Any]) -> None:
    known = "thinking.enabled, thinking.effort, thinking.budget"
    with pytest.raises(ValueError, match=rf"template\['a'\]: a `\$var` is one of {known}"):
        ChatCompat(template={"a": variable})


def test_a_model_has_the_flags_of_a_dialect_and_nothing_else() -> None:
    with pytest.raises(JsonFormError, match=r"\$\.compat: expected ChatCompat or ResponsesCompat or "):
        from_json({"type": "model", "id": "m", "compat": {"type": "text", "text": "a"}})
