"""A credential that is had anew in the course of a call, and a place that is made ready before it."""

from __future__ import annotations

import pickle
from typing import Any, cast

import pytest
from attrs import evolve, frozen

from lash_proto.codec import Route
from lash_proto.effects import Abort, AskHost, CallHttp
from lash_proto.errors import InsecureRequest, MissingCredential, UnsupportedRequest
from lash_proto.exchange import ON_PAYLOAD, Exchange
from lash_proto.failures import Failure, LocalProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Cancelled, Failed, HeadReceived, HostAnswered, Woke
from lash_proto.machine import Done, Ids
from lash_proto.messages import ImagePart, LlmRequest, ProviderOptions, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.providers import github_copilot
from lash_proto.providers.handle import KeyAuth, ProviderHandle
from lash_proto.renewal import ON_RENEW, ON_RENEWED, Bare, Renewal, Renewed
from lash_proto.replies import AttemptReset, TextEnd
from lash_proto.testing import check_machine
from lash_proto.values import Secret
from tests.fake_world import SSE, START, Answer, Refused, Run, run
from tests.proto.tiny import HELLO, REPLY, Tiny, event
from tests.toy_auth import PATIENCE, READY_URL, TOKEN_URL, ToyAuth, ToyReadiness

URL = "https://api.example/v1"
JSON = (("content-type", "application/json"),)
PLAIN = (("content-type", "text/plain"),)
OLD = ToyAuth(Secret("token-old"))
NEW = ToyAuth(Secret("token-new"))
NONE_YET = ToyAuth(None)
SOON = ToyAuth(Secret("token-old"), expires_at=START + 59)
LATER = ToyAuth(Secret("token-old"), expires_at=START + 61)
TINY = ProviderHandle("tiny", {}, OLD, Route(URL, Tiny()))
UNREADY = evolve(TINY, readiness=ToyReadiness())

REFUSED = Answer([b'{"error":{"message":"The token has expired."}}'], status=401, headers=JSON)
TOKEN = Answer([b"token-new"], headers=PLAIN)
SPENT = Answer([b"no"], status=400, headers=PLAIN)
NOTHING = Answer([], status=204, headers=PLAIN)
PLACE = Answer([b"https://eu.example"], headers=PLAIN)
FINE = Answer([REPLY])
BUSY = Answer([b'{"error":{"message":"Busy."}}'], status=500, headers=JSON)


def exchange(auth: Any = OLD, handle: Any = None, hooks: tuple[str, ...] = (), **options: Any) -> Exchange:
    route = Route(URL, Tiny()) if handle is None else handle.route
    return Exchange(
        route=route,
        auth=auth if handle is None else handle.auth,
        request=LlmRequest("Hi", options=ProviderOptions(**options)),
        model=ModelSpec("tiny-1"),
        seed=b"seed",
        hooks=frozenset(hooks),
        handle=handle,
        retry_after_output=options.get("retry_after_output", False),
    )


def call(*answers: Answer | Refused, cancel_at: float | None = None, host: Any = None, **how: Any) -> Run:
    """The run, told again under the laws of machines."""
    asked = {} if host is None else {"host": host}
    done = run(exchange(**how), answers, cancel_at=cancel_at, **asked)
    assert check_machine(lambda: exchange(**how), done.trace, now=START) == done.outputs
    assert "token-old" not in repr(done.outputs)
    assert "token-new" not in repr(done.outputs)
    assert "refresh-1" not in repr(done.outputs)
    return done


def sent(done: Run) -> list[tuple[str, str | None]]:
    """Where calls went, with which credential."""
    found = []
    for effect in done.calls:
        key = dict(effect.headers).get("authorization")
        found.append((effect.url, key.reveal() if isinstance(key, Secret) else None))
    return found


MINE = f"{URL}/tiny"


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_refused_credential_is_renewed_and_the_attempt_made_again() -> None:
    done = call(REFUSED, TOKEN, FINE)
    assert sent(done) == [(MINE, "Bearer token-old"), (TOKEN_URL, None), (MINE, "Bearer token-new")]
    assert done.calls[1].body == b"refresh-1"
    assert (done.result.text, done.result.error, done.took) == ("Hello.", None, 0.0)
    first, second = done.result.attempts
    assert (first.failure.kind, first.status, first.retry_in, first.counted) == ("authentication", 401, 0.0, False)
    assert (second.number, second.failure) == (2, None)
    assert [each.failure.message for each in done.events if isinstance(each, AttemptReset)] == [
        "The token has expired."
    ]


