"""No string reaches a body or a header with half a surrogate pair in it: Python can hold one, servers cannot."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs._encoder import arguments_text
from lash_proto.errors import UnsupportedRequest
from lash_proto.failures import LocalProtocolError
from lash_proto.http import HttpRequest
from lash_proto.messages import (
    AssistantMessage,
    DocumentPart,
    ImagePart,
    ImageRequest,
    JsonSchema,
    LlmRequest,
    OpaquePart,
    Origin,
    Part,
    ProviderOptions,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.values import from_json

CHAT_APIS = [api for api in CODECS if not api.endswith("images")]
LONE, PAIR = "\ud83d", "\ud83d\ude00"
SCHEMA = {"type": "object", "properties": {"q": {"type": "string", "description": "Which"}}, "required": ["q"]}


def everything(api: str) -> LlmRequest:
    """A request with a string in every place that has one."""
    here = Origin(None, api, "m")
    data = {"signature": "QUJD", "field": "reasoning_content", "encrypted_content": "e", "id": "rs_1"}
    said: list[Part] = [
        ReasoningPart("hm", here, data),
        TextPart("Here.", origin=here, citations=({"type": "x", "cited_text": "c"},)),
        RefusalPart("No.", here),
        OpaquePart("odd", {"a": "b"}, here),
        ToolCallPart("call_1", "look", {"q": "x"}, '{"q": "x"}', origin=here),
        ToolCallPart("call_2", "look", {"q": "y"}),
    ]
    pages: list[Part] = [
        DocumentPart(text="A page.", name="a.txt", context="From the web."),
        DocumentPart(b"%PDF", "application/pdf", name="a.pdf"),
    ]
    return LlmRequest(
        [
            UserMessage("Hi"),
            UserMessage([TextPart("Look:", True), *pages]),
            AssistantMessage(said),
            ToolResultMessage("call_1", [TextPart("1")], "look"),
            ToolResultMessage("call_2", "2", "look", is_error=True),
            UserMessage("Go on."),
        ],
        system=[TextPart("Be brief.")],
        tools=[ToolDefinition("look", "Looks.", SCHEMA)],
        output=JsonSchema("answer", SCHEMA, strict=False),
        stop=() if api == "openai-responses" else ("END",),
        session_id="s",
        request_id="r",
        metadata={"user_id": "u"},
        options=ProviderOptions(service_tier="flex", extra_body={"x": {"y": "z"}}, extra_headers={"x-a": "b"}),
    )


def each_spoiled(form: Any, spoil: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    """The form once for each of its strings with that one spoiled, and where it stands."""
    text = json.dumps(form)
    places: list[tuple[Any, ...]] = []

    def walk(value: Any, at: tuple[Any, ...]) -> None:
        if isinstance(value, str) and at[-1] not in ("type", "role", "kind", "data"):
            places.append(at)
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value if type(value) is list else ()):
            walk(inner, (*at, key))

    walk(form, ())
    for place in places:
        copied = inner = json.loads(text)
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = spoil(inner[place[-1]])
        yield str(place), copied


def check(codec: Any, request: Any) -> None:
    for tail, refused in ((LONE, r"(?<!\\)\\u[dD][89a-fA-F]"), (PAIR, "\ufffd")):
        for where, form in each_spoiled(request.to_json(), lambda text, tail=tail: text + tail + "."):  # type: ignore[misc]
            try:
                http: HttpRequest = codec.encode(from_json(form), "m")
            except (UnsupportedRequest, LocalProtocolError):  # a name against the rule, a header of the caller's
                continue
            assert not re.search(refused, http.body.decode()), where
            assert all(value.isascii() for _, value in http.headers), where


@pytest.mark.parametrize("api", CHAT_APIS)
def test_halves_go_out_as_one_or_as_the_replacement_character(api: str) -> None:
    check(CODECS[api], everything(api))


@pytest.mark.parametrize("api", ["openai-images", "openrouter-images"])
def test_so_do_those_of_a_prompt_for_pictures(api: str) -> None:
    picture = ImagePart(b"x", "image/png")
    options = ProviderOptions(extra_body={"a": "b"}, extra_headers={"x-a": "b"})
    check(CODECS[api], ImageRequest("An otter", quality="low", options=options))
    check(CODECS[api], ImageRequest([TextPart("An otter"), picture], quality="low", options=options))


@pytest.mark.parametrize(
    ("api", "kind"), [("openai-responses", "data:text/plain;base64,"), ("google-generative-ai", "")]
)
def test_a_document_of_text_is_cleaned_before_it_becomes_a_file(api: str, kind: str) -> None:
    request = LlmRequest([UserMessage([DocumentPart(text=f"a{LONE}b{PAIR}")])])
    sent = kind.encode() + base64.b64encode("a\ufffdb\U0001f600".encode())
    assert sent in CODECS[api].encode(request, "m").body


def test_a_form_is_cleaned() -> None:
    request = ImageRequest(
        [TextPart(f"An otter{LONE}"), ImagePart(b"x", "image/png")], options=ProviderOptions(extra_body={LONE: PAIR})
    )
    body = CODECS["openai-images"].encode(request, "m").body  # type: ignore[arg-type]
    assert b'name="prompt"\r\n\r\nAn otter\xef\xbf\xbd\r\n' in body
    assert b'name="\xef\xbf\xbd"\r\n\r\n\xf0\x9f\x98\x80\r\n' in body


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        (r'{"a": "\ud83d\ude00", "b": "\u00fc"}', r'{"a": "\ud83d\ude00", "b": "\u00fc"}'),
        (r'{"a": "\ud83d", "b": "\uDE00\ud83d"}', r'{"a": "\ufffd", "b": "\ufffd\ufffd"}'),
        (r'{"a": "\\ud83d", "b": "\\\ud83d"}', r'{"a": "\\ud83d", "b": "\\\ufffd"}'),
        ('{"a": "\ud83d\ude00"}', '{"a": "\ud83d\ude00"}'),  # the body's own cleaning joins these
    ],
)
def test_arguments_go_back_to_the_letter_but_for_halves_in_escapes(raw: str, sent: str) -> None:
    assert arguments_text(ToolCallPart("c", "f", {}, raw)) == sent
