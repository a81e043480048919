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


def test_what_a_model_cannot_be_told_is_in_the_report() -> None:
    blind = HANDLE.model("m-1", inputs=("text",))
    told = Told.to(HANDLE, blind)
    messages = told.upto([UserMessage((ImagePart(b"x", "image/png"), TextPart("What?")))])
    omitted = TextPart("(image omitted: model does not support images)")
    assert messages == (UserMessage((omitted, TextPart("What?"))),)
    assert told.losses == ("message 0: no image, for the model takes no image",)


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