def test_only_once_a_call() -> None:
    done = call(REFUSED, TOKEN, REFUSED)
    assert (len(done.calls), done.result.error.status, len(done.result.attempts)) == (3, 401, 2)
    assert [attempt.retry_in for attempt in done.result.attempts] == [0.0, None]


def test_it_is_no_retry_and_needs_none() -> None:
    assert call(REFUSED, TOKEN, FINE, max_retries=0).result.text == "Hello."
    done = call(REFUSED, TOKEN, BUSY, BUSY, FINE)
    assert [attempt.counted for attempt in done.result.attempts] == [False, True, True, True]
    assert done.result.text == "Hello."


def test_an_error_event_can_refuse_it_too() -> None:
    refusal = event(error={"message": "Expired.", "type": "authentication_error"})
    assert call(Answer([HELLO + refusal]), TOKEN, FINE).result.text == "Hello."


def test_after_output_it_is_renewed_only_where_retries_are_allowed_then() -> None:
    late = Answer([HELLO + event(say="He") + event(error={"message": "Expired.", "type": "authentication_error"})])
    done = call(late)
    assert (done.result.text, done.result.error.kind, len(done.calls)) == ("He", "authentication", 1)
    done = call(late, TOKEN, FINE, retry_after_output=True)
    assert done.result.text == "Hello."
    kinds = [type(each) for each in done.events]
    assert kinds.index(TextEnd) < kinds.index(AttemptReset)


def test_where_no_other_can_be_had_the_refusal_stands() -> None:
    done = call(REFUSED, NOTHING)
    assert (done.result.error.message, done.result.error.status) == ("The token has expired.", 401)
    assert (len(done.calls), len(done.result.attempts)) == (2, 1)
    alone = call(REFUSED, auth=ToyAuth(Secret("token-old"), None))
    assert (alone.result.error.status, len(alone.calls)) == (401, 1)
    assert [(attempt.retry_in, attempt.counted) for attempt in alone.result.attempts] == [(None, True)]
    assert call(REFUSED, auth=KeyAuth("tiny", key=Secret("token-old"))).result.error.status == 401


def test_a_renewal_that_fails_says_why() -> None:
    done = call(REFUSED, SPENT)
    assert done.result.error == Failure("authentication", "sign in again: the refresh token is spent", status=400)
    assert done.result.stop_reason == "error"
    assert [attempt.failure.status for attempt in done.result.attempts] == [401]
    assert call(REFUSED, Refused()).result.error == Failure("connection", "connection refused")


def test_a_renewal_keeps_its_own_time() -> None:
    done = call(REFUSED, Answer(head=None))
    assert (done.took, done.result.error.kind) == (PATIENCE, "timeout")
    assert Abort(2) in done.outputs


def test_what_the_callers_own_header_brought_is_not_ours_to_renew() -> None:
    done = call(REFUSED, extra_headers={"Authorization": Secret("Bearer mine")})
    assert sent(done) == [(MINE, "Bearer mine")]
    assert done.result.error.status == 401


# --- in time ---------------------------------------------------------------------------------------------------------


def test_one_that_is_about_to_expire_is_renewed_before_it_is_sent() -> None:
    done = call(TOKEN, FINE, auth=SOON)
    assert sent(done) == [(TOKEN_URL, None), (MINE, "Bearer token-new")]
    assert (len(done.result.attempts), [each for each in done.events if isinstance(each, AttemptReset)]) == (1, [])
    assert sent(call(FINE, auth=LATER)) == [(MINE, "Bearer token-old")]


def test_and_before_each_further_attempt() -> None:
    done = call(BUSY, BUSY, TOKEN, FINE, auth=LATER, retry_base_delay=0.8)
    assert [url for url, _ in sent(done)] == [MINE, MINE, TOKEN_URL, MINE]
    assert done.result.text == "Hello."


