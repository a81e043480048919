"""Chat Completions encoded: what goes on the wire, and what is refused (WIRE 2b, 2h)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.codecs.openai_completions import ChatOptions, OpenAICompletions
from lash_proto.compat import ChatCompat
from lash_proto.errors import UnsupportedRequest
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
from lash_proto.values import from_json
from tests.recordings import read_items

if TYPE_CHECKING:
    from pathlib import Path

CODEC = CODECS["openai-completions"]
HERE = Origin(None, "openai-completions", None)
ELSEWHERE = Origin(None, "anthropic-messages", "claude-opus-5")
HI = UserMessage("Hi")


def encode(request: LlmRequest | str, *, stream: bool = True, **compat: Any) -> HttpRequest:
    request = LlmRequest(request) if isinstance(request, str) else request
    return CODEC.encode(request, ModelSpec("gpt-5.6-mini", compat=ChatCompat(**compat)), stream=stream)


def body_of(request: LlmRequest | str, **compat: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(encode(request, **compat).body)
    return parsed


def wire(*messages: Message, **compat: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body_of(LlmRequest(messages), **compat)["messages"]
    return found


def notes(*messages: Message, **compat: Any) -> tuple[str, ...]:
    return encode(LlmRequest(messages), **compat).notes


def part_of(part: Any, **compat: Any) -> Any:
    """The one part of a user's message."""
    return wire(UserMessage([part]), **compat)[0]["content"][0]


def with_options(**options: Any) -> LlmRequest:
    return LlmRequest("Hi", options=ChatOptions(**options))


def assistant(*parts: Any, **compat: Any) -> dict[str, Any]:
    """What an assistant message of these parts becomes."""
    return wire(HI, AssistantMessage(parts), **compat)[1]


# --- the whole -------------------------------------------------------------------------------------------------------


