"""What waits to be said: who may put it there, and how much of it is taken at a time."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.messages import AssistantMessage, CustomMessage, UserMessage
from lash_proto.turn import Queues
from lash_proto.turn.queues import message_of

A, B, C = UserMessage("a"), UserMessage("b"), CustomMessage("c")


@pytest.mark.parametrize(("mode", "first"), [("one_at_a_time", [A]), ("all", [A, B])])
def test_how_many_one_look_takes(mode: Any, first: list[Any]) -> None:
    queues = Queues([A, B], [A, B], mode, mode)
    assert (queues.take_steering(), queues.take_follow_ups()) == (first, first)
    assert bool(queues) is (mode == "one_at_a_time")


def test_they_are_filled_and_emptied() -> None:
    queues = Queues()
    assert not queues
    assert queues.take_steering() == []
    queues.steer("a")
    queues.follow_up(C)
    assert (list(queues.steering), list(queues.follow_ups)) == ([A], [C])
    handed = queues.handed_over()
    assert not queues
    assert (list(handed.steering), list(handed.follow_ups)) == ([A], [C])
    handed.clear()
    assert not handed


def test_what_can_be_said() -> None:
    assert (message_of("a"), message_of(C)) == (A, C)
    with pytest.raises(TypeError, match="a AssistantMessage is no message to send now"):
        message_of(AssistantMessage("x"))
    with pytest.raises(TypeError, match="a int is no message at all"):
        message_of(5)  # type: ignore[arg-type]


def test_modes_are_two() -> None:
    with pytest.raises(ValueError, match="'some' is no mode of a queue; there are: one_at_a_time, all"):
        Queues(steering_mode="some")  # type: ignore[arg-type]
