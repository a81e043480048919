"""What the model is told of a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.failures import Failure
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    ImagePart,
    Message,
    TextPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.replies import LlmResponse
from lash_proto.turn import without_failed
from lash_proto.turn.context import BadAnswer, Told, check_continuable, is_too_long, messages_in
from lash_proto.usage import LlmUsage
from tests.proto.turn.play import HANDLE, call, says

ASKED, NOTE = UserMessage("a"), CustomMessage("note")
FAILED = AssistantMessage((TextPart("b"), call("c1")), "error", error=Failure("server", "no"))
RESULT = ToolResultMessage("c1", "x", "look")


def test_what_can_be_gone_on_from() -> None:
    fine: list[list[Message]] = [[ASKED], [ASKED, says(call("c1")).message, RESULT], [ASKED, NOTE], [ASKED, FAILED]]
    for last in fine:
        check_continuable(last)
    nothing: list[list[Message]] = [[], [NOTE], [FAILED]]
    for messages in nothing:
        with pytest.raises(ValueError, match="there is no message to go on from"):
            check_continuable(messages)
    with pytest.raises(ValueError, match="the last message is the model's own"):
        check_continuable([ASKED, says("b").message, NOTE])


def test_failed_turns_and_the_apps_own_entries_are_left_out() -> None:
    aborted = AssistantMessage("b", "aborted")
    odd = AssistantMessage("b", "stop", error=Failure("server", "no"))
    fine = says(call("c1")).message
    said: list[Message] = [ASKED, NOTE, FAILED, RESULT, ASKED, aborted, odd, fine, RESULT]
    assert without_failed(said) == [ASKED, ASKED, fine, RESULT]


def test_the_hosts_own_entry_can_be_gone_on_from_where_the_host_converts_it() -> None:
    check_continuable([ASKED, says("b").message, NOTE], converted=True)
    nothing: list[list[Message]] = [[], [ASKED, says("b").message]]
    for messages in nothing:
        with pytest.raises(ValueError, match="prompt"):
            check_continuable(messages, converted=True)


def test_what_a_model_cannot_be_told_is_in_the_report() -> None:
    blind = HANDLE.model("m-1", inputs=("text",))
    told = Told.to(HANDLE, blind)
    omitted = TextPart("(image omitted: model does not support images)")
    seen = UserMessage((omitted, TextPart("What?")))
    assert told.upto([UserMessage((ImagePart(b"x", "image/png"), TextPart("What?")))]) == (seen,)
    assert told.losses == ("message 0: no image, for the model takes no image",)


def test_a_conversation_that_grows_is_fitted_where_it_has_grown() -> None:
    messages: list[Message] = [ASKED, FAILED]
    told = Told.to(HANDLE, HANDLE.model("m-1"))
    assert told.upto(messages) == (ASKED,)
    messages += [RESULT, NOTE, ASKED]
    assert told.upto(messages) == (ASKED, ASKED) == tuple(without_failed(messages))
    assert told.upto(messages) == (ASKED, ASKED)


def test_what_is_told_is_for_one_provider_and_model() -> None:
    model = HANDLE.model("m-1")
    told = Told.to(HANDLE, model)
    assert told.is_for(HANDLE.with_key("another"), model)
    assert not told.is_for(HANDLE, HANDLE.model("m-2"))


@pytest.mark.parametrize(
    ("response", "long"),
    [
        (LlmResponse((), "error", error=Failure("context_overflow", "x")), True),
        (LlmResponse((), "error", error=Failure("server", "x")), False),
        (LlmResponse((), "length", usage=LlmUsage(100)), True),
        (LlmResponse((TextPart("x"),), "length", usage=LlmUsage(100)), False),
        (LlmResponse((), "stop", usage=LlmUsage(1_000)), False),
    ],
)
def test_when_a_conversation_is_too_long(response: LlmResponse, long: bool) -> None:
    assert is_too_long(response, HANDLE.model("m-1", context_window=100)) is long


@pytest.mark.parametrize(("value", "named"), [(5, "a int, and not messages"), ("x", "a str"), ([5], "a int among")])
def test_what_a_hook_gives_are_messages(value: Any, named: str) -> None:
    assert messages_in("it", iter([ASKED, NOTE])) == (ASKED, NOTE)
    with pytest.raises(BadAnswer, match=f"it gave {named}"):
        messages_in("it", value)
