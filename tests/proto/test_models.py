"""What is known of a model, and what it does to a request."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from lash_proto.codecs import CODECS
from lash_proto.compat import AnthropicCompat, ChatCompat, Compat, GoogleCompat, ResponsesCompat
from lash_proto.errors import UnsupportedRequest
from lash_proto.http import HttpRequest
from lash_proto.messages import LlmRequest, ProviderOptions, ReasoningLevel
from lash_proto.models import LEVELS, Capability, ModelSpec, nearest_level, supported_levels
from lash_proto.values import from_json

CHAT_APIS = ("openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai")


def model(*levels: ReasoningLevel, compat: Compat | None = None, **capability: Any) -> ModelSpec:
    """A model of which these levels are known."""
    return ModelSpec("m", compat, capability=Capability(levels or None, **capability))


def encode(
    api: str, spec: ModelSpec | str, reasoning: ReasoningLevel | int | None = None, **fields: Any
) -> HttpRequest:
    options = ProviderOptions(cache_retention="none", reasoning=reasoning)
    return CODECS[api].encode(LlmRequest("Hi", options=options, **fields), spec)


def body(http: HttpRequest) -> dict[str, Any]:
    """The body; of Code Assist's, what is in its envelope."""
    data: dict[str, Any] = json.loads(http.body)
    inner: dict[str, Any] = data.get("request", data)
    return inner


# --- values ----------------------------------------------------------------------------------------------------------


def test_what_is_known_has_a_json_form() -> None:
    spec = ModelSpec(
        "m",
        GoogleCompat(thinking="budget"),
        8000,
        200_000,
        inputs=("text", "image"),
        outputs=("text",),
        capability=Capability(("low", "high"), "low", {"low": 1024, "high": 9000}, mandatory=True),
    )
    assert from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert Capability(("off", "low")).to_json() == {"v": 1, "type": "capability", "levels": ["off", "low"]}


def test_what_is_known_is_equal_in_any_order() -> None:
    assert Capability(["high", "low", "low"]) == Capability(("low", "high"))
    assert ModelSpec("m", inputs=["image", "text"]).inputs == ("text", "image")
    assert ModelSpec("m", outputs={"audio"}).outputs == ("audio",)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (
            lambda: Capability(cast("Any", ("hgih",))),
            "level 'hgih': one of off, minimal, low, medium, high, xhigh, max",
        ),
        (lambda: Capability(cast("Any", "high")), "level 'high', not in a list"),
        (lambda: Capability(()), "levels: there is none"),
        (lambda: Capability(("off",), mandatory=True), "levels: there is none"),
        (lambda: Capability(("low",), default_level="high"), "default_level 'high' is none of the levels"),
        (lambda: Capability(default_level="off", mandatory=True), "default_level 'off' is none of the levels"),
        (lambda: Capability(budgets={"hgih": 1}), "budgets: 'hgih': 1 is no number of tokens for a level"),
        (lambda: Capability(budgets={"high": -1}), "budgets: 'high': -1 is no number"),
        (lambda: Capability(budgets=cast("Any", {"high": "1"})), "budgets: 'high': '1' is no number"),
        (lambda: ModelSpec("m", inputs=cast("Any", ("video",))), "kind 'video': one of text, image, audio, document"),
    ],
)
def test_what_contradicts_itself_is_refused(make: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


# --- levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "levels"),
    [
        ("m", None),
        (ModelSpec("m", AnthropicCompat()), None),
        (ModelSpec("m", AnthropicCompat(effort_words={"off": None, "max": "xhigh"})), LEVELS[1:]),
        (ModelSpec("m", ChatCompat(effort_words={"max": "xhigh"})), None),
        (model("off", "high", "low"), ("off", "low", "high")),
        (model("off", "low", "high", mandatory=True), ("low", "high")),
        (model(mandatory=True), LEVELS[1:]),
        (ModelSpec("m", ChatCompat(effort_words={"max": None, "low": "little"})), LEVELS[:-1]),
        (ModelSpec("m", ChatCompat(thinking_format="ant-ling", effort_words={"high": "high"})), ("off", "high")),
        (ModelSpec("m", ChatCompat(thinking_format="ant-ling")), ("off",)),
        (model("low", "high", "max", compat=ResponsesCompat(effort_words={"max": None})), ("low", "high")),
    ],
)
def test_supported_levels_are_those_that_are_known(spec: ModelSpec | str, levels: tuple[str, ...] | None) -> None:
    assert supported_levels(spec) == levels


