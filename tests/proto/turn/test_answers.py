"""Which question an answer is to."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.messages import ToolCallPart
from lash_proto.turn.answers import answers_to
from lash_proto.turn.hooks import APPROVE, SHOULD_STOP, Block, Later
from lash_proto.turn.state import Waiting

ASKED = (Waiting(4, SHOULD_STOP), Waiting(7, APPROVE, ToolCallPart("call_1", "look", {}), {}))


@pytest.mark.parametrize("key", [7, "7", "call_1"])
def test_it_goes_by_the_question_or_the_call(key: Any) -> None:
    assert answers_to(ASKED, {key: True}) == {7: True}


def test_not_all_need_be_there() -> None:
    assert answers_to(ASKED, {}) == {}
    assert answers_to(ASKED, {4: False, 7: "no"}) == {4: False, 7: "no"}


@pytest.mark.parametrize("key", [5, "look", "", None])
def test_one_to_nothing_that_was_asked_is_a_mistake(key: Any) -> None:
    with pytest.raises(ValueError, match=rf"the answer {key!r} is to nothing that this run asked: \[4, 7\]"):
        answers_to(ASKED, {key: True})


def test_an_approval_is_one_of_few() -> None:
    able: list[Any] = [True, False, "not now", Block("no"), Later, Later()]
    for answer in able:
        assert answers_to(ASKED, {7: answer}) == {7: answer}
    unable: list[Any] = [None, 1, {"approve": True}]
    for answer in unable:
        with pytest.raises(ValueError, match="is no answer to approve"):
            answers_to(ASKED, {7: answer})
    assert answers_to(ASKED, {4: 1}) == {4: 1}  # any other is judged where it is taken
