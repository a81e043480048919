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
        (LlmRequest("Hi", seed=1), {"refuses": ("seed",)}),
        (LlmRequest("Hi", options=ChatOptions(frequency_penalty=0.5)), {"refuses": ("frequency_penalty",)}),
        (LlmRequest("Hi", options=ChatOptions(store=True)), {"refuses": ("store",)}),
    ],
)
def test_what_one_server_lacks_is_refused_there(request_: LlmRequest, compat: dict[str, Any]) -> None:
    assert encode(request_)
    with pytest.raises(UnsupportedRequest):
        encode(request_, **compat)


def test_two_tools_of_one_name_are_refused_a_providers_own_too() -> None:
    search = ProviderTool({"type": "builtin_function", "function": {"name": "$web_search"}})
    assert len(body_of(LlmRequest("Hi", tools=[search, ToolDefinition("f")]))["tools"]) == 2
    mine, raw = ToolDefinition("f"), ProviderTool({"type": "function", "name": "f"})
    for one, other in ((search, search), (mine, raw), (mine, mine)):
        with pytest.raises(UnsupportedRequest, match=": there are two of this name"):
            encode(LlmRequest("Hi", tools=[one, other]))


def test_a_name_for_the_user_that_is_too_long_is_refused() -> None:
    assert body_of(with_options(safety_identifier="u" * 64))["safety_identifier"] == "u" * 64
    with pytest.raises(UnsupportedRequest, match=r"^options.safety_identifier: at most 64 characters$"):
        encode(with_options(safety_identifier="u" * 65))


def test_a_server_that_keeps_no_answers_is_not_told_to_keep_none() -> None:
    assert body_of(with_options(store=False))["store"] is False
    assert "store" not in body_of(with_options(store=False), refuses=("store",))


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


def test_the_store_of_the_options_comes_before_the_servers() -> None:
    assert body_of("Hi", store=False)["store"] is False
    assert body_of(with_options(store=True), store=False)["store"] is True
    assert body_of(with_options(store=None), store=False)["store"] is False
    assert "store" not in body_of("Hi")


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


@pytest.mark.parametrize(
    "fields",
    [
        {"provider": {"only": ["anthropic", "amazon-bedrock"], "require_parameters": True}},
        {"providerOptions": {"gateway": {"order": ["vertex", "anthropic"]}}},
        {"priority": -1},
    ],
)
def test_what_a_server_takes_beside_the_dialect_is_in_every_request(fields: dict[str, Any]) -> None:
    assert body_of("Hi", body=fields) == {**body_of("Hi"), **fields}


def test_the_request_and_the_callers_extras_come_before_the_servers_own_fields() -> None:
    flags = {"temperature": 0.6, "top_k": 20, "priority": 1, "model": "another"}
    request = LlmRequest("Hi", temperature=0.1, options=ProviderOptions(extra_body={"top_k": 3, "priority": None}))
    assert body_of(request, body=flags) == {**body_of("Hi"), "temperature": 0.1, "top_k": 3}
    with pytest.raises(UnsupportedRequest) as refused:
        encode("Hi", body={"n": 2})
    assert refused.value.part == "compat.body.n"


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


def test_a_document_comes_after_what_is_said_of_it() -> None:
    (message,) = wire(UserMessage([DocumentPart(text="plain", context="From the web.", cache_breakpoint=True)]))
    assert message["content"] == [{"type": "text", "text": "From the web."}, {"type": "text", "text": "plain"}]


def test_a_result_finds_its_call_by_any_id_that_the_server_gave() -> None:
    call = AssistantMessage([ToolCallPart("", "f", origin=HERE)])
    asked, answer = wire(call, ToolResultMessage("", "1"))
    assert asked["tool_calls"][0]["id"] == answer["tool_call_id"] == ""


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
    name = "the name of a document that is sent as text or by its id is left out"
    assert notes(UserMessage([DocumentPart(text="x", name="a.md")])) == (
        name,
        "a document of plain text was sent as text",
    )
    assert notes(UserMessage([DocumentPart(file_id="file-1", name="a.pdf")])) == (name,)
    assert notes(UserMessage([DocumentPart(b"pdf", "application/pdf", name="a.pdf")])) == ()


