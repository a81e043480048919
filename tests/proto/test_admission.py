"""Limits in virtual time: who begins when, beside the plainest model of what the limits say."""

from __future__ import annotations

import heapq
import itertools
import math
import pickle
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from lash_proto import Limits, LocalProtocolError
from lash_proto.admission import Admission, Admit, Arrived, Left
from lash_proto.happenings import Woke


def test_so_many_at_once_and_the_others_in_order() -> None:
    admission = Admission(Limits(max_concurrency=2))
    assert admission.receive(Arrived(1), 0.0) == [Admit(1)]
    assert admission.receive(Arrived(2), 0.0) == [Admit(2)]
    assert admission.receive(Arrived(3), 0.0) == []
    assert admission.receive(Arrived(4), 0.0) == []
    assert admission.wake_at is None  # time alone changes nothing
    assert admission.receive(Left(2), 5.0) == [Admit(3)]
    assert admission.receive(Left(1), 6.0) == [Admit(4)]


def test_so_many_in_a_window_that_slides() -> None:
    admission = Admission(Limits(requests=2, window=10))
    assert admission.receive(Arrived(1), 0.0) == [Admit(1)]
    assert admission.receive(Arrived(2), 4.0) == [Admit(2)]
    assert admission.receive(Left(1), 5.0) == []
    assert admission.receive(Arrived(3), 5.0) == []
    assert admission.receive(Arrived(4), 6.0) == []
    assert admission.wake_at == 10.0
    assert admission.receive(Woke(), 9.0) == []  # too early
    assert admission.receive(Woke(), 10.0) == [Admit(3)]
    assert admission.wake_at == 14.0
    assert admission.receive(Woke(), 14.0) == [Admit(4)]
    assert admission.wake_at is None


def test_tokens_are_counted_and_nobody_is_overtaken() -> None:
    admission = Admission(Limits(tokens=100, window=10))
    assert admission.receive(Arrived(1, 40), 0.0) == [Admit(1)]
    assert admission.receive(Arrived(2, 40), 3.0) == [Admit(2)]
    assert admission.receive(Arrived(3, 80), 4.0) == []
    assert admission.wake_at == 13.0  # the first alone leaves too little room
    assert admission.receive(Arrived(4, 1), 5.0) == []
    assert admission.receive(Woke(), 13.0) == [Admit(3), Admit(4)]


def test_what_no_window_has_room_for_goes_alone() -> None:
    admission = Admission(Limits(tokens=100, window=10))
    assert admission.receive(Arrived(1, 1), 0.0) == [Admit(1)]
    assert admission.receive(Arrived(2, 5000), 1.0) == []
    assert admission.wake_at == 10.0
    assert admission.receive(Woke(), 10.0) == [Admit(2)]
    assert admission.receive(Arrived(3, 1), 10.0) == []
    assert admission.wake_at == 20.0


def test_one_that_waits_no_longer_is_passed_over() -> None:
    admission = Admission(Limits(max_concurrency=1, requests=1, window=10))
    assert admission.receive(Arrived(1), 0.0) == [Admit(1)]
    assert admission.receive(Arrived(2), 0.0) == []
    assert admission.receive(Arrived(3), 0.0) == []
    assert admission.receive(Left(2), 1.0) == []
    assert admission.receive(Left(2), 1.0) == []  # twice does no harm
    assert admission.receive(Left(1), 2.0) == []
    assert admission.wake_at == 10.0  # who has begun has begun
    assert admission.receive(Woke(), 10.0) == [Admit(3)]


def test_an_id_arrives_once() -> None:
    admission = Admission(Limits(max_concurrency=1))
    admission.receive(Arrived(1), 0.0)
    admission.receive(Arrived(2), 0.0)
    for id in (1, 2):
        with pytest.raises(LocalProtocolError, match=f"{id} has arrived before"):
            admission.receive(Arrived(id), 0.0)


