"""A request as Gemini's body and path: models, tools, configuration, schemas, Code Assist's envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs.google import GoogleCodeAssist, GoogleGenerativeAI, GoogleOptions
from lash_proto.compat import ChatCompat, GoogleCompat
from lash_proto.errors import UnsupportedRequest
from lash_proto.messages import (
    AssistantMessage,
    JsonObject,
    JsonSchema,
    LlmRequest,
    ProviderOptions,
    ProviderTool,
    TextPart,
    ToolDefinition,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.values import from_json, to_json

ASK = (UserMessage("Hi"),)
F = ToolDefinition("f", "Does f.", {"type": "object", "properties": {"a": {"type": "string"}}})


def body(compat: GoogleCompat | None = None, messages: Any = ASK, **said: Any) -> dict[str, Any]:
    codec = GoogleGenerativeAI(compat=compat or GoogleCompat())
    made: dict[str, Any] = json.loads(codec.encode(LlmRequest(messages, **said), "m").body)
    return made


def config(compat: GoogleCompat | None = None, **said: Any) -> Any:
    return body(compat, **said).get("generationConfig")


# --- where it goes ---------------------------------------------------------------------------------------------------


def test_the_smallest_request() -> None:
    http = GoogleGenerativeAI().encode(LlmRequest("Hi"), "gemini-3")
    assert (http.method, http.path) == ("POST", "/v1beta/models/gemini-3:streamGenerateContent?alt=sse")
    assert http.headers == (("content-type", "application/json"), ("accept", "text/event-stream"))
    assert http.body == b'{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}'


def test_a_body_in_one_piece_has_a_method_of_its_own() -> None:
    http = GoogleGenerativeAI().encode(LlmRequest("Hi"), "gemini-3", stream=False)
    assert http.path == "/v1beta/models/gemini-3:generateContent"
    assert dict(http.headers)["accept"] == "application/json"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-3", "models/gemini-3"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("publishers/google/models/gemini-3", "publishers/google/models/gemini-3"),
        (
            "projects/p/locations/global/publishers/google/models/g",
            "projects/p/locations/global/publishers/google/models/g",
        ),
        ("claude@20260101", "models/claude@20260101"),
        ("a:b?c#d%e", "models/a%3Ab%3Fc%23d%25e"),
        ("ä", "models/%C3%A4"),
    ],
)
def test_a_model_becomes_a_resource(model: str, path: str) -> None:
    http = GoogleGenerativeAI(api_version="v1").encode(LlmRequest("Hi"), model)
    assert http.path == f"/v1/{path}:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    "model", ["", " ", "a b", "models/../x", "models//x", "models/", "/x", ".", "a\nb", "a\x00", "a\ud83d"]
)
def test_a_model_that_would_break_the_path_is_refused(model: str) -> None:
    with pytest.raises(UnsupportedRequest, match="model"):
        GoogleGenerativeAI().encode(LlmRequest("Hi"), model)


def test_code_assist_wraps_the_request() -> None:
    request = LlmRequest(
        "Hi", session_id="s", request_id="r", metadata={"team": "x"}, options=ProviderOptions(reasoning=0)
    )
    http = GoogleCodeAssist(project="p").encode(request, "models/gemini-3")
    assert http.path == "/v1internal:streamGenerateContent?alt=sse"
    assert json.loads(http.body) == {
        "model": "gemini-3",
        "project": "p",
        "user_prompt_id": "r",
        "request": {
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}},
            "labels": {"team": "x"},
            "session_id": "s",
        },
    }


def test_code_assist_leaves_out_what_it_is_not_told() -> None:
    http = GoogleCodeAssist().encode(LlmRequest("Hi"), "gemini-3", stream=False)
    assert http.path == "/v1internal:generateContent"
    made = json.loads(http.body)
    # printf %s '{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}' | sha256sum | cut -c -32
    prompt = "de509063eec4a1becb9839bde561d72f"
    assert made == {
        "model": "gemini-3",
        "user_prompt_id": prompt,
        "request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    }
    nothing = LlmRequest("Hi", session_id="", request_id="")
    assert GoogleCodeAssist(project=" ").encode(nothing, "gemini-3", stream=False) == http
    other = json.loads(GoogleCodeAssist().encode(LlmRequest("Hello"), "gemini-3").body)
    assert other["user_prompt_id"] != prompt
    with pytest.raises(UnsupportedRequest, match="request: it holds a value that JSON cannot say"):
        GoogleCodeAssist().encode(LlmRequest("Hi", temperature=float("nan")), "gemini-3")


def test_both_codecs_are_found_by_their_names() -> None:
    assert CODECS["google-generative-ai"] == GoogleGenerativeAI()
    assert CODECS["google-code-assist"] == GoogleCodeAssist()


def test_a_models_own_flags_win_and_another_dialects_do_not_count() -> None:
    request = LlmRequest("Hi", options=ProviderOptions(reasoning="low"))
    codec = GoogleGenerativeAI()
    for compat, thinking in (
        (GoogleCompat(thinking="budget"), {"thinkingBudget": 2048}),
        (ChatCompat(), {"thinkingLevel": "LOW"}),
    ):
        http = codec.encode(request, ModelSpec("m", compat=compat))
        assert json.loads(http.body)["generationConfig"] == {"thinkingConfig": thinking}


# --- the body --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "parts"),
    [
        ("Be brief.", ["Be brief."]),
        ([TextPart("a"), TextPart(""), TextPart("b")], ["a", "b"]),
        ("", None),
        ([TextPart("")], None),
    ],
)
def test_the_system_prompt(system: Any, parts: list[str] | None) -> None:
    wanted = None if parts is None else {"parts": [{"text": text} for text in parts]}
    assert body(system=system).get("systemInstruction") == wanted


def test_sampling_and_limits() -> None:
    made = config(
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=10,
        stop=("a", "b"),
        seed=7,
        options=GoogleOptions(
            top_k=3,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            media_resolution="MEDIA_RESOLUTION_LOW",
            response_modalities=("TEXT", "IMAGE"),
            image_config={"aspectRatio": "16:9"},
            speech_config={"languageCode": "de-DE"},
        ),
    )
    assert made == {
        "temperature": 0.5,
        "topP": 0.9,
        "maxOutputTokens": 10,
        "stopSequences": ["a", "b"],
        "seed": 7,
        "topK": 3,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "16:9"},
        "speechConfig": {"languageCode": "de-DE"},
    }


def test_settings_beside_the_configuration() -> None:
    harmless = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}
    made = body(
        options=GoogleOptions(safety_settings=(harmless,), cached_content="cachedContents/1", service_tier="flex")
    )
    assert (made["safetySettings"], made["cachedContent"], made["serviceTier"]) == (
        [harmless],
        "cachedContents/1",
        "flex",
    )


@pytest.mark.parametrize(
    ("reasoning", "level", "budget"),
    [
        ("off", {"thinkingBudget": 0}, {"thinkingBudget": 0}),
        ("minimal", {"thinkingLevel": "MINIMAL"}, {"thinkingBudget": 512}),
        ("low", {"thinkingLevel": "LOW"}, {"thinkingBudget": 2048}),
        ("medium", {"thinkingLevel": "MEDIUM"}, {"thinkingBudget": 8192}),
        ("high", {"thinkingLevel": "HIGH"}, {"thinkingBudget": 24576}),
        ("xhigh", {"thinkingLevel": "XHIGH"}, {"thinkingBudget": 24576}),
        ("max", {"thinkingLevel": "XHIGH"}, {"thinkingBudget": 24576}),
        (1024, {"thinkingBudget": 1024}, {"thinkingBudget": 1024}),
        (-1, {"thinkingBudget": -1}, {"thinkingBudget": -1}),
    ],
)
def test_how_much_to_think(reasoning: Any, level: dict[str, Any], budget: dict[str, Any]) -> None:
    options = ProviderOptions(reasoning=reasoning)
    assert config(options=options) == {"thinkingConfig": level}
    assert config(GoogleCompat(thinking="budget"), options=options) == {"thinkingConfig": budget}


def test_a_level_that_gemini_lacks_is_noted() -> None:
    def notes(reasoning: Any, thinking: Any) -> tuple[str, ...]:
        codec = GoogleGenerativeAI(compat=GoogleCompat(thinking=thinking))
        return codec.encode(LlmRequest("Hi", options=ProviderOptions(reasoning=reasoning)), "m").notes

    assert notes("max", "level") == ("reasoning max is sent as XHIGH, the highest that Gemini has",)
    assert notes("xhigh", "level") == ()
    assert notes("xhigh", "budget") == ("reasoning xhigh is sent as the largest budget that all models take",)
    assert notes("high", "budget") == ()


@pytest.mark.parametrize(("cap", "budget"), [(1000, 500), (2048, 1024), (10_000, 8976), (30_000, 24_576)])
@pytest.mark.parametrize("reasoning", ["high", 24_576])
def test_thoughts_leave_room_for_an_answer(reasoning: Any, cap: int, budget: int) -> None:
    """`maxOutputTokens` includes thoughts (WIRE 5b)."""
    codec = GoogleGenerativeAI(compat=GoogleCompat(thinking="budget"))
    request = LlmRequest("Hi", max_output_tokens=cap, options=ProviderOptions(reasoning=reasoning))
    http = codec.encode(request, "m")
    assert json.loads(http.body)["generationConfig"]["thinkingConfig"] == {"thinkingBudget": budget}
    told = (f"the reasoning budget is {budget} tokens, to leave room for an answer",)
    assert http.notes == (() if budget == 24_576 else told)


def test_thoughts_are_shown_when_asked_for() -> None:
    assert config(options=ProviderOptions(expose_thinking=True)) == {"thinkingConfig": {"includeThoughts": True}}
    assert config(options=ProviderOptions(expose_thinking=False, reasoning=None)) is None


SCHEMA = {"type": "object", "properties": {"kind": {"const": "x"}}}


def test_structured_output() -> None:
    assert config(output=JsonObject()) == {"responseMimeType": "application/json"}
    assert config(output=JsonSchema("o", SCHEMA)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"kind": {"enum": ["x"]}}},
    }
    assert config(GoogleCompat(json_schema=False), output=JsonSchema("o", SCHEMA)) == {
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"kind": {"type": "STRING", "enum": ["x"]}}},
    }


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"messages": ()}, "messages"),
        ({"messages": (AssistantMessage([]),)}, "messages"),
        ({"stop": ("a", "b", "c", "d", "e", "f")}, "6 stop sequences"),
        ({"options": ProviderOptions(parallel_tool_calls=False)}, "parallel_tool_calls"),
        ({"options": ProviderOptions(reasoning=-2)}, "reasoning -2"),
        ({"options": ProviderOptions(reasoning="hgih")}, "reasoning 'hgih'"),  # type: ignore[arg-type]
        ({"options": GoogleOptions(cached_content="c"), "system": "s"}, "systemInstruction"),
        ({"options": GoogleOptions(cached_content="c"), "tools": [F]}, "tools"),
        ({"tools": [ToolDefinition("p", kind="custom")]}, "tool 'p'"),
        ({"tools": [ToolDefinition("a b")]}, "tool name 'a b'"),
        ({"tool_choice": "required"}, "tool_choice 'required'"),
        ({"tool_choice": "g", "tools": [F]}, "tool_choice 'g'"),
        (
            {"options": ProviderOptions(extra_body={"generationConfig": {"candidateCount": 2}})},
            "extra_body.generationConfig.candidateCount",
        ),
        (
            {"options": ProviderOptions(extra_body={"request": {"generation_config": {"candidate_count": 2}}})},
            "extra_body.generation_config.candidateCount",
        ),
    ],
)
def test_what_gemini_cannot_be_told_is_refused(said: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        body(**said)
    assert caught.value.part == named


def test_metadata_is_left_out_where_only_vertex_takes_labels() -> None:
    http = GoogleGenerativeAI().encode(LlmRequest("Hi", metadata={"a": "b"}), "m")
    assert b"labels" not in http.body
    assert http.notes == ("metadata is left out: the Gemini API takes none; Vertex and Code Assist do (compat.labels)",)


def test_what_the_caller_adds_is_merged_last() -> None:
    options = ProviderOptions(
        parallel_tool_calls=True,
        extra_body={"generationConfig": {"topK": 1, "seed": None}, "store": False, "request": None},
        extra_headers={"x-goog-user-project": "p"},
    )
    http = GoogleGenerativeAI().encode(LlmRequest("Hi", temperature=1.0, seed=1, options=options), "m")
    made = json.loads(http.body)
    assert (made["generationConfig"], made["store"]) == ({"temperature": 1.0, "topK": 1}, False)
    assert dict(http.headers)["x-goog-user-project"] == "p"


# --- tools -----------------------------------------------------------------------------------------------------------

CALLING = "functionCallingConfig"
SEARCH = ProviderTool({"googleSearch": {}})


def test_functions_are_declared_together_and_googles_tools_stand_alone() -> None:
    made = body(tools=[F, SEARCH, ToolDefinition("g")])
    assert made["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "Does f.", "parametersJsonSchema": F.parameters},
                {"name": "g", "description": ""},
            ]
        },
        {"googleSearch": {}},
    ]
    assert made["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert "toolConfig" not in body(GoogleCompat(server_tool_calls=False), tools=[F, SEARCH])
    assert body(tools=[SEARCH])["tools"] == [{"googleSearch": {}}]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (None, None),
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("f", {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_which_tool_to_call(choice: str | None, calling: Any) -> None:
    wanted = None if calling is None else {CALLING: calling}
    assert body(tools=[F], tool_choice=choice).get("toolConfig") == wanted


def test_a_choice_without_functions_is_not_sent() -> None:
    """WIRE 5b: 400 where nothing is declared."""
    assert "toolConfig" not in body(tools=[SEARCH], tool_choice="auto")


def test_no_tool_may_be_called_means_googles_own_too() -> None:
    """`functionCallingConfig` is about functions alone (WIRE 5b)."""
    request = LlmRequest("Hi", tools=[SEARCH], tool_choice="none")
    http = GoogleGenerativeAI().encode(request, "gemini-3-flash")
    assert json.loads(http.body).keys() == {"contents"}
    assert http.notes == ("Google's own tools are left out: the mode NONE keeps only functions from being called",)
    both = body(tools=[F, SEARCH], tool_choice="none")
    assert [*both["tools"][0]] == ["functionDeclarations"]
    assert (len(both["tools"]), both["toolConfig"]) == (1, {CALLING: {"mode": "NONE"}})


def test_a_strict_tool_asks_for_validated_calls() -> None:
    strict = ToolDefinition("f", strict=True)
    assert body(tools=[strict])["toolConfig"] == {CALLING: {"mode": "VALIDATED"}}
    assert body(tools=[strict], tool_choice="auto")["toolConfig"] == {CALLING: {"mode": "VALIDATED"}}
    assert body(tools=[strict], tool_choice="required")["toolConfig"] == {CALLING: {"mode": "ANY"}}
    assert "toolConfig" not in body(GoogleCompat(validated_mode=False), tools=[strict])


def test_a_function_in_the_older_form_of_schema() -> None:
    older = GoogleCompat(json_schema=False)
    made = body(older, tools=[F, ToolDefinition("g", parameters={"type": "object", "properties": {}})])
    assert made["tools"][0]["functionDeclarations"] == [
        {
            "name": "f",
            "description": "Does f.",
            "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
        },
        {"name": "g", "description": ""},
    ]


# --- options ---------------------------------------------------------------------------------------------------------


def test_googles_options_come_back_from_json() -> None:
    options = GoogleOptions(
        top_k=3, response_modalities=("TEXT",), safety_settings=({"category": "c"},), reasoning="low"
    )
    assert from_json(to_json(options)) == options


def test_googles_options_go_over_plain_ones() -> None:
    merged = ProviderOptions(reasoning="low").over(GoogleOptions(top_k=3))
    assert merged == GoogleOptions(top_k=3, reasoning="low")