def test_a_tool_gives_back_a_document_of_plain_text_as_text() -> None:
    call = AssistantMessage([ToolCallPart("c", "f")])
    found = DocumentPart(text="plain", context="From the web.")
    message = wire(HI, call, ToolResultMessage("c", [TextPart("One."), found]))[2]
    assert message["content"] == [
        {"type": "text", "text": "One."},
        {"type": "text", "text": "From the web."},
        {"type": "text", "text": "plain"},
    ]
    with pytest.raises(
        UnsupportedRequest, match="a DocumentPart in a tool result: only text, images and documents of text"
    ):
        wire(HI, call, ToolResultMessage("c", [DocumentPart(b"pdf", "application/pdf")]))


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


RETAIN = {word: ProviderOptions(cache_retention=word) for word in ("none", "short", "long")}


@pytest.mark.parametrize(
    ("compat", "retention", "fields", "note"),
    [
        ({}, "short", {}, None),
        ({}, "long", {"prompt_cache_retention": "24h"}, None),
        ({}, "none", {}, None),
        ({"cache_lifetime": None}, "long", {}, "the server decides how long it keeps the prompt cached"),
        ({"cache_lifetime": None}, "short", {}, None),
        (
            {"cache_lifetime": "options"},
            "long",
            {"prompt_cache_options": {"ttl": "30m"}},
            "a long cache is asked for 30 minutes: Chat Completions has no longer one",
        ),
        ({"cache_lifetime": "options"}, "short", {}, None),
        ({"cache_lifetime": "options"}, "none", {"prompt_cache_options": {"mode": "explicit"}}, None),
    ],
)
def test_retention_is_said_as_the_server_has_it(
    compat: dict[str, Any], retention: str, fields: dict[str, Any], note: str | None
) -> None:
    encoded = encode(LlmRequest("Hi", options=RETAIN[retention]), **compat)
    assert json.loads(encoded.body) == {**body_of("Hi"), **fields}
    assert encoded.notes == (() if note is None else (note,))