@pytest.mark.parametrize("name", ["max_concurrency", "requests", "tokens", "window"])
def test_limits_that_would_let_nothing_through_are_refused(name: str) -> None:
    for value in (0, -1):
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            Limits(**{name: value})


# --- any limits, any arrivals ----------------------------------------------------------------------------------------

TIMES = st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0, 10.0])


@define(eq=False)
class Visit:
    """One attempt: when it comes, how long it stays, when it gives up waiting; and what became of it."""

    at: float
    tokens: int
    stays: float
    patience: float
    began: float = field(default=math.inf, init=False)
    ended: float = field(default=math.inf, init=False)

    @property
    def waited_until(self) -> float:
        return min(self.began, self.ended)


@st.composite
def visits(draw: Any) -> list[Visit]:
    made = []
    at = 0.0
    for _ in range(draw(st.integers(1, 15))):
        at += draw(TIMES)
        patience = draw(st.sampled_from([1.0, 8.0, 1e9, 1e9]))
        made.append(Visit(at, draw(st.sampled_from([0, 1, 5, 10, 60])), draw(TIMES), patience))
    return made


LIMITS = st.builds(
    Limits,
    max_concurrency=st.none() | st.integers(1, 3),
    requests=st.none() | st.integers(1, 4),
    tokens=st.none() | st.integers(1, 30),
    window=st.sampled_from([1.0, 4.0]),
)


def run(limits: Limits, visits: list[Visit]) -> None:
    """Let them come and go; the machine is pickled between any two happenings."""
    admission = Admission(limits)
    numbers = itertools.count()
    coming: list[tuple[float, int, Any]] = []

    def later(at: float, happening: Any) -> None:
        heapq.heappush(coming, (at, next(numbers), happening))

    for id, visit in enumerate(visits, 1):
        later(visit.at, Arrived(id, visit.tokens))
        later(visit.at + visit.patience, Left(id))
    while coming or admission.wake_at is not None:
        wake_at = admission.wake_at
        happening: Any
        if wake_at is not None and (not coming or wake_at <= coming[0][0]):
            now, happening = wake_at, Woke()
        else:
            now, _, happening = heapq.heappop(coming)
        if isinstance(happening, Left) and (visit := visits[happening.id - 1]).ended == math.inf:
            visit.ended = now
        for admit in admission.receive(happening, now):
            visit = visits[admit.id - 1]
            visit.began = now
            later(now + visit.stays, Left(admit.id))
        admission = pickle.loads(pickle.dumps(admission))


def fits(limits: Limits, visits: list[Visit], one: Visit, now: float) -> bool:
    """What the limits say, word for word, of one beginning now."""
    others = [other for other in visits if other is not one and other.began <= now]
    inside = [other for other in others if other.ended > now]
    window = [other for other in others if other.began > now - limits.window]
    if limits.max_concurrency is not None and len(inside) >= limits.max_concurrency:
        return False
    if limits.requests is not None and len(window) >= limits.requests:
        return False
    most = limits.tokens
    return most is None or sum(min(each.tokens, most) for each in [*window, one]) <= most


@given(LIMITS, visits())
def test_nobody_begins_too_early_or_waits_in_vain(limits: Limits, visits: list[Visit]) -> None:
    run(limits, visits)
    begun = [visit for visit in visits if visit.began < math.inf]
    assert [visit.began for visit in begun] == sorted(visit.began for visit in begun)  # in the order of arrival
    for number, visit in enumerate(begun):
        before = begun[:number]
        assert fits(limits, before, visit, visit.began)
        # And no earlier moment would have done, of those at which it was the first in line and something changed:
        # it came, or the one in front went; somebody left; somebody went out of the window.
        since = max([visit.at, *(other.waited_until for other in visits[: visits.index(visit)])])
        moments = {since, *(other.ended for other in before), *(other.began + limits.window for other in before)}
        for moment in moments:
            if since <= moment < visit.began:
                assert not fits(limits, before, visit, moment)
    assert all(visit.began < math.inf or visit.ended == visit.at + visit.patience for visit in visits)
