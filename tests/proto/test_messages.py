"""Requests, messages and parts: what strings become, what options inherit, and forms that lose nothing."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any, ClassVar

import pytest
from attrs import frozen
from hypothesis import given

from lash_proto.messages import (
    AssistantMessage,
    AudioPart,
    CustomMessage,
    DocumentPart,
    ImagePart,
    ImageRequest,
    JsonObject,
    LlmRequest,
    OpaquePart,
    Origin,
    ProviderOptions,
    TextPart,
    ToolDefinition,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.values import UNSET, Value, from_json
from tests.strategies import ODD_MESSAGES, ODD_PARTS, OPTIONS, REQUESTS


def same_after_json(value: Value) -> None:
    form = value.to_json()
    again = from_json(json.loads(json.dumps(form)))
    assert type(again) is type(value)
    assert again == value
    assert again.to_json() == form
    assert copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value


@given(ODD_PARTS)
def test_every_part_survives_json(part: Value) -> None:
    same_after_json(part)


@given(ODD_MESSAGES)
def test_every_message_survives_json(message: Any) -> None:
    same_after_json(message)
    assert message.to_json()["role"] == message.role


@given(OPTIONS)
def test_options_survive_json_and_unset_stays_unset(options: ProviderOptions) -> None:
    same_after_json(options)


@given(REQUESTS)
def test_every_request_survives_json(request: LlmRequest) -> None:
    same_after_json(request)


def test_a_picture_request_survives_json() -> None:
    same_after_json(ImageRequest("A cat.", n=2, size="1024x1024", quality="high", format="png"))
    same_after_json(ImageRequest([TextPart("Like this:"), ImagePart(b"\x89PNG", "image/png")]))


def test_a_string_is_one_user_message_and_stays_a_string() -> None:
    request = LlmRequest("Hi", system="Be brief.", stop="END")
    assert request.messages == (UserMessage("Hi"),)
    assert request.messages[0].to_json()["content"] == "Hi"
    assert (request.system, request.stop) == ("Be brief.", ("END",))


def test_lists_become_tuples() -> None:
    request = LlmRequest(
        [UserMessage([TextPart("Hi")]), ToolResultMessage("c", [TextPart("r")])],
        system=[TextPart("Be brief.")],
        tools=[ToolDefinition("f")],
        stop=["a", "b"],
    )
    assert request.messages[0] == UserMessage((TextPart("Hi"),))
    assert (request.system, request.tools, request.stop) == (
        (TextPart("Be brief."),),
        (ToolDefinition("f"),),
        ("a", "b"),
    )
    assert LlmRequest([], stop=None).stop == ()
    assert ImageRequest([TextPart("a")]).prompt == (TextPart("a"),)


def test_an_assistants_string_becomes_a_part_and_an_empty_one_none() -> None:
    assert AssistantMessage("Hi").content == (TextPart("Hi"),)
    assert AssistantMessage("").content == ()


def test_bytes_are_not_printed() -> None:
    parts = [ImagePart(b"secret"), DocumentPart(b"secret"), AudioPart(b"secret"), ImagePart()]
    assert "secret" not in repr(parts)
    assert "<6 bytes>" in repr(parts[0])
    assert "data=None" in repr(parts[3])


def test_an_opaque_part_keeps_the_providers_word_beside_its_tag() -> None:
    part = OpaquePart("web_search_call", {"type": "web_search_call", "id": "ws_1"})
    assert part.to_json() == {
        "v": 1,
        "type": "opaque",
        "block_type": "web_search_call",
        "data": {"type": "web_search_call", "id": "ws_1"},
    }


@pytest.mark.parametrize(
    ("origin", "native"),
    [
        (Origin("openai", "openai-responses", "gpt"), True),
        (Origin(None, "openai-responses", "gpt"), True),
        (Origin("openai", "openai-responses", None), True),
        (Origin("codex", "openai-responses", "gpt"), False),
        (Origin("openai", "openai-completions", "gpt"), False),
        (Origin("openai", "openai-responses", "other"), False),
    ],
)
def test_a_part_is_native_where_it_came_from(origin: Origin, native: bool) -> None:
    assert origin.is_native("openai", "openai-responses", "gpt") is native
    assert Origin("openai", "a", "m").is_native(None, "a", "m")


@frozen(weakref_slot=False, getstate_setstate=False)
class SpecialOptions(ProviderOptions):
    """A dialect's own knobs, for a test."""

    tag: ClassVar = ("type", "special_options_of_a_test")
    extra: Any = UNSET


def test_what_options_leave_unset_comes_from_below_and_none_is_a_value() -> None:
    base = ProviderOptions(reasoning="high", idle_timeout=5.0, max_retries=1)
    mine = ProviderOptions(reasoning=None, max_retries=0)
    merged = mine.over(base)
    assert (merged.reasoning, merged.idle_timeout, merged.max_retries) == (None, 5.0, 0)
    assert merged.connect_timeout is UNSET
    assert merged.get("connect_timeout", 10.0) == 10.0
    assert merged.get("reasoning", "low") is None


def test_the_more_special_options_win() -> None:
    plain, special = ProviderOptions(max_retries=1), SpecialOptions(extra="e", max_retries=2)
    assert plain.over(special) == SpecialOptions(extra="e", max_retries=1)
    assert special.over(plain) == SpecialOptions(extra="e", max_retries=2)
    assert special.over(SpecialOptions(extra="base")) == special


def test_the_extras_of_a_call_its_client_and_its_handle_add_up() -> None:
    handle = ProviderOptions(
        extra_body={"provider": {"only": ["a"], "zdr": True}, "store": False}, extra_headers={"x-a": "1", "x-b": "1"}
    )
    call = ProviderOptions(extra_body={"provider": {"only": None}, "top": 1}, extra_headers={"x-b": None, "x-c": "2"})
    both = call.over(handle)
    assert both.extra_body == {"provider": {"only": None, "zdr": True}, "store": False, "top": 1}
    assert both.extra_headers == {"x-a": "1", "x-b": None, "x-c": "2"}
    assert ProviderOptions(extra_body=None).over(handle).extra_body is None


def test_classes_without_fields_survive_copies() -> None:
    same_after_json(JsonObject())
    same_after_json(CustomMessage("note", {"any": ["thing"]}))


@pytest.mark.parametrize(
    ("class_", "said", "complaint"),
    [
        (LlmRequest, {"messages": [{"role": "user"}]}, "messages holds a dict, which is none of UserMessage, Assist"),
        (LlmRequest, {"messages": "Hi", "tools": [{"name": "f"}]}, "tools holds a dict, which is none of ToolDefinit"),
        (LlmRequest, {"messages": "Hi", "system": ["a"]}, "system holds a str, which is none of TextPart"),
        (UserMessage, {"content": ["a"]}, "content holds a str, which is none of TextPart"),
        (AssistantMessage, {"content": [UserMessage("a")]}, "content holds a UserMessage, which is none of TextPart"),
        (ImageRequest, {"prompt": [DocumentPart(text="a")]}, "prompt holds a DocumentPart, which is none of TextPart"),
    ],
)
def test_what_no_encoder_would_see_is_refused_where_it_is_said(class_: Any, said: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        class_(**said)


def test_options_over_others_of_which_one_sets_nothing_are_the_other() -> None:
    some, none = ProviderOptions(max_retries=1), ProviderOptions()
    assert some.over(none) is some
    assert none.over(some) is some
