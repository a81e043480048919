"""One model call on virtual time: sending, decoding, deadlines, retries, cancelling, and what the ledger says."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from lash_proto import __version__
from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.effects import Abort, CallHttp
from lash_proto.errors import MissingCredential, UnsupportedRequest
from lash_proto.exchange import Exchange
from lash_proto.failures import Failure, LocalProtocolError, RemoteProtocolError
from lash_proto.faux import FauxReply
from lash_proto.happenings import (
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    ToolReturned,
    Woke,
)
from lash_proto.machine import Done, Ids
from lash_proto.messages import ImagePart, LlmRequest, ProviderOptions, ReasoningPart, TextPart, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from lash_proto.replies import (
    Attempt,
    AttemptReset,
    LlmResponse,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    UsageUpdate,
)
from lash_proto.testing import check_machine
from lash_proto.usage import LlmUsage
from lash_proto.values import Secret
from tests.fake_world import SSE, START, Answer, Refused, Run, cut, rendered, run
from tests.proto.tiny import END, HELLO, REPLY, THOUGHT, Tiny, TinyDecoder, event

TINY = Tiny()
KEY = KeyAuth("tiny", "authorization", Secret("k-1"))
URL = "https://api.example/v1"
JSON = (("content-type", "application/json"),)


def exchange(
    *,
    codec: Any = TINY,
    stream: bool = True,
    seed: bytes = b"seed",
    retry_after_output: bool = False,
    ids: Ids | None = None,
    auth: Any = KEY,
    **options: Any,
) -> Exchange:
    return Exchange(
        route=Route(URL, codec, (("x-route", "r"),)),
        auth=auth,
        request=LlmRequest("Hi", options=ProviderOptions(**options)),
        model=ModelSpec("tiny-1"),
        provider="test",
        stream=stream,
        seed=seed,
        ids=ids if ids is not None else Ids(),
        retry_after_output=retry_after_output,
    )


def lawful(run_: Run, **how: Any) -> Run:
    """The run, after telling it again under the laws of machines."""
    outputs = check_machine(lambda: exchange(**how), run_.trace, now=START)
    assert outputs == run_.outputs
    return run_


def call(*answers: Answer | Refused, cancel_at: float | None = None, **how: Any) -> Run:
    return lawful(run(exchange(**how), answers, cancel_at=cancel_at), **how)


def failures(response: LlmResponse) -> list[str | None]:
    return [None if attempt.failure is None else attempt.failure.kind for attempt in response.attempts]


# --- one call that goes well -----------------------------------------------------------------------------------------


def test_a_call_is_sent_with_everything_that_belongs_to_it() -> None:
    machine = exchange(extra_headers={"x-mine": "1", "user-agent": "mine/1", "X-Route": None})
    (effect,) = machine.start(START)
    assert (effect.id, effect.method, effect.url) == (1, "POST", "https://api.example/v1/tiny")
    assert dict(effect.headers) == {
        "user-agent": "mine/1",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "accept": "text/event-stream",
        "authorization": Secret("Bearer k-1"),
        "x-mine": "1",
    }
    assert effect.body == b'{"model":"tiny-1","messages":[["user","Hi"]]}'
    assert "k-1" not in repr(effect)
    assert "k-1" not in repr(machine)


@pytest.mark.parametrize(
    ("options", "patience"),
    [
        ({}, 600),
        ({"first_event_timeout": 900.0}, 900),
        ({"reasoning_idle_timeout": 30.0, "first_event_timeout": 20.0, "idle_timeout": 10.0}, 30),
        ({"idle_timeout": None}, None),
    ],
)
def test_a_call_says_how_long_a_silence_is_borne_at_most(options: dict[str, Any], patience: float | None) -> None:
    (effect,) = exchange(**options).start(START)
    assert effect.patience == patience


def test_lash_says_who_it_is() -> None:
    (effect,) = exchange().start(START)
    assert dict(effect.headers)["user-agent"] == f"lash/{__version__}"


def test_events_come_as_bytes_come_and_the_end_comes_last() -> None:
    machine = exchange()
    machine.start(START)
    assert machine.receive(Connected(1), START) == []
    assert machine.receive(HeadReceived(1, 200, SSE), START) == []
    assert machine.receive(BodyReceived(1, HELLO), START) == [ResponseStart("r-1", "tiny-1")]
    assert machine.receive(BodyReceived(1, event(say="Hel")), START) == [TextStart(0), TextDelta(0, "Hel")]
    assert machine.partial.text == "Hel"
    assert machine.receive(BodyReceived(1, event(say="lo.")), START) == [TextDelta(0, "lo.")]
    assert [type(each) for each in machine.receive(BodyReceived(1, END), START)] == [UsageUpdate]
    end, response_end, done = machine.receive(BodyEnded(1), START + 1)
    assert isinstance(end, TextEnd)
    assert end.text == "Hello."
    assert response_end == ResponseEnd(done.result)
    assert isinstance(done, Done)
    response = done.result
    assert (response.text, response.stop_reason, response.provider, response.api) == ("Hello.", "stop", "test", "tiny")
    assert response.usage == LlmUsage(3, output_tokens=4, raw={"use": [3, 4]})
    assert response.attempts == (Attempt(1, START, START + 1, status=200, output=True, usage=response.usage),)
    assert machine.partial is response
    assert machine.wake_at is None


def test_a_whole_body_is_a_call_too() -> None:
    response = call(Answer([b'{"say":"Hello.",', b'"stop":"end"}'], headers=JSON), stream=False).result
    assert (response.text, response.stop_reason, response.error) == ("Hello.", "stop", None)


def test_notes_of_codec_and_ids_and_headers_are_in_the_response() -> None:
    headers = (*SSE, ("x-request-id", "req-1"), ("Set-Cookie", "a=1"), ("set-cookie2", "b=2"), ("x-other", "o"))
    response = call(Answer([REPLY], headers=headers), codec=Tiny(notes=("no pictures",))).result
    assert response.notes == ("no pictures",)
    assert response.request_id == "req-1"
    assert response.headers == (*SSE, ("x-request-id", "req-1"), ("x-other", "o"))
    assert response.attempts[0].request_id == "req-1"


def test_the_key_is_nowhere_in_the_response() -> None:
    done = call(Answer([REPLY]))
    assert "k-1" not in repr(done.outputs)
    assert "k-1" not in str(done.result.to_json())


@pytest.mark.parametrize("size", [1, 3, 50, 10_000])
def test_a_cut_of_the_body_changes_nothing(size: int) -> None:
    done = call(Answer(cut(THOUGHT, size), gap=0.01))
    assert done.result.content == (
        ReasoningPart("Hm. ", origin=done.result.content[0].origin),
        TextPart("Yes.", origin=done.result.content[1].origin),
    )
    kinds = [type(each) for each in done.events if not isinstance(each, (TextDelta, ReasoningDelta))]
    assert kinds == [ResponseStart, ReasoningStart, ReasoningEnd, TextStart, UsageUpdate, TextEnd, ResponseEnd]


# --- what is wrong before a call exists ------------------------------------------------------------------------------


def test_what_cannot_be_said_raises_before_any_effect() -> None:
    machine = exchange()
    machine.request = LlmRequest([UserMessage([ImagePart(url="https://example/cat.png")])])
    with pytest.raises(UnsupportedRequest, match="tiny speaks plain text only"):
        machine.start(START)
    assert machine.wake_at is None


def test_a_missing_key_raises_before_any_effect() -> None:
    auth = KeyAuth("tiny", "authorization", variables=("TINY_KEY",))
    with pytest.raises(MissingCredential, match="set TINY_KEY, or give one to tiny"):
        exchange(auth=auth).start(START)


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_a_header_of_the_callers_own_is_a_key(header: str) -> None:
    auth = KeyAuth("tiny", "x-api-key")
    (effect,) = exchange(auth=auth, extra_headers={header: Secret("mine")}).start(START)
    assert dict(effect.headers)[header.lower()] == Secret("mine")


def test_an_exchange_is_started_once() -> None:
    machine = exchange()
    machine.start(START)
    with pytest.raises(LocalProtocolError, match="started once"):
        machine.start(START)


# --- deadlines -------------------------------------------------------------------------------------------------------


def deadline(*answers: Answer | Refused, **how: Any) -> tuple[float, LlmResponse]:
    done = call(*answers, max_retries=0, **how)
    return done.took, done.result


def test_the_defaults_are_those_of_the_one_table() -> None:
    assert deadline(Answer(connect=None))[0] == 10.0
    assert deadline(Answer(head=None))[0] == 120.0
    assert deadline(Answer(connect=5.0, head=5.0, ending="hang"))[0] == 125.0
    assert deadline(Answer([HELLO], gap=1.0, ending="hang"))[0] == 121.0
    assert deadline(Answer([HELLO + event(think="Hm")], ending="hang"))[0] == 600.0
    assert deadline(Answer([HELLO + event(think="Hm") + event(say="Ah")], ending="hang"))[0] == 120.0


def test_a_deadline_that_passes_is_a_timeout_and_the_call_is_dropped() -> None:
    done = call(Answer(connect=None), max_retries=0)
    assert Abort(1) in done.outputs
    assert done.result.error == Failure(
        "timeout", "no connection within the time allowed (connect_timeout)", retryable=True
    )
    assert done.result.stop_reason == "error"
    assert failures(done.result) == ["timeout"]


def test_a_deadline_that_passes_closes_what_was_open() -> None:
    done = call(Answer([HELLO, event(say="Hel")], ending="hang"), max_retries=0)
    assert [type(each) for each in done.events] == [ResponseStart, TextStart, TextDelta, TextEnd, ResponseEnd]
    assert (done.result.text, done.result.error.kind) == ("Hel", "timeout")


@pytest.mark.parametrize(
    ("option", "answer", "took"),
    [
        ("connect_timeout", Answer(connect=None), 3.0),
        ("first_event_timeout", Answer(connect=1.0, head=None), 4.0),
        ("first_event_timeout", Answer(head=1.0, ending="hang"), 3.0),
        ("first_event_timeout", Answer([b": ping\n\n"] * 9, connect=1.0, head=1.0, gap=0.5, ending="hang"), 4.0),
        ("idle_timeout", Answer([HELLO, event(say="a")], gap=2.0, ending="hang"), 7.0),
        ("reasoning_idle_timeout", Answer([HELLO, event(think="a")], gap=2.0, ending="hang"), 7.0),
        ("total_timeout", Answer([HELLO, *[event(say="a")] * 9], gap=0.5, ending="hang"), 3.0),
        ("total_timeout", Answer(connect=None), 3.0),
    ],
)
def test_each_deadline_can_be_set(option: str, answer: Answer, took: float) -> None:
    found, response = deadline(answer, **{option: 3.0})
    assert found == took
    assert response.error is not None
    assert response.error.kind == "timeout"
    assert option in response.error.message


@pytest.mark.parametrize("option", ["connect_timeout", "first_event_timeout", "idle_timeout", "reasoning_idle_timeout"])
def test_none_means_no_deadline(option: str) -> None:
    slow = Answer([HELLO, event(think="a"), event(say="a"), END], connect=500.0, head=500.0, gap=700.0)
    every = ("connect_timeout", "first_event_timeout", "idle_timeout", "reasoning_idle_timeout")
    assert call(slow, **dict.fromkeys(every, None)).result.error is None
    others = {name: None for name in every if name != option}
    assert call(slow, max_retries=0, **others).result.error is not None


def test_an_event_moves_the_idle_deadline_and_a_ping_does_not() -> None:
    ping = b": ping\n\n"
    took, response = deadline(Answer([HELLO, *[ping] * 50], gap=10.0, ending="hang"))
    assert took == 130.0
    assert response.error is not None
    assert response.error.message == "no event within the time allowed (idle_timeout)"
    assert deadline(Answer([HELLO, *[event(say=".")] * 50], gap=10.0, ending="hang"))[0] == 630.0


@pytest.mark.parametrize(
    "chunks",
    [
        [HELLO, event(think="Hm.", use=[1, 1])],
        [HELLO, event(think="Hm."), event(use=[1, 1])],
        [HELLO, event(think="Hm."), event(use=[1, 1]) + event(use=[1, 2])],
    ],
)
def test_a_count_of_tokens_does_not_end_the_patience_for_reasoning(chunks: list[bytes]) -> None:
    assert deadline(Answer(chunks, ending="hang"))[0] == 600.0
    assert deadline(Answer([*chunks, event(say="Yes.")], ending="hang"))[0] == 120.0


def test_the_total_deadline_is_over_all_attempts_and_is_not_tried_again() -> None:
    done = call(*[Answer(connect=None)] * 3, connect_timeout=4.0, total_timeout=6.0)
    assert done.took == 6.0
    assert done.result.error == Failure("timeout", "the call took longer than its total_timeout")
    assert len(done.calls) == 2


def test_news_without_end_does_not_outrun_the_total_deadline() -> None:
    """No driver wakes a machine as long as there is news for it."""
    machine = exchange(total_timeout=10.0)
    machine.start(START)
    machine.receive(HeadReceived(1, 200, SSE), START)
    machine.receive(BodyReceived(1, HELLO), START)
    *events, _, done = machine.receive(BodyReceived(1, event(say="late")), START + 11)
    assert TextDelta(0, "late") in events
    assert done.result.error == Failure("timeout", "the call took longer than its total_timeout")
    assert done.result.text == "late"


def test_news_without_end_after_the_end_of_an_answer_is_not_read_on_for_ever() -> None:
    machine = exchange()
    machine.start(START)
    machine.receive(HeadReceived(1, 200, SSE), START)
    machine.receive(BodyReceived(1, REPLY), START)
    counted = event(use=[5, 6])
    *_, done = machine.receive(BodyReceived(1, counted), START + 1)
    assert (done.result.text, done.result.error) == ("Hello.", None)


def test_a_wait_that_would_pass_the_total_deadline_is_not_begun() -> None:
    done = call(Answer([b'{"error":{"message":"busy"}}'], status=503, headers=JSON), total_timeout=0.1)
    assert done.took == 0.0
    assert done.result.error.status == 503


def test_woken_long_after_the_total_deadline_the_failure_of_the_last_attempt_stands_once_in_the_ledger() -> None:
    machine = exchange(total_timeout=10.0)
    machine.start(START)
    machine.receive(HeadReceived(1, 503, JSON), START)
    assert machine.receive(BodyEnded(1), START) == []
    _, done = machine.receive(Woke(), START + 60)
    assert (done.result.error.kind, done.result.error.status) == ("overloaded", 503)
    assert failures(done.result) == ["overloaded"]


def test_a_body_in_one_piece_gets_the_patience_of_a_reasoning_model() -> None:
    assert deadline(Answer(head=None), stream=False)[0] == 600.0
    assert deadline(Answer(head=None), stream=False, first_event_timeout=900.0)[0] == 900.0
    assert deadline(Answer(head=None), stream=False, first_event_timeout=None, total_timeout=999.0)[0] == 999.0


def test_woken_too_early_nothing_happens() -> None:
    machine = exchange()
    machine.start(START)
    assert machine.receive(Woke(), START + 9.9) == []
    assert machine.wake_at == START + 10


# --- the end of a body -----------------------------------------------------------------------------------------------


def test_after_the_end_the_body_is_read_on_for_a_second() -> None:
    done = call(Answer([REPLY], ending="hang"))
    assert done.took == 1.0
    assert Abort(1) in done.outputs
    assert (done.result.text, done.result.error) == ("Hello.", None)
    assert failures(done.result) == [None]


def test_usage_after_the_end_counts() -> None:
    late = HELLO + event(say="Hi", stop="end")
    assert call(Answer([late, event(use=[5, 6])], gap=0.4)).result.usage.output_tokens == 6


def test_what_follows_the_end_does_not_prolong_the_reading_on() -> None:
    done = call(Answer([REPLY, *[event(use=[1, n]) for n in range(1, 9)]], gap=0.3, ending="hang"))
    assert done.took == pytest.approx(1.3)


@pytest.mark.parametrize("ending", ["connection", "protocol", "timeout", "truncated"])
def test_a_break_after_the_end_is_a_success(ending: str) -> None:
    result = call(Answer([REPLY], gap=0.1, ending=ending)).result
    assert (result.text, result.error, result.stop_reason) == ("Hello.", None, "stop")


def test_garbage_after_the_end_is_a_success() -> None:
    result = call(Answer([REPLY, b"data: {]\n\n"], gap=0.1)).result
    assert (result.text, result.error) == ("Hello.", None)


def test_cancelling_after_the_end_is_a_success() -> None:
    done = call(Answer([REPLY], ending="hang"), cancel_at=0.5)
    assert (done.result.text, done.result.error, done.result.stop_reason) == ("Hello.", None, "stop")
    assert (done.took, failures(done.result)) == (0.5, [None])


def test_garbage_in_the_middle_ends_the_call_at_once() -> None:
    done = call(Answer([HELLO + event(say="Hel") + b"data: {]\n\n"], ending="hang"))
    assert done.took == 0.0
    assert Abort(1) in done.outputs
    assert done.result.error.kind == "protocol"
    assert done.result.text == "Hel"
    assert [type(each) for each in done.events] == [ResponseStart, TextStart, TextDelta, TextEnd, ResponseEnd]


def test_a_body_without_its_end_is_truncated() -> None:
    result = call(Answer([HELLO + event(say="Hel")])).result
    assert (result.error.kind, result.text, result.stop_reason) == ("truncated", "Hel", "error")


def test_a_connection_that_breaks_in_the_middle_has_cut_the_answer() -> None:
    done = call(Answer([HELLO + event(say="Hel")], ending="connection"))
    assert done.result.error == Failure("truncated", "the wire was cut", retryable=True)
    assert isinstance(done.events[-2], TextEnd)


def test_the_reason_of_a_failure_of_the_wire_is_kept() -> None:
    assert call(Answer([HELLO + event(say="a")], ending="protocol")).result.error == Failure(
        "protocol", "the wire was cut"
    )


# --- failures and retries --------------------------------------------------------------------------------------------

BUSY = Answer([b'{"error":{"message":"Busy.","type":"server_error"}}'], status=500, headers=JSON)


def test_before_any_output_a_failed_attempt_is_tried_again() -> None:
    done = call(BUSY, Answer([REPLY]))
    first, second = done.calls
    assert (first.id, second.id, first.body) == (1, 2, second.body)
    response = done.result
    assert (response.text, response.error) == ("Hello.", None)
    assert failures(response) == ["server", None]
    assert [attempt.number for attempt in response.attempts] == [1, 2]
    assert [attempt.status for attempt in response.attempts] == [500, 200]
    reset = done.events[0]
    assert isinstance(reset, AttemptReset)
    assert (reset.attempt, reset.failure.message, reset.failure.status) == (2, "Busy.", 500)


@pytest.mark.parametrize("answer", [Refused(), Refused("timeout"), Answer(ending="connection"), Answer([HELLO])])
def test_connections_that_fail_are_tried_again_and_the_start_of_a_response_is_no_output(answer: Answer) -> None:
    assert call(answer, answer, Answer([REPLY])).result.text == "Hello."


def test_at_most_two_retries_unless_told_otherwise() -> None:
    assert len(call(*[BUSY] * 9).calls) == 3
    assert len(call(*[BUSY] * 9, max_retries=0).calls) == 1
    assert len(call(*[BUSY] * 9, max_retries=5).calls) == 6


def test_what_will_be_no_different_is_not_tried_again() -> None:
    wrong = Answer([b'{"error":{"message":"No such key."}}'], status=401, headers=JSON)
    done = call(wrong)
    assert len(done.calls) == 1
    assert (done.result.error.kind, done.result.stop_reason) == ("authentication", "error")


def test_after_output_nothing_is_tried_again() -> None:
    done = call(Answer([HELLO + event(say="Hel")], ending="connection"), Answer([REPLY]))
    assert len(done.calls) == 1
    assert done.result.text == "Hel"


def test_after_output_it_is_tried_again_where_allowed_and_what_was_shown_is_withdrawn_first() -> None:
    done = call(Answer([HELLO + event(say="Hel")], ending="connection"), Answer([REPLY]), retry_after_output=True)
    assert done.result.text == "Hello."
    kinds = [type(each) for each in done.events]
    at = kinds.index(AttemptReset)
    assert kinds[:at] == [ResponseStart, TextStart, TextDelta, TextEnd]
    assert done.events[at + 1 : at + 3] == [ResponseStart("r-1", "tiny-1"), TextStart(0)]


def test_an_error_in_the_middle_of_a_stream_is_tried_again_too() -> None:
    error = event(error={"message": "Overloaded.", "type": "overloaded_error"})
    done = call(Answer([HELLO + error]), Answer([REPLY]))
    assert failures(done.result) == ["overloaded", None]


def test_output_whose_blocks_are_closed_is_output() -> None:
    """Before the end, where there is nothing left to close."""
    whole = list(rendered(CODECS["anthropic-messages"], FauxReply("Hel"), stream=True).chunks)
    cut_short = whole[: next(at for at, chunk in enumerate(whole) if b"content_block_stop" in chunk) + 1]
    done = call(Answer(cut_short), codec=CODECS["anthropic-messages"])
    assert (done.result.error.kind, done.result.text, len(done.calls)) == ("truncated", "Hel", 1)


def test_output_that_only_the_end_of_a_body_brings_is_output() -> None:
    cut_short = Answer([HELLO + event(say="Hel").rstrip(b"\n")])
    assert len(call(cut_short, Answer([REPLY])).calls) == 1


def waits(done: Run) -> list[float]:
    began = [attempt.started_at for attempt in done.result.attempts]
    ended = [attempt.ended_at for attempt in done.result.attempts]
    return [b - a for a, b in zip(ended, began[1:], strict=False)]


def test_waits_double_up_to_the_longest_with_a_jitter_of_a_quarter_less() -> None:
    found = waits(call(*[BUSY] * 9, max_retries=7))
    for wait, whole in zip(found, [0.5, 1, 2, 4, 8, 8, 8], strict=True):
        assert 0.75 * whole < wait <= whole
    assert len({wait / whole for wait, whole in zip(found, [0.5, 1, 2, 4, 8, 8, 8], strict=True)}) == 7


def test_the_jitter_comes_from_the_seed() -> None:
    assert waits(call(*[BUSY] * 3, seed=b"a")) == waits(call(*[BUSY] * 3, seed=b"a"))
    assert waits(call(*[BUSY] * 3, seed=b"a")) != waits(call(*[BUSY] * 3, seed=b"b"))


def test_base_and_longest_wait_can_be_set() -> None:
    found = waits(call(*[BUSY] * 4, max_retries=3, retry_base_delay=10.0, retry_max_delay=15.0))
    assert [0.75 * whole < wait <= whole for wait, whole in zip(found, [10, 15, 15], strict=True)] == [True] * 3


def limited(*headers: tuple[str, str]) -> Answer:
    return Answer([b'{"error":{"message":"Slow down."}}'], status=429, headers=(*JSON, *headers))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ((("retry-after", "7"),), 7.0),
        ((("retry-after", "0.25"),), 0.25),
        ((("retry-after-ms", "1500"), ("retry-after", "7")), 1.5),
        ((("retry-after", "60"),), 60.0),
    ],
)
def test_the_server_says_how_long_to_wait(headers: tuple[tuple[str, str], ...], wait: float) -> None:
    done = call(limited(*headers), Answer([REPLY]))
    assert waits(done) == [wait]
    assert done.result.attempts[0].failure.retry_after == wait


def test_a_date_counts_from_now_where_the_response_has_none_of_its_own() -> None:
    # 1000 s after the epoch is 00:16:40.
    done = call(limited(("retry-after", "Thu, 01 Jan 1970 00:17:10 GMT")), Answer([REPLY]))
    assert waits(done) == [30.0]
    assert done.result.attempts[0].failure.retry_after == 30.0


def test_a_success_that_names_a_wait_does_not_mean_the_error_in_it() -> None:
    """Recorded: Anthropic and Hugging Face send `retry-after` with a 200."""
    body = HELLO + event(error={"message": "Overloaded.", "type": "overloaded_error"})
    done = call(Answer([body], headers=(*SSE, ("retry-after", "58"))), Answer([REPLY]))
    assert waits(done)[0] <= 0.5
    assert done.result.attempts[0].failure.retry_after is None


def test_a_wait_of_nothing_says_nothing() -> None:
    assert waits(call(limited(("retry-after", "0")), Answer([REPLY])))[0] > 0.3


def test_a_wait_of_more_than_a_minute_is_the_callers_to_know() -> None:
    done = call(limited(("retry-after", "61")))
    assert (done.took, done.result.error.retry_after, done.result.error.kind) == (0.0, 61.0, "rate_limit")
    assert waits(call(limited(("retry-after", "61")), Answer([REPLY]), retry_after_limit=61.0)) == [61.0]


def test_waits_that_a_rate_limit_asks_for_cost_no_retry_within_their_budget() -> None:
    """90 s of them, and then the two retries."""
    done = call(*[limited(("retry-after", "30"))] * 9)
    assert waits(done) == [30.0] * 5
    assert [(each.retry_in, each.counted) for each in done.result.attempts] == [
        (30.0, False),
        (30.0, False),
        (30.0, False),
        (30.0, True),
        (30.0, True),
        (None, True),
    ]
    assert (done.result.error.kind, done.took) == ("rate_limit", 150.0)
    assert len(call(*[limited(("retry-after", "30"))] * 9, throttle_budget=0.0).calls) == 3
    assert len(call(*[limited(("retry-after", "30"))] * 9, max_retries=0).calls) == 1


def test_what_was_throttled_does_not_lengthen_the_waits_of_retries() -> None:
    done = call(limited(("retry-after", "3")), BUSY, Answer([REPLY]))
    assert [attempt.counted for attempt in done.result.attempts] == [False, True, True]
    assert 0.375 < waits(done)[1] <= 0.5


def test_a_used_up_quota_is_never_tried_again() -> None:
    body = b'{"error":{"message":"Pay.","code":"insufficient_quota"}}'
    headers = (*JSON, ("retry-after", "1"), ("x-should-retry", "true"))
    done = call(Answer([body], status=429, headers=headers))
    assert (done.result.error.kind, done.result.error.retry_after, len(done.calls)) == ("quota", 1.0, 1)


def test_the_ledger_says_what_each_attempt_brought_and_cost() -> None:
    cut_short = Answer([HELLO + event(use=[3, 1]) + event(say="Hel")], ending="connection")
    done = call(cut_short, Answer([HELLO]), BUSY, retry_after_output=True)
    first, second, third = done.result.attempts
    assert (first.output, first.usage) == (True, LlmUsage(3, output_tokens=1, raw={"use": [3, 1]}))
    assert (second.output, second.usage) == (False, None)
    assert (third.output, third.usage, third.status) == (False, None, 500)
    assert [first.retry_in, second.retry_in, third.retry_in] == [*map(pytest.approx, waits(done)), None]


# --- cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "at", "text"),
    [
        (Answer(connect=None), 1.0, ""),
        (Answer(head=None), 1.0, ""),
        (Answer(ending="hang"), 1.0, ""),
        (Answer([HELLO, event(say="Hel")], gap=0.1, ending="hang"), 1.0, "Hel"),
    ],
)
def test_cancelled_it_keeps_what_came_and_closes_what_was_open(answer: Answer, at: float, text: str) -> None:
    done = call(answer, cancel_at=at)
    assert (done.took, done.result.text, done.result.stop_reason) == (at, text, "aborted")
    assert done.result.error == Failure("cancelled", "cancelled by the caller")
    assert failures(done.result) == ["cancelled"]
    assert Abort(1) in done.outputs
    starts = [each for each in done.events if isinstance(each, TextStart)]
    assert len(starts) == len([each for each in done.events if isinstance(each, TextEnd)])


def test_cancelled_while_waiting_for_the_next_attempt() -> None:
    done = call(BUSY, cancel_at=0.1)
    assert not [each for each in done.outputs if isinstance(each, Abort)]
    assert (done.result.stop_reason, failures(done.result)) == ("aborted", ["server"])


def test_cancelled_in_the_second_attempt_both_are_in_the_ledger() -> None:
    done = call(BUSY, Answer(connect=None), cancel_at=3.0)
    assert failures(done.result) == ["server", "cancelled"]
    assert [attempt.number for attempt in done.result.attempts] == [1, 2]


def test_cancelled_while_an_error_is_read_on_nothing_is_tried_again() -> None:
    error = event(error={"message": "Busy.", "type": "overloaded_error"})
    done = call(Answer([HELLO + event(say="a") + error], ending="hang"), cancel_at=0.5, retry_after_output=True)
    assert (done.took, done.result.stop_reason, failures(done.result)) == (0.5, "aborted", ["cancelled"])


def test_cancelled_before_its_start_it_is_a_mistake_of_the_driver() -> None:
    with pytest.raises(LocalProtocolError, match="after its start"):
        exchange().receive(Cancelled(), START)


# --- every state and every happening ---------------------------------------------------------------------------------


def told(id: int) -> list[Any]:
    return [
        Connected(id),
        HeadReceived(id, 200, SSE),
        BodyReceived(id, event(say="x")),
        BodyReceived(id, b"data: {]\n\n"),
        BodyEnded(id),
        Failed(id, "connection", "gone"),
        ToolReturned(id, "x"),
        HostAnswered(id, "x"),
    ]


def states() -> dict[str, list[Any]]:
    """What brings an exchange into each of its states."""
    head = [Connected(1), HeadReceived(1, 200, SSE)]
    return {
        "new": [],
        "connecting": [None],
        "connected": [None, Connected(1)],
        "head": [None, *head],
        "saying": [None, *head, BodyReceived(1, HELLO + event(say="a"))],
        "draining": [None, *head, BodyReceived(1, REPLY)],
        "waiting": [None, Failed(1, "connection", "refused")],
        "again": [None, Failed(1, "connection", "refused"), Woke()],
        "done": [None, *head, BodyReceived(1, REPLY), BodyEnded(1)],
    }


def bring(steps: list[Any]) -> tuple[Exchange, float]:
    machine, now = exchange(), START
    for step in steps:
        if step is None:
            machine.start(now)
        else:
            now = machine.wake_at if isinstance(step, Woke) and machine.wake_at is not None else now
            machine.receive(step, now)
    return machine, now


@pytest.mark.parametrize("state", states())
def test_every_happening_in_every_state_has_an_answer_or_is_a_mistake_of_the_driver(state: str) -> None:
    for happening in [*told(0), *told(1), *told(2), *told(7), Woke(), Cancelled()]:
        machine, now = bring(states()[state])
        at = machine.wake_at if isinstance(happening, Woke) and machine.wake_at is not None else now
        try:
            outputs = machine.receive(happening, at)
        except LocalProtocolError:
            machine, now = bring(states()[state])
            outputs = []
        over = state == "done" or any(isinstance(each, Done) for each in outputs)
        assert over == (machine.wake_at is None) or state == "new"
        assert [isinstance(each, Done) for each in outputs[:-1]] == [False] * len(outputs[:-1])


def test_ids_never_issued_are_refused_and_finished_ones_are_silence() -> None:
    machine, now = bring(states()["again"])
    for happening in [*told(1)[:6], HostAnswered(1, "x")]:
        assert machine.receive(happening, now) == []
    for happening in [*told(0)[:6], *told(3)[:6], HostAnswered(3, "x")]:
        with pytest.raises(LocalProtocolError, match="answers no effect"):
            machine.receive(happening, now)
    with pytest.raises(LocalProtocolError, match="nothing that an Exchange asks for"):
        machine.receive(ToolReturned(2, "x"), now)


def test_after_its_end_everything_finished_is_silence() -> None:
    machine, now = bring(states()["done"])
    for happening in [*told(1)[:6], Woke(), Cancelled()]:
        assert machine.receive(happening, now) == []
    assert machine.restart(now) == []
    assert machine.wake_at is None


@pytest.mark.parametrize("happening", [BodyReceived(1, b"x"), BodyEnded(1)])
def test_a_body_before_its_head_is_a_mistake_of_the_driver(happening: Any) -> None:
    machine, now = bring(states()["connected"])
    with pytest.raises(LocalProtocolError, match="before its head"):
        machine.receive(happening, now)


def test_a_second_head_is_a_mistake_of_the_driver() -> None:
    machine, now = bring(states()["head"])
    with pytest.raises(LocalProtocolError, match="a second head"):
        machine.receive(HeadReceived(1, 200, SSE), now)


def test_a_late_connected_does_not_move_the_deadline() -> None:
    machine, now = bring(states()["head"])
    at = machine.wake_at
    assert machine.receive(Connected(1), now + 5) == []
    assert machine.wake_at == at


def test_ids_are_shared_with_a_parent() -> None:
    ids = Ids(41)
    machine = exchange(ids=ids)
    (effect,) = machine.start(START)
    assert effect.id == 42
    assert machine.receive(Failed(3, "other", "a sibling's"), START) == []


# --- saved and restored ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", states())
def test_a_copy_compares_prints_and_holds_no_secret(state: str) -> None:
    machine, _ = bring(states()[state])
    for saved in (copy.deepcopy(machine), pickle.loads(pickle.dumps(machine))):
        assert saved == machine
        assert repr(saved) == repr(machine)
    assert "k-1" not in repr(machine)


@pytest.mark.parametrize("state", ["connecting", "head", "saying"])
def test_restarted_a_call_in_flight_is_made_again_and_what_it_said_is_withdrawn(state: str) -> None:
    machine, now = bring(states()[state])
    machine = pickle.loads(pickle.dumps(machine))
    reset, effect = machine.restart(now + 99)
    assert (reset.attempt, reset.failure.kind) == (2, "connection")
    assert (effect.id, isinstance(effect, CallHttp)) == (2, True)
    assert machine.receive(BodyReceived(1, REPLY), now + 99) == []
    machine.receive(HeadReceived(2, 200, SSE), now + 100)
    machine.receive(BodyReceived(2, REPLY), now + 100)
    outputs = machine.receive(BodyEnded(2), now + 100)
    assert outputs[-1].result.text == "Hello."
    assert failures(outputs[-1].result) == ["connection", None]
    assert [(each.retry_in, each.counted) for each in outputs[-1].result.attempts] == [(0.0, False), (None, True)]


def test_restarted_with_its_answer_whole_it_ends_with_that() -> None:
    machine, now = bring(states()["draining"])
    *_, done = pickle.loads(pickle.dumps(machine)).restart(now)
    assert (done.result.text, done.result.error) == ("Hello.", None)


@pytest.mark.parametrize("state", ["new", "waiting", "done"])
def test_restarted_with_nothing_in_flight_nothing_is_made_again(state: str) -> None:
    machine, now = bring(states()[state])
    assert machine.restart(now) == []


# --- partial ---------------------------------------------------------------------------------------------------------


def test_partial_is_there_at_any_time() -> None:
    machine, now = bring(states()["new"])
    assert machine.partial.error == Failure("connection", "no response had begun")
    machine, now = bring(states()["connecting"])
    assert (machine.partial.text, machine.partial.api, machine.partial.provider) == ("", "tiny", "test")
    machine, now = bring(states()["saying"])
    assert machine.partial.text == "a"
    machine, now = bring(states()["waiting"])
    assert [attempt.number for attempt in machine.partial.attempts] == [1]
    machine, now = bring(states()["again"])
    assert machine.partial.error == Failure("connection", "refused", retryable=True)


# --- decoders that keep the protocol more loosely than ours ----------------------------------------------------------


class Rough(TinyDecoder):
    """Faults are raised at once, also after the end, and finish() gives no failure."""

    def receive(self, data: bytes) -> list[StreamEvent]:
        if data.startswith(b"!"):
            raise RemoteProtocolError("rough")
        return super().receive(data)

    def end(self) -> list[StreamEvent]:
        if self.status == 299:
            raise RemoteProtocolError("rough end")
        return super().end()

    def finish(self) -> LlmResponse:
        if self.status == 299:
            raise RemoteProtocolError("rough finish")
        return super().finish()


class RoughCodec(Tiny):
    def decoder(self, *, status: int, headers: Any, model: Any = None) -> Rough:
        return Rough("rough", None, status, tuple(headers), None)


def test_a_fault_without_a_failure_is_a_protocol_failure() -> None:
    done = call(Answer([HELLO + event(say="a"), b"!"], gap=0.1, ending="hang"), codec=RoughCodec())
    assert done.result.error == Failure("protocol", "rough")
    result = call(Answer([b"x"], status=299), codec=RoughCodec()).result
    assert result.error == Failure("protocol", "rough finish")


def test_a_fault_after_the_end_is_a_success_with_any_decoder() -> None:
    done = call(Answer([REPLY, b"!"], gap=0.1, ending="hang"), codec=RoughCodec())
    assert (done.result.text, done.result.error) == ("Hello.", None)


def test_the_request_id_of_a_failed_attempt_is_in_its_failure_and_in_the_ledger() -> None:
    headers = (*JSON, ("request-id", "req-9"))
    result = call(Answer([b"{}"], status=400, headers=headers)).result
    assert (result.error.request_id, result.attempts[0].request_id, result.request_id) == ("req-9",) * 3
    result = call(Answer([HELLO + event(say="a")], headers=(*SSE, ("request-id", "req-9")), ending="connection")).result
    assert (result.error.request_id, result.attempts[0].request_id) == ("req-9", "req-9")


def test_a_key_that_the_server_says_back_is_hidden() -> None:
    key = KeyAuth("tiny", "authorization", Secret("plainkey-9f8e7d"))
    said = b'{"error": {"message": "no such key: plainkey-9f8e7d", "param": ["Bearer plainkey-9f8e7d", 1]}}'
    refusal = Answer([said], status=401, headers=(("content-type", "application/json"),))
    response = call(refusal, auth=key, extra_headers={"x-other": Secret("another-secret")}).result
    assert response.error is not None
    assert response.error.message == "no such key: ***"
    assert response.error.raw == {"message": "no such key: ***", "param": ["Bearer ***", 1]}
    assert "plainkey" not in repr(response)


@pytest.mark.parametrize("own", [{"Authorization": Secret("Bearer mine")}, {"authorization": None}])
def test_a_header_of_the_callers_own_stands_for_a_missing_key(own: Any) -> None:
    (sent,) = exchange(auth=KeyAuth("tiny"), extra_headers=own).start(START)
    assert dict(sent.headers).get("authorization") == own.get("Authorization")
    with pytest.raises(MissingCredential):
        exchange(auth=KeyAuth("tiny"), extra_headers={"x-other": "1"}).start(START)
