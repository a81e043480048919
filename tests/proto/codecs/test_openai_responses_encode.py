"""Responses bodies, as the provider's documentation has them (WIRE 1b, 3)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.codecs.openai_responses import OpenAIResponses, ResponsesOptions
from lash_proto.compat import CODEX, ChatCompat, ResponsesCompat
from lash_proto.errors import UnsupportedRequest
from lash_proto.handoff import NO_RESULT
from lash_proto.http import HttpRequest
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    JsonObject,
    JsonSchema,
    LlmRequest,
    Message,
    OpaquePart,
    Origin,
    Part,
    ProviderOptions,
    ProviderTool,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.replies import LlmResponse
from tests.recordings import FIXTURES, NO_RECORDINGS, find_recordings, read_items

API = "openai-responses"
CODEC = OpenAIResponses(provider="openai")
OURS = Origin("openai", API, "gpt-5.6")
THEIRS = Origin("anthropic", "anthropic-messages", "claude-opus-5")
STORED = ResponsesOptions(store=True)


def encode(request: LlmRequest, codec: OpenAIResponses = CODEC, model: str | ModelSpec = "gpt-5.6") -> HttpRequest:
    return codec.encode(request, model)


def body(request: LlmRequest, compat: ResponsesCompat | None = None) -> dict[str, Any]:
    codec = CODEC if compat is None else evolve(CODEC, compat=compat)
    found: dict[str, Any] = json.loads(encode(request, codec).body)
    return found


def items(*messages: Message, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(LlmRequest(messages, options=ResponsesOptions(**options)))["input"]
    return found


def said(*parts: Part, **options: Any) -> list[dict[str, Any]]:
    return items(UserMessage("Hi"), AssistantMessage(parts), **options)[1:]


def option(**options: Any) -> dict[str, Any]:
    return body(LlmRequest("Hi", options=ResponsesOptions(**options)))


def refused(request: LlmRequest, compat: ResponsesCompat | None = None) -> tuple[str, str]:
    with pytest.raises(UnsupportedRequest) as caught:
        body(request, compat)
    return caught.value.part, caught.value.rule


# --- the request -----------------------------------------------------------------------------------------------------


def test_the_smallest_request() -> None:
    http = encode(LlmRequest("Hi"))
    assert (http.method, http.path, http.notes) == ("POST", "/responses", ())
    assert http.headers == (("content-type", "application/json"), ("accept", "text/event-stream"))
    assert json.loads(http.body) == {
        "model": "gpt-5.6",
        "input": [{"role": "user", "content": "Hi"}],
        "store": False,
        "stream": True,
    }


def test_encrypted_reasoning_is_asked_for_where_the_request_reasons() -> None:
    asked = {"include": ["reasoning.encrypted_content"]}
    assert option(reasoning="low").items() >= asked.items()
    assert option(encrypted_reasoning=True).items() >= asked.items()
    assert "include" not in option(reasoning="low", store=True)
    assert "include" not in option(reasoning="low", encrypted_reasoning=False)


def test_a_request_without_a_stream_asks_for_json() -> None:
    http = CODEC.encode(LlmRequest("Hi"), "gpt-5.6", stream=False)
    assert ("accept", "application/json") in http.headers
    assert json.loads(http.body)["stream"] is False


def test_every_knob_has_its_field() -> None:
    request = LlmRequest(
        "Hi",
        system="Be brief.",
        tools=[ToolDefinition("now", "Tells the time.")],
        tool_choice="required",
        output=JsonSchema("answer", {"type": "object"}, strict=False),
        max_output_tokens=100,
        temperature=0.0,
        top_p=0.5,
        session_id="s1",
        metadata={"a": "b"},
        options=ResponsesOptions(
            reasoning="high",
            expose_thinking=True,
            parallel_tool_calls=False,
            service_tier="flex",
            include=("web_search_call.results", "reasoning.encrypted_content"),
            verbosity="low",
            truncation="auto",
            previous_response_id="resp_1",
            max_tool_calls=3,
            safety_identifier="u1",
        ),
    )
    assert body(request) == {
        "model": "gpt-5.6",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Hi"}],
        "tools": [
            {
                "type": "function",
                "name": "now",
                "description": "Tells the time.",
                "parameters": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
                "strict": False,
            }
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "text": {
            "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": False},
            "verbosity": "low",
        },
        "reasoning": {"effort": "high", "summary": "auto"},
        "max_output_tokens": 100,
        "temperature": 0.0,
        "top_p": 0.5,
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "truncation": "auto",
        "previous_response_id": "resp_1",
        "max_tool_calls": 3,
        "safety_identifier": "u1",
        "prompt_cache_key": "s1",
        "store": False,
        "include": ["reasoning.encrypted_content", "web_search_call.results"],
        "stream": True,
    }


def test_plain_options_do_as_well() -> None:
    request = LlmRequest(
        "Hi", options=ProviderOptions(reasoning="off", extra_body={"top_logprobs": 2, "include": None})
    )
    sent = body(request)
    assert (sent["reasoning"], sent["top_logprobs"], "include" in sent) == ({"effort": "none"}, 2, False)


@pytest.mark.parametrize(
    ("request_", "part", "rule"),
    [
        (LlmRequest("Hi", stop="END"), "stop", "no stop sequences"),
        (LlmRequest("Hi", seed=1), "seed", "no seed"),
        (LlmRequest("Hi", options=ProviderOptions(extra_body={"n": 2})), "extra_body.n", "one answer"),
        (LlmRequest("Hi", options=ProviderOptions(reasoning=1000)), "reasoning 1000", "off, minimal, low, medium"),
        (LlmRequest("Hi", metadata={str(n): "" for n in range(17)}), "metadata", "16 pairs"),
        (LlmRequest("Hi", metadata={"k" * 65: ""}), "metadata 'kkk", "64 characters"),
        (LlmRequest("Hi", metadata={"k": "v" * 513}), "metadata 'k'", "512"),
        (LlmRequest("Hi", tool_choice="required"), "tool_choice 'required'", "no tools"),
        (LlmRequest("Hi", tool_choice="now"), "tool_choice 'now'", "no tool of that name"),
        (LlmRequest("Hi", tools=[ToolDefinition("a b")]), "tool name 'a b'", "letters, digits"),
        (LlmRequest("Hi", tools=[ToolDefinition("a" * 65)]), "tool name 'aaa", "at most 64"),
        (LlmRequest("Hi", output=JsonSchema("a b", {})), "schema name 'a b'", "letters, digits"),
        (LlmRequest("Hi", temperature=float("nan")), "request", "JSON cannot say"),
        (LlmRequest("Hi", options=ResponsesOptions(safety_identifier="u" * 65)), "options.safety_identifier", "64"),
        (LlmRequest("Hi", options=ResponsesOptions(background=True)), "options.background", "options.store"),
        (
            LlmRequest("Hi", options=ResponsesOptions(previous_response_id="r", conversation="c")),
            "options.conversation",
            "not together",
        ),
        (LlmRequest([]), "messages", "needs some input"),
        (LlmRequest(""), "messages[0]", "needs content"),
        (LlmRequest([UserMessage(())]), "messages[0]", "needs content"),
        (LlmRequest([UserMessage([TextPart("")])]), "messages[0]", "needs content"),
    ],
)
def test_what_responses_cannot_say_is_refused_by_name(request_: LlmRequest, part: str, rule: str) -> None:
    found = refused(request_)
    assert found[0].startswith(part)
    assert rule in found[1]


def test_nothing_new_may_be_said_to_a_stored_response() -> None:
    assert body(LlmRequest([], options=ResponsesOptions(previous_response_id="r")))["input"] == []
    assert body(LlmRequest([], options=ProviderOptions(extra_body={"prompt": {"id": "p"}})))["input"] == []


def test_a_cap_below_the_least_there_is_is_raised_and_noted() -> None:
    http = encode(LlmRequest("Hi", max_output_tokens=1))
    assert json.loads(http.body)["max_output_tokens"] == 16
    assert http.notes == ("max_output_tokens was raised from 1 to 16, the least there is",)
    assert body(LlmRequest("Hi", max_output_tokens=1), ResponsesCompat(min_output_tokens=1))["max_output_tokens"] == 1


def test_the_callers_own_name_for_the_call_is_a_header() -> None:
    assert ("x-client-request-id", "call-7") in encode(LlmRequest("Hi", request_id="call-7")).headers
    for odd in ("ü", "r" * 513, ""):
        http = encode(LlmRequest("Hi", request_id=odd))
        assert "x-client-request-id" not in dict(http.headers)
        assert http.notes == ("request_id was not sent: 1 to 512 visible ASCII characters",)


def test_a_models_own_compat_wins_and_another_dialects_does_not_count() -> None:
    spec = ModelSpec("grok", compat=ResponsesCompat(store=None, encrypted_reasoning=False))
    sent = json.loads(encode(LlmRequest("Hi"), model=spec).body)
    assert sent == {"model": "grok", "input": [{"role": "user", "content": "Hi"}], "stream": True}
    other = ModelSpec("gpt-5.6", compat=ChatCompat())
    assert encode(LlmRequest("Hi"), model=other) == encode(LlmRequest("Hi"))


# --- system text, output, reasoning, caches --------------------------------------------------------------------------


def test_a_text_of_nothing_beside_others_is_left_out() -> None:
    call, result = ToolCallPart("a", "f"), ToolResultMessage("a", [TextPart(""), TextPart("1")])
    user, _, answer = items(UserMessage([TextPart(""), TextPart("Hi")]), AssistantMessage([call]), result)
    assert user["content"] == [{"type": "input_text", "text": "Hi"}]
    assert answer["output"] == [{"type": "input_text", "text": "1"}]


def test_system_parts_are_paragraphs_of_the_instructions() -> None:
    parts = (TextPart("One.", cache_breakpoint=True), TextPart("Two."))
    assert body(LlmRequest("Hi", system=parts))["instructions"] == "One.\n\nTwo."
    assert "instructions" not in body(LlmRequest("Hi", system=(TextPart(""),)))


def test_a_server_may_want_system_text_as_a_message() -> None:
    compat = ResponsesCompat(system_role="developer", cache_breakpoints=True)
    sent = body(LlmRequest("Hi", system="Be brief."), compat)
    assert sent["input"][0] == {"role": "developer", "content": "Be brief."}
    assert "instructions" not in sent
    marked = body(LlmRequest("Hi", system=(TextPart("A", cache_breakpoint=True), TextPart("B"))), compat)
    assert marked["input"][0]["content"] == [
        {"type": "input_text", "text": "A", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_text", "text": "B"},
    ]


def test_a_json_object_needs_the_word_in_the_input_so_system_text_with_it_goes_there() -> None:
    sent = body(LlmRequest("Hi", system="Answer in JSON.", output=JsonObject()))
    assert sent["text"] == {"format": {"type": "json_object"}}
    assert sent["input"][0] == {"role": "developer", "content": "Answer in JSON."}
    assert body(LlmRequest("JSON, please", system="Be brief.", output=JsonObject()))["instructions"] == "Be brief."


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (ResponsesOptions(reasoning="minimal"), {"effort": "minimal"}),
        (
            ResponsesOptions(reasoning="max", summary="detailed", expose_thinking=True),
            {"effort": "max", "summary": "detailed"},
        ),
        (ResponsesOptions(expose_thinking=True), {"summary": "auto"}),
        (ResponsesOptions(reasoning=None), None),
    ],
)
def test_reasoning(options: ResponsesOptions, sent: dict[str, str] | None) -> None:
    assert body(LlmRequest("Hi", options=options)).get("reasoning") == sent


def test_a_server_may_have_other_words_for_levels_or_none() -> None:
    compat = ResponsesCompat(effort_words={"max": "xhigh", "off": None})
    assert body(LlmRequest("Hi", options=ProviderOptions(reasoning="max")), compat)["reasoning"] == {"effort": "xhigh"}
    part, rule = refused(LlmRequest("Hi", options=ProviderOptions(reasoning="off")), compat)
    assert part == "reasoning 'off'"
    assert rule.endswith("one of minimal, low, medium, high, xhigh, max")


def test_stored_responses_need_no_encrypted_reasoning() -> None:
    assert "include" not in option(store=True)
    assert option(store=True, background=True)["background"] is True
    assert "include" not in option(encrypted_reasoning=False)
    sent = body(
        LlmRequest("Hi", options=ResponsesOptions(encrypted_reasoning=True)), ResponsesCompat(encrypted_reasoning=False)
    )
    assert sent["include"] == ["reasoning.encrypted_content"]


def test_a_session_is_a_cache_key_hashed_where_it_is_too_long() -> None:
    assert body(LlmRequest("Hi", session_id="s" * 64))["prompt_cache_key"] == "s" * 64
    assert "prompt_cache_key" not in body(LlmRequest("Hi", session_id="s1"), ResponsesCompat(prompt_cache_key=False))
    for long in ("s" * 65, "sé"):
        assert body(LlmRequest("Hi", session_id=long))["prompt_cache_key"] == hashlib.sha256(long.encode()).hexdigest()


@pytest.mark.parametrize(
    ("retention", "lifetime", "sent"),
    [
        ("short", "retention", {"prompt_cache_key": "s1"}),
        ("none", "retention", {}),
        ("none", "options", {"prompt_cache_options": {"mode": "explicit"}}),
        ("long", "retention", {"prompt_cache_key": "s1", "prompt_cache_retention": "24h"}),
        ("long", "options", {"prompt_cache_key": "s1", "prompt_cache_options": {"ttl": "12h"}}),
        ("long", None, {"prompt_cache_key": "s1"}),
    ],
)
def test_how_long_a_prompt_is_cached(retention: Any, lifetime: Any, sent: dict[str, Any]) -> None:
    request = LlmRequest("Hi", session_id="s1", options=ProviderOptions(cache_retention=retention))
    http = encode(request, evolve(CODEC, compat=ResponsesCompat(cache_lifetime=lifetime)))
    found = json.loads(http.body)
    assert {key: value for key, value in found.items() if key.startswith("prompt_cache")} == sent
    assert len(http.notes) == (1 if lifetime is None else 0)


def test_of_many_breakpoints_the_latest_are_sent() -> None:
    compat = ResponsesCompat(cache_breakpoints=True)
    parts = [TextPart(str(n), cache_breakpoint=True) for n in range(5)]
    http = encode(LlmRequest([UserMessage(parts)], system=(parts[0],)), evolve(CODEC, compat=compat))
    content = json.loads(http.body)["input"][0]["content"]
    assert ["prompt_cache_breakpoint" in part for part in content] == [False, False, True, True, True]
    assert http.notes == (
        "`instructions` takes no cache breakpoint",
        "2 cache breakpoints left out: the request can hold 3 beside the automatic one, and later ones count for more",
    )
    four = ProviderOptions(extra_body={"prompt_cache_options": {"mode": "explicit"}})
    content = body(LlmRequest([UserMessage(parts)], options=four), compat)["input"][0]["content"]
    assert ["prompt_cache_breakpoint" in part for part in content] == [False, True, True, True, True]
    without = body(LlmRequest([UserMessage(parts)], options=ProviderOptions(cache_retention="none")), compat)
    assert not any("prompt_cache_breakpoint" in part for part in without["input"][0]["content"])


# --- tools -----------------------------------------------------------------------------------------------------------


def test_tools_are_flat_and_say_whether_they_are_strict() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "a"'}
    tools = (
        ToolDefinition("f", parameters=schema, strict=True),
        ToolDefinition("sql", "SQL.", kind="custom", format=grammar),
        ToolDefinition("any", kind="custom"),
        ProviderTool({"type": "web_search"}),
    )
    assert body(LlmRequest("Hi", tools=tools))["tools"] == [
        {"type": "function", "name": "f", "parameters": schema, "strict": True},
        {"type": "custom", "name": "sql", "description": "SQL.", "format": grammar},
        {"type": "custom", "name": "any"},
        {"type": "web_search"},
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("f", {"type": "function", "name": "f"}),
        ("sql", {"type": "custom", "name": "sql"}),
        ("docs", {"type": "mcp", "server_label": "docs"}),
        ("code_interpreter", {"type": "code_interpreter"}),
        ("web_search", {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]}),
    ],
)
def test_a_tool_is_chosen_by_its_name(choice: str, sent: Any) -> None:
    tools = (
        ToolDefinition("f"),
        ToolDefinition("sql", kind="custom"),
        ProviderTool({"type": "mcp", "server_label": "docs", "server_url": "https://example.org"}),
        ProviderTool({"type": "code_interpreter", "container": {"type": "auto"}}),
        ProviderTool({"type": "web_search"}),
    )
    assert body(LlmRequest("Hi", tools=tools, tool_choice=choice))["tool_choice"] == sent


def test_a_choice_that_means_nothing_without_tools_is_left_out() -> None:
    assert "tool_choice" not in body(LlmRequest("Hi", tool_choice="auto"))


# --- what the user and the tools say ---------------------------------------------------------------------------------


def test_pictures_and_documents() -> None:
    parts: list[Part] = [
        TextPart("Look:"),
        ImagePart(data=b"\x89PNG", media_type="image/png"),
        ImagePart(url="https://example.org/a.jpg", detail="low"),
        ImagePart(file_id="file_1"),
        DocumentPart(data=b"%PDF", media_type="application/pdf; x=y", context="A paper."),
        DocumentPart(data=b"a,b", media_type="text/csv", name="a.csv"),
        DocumentPart(data=b"a,b", media_type="text/csv"),
        DocumentPart(text="Hé", name="a.md"),
        DocumentPart(text="b"),
        DocumentPart(url="https://example.org/a.pdf"),
        DocumentPart(file_id="file_2"),
    ]
    assert items(UserMessage(parts), CustomMessage("note")) == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look:"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="},
                {"type": "input_image", "detail": "low", "image_url": "https://example.org/a.jpg"},
                {"type": "input_image", "detail": "auto", "file_id": "file_1"},
                {"type": "input_text", "text": "A paper."},
                {
                    "type": "input_file",
                    "filename": "document.pdf",
                    "file_data": "data:application/pdf;base64,JVBERg==",
                },
                {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,YSxi"},
                {"type": "input_file", "filename": "document", "file_data": "data:text/csv;base64,YSxi"},
                {"type": "input_file", "filename": "a.md", "file_data": "data:text/plain;base64,SMOp"},
                {"type": "input_file", "filename": "document.txt", "file_data": "data:text/plain;base64,Yg=="},
                {"type": "input_file", "file_url": "https://example.org/a.pdf"},
                {"type": "input_file", "file_id": "file_2"},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("part", "named", "rule"),
    [
        (AudioPart(data=b"x", media_type="audio/wav"), "audio in messages[0].content[0]", "text, images and documents"),
        (
            ImagePart(data=b"x", media_type="image/bmp"),
            "image in messages[0].content[0] of type image/bmp",
            "image/png",
        ),
        (ImagePart(data=b"x"), "image in messages[0].content[0]", "media_type"),
        (ImagePart(), "image in messages[0].content[0]", "neither"),
        (ImagePart(url="ftp://x/a.png"), "image in messages[0].content[0]", "its URL begins with"),
        (ImagePart(url="u", detail="huge"), "detail 'huge' in messages[0].content[0]", "auto, low, high"),
        (DocumentPart(data=b"x"), "document in messages[0].content[0]", "media_type"),
        (DocumentPart(data=b"x", media_type="pdf"), "document in messages[0].content[0]", "media_type"),
        (DocumentPart(text=""), "document in messages[0].content[0]", "its text is empty"),
        (DocumentPart(data=b"x", media_type="audio/mpeg"), "document of type audio/mpeg in", "no audio"),
        (DocumentPart(), "document in messages[0].content[0]", "neither"),
        (ToolCallPart("c", "f"), "ToolCallPart in messages[0].content[0]", "only an assistant message"),
    ],
)
def test_a_part_that_cannot_be_said_is_refused_with_its_place(part: Part, named: str, rule: str) -> None:
    found = refused(LlmRequest([UserMessage([part])]))
    assert found[0].startswith(named)
    assert rule in found[1]


def test_half_a_surrogate_pair_in_a_document_is_replaced() -> None:
    (item,) = items(UserMessage([DocumentPart(text="a\ud83d", name="b\ud83d")]))
    sent = {"type": "input_file", "filename": "b\ufffd", "file_data": "data:text/plain;base64,Ye+/vQ=="}
    assert item["content"] == [sent]


def test_citations_of_documents_cannot_be_asked_for() -> None:
    request = LlmRequest(
        [UserMessage([DocumentPart(text="a", citations=True), DocumentPart(text="b", citations=True)])]
    )
    assert encode(request).notes == ("Responses cannot be asked for citations of a document",)
    for held in (DocumentPart(url="https://a.b/c", name="a.pdf"), DocumentPart(file_id="file-1", name="a.pdf")):
        told = ("the name of a document that is sent by URL or id is left out",)
        assert encode(LlmRequest([UserMessage([held])])).notes == told
    assert encode(LlmRequest([UserMessage([DocumentPart(text="x", name="a.md")])])).notes == ()


def test_items_and_parts_of_the_dialect_itself_go_as_they_are() -> None:
    parts: list[Part] = [
        TextPart("a"),
        OpaquePart("input_audio", {"type": "input_audio", "x": 1}),
        OpaquePart("mcp_approval_response", {"approval_request_id": "m1", "approve": True, "reason": None}),
        OpaquePart("server_tool_use", {}, THEIRS),
        TextPart("b"),
    ]
    http = encode(LlmRequest([UserMessage(parts)]))
    assert json.loads(http.body)["input"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_audio", "x": 1}]},
        {"type": "mcp_approval_response", "approval_request_id": "m1", "approve": True},
        {"role": "user", "content": [{"type": "input_text", "text": "b"}]},
    ]
    assert http.notes == ("a foreign server_tool_use in messages[0] was left out",)
    assert items(UserMessage([OpaquePart("compaction_trigger", {})])) == [{"type": "compaction_trigger"}]


def test_results_are_text_or_parts_and_an_error_is_its_text() -> None:
    messages: list[Message] = [
        UserMessage("Hi"),
        AssistantMessage([ToolCallPart(f"c{n}", "f") for n in range(4)]),
        ToolResultMessage("c0", "18 degrees"),
        ToolResultMessage("c1", [TextPart("A picture:"), ImagePart(url="https://example.org/a.png")]),
        ToolResultMessage("c2", "No such city.", is_error=True),
        ToolResultMessage("c3", ()),
    ]
    http = encode(LlmRequest(messages))
    assert json.loads(http.body)["input"][-4:] == [
        {"type": "function_call_output", "call_id": "c0", "output": "18 degrees"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [
                {"type": "input_text", "text": "A picture:"},
                {"type": "input_image", "detail": "auto", "image_url": "https://example.org/a.png"},
            ],
        },
        {"type": "function_call_output", "call_id": "c2", "output": "No such city."},
        {"type": "function_call_output", "call_id": "c3", "output": ""},
    ]
    assert http.notes == ("Responses has no mark for a tool result that is an error: only its text was sent",)


def test_where_a_server_has_function_tools_only_custom_ones_are_refused_and_their_old_calls_become_functions() -> None:
    compat = ResponsesCompat(custom_tools=False)
    assert refused(LlmRequest("Hi", tools=[ToolDefinition("sql", kind="custom")]), compat)[0] == "custom tool 'sql'"
    call = ToolCallPart("c1", "sql", raw_arguments="SELECT 1", kind="custom", origin=THEIRS)
    history = LlmRequest([UserMessage("Hi"), AssistantMessage([call]), ToolResultMessage("c1", "1")])
    assert body(history, compat)["input"][1:] == [
        {"type": "function_call", "call_id": "c1", "name": "sql", "arguments": '{"input":"SELECT 1"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
    ]
    said = "the text of a custom tool call is sent as its argument `input`"
    assert encode(history, evolve(CODEC, compat=compat)).notes == (said,)
    own = AssistantMessage([evolve(call, origin=OURS)])
    assert body(LlmRequest([UserMessage("Hi"), own]), compat)["input"][1]["type"] == "custom_tool_call"


def test_the_result_of_a_custom_call_is_of_its_kind_and_of_a_programs_call_names_the_program() -> None:
    caller = {"type": "program", "caller_id": "c0"}
    calls = [
        ToolCallPart("c1", "sql", raw_arguments="SELECT 1", kind="custom"),
        ToolCallPart("c2", "f", origin=OURS, provider_data={"id": "fc_2", "caller": caller}),
    ]
    found = items(AssistantMessage(calls), ToolResultMessage("c1", "1"), ToolResultMessage("c2", "2"))
    assert found == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "SELECT 1"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}", "id": "fc_2", "caller": caller},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": "2", "caller": caller},
    ]


# --- what the model said ---------------------------------------------------------------------------------------------

THOUGHT: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e", "status": None}


def test_words_that_were_never_items_are_short_messages() -> None:
    parts: list[Part] = [
        TextPart("a"),
        TextPart("b", phase="commentary"),
        TextPart(""),
        TextPart("c", phase="commentary", origin=THEIRS, provider_data={"id": "x"}),
        RefusalPart("d"),
    ]
    assert said(*parts) == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "b", "phase": "commentary"},
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": "d"},
    ]


def test_a_reply_goes_back_as_the_items_it_came_from() -> None:
    data = {"id": "msg_1", "status": "incomplete"}
    search = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "sources": None}, "error": None}
    cite = {"type": "url_citation", "url": "https://example.org"}
    parts: list[Part] = [
        ReasoningPart("", OURS, THOUGHT),
        OpaquePart("web_search_call", search, OURS),
        TextPart("a", phase="commentary", citations=(cite,), origin=OURS, provider_data=data),
        TextPart("b", origin=OURS, provider_data={**data, "part": 1, "text": "B"}),
        RefusalPart("c", OURS, {**data, "part": 2}),
        OpaquePart("message", {"type": "message", "id": "msg_1", "content": [{"type": "output_audio"}]}, OURS),
        RefusalPart("d", OURS, {"id": "msg_2", "phase": "final_answer"}),
        ToolCallPart("c1", "f", {}, '{"a": 1}', origin=OURS, provider_data={"id": "fc_1", "namespace": "crm"}),
        ToolCallPart("c2", "sql", {}, "x", kind="custom", origin=OURS, provider_data={"id": "ctc_1"}),
    ]
    assert said(*parts) == [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
        {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "incomplete",
            "phase": "commentary",
            "content": [
                {"type": "output_text", "annotations": [cite], "text": "a"},
                {"type": "output_text", "annotations": [], "text": "B"},
                {"type": "refusal", "refusal": "c"},
                {"type": "output_audio"},
            ],
        },
        {
            "type": "message",
            "id": "msg_2",
            "role": "assistant",
            "status": "completed",
            "phase": "final_answer",
            "content": [{"type": "refusal", "refusal": "d"}],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "namespace": "crm",
            "call_id": "c1",
            "name": "f",
            "arguments": '{"a": 1}',
        },
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "sql", "input": "x"},
    ]


def test_arguments_that_are_no_object_go_back_as_an_empty_one() -> None:
    broken = AssistantMessage([ToolCallPart("c1", "f", {}, '{"a', "Unterminated string", origin=OURS)])
    http = encode(LlmRequest([broken, ToolResultMessage("c1", "Try again.")]))
    assert json.loads(http.body)["input"][0]["arguments"] == "{}"
    assert http.notes == ("arguments of 'f' that are no JSON object went back as an empty one",)


def test_a_member_that_is_null_goes_back_where_it_has_to_be_there_and_else_not() -> None:
    ran = {"type": "code_interpreter_call", "id": "ci_1", "code": None, "outputs": None, "error": None}
    drawn = {"type": "image_generation_call", "id": "ig_1", "result": None, "revised_prompt": None}
    blocks = [OpaquePart(str(item["type"]), item, OURS) for item in (ran, drawn)]
    assert said(*blocks) == [
        {"type": "code_interpreter_call", "id": "ci_1", "code": None, "outputs": None},
        {"type": "image_generation_call", "id": "ig_1", "result": None},
    ]


def test_another_models_reasoning_ids_and_tools_stay_behind() -> None:
    other = Origin("openai", API, "gpt-4.1")
    parts: list[Part] = [
        ReasoningPart("Hm.", other, THOUGHT),
        ReasoningPart("Hm."),
        TextPart("a", origin=other, provider_data={"id": "msg_1"}),
        ToolCallPart("c1", "f", {"a": 1}, origin=other, provider_data={"id": "fc_1"}),
        OpaquePart("web_search_call", {"id": "ws_1"}, other),
        ImagePart(data=b"x", origin=THEIRS),
    ]
    http = encode(LlmRequest([UserMessage("Hi"), AssistantMessage(parts)]))
    assert json.loads(http.body)["input"][1:] == [
        {"role": "assistant", "content": "a"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
    ]
    assert http.notes == (
        "reasoning that is not this provider's and model's own, or not encrypted, was left out",
        "a web_search_call in messages[1] was left out: it is not this provider's and model's own",
        "a ImagePart in messages[1] was left out: Responses has none in what a model said",
    )


def test_reasoning_that_cannot_go_back_takes_the_ids_of_what_follows_with_it() -> None:
    bare = {"type": "reasoning", "id": "rs_1", "summary": []}
    parts: list[Part] = [
        TextPart("a", origin=OURS, provider_data={"id": "msg_1"}),
        ReasoningPart("", OURS, bare),
        TextPart("b", phase="commentary", origin=OURS, provider_data={"id": "msg_2"}),
        ToolCallPart("c1", "f", origin=OURS, provider_data={"id": "fc_1", "status": "completed"}),
    ]
    assert said(*parts)[1:] == [
        {"role": "assistant", "content": "b", "phase": "commentary"},
        {"type": "function_call", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{}"},
    ]
    stored = said(*parts, store=True)
    assert [item.get("id") for item in stored] == ["msg_1", "rs_1", "msg_2", "fc_1"]


def test_open_reasoning_goes_back_without_being_encrypted() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    assert said(ReasoningPart("Hm.", OURS, thought), TextPart("a"))[0] == {**thought, "summary": []}


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    request = LlmRequest(
        [UserMessage("Hi"), AssistantMessage([ReasoningPart("", OURS, THOUGHT)]), UserMessage("Go on")]
    )
    http = encode(request)
    assert len(json.loads(http.body)["input"]) == 2
    assert http.notes == ("reasoning that led to nothing was left out",)


def test_what_a_model_cannot_have_said_here_is_refused() -> None:
    found = refused(LlmRequest([AssistantMessage([TextPart("a"), ImagePart(url="u")])]))
    assert found[0] == "ImagePart in messages[0].content[1]"
    call = ToolCallPart("c", "f", {"a": object()})
    assert refused(LlmRequest([AssistantMessage([call])]))[0] == "arguments of the call of 'f'"


def test_ids_and_names_that_responses_refuses_are_made_fit_call_and_result_alike() -> None:
    long = "toolu:" + "x" * 100
    digest = hashlib.sha256(long.encode()).hexdigest()[:12]
    call = ToolCallPart(long, "my.tool", origin=THEIRS)
    http = encode(LlmRequest([AssistantMessage([call]), ToolResultMessage(long, "1"), ToolResultMessage("a b", "2")]))
    found = json.loads(http.body)["input"]
    assert found[0]["call_id"] == found[1]["call_id"] == f"toolu_{'x' * 45}_{digest}"
    assert found[0]["name"] == "my_tool"
    assert found[2]["call_id"].startswith("a_b_")
    assert [note.split(":")[0] for note in http.notes] == [
        "the tool 'my.tool' of an earlier call is called 'my_tool' here"
    ]


def test_breakpoints_in_what_a_model_said_are_noted() -> None:
    part = TextPart("a", cache_breakpoint=True)
    request = LlmRequest([AssistantMessage([part])])
    http = encode(request, evolve(CODEC, compat=ResponsesCompat(cache_breakpoints=True)))
    assert http.notes == ("Responses takes no cache breakpoint in what a model said",)


def test_breakpoints_that_the_server_does_not_know_are_noted() -> None:
    request = LlmRequest([UserMessage([TextPart("a", cache_breakpoint=True), TextPart("b", cache_breakpoint=True)])])
    http = encode(request)
    assert b"breakpoint" not in http.body
    assert http.notes == ("the server has no cache breakpoints",)
    assert encode(evolve(request, options=ProviderOptions(cache_retention="none"))).notes == http.notes
    marking = evolve(CODEC, compat=ResponsesCompat(cache_breakpoints=True))
    assert encode(evolve(request, options=ProviderOptions(cache_retention="none")), marking).notes == ()


# --- Codex -----------------------------------------------------------------------------------------------------------


def test_the_codex_backend_is_flags() -> None:
    codec = OpenAIResponses(provider="codex", compat=CODEX)
    request = LlmRequest("Hi", tools=[ToolDefinition("f")], session_id="s1", request_id="r1")
    http = codec.encode(request, "gpt-5.6-codex", stream=False)
    sent = json.loads(http.body)
    assert dict(http.headers) == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "openai-beta": "responses=experimental",
        "session-id": "s1",
        "x-client-request-id": "r1",
    }
    assert (sent["instructions"], sent["store"], sent["stream"]) == ("You are a helpful assistant.", False, True)
    assert sent["tools"][0]["strict"] is None
    assert sent["include"] == ["reasoning.encrypted_content"]
    long = LlmRequest("Hi", session_id="s1", options=ProviderOptions(cache_retention="long"))
    assert "prompt_cache_retention" not in body(long, CODEX)


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (LlmRequest("Hi", max_output_tokens=100), "max_output_tokens"),
        (LlmRequest("Hi", temperature=0.0), "temperature"),
        (LlmRequest("Hi", top_p=0.5), "top_p"),
        (LlmRequest("Hi", metadata={"a": "b"}), "metadata"),
        (LlmRequest("Hi", options=STORED), "store"),
        (LlmRequest("Hi", options=ResponsesOptions(previous_response_id="r")), "previous_response_id"),
        (LlmRequest("Hi", options=ResponsesOptions(truncation="auto")), "truncation"),
    ],
)
def test_what_the_codex_backend_refuses_is_refused_here(request_: LlmRequest, part: str) -> None:
    assert refused(request_, CODEX) == (part, "this server refuses it")


# --- laws ------------------------------------------------------------------------------------------------------------


def conversation() -> list[Message]:
    part = TextPart("a", cache_breakpoint=True)
    data = {"id": "msg_1"}
    return [
        UserMessage("Hi"),
        AssistantMessage([ReasoningPart("", OURS, THOUGHT), TextPart("a", origin=OURS, provider_data=data)]),
        AssistantMessage([TextPart("b", origin=OURS, provider_data={**data, "part": 1})]),
        AssistantMessage([OpaquePart("message", {"id": "msg_1", "content": []}, OURS)]),
        UserMessage([part, part]),
        AssistantMessage([ToolCallPart("c1", "f"), ToolCallPart("c2", "f")]),
        ToolResultMessage("c1", "1"),
        CustomMessage("note"),
        ToolResultMessage("c2", [part]),
        AssistantMessage(()),
        UserMessage("Go on"),
    ]


def test_the_same_request_gives_the_same_bytes_and_appending_leaves_the_beginning_as_it_was() -> None:
    messages = conversation()
    last: list[dict[str, Any]] = []
    for number in range(1, len(messages) + 1):
        request = LlmRequest(messages[:number])
        assert encode(request) == encode(request)
        found = body(request)["input"]
        assert found[: len(last)] == last
        last = found


def wire_items(raw: bytes) -> list[dict[str, Any]]:
    """The finished items, in the wire's own order, less what may not or need not be sent back."""
    if raw.lstrip().startswith(b"{"):
        found = json.loads(raw).get("output") or []
    else:
        events = [json.loads(line[6:]) for line in raw.decode().split("\n") if line.startswith("data: {")]
        done = {e["output_index"]: e["item"] for e in events if e["type"] == "response.output_item.done"}
        found = [done[index] for index in sorted(done)]
    kept = []
    for item in found:
        item = {key: value for key, value in item.items() if value is not None or key in ("outputs", "code", "result")}
        if item["type"] == "message":
            item["content"] = [{k: v for k, v in part.items() if k != "logprobs"} for part in item["content"]]
        if item["type"] == "custom_tool_call":
            item.pop("status", None)
        if item["type"] == "web_search_call" and "action" in item:
            item["action"] = {key: value for key, value in item["action"].items() if value is not None}
        kept.append(item)
    # Half a surrogate pair cannot be sent.
    text = json.dumps(kept, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    clean: list[dict[str, Any]] = json.loads(text)
    return clean


def replayed(response: LlmResponse, options: ResponsesOptions) -> list[dict[str, Any]]:
    """The items that go back: behind them a user speaks, and before that nobody answers what calls there are."""
    messages: list[Message] = [UserMessage("Hi"), response.message, UserMessage("Go on")]
    found: list[dict[str, Any]] = json.loads(encode(LlmRequest(messages, options=options)).body)["input"]
    return [item for item in found[1:-1] if item.get("output") != NO_RESULT]


@pytest.mark.parametrize("model", [None, "gpt-5.6"])
def test_a_fixtures_reply_goes_back_as_it_came(model: str | None) -> None:
    for item in read_items(FIXTURES / API):
        decoder = CODEC.decoder(status=item.meta["status"], headers=item.headers, model=model)
        decoder.receive(item.body)
        if item.expected["stop_reason"] == "error":
            continue
        found = replayed(decoder.finish(), STORED)
        wanted = wire_items(item.body)
        if item.name == "incomplete-tool-call":  # the JSON that was cut is no object
            assert wanted[0]["arguments"].startswith('{"path"')
            wanted[0]["arguments"] = "{}"
        if item.name in ("late-encrypted-content", "server-tools"):  # the terminal event has more than the items
            assert [each["id"] for each in found] == [each["id"] for each in wanted]
        else:
            assert found == wanted


def test_late_encrypted_reasoning_and_late_lists_of_tools_go_back() -> None:
    found = {}
    for name in ("late-encrypted-content", "server-tools"):
        (item,) = read_items(FIXTURES / API, name)
        decoder = CODEC.decoder(status=200, headers=item.headers)
        decoder.receive(item.body)
        found[name] = replayed(decoder.finish(), ResponsesOptions())[0]
    assert found["late-encrypted-content"]["encrypted_content"] == "enc-late"
    assert [tool["name"] for tool in found["server-tools"]["tools"]] == ["ask"]


def test_a_recorded_reply_goes_back_as_it_came() -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    codec = CODECS[API]
    reordered = []
    for item in read_items(folder / API):
        if item.meta["status"] != 200 or item.expected["error"]:
            continue
        decoder = codec.decoder(status=200, headers=item.headers, model="gpt-5.6")
        decoder.receive(item.body)
        found, wanted = replayed(decoder.finish(), STORED), wire_items(item.body)
        if found != wanted:  # a server's own calls that ended in another order than they began
            assert sorted(map(sorted_json, found)) == sorted(map(sorted_json, wanted))
            reordered.append(item.name)
    assert len(reordered) <= 1


def sorted_json(item: dict[str, Any]) -> str:
    return json.dumps(item, sort_keys=True)