@pytest.mark.parametrize(
    ("spec", "asked", "nearest"),
    [
        ("m", "xhigh", "xhigh"),
        (model("low", "high"), "low", "low"),
        (model("low", "high"), "medium", "high"),  # above comes before below
        (model("low", "high"), "off", "low"),
        (model("low", "high"), "max", "high"),
        (model("off"), "medium", "off"),
    ],
)
def test_the_nearest_level_is_the_next_above_else_the_next_below(
    spec: ModelSpec | str, asked: ReasoningLevel, nearest: ReasoningLevel
) -> None:
    assert nearest_level(spec, asked) == nearest


@pytest.mark.parametrize("api", CHAT_APIS)
@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        (model("low", "high"), "medium"),
        (model("low", "high"), "off"),
        (model("low", "high"), 0),
        (model(mandatory=True), "off"),
        (model("off"), "low"),
        (model("off"), 4096),
        (model("off"), -1),
    ],
)
def test_a_level_that_the_model_does_not_have_is_an_error_naming_the_choices(
    api: str, spec: ModelSpec, asked: ReasoningLevel | int
) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        encode(api, spec, asked)
    assert caught.value.part == f"reasoning {asked!r}"
    assert caught.value.rule == f"the model takes one of {', '.join(supported_levels(spec) or ())}"


@pytest.mark.parametrize("api", CHAT_APIS)
def test_of_a_model_of_which_nothing_is_known_every_level_is_sent(api: str) -> None:
    for level in LEVELS:
        assert encode(api, "m", level).body == encode(api, model(*LEVELS), level).body
    assert encode(api, model("low"), "low").body == encode(api, "m", "low").body
    assert encode(api, model("low")).body == encode(api, "m").body


def test_flags_of_the_codec_rule_levels_out_too() -> None:
    from attrs import evolve

    codec: Any = CODECS["openai-completions"]
    codec = evolve(codec, compat=ChatCompat(effort_words={"xhigh": None, "max": None}))
    request = LlmRequest("Hi", options=ProviderOptions(reasoning="max"))
    with pytest.raises(UnsupportedRequest, match="reasoning 'max': the model takes one of off, minimal, .*, high$"):
        codec.encode(request, "m")


@pytest.mark.parametrize("api", CHAT_APIS)
@pytest.mark.parametrize("off", ["off", 0])
def test_nothing_is_switched_off_in_a_model_that_does_not_reason(api: str, off: ReasoningLevel | int) -> None:
    """`reasoning_effort: none` and its like are refused by models that do not reason."""
    http = encode(api, model("off"), off)
    assert http.body == encode(api, "m").body
    assert http.notes == ("reasoning is not switched off: the model does not reason",)


# --- budgets ---------------------------------------------------------------------------------------------------------

BUDGETS = {"low": 2000, "high": 9000}