def test_the_smallest_request() -> None:
    request = encode("Hi")
    assert (request.method, request.path, request.notes) == ("POST", "/chat/completions", ())
    assert dict(request.headers) == {"content-type": "application/json", "accept": "text/event-stream"}
    assert json.loads(request.body) == {
        "model": "gpt-5.6-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_request_that_does_not_stream() -> None:
    request = encode("Hi", stream=False)
    assert dict(request.headers)["accept"] == "application/json"
    assert set(json.loads(request.body)) == {"model", "messages"}


def test_usage_in_the_stream_is_asked_for_where_the_server_knows_the_option() -> None:
    assert "stream_options" not in body_of("Hi", usage_in_stream=False)


def test_azures_version_is_a_query() -> None:
    request = OpenAICompletions(api_version="2024-10-21&x").encode(LlmRequest("Hi"), "deployment")
    assert request.path == "/chat/completions?api-version=2024-10-21%26x"


def test_the_same_request_has_the_same_bytes_and_text_is_always_utf8() -> None:
    request = LlmRequest([UserMessage("a\ud83d\ude00b\ud800")], system="é")
    assert encode(request) == encode(request)
    assert wire(*request.messages)[0]["content"] == "a😀b\ufffd"


def test_sampling_and_limits() -> None:
    request = LlmRequest("Hi", max_output_tokens=9, temperature=0.5, top_p=0.9, stop=("a", "b"), seed=7)
    body = body_of(request)
    expected = {"max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.9, "stop": ["a", "b"], "seed": 7}
    assert {key: body[key] for key in expected} == expected
    assert body_of(request, max_tokens_field="max_tokens")["max_tokens"] == 9
    assert body_of(request, mistral=True)["random_seed"] == 7


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (LlmRequest("Hi", stop=("a", "b", "c", "d", "e")), "stop"),
        (LlmRequest("Hi", max_output_tokens=0), "max_output_tokens"),
        (LlmRequest("Hi", temperature=float("nan")), "request"),
        (LlmRequest([]), "messages"),
        (LlmRequest([CustomMessage("note")]), "messages"),
        (LlmRequest("Hi", metadata={str(n): "" for n in range(17)}), "metadata"),
        (LlmRequest("Hi", metadata={"k" * 65: "v"}), f"metadata {'k' * 64!r}"),
        (LlmRequest("Hi", metadata={"k": "v" * 513}), "metadata 'k'"),
        (LlmRequest("Hi", options=ProviderOptions(extra_body={"n": 2})), "extra_body.n"),
        (LlmRequest("Hi", tool_choice="required"), "tool_choice 'required'"),
        (LlmRequest("Hi", tool_choice="f", tools=[ToolDefinition("g")]), "tool_choice 'f'"),
        (LlmRequest("Hi", tools=[ToolDefinition("no spaces")]), "tool name 'no spaces'"),
        (LlmRequest("Hi", tools=[ToolDefinition("f"), ToolDefinition("f")]), "tool 'f'"),
        (LlmRequest("Hi", output=JsonSchema("bad name", {})), "schema name 'bad name'"),
        (LlmRequest([UserMessage("")]), "a user message"),
        (LlmRequest([UserMessage([TextPart("")])]), "a user message"),
        (LlmRequest([UserMessage([RefusalPart("x")])]), "a RefusalPart in a user message"),
        (LlmRequest([UserMessage([ImagePart(b"x", "image/tiff")])]), "an image of type image/tiff"),
        (LlmRequest([UserMessage([ImagePart(b"x")])]), "an image"),
        (LlmRequest([UserMessage([ImagePart(url="a.png")])]), "an image"),
        (LlmRequest([UserMessage([ImagePart(file_id="file-1")])]), "an image"),
        (LlmRequest([UserMessage([AudioPart(b"x", "audio/ogg")])]), "audio of type audio/ogg"),
        (LlmRequest([UserMessage([AudioPart(url="https://a.b/c.wav")])]), "audio"),
        (LlmRequest([UserMessage([DocumentPart(url="https://a.b/c.pdf")])]), "a document"),
        (LlmRequest([UserMessage([DocumentPart(b"x")])]), "a document"),
        (LlmRequest([UserMessage([DocumentPart(text="")])]), "a document"),
        (LlmRequest([HI, AssistantMessage([DocumentPart(text="x")])]), "a DocumentPart in an assistant message"),
        (LlmRequest([HI, ToolResultMessage("a", [AudioPart(b"x")])]), "a AudioPart in a tool result"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(request_: LlmRequest, part: str) -> None:
    with pytest.raises(UnsupportedRequest) as refused:
        encode(request_)
    assert refused.value.part == part
    assert refused.value.rule


@pytest.mark.parametrize(
    ("request_", "compat"),
    [
        (LlmRequest("Hi", output=JsonSchema("n", {}, strict=False)), {"json_schema": False}),
        (LlmRequest("Hi", tools=[ToolDefinition("f", kind="custom")]), {"custom_tools": False}),
        (LlmRequest([UserMessage([DocumentPart(file_id="f")])]), {"mistral": True}),
    ],
)
def test_what_one_server_lacks_is_refused_there(request_: LlmRequest, compat: dict[str, Any]) -> None:
    assert encode(request_)
    with pytest.raises(UnsupportedRequest):
        encode(request_, **compat)


def test_what_identifies_a_call_goes_where_a_provider_takes_it() -> None:
    request = LlmRequest("Hi", session_id="s-1", request_id="r-1", metadata={"k": "v"})
    encoded = encode(request, session_headers=("x-session-id",))
    assert dict(encoded.headers)["x-client-request-id"] == "r-1"
    assert dict(encoded.headers)["x-session-id"] == "s-1"
    body = json.loads(encoded.body)
    assert (body["prompt_cache_key"], body["metadata"]) == ("s-1", {"k": "v"})


def test_a_session_id_too_long_or_too_odd_becomes_its_hash() -> None:
    # printf %s "séance" | sha256sum
    digest = "3795e14e1453e36a840eab867f23eae32578c036fb8f5c5239369b8994369829"
    assert body_of(LlmRequest("Hi", session_id="séance"))["prompt_cache_key"] == digest
    assert len(body_of(LlmRequest("Hi", session_id="x" * 65))["prompt_cache_key"]) == 64


def test_a_session_is_not_told_where_nothing_is_to_be_cached() -> None:
    request = LlmRequest("Hi", session_id="s", options=ProviderOptions(cache_retention="none"))
    encoded = encode(request, session_headers=("x-session-id",))
    assert b"prompt_cache_key" not in encoded.body
    assert "x-session-id" not in dict(encoded.headers)
    assert "prompt_cache_key" not in body_of(LlmRequest("Hi", session_id="s"), prompt_cache_key=False)


def test_a_request_id_that_no_header_can_hold_is_noted() -> None:
    encoded = encode(LlmRequest("Hi", request_id="a\nb"))
    assert "x-client-request-id" not in dict(encoded.headers)
    assert encoded.notes == ("request_id was not sent: 1 to 512 visible ASCII characters",)


def test_options_of_the_dialect() -> None:
    options = {
        "frequency_penalty": 1.0,
        "presence_penalty": -1.0,
        "logit_bias": {"50256": -100},
        "verbosity": "low",
        "modalities": ("text", "audio"),
        "audio": {"voice": "alloy", "format": "wav"},
        "prediction": {"type": "content", "content": "x"},
        "web_search_options": {},
        "safety_identifier": "u",
        "store": False,
        "service_tier": "flex",
    }
    body = body_of(with_options(**options))
    assert {key: body[key] for key in options} == {**options, "modalities": ["text", "audio"]}
    assert set(body_of(with_options(store=None))) == {"model", "messages", "stream", "stream_options"}


def test_options_have_a_json_form_and_lie_over_the_handles() -> None:
    options = ChatOptions(verbosity="low", logit_bias={"1": 2}, modalities=("text",))
    assert from_json(options.to_json()) == options
    assert options.over(ProviderOptions(service_tier="flex")) == ChatOptions(
        verbosity="low", logit_bias={"1": 2}, modalities=("text",), service_tier="flex"
    )


def test_extra_body_and_headers_come_last() -> None:
    options = ProviderOptions(
        extra_body={"top_k": 3, "stream_options": None}, extra_headers={"accept": None, "X-A": "b"}
    )
    encoded = encode(LlmRequest("Hi", options=options))
    body = json.loads(encoded.body)
    assert (body["top_k"], "stream_options" in body) == (3, False)
    assert dict(encoded.headers) == {"content-type": "application/json", "x-a": "b"}


# --- system and user -------------------------------------------------------------------------------------------------


def test_the_system_prompt_stays_what_it_was() -> None:
    request = LlmRequest("Hi", system="Be brief.")
    assert body_of(request)["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body_of(request, system_role="developer")["messages"][0]["role"] == "developer"
    parts = LlmRequest("Hi", system=[TextPart("a"), TextPart(""), TextPart("b")])
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert body_of(parts)["messages"][0] == {"role": "system", "content": content}
    assert len(body_of(LlmRequest("Hi", system=""))["messages"]) == 1


@pytest.mark.parametrize(
    ("part", "encoded"),
    [
        (TextPart("a"), {"type": "text", "text": "a"}),
        (
            ImagePart(b"png", "image/PNG", detail="low"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n", "detail": "low"}},
        ),
        (ImagePart(url="https://a.b/c"), {"type": "image_url", "image_url": {"url": "https://a.b/c"}}),
        (AudioPart(b"wav", "audio/x-wav"), {"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}}),
        (AudioPart(b"mp3", "audio/mpeg"), {"type": "input_audio", "input_audio": {"data": "bXAz", "format": "mp3"}}),
        (
            DocumentPart(b"pdf", "application/pdf"),
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
        ),
        (
            DocumentPart(b"csv", "text/csv; charset=utf-8", name="a.csv"),
            {"type": "file", "file": {"filename": "a.csv", "file_data": "data:text/csv;base64,Y3N2"}},
        ),
        (DocumentPart(file_id="file-1"), {"type": "file", "file": {"file_id": "file-1"}}),
        (DocumentPart(text="plain"), {"type": "text", "text": "plain"}),
    ],
)
def test_parts_of_a_user(part: Any, encoded: dict[str, Any]) -> None:
    assert part_of(part) == encoded


def test_documents_as_mistral_takes_them() -> None:
    url = {"type": "document_url", "document_url": "https://a.b/c.pdf"}
    assert part_of(DocumentPart(url="https://a.b/c.pdf"), mistral=True) == url
    named = part_of(DocumentPart(b"pdf", "application/pdf", name="c.pdf"), mistral=True)
    assert named == {
        "type": "document_url",
        "document_url": "data:application/pdf;base64,cGRm",
        "document_name": "c.pdf",
    }


def test_what_is_lost_of_a_document_is_noted() -> None:
    assert notes(UserMessage([DocumentPart(text="x", citations=True), DocumentPart(text="y", citations=True)])) == (
        "a document's citations cannot be asked for",
        "a document of plain text was sent as text",
    )


# --- cache marks -----------------------------------------------------------------------------------------------------


def test_a_breakpoint_is_written_as_the_server_has_it() -> None:
    part = TextPart("a", cache_breakpoint=True)
    assert part_of(part, cache_marks="openai") == {
        "type": "text",
        "text": "a",
        "prompt_cache_breakpoint": {"mode": "explicit"},
    }
    assert part_of(part, cache_marks="anthropic")["cache_control"] == {"type": "ephemeral"}
    assert part_of(part) == {"type": "text", "text": "a"}
    assert notes(UserMessage([part])) == ("the server has no cache breakpoints",)


def test_retention_is_said_where_the_server_listens() -> None:
    message = UserMessage([TextPart("a", cache_breakpoint=True)])
    long = LlmRequest([message], options=ProviderOptions(cache_retention="long"))
    marked = body_of(long, cache_marks="anthropic")["messages"][0]["content"][0]
    assert marked["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert encode(long, cache_marks="openai").notes == ("the server decides how long it keeps the prompt cached",)
    none = LlmRequest([message], options=ProviderOptions(cache_retention="none"))
    assert "cache_control" not in body_of(none, cache_marks="anthropic")["messages"][0]["content"][0]


def test_of_five_breakpoints_the_last_four_are_sent() -> None:
    message = UserMessage([TextPart(str(n), cache_breakpoint=True) for n in range(5)])
    content = wire(message, cache_marks="anthropic")[0]["content"]
    assert ["cache_control" in part for part in content] == [False, True, True, True, True]
    assert notes(message, cache_marks="anthropic") == (
        "one cache breakpoint left out: the request can hold 4 markers, and later ones count for more",
    )
    assert notes(message, cache_marks="openai") == ("of 5 cache breakpoints the last 4 were sent",)


def test_claude_behind_a_gateway_is_marked_by_anthropics_rule() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    tools = [ToolDefinition("a"), ToolDefinition("b")]
    said = (UserMessage("One"), AssistantMessage([ToolCallPart("c", "a")]), ToolResultMessage("c", [TextPart("ok")]))
    body = body_of(LlmRequest(said, system="Be brief.", tools=tools), cache_marks="anthropic")
    assert [message["content"] for message in body["messages"]] == [
        [{"type": "text", "text": "Be brief.", **mark}],
        [{"type": "text", "text": "One", **mark}],
        None,
        [{"type": "text", "text": "ok"}],
    ]
    assert ["cache_control" in tool for tool in body["tools"]] == [False, True]
    explicit = UserMessage([TextPart("Two", cache_breakpoint=True), TextPart("Three")])
    body = body_of(LlmRequest([UserMessage("One"), explicit]), cache_marks="anthropic")
    assert [message["content"] for message in body["messages"]] == [
        [{"type": "text", "text": "One"}],
        [{"type": "text", "text": "Two", **mark}, {"type": "text", "text": "Three"}],
    ]


def test_marks_move_on_and_all_else_stays_as_it_was() -> None:
    def unmarked(request: LlmRequest) -> list[Any]:
        messages: list[Any] = body_of(request, cache_marks="anthropic")["messages"]
        for message in messages:
            for part in message["content"] if isinstance(message["content"], list) else ():
                part.pop("cache_control", None)
        return messages

    first = LlmRequest([HI], system="Be brief.")
    more = LlmRequest([HI, AssistantMessage("Hello"), UserMessage("And?")], system="Be brief.")
    assert unmarked(more)[:2] == unmarked(first)
    none = evolve(first, options=ProviderOptions(cache_retention="none"))
    assert body_of(none, cache_marks="anthropic")["messages"] == unmarked(first)


def test_a_breakpoint_makes_no_list_of_an_assistants_string() -> None:
    said = AssistantMessage([TextPart("a", cache_breakpoint=True)])
    assert wire(HI, said, cache_marks="anthropic")[1]["content"] == "a"
    assert notes(HI, said) == ("a cache breakpoint in an assistant message has no place: its content is a string",)


# --- tools -----------------------------------------------------------------------------------------------------------

WEATHER = ToolDefinition("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}}, True)


def test_tools_and_what_is_said_about_them() -> None:
    request = LlmRequest(
        "Hi",
        tools=[
            WEATHER,
            ToolDefinition("clock"),
            ProviderTool({"type": "builtin_function", "function": {"name": "$web"}}),
        ],
        tool_choice="weather",
        options=ProviderOptions(parallel_tool_calls=False),
    )
    body = body_of(request)
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells it.",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": ["string", "null"]}},
                    "additionalProperties": False,
                    "required": ["city"],
                },
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
        {"type": "builtin_function", "function": {"name": "$web"}},
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["parallel_tool_calls"] is False


def test_strict_is_left_out_where_the_server_does_not_know_it() -> None:
    request = LlmRequest("Hi", tools=[WEATHER, ToolDefinition("f", strict=False)])
    encoded = encode(request, strict_tools=False)
    assert b"strict" not in encoded.body
    assert encoded.notes == ("the server does not hold tool 'weather' to its schema",)


@pytest.mark.parametrize(
    ("format", "sent"),
    [
        (None, None),
        ({"type": "text"}, {"type": "text"}),
        (
            {"type": "grammar", "syntax": "lark", "definition": "start: /a/"},
            {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}},
        ),
        ({"type": "grammar", "grammar": {"syntax": "regex"}}, {"type": "grammar", "grammar": {"syntax": "regex"}}),
    ],
)
def test_custom_tools_nest_their_grammar(format: Any, sent: Any) -> None:
    tool = ToolDefinition("sql", "Runs it." if format else "", kind="custom", format=format)
    body = body_of(LlmRequest("Hi", tools=[tool], tool_choice="sql"))
    custom = {"name": "sql", **({"description": "Runs it.", "format": sent} if format else {})}
    assert body["tools"] == [{"type": "custom", "custom": custom}]
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "sql"}}


@pytest.mark.parametrize(
    ("choice", "compat", "sent"),
    [("auto", {}, "auto"), ("none", {}, "none"), ("required", {}, "required"), ("required", {"mistral": True}, "any")],
)
def test_tool_choice_in_words(choice: str, compat: dict[str, Any], sent: str) -> None:
    assert body_of(LlmRequest("Hi", tools=[WEATHER], tool_choice=choice), **compat)["tool_choice"] == sent


def test_without_tools_nothing_is_said_of_them() -> None:
    request = LlmRequest("Hi", tool_choice="auto", options=ProviderOptions(parallel_tool_calls=True))
    encoded = encode(request)
    assert set(json.loads(encoded.body)) == {"model", "messages", "stream", "stream_options"}
    assert encoded.notes == ("parallel_tool_calls means nothing without tools",)


def test_no_tools_beside_old_calls_where_the_server_wants_it_said() -> None:
    history: list[Message] = [HI, AssistantMessage([ToolCallPart("a", "f")]), ToolResultMessage("a", "1")]
    assert body_of(LlmRequest(history), tools_with_history=True)["tools"] == []
    assert "tools" not in body_of(LlmRequest(history))
    assert "tools" not in body_of("Hi", tools_with_history=True)


def test_structured_output() -> None:
    assert body_of(LlmRequest("Hi", output=JsonObject()))["response_format"] == {"type": "json_object"}
    schema = {"type": "object", "properties": {}}
    assert body_of(LlmRequest("Hi", output=JsonSchema("n", schema, strict=False)))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": False},
    }


# --- reasoning -------------------------------------------------------------------------------------------------------

BUDGET = {"budget_field": "thinking_budget"}
EFFORT = {"effort_beside_thinking": True}
ON: dict[str, Any] = {"type": "enabled"}


@pytest.mark.parametrize(
    ("format", "compat", "reasoning", "fields"),
    [
        ("openai", {}, "high", {"reasoning_effort": "high"}),
        ("openai", {}, "off", {"reasoning_effort": "none"}),
        ("openai", {"effort_words": {"minimal": "low"}}, "minimal", {"reasoning_effort": "low"}),
        ("openai", BUDGET, 2048, {"thinking_budget": 2048}),
        ("openai", {}, 0, {"reasoning_effort": "none"}),
        ("openrouter", {}, "low", {"reasoning": {"effort": "low"}}),
        ("openrouter", {}, "off", {"reasoning": {"effort": "none"}}),
        ("openrouter", {}, 2048, {"reasoning": {"max_tokens": 2048}}),
        ("deepseek", {}, "high", {"thinking": ON}),
        ("deepseek", EFFORT, "high", {"thinking": ON, "reasoning_effort": "high"}),
        ("deepseek", EFFORT, "off", {"thinking": {"type": "disabled"}}),
        ("zai", {}, "high", {"thinking": {"type": "enabled", "clear_thinking": False}}),
        ("zai", {}, "off", {"thinking": {"type": "disabled"}}),
        ("together", {}, "high", {"reasoning": {"enabled": True}}),
        ("together", {}, "off", {"reasoning": {"enabled": False}}),
        ("qwen", BUDGET, 500, {"enable_thinking": True, "thinking_budget": 500}),
        ("qwen", {}, "off", {"enable_thinking": False}),
        (
            "qwen-chat-template",
            {},
            "low",
            {"chat_template_kwargs": {"enable_thinking": True, "preserve_thinking": True}},
        ),
        ("string", {}, "low", {"thinking": "low"}),
        ("string", BUDGET, 5, {"thinking_budget": 5}),
    ],
)
def test_reasoning_is_asked_for_in_each_servers_way(
    format: str, compat: dict[str, Any], reasoning: Any, fields: dict[str, Any]
) -> None:
    body = body_of(with_options(reasoning=reasoning), thinking_format=format, **compat)
    assert {key: value for key, value in body.items() if key in fields} == fields
    assert set(body) == {"model", "messages", "stream", "stream_options", *fields}


def test_reasoning_left_to_the_provider_is_not_mentioned() -> None:
    assert set(body_of(with_options(reasoning=None))) == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize(
    ("compat", "reasoning"),
    [
        ({}, 2048),
        ({"effort_words": {"off": None}}, "off"),
        ({"thinking_format": "none"}, "high"),
        ({"thinking_format": "qwen"}, 2048),
    ],
)
def test_reasoning_that_cannot_be_asked_for_is_refused(compat: dict[str, Any], reasoning: Any) -> None:
    with pytest.raises(UnsupportedRequest, match="reasoning"):
        encode(with_options(reasoning=reasoning), **compat)


def test_a_level_that_only_means_on_is_noted() -> None:
    encoded = encode(with_options(reasoning="high"), thinking_format="zai")
    assert encoded.notes == ("the server only switches reasoning on or off: level 'high' means on",)


def test_readable_reasoning_cannot_be_asked_of_openai() -> None:
    request = with_options(expose_thinking=True)
    assert encode(request).notes == ("the server has no switch that shows reasoning",)
    assert encode(request, thinking_format="openrouter").notes == ()


# --- assistant messages ----------------------------------------------------------------------------------------------


def test_an_assistant_says_a_string_or_nothing() -> None:
    assert assistant(TextPart("a"), TextPart("b")) == {"role": "assistant", "content": "ab"}
    call = ToolCallPart("call_1", "f", {"x": 1}, '{"x": 1}', origin=HERE)
    assert assistant(call) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
    }
    assert assistant(call, content_required=True)["content"] == ""


def test_arguments_without_their_text_are_written_anew() -> None:
    assert assistant(ToolCallPart("a", "f", {"é": [1]}))["tool_calls"][0]["function"]["arguments"] == '{"é":[1]}'
    assert assistant(ToolCallPart("a", "f", origin=HERE))["tool_calls"][0]["function"]["arguments"] == "{}"


def test_an_assistant_that_said_nothing_is_left_out() -> None:
    assert wire(HI, AssistantMessage(()), HI) == [{"role": "user", "content": "Hi"}] * 2
    assert notes(HI, AssistantMessage(())) == ("an assistant message without content was left out",)


def test_refusals_have_their_own_field() -> None:
    assert assistant(RefusalPart("No."), RefusalPart("Never.")) == {
        "role": "assistant",
        "content": None,
        "refusal": "No.Never.",
    }


def test_custom_calls_and_thought_signatures_go_back() -> None:
    extra = {"google": {"thought_signature": "s"}}
    custom = ToolCallPart("a", "sql", raw_arguments="SELECT", kind="custom", origin=HERE)
    signed = ToolCallPart("b", "f", origin=HERE, provider_data={"extra_content": extra})
    assert assistant(custom, signed)["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra},
    ]


def test_sound_goes_back_by_its_id_and_from_elsewhere_as_its_transcript() -> None:
    part = AudioPart(b"x", transcript="Hello", id="audio_1", origin=HERE)
    assert assistant(part) == {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    assert assistant(AudioPart(transcript="Hello", id="a", origin=ELSEWHERE))["content"] == "Hello"
    assert notes(HI, AssistantMessage([AudioPart(b"x"), TextPart("y")])) == ("a AudioPart from elsewhere was left out",)


def test_pictures_and_parsed_documents_go_back_where_they_came_from() -> None:
    annotation = {"type": "file", "file": {"hash": "h"}}
    parts = (
        TextPart("a"),
        ImagePart(b"png", "image/png", origin=HERE),
        ImagePart(url="https://a.b/c", origin=HERE),
        OpaquePart("file", annotation, HERE),
    )
    assert assistant(*parts) == {
        "role": "assistant",
        "content": "a",
        "images": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            {"type": "image_url", "image_url": {"url": "https://a.b/c"}},
        ],
        "annotations": [annotation],
    }


def test_an_object_goes_back_as_its_text() -> None:
    assert assistant(OpaquePart("json", {"a": 1}, HERE))["content"] == '{"a":1}'


def test_mistrals_content_is_a_list_again() -> None:
    parts = (
        ReasoningPart("Hm", HERE, {"field": "content", "with": {"closed": True}}),
        ReasoningPart("", HERE, {"field": "content"}),
        TextPart("a"),
        OpaquePart("reference", {"type": "reference", "reference_ids": [1]}, HERE),
        ToolCallPart("abcDEF123", "f", origin=HERE),
    )
    assert assistant(*parts)["content"] == [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}], "closed": True},
        {"type": "thinking", "thinking": []},
        {"type": "text", "text": "a"},
        {"type": "reference", "reference_ids": [1]},
    ]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "reasoning_text"])