@pytest.mark.parametrize(
    ("compat", "retention", "mark"),
    [
        ({"cache_marks": "anthropic"}, "none", {}),
        ({"cache_marks": "anthropic"}, "short", {"cache_control": {"type": "ephemeral"}}),
        ({"cache_marks": "anthropic"}, "long", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        (
            {"cache_marks": "anthropic", "marker_ttl": False, "cache_lifetime": None},
            "long",
            {"cache_control": {"type": "ephemeral"}},
        ),
        ({"cache_marks": "gemini", "cache_lifetime": None}, "none", {}),
        ({"cache_marks": "gemini", "cache_lifetime": None}, "long", {"cache_control": {"type": "ephemeral"}}),
    ],
)
def test_markers_say_how_long_where_they_can(compat: dict[str, Any], retention: str, mark: dict[str, Any]) -> None:
    encoded = encode(LlmRequest("Hi", options=RETAIN[retention]), **compat)
    content = [{"type": "text", "text": "Hi", **mark}]
    assert json.loads(encoded.body) == {**body_of("Hi"), "messages": [{"role": "user", "content": content}]}
    told = retention == "long" and "ttl" not in mark["cache_control"]
    assert encoded.notes == (("the server decides how long it keeps the prompt cached",) if told else ())


def test_of_five_breakpoints_the_last_ones_are_sent() -> None:
    message = UserMessage([TextPart(str(n), cache_breakpoint=True) for n in range(5)])
    content = wire(message, cache_marks="anthropic")[0]["content"]
    assert ["cache_control" in part for part in content] == [False, True, True, True, True]
    assert notes(message, cache_marks="anthropic") == (
        "one cache breakpoint left out: the request can hold 4 markers, and later ones count for more",
    )
    content = wire(message, cache_marks="openai")[0]["content"]
    assert ["prompt_cache_breakpoint" in part for part in content] == [False, False, True, True, True]
    assert notes(message, cache_marks="openai") == (
        "2 cache breakpoints left out: the request can hold 3 beside the automatic one, and later ones count for more",
    )


def test_a_marker_of_the_callers_counts_on_chat_too() -> None:
    """As on Messages (WIRE 4b): an automatic one at the top, and none on a tool that is loaded later."""
    later = ProviderTool({"type": "function", "function": {"name": "later"}, "defer_loading": True})
    parts = [TextPart(str(n), cache_breakpoint=True) for n in range(4)]
    options = ProviderOptions(extra_body={"cache_control": {"type": "ephemeral"}})
    request = LlmRequest([UserMessage(parts)], tools=[ToolDefinition("a"), later], options=options)
    body = body_of(request, cache_marks="anthropic")
    assert ["cache_control" in tool for tool in body["tools"]] == [True, False]
    assert ["cache_control" in part for part in body["messages"][0]["content"]] == [False, False, True, True]


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


def test_gemini_behind_a_gateway_has_one_marker_on_the_last_breakpoint_or_text() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    tools = [ToolDefinition("a")]
    system = [TextPart("Be brief.", cache_breakpoint=True)]
    said = (HI, AssistantMessage([TextPart("Let me see."), ToolCallPart("c", "a")]), ToolResultMessage("c", "ok"))
    body = body_of(LlmRequest(said, system="Be brief.", tools=tools), cache_marks="gemini")
    assert [message["content"] for message in body["messages"]] == [
        [{"type": "text", "text": "Be brief."}],
        [{"type": "text", "text": "Hi"}],
        [{"type": "text", "text": "Let me see.", **mark}],
        "ok",
    ]
    assert body["tools"] == body_of(LlmRequest("Hi", tools=tools))["tools"]
    result = ToolResultMessage("c", [TextPart("ok", cache_breakpoint=True)])
    encoded = encode(LlmRequest((*said[:2], result), system=system, tools=tools), cache_marks="gemini")
    assert [message["content"] for message in json.loads(encoded.body)["messages"]] == [
        [{"type": "text", "text": "Be brief."}],
        [{"type": "text", "text": "Hi"}],
        [{"type": "text", "text": "Let me see."}],
        [{"type": "text", "text": "ok", **mark}],
    ]
    one = "one cache breakpoint left out: the request can hold one marker, and later ones count for more"
    assert encoded.notes == (one,)


def test_the_last_text_may_be_the_assistants_where_parts_are_marked() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    parts = (TextPart("One"), TextPart("Two", cache_breakpoint=True), TextPart("Three"))
    call = ToolCallPart("c", "a", origin=HERE)
    result = ToolResultMessage("c", "ok")
    last = wire(HI, AssistantMessage([TextPart("Hello"), call]), result, cache_marks="anthropic")
    assert [message["content"] for message in last] == [
        [{"type": "text", "text": "Hi"}],
        [{"type": "text", "text": "Hello", **mark}],
        "ok",
    ]
    asked = assistant(*parts, cache_marks="anthropic")["content"]
    assert asked == [
        {"type": "text", "text": "One"},
        {"type": "text", "text": "Two", **mark},
        {"type": "text", "text": "Three"},
    ]
    assert assistant(call, cache_marks="anthropic")["content"] is None
    blank = wire(HI, AssistantMessage([TextPart(" "), call]), result, cache_marks="anthropic")
    assert ["cache_control" in message["content"][0] for message in blank[:2]] == [True, False]


@pytest.mark.parametrize("marks", ["anthropic", "gemini"])
def test_marks_move_on_and_all_else_stays_as_it_was(marks: str) -> None:
    def unmarked(request: LlmRequest) -> list[Any]:
        messages: list[Any] = body_of(request, cache_marks=marks)["messages"]
        for message in messages:
            for part in message["content"] if isinstance(message["content"], list) else ():
                part.pop("cache_control", None)
        return messages

    conversation: list[Message] = [
        HI,
        AssistantMessage([TextPart("a"), TextPart("b", cache_breakpoint=True), ToolCallPart("a", "f")]),
        ToolResultMessage("a", [TextPart("1", cache_breakpoint=True), PICTURE]),
        AssistantMessage([ReasoningPart("r", HERE, {"field": "reasoning"}), TextPart("c")]),
        UserMessage([TextPart("d", cache_breakpoint=True)]),
        AssistantMessage("e"),
        UserMessage("f"),
    ]
    whole = unmarked(LlmRequest(conversation, system="Be brief."))
    for end in range(1, len(conversation)):
        part = unmarked(LlmRequest(conversation[:end], system="Be brief."))
        assert part == whole[: len(part)]
    assert body_of(LlmRequest(conversation, options=RETAIN["none"]), cache_marks=marks)["messages"] == whole[1:]


def test_a_breakpoint_makes_no_list_of_an_assistants_string() -> None:
    said = AssistantMessage([TextPart("a", cache_breakpoint=True)])
    assert wire(HI, said, cache_marks="openai")[1]["content"] == "a"
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


def test_a_stream_of_calls_is_asked_for_where_the_server_wants_it_said() -> None:
    request = LlmRequest("Hi", tools=[WEATHER])
    assert body_of(request, tool_stream=True) == {**body_of(request), "tool_stream": True}
    assert body_of("Hi", tool_stream=True) == body_of("Hi")
    assert b"tool_stream" not in encode(request, stream=False, tool_stream=True).body


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


ENABLED = {"$var": "thinking.enabled"}
LEVEL = {"$var": "thinking.effort"}
TOKENS = {"$var": "thinking.budget"}


@pytest.mark.parametrize(
    ("template", "reasoning", "values"),
    [
        ({"enable_thinking": ENABLED, "preserve_thinking": True}, "low", {"enable_thinking": True}),
        ({"enable_thinking": ENABLED, "preserve_thinking": True}, "off", {"enable_thinking": False}),
        ({"enable_thinking": ENABLED, "preserve_thinking": True}, None, {}),
        ({"thinking": {**ENABLED, "omit_when_off": True}, "preserve_thinking": True}, "off", {}),
        ({"thinking": ENABLED, "reasoning_effort": LEVEL}, "max", {"thinking": True, "reasoning_effort": "most"}),
        ({"thinking": ENABLED, "reasoning_effort": LEVEL}, "off", {"thinking": False}),
        ({"thinking": ENABLED, "budget": TOKENS}, 2048, {"thinking": True, "budget": 2048}),
        (
            {"thinking": ENABLED, "budget": TOKENS, "reasoning_effort": LEVEL},
            "low",
            {"thinking": True, "reasoning_effort": "low"},
        ),
        ({"thinking": ENABLED, "budget": TOKENS}, 0, {"thinking": False}),
    ],
)
@pytest.mark.parametrize(
    ("format", "field"), [("chat-template", "chat_template_kwargs"), ("baseten", "chat_template_args")]
)
def test_a_chat_template_is_told_in_its_own_words(
    format: str, field: str, template: dict[str, Any], reasoning: Any, values: dict[str, Any]
) -> None:
    flags = {"thinking_format": format, "template": template, "effort_words": {"max": "most"}}
    own = {name: value for name, value in template.items() if name == "preserve_thinking"}
    assert body_of(with_options(reasoning=reasoning), **flags) == {**body_of("Hi"), field: {**values, **own}}


@pytest.mark.parametrize(
    ("reasoning", "beside"),
    [
        ("high", {"chat_template_args": {"enable_thinking": True}, "reasoning_effort": "high"}),
        ("off", {"chat_template_args": {"enable_thinking": False}, "reasoning_effort": "none"}),
        (512, {"chat_template_args": {"enable_thinking": True}, "thinking_budget": 512}),
    ],
)
def test_beside_a_template_there_may_be_an_effort_and_a_budget(reasoning: Any, beside: dict[str, Any]) -> None:
    flags: dict[str, Any] = {
        "thinking_format": "baseten",
        "template": {"enable_thinking": ENABLED},
        "effort_words": {"off": "none"},
        "effort_beside_thinking": True,
        "budget_field": "thinking_budget",
    }
    encoded = encode(with_options(reasoning=reasoning), **flags)
    assert json.loads(encoded.body) == {**body_of("Hi"), **beside}
    assert encoded.notes == ()


def test_a_template_says_what_the_level_is_or_a_note_says_that_it_does_not() -> None:
    told = encode(with_options(reasoning="low"), thinking_format="chat-template", template={"e": LEVEL, "t": ENABLED})
    assert told.notes == ()
    switched = encode(with_options(reasoning="low"), thinking_format="chat-template", template={"t": ENABLED})
    assert switched.notes == ("the server only switches reasoning on or off: level 'low' means on",)


@pytest.mark.parametrize(
    ("template", "reasoning"),
    [
        (None, "high"),
        ({"preserve_thinking": True}, "high"),
        ({"effort": LEVEL}, "off"),
        ({"budget": TOKENS}, "high"),
        ({"thinking": ENABLED}, 2048),
    ],
)
def test_what_a_template_has_no_variable_for_is_refused(template: Any, reasoning: Any) -> None:
    with pytest.raises(UnsupportedRequest, match="reasoning"):
        encode(with_options(reasoning=reasoning), thinking_format="chat-template", template=template)


def test_ant_ling_takes_the_levels_that_have_a_word() -> None:
    flags: dict[str, Any] = {"thinking_format": "ant-ling", "effort_words": {"high": "high", "xhigh": "xhigh"}}
    assert body_of(with_options(reasoning="xhigh"), **flags) == {**body_of("Hi"), "reasoning": {"effort": "xhigh"}}
    assert body_of(with_options(reasoning="off"), **flags) == body_of("Hi")
    for reasoning in ("low", 2048):
        with pytest.raises(UnsupportedRequest, match="reasoning"):
            encode(with_options(reasoning=reasoning), **flags)


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


@pytest.mark.parametrize(
    ("cap", "limit", "budget"),
    [
        (None, None, 8000),
        (9024, None, 8000),
        (9023, None, 7999),
        (None, 4096, 3072),
        (2048, 4096, 1024),
        (1024, None, 512),
        (9, None, 4),
        (1, None, 1),
    ],
)
def test_a_budget_leaves_room_for_an_answer(cap: int | None, limit: int | None, budget: int) -> None:
    flags = ChatCompat(thinking_format="openrouter")
    request = LlmRequest("Hi", max_output_tokens=cap, options=ProviderOptions(reasoning=8000))
    encoded = CODEC.encode(request, ModelSpec("m", compat=flags, max_output_tokens=limit))
    assert json.loads(encoded.body)["reasoning"] == {"max_tokens": budget}
    told = f"the reasoning budget is {budget} tokens, to leave room for an answer"
    assert encoded.notes == (() if budget == 8000 else (told,))


def test_a_level_that_only_means_on_is_noted() -> None:
    encoded = encode(with_options(reasoning="high"), thinking_format="zai")
    assert encoded.notes == ("the server only switches reasoning on or off: level 'high' means on",)


def test_readable_reasoning_cannot_be_asked_of_openai() -> None:
    request = with_options(expose_thinking=True)
    assert encode(request).notes == ("the server has no switch that shows reasoning",)
    assert encode(request, show_reasoning={}).notes == ()
    shown = encode(request, show_reasoning={"include_reasoning": True})
    assert (json.loads(shown.body)["include_reasoning"], shown.notes) == (True, ())
    assert b"include_reasoning" not in encode(LlmRequest("Hi"), show_reasoning={"include_reasoning": True}).body


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
    assert wire(HI, AssistantMessage([RefusalPart("")])) == [{"role": "user", "content": "Hi"}]


def test_custom_calls_and_thought_signatures_go_back() -> None:
    extra = {"google": {"thought_signature": "s"}}
    custom = ToolCallPart("a", "sql", raw_arguments="SELECT", kind="custom", origin=HERE)
    signed = ToolCallPart("b", "f", origin=HERE, provider_data={"extra_content": extra})
    assert assistant(custom, signed)["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": extra},
    ]


