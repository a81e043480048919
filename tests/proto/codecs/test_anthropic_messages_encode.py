"""Requests to the Messages API: what is sent, what is refused, and what stays the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.codecs.anthropic_messages import AnthropicMessages, AnthropicOptions
from lash_proto.compat import AnthropicCompat
from lash_proto.errors import UnsupportedRequest
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
    Tool,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import Capability, ModelSpec
from lash_proto.values import from_json
from tests.recordings import FIXTURES, NO_RECORDINGS, Item, decode, find_recordings, read_items

CODEC = AnthropicMessages()
MODEL = "claude-opus-5"
OURS = Origin("anthropic", "anthropic-messages", MODEL)
THEIRS = Origin("openai", "openai-responses", "gpt-5")
PNG = b"\x89PNG"
BASH = ProviderTool({"type": "bash_20250124", "name": "bash"})
WEATHER = ToolDefinition("get_weather", "Tells the weather.", {"properties": {"city": {"type": "string"}}})


def http(
    request: LlmRequest | str, model: str | ModelSpec = MODEL, codec: AnthropicMessages = CODEC, **more: Any
) -> Any:
    request = request if isinstance(request, LlmRequest) else LlmRequest(request)
    return codec.encode(request, model, **more)


def body(*messages: Message, uncached: bool = True, model: str | ModelSpec = MODEL, **fields: Any) -> dict[str, Any]:
    options = fields.pop("options", None) or ProviderOptions(cache_retention="none" if uncached else "short")
    asked = messages or (UserMessage("Hi"),)
    parsed: dict[str, Any] = json.loads(http(LlmRequest(asked, options=options, **fields), model).body)
    return parsed


def user(*parts: Part) -> list[Any]:
    content: list[Any] = body(UserMessage(parts))["messages"][0]["content"]
    return content


def assistant(*parts: Part) -> list[Any]:
    messages = body(UserMessage("Hi"), AssistantMessage(parts), UserMessage("Go on"))["messages"]
    return [block for message in messages if message["role"] == "assistant" for block in message["content"]]


def notes(*messages: Message, **fields: Any) -> tuple[str, ...]:
    fields.setdefault("tools", [ToolDefinition("f")])
    told: tuple[str, ...] = http(LlmRequest(messages or "Hi", **fields)).notes
    return told


def refusal(*messages: Message, model: str | ModelSpec = MODEL, codec: AnthropicMessages = CODEC, **fields: Any) -> str:
    with pytest.raises(UnsupportedRequest) as caught:
        http(LlmRequest(messages or "Hi", **fields), model, codec)
    return str(caught.value)


# --- the request as a whole ------------------------------------------------------------------------------------------


def test_a_small_request_is_all_the_api_needs() -> None:
    request = http("Hi")
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers == (
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("anthropic-version", "2023-06-01"),
    )
    assert request.body == (
        b'{"model":"claude-opus-5","max_tokens":32000,"messages":[{"role":"user","content":'
        b'[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}],"stream":true}'
    )
    assert request.notes == ()


def test_without_streaming_the_body_does_not_say_stream() -> None:
    request = http("Hi", stream=False)
    assert ("accept", "application/json") in request.headers
    assert "stream" not in json.loads(request.body)


def test_the_same_request_gives_the_same_bytes() -> None:
    request = LlmRequest("Hi", system="Be brief.", tools=[WEATHER])
    assert http(request) == http(request)
    assert CODECS["anthropic-messages"].encode(request, MODEL) == http(request)


@pytest.mark.parametrize(
    ("options", "betas"),
    [
        ({"mcp_servers": [{"type": "url", "name": "s", "url": "https://s.test"}]}, "mcp-client-2025-11-20"),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, "context-management-2025-06-27"),
        (
            {"context_management": {"edits": [{"type": "compact_20260112"}]}},
            "context-management-2025-06-27,compact-2026-01-12",
        ),
        ({"speed": "fast"}, "fast-mode-2026-02-01"),
        ({"speed": "standard"}, None),
        ({"thinking_display": "updates", "reasoning": "low"}, "thinking-display-updates-2026-08-18"),
        ({"thinking_display": "summarized", "reasoning": "low"}, None),
        ({"mcp_servers": [{}], "betas": ["mcp-client-2026-09-15"]}, "mcp-client-2026-09-15"),
    ],
)
def test_a_field_of_a_beta_brings_its_name(options: dict[str, Any], betas: str | None) -> None:
    """WIRE 4a, 4b."""
    request = LlmRequest("Hi", options=AnthropicOptions(**options))
    assert dict(http(request).headers).get("anthropic-beta") == betas


def test_betas_come_from_codec_options_and_what_the_content_needs() -> None:
    codec = AnthropicMessages(betas=("oauth-2025-04-20",), version="2026-10-21")
    options = AnthropicOptions(betas=["mcp-client-2026-09-15", "oauth-2025-04-20"])
    request = LlmRequest([UserMessage([ImagePart(file_id="file_1"), ImagePart(file_id="file_2")])], options=options)
    headers = dict(http(request, codec=codec).headers)
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-beta"] == "oauth-2025-04-20,mcp-client-2026-09-15,files-api-2025-04-14"


def test_the_session_is_a_header_where_the_server_has_one_for_it() -> None:
    spec = ModelSpec(MODEL, compat=AnthropicCompat(session_headers=("x-session-id",)))
    assert ("x-session-id", "s1") in http(LlmRequest("Hi", session_id="s1"), spec).headers
    assert "x-session-id" not in dict(http(LlmRequest("Hi"), spec).headers)
    assert "x-session-id" not in dict(http(LlmRequest("Hi", session_id="s1")).headers)


def test_the_dialects_own_options_go_into_the_body() -> None:
    options = AnthropicOptions(
        cache_retention="none",
        top_k=5,
        effort="max",
        container={"skills": []},
        mcp_servers=[{"type": "url", "name": "m", "url": "https://m.example"}],
        context_management={"edits": []},
        speed="fast",
        inference_geo="eu",
        service_tier="auto",
    )
    assert body(options=options) == {
        "model": MODEL,
        "max_tokens": 32000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "output_config": {"effort": "max"},
        "top_k": 5,
        "container": {"skills": []},
        "service_tier": "auto",
        "speed": "fast",
        "inference_geo": "eu",
        "context_management": {"edits": []},
        "mcp_servers": [{"type": "url", "name": "m", "url": "https://m.example"}],
        "stream": True,
    }


def test_the_options_have_a_json_form() -> None:
    options = AnthropicOptions(betas=("a",), top_k=5)
    assert from_json(options.to_json()) == options


def test_metadata_is_the_users_id_alone() -> None:
    metadata = {"user_id": "u-1", "team": "x"}
    assert body(metadata=metadata)["metadata"] == {"user_id": "u-1"}
    assert notes(metadata=metadata) == ("metadata 'team' left out: the Messages API knows user_id alone",)
    assert "metadata" not in body(metadata={"team": "x"})


def test_a_users_id_that_is_too_long_is_refused() -> None:
    assert body(metadata={"user_id": "u" * 256})["metadata"] == {"user_id": "u" * 256}
    assert refusal(metadata={"user_id": "u" * 257}) == "metadata 'user_id': at most 256 characters"


# --- the user's side -------------------------------------------------------------------------------------------------


def test_text_is_a_block_and_blank_text_is_none() -> None:
    assert user(TextPart("a"), TextPart(" \n"), TextPart(""), TextPart("b")) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


@pytest.mark.parametrize("messages", [(UserMessage(""),), (UserMessage([TextPart(" ")]), UserMessage("Hi"))])
def test_a_user_message_without_content_is_refused(messages: tuple[Message, ...]) -> None:
    assert refusal(*messages) == "user message: it needs content: blank text is refused"


def test_a_request_without_messages_is_refused() -> None:
    with pytest.raises(UnsupportedRequest, match="messages: at least one message with content is needed"):
        http(LlmRequest([CustomMessage("app"), AssistantMessage("")]))


def test_neighbours_of_one_side_are_one_message_and_the_apps_own_are_not_sent() -> None:
    messages = body(
        UserMessage("a"), CustomMessage("app"), UserMessage("b"), AssistantMessage("c"), AssistantMessage("d")
    )["messages"]
    assert [(m["role"], [block["text"] for block in m["content"]]) for m in messages] == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
    ]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (
            ImagePart(data=PNG, media_type="IMAGE/PNG"),
            {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
        ),
        (ImagePart(url="https://x.example/a.png"), {"type": "url", "url": "https://x.example/a.png"}),
        (
            ImagePart(url="data:image/png;base64,iVBORw=="),
            {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
        ),
        (ImagePart(file_id="file_1"), {"type": "file", "file_id": "file_1"}),
    ],
)
def test_a_picture_is_bytes_a_url_or_a_file(part: ImagePart, source: dict[str, Any]) -> None:
    assert user(part) == [{"type": "image", "source": source}]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (
            DocumentPart(data=b"%PDF", media_type="application/pdf"),
            {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
        ),
        (DocumentPart(text="Hello"), {"type": "text", "media_type": "text/plain", "data": "Hello"}),
        (
            DocumentPart(data="é".encode(), media_type="text/markdown"),
            {"type": "text", "media_type": "text/plain", "data": "é"},
        ),
        (DocumentPart(url="https://x.example/a.pdf"), {"type": "url", "url": "https://x.example/a.pdf"}),
        (DocumentPart(file_id="file_1"), {"type": "file", "file_id": "file_1"}),
    ],
)
def test_a_document_is_a_pdf_text_a_url_or_a_file(part: DocumentPart, source: dict[str, Any]) -> None:
    assert user(part) == [{"type": "document", "source": source}]


def test_a_document_has_a_title_a_context_and_may_be_cited() -> None:
    assert user(DocumentPart(text="x", name="Book", context="Chapter 1", citations=True)) == [
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "x"},
            "title": "Book",
            "context": "Chapter 1",
            "citations": {"enabled": True},
        }
    ]


def test_the_detail_of_a_picture_is_noted() -> None:
    told = ("the detail of pictures is left out: the Messages API has none",)
    assert notes(UserMessage([ImagePart(url="https://a.b/c", detail="low")])) == told
    assert notes(UserMessage([ImagePart(url="https://a.b/c", detail="auto")])) == ()


def test_a_block_of_the_callers_own_goes_as_it_stands() -> None:
    upload = {"type": "container_upload", "file_id": "file_1"}
    assert user(OpaquePart("container_upload", upload)) == [upload]
    assert user(OpaquePart("container_upload", {"file_id": "f"})) == [{"type": "container_upload", "file_id": "f"}]


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        (AudioPart(data=b"x", media_type="audio/wav"), "audio in a user message: the Messages API takes no audio"),
        (ImagePart(data=PNG), "image: bytes need a media_type"),
        (
            ImagePart(data=PNG, media_type="image/bmp"),
            "image of type image/bmp: the dialect takes image/gif, image/jpeg",
        ),
        (
            ImagePart(url="data:image/bmp;base64,eA=="),
            "image of type image/bmp: the dialect takes image/gif, image/jpeg",
        ),
        (ImagePart(), "image: it needs bytes, a URL or a file id"),
        (DocumentPart(), "document: it needs bytes, a URL or a file id"),
        (DocumentPart(data=b"x", media_type="application/zip"), "document of type application/zip: the dialect takes"),
        (DocumentPart(data=b"\xff", media_type="text/csv"), "document of type text/csv: its bytes are not UTF-8"),
        (ReasoningPart("x"), "ReasoningPart in a user message: only an assistant message can hold it"),
        (ToolCallPart("a", "f"), "ToolCallPart in a user message: only an assistant message can hold it"),
    ],
)
def test_what_a_user_cannot_say_is_refused(part: Part, rule: str) -> None:
    assert refusal(UserMessage([part])).startswith(rule)


# --- tool results ----------------------------------------------------------------------------------------------------

CALLS = AssistantMessage([ToolCallPart("toolu_1", "f", {"a": 1}), ToolCallPart("toolu_2", "g")])


def results(*messages: Message) -> list[Any]:
    content: list[Any] = body(UserMessage("Hi"), CALLS, *messages)["messages"][2]["content"]
    return content


def test_results_come_first_and_in_one_message() -> None:
    assert results(
        ToolResultMessage("toolu_1", "one"),
        UserMessage("and?"),
        CustomMessage("app"),
        ToolResultMessage("toolu_2", "two"),
    ) == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "two"},
        {"type": "text", "text": "and?"},
    ]


def test_a_result_may_hold_pictures_and_blocks_or_nothing() -> None:
    assert results(
        ToolResultMessage("toolu_1", [TextPart("see"), ImagePart(url="https://x.example/a.png"), TextPart(" ")]),
        ToolResultMessage("toolu_2", " "),
    ) == [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
            ],
        },
        {"type": "tool_result", "tool_use_id": "toolu_2"},
    ]


def test_the_pictures_of_a_failed_result_stand_after_all_results() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    failed = ToolResultMessage("toolu_1", [TextPart("no"), ImagePart(url="https://x.example/a.png")], is_error=True)
    only_a_picture = ToolResultMessage("toolu_2", [ImagePart(url="https://x.example/a.png")], is_error=True)
    assert results(failed, only_a_picture, UserMessage("go on")) == [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": "no"}],
            "is_error": True,
        },
        {
            "type": "tool_result",
            "tool_use_id": "toolu_2",
            "content": "The tool failed without a message.",
            "is_error": True,
        },
        {"type": "text", "text": "From the failed tool call toolu_1:"},
        picture,
        {"type": "text", "text": "From the failed tool call toolu_2:"},
        picture,
        {"type": "text", "text": "go on"},
    ]
    assert notes(UserMessage("Hi"), CALLS, failed, only_a_picture) == (
        "a failed tool result takes text alone: the rest of it stands after the results",
    )


def test_a_failed_result_of_text_parts_is_no_more_than_that() -> None:
    failed = ToolResultMessage("toolu_1", [TextPart("no")], is_error=True)
    assert results(failed, ToolResultMessage("toolu_2", "no", is_error=True)) == [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": "no"}],
            "is_error": True,
        },
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no", "is_error": True},
    ]


def test_sound_in_a_result_is_refused() -> None:
    assert refusal(UserMessage("Hi"), CALLS, ToolResultMessage("toolu_1", [AudioPart(data=b"x")])) == (
        "audio in a tool result: the Messages API takes no audio"
    )


# --- the assistant's side --------------------------------------------------------------------------------------------


def test_a_call_is_its_id_its_name_and_its_arguments() -> None:
    assert assistant(ToolCallPart("toolu_1", "f", {"a": 1}, '{ "a": 1 }')) == [
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
    ]


def test_arguments_that_were_no_json_go_back_empty() -> None:
    (call,) = assistant(ToolCallPart("toolu_1", "f", {}, '{"a":', arguments_error="cut"))
    assert call["input"] == {}


def test_the_text_of_a_custom_call_is_an_argument() -> None:
    custom = ToolCallPart("call_1", "patch", raw_arguments="*** Begin", kind="custom", origin=THEIRS)
    assert assistant(custom)[0]["input"] == {"input": "*** Begin"}
    assert notes(UserMessage("Hi"), AssistantMessage([custom])) == (
        "the text of a custom tool call is sent as its argument `input`",
    )


def test_an_id_that_the_server_would_refuse_is_changed_the_same_way_in_call_and_result() -> None:
    id = "functions.f:0|fc_" + "x" * 60
    tool_id = AnthropicCompat().rules.call_id
    changed = tool_id(id)
    assert tool_id("toolu_01-A_b") == "toolu_01-A_b"
    assert changed.startswith("functions_f_0_fc_xxx")
    assert len(changed) == 64
    assert changed != tool_id(id + "y")
    messages = body(
        UserMessage("Hi"), AssistantMessage([ToolCallPart(id, "f", origin=THEIRS)]), ToolResultMessage(id, "ok")
    )["messages"]
    assert messages[1]["content"][0]["id"] == messages[2]["content"][0]["tool_use_id"] == changed


def test_a_made_up_id_is_sent_because_the_server_wants_one() -> None:
    assert assistant(ToolCallPart("call_1", "f", id_sent=False))[0]["id"] == "call_1"


def test_signed_and_redacted_thinking_goes_back_as_it_came() -> None:
    signed = {"type": "thinking", "signature": "sig"}
    redacted = {"type": "redacted_thinking", "data": "secret"}
    assert assistant(
        ReasoningPart("Hm.", origin=OURS, provider_data=signed),
        ReasoningPart("", origin=OURS, provider_data=signed),
        ReasoningPart("", origin=OURS, provider_data=redacted),
        TextPart("Hi", origin=OURS),
    ) == [
        {"type": "thinking", "signature": "sig", "thinking": "Hm."},
        {"type": "thinking", "signature": "sig", "thinking": ""},
        redacted,
        {"type": "text", "text": "Hi"},
    ]


def test_thinking_without_a_signature_is_left_out_unless_the_server_signs_none() -> None:
    said = AssistantMessage([ReasoningPart("Hm.", origin=OURS), TextPart("Hi")])
    assert assistant(*said.content) == [{"type": "text", "text": "Hi"}]
    assert notes(UserMessage("Hi"), said) == (
        "thinking without a signature left out: the server takes only its own, signed",
    )
    spec = ModelSpec(MODEL, compat=AnthropicCompat(empty_signature_allowed=True))
    assert body(UserMessage("Hi"), said, model=spec)["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "Hm.",
        "signature": "",
    }


def test_thinking_at_the_end_of_a_message_is_left_out() -> None:
    signed = {"type": "thinking", "signature": "sig"}
    cut = AssistantMessage([TextPart("Hi"), ReasoningPart("Hm.", origin=OURS, provider_data=signed)])
    assert assistant(*cut.content) == [{"type": "text", "text": "Hi"}]
    assert notes(UserMessage("Hi"), cut) == (
        "thinking at the end of an assistant message is left out: the server refuses it there",
    )


def test_citations_and_unknown_fields_of_its_own_text_go_back() -> None:
    cited = TextPart("Sunny", citations=({"type": "x"},), origin=OURS, provider_data={"mood": "calm"})
    assert assistant(cited) == [{"type": "text", "text": "Sunny", "citations": [{"type": "x"}], "mood": "calm"}]
    assert assistant(evolve(cited, citations=(), provider_data=None)) == [{"type": "text", "text": "Sunny"}]


def test_its_own_white_space_goes_back_and_that_of_others_does_not() -> None:
    assert assistant(TextPart("a", origin=OURS), TextPart(" ", origin=OURS), TextPart("", origin=OURS)) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": " "},
    ]
    assert assistant(TextPart(" "), TextPart(" ", origin=THEIRS)) == []


def test_of_another_provider_only_text_and_calls_are_sent() -> None:
    foreign = AssistantMessage(
        [
            ReasoningPart("Hm.", origin=THEIRS, provider_data={"id": "rs_1"}),
            TextPart("Sunny", citations=({"type": "url_citation"},), origin=THEIRS, provider_data={"id": "msg_1"}),
            OpaquePart("web_search_call", {"id": "ws_1"}, origin=THEIRS),
            RefusalPart("No.", origin=THEIRS),
            AudioPart(data=b"x", transcript="Spoken", origin=THEIRS),
            ImagePart(data=PNG, origin=THEIRS),
            AudioPart(data=b"x", origin=THEIRS),
            ToolCallPart("call_1", "f", {"a": 1}, origin=THEIRS, provider_data={"id": "fc_1"}),
        ]
    )
    assert assistant(*foreign.content) == [
        {"type": "text", "text": "Sunny"},
        {"type": "text", "text": "No."},
        {"type": "text", "text": "Spoken"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
    ]
    assert notes(UserMessage("Hi"), foreign) == (
        "reasoning of another provider or model left out",
        "web_search_call of another provider or model left out",
        "what the assistant said in sound is sent as its transcript",
        "ImagePart of another provider left out",
        "AudioPart of another provider left out",
    )


@pytest.mark.parametrize("text", ["Well, ", "Well,\n", " \u3000"])
def test_what_the_assistant_is_to_go_on_from_may_not_end_in_white_space(text: str) -> None:
    start = AssistantMessage([TextPart("So."), TextPart(text, origin=OURS)])
    rule = "the last message: what the assistant is to go on from may not end in white space"
    assert refusal(UserMessage("Hi"), start) == rule
    assert body(UserMessage("Hi"), start, UserMessage("Go on"))["messages"][1]["content"][1]["text"] == text
    assert body(UserMessage("Hi"), AssistantMessage("Well,"))["messages"][1]["content"][0]["text"] == "Well,"


def test_thinking_of_another_model_is_foreign_too() -> None:
    signed = ReasoningPart("Hm.", origin=evolve(OURS, model="claude-1"), provider_data={"signature": "sig"})
    assert assistant(signed, TextPart("Hi")) == [{"type": "text", "text": "Hi"}]


def test_a_picture_that_the_assistant_is_to_have_said_is_refused() -> None:
    assert refusal(AssistantMessage([ImagePart(data=PNG)])) == (
        "ImagePart in an assistant message: the dialect has none there"
    )


@pytest.mark.parametrize("name", ["get weather", "", "a.b", "x" * 129])
def test_a_name_that_the_server_would_refuse_is_refused(name: str) -> None:
    rule = f"tool name {name!r}: names are 1 to 128 letters, digits, _ or -"
    assert refusal(tools=[ToolDefinition(name)]) == rule


def test_an_earlier_call_of_such_a_name_is_sent_under_one_that_the_server_takes() -> None:
    call = AssistantMessage([ToolCallPart("call_1", "my.tool", origin=THEIRS)])
    assert assistant(*call.content)[0]["name"] == "my_tool"
    assert notes(UserMessage("Hi"), call) == (
        "the tool 'my.tool' of an earlier call is called 'my_tool' here: names are 1 to 128 letters, digits, _ or -",
    )
    assert assistant(ToolCallPart("call_1", "x" * 130))[0]["name"] == "x" * 128
    assert assistant(ToolCallPart("call_1", ""))[0]["name"] == "_"


# --- replay ----------------------------------------------------------------------------------------------------------


def wire_block(block: dict[str, Any]) -> dict[str, Any]:
    """A block as it was sent, less what says nothing."""
    return {key: value for key, value in block.items() if value is not None and (key, value) != ("citations", [])}


def replayed(item: Item) -> list[Any]:
    response = decode(item, [item.body], model=MODEL).response
    answers: list[Message] = [ToolResultMessage(call.id, "ok") for call in response.tool_calls]
    answers = answers or [UserMessage("go on")]
    messages = body(UserMessage("Hi"), response.message, *answers)["messages"]
    return [block for message in messages if message["role"] == "assistant" for block in message["content"]]


def test_a_recorded_reply_goes_back_exactly_as_it_came() -> None:
    folder = find_recordings()
    if folder is None:
        pytest.skip(NO_RECORDINGS)
    items = [
        item
        for item in read_items(folder / "anthropic-messages")
        if item.meta["status"] == 200 and not item.meta["streaming"]
    ]
    assert len(items) > 100
    wrong = [
        item.name
        for item in items
        if [wire_block(block) for block in json.loads(item.body)["content"]] != list(map(wire_block, replayed(item)))
    ]
    assert wrong == []


def test_a_streamed_reply_goes_back_as_the_blocks_it_was() -> None:
    items = {item.name: item for item in read_items(FIXTURES / "anthropic-messages")}
    assert replayed(items["reasoning"]) == [
        {
            "type": "thinking",
            "thinking": "27 times 453: 27*400 = 10800, 27*53 = 1431.",
            "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk",
        },
        {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw"},
        {"type": "text", "text": "27 * 453 = 12,231"},
    ]
    assert replayed(items["parallel-tools"])[1:] == [
        {
            "type": "tool_use",
            "id": "toolu_01Paris",
            "name": "get_weather",
            "input": {"city": "Paris", "days": 3},
            "caller": {"type": "direct"},
        },
        {"type": "tool_use", "id": "toolu_01Time", "name": "get_time", "input": {}},
    ]
    assert [block["type"] for block in replayed(items["server-tools"])] == [
        "server_tool_use",
        "web_search_tool_result",
        "text",
        "compaction",
    ]
    assert replayed(items["refusal"]) == [{"type": "text", "text": "Hello"}]


def test_a_paused_turn_goes_on_in_its_container_and_with_all_it_thought() -> None:
    """WIRE 4f: send the assistant's content back unchanged."""
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {"command": "ls"}}
    thought = ReasoningPart("Hm.", origin=OURS, provider_data={"type": "thinking", "signature": "sig"})
    paused = AssistantMessage(
        [OpaquePart("server_tool_use", use, OURS), thought, OpaquePart("container", {"id": "container_1"}, OURS)],
        stop_reason="pause",
    )
    thinking = {"type": "thinking", "signature": "sig", "thinking": "Hm."}
    asked = body(UserMessage("Hi"), paused)
    assert asked["container"] == "container_1"
    assert asked["messages"][1] == {"role": "assistant", "content": [use, thinking]}
    assert notes(UserMessage("Hi"), paused) == ()

    gone_on = body(UserMessage("Hi"), paused, AssistantMessage([TextPart("Done.", origin=OURS)]), UserMessage("Thanks"))
    assert gone_on["messages"][1]["content"] == [use, thinking, {"type": "text", "text": "Done."}]
    assert "container" not in gone_on

    broken_off = body(UserMessage("Hi"), paused, UserMessage("Stop."))
    assert broken_off["messages"][1]["content"] == [use]
    empty = body(UserMessage("Hi"), AssistantMessage([thought], stop_reason="pause"), UserMessage("Stop."))
    assert [message["role"] for message in empty["messages"]] == ["user"]
    alone = body(AssistantMessage([thought], stop_reason="pause"), UserMessage("Hi"))
    assert [message["role"] for message in alone["messages"]] == ["user"]