def test_reasoning_goes_back_under_the_name_it_came_by(field: str) -> None:
    parts = (ReasoningPart("a", HERE, {"field": field}), TextPart("x"), ReasoningPart("b", HERE, {"field": field}))
    assert assistant(*parts) == {"role": "assistant", "content": "x", field: "ab"}


def test_details_go_back_as_they_came_and_the_text_not_beside_them() -> None:
    details = [{"type": "reasoning.text", "text": "a", "signature": "s", "index": 0}]
    part = ReasoningPart("a", HERE, {"field": "reasoning", "details": details})
    assert assistant(part, TextPart("x")) == {"role": "assistant", "content": "x", "reasoning_details": details}
    encrypted = [{"type": "reasoning.encrypted", "data": "e"}]
    part = ReasoningPart("a", HERE, {"field": "reasoning", "details": encrypted, "opaque": "o"})
    assert assistant(part) == {
        "role": "assistant",
        "content": "",
        "reasoning_details": encrypted,
        "reasoning": "a",
        "reasoning_opaque": "o",
    }


def test_no_name_but_the_known_ones_is_written_into_a_message() -> None:
    assert assistant(ReasoningPart("a", HERE, {"field": "tool_calls"}), TextPart("x")) == {
        "role": "assistant",
        "content": "x",
    }


