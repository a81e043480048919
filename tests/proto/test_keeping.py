"""One renewal at a time for the calls of a client, and what the others hear of it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from lash_proto.codec import Route
from lash_proto.failures import Failure, LocalProtocolError
from lash_proto.keeping import Answer, Keeper, Left, Told, Wanted
from lash_proto.renewal import Bare
from lash_proto.values import Secret
from tests.proto.tiny import Tiny
from tests.toy_auth import ToyAuth

OLD: Any = Bare(ToyAuth(Secret("token-1")), Route("http://x.test", Tiny()))
NEW: Any = evolve(OLD, auth=ToyAuth(Secret("token-2")))
NEWEST: Any = evolve(OLD, auth=ToyAuth(Secret("token-3")))
SPENT = Failure("authentication", "sign in again")


def test_the_first_renews_and_the_others_get_what_it_got() -> None:
    keeper = Keeper(OLD)
    assert keeper.receive(Wanted(1, OLD)) == [Answer(1, None)]
    assert keeper.receive(Wanted(2, OLD)) == keeper.receive(Wanted(3, OLD)) == []
    assert keeper.receive(Told(1, NEW)) == [Answer(2, NEW), Answer(3, NEW)]
    assert keeper.handle == NEW


def test_who_comes_later_with_an_older_one_gets_the_newer_and_who_has_that_renews_it() -> None:
    keeper = Keeper(NEW)
    assert keeper.receive(Wanted(1, OLD)) == [Answer(1, NEW)]
    assert keeper.receive(Wanted(1, NEW)) == [Answer(1, None)]
    assert keeper.receive(Told(1, NEWEST)) == []
    assert keeper.receive(Wanted(2, NEWEST)) == [Answer(2, None)]


def test_an_older_one_waits_too_for_what_it_would_get_is_about_to_be_another() -> None:
    keeper = Keeper(NEW)
    keeper.receive(Wanted(1, NEW))
    assert keeper.receive(Wanted(2, OLD)) == []
    assert keeper.receive(Told(1, NEWEST)) == [Answer(2, NEWEST)]


def test_a_failure_is_shared_by_those_who_waited_and_the_next_to_come_tries_again() -> None:
    keeper = Keeper(NEW)
    keeper.receive(Wanted(1, NEW))
    keeper.receive(Wanted(2, NEW))
    keeper.receive(Wanted(3, OLD))
    assert keeper.receive(Told(1, SPENT)) == [Answer(2, SPENT), Answer(3, NEW)]
    assert keeper.handle == NEW
    assert keeper.receive(Wanted(4, NEW)) == [Answer(4, None)]


def test_where_there_was_none_to_be_had_the_next_in_line_sees_for_himself() -> None:
    keeper = Keeper(OLD)
    keeper.receive(Wanted(1, OLD))
    keeper.receive(Wanted(2, OLD))
    keeper.receive(Wanted(3, OLD))
    assert keeper.receive(Told(1, OLD)) == [Answer(2, None)]
    assert keeper.receive(Told(2, NEW)) == [Answer(3, NEW)]


def test_one_that_ends_without_an_outcome_makes_room() -> None:
    keeper = Keeper(OLD)
    keeper.receive(Wanted(1, OLD))
    for id in (2, 3):
        keeper.receive(Wanted(id, OLD))
    assert keeper.receive(Left(2, OLD)) == []  # it waited
    assert keeper.receive(Left(1, OLD)) == [Answer(3, None)]
    assert keeper.receive(Left(1, OLD)) == []
    assert keeper.receive(Left(3)) == []
    assert keeper.handle == OLD
    assert keeper.receive(Wanted(4, OLD)) == [Answer(4, None)]


def test_what_it_could_not_tell_is_taken_from_it_and_only_from_it() -> None:
    keeper = Keeper(OLD)
    keeper.receive(Wanted(1, OLD))
    keeper.receive(Wanted(2, OLD))
    assert keeper.receive(Left(1, NEW)) == [Answer(2, NEW)]
    assert keeper.receive(Left(2, OLD)) == []
    assert keeper.handle == NEW


def test_a_call_wants_one_at_a_time_and_more_than_one_in_turn() -> None:
    keeper = Keeper(OLD)
    keeper.receive(Wanted(1, OLD))
    keeper.receive(Wanted(2, OLD))
    for id in (1, 2):
        with pytest.raises(LocalProtocolError, match="two renewals at once"):
            keeper.receive(Wanted(id, OLD))
    keeper.receive(Told(1, NEW))
    assert keeper.receive(Wanted(1, NEW)) == [Answer(1, None)]
    assert keeper.receive(Wanted(2, NEW)) == []
