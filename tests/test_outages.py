"""Outages by the thousand: the real call machine against a server that fails in every way it can, on virtual time.

An outage is a seed. From it come the dialect, the reply that is true, the settings, and how each attempt goes: refused,
lost, late, stalled, dripping, cut at any byte, broken by garbage, answered by errors with and without a Retry-After, or
by 401 since the token has expired; and whether the caller gives up. What must hold is written down beside it and not
asked of the machine: no text twice, none lost, nothing of it untrue, no attempt after the deadline, budgets kept, no
call given up that had a retry left, one end. `LASH_OUTAGE=n` runs one seed alone, as a failure says.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.effects import Abort, AskHost, CallHttp
from lash_proto.exchange import ON_RESPONSE, Exchange
from lash_proto.failures import FailureKind
from lash_proto.faux import FauxError, FauxReply
from lash_proto.happenings import BodyEnded, Failed, HostAnswered
from lash_proto.machine import Done
from lash_proto.messages import LlmRequest, ProviderOptions, ReasoningPart, TextPart, ToolCallPart
from lash_proto.models import ModelSpec
from lash_proto.renewal import ON_RENEW, ON_RENEWED
from lash_proto.replies import Attempt, AttemptReset, LlmResponse, ReasoningDelta, ResponseEnd, TextDelta, ToolCallDelta
from lash_proto.testing import check_machine
from lash_proto.values import Secret
from tests.fake_world import SSE, START, Answer, Refused, Run, rendered, run
from tests.toy_auth import TOKEN_URL, ToyAuth

NUMBER = 10_000 if os.environ.get("LASH_HYPOTHESIS_PROFILE") == "soak" else 1_000
BATCHES = 10
LAWS_EVERY = 40  # a run told again with a copy of the machine after every step costs twenty others

CHATS = tuple(api for api in CODECS if not api.endswith("-images"))
TEXT = "The rain in Spain stays mainly in the plain. Grüße, 世界 😀."
REPLIES = (
    FauxReply(TEXT, piece=7),
    FauxReply((ReasoningPart("Hm, let me think of that."), TextPart(TEXT)), piece=9),
    FauxReply((TextPart(TEXT), ToolCallPart("call_1", "weather", {"city": "Oslo", "days": [1, 2]})), piece=5),
)

# The bytes without which an answer is not whole (WIRE 12.1).
EVIDENCE = {
    "openai-completions": (b'"finish_reason":"stop"', b'"finish_reason":"tool_calls"'),
    "openai-responses": (b'"type":"response.completed"',),
    "anthropic-messages": (b'"type":"message_stop"',),
    "google-generative-ai": (b'"finishReason":',),
    "google-code-assist": (b'"finishReason":',),
}
PINGS = (b": ping\n\n", b"\n")
JSON = (("content-type", "application/json"),)
PLAIN = (("content-type", "text/plain"),)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Status, kind, whether it is worth another try (WIRE 12.2).
ERRORS: tuple[tuple[int, FailureKind, bool], ...] = (
    (429, "rate_limit", True),
    (429, "rate_limit", True),  # the most common, and so more often than others
    (429, "rate_limit", True),
    (429, "rate_limit", True),
    (429, "rate_limit", True),
    (500, "server", True),
    (502, "server", True),
    (503, "overloaded", True),
    (529, "overloaded", True),
    (504, "timeout", True),
    (402, "quota", False),
    (400, "invalid_request", False),
    (403, "permission", False),
)


@cache
def chunks_of(api: str, number: int, stream: bool, kind: FailureKind | None) -> tuple[bytes, ...]:
    """A true reply in a dialect's bytes, an event a chunk; with an error of that kind behind what it says."""
    reply = REPLIES[number]
    if kind is not None:
        reply = FauxReply(reply.content, error=FauxError(kind, "Oops."), piece=reply.piece)
    return rendered(CODECS[api], reply, stream=stream).chunks


@cache
def error_of(api: str, status: int, kind: FailureKind) -> bytes:
    return rendered(CODECS[api], FauxReply(error=FauxError(kind, "Oops.", status)), stream=True).body


