"""What every encoder does the same: the edges of a body, and refusals that name part and rule."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs._encoder import (
    answer_calls,
    arguments_text,
    check_name,
    check_request,
    data_url,
    encode_base64,
    http_request,
    media_type_of,
)
from lash_proto.compat import AnthropicCompat, ChatCompat, Compat, ResponsesCompat
from lash_proto.errors import UnsupportedRequest
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    DocumentPart,
    ImagePart,
    ImageRequest,
    LlmRequest,
    Message,
    ProviderOptions,
    ProviderTool,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.values import Secret

CHAT_APIS = [api for api in CODECS if not api.endswith("images")]


def test_a_request_is_a_post_of_compact_json() -> None:
    http = http_request(
        "/chat", {"b": 1, "a": "ü"}, ProviderOptions(), stream=True, headers=[("x-a", "1")], notes=["n"]
    )
    assert (http.method, http.path, http.body, http.notes) == ("POST", "/chat", '{"b":1,"a":"ü"}'.encode(), ("n",))
    assert dict(http.headers) == {"content-type": "application/json", "accept": "text/event-stream", "x-a": "1"}
    whole = http_request("/chat", {}, ProviderOptions(), stream=False)
    assert dict(whole.headers)["accept"] == "application/json"


def test_the_callers_extras_are_merged_in_last_and_none_removes() -> None:
    options = ProviderOptions(
        extra_body={"a": None, "gone": None, "b": {"c": 1}}, extra_headers={"Accept": "x/y", "X-A": None}
    )
    http = http_request("/", {"a": 1, "b": 2, "z": 3}, options, stream=True, headers=[("x-a", "1")])
    assert json.loads(http.body) == {"b": {"c": 1}, "z": 3}
    assert dict(http.headers) == {"content-type": "application/json", "accept": "x/y"}


def test_a_secret_among_the_extra_headers_is_left_to_the_exchange() -> None:
    options = ProviderOptions(extra_headers={"x-key": Secret("s")})
    assert "x-key" not in dict(http_request("/", {}, options, stream=True).headers)


@pytest.mark.parametrize("api", ["openai-completions", "openai-responses"])
@pytest.mark.parametrize(("id", "sent"), [("r 1", False), ("é", False), ("r" * 513, False), ("r" * 512, True)])
def test_a_request_id_that_no_header_can_hold_is_noted(api: str, id: str, sent: bool) -> None:
    http = CODECS[api].encode(LlmRequest("Hi", request_id=id), "m")
    assert dict(http.headers).get("x-client-request-id") == (id if sent else None)
    assert http.notes == (() if sent else ("request_id was not sent: 1 to 512 visible ASCII characters",))


@pytest.mark.parametrize(
    ("api", "compat"),
    [
        ("openai-completions", ChatCompat(session_headers=("x-session-id", "x-session-affinity"))),
        ("openai-responses", ResponsesCompat(session_headers=("x-session-id", "x-session-affinity"))),
        ("anthropic-messages", AnthropicCompat(session_headers=("x-session-id", "x-session-affinity"))),
    ],
)
def test_a_session_is_named_in_headers_as_long_as_something_is_cached(api: str, compat: Compat) -> None:
    def named(id: str, **options: Any) -> list[str]:
        request = LlmRequest("Hi", session_id=id, options=ProviderOptions(**options))
        http = CODECS[api].encode(request, ModelSpec("m", compat))
        return [value for name, value in http.headers if name in ("x-session-id", "x-session-affinity")]

    assert named("s1") == ["s1", "s1"]
    # printf %s "séance" | sha256sum
    assert named("séance") == ["3795e14e1453e36a840eab867f23eae32578c036fb8f5c5239369b8994369829"] * 2
    assert named("s1", cache_retention="none") == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}, Secret("s")])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(UnsupportedRequest, match="request: it holds a value that JSON cannot say") as caught:
        http_request("/", {"a": value}, ProviderOptions(), stream=True)
    assert caught.value.part == "request"


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (LlmRequest("Hi", options=ProviderOptions(extra_body={"n": 2})), "extra_body.n"),
        (LlmRequest("Hi", options=ProviderOptions(reasoning=cast("Any", "hgih"))), "reasoning 'hgih'"),
        (LlmRequest("Hi", options=ProviderOptions(cache_retention=cast("Any", "ever"))), "cache_retention 'ever'"),
        (LlmRequest("Hi", max_output_tokens=-1), "max_output_tokens -1"),
        (LlmRequest("Hi", stop=["END", ""]), "stop ''"),
        (LlmRequest("Hi", metadata=cast("Any", {"user_id": 5})), "metadata 'user_id'"),
        (LlmRequest("Hi", metadata=cast("Any", {5: "five"})), "metadata 5"),
        (LlmRequest("Hi", tools=[ToolDefinition("a"), ToolDefinition("a")]), "tool 'a'"),
    ],
)
@pytest.mark.parametrize("api", CHAT_APIS)
def test_no_dialect_can_say_this(api: str, request_: LlmRequest, part: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        CODECS[api].encode(request_, "m")
    assert caught.value.part == part


@pytest.mark.parametrize("api", list(CODECS))
@pytest.mark.parametrize("model", ["", " \t"])
def test_a_model_needs_a_name(api: str, model: str) -> None:
    request: Any = ImageRequest("A cat.") if api.endswith("images") else LlmRequest("Hi")
    with pytest.raises(UnsupportedRequest, match="it names no model"):
        CODECS[api].encode(request, model)


@pytest.mark.parametrize("api", [api for api in CHAT_APIS if api != "anthropic-messages"])
def test_only_anthropic_fills_its_cache_without_an_answer(api: str) -> None:
    with pytest.raises(UnsupportedRequest, match="max_output_tokens 0: it is at least 1"):
        CODECS[api].encode(LlmRequest("Hi", max_output_tokens=0), "m")


def test_a_request_with_nothing_odd_is_fine() -> None:
    tools = (ToolDefinition("a"), ToolDefinition("b"), ProviderTool({"type": "web_search"}))
    options = ProviderOptions(extra_body={"n": None}, reasoning=None, cache_retention="long")
    check_request(LlmRequest("Hi", tools=tools, options=options))


@pytest.mark.parametrize("nested", [True, False])
def test_a_grammar_is_sent_in_the_form_of_the_dialect_whichever_it_was_given_in(nested: bool) -> None:
    """Nested in Chat, flat in Responses (WIRE 1b, 2b)."""
    grammar = {"syntax": "lark", "definition": "start: WORD"}
    format = {"type": "grammar", "grammar": grammar} if nested else {"type": "grammar", **grammar}
    request = LlmRequest("Hi", tools=[ToolDefinition("say", kind="custom", format=format)])
    chat, responses = (
        json.loads(CODECS[f"openai-{name}"].encode(request, "m").body) for name in ("completions", "responses")
    )
    assert chat["tools"][0]["custom"]["format"] == {"type": "grammar", "grammar": grammar}
    assert responses["tools"][0]["format"] == {"type": "grammar", **grammar}


@pytest.mark.parametrize("api", [api for api in CODECS if api.endswith("images")])
@pytest.mark.parametrize("prompt", ["A cat.", [TextPart("A cat."), ImagePart(b"png", "image/png")]])
def test_what_means_nothing_to_pictures_is_noted(api: str, prompt: Any) -> None:
    options = ProviderOptions(reasoning="high", expose_thinking=True, service_tier="flex", cache_retention="long")
    codec: Any = CODECS[api]
    http = codec.encode(ImageRequest(prompt, options=options), "m")
    assert http.notes == tuple(
        f"{name} is left out: it means nothing to a call for pictures"
        for name in ("reasoning", "expose_thinking", "service_tier", "cache_retention")
    )
    plain = ProviderOptions(reasoning=None, expose_thinking=False, cache_retention="none")
    assert codec.encode(ImageRequest(prompt, options=plain), "m") == codec.encode(ImageRequest(prompt), "m")


def test_a_name_is_checked_against_the_providers_rule() -> None:
    pattern = re.compile("[a-z]+")
    assert check_name("grep", pattern, "letters") == "grep"
    for name in ("", "gr ep", "grep\n", "GREP"):
        with pytest.raises(UnsupportedRequest, match="tool name .*: letters"):
            check_name(name, pattern, "letters")
    with pytest.raises(UnsupportedRequest, match="schema name 'X'"):
        check_name("X", pattern, "letters", "schema name")


def test_bytes_go_out_as_base64() -> None:
    assert encode_base64(b"\x00\xff" * 60).count("\n") == 0
    assert data_url("image/png", b"\x00\xff") == "data:image/png;base64,AP8="


def test_a_media_type_must_be_one_the_dialect_takes() -> None:
    allowed = frozenset({"image/png", "image/gif"})
    assert media_type_of(ImagePart(b"x", "IMAGE/PNG; q=1"), allowed, "image") == "image/png"
    with pytest.raises(UnsupportedRequest, match="image of type image/bmp: the dialect takes image/gif, image/png"):
        media_type_of(ImagePart(b"x", "image/bmp"), allowed, "image")
    with pytest.raises(UnsupportedRequest, match="document: bytes need a media_type"):
        media_type_of(DocumentPart(b"x"), allowed, "document")


def test_arguments_go_back_to_the_letter_where_the_letter_is_known() -> None:
    assert arguments_text(ToolCallPart("c", "f", {"a": 1}, '{ "a": 1 }')) == '{ "a": 1 }'
    assert arguments_text(ToolCallPart("c", "f", {"a": 1})) == '{"a":1}'
    assert arguments_text(ToolCallPart("c", "f")) == "{}"


# --- calls that nobody answered --------------------------------------------------------------------------------------

HI = UserMessage("Hi")
GO_ON = UserMessage("Go on.")
SAID = AssistantMessage("Well.")
MARK = CustomMessage("mark")


def calls(*ids: str) -> AssistantMessage:
    return AssistantMessage([ToolCallPart(id, "f") for id in ids])


def result(id: str) -> ToolResultMessage:
    return ToolResultMessage(id, "1")


def nothing(id: str) -> ToolResultMessage:
    return ToolResultMessage(id, "No result provided", "f", is_error=True)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([HI, calls("a"), GO_ON], [HI, calls("a"), nothing("a"), GO_ON]),
        ([HI, calls("a"), SAID], [HI, calls("a"), nothing("a"), SAID]),
        ([calls("a", "b", "c"), result("b"), GO_ON], [calls("a", "b", "c"), result("b"), *map(nothing, "ac"), GO_ON]),
        ([calls("a"), MARK, GO_ON, SAID], [calls("a"), MARK, nothing("a"), GO_ON, SAID]),
        # A server that begins to count anew: the result is the second call's.
        ([calls("a"), GO_ON, calls("a"), result("a")], [calls("a"), nothing("a"), GO_ON, calls("a"), result("a")]),
    ],
)
def test_a_call_that_nobody_answered_is_answered_before_somebody_speaks(
    given: list[Message], sent: list[Message]
) -> None:
    notes: list[str] = []
    assert answer_calls(tuple(given), notes) == tuple(sent)
    assert notes == ["calls that nobody answered got the result 'No result provided'"]
    assert answer_calls(tuple(sent), notes) == tuple(sent)


@pytest.mark.parametrize(
    "messages",
    [
        (HI, SAID, GO_ON),
        (HI, calls("a", "b"), result("b"), result("a"), GO_ON),
        (HI, calls("a", "b"), result("b")),  # the other one may still come
        (HI, calls("a"), MARK),
        (calls("a"), GO_ON, result("a")),  # late, but there
        (result("a"), HI),
    ],
)
def test_a_conversation_without_such_a_call_stays_the_one_it_was(messages: tuple[Message, ...]) -> None:
    notes: list[str] = []
    assert answer_calls(messages, notes) is messages
    assert notes == []


@pytest.mark.parametrize("api", CHAT_APIS)
def test_every_dialect_answers_what_nobody_answered(api: str) -> None:
    http = CODECS[api].encode(LlmRequest([HI, calls("a"), GO_ON]), "m")
    assert http.body.count(b"No result provided") == 1
    assert "calls that nobody answered got the result 'No result provided'" in http.notes