def test_a_custom_call_becomes_a_function_call_where_the_server_has_no_others() -> None:
    custom = ToolCallPart("a", "sql", raw_arguments='SELECT "x"', kind="custom", origin=ELSEWHERE)
    function = {"name": "sql", "arguments": '{"input":"SELECT \\"x\\""}'}
    assert assistant(custom, custom_tools=False)["tool_calls"] == [
        {"id": "a", "type": "function", "function": function}
    ]
    said = "the text of a custom tool call is sent as its argument `input`"
    assert notes(HI, AssistantMessage([custom]), custom_tools=False) == (said,)
    assert assistant(custom)["tool_calls"][0]["type"] == "custom"
    assert assistant(evolve(custom, origin=HERE), custom_tools=False)["tool_calls"][0]["type"] == "custom"


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
    filled = {"reasoning_content_required": True, "reasoning_filler": " "}
    assert assistant(TextPart("x"), **filled)["reasoning_content"] == " "
    assert assistant(*native.content, **filled)["reasoning_content"] == "a"
    own = assistant(ReasoningPart("mine"), TextPart("x"), reasoning_content_required=True)
    assert own["reasoning_content"] == "mine"


def test_reasoning_goes_back_as_text_where_the_server_knows_no_field_for_it() -> None:
    native = (
        ReasoningPart("Hm.", HERE, {"field": "reasoning_content"}),
        TextPart("a"),
        ReasoningPart("So.", HERE, {"details": [{"type": "reasoning.text", "text": "So."}]}),
        ReasoningPart(" ", HERE, {"field": "reasoning"}),
        TextPart("b"),
    )
    text = [{"type": "text", "text": text} for text in ("Hm.\n\nSo.", "a", "b")]
    assert assistant(*native, reasoning_as_text=True) == {"role": "assistant", "content": text}
    assert assistant(native[0], reasoning_as_text=True)["content"] == [{"type": "text", "text": "Hm."}]
    assert assistant(ReasoningPart("Mine."), TextPart("a"), reasoning_as_text=True)["content"][0]["text"] == "Mine."
    assert assistant(TextPart("a"), reasoning_as_text=True)["content"] == "a"
    elsewhere = ReasoningPart("Hm.", ELSEWHERE, {"signature": "s"})
    assert assistant(elsewhere, TextPart("a"), reasoning_as_text=True)["content"] == "a"
    refused = {"reasoning_as_text": True, "replay_reasoning": False}
    assert assistant(*native, **refused) == {"role": "assistant", "content": "ab"}