def test_the_container_is_named_only_while_its_code_waits_for_a_tool() -> None:
    items = {item.name: item for item in read_items(FIXTURES / "anthropic-messages")}
    waiting = decode(items["message-in-start"], [items["message-in-start"].body]).response.message
    answer = ToolResultMessage("toolu_01Die", "4")
    assert body(UserMessage("Hi"), waiting, answer)["container"] == "container_011Dice"
    other = AnthropicOptions(container="container_2")
    assert body(UserMessage("Hi"), waiting, answer, options=other)["container"] == "container_2"
    done = decode(items["server-tools"], [items["server-tools"].body]).response.message
    assert "container" not in body(UserMessage("Hi"), done, UserMessage("go on"))


def test_appending_a_message_leaves_the_earlier_ones_as_they_were() -> None:
    signed = {"type": "thinking", "signature": "sig"}
    conversation: list[Message] = [
        UserMessage("Hi"),
        AssistantMessage([ReasoningPart("Hm.", origin=OURS, provider_data=signed), *CALLS.content]),
        ToolResultMessage("toolu_1", "one"),
        ToolResultMessage(
            "toolu_2", [TextPart("two", cache_breakpoint=True), ImagePart(data=PNG, media_type="image/png")]
        ),
        CustomMessage("app"),
        UserMessage([TextPart("more"), DocumentPart(text="Book")]),
        AssistantMessage("Well."),
        UserMessage(
            "Bye",
        ),
    ]
    before: list[Any] = []
    for length in range(1, len(conversation) + 1):
        messages = body(*conversation[:length], system="Be brief.", tools=[WEATHER], uncached=False)["messages"]
        after = [{**m, "content": [without_marker(block) for block in m["content"]]} for m in messages]
        # Only the last message may have grown, at its end.
        assert after[: len(before)][:-1] == before[:-1]
        if before:
            last = before[-1]["content"]
            assert after[len(before) - 1]["content"][: len(last)] == last
        before = after