def test_reasoning_from_elsewhere_is_left_out() -> None:
    other_model = Origin(None, "openai-completions", "another")
    for origin in (ELSEWHERE, other_model, None):
        said = AssistantMessage([ReasoningPart("a", origin, {"field": "reasoning"}), TextPart("x")])
        assert wire(HI, said)[1] == {"role": "assistant", "content": "x"}
        assert notes(HI, said) == ("a ReasoningPart from elsewhere was left out",)


def test_reasoning_is_kept_from_servers_that_refuse_it_and_made_up_for_those_that_need_it() -> None:
    native = AssistantMessage([ReasoningPart("a", HERE, {"field": "reasoning_content"}), TextPart("x")])
    assert wire(HI, native, replay_reasoning=False)[1] == {"role": "assistant", "content": "x"}
    assert notes(HI, native, replay_reasoning=False) == ("the server does not take its reasoning back",)
    assert assistant(TextPart("x"), reasoning_content_required=True)["reasoning_content"] == ""
    own = assistant(ReasoningPart("mine"), TextPart("x"), reasoning_content_required=True)
    assert own["reasoning_content"] == "mine"


# --- ids, names and results ------------------------------------------------------------------------------------------


def turn(id: str, origin: Origin | None, name: str = "f", **compat: Any) -> tuple[str, str, str]:
    """The id in call and result, and the name, of a call that was answered."""
    messages = wire(HI, AssistantMessage([ToolCallPart(id, name, origin=origin)]), ToolResultMessage(id, "1"), **compat)
    call = messages[1]["tool_calls"][0]
    return call["id"], messages[2]["tool_call_id"], call["function"]["name"]