# --- ids, names and results ------------------------------------------------------------------------------------------


def turn(id: str, origin: Origin | None, name: str = "f", **compat: Any) -> tuple[str, str, str]:
    """The id in call and result, and the name, of a call that was answered."""
    messages = wire(HI, AssistantMessage([ToolCallPart(id, name, origin=origin)]), ToolResultMessage(id, "1"), **compat)
    call = messages[1]["tool_calls"][0]
    return call["id"], messages[2]["tool_call_id"], call["function"]["name"]


def test_native_ids_go_back_to_the_letter() -> None:
    id = "chatcmpl-tool-0123456789abcdef0123456789abcdef"  # vLLM's are 46 characters
    assert turn(id, HERE) == (id, id, "f")
    assert turn("functions.f:0", HERE) == ("functions.f:0", "functions.f:0", "f")


@pytest.mark.parametrize("origin", [HERE, ELSEWHERE, None])
def test_a_name_that_no_tool_may_have_is_made_fit_whoever_made_it_up(origin: Origin | None) -> None:
    assert turn("a", origin, "functions.look")[2] == "functions_look"
    call = AssistantMessage([ToolCallPart("a", "look at", origin=origin)])
    http = encode(LlmRequest([HI, call, ToolResultMessage("a", "1", "look at")]), tool_result_name=True)
    asked, answer = json.loads(http.body)["messages"][1:]
    assert asked["tool_calls"][0]["function"]["name"] == answer["name"] == "look_at"
    assert http.notes == (
        "the tool 'look at' of an earlier call is called 'look_at' here: 1 to 64 letters, digits, _ and -",
    )


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


