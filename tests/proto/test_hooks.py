"""What the host is asked in a call: the body before it goes out, the head of what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.codec import Route
from lash_proto.effects import Abort, AskHost, CallHttp
from lash_proto.exchange import ON_PAYLOAD, ON_RESPONSE, Exchange
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import (
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    Woke,
)
from lash_proto.http import ResponseHead
from lash_proto.machine import Done
from lash_proto.messages import ImagePart, ImageRequest, LlmRequest, ProviderOptions, TextPart
from lash_proto.models import ModelSpec
from lash_proto.providers import anthropic, openai
from lash_proto.providers.handle import KeyAuth
from lash_proto.replies import AttemptReset
from lash_proto.testing import check_machine
from lash_proto.values import Secret
from tests.fake_world import SSE, START, Answer, Run, cut, run
from tests.proto.tiny import HELLO, REPLY, Tiny, event

KEY = KeyAuth("tiny", "authorization", Secret("k-123456"))
HEADERS = (*SSE, ("x-request-id", "req-1"))


def exchange(*hooks: str, **options: Any) -> Exchange:
    return Exchange(
        Route("https://api.example/v1", Tiny()),
        KEY,
        LlmRequest("Hi", options=ProviderOptions(**options)),
        ModelSpec("tiny-1"),
        seed=b"seed",
        hooks=frozenset(hooks),
    )


def asks(done: Run) -> list[tuple[str, Any]]:
    return [(each.name, each.value) for each in done.outputs if isinstance(each, AskHost)]


def body_of(call: CallHttp) -> Any:
    return json.loads(call.body)


def hold_the_laws(make: Any, done: Run) -> None:
    assert check_machine(make, done.trace, now=START) == done.outputs


def driven(machine: Exchange, *happenings: Any, now: float = START) -> tuple[list[Any], Any]:
    """What a machine put out when it was told this, and its result."""
    outputs = list(machine.start(now))
    for happening in happenings:
        outputs += machine.receive(happening, now)
    return outputs, outputs[-1].result if isinstance(outputs[-1], Done) else None


def of(outputs: list[Any], *kinds: type) -> list[Any]:
    return [each for each in outputs if isinstance(each, kinds)]


# --- the body --------------------------------------------------------------------------------------------------------


def test_nobody_is_asked_where_nobody_listens() -> None:
    assert asks(run(exchange(), [Answer([REPLY])])) == []


def test_a_hook_sees_the_body_and_none_leaves_it() -> None:
    done = run(exchange(ON_PAYLOAD), [Answer([REPLY])], host=lambda effect: (0.0, None))
    assert asks(done) == [(ON_PAYLOAD, {"model": "tiny-1", "messages": [["user", "Hi"]]})]
    assert body_of(done.calls[0]) == {"model": "tiny-1", "messages": [["user", "Hi"]]}
    assert (done.result.text, done.result.notes) == ("Hello.", ())
    hold_the_laws(lambda: exchange(ON_PAYLOAD), done)


@pytest.mark.parametrize("given", [{"model": "other", "lone": "\ud83d"}, b'{"model":"other","lone":"\xef\xbf\xbd"}'])
def test_what_it_returns_is_sent_instead_and_noted(given: Any) -> None:
    done = run(exchange(ON_PAYLOAD), [Answer([REPLY])], host=lambda effect: (0.0, given))
    assert done.calls[0].body == '{"model":"other","lone":"\ufffd"}'.encode()
    assert done.result.notes == ("on_payload replaced the body",)


def test_it_is_asked_once_and_every_attempt_sends_what_it_gave() -> None:
    told: list[int] = []

    def host(effect: AskHost) -> tuple[float, Any]:
        told.append(effect.id)
        return 0.5, {"model": "other"}

    done = run(exchange(ON_PAYLOAD), [Answer([b"busy"], status=503), Answer([REPLY])], host=host)
    assert told == [1]
    assert [body_of(call) for call in done.calls] == [{"model": "other"}] * 2
    assert [call.id for call in done.calls] == [2, 3]
    hold_the_laws(lambda: exchange(ON_PAYLOAD), done)


@pytest.mark.parametrize(
    "given", [[], "text", 3, {"a": float("nan")}, {"a": object()}, {("a",): 1}], ids=lambda value: repr(value)[:12]
)
def test_what_is_no_body_ends_the_call_before_anything_is_sent(given: Any) -> None:
    done = run(exchange(ON_PAYLOAD), host=lambda effect: (0.0, given))
    assert done.calls == []
    assert (done.result.stop_reason, done.result.error.kind, done.result.attempts) == ("error", "other", ())
    assert done.result.error.message.startswith("on_payload gave what no body can be made of (")


def test_a_body_without_end_is_none() -> None:
    endless: dict[str, Any] = {}
    deep = endless
    for _ in range(100_000):
        deep["a"] = deep = {}
    outputs, response = driven(exchange(ON_PAYLOAD), HostAnswered(1, endless))
    assert response.error.kind == "other"
    assert of(outputs, CallHttp) == []


def test_a_form_is_given_as_bytes() -> None:
    picture = ImagePart(b"\x89PNG\r\n\x1a\n", "image/png")
    request = ImageRequest([TextPart("Without the hat"), picture])
    (ask,) = openai("a key").exchange(request, "gpt-image-2", hooks=[ON_PAYLOAD]).start(START)
    assert ask.value.startswith(b"--")
    assert b"Without the hat" in ask.value


def test_a_body_deeper_than_lash_reads_is_given_as_bytes() -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    (ask,) = exchange(ON_PAYLOAD, extra_body={"deep": deep}).start(START)
    assert ask.value.endswith(b'"x"' + b"]" * 300 + b"}")


# --- the head --------------------------------------------------------------------------------------------------------


def test_a_hook_sees_the_head_of_every_attempt_before_its_events() -> None:
    head = (*HEADERS, ("set-cookie", "a=b"))
    done = run(
        exchange(ON_RESPONSE),
        [Answer([b"busy"], status=503), Answer(cut(REPLY, 7), headers=head)],
        host=lambda effect: (0.0, "not looked at"),
    )
    assert asks(done) == [(ON_RESPONSE, ResponseHead(503, SSE)), (ON_RESPONSE, ResponseHead(200, HEADERS))]
    assert done.result.text == "Hello."
    hold_the_laws(lambda: exchange(ON_RESPONSE), done)


def test_what_comes_while_it_answers_waits_for_it() -> None:
    machine = exchange(ON_RESPONSE)
    outputs, _ = driven(machine, Connected(1), HeadReceived(1, 200, SSE), BodyReceived(1, REPLY), BodyEnded(1))
    assert [type(each) for each in outputs] == [CallHttp, AskHost]
    assert machine.wake_at is None  # however long it takes, it is not the server who is late
    rest = machine.receive(HostAnswered(2, None), START + 10_000)
    assert rest[-1].result.text == "Hello."
    assert of(rest, Abort) == []


def test_after_its_answer_the_first_event_has_its_whole_time() -> None:
    machine = exchange(ON_RESPONSE, first_event_timeout=5.0)
    driven(machine, HeadReceived(1, 200, SSE))
    machine.receive(HostAnswered(2, None), START + 60)
    assert machine.wake_at == START + 65


def test_a_reply_that_ended_broken_meanwhile_is_not_dropped_twice() -> None:
    machine = exchange(ON_RESPONSE, max_retries=0)
    driven(machine, HeadReceived(1, 200, SSE), BodyReceived(1, b"data: {]\n\n"), BodyEnded(1))
    outputs = machine.receive(HostAnswered(2, None), START)
    assert outputs[-1].result.error.kind == "protocol"
    assert of(outputs, Abort) == []


def test_an_attempt_that_failed_meanwhile_is_tried_again() -> None:
    machine = exchange(ON_RESPONSE)
    driven(machine, HeadReceived(1, 200, SSE), Failed(1, "connection", "gone"))
    assert machine.receive(HostAnswered(2, None), START) == []
    assert machine.wake_at is not None
    again = machine.receive(Woke(), machine.wake_at)
    assert [type(each) for each in again] == [AttemptReset, CallHttp]


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_hook_that_fails_ends_the_call() -> None:
    outputs, response = driven(exchange(ON_PAYLOAD), Failed(1, "other", "ValueError: the key k-123456 is old"))
    assert (response.error.kind, response.error.message) == ("other", "ValueError: the key *** is old")
    assert (of(outputs, CallHttp, Abort), response.attempts) == ([], ())


@pytest.mark.parametrize("whole", [True, False])
def test_a_head_hook_that_fails_ends_the_call_whatever_has_come(whole: bool) -> None:
    body = [BodyReceived(1, HELLO + event(say="Hel")), *([BodyReceived(1, REPLY), BodyEnded(1)] if whole else [])]
    outputs, response = driven(exchange(ON_RESPONSE), HeadReceived(1, 200, SSE), *body, Failed(2, "other", "no"))
    assert response.text.startswith("Hel")
    assert (response.stop_reason, response.error.kind, len(response.attempts)) == ("error", "other", 1)
    assert of(outputs, Abort) == ([] if whole else [Abort(1)])


def test_what_stood_before_a_fault_is_kept() -> None:
    body = HELLO + event(say="Hel")
    _, response = driven(
        exchange(ON_RESPONSE),
        HeadReceived(1, 200, SSE),
        BodyReceived(1, body + b"data: {]\n\n"),
        BodyReceived(1, event(say="lo")),
        Cancelled(),
    )
    assert (response.text, response.stop_reason) == ("Hel", "aborted")


@pytest.mark.parametrize("hook", [ON_PAYLOAD, ON_RESPONSE])
def test_a_call_can_be_cancelled_while_the_host_is_asked(hook: str) -> None:
    before = [] if hook == ON_PAYLOAD else [HeadReceived(1, 200, SSE), BodyReceived(1, HELLO + event(say="Hel"))]
    outputs, response = driven(exchange(hook), *before, Cancelled())
    assert response.stop_reason == "aborted"
    assert of(outputs, Abort) == ([Abort(1)] if hook == ON_PAYLOAD else [Abort(2), Abort(1)])
    assert response.text == ("" if hook == ON_PAYLOAD else "Hel")


@pytest.mark.parametrize("hook", [ON_PAYLOAD, ON_RESPONSE])
def test_the_whole_calls_deadline_holds_while_the_host_is_asked(hook: str) -> None:
    machine = exchange(hook, total_timeout=7.0)
    driven(machine, *([] if hook == ON_PAYLOAD else [HeadReceived(1, 200, SSE)]))
    assert machine.wake_at == START + 7
    assert machine.receive(Woke(), START + 6) == []
    result = machine.receive(Woke(), START + 7)[-1].result
    assert (result.error.kind, result.error.retryable) == ("timeout", False)
    assert result.error.message == "the call took longer than its total_timeout"
    assert machine.receive(HostAnswered(machine.ids.last, {}), START + 8) == []


def test_a_hook_is_asked_again_after_a_restart() -> None:
    machine = exchange(ON_PAYLOAD)
    machine.start(START)
    assert machine.restart(START) == [AskHost(2, ON_PAYLOAD, {"model": "tiny-1", "messages": [["user", "Hi"]]})]
    assert machine.receive(HostAnswered(1, {"model": "stale"}), START) == []
    (call,) = machine.receive(HostAnswered(2, None), START)
    assert body_of(call)["model"] == "tiny-1"


def test_a_call_is_made_again_after_a_restart_in_its_head() -> None:
    machine = exchange(ON_RESPONSE)
    driven(machine, HeadReceived(1, 200, SSE), BodyReceived(1, REPLY))
    reset, call = machine.restart(START + 1)
    assert [type(reset), type(call)] == [AttemptReset, CallHttp]
    assert machine.receive(HostAnswered(2, None), START + 1) == []
    outputs = [
        *machine.receive(HeadReceived(call.id, 200, SSE), START + 1),
        *machine.receive(HostAnswered(call.id + 1, None), START + 1),
        *machine.receive(BodyReceived(call.id, REPLY), START + 1),
        *machine.receive(BodyEnded(call.id), START + 1),
    ]
    assert outputs[-1].result.text == "Hello."
    assert [attempt.number for attempt in outputs[-1].result.attempts] == [1, 2]


def test_an_answer_that_nobody_asked_for_is_a_mistake_of_the_driver() -> None:
    machine = exchange()
    machine.start(START)
    with pytest.raises(LocalProtocolError):
        machine.receive(HostAnswered(2, None), START)


def test_a_handle_tells_its_exchange_who_listens() -> None:
    machine = anthropic("a key").exchange(LlmRequest("Hi."), "m", hooks=[ON_PAYLOAD])
    (ask,) = machine.start(0.0)
    (message,) = ask.value["messages"]
    assert message["content"] == [{"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}}]


def test_an_answer_that_ended_before_the_host_says_nothing_of_the_next_attempt() -> None:
    """It is dropped like any other that hangs."""
    busy, hangs = Answer([b"busy"], status=500), Answer([HELLO], ending="hang")
    how: dict[str, Any] = {"max_retries": 1, "total_timeout": 60.0}
    done = run(exchange(ON_RESPONSE, **how), [busy, hangs], host=lambda effect: (0.1, None))
    assert (done.result.error.kind, done.took) == ("timeout", 60.0)
    assert of(done.outputs, Abort) == [Abort(done.calls[1].id)]
    hold_the_laws(lambda: exchange(ON_RESPONSE, **how), done)
