"""A call whose attempts wait for their turn: what runs meanwhile, what is in the ledger, and how it ends there."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lash_proto.codec import Route
from lash_proto.effects import Abort, CallHttp
from lash_proto.exchange import ON_PAYLOAD, ON_RESPONSE, Exchange
from lash_proto.failures import Failure, LocalProtocolError
from lash_proto.happenings import (
    Admitted,
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    Woke,
)
from lash_proto.machine import Done
from lash_proto.messages import LlmRequest, ProviderOptions
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from lash_proto.replies import AttemptReset, TextDelta
from lash_proto.testing import check_machine
from lash_proto.values import Secret
from tests.fake_world import SSE, START, Answer, Refused, Run, run
from tests.proto.tiny import HELLO, REPLY, Tiny, event

BUSY = Answer([b'{"error": {"message": "busy"}}'], status=503, headers=(("content-type", "application/json"),))


def exchange(hooks: frozenset[str] = frozenset(), **options: Any) -> Exchange:
    return Exchange(
        route=Route("https://api.example/v1", Tiny()),
        auth=KeyAuth("tiny", "authorization", Secret("k-1")),
        request=LlmRequest("A question.", options=ProviderOptions(**options)),
        model=ModelSpec("tiny-1"),
        seed=b"seed",
        retry_after_output=True,
        hooks=hooks,
        limited=True,
    )


def call(*answers: Any, hooks: frozenset[str] = frozenset(), options: Any = None, **world: Any) -> Run:
    """A run, told again under the laws of machines."""

    def make() -> Exchange:
        return exchange(hooks, **(options or {}))

    told = run(make(), answers, **world)
    assert check_machine(make, told.trace, now=START) == told.outputs
    return told


def waits(*seconds: float) -> Any:
    left = list(seconds)
    return lambda effect: left.pop(0)


def test_every_attempt_waits_and_says_what_it_counts() -> None:
    told = call(BUSY, Answer([REPLY]), turn=waits(30.0, 50.0))
    assert [effect.tokens for effect in told.calls] == [3, 3]  # four bytes are a token
    first, second = told.result.attempts
    assert (first.started_at, second.started_at) == (START + 30, START + 30 + first.retry_in + 50)
    assert told.result.text == "Hello."


def test_without_limits_nothing_waits_and_nothing_is_counted() -> None:
    machine = exchange()
    machine.limited = False
    (effect,) = machine.start(START)
    assert effect.tokens is None
    with pytest.raises(LocalProtocolError, match="admitted once"):
        machine.receive(Admitted(1), START)


def test_no_deadline_but_the_whole_calls_runs_meanwhile() -> None:
    machine = exchange(connect_timeout=3.0, total_timeout=500.0)
    machine.start(START)
    assert machine.wake_at == START + 500
    assert machine.receive(Admitted(1), START + 400) == []
    assert machine.wake_at == START + 403
    unbounded = exchange(connect_timeout=3.0)
    unbounded.start(START)
    assert unbounded.wake_at is None


def test_the_whole_calls_deadline_ends_the_wait() -> None:
    told = call(Answer([REPLY]), turn=waits(90.0), options={"total_timeout": 60.0})
    assert [type(output) for output in told.outputs[:2]] == [CallHttp, Abort]
    assert told.took == 60
    assert told.result.error == Failure("timeout", "the call took longer than its total_timeout")
    assert (told.result.stop_reason, told.result.attempts) == ("error", ())


def test_one_that_waits_to_try_again_ends_with_what_it_failed_by() -> None:
    told = call(BUSY, Answer([REPLY]), turn=waits(0.0, 90.0), options={"total_timeout": 60.0})
    assert (told.took, told.result.error.kind, len(told.result.attempts)) == (60, "overloaded", 1)
    assert not any(isinstance(output, AttemptReset) for output in told.outputs)


def test_who_cancels_meanwhile_gets_what_the_last_attempt_had_brought() -> None:
    cut = Answer([HELLO, event(say="Hel")], ending="truncated")
    told = call(cut, Answer([REPLY]), turn=waits(0.0, 90.0), cancel_at=60.0)
    assert (told.result.stop_reason, told.result.text) == ("aborted", "Hel")
    assert [attempt.failure.kind for attempt in told.result.attempts] == ["truncated"]
    never = call(Answer([REPLY]), turn=waits(90.0), cancel_at=60.0)
    assert (never.result.stop_reason, never.result.error.kind, never.result.attempts) == ("aborted", "cancelled", ())


def test_what_was_said_is_taken_back_when_the_turn_comes() -> None:
    machine = exchange(max_retries=1)
    machine.start(START)
    machine.receive(Admitted(1), START)
    machine.receive(Connected(1), START)
    machine.receive(HeadReceived(1, 200, SSE), START)
    machine.receive(BodyReceived(1, event(say="Hel")), START)
    machine.receive(Failed(1, "connection", "cut"), START)
    assert machine.wake_at is not None
    (effect,) = machine.receive(Woke(), machine.wake_at)
    assert (type(effect), effect.id, machine.partial.text) == (CallHttp, 2, "Hel")
    (reset,) = machine.receive(Admitted(2), START + 9)
    assert (type(reset), reset.attempt, machine.partial.text) == (AttemptReset, 2, "")
    assert machine.receive(Admitted(1), START + 9) == []  # of one that is over


def test_a_hook_is_asked_before_the_wait() -> None:
    told = call(Answer([REPLY]), hooks=frozenset({ON_PAYLOAD}), turn=waits(30.0), host=lambda effect: (5.0, None))
    assert (told.result.text, told.result.attempts[0].started_at) == ("Hello.", START + 35)


def test_a_flight_that_fails_before_its_turn_was_an_attempt() -> None:
    told = call(Refused(after=-1.0), Answer([REPLY]), turn=waits(10.0, 0.0))
    assert [attempt.failure and attempt.failure.kind for attempt in told.result.attempts] == ["connection", None]


def test_a_wait_that_follows_an_answer_heard_while_the_host_was_asked_is_dropped_too() -> None:
    machine = exchange(frozenset({ON_RESPONSE}), max_retries=1)
    machine.start(START)
    machine.receive(Admitted(1), START)
    (asked,) = machine.receive(HeadReceived(1, 503, BUSY.headers), START)
    machine.receive(BodyEnded(1), START)
    machine.receive(HostAnswered(asked.id, None), START)
    assert machine.wake_at is not None
    (again,) = machine.receive(Woke(), machine.wake_at)
    assert machine.receive(Cancelled(), START + 9)[0] == Abort(again.id)


@pytest.mark.parametrize("news", [Connected(1), HeadReceived(1, 200, SSE), BodyReceived(1, b"x")])
def test_news_of_a_call_whose_turn_has_not_come_is_a_mistake(news: Any) -> None:
    machine = exchange()
    machine.start(START)
    with pytest.raises(LocalProtocolError, match=f"{type(news).__name__} of a call whose turn had not come"):
        machine.receive(news, START)


def test_one_that_is_restored_waits_again() -> None:
    machine = exchange()
    machine.start(START)
    machine = copy.deepcopy(machine)
    (effect,) = machine.restart(START + 5)
    assert (effect.id, effect.tokens) == (2, 3)
    machine.receive(Admitted(2), START + 6)
    machine.receive(Connected(2), START + 6)
    machine.receive(HeadReceived(2, 200, SSE), START + 6)
    outputs = machine.receive(BodyReceived(2, REPLY), START + 6)
    assert "".join(output.text for output in outputs if isinstance(output, TextDelta)) == "Hello."
    (*_, done) = machine.receive(Cancelled(), START + 7)
    assert isinstance(done, Done)
    assert (done.result.stop_reason, len(done.result.attempts)) == ("stop", 1)