def without_marker(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "cache_control"}


# --- cache markers ---------------------------------------------------------------------------------------------------


def marked(parsed: dict[str, Any]) -> list[Any]:
    blocks = [*parsed.get("tools", ()), *parsed.get("system", ())]
    blocks += [block for message in parsed["messages"] for block in message["content"]]
    return [
        (block.get("text") or block.get("name") or block["type"], block["cache_control"])
        for block in blocks
        if "cache_control" in block
    ]


def test_system_tools_and_the_last_text_are_marked() -> None:
    mark = {"type": "ephemeral"}
    later = ProviderTool({"name": "later", "input_schema": {"type": "object"}, "defer_loading": True})
    asked = body(
        UserMessage("Hi"),
        AssistantMessage([TextPart("Looking.", origin=OURS), TextPart(" ", origin=OURS), *CALLS.content]),
        ToolResultMessage("toolu_1", "one"),
        system=[TextPart("First."), TextPart(" "), TextPart("Second.")],
        tools=[WEATHER, ProviderTool({"type": "web_search_20250305", "name": "web_search"}), later],
        uncached=False,
    )
    assert marked(asked) == [("web_search", mark), ("First.", mark), ("Looking.", mark), ("tool_result", mark)]


def test_in_a_loop_of_calls_the_last_result_is_marked_beside_the_last_text() -> None:
    conversation: list[Message] = [UserMessage("Hi")]
    for number in range(3):
        conversation.append(AssistantMessage([ToolCallPart(f"toolu_{number}", "get_weather")]))
        conversation.append(ToolResultMessage(f"toolu_{number}", f"sun {number}"))
    messages = body(*conversation, uncached=False, tools=[WEATHER])["messages"]
    assert [["cache_control" in block for block in message["content"]] for message in messages] == [
        [True],
        *[[False]] * 5,
        [True],
    ]
    assert messages[-1]["content"][0]["content"] == "sun 2"
    asked = UserMessage("And?")
    messages = body(*conversation, asked, uncached=False, tools=[WEATHER])["messages"]
    assert ["cache_control" in block for message in messages for block in message["content"]] == [*[False] * 7, True]


