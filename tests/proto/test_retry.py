"""Whether a call is tried again, after how long, and what that costs."""

from __future__ import annotations

import pytest

from lash_proto.failures import Failure
from lash_proto.retry import Again, Backoff, Spent

BUSY = Failure("server", "Oops.", retryable=True)
NOTHING = Spent()


def limited(seconds: float | None) -> Failure:
    return Failure("rate_limit", "Later.", retryable=True, retry_after=seconds)


def wait(failure: Failure, spent: Spent = NOTHING, attempt: int = 1, seed: bytes = b"seed", **settings: float) -> float:
    again = Backoff(**settings).again(failure, spent, attempt, seed)  # type: ignore[arg-type]
    assert again is not None
    return again.wait


def test_only_what_may_be_different_is_tried_again() -> None:
    assert Backoff().again(Failure("authentication", "No."), NOTHING, 1, b"") is None
    assert Backoff().again(Failure("quota", "No.", retry_after=5.0), NOTHING, 1, b"") is None
    assert Backoff().again(BUSY, NOTHING, 1, b"") is not None


def test_each_retry_is_spent_and_after_the_last_it_is_given_up() -> None:
    first = Backoff().again(BUSY, NOTHING, 1, b"")
    assert first is not None
    assert first.spent == Spent(retries=1)
    second = Backoff().again(BUSY, first.spent, 2, b"")
    assert second is not None
    assert second.spent == Spent(retries=2)
    assert Backoff().again(BUSY, second.spent, 3, b"") is None
    assert Backoff(retries=1).again(BUSY, NOTHING, 1, b"") is not None
    assert Backoff(retries=1).again(BUSY, first.spent, 2, b"") is None


def test_with_no_retries_the_first_try_is_the_only_one_whatever_the_server_asks() -> None:
    for failure in (BUSY, limited(1.0)):
        assert Backoff(retries=0).again(failure, NOTHING, 1, b"") is None


@pytest.mark.parametrize(("retries", "whole"), [(0, 0.5), (1, 1.0), (2, 2.0), (4, 8.0), (5, 8.0), (5000, 8.0)])
def test_waits_double_up_to_the_longest_less_up_to_a_quarter(retries: int, whole: float) -> None:
    found = [wait(BUSY, Spent(retries), seed=bytes([n]), retries=9999) for n in range(200)]
    assert 0.75 * whole < min(found) < 0.78 * whole
    assert 0.97 * whole < max(found) <= whole


def test_the_jitter_is_another_one_each_time_and_the_same_in_every_replay() -> None:
    found = [wait(BUSY, attempt=attempt) for attempt in (1, 2, 3, 1)]
    assert len(set(found)) == 3
    assert found[0] == found[3]


def test_the_server_knows_best_up_to_a_minute() -> None:
    assert [wait(limited(seconds)) for seconds in (0.1, 3.0, 60.0)] == [0.1, 3.0, 60.0]
    assert Backoff().again(limited(60.1), NOTHING, 1, b"") is None
    assert wait(limited(0.0)) == wait(limited(None)) == wait(BUSY)
    assert wait(Failure("overloaded", "Busy.", retryable=True, retry_after=9.0)) == 9.0


def test_how_long_it_may_ask_for_can_be_set() -> None:
    assert Backoff(retry_after_limit=5.0).again(limited(5.1), NOTHING, 1, b"") is None
    assert Backoff(retry_after_limit=5.0).again(BUSY, NOTHING, 1, b"") is not None
    assert wait(limited(500.0), retry_after_limit=None) == 500.0  # type: ignore[arg-type]


def test_a_wait_that_a_rate_limit_or_a_busy_server_asks_for_costs_no_retry_but_time_of_its_budget() -> None:
    assert Backoff().again(limited(30.0), Spent(2, 0.0), 3, b"") == Again(30.0, Spent(2, 30.0))
    busy = Failure("overloaded", "Busy.", retryable=True, retry_after=30.0)
    assert Backoff().again(busy, Spent(2, 0.0), 3, b"") == Again(30.0, Spent(2, 30.0))
    assert Backoff().again(limited(30.0), Spent(2, 60.0), 3, b"") == Again(30.0, Spent(2, 90.0))
    assert Backoff().again(limited(30.0), Spent(2, 60.1), 3, b"") is None


def test_it_costs_a_second_at_least() -> None:
    assert Backoff().again(limited(0.01), NOTHING, 1, b"") == Again(0.01, Spent(0, 1.0))


def test_once_the_budget_is_spent_such_a_wait_costs_a_retry() -> None:
    assert Backoff().again(limited(30.0), Spent(0, 80.0), 1, b"") == Again(30.0, Spent(1, 80.0))
    assert Backoff(throttle_budget=0.0).again(limited(1.0), NOTHING, 1, b"") == Again(1.0, Spent(1, 0.0))


def test_the_budget_may_be_without_end() -> None:
    spent = Spent(0, 10_000.0)
    assert Backoff(throttle_budget=None).again(limited(5.0), spent, 9, b"") == Again(5.0, Spent(0, 10_005.0))


def test_what_was_looked_at_or_names_no_wait_costs_a_retry() -> None:
    busy = Failure("overloaded", "Busy.", retryable=True)
    for failure in (Failure("server", "Oops.", retryable=True, retry_after=1.0), busy, limited(None), limited(0.0)):
        again = Backoff().again(failure, NOTHING, 1, b"")
        assert again is not None
        assert again.spent == Spent(1, 0.0)