@pytest.mark.parametrize("origin", [HERE, ELSEWHERE, None])
def test_arguments_that_are_no_object_go_back_as_an_empty_one(origin: Origin | None) -> None:
    broken = ToolCallPart("a", "f", {}, '{"x', "Unterminated string", origin=origin)
    http = encode(LlmRequest([HI, AssistantMessage([broken])]))
    assert json.loads(http.body)["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert http.notes == ("arguments of 'f' that are no JSON object went back as an empty one",)
    for raw in ("null", " ", "{}", ""):  # a call without arguments, in the words of some models
        none = ToolCallPart("a", "f", {}, raw, origin=origin)
        assert assistant(none)["tool_calls"][0]["function"]["arguments"] == "{}"


def test_arguments_that_json_cannot_say_are_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="arguments of the call of 'f'"):
        encode(LlmRequest([HI, AssistantMessage([ToolCallPart("a", "f", {"x": float("nan")})])]))


ASKED = AssistantMessage([ToolCallPart("a", "f"), ToolCallPart("b", "g")])
PICTURE = ImagePart(b"png", "image/png")
ENCODED = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}


def test_results_are_strings_or_lists_of_text() -> None:
    results = (ToolResultMessage("a", "1"), ToolResultMessage("b", [TextPart("2"), TextPart("3")], "g"))
    assert wire(HI, ASKED, *results, tool_result_name=True)[2:] == [
        {"role": "tool", "tool_call_id": "a", "content": "1", "name": "f"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "3"}],
            "name": "g",
        },
    ]
    assert "name" not in wire(HI, ASKED, *results)[3]
    # Of a call that is not in the conversation the result itself has to know.
    alone = wire(HI, ToolResultMessage("z", "1", "h"), ToolResultMessage("y", "2"), tool_result_name=True)[1:]
    assert [message.get("name") for message in alone] == ["h", None]
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
    for compat in (
        {},
        {"cache_marks": None, "assistant_after_tool_result": True, "mistral": True},
        {"reasoning_as_text": True, "content_required": True},
    ):
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