def test_breakpoints_of_the_caller_are_marked_for_as_long_as_asked() -> None:
    options = ProviderOptions(cache_retention="long")
    asked = body(
        UserMessage([DocumentPart(text="Book", cache_breakpoint=True), TextPart("Read.")]),
        CALLS,
        ToolResultMessage("toolu_1", [TextPart("one", cache_breakpoint=True)]),
        ToolResultMessage("toolu_2", "two"),
        options=options,
    )
    hour = {"type": "ephemeral", "ttl": "1h"}
    assert marked(asked) == [("document", hour), ("tool_result", hour)]


def test_nothing_is_marked_where_nothing_is_to_be_kept() -> None:
    assert marked(body(UserMessage([TextPart("Hi", cache_breakpoint=True)]), system="Be brief.")) == []


def server(**flags: Any) -> ModelSpec:
    """A model of a server that differs in these."""
    return ModelSpec(MODEL, compat=AnthropicCompat(**flags))


def test_a_server_may_take_no_marker_on_a_tool_and_none_of_an_hour() -> None:
    tools = [WEATHER]
    mark = {"type": "ephemeral"}
    asked = body(tools=tools, uncached=False, model=server(tool_markers=False))
    assert marked(asked) == [("Hi", mark)]
    long = ProviderOptions(cache_retention="long")
    assert marked(body(tools=tools, options=long, model=server(marker_ttl=False))) == [
        ("get_weather", mark),
        ("Hi", mark),
    ]
    told = ("the server decides how long it keeps the prompt cached",)
    assert http(LlmRequest("Hi", options=long), server(marker_ttl=False)).notes == told
    assert http("Hi", server(marker_ttl=False)).notes == ()


