"""One save at a time, and a step when all is kept."""

from __future__ import annotations

from lash_proto.machine import Ids
from lash_proto.turn.saving import Saving


def test_a_step_waits_for_its_save() -> None:
    saving, ids = Saving(), Ids(6)
    assert saving.want("call")
    assert (saving.begin(ids), saving.question) == (7, 7)
    assert not saving.end()
    assert (saving.take_step(), saving) == ("call", Saving())


def test_whatever_happens_during_a_save_costs_one_more() -> None:
    saving, ids = Saving(), Ids()
    assert saving.want(None)
    saving.begin(ids)
    assert [saving.want(None), saving.want("launch"), saving.want(None)] == [False] * 3
    assert saving.end()
    assert saving.begin(ids) == 2
    assert not saving.end()
    assert saving.take_step() == "launch"


def test_the_latest_step_is_the_one_that_follows() -> None:
    saving = Saving()
    saving.want("call")
    saving.begin(Ids())
    saving.want("end")
    assert (saving.end(), saving.take_step(), saving.take_step()) == (True, "end", None)