def test_a_model_of_budgets_gets_its_budget_for_a_level() -> None:
    spec = model("off", "low", "high", budgets=BUDGETS)
    assert body(encode("anthropic-messages", spec, "low"))["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    config = body(encode("google-generative-ai", spec, "high"))["generationConfig"]
    assert config["thinkingConfig"] == {"thinkingBudget": 9000}
    assert body(encode("anthropic-messages", spec, "off"))["thinking"] == {"type": "disabled"}
    own = model("low", budgets=BUDGETS, compat=ChatCompat(budget_field="thinking_budget"))
    assert body(encode("openai-completions", own, "low"))["thinking_budget"] == 2000
    with pytest.raises(UnsupportedRequest, match="reasoning 2000: Responses takes a level"):
        encode("openai-responses", spec, "low")


def test_a_budget_of_the_callers_own_is_sent_as_it_is() -> None:
    spec = model("off", "low", "high", budgets=BUDGETS)
    assert body(encode("anthropic-messages", spec, 5000))["thinking"]["budget_tokens"] == 5000


@pytest.mark.parametrize(
    ("cap", "limit", "budget"),
    [(None, None, 9000), (20_000, 8000, 6976), (5000, None, 3976), (None, 8000, 6976), (1500, None, 1024)],
)
def test_a_levels_budget_leaves_room_for_an_answer(cap: int | None, limit: int | None, budget: int) -> None:
    spec = ModelSpec("m", max_output_tokens=limit, capability=Capability(("high",), budgets=BUDGETS))
    http = encode("anthropic-messages", spec, "high", max_output_tokens=cap)
    assert body(http)["thinking"]["budget_tokens"] == budget
    note = f"the reasoning budget is {budget} tokens, to leave room for an answer"
    assert (note in http.notes) == (budget != 9000)


def test_a_levels_budget_is_never_above_the_cap() -> None:
    spec = model("high", budgets={"high": 32_768})
    config = body(encode("google-generative-ai", spec, "high", max_output_tokens=1000))["generationConfig"]
    assert config == {"maxOutputTokens": 1000, "thinkingConfig": {"thinkingBudget": 500}}
    with pytest.raises(
        UnsupportedRequest, match="max_output_tokens 1000: it must be above the thinking budget of 1024"
    ):
        encode("anthropic-messages", spec, "high", max_output_tokens=1000)


def test_a_budget_of_no_tokens_is_off_everywhere() -> None:
    for api in CHAT_APIS:
        assert encode(api, "m", 0).body == encode(api, "m", "off").body
    own = model("off", "high", budgets={"off": 0, "high": 9000})
    for api in CHAT_APIS:
        assert encode(api, own, "off").body == encode(api, "m", "off").body
    assert body(encode("anthropic-messages", own, "off"))["thinking"] == {"type": "disabled"}
    assert body(encode("openai-responses", own, 0))["reasoning"] == {"effort": "none"}


@pytest.mark.parametrize("api", CHAT_APIS)
def test_a_budget_below_nothing_means_something_to_gemini_alone(api: str) -> None:
    flags = ChatCompat(thinking_format="openrouter") if api == "openai-completions" else None
    with pytest.raises(UnsupportedRequest, match="reasoning -2: a budget of tokens is at least 1"):
        encode(api, ModelSpec("m", flags), -2)
    if api.startswith("google"):
        assert b'"thinkingBudget":-1' in encode(api, "m", -1).body
    else:
        with pytest.raises(UnsupportedRequest, match="reasoning -1: a budget of tokens is at least 1"):
            encode(api, ModelSpec("m", flags), -1)


@pytest.mark.parametrize("api", CHAT_APIS)
@pytest.mark.parametrize("odd", [True, False, 1.5])
def test_reasoning_is_a_level_or_a_whole_number(api: str, odd: Any) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        encode(api, "m", odd)
    assert caught.value.part == f"reasoning {odd!r}"


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", CHAT_APIS)
def test_a_cap_above_the_models_limit_is_lowered_and_said(api: str) -> None:
    http = encode(api, ModelSpec("m", max_output_tokens=4000), max_output_tokens=9000)
    assert http.body == encode(api, "m", max_output_tokens=4000).body
    assert http.notes == ("max_output_tokens was lowered from 9000 to 4000, the model's limit",)


@pytest.mark.parametrize("api", CHAT_APIS)
def test_a_cap_within_the_limit_or_without_one_stays(api: str) -> None:
    for spec in (ModelSpec("m", max_output_tokens=9000), ModelSpec("m", context_window=10), "m"):
        http = encode(api, spec, max_output_tokens=9000)
        assert (http.body, http.notes) == (encode(api, "m", max_output_tokens=9000).body, ())


def test_where_no_cap_is_asked_for_none_is_made_up() -> None:
    for api in ("openai-completions", "openai-responses", "google-generative-ai"):
        assert encode(api, ModelSpec("m", max_output_tokens=4000)).body == encode(api, "m").body
    # Anthropic needs one: its default, within the limit.
    assert body(encode("anthropic-messages", ModelSpec("m", max_output_tokens=4000)))["max_tokens"] == 4000