def test_no_marker_of_an_hour_comes_behind_the_callers_of_five_minutes() -> None:
    search = ProviderTool({"type": "web_search_20250305", "name": "web_search", "cache_control": {"type": "ephemeral"}})
    asked = LlmRequest("Hi", tools=[search], system="Be brief.", options=ProviderOptions(cache_retention="long"))
    mark = {"type": "ephemeral"}
    encoded = http(asked)
    assert marked(json.loads(encoded.body)) == [("web_search", mark), ("Be brief.", mark), ("Hi", mark)]
    assert len(encoded.notes) == 1


def test_what_does_not_fit_is_told() -> None:
    parts = [TextPart(name, cache_breakpoint=True) for name in "abcd"]
    fifth = LlmRequest([UserMessage(parts)], system="Be brief.")
    assert http(fifth).notes == (
        "one cache breakpoint left out: the request can hold 4 markers, and later ones count for more",
    )
    top = ProviderOptions(extra_body={"cache_control": {"type": "ephemeral"}})
    assert len(marked(json.loads(http(evolve(fifth, options=top)).body))) == 3


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_is_its_name_its_description_and_the_schema_of_an_object() -> None:
    assert body(tools=[WEATHER, ToolDefinition("now", strict=True)])["tools"] == [
        {
            "name": "get_weather",
            "description": "Tells the weather.",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
        {
            "name": "now",
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
            "strict": True,
        },
    ]


def test_strict_is_left_out_where_the_server_does_not_know_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
    tools = [ToolDefinition("f", "", schema, strict=True), ToolDefinition("g", strict=False)]
    asked = http(LlmRequest("Hi", tools=tools), server(strict_tools=False))
    assert [(tool["name"], tool.get("strict")) for tool in json.loads(asked.body)["tools"]] == [
        ("f", None),
        ("g", None),
    ]
    assert json.loads(asked.body)["tools"][0]["input_schema"] == schema
    assert asked.notes == ("the server does not hold tool 'f' to its schema",)


def test_arguments_are_streamed_as_they_are_written_where_asked_for() -> None:
    eager = AnthropicOptions(cache_retention="none", eager_input_streaming=True)
    search = ProviderTool({"type": "web_search_20250305", "name": "web_search"})
    request = LlmRequest("Hi", tools=[WEATHER, search], options=eager)
    tools = json.loads(http(request).body)["tools"]
    assert [tool.get("eager_input_streaming") for tool in tools] == [True, None]
    assert "anthropic-beta" not in dict(http(request).headers)
    older = http(request, server(eager_input_streaming=False))
    assert b"eager_input_streaming" not in older.body
    assert dict(older.headers)["anthropic-beta"] == "fine-grained-tool-streaming-2025-05-14"
    for plain in (evolve(request, tools=()), evolve(request, options=ProviderOptions())):
        asked = http(plain, server(eager_input_streaming=False))
        assert "anthropic-beta" not in dict(asked.headers)
        assert b"eager_input_streaming" not in http(plain).body


@pytest.mark.parametrize(
    ("tools", "rule"),
    [
        ([ToolDefinition("f", kind="custom")], "custom tool 'f': tools of the Messages API take JSON arguments"),
        ([ToolDefinition("f", "", {"type": "array"})], "parameters of tool 'f': the schema must be of an object"),
        ([ToolDefinition("f", "", {"anyOf": []})], "parameters of tool 'f': the schema may not begin with anyOf"),
        ([WEATHER, WEATHER], "tool 'get_weather': there are two of this name"),
        ([ToolDefinition("bash"), BASH], "tool 'bash': there are two of this name"),
        ([BASH, BASH], "tool 'bash': there are two of this name"),
    ],
)
def test_a_tool_that_the_server_would_refuse_is_refused(tools: list[Tool], rule: str) -> None:
    assert refusal(tools=tools) == rule


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("get_weather", None, {"type": "tool", "name": "get_weather"}),
        ("get_weather", False, {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}),
    ],
)
def test_the_choice_of_a_tool(choice: str | None, parallel: bool | None, wire: Any) -> None:
    options = ProviderOptions(parallel_tool_calls=parallel)
    assert body(tools=[WEATHER], tool_choice=choice, options=options).get("tool_choice") == wire


