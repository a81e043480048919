"""What stands in the place of a part that a model cannot be given, in a plain request to every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codecs import CODECS
from lash_proto.codecs._encoder import fit_request
from lash_proto.compat import ChatCompat
from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    LlmRequest,
    Message,
    Origin,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.placeholders import IMAGE_OMITTED, TOOL_IMAGE_OMITTED, put_placeholder, without_media

CHAT_APIS = [api for api in CODECS if not api.endswith("images")]
PICTURE = ImagePart(b"x", "image/png")
MARKED = ImagePart(b"y", "image/png", cache_breakpoint=True)
PAGE = DocumentPart(b"%PDF-", "application/pdf", name="a.pdf")
SOUND = AudioPart(b"x", "audio/wav")
CALL = AssistantMessage([ToolCallPart("call_1", "look")])
BLIND = ModelSpec("m", inputs=("text",))


def told(*parts: Any) -> list[Part]:
    """What stands in the place of these parts."""
    made: list[Part] = []
    for part in parts:
        put_placeholder(made, part, IMAGE_OMITTED)
    return made


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (PICTURE, "(image omitted: model does not support images)"),
        (PAGE, "(document 'a.pdf' omitted)"),
        (DocumentPart(url="https://x", context="Our terms."), "Our terms.\n\n(document omitted)"),
        (DocumentPart(text="A page.", name="a.txt"), "A page."),
        (DocumentPart(text="A page.", context="From the web."), "From the web.\n\nA page."),
        (DocumentPart("\ufeffa,b".encode(), "text/csv"), "a,b"),
        (DocumentPart(b"a,b", "Text/Plain; charset=utf-8"), "a,b"),
        (DocumentPart(b"\xff", "text/csv"), "(document omitted)"),
        (DocumentPart(b"", text="A page."), "A page."),
        (SOUND, "(audio omitted)"),
        (AudioPart(b"x", "audio/wav", "Hello."), "Hello."),
    ],
)
def test_a_part_is_told_in_its_own_words_where_it_has_some(part: Any, text: str) -> None:
    assert told(part) == [TextPart(text)]


def test_a_run_of_pictures_has_one_line_and_keeps_its_breakpoint() -> None:
    line = TextPart(IMAGE_OMITTED)
    assert told(PICTURE, PICTURE, PAGE, PICTURE) == [line, *told(PAGE), line]
    assert told(PICTURE, MARKED) == told(MARKED, PICTURE) == [TextPart(IMAGE_OMITTED, True)]
    assert told(PAGE, PAGE) == [*told(PAGE), *told(PAGE)]
    assert told(DocumentPart(text="A page.", cache_breakpoint=True)) == [TextPart("A page.", True)]


def test_only_messages_with_such_parts_are_touched() -> None:
    page = UserMessage([PAGE])
    messages: list[Message] = [UserMessage("Hi"), CustomMessage("mine"), page, CALL, UserMessage([PICTURE, PAGE])]
    made, kinds = without_media(messages, frozenset({"image", "audio"}))
    assert made[-1] == UserMessage([TextPart(IMAGE_OMITTED), PAGE])
    assert [a is b for a, b in zip(made, messages, strict=True)] == [True, True, True, True, False]
    assert kinds == ("image",)


# --- in a plain request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", CHAT_APIS)
def test_a_model_that_is_known_not_to_see_is_told_that_there_was_a_picture(api: str) -> None:
    codec = CODECS[api]
    drawn = ImagePart(b"z", "image/png", origin=Origin(None, api, "m"))
    shown = LlmRequest(
        [
            UserMessage([TextPart("Look:"), PICTURE, PICTURE]),
            AssistantMessage([TextPart("Like this?"), drawn, ToolCallPart("call_1", "look")]),
            ToolResultMessage("call_1", [PICTURE], "look"),
        ]
    )
    said = LlmRequest(
        [
            UserMessage([TextPart("Look:"), TextPart("(image omitted: model does not support images)")]),
            AssistantMessage(
                [
                    TextPart("Like this?"),
                    TextPart("(image omitted: model does not support images)"),
                    ToolCallPart("call_1", "look"),
                ]
            ),
            ToolResultMessage("call_1", [TextPart("(tool image omitted: model does not support images)")], "look"),
        ]
    )
    http = codec.encode(shown, BLIND)
    assert http.body == codec.encode(said, "m").body
    assert "4 image parts became text: the model is not given pictures" in http.notes
    for seeing in ("m", ModelSpec("m", inputs=("text", "image"))):
        assert b"omitted" not in codec.encode(LlmRequest(shown.messages[:1]), seeing).body


@pytest.mark.parametrize("api", CHAT_APIS)
def test_so_with_documents_and_sound(api: str) -> None:
    shown = LlmRequest([UserMessage([TextPart("Read and listen:"), PAGE, SOUND])])
    said = LlmRequest([UserMessage([TextPart("Read and listen:"), *told(PAGE), *told(SOUND)])])
    http = CODECS[api].encode(shown, BLIND)
    assert http.body == CODECS[api].encode(said, "m").body
    assert http.notes == (
        "one audio part became text: the model is not given sound",
        "one document part became text: the model is not given documents",
    )
    deaf = CODECS[api].encode(shown, ModelSpec("m", inputs=("text", "document")))
    assert deaf.notes[0] == "one audio part became text: the model is not given sound"
    assert b"pdf;base64" in deaf.body or b"application/pdf" in deaf.body


def test_a_request_without_such_parts_goes_through_as_it_is() -> None:
    request = LlmRequest([UserMessage("Hi"), CALL, ToolResultMessage("call_1", [TextPart("ok")])])
    notes: list[str] = []
    assert fit_request(request, BLIND, notes) is request
    assert notes == []


def test_the_breakpoint_of_a_picture_goes_on_to_its_placeholder() -> None:
    request = LlmRequest([UserMessage([PICTURE, MARKED, TextPart("What is it?")])])
    line = {"type": "text", "text": IMAGE_OMITTED}
    asked = {"type": "text", "text": "What is it?"}
    body = json.loads(CODECS["anthropic-messages"].encode(request, BLIND).body)
    assert body["messages"][0]["content"] == [{**line, "cache_control": {"type": "ephemeral"}}, asked]
    spec = ModelSpec("m", compat=ChatCompat(cache_marks="openai"), inputs=("text",))
    body = json.loads(CODECS["openai-completions"].encode(request, spec).body)
    assert body["messages"][0]["content"] == [{**line, "prompt_cache_breakpoint": {"mode": "explicit"}}, asked]


def test_appending_leaves_the_placeholders_before_as_they_were() -> None:
    turn = (UserMessage([PICTURE, MARKED]), CALL, ToolResultMessage("call_1", [PICTURE, PAGE]))
    made, _ = without_media([*turn, *turn], frozenset({"image"}))
    assert made[:3] == without_media(turn, frozenset({"image"}))[0] == made[3:]
    assert made[2] == ToolResultMessage("call_1", [TextPart(TOOL_IMAGE_OMITTED), PAGE])
