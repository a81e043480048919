"""Ids and jitter, and a toy machine that has several effects in flight."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import BodyEnded, Cancelled, Woke
from lash_proto.machine import Ids, fraction
from lash_proto.testing import check_machine
from tests.fake_world import START, Answer, Refused, Run, run
from tests.toy_machine import Toy


def test_ids_begin_at_one_and_are_never_used_again() -> None:
    ids = Ids()
    assert [ids.next(), ids.next(), ids.next()] == [1, 2, 3]


@pytest.mark.parametrize("happening", [BodyEnded(0), BodyEnded(3), BodyEnded(-1), BodyEnded("1"), Woke()])  # type: ignore[arg-type]
def test_a_happening_that_answers_no_effect_ever_issued_is_refused(happening: Any) -> None:
    with pytest.raises(LocalProtocolError, match="answers no effect of this machine"):
        Ids(2).check(happening)


def test_one_that_answers_an_effect_is_let_through() -> None:
    Ids(2).check(BodyEnded(1))
    Ids(2).check(BodyEnded(2))


def test_fractions_are_even_and_the_same_each_time() -> None:
    # SHA-256 of 8 zero bytes begins af5570f5a1810b, by sha256sum.
    assert fraction(b"", 0) == 0xAF5570F5A1810B / 2**56
    found = [fraction(b"seed", n) for n in range(1000)]
    assert found == [fraction(b"seed", n) for n in range(1000)]
    assert 0 <= min(found) < 0.01 < 0.99 < max(found) < 1
    assert 0.45 < sum(found) / 1000 < 0.55


def test_a_call_does_not_print_its_body() -> None:
    assert repr(CallHttp(1, "POST", "http://x/", (), b"secret")) == (
        "CallHttp(id=1, method='POST', url='http://x/', headers=(), body=<6 bytes>, patience=None, "
        "tokens=None, recordable=False)"
    )


def toy(*answers: Answer | Refused, **how: Any) -> Run:
    done = run(Toy(), answers, **how)
    assert check_machine(Toy, done.trace, now=START) == done.outputs
    return done


def test_several_effects_at_once_all_come_back() -> None:
    done = toy(Answer([b"on", b"e"], gap=1.0), Refused(after=0.5), tool=lambda effect: (2.0, 3))
    assert [type(each) for each in done.outputs[1:5]] == [CallHttp, CallHttp, RunTool, AskHost]
    assert done.events == ["begin", "host is back", "second is back", "tool is back", "first is back"]
    assert done.result == {"host": {"really": True}, "second": "connection", "tool": 3, "first": b"one"}
    assert done.took == 3.0


def test_what_is_not_back_in_time_is_dropped() -> None:
    done = toy(Answer([b"one"]), Answer(head=None), host=lambda effect: (9.0, "late"))
    assert done.outputs[-4:-1] == ["too late", Abort(2), Abort(4)]
    assert (set(done.result), done.took) == ({"first", "tool"}, 5.0)


def test_cancelled_all_is_dropped() -> None:
    done = toy(Answer(head=None), Answer(head=None), cancel_at=1.0)
    assert done.outputs[-4:-1] == ["cancelled", Abort(1), Abort(2)]
    assert done.trace[-1] == (START + 1.0, Cancelled())