def test_a_choice_without_the_tool_is_refused() -> None:
    assert "tool_choice" not in body(tool_choice="auto")
    assert refusal(tool_choice="required") == "tool_choice 'required': the request has no tools"
    assert refusal(tools=[WEATHER], tool_choice="f") == "tool_choice 'f': no tool of the request has this name"


def test_a_request_without_tools_names_those_of_earlier_calls() -> None:
    messages: tuple[Message, ...] = (
        UserMessage("Hi"),
        AssistantMessage([ToolCallPart("a", "f"), ToolCallPart("b", "my.tool"), ToolCallPart("c", "f")]),
        *[ToolResultMessage(id, "1") for id in "abc"],
    )
    sent = body(*messages)
    named = [{"name": name, "input_schema": {"type": "object"}} for name in ("f", "my_tool")]
    assert (sent["tools"], sent["tool_choice"]) == (named, {"type": "none"})
    assert "the tools of earlier calls are named, and none may be called: the request has no tools" in notes(
        *messages, tools=()
    )
    assert body(*messages, tools=[WEATHER])["tools"][0]["name"] == "get_weather"
    assert "tools" not in body(UserMessage("Hi"))


# --- reasoning, sampling, output -------------------------------------------------------------------------------------


def thinking(reasoning: Any, **fields: Any) -> tuple[Any, Any, int]:
    options = AnthropicOptions(reasoning=reasoning, **fields.pop("knobs", {}))
    asked = body(options=options, **fields)
    return asked.get("thinking"), asked.get("output_config"), asked["max_tokens"]


