"""What is entered of each attempt, and what it costs to go on."""

from __future__ import annotations

from lash_proto.failures import Failure
from lash_proto.incoming import Incoming
from lash_proto.ledger import Ledger
from lash_proto.replies import Attempt
from lash_proto.retry import Again, Spent
from lash_proto.usage import LlmUsage
from tests.fake_world import SSE
from tests.proto.tiny import HELLO, REPLY, Tiny

BUSY = Failure("overloaded", "Later.", status=529, request_id="in the body", retryable=True)
LOST = Failure("connection", "Nobody knows.", retryable=True)


def incoming(said: bytes, *headers: tuple[str, str], status: int = 200) -> Incoming:
    decoder = Tiny().decoder(status=status, headers=SSE)
    coming = Incoming(status, headers, decoder)
    coming.note_output(decoder.receive(said))
    return coming


def test_an_attempt_is_entered_with_what_came_of_it() -> None:
    ledger = Ledger()
    ledger.begin(10.0)
    ledger.enter(incoming(REPLY, ("request-id", "in the head")), None, 12.5)
    usage = LlmUsage(3, output_tokens=4, raw={"use": [3, 4]})
    assert ledger.attempts == [Attempt(1, 10.0, 12.5, 200, "in the head", output=True, usage=usage)]
    assert (ledger.failure, ledger.spent) == (None, Spent())


def test_an_attempt_without_a_head_has_no_more_than_its_failure() -> None:
    ledger = Ledger()
    ledger.begin(10.0)
    ledger.enter(None, LOST, 11.0)
    assert ledger.attempts == [Attempt(1, 10.0, 11.0, failure=LOST)]


def test_the_providers_id_may_be_in_the_body() -> None:
    ledger = Ledger()
    ledger.begin(10.0)
    ledger.enter(incoming(HELLO, status=529), BUSY, 11.0)
    assert ledger.attempts == [Attempt(1, 10.0, 11.0, 529, "in the body", BUSY)]


def test_going_on_costs_what_was_decided() -> None:
    ledger = Ledger()
    waits = [(0.5, Spent(1)), (3.0, Spent(1, throttled=3.0)), (0.0, Spent(1, throttled=3.0))]
    for number, (wait, spent) in enumerate(waits, 1):
        ledger.begin(float(number))
        ledger.enter(None, BUSY, number + 0.5, again=Again(wait, spent))
        assert (ledger.number, ledger.spent, ledger.failure) == (number, spent, BUSY)
    assert [(each.retry_in, each.counted) for each in ledger.attempts] == [(0.5, True), (3.0, False), (0.0, False)]


def test_a_failure_after_which_nothing_follows_is_no_reason_for_another_attempt() -> None:
    ledger = Ledger()
    ledger.begin(1.0)
    ledger.enter(None, BUSY, 2.0, again=Again(0.5, Spent(1)))
    ledger.begin(2.5)
    ledger.enter(None, LOST, 3.0)
    assert (ledger.failure, ledger.attempts[-1].retry_in) == (BUSY, None)


def test_attempts_of_which_nobody_knows_more_cost_a_retry_each() -> None:
    lost = (Attempt(1, 1.0, 2.0, failure=BUSY), Attempt(2, 2.0, 3.0, failure=LOST))
    ledger = Ledger.of(lost)
    assert ledger == Ledger(list(lost), 2, spent=Spent(2), failure=LOST)
    ledger.begin(4.0)
    assert (ledger.number, ledger.began_at) == (3, 4.0)
    assert Ledger.of(()) == Ledger()