def test_native_ids_and_names_go_back_to_the_letter() -> None:
    id = "chatcmpl-tool-0123456789abcdef0123456789abcdef"  # vLLM's are 46 characters
    assert turn(id, HERE, "a.b") == (id, id, "a.b")


def test_foreign_ids_and_names_are_made_fit_in_call_and_result() -> None:
    assert turn("toolu_01A", ELSEWHERE) == ("toolu_01A", "toolu_01A", "f")
    call, result, name = turn("call_1|fc_" + "x" * 60, ELSEWHERE, "a.b c")
    assert call == result
    assert len(call) == 40
    assert call.startswith("call_1_fc_xxx")
    assert name == "a_b_c"
    assert turn("é", None)[0].startswith("__")
    assert turn("call_1|fc_" + "y" * 60, ELSEWHERE)[0] != call


def test_mistrals_ids_are_nine_letters_and_digits() -> None:
    assert turn("gSIMJiOkT", HERE, mistral=True)[0] == "gSIMJiOkT"
    call, result, _ = turn("call_1", HERE, mistral=True)
    assert call == result
    assert len(call) == 9
    assert call.isalnum()


def test_a_result_without_its_call_is_made_fit_all_the_same() -> None:
    assert wire(HI, ToolResultMessage("a b", "1"))[1]["tool_call_id"].startswith("a_b_")