def test_a_level_is_adaptive_thinking_with_an_effort() -> None:
    adaptive = {"type": "adaptive"}
    assert thinking(None) == (None, None, 32000)
    assert thinking("off") == ({"type": "disabled"}, None, 32000)
    assert thinking("minimal") == (adaptive, {"effort": "low"}, 32000)
    assert thinking("max") == (adaptive, {"effort": "max"}, 32000)
    assert thinking("high", knobs={"effort": "low"}) == (adaptive, {"effort": "low"}, 32000)
    assert notes(options=ProviderOptions(reasoning="minimal")) == (
        "reasoning minimal is sent as low, the least effort there is",
    )


def test_a_level_is_said_in_the_servers_words() -> None:
    spec = server(effort_words={"minimal": "lowest", "xhigh": "max", "off": None})
    for level, word in (("minimal", "lowest"), ("xhigh", "max"), ("high", "high")):
        assert thinking(level, model=spec)[:2] == ({"type": "adaptive"}, {"effort": word})
    assert "the model takes one of minimal, low, medium" in refusal(
        options=ProviderOptions(reasoning="off"), model=spec
    )


def test_a_number_is_a_budget_below_the_limit() -> None:
    assert thinking(4096) == ({"type": "enabled", "budget_tokens": 4096}, None, 36096)
    assert thinking(4096, max_output_tokens=5000)[2] == 5000
    assert thinking(4096, model=ModelSpec(MODEL, max_output_tokens=8000))[2] == 8000
    assert refusal(options=ProviderOptions(reasoning=1000)) == "reasoning 1000: a budget of tokens is at least 1024"
    assert refusal(options=ProviderOptions(reasoning=2000), max_output_tokens=2000) == (
        "max_output_tokens 2000: it must be above the thinking budget of 2000"
    )
    interleaved = {"betas": ("interleaved-thinking-2025-05-14",)}
    assert thinking(2000, max_output_tokens=2000, knobs=interleaved)[2] == 2000


def test_a_model_that_knows_budgets_only_gets_a_level_as_one() -> None:
    spec = ModelSpec(MODEL, compat=AnthropicCompat(adaptive_thinking=False))
    assert thinking("medium", model=spec) == ({"type": "enabled", "budget_tokens": 8192}, None, 40192)
    assert thinking("off", model=spec)[0] == {"type": "disabled"}
    assert thinking("high", model=spec, max_output_tokens=4000)[0] == {"type": "enabled", "budget_tokens": 2976}
    limited = evolve(spec, max_output_tokens=8000)
    assert thinking("high", model=limited) == ({"type": "enabled", "budget_tokens": 6976}, None, 8000)
    assert http(LlmRequest("Hi", options=ProviderOptions(reasoning="high")), limited).notes == (
        "the reasoning budget is 6976 tokens, to leave room for an answer",
    )
    for level in ("xhigh", "max"):
        assert thinking(level, model=spec) == ({"type": "enabled", "budget_tokens": 16384}, None, 48384)
        asked = LlmRequest("Hi", options=ProviderOptions(reasoning=level))
        assert http(asked, spec).notes == (f"reasoning {level} is sent as the largest budget that all models take",)


def test_thinking_is_shown_where_asked_for() -> None:
    assert thinking("low", knobs={"expose_thinking": True})[0] == {"type": "adaptive", "display": "summarized"}
    omitted = {"thinking_display": "omitted", "expose_thinking": True}
    assert thinking(2048, knobs=omitted)[0] == {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}
    assert thinking("off", knobs={"expose_thinking": True})[0] == {"type": "disabled"}
    assert notes(options=ProviderOptions(expose_thinking=True)) == (
        "how to show thinking is not said without a reasoning level or budget",
    )


