"""One model call: send, decode, fail, retry, end. The machine that every client drives.

It waits for one thing at a time: an HTTP call in flight (`_call` is its id) or its turn (`_queued`), the hour of the
next attempt, a hook of the host's (`_ask` is its id), or a child that renews the credential (`_renewal`). Time is
`wake_at`, so no driver needs a timer of its own kind; what passes then is in `deadlines`. What comes of an attempt is
in `incoming`, what was tried in `ledger`.

Decisions.
- After `decoder.ended` nothing that matters can follow, yet the body is read on for a moment: some servers send usage
  after `[DONE]`, and a body read to its end keeps its connection.
- A body that breaks off after the dialect's own end has lost nothing: that is a success.
- An attempt that failed stays as it was until the next one begins. Whoever cancels during a wait gets what had come.
- A hook is asked where one listens, and nothing goes on before it has answered: what the server says meanwhile waits
  here, and no deadline but the whole call's runs, for it would measure the host. A hook that fails ends the call.
- Where calls are limited, each attempt waits for its turn (`admission` has why), and until that comes it has not begun:
  no deadline but the whole call's runs, and nothing of it is in the ledger.
- A refused credential that can be had anew is renewed once a call, and the attempt made again at once. That is no
  retry. Where it cannot be had, the refusal stands, or what the renewal says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from attrs import define, evolve, field

from .codec import Auth, Handle, Route
from .deadlines import Deadlines
from .effects import Abort, AskHost, CallHttp
from .errors import InsecureRequest, MissingCredential, UnsupportedRequest
from .failures import Failure, LocalProtocolError, RemoteProtocolError
from .happenings import (
    Admitted,
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    Happening,
    HeadReceived,
    HostAnswered,
    Woke,
)
from .http import HttpRequest, ResponseHead, join_url
from .incoming import Incoming
from .ledger import Ledger
from .machine import Done, Ids
from .messages import ImageRequest, LlmRequest
from .models import ModelSpec
from .outgoing import Outgoing
from .renewal import Bare, Renewal, Renewed, is_renewable
from .replies import Attempt, AttemptReset, LlmResponse, ResponseEnd
from .retry import Again, Backoff
from .tokens import estimate_tokens
from .values import Json, JsonDict, dump_json, parse_json, without_cookies

DRAIN_TIMEOUT = 1.0

ON_PAYLOAD: Final = "on_payload"
"""Asked once a call, before anything is sent: the body as JSON (as bytes where it is none). The answer takes its place,
None leaves it."""
ON_RESPONSE: Final = "on_response"
"""Told the ResponseHead of every attempt, also of one that failed. What it answers is not looked at."""

_BY_CALLER: Final = "cancelled by the caller"


@define
class Exchange:
    """One model call over HTTP, for words or pictures. Gives the stream's events, ResponseEnd last of them, then
    `Done(LlmResponse)`.

    Failures of the world are in the response's `error`; only a request that cannot be sent raises, from `start`:
    UnsupportedRequest, MissingCredential, InsecureRequest. `seed` is what jitter is made from. A whole call in one JSON
    body (`stream=False`) has no events before its end and gets the patience of a reasoning model. `hooks` are those
    that the host listens for: ON_PAYLOAD, ON_RESPONSE, and `renewal.ON_RENEW`, `renewal.ON_RENEWED`. `handle` is where
    `route` and `auth` come from, needed where these can change in the course of a call. `limited`: attempts wait for
    their turn, and the driver tells Admitted. `lost` are earlier attempts at this call, of which nobody knows what came
    of them: they count as retries, but for the last one there is always another.
    """

    route: Route
    auth: Auth
    request: LlmRequest | ImageRequest
    model: ModelSpec
    provider: str | None = None
    stream: bool = True
    seed: bytes = b""
    ids: Ids = field(factory=Ids)
    retry_after_output: bool = False
    hooks: frozenset[str] = frozenset()
    handle: Handle | None = None
    limited: bool = False
    lost: tuple[Attempt, ...] = ()

    wake_at: float | None = field(default=None, init=False)
    _ask: int | None = field(default=None, init=False)  # the AskHost in flight
    _held: list[Any] = field(factory=list[Any], init=False)  # what came of the call meanwhile
    _over: bool = field(default=False, init=False)  # the call's end has been reported already, and is yet to be taken
    _call: int | None = field(default=None, init=False)  # the CallHttp in flight
    _queued: bool = field(default=False, init=False)  # it waits for its turn
    _tokens: int | None = field(default=None, init=False)
    _renewal: Renewal | None = field(default=None, init=False)
    _refused: bool = field(default=False, init=False)  # a renewal after a refusal has been tried
    _why: Failure | None = field(default=None, init=False)  # why the call ends once the renewal has
    _http: HttpRequest | None = field(default=None, init=False)
    _deadlines: Deadlines = field(factory=Deadlines, init=False)
    _incoming: Incoming | None = field(default=None, init=False)  # the latest attempt's, once its head is there
    _ledger: Ledger = field(init=False)
    _result: LlmResponse | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._ledger = Ledger.of(self.lost)

    def start(self, now: float) -> list[Any]:
        """Encode the request and send it. Before any effect it raises UnsupportedRequest, MissingCredential and
        InsecureRequest."""
        if self._http is not None:
            raise LocalProtocolError("an Exchange is started once")
        codec = cast("Any", self.route.codec)  # which request goes with which codec is the handle's to know
        self._http = codec.encode(self.request, self.model, stream=self.stream)
        if self.limited:
            self._tokens = estimate_tokens(self.request)
        self._deadlines = Deadlines.of(self.request.options, now, stream=self.stream)
        if not self._is_renewable():
            self._outgoing().check()
            return self._begin(now)
        return self._renew(now)

    def receive(self, happening: Happening, now: float) -> list[Any]:
        """What follows. Raises LocalProtocolError for a happening that answers no effect of this machine."""
        if self._renewal is not None:
            return self._renewing(happening, now)
        handler = _HANDLERS.get(type(happening))
        if handler is None:
            id = getattr(happening, "id", None)
            if id is not None and id not in (self._call, self._ask):
                return self._stale(happening)  # late news of another machine's effect, with which it shares its ids
            raise LocalProtocolError(f"{type(happening).__name__} answers nothing that an Exchange asks for")
        if self._ask is not None and isinstance(happening, _OF_A_BODY) and happening.id == self._call:
            self._held.append(happening)
            return []
        if self._queued and isinstance(happening, _OF_A_CALL) and happening.id == self._call:
            raise LocalProtocolError(f"{type(happening).__name__} of a call whose turn had not come")
        return handler(self, happening, now)

    def restart(self, now: float) -> list[Any]:
        """After a restore: a call in flight is made again, and what it had said is withdrawn.

        One whose answer had come, and was only read on, ends with that answer.
        """
        if self._renewal is not None:
            return self._renew(now, refused=self._renewal.refused)
        if self._call is None:
            return self._ask_payload() if self._ask is not None else []
        if self._queued:
            return self._send(now)
        self._ask = None
        self._held = []
        if self._incoming is not None and self._incoming.draining:
            self._call = None
            return self._conclude(self._incoming, None, now)
        lost = Failure(kind="connection", message="the call was in flight when the state was saved", retryable=True)
        self._ledger.enter(self._incoming, lost, now, again=Again(0.0, self._ledger.spent))
        return self._send(now)

    @property
    def partial(self) -> LlmResponse:
        """Whatever has arrived, at any time; the result itself once there is one."""
        if self._result is not None:
            return self._result
        return self._dress(self._salvage())

    # --- the host --------------------------------------------------------------------------------------------------

    def _ask_payload(self) -> list[Any]:
        assert self._http is not None
        body: Json = self._http.body
        if ("content-type", "application/json") in self._http.headers:
            with suppress(ValueError):  # nested deeper than we read: the hook gets its bytes
                body = parse_json(self._http.body.decode())
        return self._ask_host(ON_PAYLOAD, body)

    def _ask_host(self, name: str, value: Any) -> list[Any]:
        self._ask = self.ids.next()
        self.wake_at = self._deadlines.pause()
        return [AskHost(self._ask, name, value)]

    def _answered(self, happening: HostAnswered, now: float) -> list[Any]:
        if happening.id != self._ask:
            return self._stale(happening)
        if self._call is None and happening.value is not None:
            try:
                self._replace_payload(happening.value)
            except (ValueError, TypeError, RecursionError) as error:
                return self._hook_failed(f"{ON_PAYLOAD} gave what no body can be made of ({error})", now)
        self._ask = None
        if self._call is None:
            return self._send(now)
        self.wake_at = self._deadlines.expect_first_event(now)
        return self._catch_up(now)

    def _replace_payload(self, value: Any) -> None:
        assert self._http is not None
        if not isinstance(value, bytes | Mapping):
            raise TypeError(f"a {type(value).__name__}, and not a mapping, bytes or None")
        body = value if isinstance(value, bytes) else dump_json(dict(cast("JsonDict", value))).encode()
        self._http = evolve(self._http, body=body, notes=(*self._http.notes, f"{ON_PAYLOAD} replaced the body"))

    def _catch_up(self, now: float) -> list[Any]:
        """What the call brought while the host was asked."""
        self._ask = None
        held, self._held = self._held, []
        self._over = any(isinstance(happening, BodyEnded | Failed) for happening in held)
        outputs: list[Any] = []
        for happening in held:
            outputs += self.receive(happening, now)
        return outputs

    def _hook_failed(self, message: str, now: float) -> list[Any]:
        self._ask = None
        return self._stop_asking(Failure(kind="other", message=message), now)

    def _stop_asking(self, failure: Failure, now: float) -> list[Any]:
        """End the call without the host's answer, whatever the server has said: it must not hang on who was faster."""
        outputs: list[Any] = [] if self._ask is None else [Abort(self._ask)]
        failure = self._outgoing().without_keys(failure)
        incoming = self._incoming
        if incoming is not None:
            with suppress(RemoteProtocolError):  # what stood before a fault counts
                for happening in self._held:
                    if isinstance(happening, BodyReceived):
                        outputs += incoming.decoder.receive(happening.data)
            self._over = any(isinstance(happening, BodyEnded | Failed) for happening in self._held)
            outputs += [*self._drop(), *incoming.close_blocks()]
            self._ledger.enter(incoming, failure, now)
        self._ask, self._held = None, []
        return outputs + self._end(self._with_failure(self._salvage(), failure))

    # --- the credential --------------------------------------------------------------------------------------------

    def _is_renewable(self) -> bool:
        """Whether it, or the provider's place, may change under way; not where the caller's own headers bring one."""
        return is_renewable(self._handle()) and not self._outgoing().brings_own()

    def _handle(self) -> Handle:
        return Bare(self.auth, self.route) if self.handle is None else self.handle

    def _renew(self, now: float, *, refused: bool = False) -> list[Any]:
        renewal = Renewal(self._handle(), refused, self.hooks, self.seed, self.ids)
        outputs = renewal.start(now)
        if outputs == [Done(Renewed(self._handle()))] and not refused:  # nothing to do: what is wrong may yet be raised
            self._outgoing().check()
            return self._begin(now)
        self._renewal = renewal
        return self._pass_on(renewal, outputs, now)

    def _renewing(self, happening: Happening, now: float) -> list[Any]:
        renewal = self._renewal
        assert renewal is not None
        if isinstance(happening, Woke):
            if self.wake_at is None or now < self.wake_at:
                return []
            if self._why is None and self._deadlines.is_late(now):
                self._why, happening = self._timed_out(now), Cancelled()
        elif isinstance(happening, Cancelled):
            self._why = Failure(kind="cancelled", message=_BY_CALLER)
        return self._pass_on(renewal, renewal.receive(happening, now), now)

    def _pass_on(self, renewal: Renewal, outputs: list[Any], now: float) -> list[Any]:
        if outputs and isinstance(outputs[-1], Done):
            self._renewal = None
            return [*outputs[:-1], *self._renewed(renewal, cast("Done[Renewed]", outputs[-1]).result, now)]
        self.wake_at = renewal.wake_at if self._why is not None else self._deadlines.sooner(renewal.wake_at)
        return outputs

    def _renewed(self, renewal: Renewal, renewed: Renewed, now: float) -> list[Any]:
        old, new = self._handle(), renewed.handle
        failure = self._why or renewed.failure
        if failure is None and renewal.refused and new == old:
            failure = self._ledger.failure  # the refusal stands
        if new != old:
            self.handle, self.auth = new, new.auth  # also where the call ends: who keeps it may not have heard of it
        if failure is not None:
            return self._end(self._with_failure(self._salvage(), self._outgoing().without_keys(failure)))
        if new != old:
            self.route = new.route_for(self.request, self.model)
        try:
            if self._is_first() and new != old:
                codec = cast("Any", self.route.codec)
                self._http = codec.encode(self.request, self.model, stream=self.stream)
            self._outgoing().check()
            return self._begin(now)
        except (UnsupportedRequest, MissingCredential, InsecureRequest) as error:
            failure = error.failure or Failure(kind="authentication", message=str(error))
            return self._end(self._with_failure(self._salvage(), failure))

    # --- sending ---------------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Any]:
        return self._ask_payload() if self._is_first() and ON_PAYLOAD in self.hooks else self._send(now)

    def _is_first(self) -> bool:
        """Whether no attempt has begun yet."""
        return self._ledger.number == len(self.lost)

    def _send(self, now: float) -> list[Any]:
        if self._deadlines.is_late(now):  # it passed while something else was waited for
            return self._end(self._with_failure(self._salvage(), self._timed_out(now)))
        http = self._http
        assert http is not None
        call = self._call = self.ids.next()
        effect = CallHttp(
            call,
            http.method,
            join_url(self.route.base_url, http.path),
            self._outgoing().headers(),
            http.body,
            patience=self._deadlines.patience,
            tokens=self._tokens,
            recordable=True,
        )
        self._queued, self._over = self._tokens is not None, False
        if not self._queued:
            return [*self._open(now), effect]
        self.wake_at = self._deadlines.pause()
        return [effect]

    def _admitted(self, happening: Admitted, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if not self._queued:
            raise LocalProtocolError("an attempt is admitted once, where it waits for that")
        self._queued = False
        return self._open(now)

    def _open(self, now: float) -> list[Any]:
        """The attempt begins, and what the last one had said is withdrawn."""
        ledger = self._ledger
        again = [] if ledger.failure is None else [AttemptReset(ledger.number + 1, ledger.failure)]
        ledger.begin(now)
        self._incoming = None
        self.wake_at = self._deadlines.expect_connection(now)
        return again

    def _outgoing(self) -> Outgoing:
        assert self._http is not None
        return Outgoing(self.auth, self.route, self.request, self.model, self._http)

    # --- happenings ------------------------------------------------------------------------------------------------

    def _connected(self, happening: Connected, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if self._incoming is None:
            self.wake_at = self._deadlines.expect_first_event(now)
        return []

    def _head(self, happening: HeadReceived, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if self._incoming is not None:
            raise LocalProtocolError("a second head for one call")
        status, headers = happening.status, without_cookies(happening.headers)
        decoder = self.route.codec.decoder(status=status, headers=headers, model=self.model)
        self._incoming = Incoming(status, headers, decoder)
        if ON_RESPONSE in self.hooks:
            return self._ask_host(ON_RESPONSE, ResponseHead(status, headers))
        if self._deadlines.running == "connect_timeout":  # else it runs already, and a head is no event
            self.wake_at = self._deadlines.expect_first_event(now)
        return []

    def _body(self, happening: BodyReceived, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        incoming = self._incoming
        if incoming is None:
            raise LocalProtocolError("a body before its head")
        decoder = incoming.decoder
        try:
            events = decoder.receive(happening.data)
        except RemoteProtocolError as error:
            if incoming.draining:  # the answer is whole; what follows it cannot take it back
                return [*self._drop(), *self._conclude(incoming, None, now)]
            return self._broken(error, [], now)
        progress: int = getattr(decoder, "progress", 0)
        if events or progress != incoming.progress:
            incoming.progress = progress
            if not incoming.draining:
                self.wake_at = self._deadlines.expect_next(events, now)
            if not incoming.output:
                incoming.note_output(events)
        if decoder.ended and not incoming.draining:
            return self._drain(incoming, events, now)
        if events and self.wake_at is not None and now >= self.wake_at:
            # Nobody wakes a machine as long as there is news for it, and news without end would outrun the deadline.
            return [*events, *self._woke(Woke(), now)]
        return events

    def _drain(self, incoming: Incoming, events: list[Any], now: float) -> list[Any]:
        try:
            incoming.decoder.receive(b"")  # a fault ends a decoder as well, and speaks up when asked again
        except RemoteProtocolError as error:
            return self._broken(error, events, now)
        incoming.draining = True
        self.wake_at = self._deadlines.expect_rest(now, DRAIN_TIMEOUT)
        return events

    def _body_ended(self, happening: BodyEnded, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if self._incoming is None:
            raise LocalProtocolError("the end of a body before its head")
        self._call = None
        return self._conclude(self._incoming, None, now)

    def _failed(self, happening: Failed, now: float) -> list[Any]:
        if happening.id == self._ask:
            return self._hook_failed(happening.message, now)
        if happening.id != self._call:
            return self._stale(happening)
        opened = self._admitted(Admitted(happening.id), now) if self._queued else []
        self._call = None
        # A connection that breaks once an answer had begun has cut it short, whatever broke it.
        kind = "truncated" if happening.kind == "connection" and self._incoming is not None else happening.kind
        failure = Failure(
            kind=kind, message=happening.message, retryable=kind in ("connection", "timeout", "truncated")
        )
        return [*opened, *self._break_off(failure, now)]

    def _woke(self, happening: Woke, now: float) -> list[Any]:
        if self.wake_at is None or now < self.wake_at or self._result is not None:
            return []  # a driver may wake a machine too early; it says again when
        if self._ask is not None:  # only the whole call's deadline runs then
            return self._stop_asking(self._timed_out(now), now)
        failure = self._ledger.failure
        if self._call is None:
            assert failure is not None
            if self._deadlines.is_late(now):  # woken too late to try again: the failure that is in the ledger stands
                return self._end(self._with_failure(self._salvage(), failure))
            return self._renew(now) if self._is_renewable() else self._send(now)
        if self._queued:
            return self._leave_queue(failure or self._timed_out(now))
        drop = self._drop()
        if self._incoming is not None and self._incoming.draining:
            return [*drop, *self._conclude(self._incoming, None, now)]
        return [*drop, *self._break_off(self._timed_out(now), now)]

    def _timed_out(self, now: float) -> Failure:
        deadlines = self._deadlines
        return Failure(kind="timeout", message=deadlines.what_passed(now), retryable=not deadlines.is_late(now))

    def _cancelled(self, happening: Cancelled, now: float) -> list[Any]:
        if self._result is not None:
            return []
        if self._http is None:
            raise LocalProtocolError("an Exchange is cancelled after its start")
        failure = Failure(kind="cancelled", message=_BY_CALLER)
        if self._ask is not None:
            return self._stop_asking(failure, now)
        if self._queued:
            return self._leave_queue(failure)
        outputs: list[Any] = []
        if self._call is not None:  # else the attempt is over and in the ledger
            incoming, whole = self._incoming, False
            outputs += self._drop()
            if incoming is not None:
                outputs += incoming.close_blocks()
                whole = incoming.draining and incoming.decoder.partial().error is None
            self._ledger.enter(incoming, None if whole else failure, now)
            if whole:
                return outputs + self._end(self._salvage())
        return outputs + self._end(self._with_failure(self._salvage(), failure))

    def _leave_queue(self, failure: Failure) -> list[Any]:
        """End a call whose next attempt had not begun: what the last one had brought stays."""
        self._queued = False
        return [*self._drop(), *self._end(self._with_failure(self._salvage(), failure))]

    def _drop(self) -> list[Any]:
        assert self._call is not None
        drop, self._call = [] if self._over else [Abort(self._call)], None
        return drop

    def _stale(self, happening: Any) -> list[Any]:
        self.ids.check(happening)
        return []

    # --- ends ------------------------------------------------------------------------------------------------------

    def _broken(self, error: RemoteProtocolError, events: list[Any], now: float) -> list[Any]:
        """The peer sent what cannot be read; the call is dropped."""
        drop = self._drop()
        failure = error.failure or Failure(kind="protocol", message=str(error))
        return [*events, *drop, *self._give_up_or_retry(self._salvage(), failure, now)]

    def _break_off(self, failure: Failure, now: float) -> list[Any]:
        """No more comes of this attempt, for this reason."""
        if self._incoming is None:
            return self._give_up_or_retry(None, failure, now)
        return self._conclude(self._incoming, failure, now)

    def _conclude(self, incoming: Incoming, failure: Failure | None, now: float) -> list[Any]:
        """The body is over or broke off (`failure`): whatever the decoder makes of it."""
        events = incoming.close_blocks()
        incoming.note_output(events)
        try:
            response = incoming.decoder.finish()
        except RemoteProtocolError as error:
            failure = failure or error.failure or Failure(kind="protocol", message=str(error))
            return events + self._give_up_or_retry(incoming.decoder.partial(), failure, now)
        if response.error is not None:
            failure = incoming.explained(response.error, self.route.hints, now)
            return events + self._give_up_or_retry(evolve(response, error=failure), failure, now)
        self._ledger.enter(incoming, None, now, whole=response)
        return events + self._end(response)

    def _give_up_or_retry(self, response: LlmResponse | None, failure: Failure, now: float) -> list[Any]:
        incoming, ledger = self._incoming, self._ledger
        failure = self._outgoing().without_keys(failure)
        if failure.request_id is None and incoming is not None:
            failure = evolve(failure, request_id=incoming.request_id)
        if self._may_renew(failure):
            self._refused = True
            renewal = Renewal(self._handle(), True, self.hooks, self.seed, self.ids)
            outputs = renewal.start(now)
            if outputs != [Done(Renewed(self._handle()))]:  # else there is no way to another one
                ledger.enter(incoming, failure, now, again=Again(0.0, ledger.spent))
                self._renewal = renewal
                return self._pass_on(renewal, outputs, now)
        again = None
        if self._may_retry():
            again = Backoff.of(self.request.options).again(failure, ledger.spent, ledger.number, self.seed)
        if again is not None and self._deadlines.is_late(now + again.wait):
            again = None
        ledger.enter(incoming, failure, now, again=again)
        if again is not None:
            self.wake_at = now + again.wait
            return []
        return self._end(self._with_failure(response if response is not None else self._salvage(), failure))

    def _may_retry(self) -> bool:
        return self.retry_after_output or self._incoming is None or not self._incoming.output

    def _may_renew(self, failure: Failure) -> bool:
        able = not self._refused and not self._outgoing().brings_own()
        return failure.kind == "authentication" and able and self._may_retry()

    def _with_failure(self, response: LlmResponse, failure: Failure) -> LlmResponse:
        if response.error == failure:
            return response
        return evolve(response, stop_reason="aborted" if failure.kind == "cancelled" else "error", error=failure)

    def _salvage(self) -> LlmResponse:
        """What this attempt had brought, without a verdict of its own where the decoder has none."""
        if self._incoming is not None:
            return self._incoming.decoder.partial()
        failure = self._ledger.failure or Failure(kind="connection", message="no response had begun")
        return LlmResponse(content=(), stop_reason="error", error=failure, api=self.route.codec.api)

    def _dress(self, response: LlmResponse) -> LlmResponse:
        """What the decoder cannot know: the provider, the encoder's notes, the ledger."""
        notes = self._http.notes if self._http is not None else ()
        incoming, request_id = self._incoming, response.request_id
        if request_id is None and incoming is not None:
            request_id = incoming.request_id
        return evolve(
            response,
            provider=self.provider if response.provider is None else response.provider,
            notes=notes + response.notes,
            attempts=tuple(self._ledger.attempts),
            request_id=request_id,
            headers=() if incoming is None else incoming.headers,
        )

    def _end(self, response: LlmResponse) -> list[Any]:
        self._result = self._dress(response)
        self.wake_at = None
        return [ResponseEnd(self._result), Done(self._result)]


_HANDLERS: dict[type, Callable[[Exchange, Any, float], list[Any]]] = {
    Admitted: Exchange._admitted,  # pyright: ignore[reportPrivateUsage]
    Connected: Exchange._connected,  # pyright: ignore[reportPrivateUsage]
    HeadReceived: Exchange._head,  # pyright: ignore[reportPrivateUsage]
    BodyReceived: Exchange._body,  # pyright: ignore[reportPrivateUsage]
    BodyEnded: Exchange._body_ended,  # pyright: ignore[reportPrivateUsage]
    Failed: Exchange._failed,  # pyright: ignore[reportPrivateUsage]
    Woke: Exchange._woke,  # pyright: ignore[reportPrivateUsage]
    Cancelled: Exchange._cancelled,  # pyright: ignore[reportPrivateUsage]
    HostAnswered: Exchange._answered,  # pyright: ignore[reportPrivateUsage]
}
_OF_A_BODY = (BodyReceived, BodyEnded, Failed)
_OF_A_CALL = (Connected, HeadReceived, BodyReceived, BodyEnded)