def test_foreign_arguments_that_are_no_json_go_back_as_none() -> None:
    broken = ToolCallPart("a", "f", {}, '{"x', "Unterminated string", origin=ELSEWHERE)
    assert assistant(broken)["tool_calls"][0]["function"]["arguments"] == "{}"
    native = ToolCallPart("a", "f", {}, '{"x', "Unterminated string", origin=HERE)
    assert assistant(native)["tool_calls"][0]["function"]["arguments"] == '{"x'


ASKED = AssistantMessage([ToolCallPart("a", "f"), ToolCallPart("b", "g")])
PICTURE = ImagePart(b"png", "image/png")
ENCODED = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}


def test_results_are_strings_or_lists_of_text() -> None:
    results = (ToolResultMessage("a", "1"), ToolResultMessage("b", [TextPart("2"), TextPart("3")], "g"))
    assert wire(HI, ASKED, *results, tool_result_name=True)[2:] == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}],
            "name": "g",
        },
    ]
    assert "name" not in wire(HI, ASKED, *results)[3]
    assert wire(HI, ASKED, ToolResultMessage("a", [TextPart("")]))[2]["content"] == ""


def test_a_failed_tool_says_so_in_its_text_alone() -> None:
    said = "that a tool failed has no field of its own: its text alone says so"
    assert notes(HI, ASKED, ToolResultMessage("a", "no such file", is_error=True)) == (said,)