class Told(NamedTuple):
    """What the server decided for one attempt. None: that depends on where exactly it was cut."""

    whole: bool | None
    worth: bool | None = None  # whether it is worth another try
    asked: float | None = None  # the wait it asked for


class Outage:
    """One seed's settings and server."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = random.Random(f"outage {seed}")
        self.api = chance.choice(CHATS)
        self.number = chance.randrange(len(REPLIES))
        self.stream = chance.random() < 0.9
        self.after_output = chance.random() < 0.4
        self.retries = chance.choice((0, 1, 2, 2, 3, 6))
        self.base = chance.choice((0.0, 0.1, 0.5, 2.0))
        self.longest = chance.choice((0.5, 8.0, 30.0))
        self.limit = chance.choice((60.0, 60.0, 5.0, None))
        self.budget = chance.choice((90.0, 90.0, 10.0, 0.0, None if self.limit == 5.0 else 300.0))
        self.total = chance.choice((None, None, None, 2.0, 20.0, 100.0, 400.0))
        self.cancel_at = chance.choice((None,) * 12 + (0.0, chance.uniform(0, 200), chance.uniform(0, 20)))
        self.hooks = frozenset(chance.choice(((), (), (), (ON_RESPONSE,), (ON_RENEW, ON_RENEWED))))
        self.pause = chance.choice((0.0, 0.0, 0.5, 30.0))  # of whoever answers them
        self.health = chance.choice((0.0, 0.1, 0.3, 0.6))  # how often an attempt goes well
        self.token = 0 if chance.random() < 0.7 else 1  # which is taken; the machine begins with the first
        self.expires = chance.choice((None, None, chance.uniform(0, 60)))
        self.known = START + self.expires if self.expires is not None and chance.random() < 0.5 else None
        self.told: list[Told] = []
        self.renewals = 0

    def machine(self) -> Exchange:
        options = ProviderOptions(
            max_retries=self.retries,
            retry_base_delay=self.base,
            retry_max_delay=self.longest,
            retry_after_limit=self.limit,
            throttle_budget=self.budget,
            total_timeout=self.total,
        )
        return Exchange(
            Route("https://model.test", CODECS[self.api]),
            ToyAuth(Secret("token-0"), expires_at=self.known),
            LlmRequest("Hi", options=options),
            ModelSpec("test-model"),
            stream=self.stream,
            seed=b"outage",
            retry_after_output=self.after_output,
            hooks=self.hooks,
        )

    # --- the server ------------------------------------------------------------------------------------------------

    def answer(self, call: CallHttp, now: float) -> Answer | Refused:
        if call.url == TOKEN_URL:
            return self._token()
        key = dict(call.headers)["authorization"]
        assert isinstance(key, Secret)
        if self.expires is not None and now >= START + self.expires:
            self.token, self.expires = self.token + 1, None
        if key.reveal() != f"Bearer token-{self.token}":
            self.told.append(Told(False, False))
            return Answer([error_of(self.api, 401, "authentication")], status=401, headers=JSON)
        chance = self.chance
        if chance.random() < self.health:
            return self._whole()
        fault = chance.choice((self._no_answer, self._error, self._error, self._error_inside, self._broken, self._page))
        return fault(now)

    def _token(self) -> Answer | Refused:
        self.renewals += 1
        match self.chance.randrange(8):
            case 0:
                return Answer([b"no"], status=400, headers=PLAIN)
            case 1:
                return Refused()
            case 2:
                return Answer(head=None)
            case _:
                return Answer([b"token-%d" % self.token], headers=PLAIN, head=self.chance.uniform(0, 3))

    def _chunks(self, kind: FailureKind | None = None) -> list[bytes]:
        return list(chunks_of(self.api, self.number, self.stream, kind))

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return SSE if self.stream else JSON

    def _whole(self) -> Answer:
        self.told.append(Told(True))
        pieces = self._chunks()
        if self.stream and self.chance.random() < 0.3:
            for _ in range(3):
                pieces.insert(self.chance.randrange(len(pieces)), self.chance.choice(PINGS))
        if self.chance.random() < 0.3:
            pieces = self._cut_anywhere(b"".join(pieces))
        slow = self.chance.choice((0.0, 0.01, 1.0))  # 60 pieces of a second are no idle time
        return Answer(pieces, 200, self._headers(), self.chance.choice((0.0, 0.3, 9.0)), slow, slow)

    def _cut_anywhere(self, body: bytes) -> list[bytes]:
        places = sorted(self.chance.sample(range(len(body) + 1), 6))
        return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]

    def _no_answer(self, now: float) -> Answer | Refused:
        self.told.append(Told(False, True))
        match self.chance.randrange(5):
            case 0:
                return Refused(after=self.chance.uniform(0, 9))
            case 1:
                return Refused("timeout", self.chance.uniform(0, 9))
            case 2:
                return Answer(connect=None)
            case 3:
                return Answer(head=None)
            case _:
                return Answer(list(PINGS) * 40, gap=3.0, ending="hang")

    def _error(self, now: float) -> Answer:
        status, kind, worth = self.chance.choice(ERRORS)
        headers: list[tuple[str, str]] = list(JSON)
        asked = self.chance.choice((None, None, 0.0, 0.25, 1.0, 3.0, 20.0, 59.0, 61.0, 900.0))
        if asked is not None:
            match self.chance.randrange(3):
                case 0:
                    headers.append(("retry-after", f"{asked:g}"))
                case 1:
                    headers.append(("retry-after-ms", f"{asked * 1000:g}"))
                case _:
                    since, asked = EPOCH + timedelta(seconds=1e9), float(round(asked))
                    until = since + timedelta(seconds=asked)
                    form = "%a, %d %b %Y %H:%M:%S GMT"
                    headers += [("retry-after", until.strftime(form)), ("date", since.strftime(form))]
        if self.chance.random() < 0.1:
            said = self.chance.random() < 0.5
            headers.append(("x-should-retry", str(said).lower()))
            worth = said and kind != "quota"
        if kind == "rate_limit" and self.api.startswith("google") and asked is not None and asked > 300:
            worth = False  # WIRE 5g: a quota that is used up
        self.told.append(Told(False, worth, asked or None))
        return Answer([error_of(self.api, status, kind)], status, tuple(headers), head=self.chance.uniform(0, 2))

    def _error_inside(self, now: float) -> Answer:
        _, kind, worth = self.chance.choice(ERRORS)
        self.told.append(Told(False, worth))
        # What a 200 says of waiting is not about the error in it.
        headers = (*self._headers(), ("retry-after", "50"))
        return Answer(self._chunks(kind), 200, headers, gap=self.chance.choice((0.0, 0.5)))

    def _broken(self, now: float) -> Answer:
        chunks = self._chunks()
        body = b"".join(chunks)
        place = self.chance.choice(
            (self.chance.randrange(len(body)), len(b"".join(chunks[: self.chance.randrange(len(chunks))])))
        )
        body = body[:place]
        evidence = any(mark in body for mark in EVIDENCE[self.api])
        ending = self.chance.choice((None, "connection", "connection", "truncated", "hang"))
        garbage = self.stream and not evidence and self.chance.random() < 0.25
        # The evidence may stand in an event that was cut itself, and where a body is no stream it does not stand last.
        self.told.append(Told(None if evidence or not self.stream else False, None if evidence else not garbage))
        if garbage:
            body += b"\n\ndata: {]\n\n"
        return Answer(
            self._cut_anywhere(body) if len(body) > 6 else [body], 200, self._headers(), gap=0.1, ending=ending
        )

    def _page(self, now: float) -> Answer:
        page = b"<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"
        html = (("content-type", "text/html"),)
        status = self.chance.choice((200, 502, 503, 520, 521, 522, 523, 524))
        self.told.append(Told(False, status != 200))
        return Answer(self.chance.choice(([page], [b"{}"], [])) if status != 200 else [page], status, html)


# --- what must hold --------------------------------------------------------------------------------------------------


class Shown:
    """What someone sees who takes back what an AttemptReset withdraws."""

    def __init__(self, events: list[Any]) -> None:
        self.text = self.reasoning = self.arguments = ""
        for event in events:
            if isinstance(event, AttemptReset):
                self.text = self.reasoning = self.arguments = ""
            elif isinstance(event, TextDelta):
                self.text += event.text
            elif isinstance(event, ReasoningDelta):
                self.reasoning += event.text
            elif isinstance(event, ToolCallDelta):
                self.arguments += event.fragment


def check(outage: Outage, done: Run) -> None:
    response: LlmResponse = done.result
    attempts = response.attempts
    one_end(done)
    the_truth(outage, done, response)
    in_time(outage, done)
    the_ledger(outage, done, attempts)
    for attempt in attempts[:-1]:
        worth_another(outage, attempt)
    within_budgets(outage, attempts)
    if response.error is not None:
        not_given_up(outage, done, response)


def one_end(done: Run) -> None:
    assert [isinstance(each, Done) for each in done.outputs].count(True) == 1
    assert isinstance(done.outputs[-1], Done)
    assert [isinstance(each, ResponseEnd) for each in done.events].count(True) == 1
    assert done.events[-1] == ResponseEnd(done.result)
    begun = {each.id for each in done.outputs if isinstance(each, (CallHttp, AskHost))}
    over = [each.id for _, each in done.trace if isinstance(each, (BodyEnded, Failed, HostAnswered))]
    dropped = [each.id for each in done.outputs if isinstance(each, Abort)]
    assert sorted([*set(over) - set(dropped), *dropped]) == sorted(begun)


def the_truth(outage: Outage, done: Run, response: LlmResponse) -> None:
    """No text twice, none that is not true, none lost; what is kept is what was shown."""
    reply = REPLIES[outage.number]
    true_reasoning = "".join(part.text for part in reply.content if isinstance(part, ReasoningPart))
    calls = [part for part in reply.content if isinstance(part, ToolCallPart)]
    shown = Shown(done.events)
    assert (response.text, response.reasoning) == (shown.text, shown.reasoning)
    assert TEXT.startswith(response.text)
    assert true_reasoning.startswith(response.reasoning)
    assert len(response.tool_calls) <= len(calls)
    assert "".join(call.raw_arguments for call in response.tool_calls) == shown.arguments
    whole = outage.told[-1].whole if outage.told else False
    if response.error is None:
        assert whole is not False
        assert (response.text, response.reasoning) == (TEXT, true_reasoning)
        assert [(call.name, dict(call.arguments)) for call in response.tool_calls] == [
            (call.name, dict(call.arguments)) for call in calls
        ]
        assert response.usage is not None or whole is None or late(outage, done)
        assert response.stop_reason == ("tool_use" if calls else "stop")
    elif whole:
        assert response.error.kind == "cancelled" or late(outage, done)


def late(outage: Outage, done: Run) -> bool:
    return outage.total is not None and done.took >= outage.total


def in_time(outage: Outage, done: Run) -> None:
    if outage.total is not None:
        begun = [at for at, each in zip(done.times, done.outputs, strict=True) if isinstance(each, CallHttp)]
        assert all(at < START + outage.total for at in begun)
        assert done.now <= START + outage.total
    if outage.cancel_at is not None:
        assert done.now <= START + outage.cancel_at


def the_ledger(outage: Outage, done: Run, attempts: tuple[Attempt, ...]) -> None:
    begun = [
        at
        for at, each in zip(done.times, done.outputs, strict=True)
        if isinstance(each, CallHttp) and each.url != TOKEN_URL
    ]
    assert [attempt.number for attempt in attempts] == list(range(1, len(outage.told) + 1))
    assert [attempt.started_at for attempt in attempts] == begun
    resets = [each for each in done.events if isinstance(each, AttemptReset)]
    assert [reset.attempt for reset in resets] == list(range(2, len(attempts) + 1))
    assert [reset.failure for reset in resets] == [attempt.failure for attempt in attempts[:-1]]
    for one, two in zip(attempts, attempts[1:], strict=False):
        assert one.retry_in is not None
        assert two.started_at - one.ended_at >= one.retry_in - 1e-6
        if outage.renewals == 0:
            assert two.started_at - one.ended_at == pytest.approx(one.retry_in)


def worth_another(outage: Outage, attempt: Attempt) -> None:
    """What was tried again might be different, and nobody had to unsee anything that he was promised."""
    failure = attempt.failure
    assert failure is not None
    assert outage.after_output or not attempt.output
    told = outage.told[attempt.number - 1]
    assert told.whole is not True
    if failure.kind == "authentication":
        assert not attempt.counted
        return
    assert told.worth is not False
    assert failure.retryable
    assert attempt.retry_in is not None
    if told.asked is not None:
        assert (failure.retry_after, attempt.retry_in) == (told.asked, told.asked)
        assert outage.limit is None or told.asked <= outage.limit
    else:
        assert attempt.retry_in <= outage.longest


def within_budgets(outage: Outage, attempts: tuple[Attempt, ...]) -> None:
    again = [attempt for attempt in attempts if attempt.retry_in is not None]
    free = [attempt for attempt in again if not attempt.counted]
    renewed = [attempt for attempt in free if attempt.failure is not None and attempt.failure.kind == "authentication"]
    throttled = [attempt for attempt in free if attempt not in renewed]
    assert len(again) - len(free) <= outage.retries
    assert len(renewed) <= 1
    assert {attempt.failure.kind for attempt in throttled if attempt.failure} <= {"rate_limit", "overloaded"}
    if outage.budget is not None:
        assert sum(max(attempt.retry_in or 0.0, 1.0) for attempt in throttled) <= outage.budget
    if outage.retries == 0:
        assert throttled == []


def not_given_up(outage: Outage, done: Run, response: LlmResponse) -> None:
    """A call that failed had a reason not to go on."""
    error = response.error
    assert error is not None
    assert response.stop_reason == ("aborted" if error.kind == "cancelled" else "error")
    if error.kind == "cancelled":
        assert done.took == pytest.approx(outage.cancel_at)
        return
    if not response.attempts or response.attempts[-1].retry_in is not None:  # it ended in a wait or a renewal
        assert late(outage, done) or error.kind == "authentication" or outage.renewals
        return
    last = response.attempts[-1]
    used = sum(attempt.counted for attempt in response.attempts[:-1])
    asked = outage.told[-1].asked or 0.0
    waits = max(asked, min(outage.base * 2**used, outage.longest))
    worth = outage.told[-1].worth
    assert worth is None or worth == error.retryable or (late(outage, done) and not error.retryable)
    assert (
        not error.retryable
        or (last.output and not outage.after_output)
        or used >= outage.retries
        or (outage.limit is not None and asked > outage.limit)
        or (outage.total is not None and done.took + waits >= outage.total)
    )


# --- all of them -----------------------------------------------------------------------------------------------------


def outage(seed: int) -> Run:
    """One of them; an AssertionError names its seed."""
    scene = Outage(seed)
    try:
        done = run(scene.machine(), scene.answer, cancel_at=scene.cancel_at, host=lambda effect: (scene.pause, None))
        check(scene, done)
        if seed % LAWS_EVERY == 0:
            assert check_machine(scene.machine, done.trace, now=START) == done.outputs
    except Exception as error:
        raise AssertionError(f"outage {seed} ({scene.api}): LASH_OUTAGE={seed} runs it alone") from error
    return done


def what_happened(done: Run) -> set[str]:
    """What there was to see in a run."""
    response: LlmResponse = done.result
    attempts = response.attempts
    seen: set[str] = {"went well" if response.error is None else response.error.kind}
    for attempt in attempts[:-1]:
        assert attempt.failure is not None
        renewed = attempt.failure.kind == "authentication"
        seen.add("renewed" if renewed else "retried" if attempt.counted else "throttled")
        seen |= {"taken back"} if attempt.output else set()
    return seen | ({"in the end"} if attempts[1:] and response.error is None else set())


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_outage_doubles_loses_or_bends_anything(batch: int) -> None:
    alone = os.environ.get("LASH_OUTAGE")
    if alone is not None:
        outage(int(alone))
        return
    for seed in range(batch, NUMBER, BATCHES):
        outage(seed)


def test_all_of_it_happens() -> None:
    seen = {what for seed in range(200) for what in what_happened(outage(seed))}
    went = {"went well", "renewed", "retried", "throttled", "taken back", "in the end"}
    failed = {"connection", "timeout", "truncated", "protocol", "authentication", "rate_limit", "quota", "overloaded"}
    assert seen >= went | failed | {"server", "cancelled"}