@pytest.mark.parametrize("answer", [SPENT, NOTHING, Refused(), Answer(head=None)])
def test_where_that_fails_the_old_one_may_do_yet(answer: Any) -> None:
    done = call(answer, FINE, auth=SOON)
    assert sent(done)[1] == (MINE, "Bearer token-old")
    assert done.result.text == "Hello."


def test_where_there_is_no_old_one_that_is_the_end() -> None:
    done = call(SPENT, auth=NONE_YET)
    assert done.result.error.message == "sign in again: the refresh token is spent"
    assert (done.result.attempts, len(done.calls)) == ((), 1)
    assert call(NOTHING, auth=NONE_YET).result.error == Failure("authentication", "no token yet")


def test_one_that_is_missing_is_had_and_one_that_cannot_be_is_told_before_any_effect() -> None:
    assert call(TOKEN, FINE, auth=NONE_YET).result.text == "Hello."
    machine = exchange(ToyAuth(None, None))
    with pytest.raises(MissingCredential, match="no token yet"):
        machine.start(START)
    assert machine.ids == Ids(0)


# --- time and the caller ---------------------------------------------------------------------------------------------


def test_the_whole_calls_deadline_holds_in_a_renewal() -> None:
    done = call(REFUSED, Answer(head=None), total_timeout=3.0)
    assert (done.took, done.result.error.message) == (3.0, "the call took longer than its total_timeout")
    assert not done.result.error.retryable
    assert Abort(2) in done.outputs
    before = call(Answer(head=None), auth=SOON, total_timeout=3.0)
    assert (before.took, before.result.error.kind, before.result.attempts) == (3.0, "timeout", ())


def test_no_attempt_begins_once_the_deadline_has_passed() -> None:
    machine = exchange(SOON, total_timeout=3.0)
    machine.start(START)
    machine.receive(HeadReceived(1, 200, PLAIN), START)
    machine.receive(BodyReceived(1, b"token-new"), START)
    outputs = machine.receive(BodyEnded(1), START + 3.0)
    assert [each for each in outputs if isinstance(each, CallHttp)] == []
    assert outputs[-1].result.error == Failure("timeout", "the call took longer than its total_timeout")


def test_a_call_can_be_cancelled_in_a_renewal() -> None:
    done = call(REFUSED, Answer(head=None), cancel_at=1.0)
    assert (done.took, done.result.stop_reason) == (1.0, "aborted")
    assert done.result.error == Failure("cancelled", "cancelled by the caller")
    assert [attempt.failure.status for attempt in done.result.attempts] == [401]
    assert Abort(2) in done.outputs


def test_woken_too_early_nothing_happens() -> None:
    machine = exchange(SOON)
    machine.start(START)
    assert machine.wake_at == START + PATIENCE
    assert machine.receive(Woke(), START + 1) == []


@frozen
class AtOnce(ToyAuth):
    """Has another one at hand."""

    def refresh(self, now: float, *, refused: bool, seed: bytes, ids: Ids) -> Any:
        return Ready() if refused else None


class Ready:
    wake_at = None

    def start(self, now: float) -> list[Any]:
        return [Done(NEW)]


def test_one_that_is_at_hand_is_taken_at_once() -> None:
    done = call(REFUSED, FINE, auth=AtOnce(Secret("token-old")))
    assert sent(done) == [(MINE, "Bearer token-old"), (MINE, "Bearer token-new")]
    assert (done.result.text, len(done.result.attempts)) == ("Hello.", 2)