def test_pictures_of_tools_follow_once_all_calls_are_answered() -> None:
    results = (
        ToolResultMessage("a", [PICTURE]),
        CustomMessage("note"),
        ToolResultMessage("b", [TextPart("two"), PICTURE]),
    )
    expected = [
        {"role": "tool", "tool_call_id": "a", "content": "(see attached image)"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "two"}]},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Attached image(s) from tool result:"}, ENCODED, ENCODED],
        },
    ]
    assert wire(HI, ASKED, *results)[2:] == expected
    assert wire(HI, ASKED, *results, HI)[2:] == [*expected, {"role": "user", "content": "Hi"}]
    assert wire(HI, ASKED, *results, AssistantMessage("ok"))[2:5] == expected


def test_pictures_do_not_wait_for_an_answer_that_never_comes() -> None:
    roles = [message["role"] for message in wire(HI, ASKED, ToolResultMessage("a", [PICTURE]), HI)[2:]]
    assert roles == ["tool", "tool", "user", "user"]  # the second call is answered for want of an answer
    assert [m["role"] for m in wire(HI, ASKED, ToolResultMessage("a", [PICTURE]))[2:]] == ["tool", "user"]


def test_an_assistant_message_stands_between_result_and_user_where_a_server_wants_it() -> None:
    messages = wire(
        HI, ASKED, ToolResultMessage("a", "1"), ToolResultMessage("b", "2"), HI, assistant_after_tool_result=True
    )
    assert messages[4:] == [
        {"role": "assistant", "content": "I have processed the tool results."},
        {"role": "user", "content": "Hi"},
    ]


