"""Whether a call is tried again, and after how long."""

from __future__ import annotations

import pytest

from lash_proto.failures import Failure
from lash_proto.retry import Backoff

BUSY = Failure("server", "Oops.", retryable=True)


def test_only_what_may_be_different_is_tried_again() -> None:
    assert Backoff().wait(Failure("authentication", "No."), 1, b"") is None
    assert Backoff().wait(BUSY, 1, b"") is not None


def test_after_the_last_retry_it_is_given_up() -> None:
    assert [Backoff(retries=2).wait(BUSY, attempt, b"") is None for attempt in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]
    assert Backoff(retries=0).wait(BUSY, 1, b"") is None


@pytest.mark.parametrize(("attempt", "whole"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 8.0), (5000, 8.0)])
def test_waits_double_up_to_the_longest_less_up_to_a_quarter(attempt: int, whole: float) -> None:
    found = [Backoff(retries=9999).wait(BUSY, attempt, bytes([n])) or 0.0 for n in range(200)]
    assert 0.75 * whole < min(found) < 0.78 * whole
    assert 0.97 * whole < max(found) <= whole


def test_the_server_knows_best_up_to_a_minute() -> None:
    def wait(seconds: float) -> float | None:
        return Backoff().wait(Failure("rate_limit", "Later.", retryable=True, retry_after=seconds), 1, b"seed")

    assert (wait(0.1), wait(3.0), wait(60.0), wait(60.1)) == (0.1, 3.0, 60.0, None)
    assert wait(0.0) == Backoff().wait(BUSY, 1, b"seed")
