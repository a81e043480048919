"""What every encoder does the same: the edges of a body, and refusals that name part and rule."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs._encoder import (
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
    DocumentPart,
    ImagePart,
    LlmRequest,
    ProviderOptions,
    ProviderTool,
    ToolCallPart,
    ToolDefinition,
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
        (LlmRequest("Hi", tools=[ToolDefinition("a"), ToolDefinition("a")]), "tool 'a'"),
    ],
)
@pytest.mark.parametrize("api", CHAT_APIS)
def test_no_dialect_can_say_this(api: str, request_: LlmRequest, part: str) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        CODECS[api].encode(request_, "m")
    assert caught.value.part == part


def test_a_request_with_nothing_odd_is_fine() -> None:
    tools = (ToolDefinition("a"), ToolDefinition("b"), ProviderTool({"type": "web_search"}))
    options = ProviderOptions(extra_body={"n": None}, reasoning=None, cache_retention="long")
    check_request(LlmRequest("Hi", tools=tools, options=options))


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