def test_appending_leaves_the_earlier_messages_as_they_were() -> None:
    conversation: list[Message] = [
        UserMessage([TextPart("a", cache_breakpoint=True), PICTURE]),
        AssistantMessage([ReasoningPart("r", HERE, {"field": "reasoning"}), TextPart("b"), ToolCallPart("a", "f")]),
        ToolResultMessage("a", [PICTURE]),
        AssistantMessage("c"),
        UserMessage("d"),
        AssistantMessage([ToolCallPart("a", "f", origin=ELSEWHERE), ToolCallPart("é", "g")]),
        ToolResultMessage("é", "2"),
        ToolResultMessage("a", [TextPart("1")]),
        CustomMessage("note"),
        UserMessage([TextPart("e")]),
    ]
    for compat in ({}, {"cache_marks": None, "assistant_after_tool_result": True, "mistral": True}):
        whole = wire(*conversation, **compat)
        for end in range(1, len(conversation)):
            part = wire(*conversation[:end], **compat)
            assert part == whole[: len(part)]


# --- what was recorded -----------------------------------------------------------------------------------------------


def wanted_back(message: dict[str, Any]) -> dict[str, Any]:
    """What a provider's own message says that it wants to hear again; key by key, nothing where it said nothing."""
    calls = []
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = json.loads(function["arguments"] or "{}")
        calls.append((call["id"], call.get("type", "function"), function["name"], arguments))
    found = {key: message.get(key) for key in ("content", "refusal", "reasoning_content", "reasoning_details")}
    if not found["reasoning_details"]:  # else it says the same once more
        found["reasoning"] = message.get("reasoning")
    found["annotations"] = [note for note in message.get("annotations") or () if note["type"] == "file"]
    return {key: value for key, value in {**found, "tool_calls": calls}.items() if value}


def test_a_recorded_answer_goes_back_as_it_was(recordings: Path) -> None:
    different: list[str] = []
    for item in read_items(recordings / "openai-completions"):
        if item.meta["streaming"] or item.meta["status"] != 200:
            continue
        sent = json.loads(item.body)["choices"][0]["message"]
        for model in (None, "m"):
            decoder = CODEC.decoder(status=200, headers=item.headers, model=model)
            decoder.receive(item.body)
            encoded = CODEC.encode(LlmRequest([HI, decoder.finish().message]), "m")
            if wanted_back(json.loads(encoded.body)["messages"][1]) != wanted_back(sent):
                different.append(item.name)
    assert different == []
