"""The form of the last answer: what is asked for again, what is read, and what has failed."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.failures import Failure
from lash_proto.messages import AssistantMessage, UserMessage
from lash_proto.turn.form import Form
from lash_proto.turn.progress import Progress

COUNTS = Form(dict[str, int])


def said(text: str, stop: Any = "stop", **more: Any) -> Progress:
    return Progress(message=AssistantMessage(text, stop), **more)


def test_any_form_will_do_where_none_is_wanted() -> None:
    run = said("Words.", reason="done")
    assert (Form().mend(run), Form().read(run), run) == ([], None, said("Words.", reason="done"))


def test_an_answer_in_the_form_is_read() -> None:
    run = said('{"n": 1}', reason="done")
    assert (COUNTS.mend(run), run.mends) == ([], 0)
    assert COUNTS.read(run) == {"n": 1}


def test_one_that_is_not_is_asked_for_twice_more() -> None:
    run = said("Words.")
    for mends in (1, 2):
        (told,) = COUNTS.mend(run)
        assert isinstance(told, UserMessage)
        assert str(told.content).startswith("That answer is not in the form asked for: ")
        assert run.mends == mends
    assert (COUNTS.mend(run), run.mends) == ([], 2)


@pytest.mark.parametrize("stop", ["length", "refusal", "content_filter", "tool_use", "pause"])
def test_only_a_last_word_is_held_to_it(stop: str) -> None:
    assert COUNTS.mend(said("Words.", stop)) == []


def test_a_run_that_would_be_done_without_it_has_failed() -> None:
    run = said("Words.", reason="done")
    assert COUNTS.read(run) is None
    assert run.reason == "error"
    assert run.error is not None
    assert run.error.kind == "other"


def test_one_that_ended_otherwise_keeps_its_reason() -> None:
    run = said("Words.", reason="max_turns")
    assert (COUNTS.read(run), run.reason, run.error) == (None, "max_turns", None)
    failed = said('{"n": 1}', reason="error", error=Failure("server", "Oops."))
    assert COUNTS.read(failed) is None
    assert COUNTS.read(Progress(reason="aborted")) is None