@pytest.mark.parametrize("known", [Capability(default_level="high"), Capability(mandatory=True)])
def test_a_model_that_thinks_by_default_is_told_how_to_show_it(known: Capability) -> None:
    spec = ModelSpec(MODEL, capability=known)
    assert thinking(None, model=spec, knobs={"expose_thinking": True})[:2] == (
        {"type": "adaptive", "display": "summarized"},
        None,
    )
    assert thinking(None, model=spec)[0] is None
    older = evolve(spec, compat=AnthropicCompat(adaptive_thinking=False))
    assert thinking(None, model=older, knobs={"expose_thinking": True})[0] is None
    unthinking = ModelSpec(MODEL, capability=Capability(default_level="off"))
    assert thinking(None, model=unthinking, knobs={"expose_thinking": True})[0] is None


def test_newer_models_take_no_budget_and_no_high_effort_without_thinking() -> None:
    """WIRE 4b, model notes: Opus 5 and 4.7 and newer."""
    flags = AnthropicCompat(budget_thinking=False, efforts_without_thinking=("low", "medium", "high"))
    opus = ModelSpec(MODEL, flags)
    with pytest.raises(UnsupportedRequest, match="reasoning 4096: the model takes levels and no budget"):
        thinking(4096, model=opus)
    assert thinking("high", model=opus)[:2] == ({"type": "adaptive"}, {"effort": "high"})
    with pytest.raises(UnsupportedRequest, match="effort 'max': with reasoning off it is one of low, medium, high"):
        thinking("off", model=opus, knobs={"effort": "max"})
    assert thinking("off", model=opus, knobs={"effort": "high"})[:2] == ({"type": "disabled"}, {"effort": "high"})
    assert thinking("off", knobs={"effort": "max"})[1] == {"effort": "max"}


def test_a_budget_is_left_out_where_calls_made_without_thinking_are_answered() -> None:
    options = ProviderOptions(reasoning=2048)
    conversation: list[Message] = [
        UserMessage("Hi"),
        CALLS,
        ToolResultMessage("toolu_1", "1"),
        ToolResultMessage("toolu_2", "2"),
    ]
    assert "thinking" not in body(*conversation, options=options)
    assert notes(*conversation, options=options) == (
        "thinking is left out: the calls being answered were made without it, or by another model",
    )
    thought = ReasoningPart("Hm.", origin=OURS, provider_data={"type": "thinking", "signature": "sig"})
    conversation[1] = AssistantMessage([thought, *CALLS.content])
    assert body(*conversation, options=options)["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_a_forced_tool_does_not_go_with_a_budget() -> None:
    assert refusal(tools=[WEATHER], tool_choice="required", options=ProviderOptions(reasoning=2048)) == (
        "tool_choice: a forced tool does not go together with a thinking budget"
    )
    adaptive = ProviderOptions(reasoning="low")
    assert body(tools=[WEATHER], tool_choice="required", options=adaptive)["tool_choice"] == {"type": "any"}


def test_sampling_is_sent_where_the_version_has_it() -> None:
    asked = body(temperature=0.5, stop=["END", "."])
    assert (asked["temperature"], asked["stop_sequences"]) == (0.5, ["END", "."])
    gone = "temperature: the API's newer version and its newer models take no sampling parameters"
    assert refusal(temperature=1, codec=AnthropicMessages(version="2026-10-21")) == gone
    assert refusal(temperature=1, model=ModelSpec(MODEL, compat=AnthropicCompat(sampling=False))) == gone


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"temperature": 1.5}, "temperature 1.5: it must be from 0 to 1"),
        ({"top_p": -0.1}, "top_p -0.1: it must be from 0 to 1"),
        ({"seed": 1}, "seed: the Messages API has none"),
        ({"stop": " "}, "stop ' ': a stop sequence needs more than white space"),
        ({"output": JsonObject()}, "output JsonObject: the Messages API has no free JSON mode: use JsonSchema"),
    ],
)
def test_what_the_dialect_cannot_say_is_refused(fields: dict[str, Any], rule: str) -> None:
    assert refusal(**fields) == rule


def test_sampling_does_not_go_with_thinking() -> None:
    options = AnthropicOptions(reasoning="low")
    asked = body(options=options, temperature=1, top_p=0.95)
    assert (asked["temperature"], asked["top_p"]) == (1, 0.95)
    assert refusal(options=options, temperature=0.5) == "temperature: it does not go together with thinking"
    assert refusal(options=options, top_p=0.5) == "top_p: it does not go together with thinking"
    with_top_k = AnthropicOptions(reasoning="low", top_k=5)
    assert refusal(options=with_top_k) == "top_k: it does not go together with thinking"


def test_structured_output_is_a_format_and_does_not_go_with_citations() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    assert body(output=JsonSchema("n", schema))["output_config"] == {
        "format": {"type": "json_schema", "schema": schema}
    }
    cited = UserMessage([DocumentPart(text="x", citations=True)])
    assert refusal(cited, output=JsonSchema("n", schema)) == (
        "output JsonSchema: it does not go together with documents to be cited"
    )


def test_zero_tokens_only_fill_the_cache() -> None:
    assert json.loads(http(LlmRequest("Hi", max_output_tokens=0), stream=False).body)["max_tokens"] == 0
    rule = "max_output_tokens 0: no streaming, thinking, forced tool or output format go with it"
    assert refusal(max_output_tokens=0) == rule
    schema = JsonSchema("n", {"type": "object", "properties": {}})
    with pytest.raises(UnsupportedRequest, match="output format"):
        http(LlmRequest("Hi", max_output_tokens=0, output=schema), stream=False)


def test_another_dialects_options_say_what_is_common() -> None:
    from lash_proto.codecs.anthropic_messages.encode import as_anthropic

    class Other(ProviderOptions):
        __slots__ = ()
        tag = ("type", "other_options")

    assert as_anthropic(LlmRequest("Hi", options=Other(service_tier="flex"))) == AnthropicOptions(service_tier="flex")


def test_a_system_prompt_is_a_list_of_texts() -> None:
    assert body(system="Be brief.")["system"] == [{"type": "text", "text": "Be brief."}]
    assert "system" not in body(system=" ")