class Slow:
    """A machine that has something to do before it ends."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self.wake_at: float | None = None

    def start(self, now: float) -> list[Any]:
        return [CallHttp(self.ids.next(), "POST", TOKEN_URL, (), b"")]

    def receive(self, happening: Any, now: float) -> list[Any]:
        if isinstance(happening, Cancelled) and self.wake_at is None:
            self.wake_at = now + 2
            return [Abort(1)]
        return [Done(NEW)] if isinstance(happening, Woke) else []


class SlowAuth(ToyAuth):
    def refresh(self, now: float, *, refused: bool, seed: bytes, ids: Ids) -> Any:
        return Slow(ids)


def test_a_machine_that_is_not_done_at_once_is_waited_for_and_the_call_ends_all_the_same() -> None:
    machine = exchange(SlowAuth(None), handle=evolve(UNREADY, auth=SlowAuth(None)), total_timeout=3.0)
    machine.start(START)
    assert machine.receive(Cancelled(), START + 1) == [Abort(1)]
    assert machine.wake_at == START + 3
    outputs = machine.receive(Woke(), START + 3)
    assert outputs[-1].result.stop_reason == "aborted"
    assert not [each for each in outputs if isinstance(each, CallHttp)]


# --- who keeps the handle --------------------------------------------------------------------------------------------

BOTH = (ON_RENEW, ON_RENEWED)


def asks(done: Run) -> list[tuple[str, Any]]:
    return [(each.name, each.value) for each in done.outputs if isinstance(each, AskHost)]


def test_the_host_is_asked_for_a_newer_one_before_and_told_the_new_one_after() -> None:
    done = call(REFUSED, TOKEN, FINE, handle=TINY, hooks=BOTH, host=lambda effect: (0.5, None))
    assert asks(done) == [(ON_RENEW, TINY), (ON_RENEWED, evolve(TINY, auth=NEW))]
    assert (done.result.text, done.took) == ("Hello.", 1.0)
    assert [call.id for call in done.calls] == [1, 3, 5]


def test_nobody_is_asked_where_there_is_nothing_to_renew() -> None:
    assert asks(call(FINE, handle=TINY, hooks=BOTH)) == []
    alone = evolve(TINY, auth=ToyAuth(Secret("token-old"), None))
    assert asks(call(REFUSED, handle=alone, hooks=BOTH)) == []


def test_a_newer_one_that_the_host_has_is_taken() -> None:
    newer = evolve(TINY, auth=NEW)
    done = call(REFUSED, FINE, handle=TINY, hooks=BOTH, host=lambda effect: (0.0, newer))
    assert sent(done) == [(MINE, "Bearer token-old"), (MINE, "Bearer token-new")]
    assert asks(done) == [(ON_RENEW, TINY)]


def test_one_that_is_the_same_or_has_the_same_credential_is_none() -> None:
    assert len(call(REFUSED, TOKEN, FINE, handle=TINY, hooks=BOTH, host=lambda effect: (0.0, TINY)).calls) == 3
    other = evolve(TINY, options=ProviderOptions(max_retries=1))
    done = call(REFUSED, TOKEN, FINE, handle=TINY, hooks=BOTH, host=lambda effect: (0.0, other))
    assert sent(done)[1:] == [(TOKEN_URL, None), (MINE, "Bearer token-new")]


def test_a_newer_one_may_itself_be_about_to_expire() -> None:
    soon = evolve(TINY, auth=SOON)
    stale = evolve(TINY, auth=evolve(SOON, refresh_token=Secret("refresh-0")))
    done = call(TOKEN, FINE, handle=stale, hooks=(ON_RENEW,), host=lambda effect: (0.0, soon))
    assert [effect.body for effect in done.calls][0] == b"refresh-1"
    assert done.result.text == "Hello."


def test_a_host_that_only_keeps_is_only_told() -> None:
    done = call(TOKEN, FINE, auth=SOON, hooks=(ON_RENEWED,))
    assert asks(done) == [(ON_RENEWED, Bare(NEW, Route(URL, Tiny())))]


@pytest.mark.parametrize("hook", BOTH)
def test_a_hook_that_fails_ends_the_call(hook: str) -> None:
    machine = exchange(SOON, hooks=(hook,))
    outputs = [*machine.start(START)]
    if hook == ON_RENEWED:
        machine.receive(HeadReceived(1, 200, PLAIN), START)
        machine.receive(BodyReceived(1, b"token-new"), START)
        outputs = machine.receive(BodyEnded(1), START)
    (ask,) = outputs
    result = machine.receive(Failed(ask.id, "other", "OSError: the disk is full"), START)[-1].result
    assert (result.error, result.attempts) == (Failure("other", "OSError: the disk is full"), ())


@pytest.mark.parametrize("hook", BOTH)
def test_a_call_can_be_cancelled_while_the_host_is_asked(hook: str) -> None:
    how: dict[str, Any] = {"auth": SOON, "hooks": (hook,), "host": lambda effect: (9.0, None), "cancel_at": 1.0}
    done = call(*([TOKEN] if hook == ON_RENEWED else []), **how)
    (ask,) = [each for each in done.outputs if isinstance(each, AskHost)]
    assert (done.result.stop_reason, Abort(ask.id) in done.outputs, done.took) == ("aborted", True, 1.0)


# --- a place made ready ----------------------------------------------------------------------------------------------


def test_a_place_is_made_ready_before_the_first_attempt_and_then_is() -> None:
    done = call(PLACE, BUSY, FINE, handle=UNREADY, hooks=BOTH, host=lambda effect: (0.0, None))
    assert [url for url, _ in sent(done)] == [READY_URL, "https://eu.example/tiny", "https://eu.example/tiny"]
    assert [(name, value.readiness) for name, value in asks(done)] == [(ON_RENEW, ToyReadiness()), (ON_RENEWED, None)]
    assert done.result.notes == ("at https://eu.example",)  # encoded again, for its codec is another


def test_with_a_credential_that_is_fresh() -> None:
    done = call(TOKEN, PLACE, FINE, handle=evolve(UNREADY, auth=SOON))
    assert sent(done) == [
        (TOKEN_URL, None),
        (READY_URL, "Bearer token-new"),
        ("https://eu.example/tiny", "Bearer token-new"),
    ]
    kept = call(TOKEN, PLACE, FINE, handle=evolve(UNREADY, auth=SOON), hooks=BOTH, host=lambda effect: (0.0, None))
    assert [name for name, _ in asks(kept)] == [ON_RENEW, ON_RENEWED, ON_RENEWED]


def test_where_there_is_nothing_to_do_the_call_goes_on_and_where_it_fails_the_call_ends() -> None:
    assert call(NOTHING, FINE, handle=UNREADY).result.text == "Hello."
    done = call(SPENT, handle=UNREADY)
    assert done.result.error == Failure("permission", "this account has no project", status=400)
    assert done.result.attempts == ()


def test_a_key_that_lasts_may_have_a_place_to_be_made_ready() -> None:
    done = call(PLACE, FINE, handle=evolve(UNREADY, auth=KeyAuth("tiny", key=Secret("token-old"))))
    assert sent(done)[1] == ("https://eu.example/tiny", "Bearer token-old")


def test_a_refusal_makes_nothing_ready() -> None:
    done = call(NOTHING, REFUSED, TOKEN, FINE, handle=UNREADY)
    assert [url for url, _ in sent(done)] == [READY_URL, MINE, TOKEN_URL, MINE]


def test_a_place_that_the_host_knows_to_be_ready_is_taken() -> None:
    ready = evolve(UNREADY, readiness=None)
    done = call(FINE, handle=UNREADY, hooks=BOTH, host=lambda effect: (0.0, ready))
    assert ([url for url, _ in sent(done)], [name for name, _ in asks(done)]) == ([MINE], [ON_RENEW])


def test_the_body_is_shown_when_all_is_ready() -> None:
    done = call(PLACE, FINE, handle=UNREADY, hooks=(ON_PAYLOAD,), host=lambda effect: (0.0, None))
    assert [type(each) for each in done.outputs if isinstance(each, (CallHttp, AskHost))] == [
        CallHttp,
        AskHost,
        CallHttp,
    ]


class Mute(Tiny):
    """Encodes nothing any more."""

    def encode(self, request: Any, model: Any, *, stream: bool = True) -> Any:
        raise UnsupportedRequest("words", "this place takes none")


class MuteReadiness:
    def machine(self, handle: Any, *, seed: bytes, ids: Ids) -> Any:
        return ToyReadiness().machine(evolve(handle, route=Route(URL, Mute())), seed=seed, ids=ids)


def test_what_the_ready_place_cannot_say_ends_the_call_unsent() -> None:
    done = run(exchange(handle=evolve(TINY, readiness=MuteReadiness())), [PLACE])
    assert (done.result.error.kind, done.result.error.message) == ("unsupported", "words: this place takes none")
    assert len(done.calls) == 1


def test_a_new_credential_that_carries_no_key_ends_the_call_unsent() -> None:
    done = run(
        exchange(SOON, hooks=(ON_RENEW,)), host=lambda effect: (0.0, Bare(ToyAuth(None, None), Route(URL, Tiny())))
    )
    assert (done.result.error, done.calls) == (Failure("authentication", "no token yet"), [])


def test_a_token_is_not_sent_in_the_clear_whether_fresh_or_new() -> None:
    plain = evolve(TINY, auth=LATER, route=Route("http://api.example", Tiny()))
    with pytest.raises(InsecureRequest):
        exchange(handle=plain).start(START)
    done = run(exchange(handle=evolve(plain, auth=SOON)), [TOKEN])
    assert (done.result.error.kind, [url for url, _ in sent(done)]) == ("unsupported", [TOKEN_URL])


def test_what_cannot_be_said_raises_before_anything_is_renewed() -> None:
    machine = exchange(SOON)
    machine.request = LlmRequest([UserMessage([ImagePart(url="https://example/cat.png")])])
    with pytest.raises(UnsupportedRequest):
        machine.start(START)
    assert machine.ids == Ids(0)


# --- saved, and on its own -------------------------------------------------------------------------------------------


def test_restarted_in_a_renewal_that_is_begun_again() -> None:
    machine = exchange()
    machine.start(START)
    for happening in (HeadReceived(1, 401, SSE), BodyEnded(1)):
        outputs = machine.receive(happening, START)
    assert [effect.url for effect in outputs] == [TOKEN_URL]
    machine = pickle.loads(pickle.dumps(machine))
    (again,) = machine.restart(START + 99)
    assert (again.url, again.id) == (TOKEN_URL, 3)
    assert machine.receive(BodyEnded(2), START + 99) == []
    machine.receive(HeadReceived(3, 200, PLAIN), START + 99)
    machine.receive(BodyReceived(3, b"token-new"), START + 99)
    reset, attempt = machine.receive(BodyEnded(3), START + 99)
    assert (type(reset), attempt.url, attempt.id) == (AttemptReset, MINE, 4)


def test_a_renewal_is_a_machine_of_its_own() -> None:
    def make() -> Renewal:
        return Renewal(evolve(TINY, auth=SOON), listens=frozenset(BOTH))

    done = run(make(), [TOKEN], host=lambda effect: (1.0, None))
    assert done.result == Renewed(evolve(TINY, auth=NEW))
    trace = [*done.trace, (done.now, Woke()), (done.now, Cancelled()), (done.now, HostAnswered(1, None))]
    assert check_machine(make, trace, now=START) == done.outputs
    machine = make()
    machine.start(START)
    assert (machine.wake_at, machine.receive(Woke(), START)) == (None, [])
    with pytest.raises(LocalProtocolError):
        machine.receive(HostAnswered(7, None), START)


# --- handles ---------------------------------------------------------------------------------------------------------


def test_a_handle_is_told_only_to_calls_that_may_change_it() -> None:
    assert TINY.exchange(LlmRequest("Hi"), "m").handle is TINY
    assert UNREADY.exchange(LlmRequest("Hi"), "m").handle is UNREADY
    assert evolve(TINY, auth=KeyAuth("tiny", key=Secret("k"))).exchange(LlmRequest("Hi"), "m").handle is None


def test_what_follows_from_a_key_follows_from_a_renewed_one() -> None:
    """A Copilot token says where its calls go (WIRE 7)."""
    handle = github_copilot("tid=1;proxy-ep=proxy.individual.githubcopilot.com;exp=1")
    token = Secret("tid=2;proxy-ep=proxy.business.githubcopilot.com;exp=2")
    renewed = handle.with_auth(evolve(cast("KeyAuth", handle.auth), key=token))
    assert renewed.route_for(LlmRequest("Hi"), "gpt-4.1").base_url == "https://api.business.githubcopilot.com"
    assert renewed.route_for(LlmRequest("Hi"), "claude-opus-5").base_url == "https://api.business.githubcopilot.com"
    assert handle.with_auth(OLD).auth == OLD
