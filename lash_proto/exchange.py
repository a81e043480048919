"""One model call: send, decode, fail, retry, end. The machine that every client drives.

It waits for one thing at a time: an HTTP call in flight (`_call` is its id) or its turn (`_queued`), the hour of the
next attempt, a hook of the host's (`_ask` is its id), or a child that renews the credential (`_renewal`). Time is
`wake_at`, so no driver needs a timer of its own kind.

Decisions.
- The idle deadline moves with every event, for one assignment; bytes that carry no event (pings, comments) do not move
  it, because a server can ping for ever.
- After `decoder.ended` nothing that matters can follow, yet the body is read on for a moment: some servers send usage
  after `[DONE]`, and a body read to its end keeps its connection.
- A body that breaks off after the dialect's own end has lost nothing: that is a success.
- An attempt that failed stays as it was until the next one begins. Whoever cancels during a wait gets what had come.
- A hook is asked where one listens, and nothing goes on before it has answered: what the server says meanwhile waits
  here, and no deadline but the whole call's runs, for it would measure the host. A hook that fails ends the call.
- Where calls are limited, each attempt waits for its turn (`admission` has why), and until that comes it has not begun:
  no deadline but the whole call's runs, and nothing of it is in the ledger.
- A credential goes over plain http to this machine and no other, unless the caller says otherwise. A redirect is
  followed by nobody: it is told with its place, and what was sent goes nowhere else.
- A refused credential that can be had anew is renewed once a call, and the attempt made again at once. That is no
  retry. Where it cannot be had, the refusal stands, or what the renewal says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from attrs import define, evolve, field

from . import __version__
from .codec import Auth, Decoder, Handle, Route
from .effects import Abort, AskHost, CallHttp
from .errors import InsecureRequest, MissingCredential, UnsupportedRequest
from .failures import Failure, LocalProtocolError, RemoteProtocolError, request_id_of, retry_after
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
from .http import HeaderItems, HttpRequest, ResponseHead, has_credential, join_url, merge_headers, without_secrets
from .http1 import split_url
from .machine import Done, Ids
from .messages import ImageRequest, LlmRequest
from .models import ModelSpec
from .renewal import Bare, Renewal, Renewed, is_renewable
from .replies import (
    Attempt,
    AttemptReset,
    LlmResponse,
    ReasoningDelta,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    UsageUpdate,
)
from .retry import Again, Backoff, Spent
from .tokens import estimate_tokens
from .values import Json, JsonDict, Secret, dump_json, header, parse_json, redact_json, redact_text, without_cookies

USER_AGENT = f"lash/{__version__}"

CONNECT_TIMEOUT = 10.0
FIRST_EVENT_TIMEOUT = 120.0
IDLE_TIMEOUT = 120.0
REASONING_IDLE_TIMEOUT = 600.0
DRAIN_TIMEOUT = 1.0

ON_PAYLOAD: Final = "on_payload"
"""Asked once a call, before anything is sent: the body as JSON (as bytes where it is none). The answer takes its place,
None leaves it."""
ON_RESPONSE: Final = "on_response"
"""Told the ResponseHead of every attempt, also of one that failed. What it answers is not looked at."""

_THINKING = (ReasoningStart, ReasoningDelta)
_NO_OUTPUT = (ResponseStart, UsageUpdate)
_BY_CALLER: Final = "cancelled by the caller"
_SHORTEST_KEY = 8  # shorter ones are made up, and hiding them would garble ordinary words


@define
class Exchange:
    """One model call over HTTP, for words or pictures. Gives the stream's events, ResponseEnd last of them, then
    `Done(LlmResponse)`.

    Failures of the world are in the response's `error`; only a request that cannot be sent raises, from `start`:
    UnsupportedRequest, MissingCredential, InsecureRequest. `seed` is what jitter is made from. A whole call in one JSON
    body (`stream=False`) has no events before its end and gets the patience of a reasoning model. `hooks` are those
    that the host listens for: ON_PAYLOAD, ON_RESPONSE, and `renewal.ON_RENEW`, `renewal.ON_RENEWED`. `handle` is where
    `route` and `auth` come from, needed where these can change in the course of a call. `limited`: attempts wait for
    their turn, and the driver tells Admitted.
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
    _decoder: Decoder | None = field(default=None, init=False)
    _attempt: int = field(default=0, init=False)
    _began_at: float = field(default=0.0, init=False)
    _failure: Failure | None = field(default=None, init=False)  # why the next attempt is waited for
    _attempts: list[Attempt] = field(factory=list[Attempt], init=False)
    _spent: Spent = field(default=Spent(), init=False)
    _output: bool = field(default=False, init=False)
    _draining: bool = field(default=False, init=False)
    _deadline: str = field(default="", init=False)  # the option that `wake_at` comes from
    _status: int | None = field(default=None, init=False)
    _headers: tuple[tuple[str, str], ...] = field(default=(), init=False)
    _total_at: float | None = field(default=None, init=False)
    _first_event: float | None = field(default=None, init=False)
    _idle: float | None = field(default=None, init=False)
    _reasoning_idle: float | None = field(default=None, init=False)
    _result: LlmResponse | None = field(default=None, init=False)

    def start(self, now: float) -> list[Any]:
        """Encode the request and send it. Before any effect it raises UnsupportedRequest, MissingCredential and
        InsecureRequest."""
        if self._http is not None:
            raise LocalProtocolError("an Exchange is started once")
        options = self.request.options
        self._reasoning_idle = options.get("reasoning_idle_timeout", REASONING_IDLE_TIMEOUT)
        self._idle = options.get("idle_timeout", IDLE_TIMEOUT)
        self._first_event = options.get("first_event_timeout", FIRST_EVENT_TIMEOUT)
        if not self.stream:
            self._first_event = _longer(self._first_event, self._reasoning_idle)
        codec = cast("Any", self.route.codec)  # which request goes with which codec is the handle's to know
        self._http = codec.encode(self.request, self.model, stream=self.stream)
        if self.limited:
            self._tokens = estimate_tokens(self.request)
        total = options.get("total_timeout")
        self._total_at = None if total is None else now + total
        if not self._is_renewable():
            self._check_credentials()
            return self._begin(now)
        return self._renew(now)

    def receive(self, happening: Happening, now: float) -> list[Any]:
        """What follows. Raises LocalProtocolError for a happening that answers no effect of this machine."""
        if self._renewal is not None:
            return self._renewing(happening, now)
        handler = _HANDLERS.get(type(happening))
        if handler is None:
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
        if self._draining and self._decoder is not None:
            self._call = None
            return self._conclude(self._decoder, None, now)
        lost = Failure(kind="connection", message="the call was in flight when the state was saved", retryable=True)
        self._note_attempt(lost, now, Again(0.0, self._spent))
        self._failure = lost
        return self._send(now)

    @property
    def partial(self) -> LlmResponse:
        """Whatever has arrived, at any time; the result itself once there is one."""
        if self._result is not None:
            return self._result
        return self._dress(self._salvage(), self._attempts)

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
        self._set_deadline(0.0, None, "total_timeout")
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
        self._set_deadline(now, self._first_event, "first_event_timeout")
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
        failure = self._without_keys(failure)
        if self._decoder is not None:
            with suppress(RemoteProtocolError):  # what stood before a fault counts
                for happening in self._held:
                    if isinstance(happening, BodyReceived):
                        outputs += self._decoder.receive(happening.data)
            self._over = any(isinstance(happening, BodyEnded | Failed) for happening in self._held)
            outputs += [*self._drop(), *self._close_blocks()]
            self._note_attempt(failure, now)
        self._ask, self._held = None, []
        return outputs + self._end(self._with_failure(self._salvage(), failure))

    # --- the credential --------------------------------------------------------------------------------------------

    def _is_renewable(self) -> bool:
        """Whether it, or the provider's place, may change under way; not where the caller's own headers bring one."""
        return is_renewable(self._handle()) and not self._brings_own()

    def _handle(self) -> Handle:
        return Bare(self.auth, self.route) if self.handle is None else self.handle

    def _renew(self, now: float, *, refused: bool = False) -> list[Any]:
        renewal = Renewal(self._handle(), refused, self.hooks, self.seed, self.ids)
        outputs = renewal.start(now)
        if outputs == [Done(Renewed(self._handle()))] and not refused:  # nothing to do: what is wrong may yet be raised
            self._check_credentials()
            return self._begin(now)
        self._renewal = renewal
        return self._pass_on(renewal, outputs, now)

    def _renewing(self, happening: Happening, now: float) -> list[Any]:
        renewal = self._renewal
        assert renewal is not None
        if isinstance(happening, Woke):
            if self.wake_at is None or now < self.wake_at:
                return []
            if self._why is None and self._total_at is not None and now >= self._total_at:
                self._why, happening = Failure(kind="timeout", message=self._what_took_so_long(True)), Cancelled()
        elif isinstance(happening, Cancelled):
            self._why = Failure(kind="cancelled", message=_BY_CALLER)
        return self._pass_on(renewal, renewal.receive(happening, now), now)

    def _pass_on(self, renewal: Renewal, outputs: list[Any], now: float) -> list[Any]:
        if outputs and isinstance(outputs[-1], Done):
            self._renewal = None
            return [*outputs[:-1], *self._renewed(renewal, cast("Done[Renewed]", outputs[-1]).result, now)]
        total = None if self._why is not None else self._total_at
        times = [at for at in (renewal.wake_at, total) if at is not None]
        self.wake_at = min(times, default=None)
        return outputs

    def _renewed(self, renewal: Renewal, renewed: Renewed, now: float) -> list[Any]:
        old, new = self._handle(), renewed.handle
        failure = self._why or renewed.failure
        if failure is None and renewal.refused and new == old:
            failure = self._failure  # the refusal stands
        if failure is not None:
            return self._end(self._with_failure(self._salvage(), self._without_keys(failure)))
        if new != old:
            self.handle, self.auth = new, new.auth
            self.route = new.route_for(self.request, self.model)
        try:
            if self._attempt == 0 and new != old:
                codec = cast("Any", self.route.codec)
                self._http = codec.encode(self.request, self.model, stream=self.stream)
            self._check_credentials()
            return self._begin(now)
        except (UnsupportedRequest, MissingCredential, InsecureRequest) as error:
            failure = error.failure or Failure(kind="authentication", message=str(error))
            return self._end(self._with_failure(self._salvage(), failure))

    # --- sending ---------------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Any]:
        return self._ask_payload() if self._attempt == 0 and ON_PAYLOAD in self.hooks else self._send(now)

    def _send(self, now: float) -> list[Any]:
        if self._total_at is not None and now >= self._total_at:  # it passed while something else was waited for
            failure = Failure(kind="timeout", message=self._what_took_so_long(True))
            return self._end(self._with_failure(self._salvage(), failure))
        http = self._http
        assert http is not None
        call = self._call = self.ids.next()
        limits = (self._first_event, self._idle, self._reasoning_idle)
        effect = CallHttp(
            call,
            http.method,
            join_url(self.route.base_url, http.path),
            self._all_headers(),
            http.body,
            patience=None if None in limits else max(limit for limit in limits if limit is not None),
            tokens=self._tokens,
        )
        self._queued = self._tokens is not None
        if not self._queued:
            return [*self._open(now), effect]
        self._set_deadline(now, None, "total_timeout")
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
        again = [] if self._failure is None else [AttemptReset(self._attempt + 1, self._failure)]
        self._attempt += 1
        self._began_at = now
        self._decoder = None
        self._over = False
        self._status, self._headers = None, ()
        self._output = self._draining = False
        limit = self.request.options.get("connect_timeout", CONNECT_TIMEOUT)
        self._set_deadline(now, limit, "connect_timeout")
        return again

    def _all_headers(self) -> HeaderItems:
        http, route = self._http, self.route
        assert http is not None
        return merge_headers(
            {"user-agent": USER_AGENT, "accept-encoding": "identity"},
            route.headers,
            route.headers_for(self.request, self.model) if route.headers_for is not None else (),
            http.headers,
            self._credentials(),
            self.request.options.get("extra_headers") or {},
        )

    def _check_credentials(self) -> None:
        """One that is missing is told before any effect, and one that would go in the clear."""
        self._credentials()
        if self.route.base_url.startswith("https://") or self.request.options.get("allow_http", False):
            return
        origin, _ = split_url(self.route.base_url)
        if origin.scheme == "http" and not origin.is_loopback and has_credential(self._all_headers()):
            raise InsecureRequest(origin.authority)

    def _credentials(self) -> HeaderItems:
        """The handle's, unless the caller's own headers bring one or say that none is to go."""
        try:
            return self.auth.headers()
        except MissingCredential:
            if not self._brings_own():
                raise
            return ()

    def _brings_own(self) -> bool:
        given: Mapping[str, Any] = self.request.options.get("extra_headers") or {}
        own = {name.lower() for name in given}
        return not own.isdisjoint(("authorization", getattr(self.auth, "header", "authorization")))

    def _set_deadline(self, now: float, limit: float | None, name: str) -> None:
        self._deadline = name
        at = None if limit is None else now + limit
        total = self._total_at
        self.wake_at = total if at is None or (total is not None and total < at) else at

    # --- happenings ------------------------------------------------------------------------------------------------

    def _connected(self, happening: Connected, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if self._status is None:
            self._set_deadline(now, self._first_event, "first_event_timeout")
        return []

    def _head(self, happening: HeadReceived, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if self._decoder is not None:
            raise LocalProtocolError("a second head for one call")
        self._status = happening.status
        self._headers = without_cookies(happening.headers)
        self._decoder = self.route.codec.decoder(status=happening.status, headers=self._headers, model=self.model)
        if ON_RESPONSE in self.hooks:
            return self._ask_host(ON_RESPONSE, ResponseHead(happening.status, self._headers))
        if self._deadline == "connect_timeout":  # else it runs already, and a head is no event
            self._set_deadline(now, self._first_event, "first_event_timeout")
        return []

    def _body(self, happening: BodyReceived, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        decoder = self._decoder
        if decoder is None:
            raise LocalProtocolError("a body before its head")
        try:
            events = decoder.receive(happening.data)
        except RemoteProtocolError as error:
            if self._draining:  # the answer is whole; what follows it cannot take it back
                return [*self._drop(), *self._conclude(decoder, None, now)]
            return self._broken(error, [], now)
        if events:
            if not self._draining:
                if self._is_thinking(events):
                    limit, self._deadline = self._reasoning_idle, "reasoning_idle_timeout"
                else:
                    limit, self._deadline = self._idle, "idle_timeout"
                at = None if limit is None else now + limit
                total = self._total_at
                self.wake_at = total if at is None or (total is not None and total < at) else at
            if not self._output:
                self._output = any(not isinstance(event, _NO_OUTPUT) for event in events)
        if decoder.ended and not self._draining:
            return self._drain(decoder, events, now)
        if events and self.wake_at is not None and now >= self.wake_at:
            # Nobody wakes a machine as long as there is news for it, and news without end would outrun the deadline.
            return [*events, *self._woke(Woke(), now)]
        return events

    def _is_thinking(self, events: list[Any]) -> bool:
        """Whether the model reasons as these events end. A count of tokens does not say that it stopped."""
        for event in reversed(events):
            if not isinstance(event, UsageUpdate):
                return isinstance(event, _THINKING)
        return self._deadline == "reasoning_idle_timeout"

    def _drain(self, decoder: Decoder, events: list[Any], now: float) -> list[Any]:
        try:
            decoder.receive(b"")  # a fault ends a decoder as well, and speaks up when asked again
        except RemoteProtocolError as error:
            return self._broken(error, events, now)
        self._draining = True
        self._set_deadline(now, DRAIN_TIMEOUT, "")
        return events

    def _body_ended(self, happening: BodyEnded, now: float) -> list[Any]:
        if happening.id != self._call:
            return self._stale(happening)
        if self._decoder is None:
            raise LocalProtocolError("the end of a body before its head")
        self._call = None
        return self._conclude(self._decoder, None, now)

    def _failed(self, happening: Failed, now: float) -> list[Any]:
        if happening.id == self._ask:
            return self._hook_failed(happening.message, now)
        if happening.id != self._call:
            return self._stale(happening)
        opened = self._admitted(Admitted(happening.id), now) if self._queued else []
        self._call = None
        # A connection that breaks once an answer had begun has cut it short, whatever broke it.
        kind = "truncated" if happening.kind == "connection" and self._decoder is not None else happening.kind
        failure = Failure(
            kind=kind, message=happening.message, retryable=kind in ("connection", "timeout", "truncated")
        )
        if self._decoder is None:
            return [*opened, *self._give_up_or_retry(None, failure, [], now)]
        return self._conclude(self._decoder, failure, now)

    def _woke(self, happening: Woke, now: float) -> list[Any]:
        if self.wake_at is None or now < self.wake_at or self._result is not None:
            return []  # a driver may wake a machine too early; it says again when
        late = self._total_at is not None and now >= self._total_at
        if self._ask is not None:  # only the whole call's deadline runs then
            return self._stop_asking(Failure(kind="timeout", message=self._what_took_so_long(late)), now)
        if self._call is None:
            failure = self._failure
            assert failure is not None
            if late:  # woken too late to try again: the failure that is in the ledger stands
                return self._end(self._with_failure(self._salvage(), failure))
            return self._renew(now) if self._is_renewable() else self._send(now)
        failure = Failure(kind="timeout", message=self._what_took_so_long(late), retryable=not late)
        if self._queued:
            return self._leave_queue(self._failure or failure)
        drop = self._drop()
        if self._draining and self._decoder is not None:
            return [*drop, *self._conclude(self._decoder, None, now)]
        if self._decoder is None:
            return [*drop, *self._give_up_or_retry(None, failure, [], now)]
        return [*drop, *self._conclude(self._decoder, failure, now)]

    def _what_took_so_long(self, late: bool) -> str:
        if late:
            return "the call took longer than its total_timeout"
        if self._deadline == "connect_timeout":
            return "no connection within the time allowed (connect_timeout)"
        return f"no event within the time allowed ({self._deadline})"

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
            outputs += [*self._drop(), *self._close_blocks()]
            whole = self._draining and self._salvage().error is None
            self._note_attempt(None if whole else failure, now)
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
        return [*events, *drop, *self._give_up_or_retry(self._salvage(), failure, [], now)]

    def _close_blocks(self) -> list[Any]:
        """The End of every open block, so that each Start has one also when a call breaks off."""
        try:
            return list(self._decoder.end()) if self._decoder is not None else []
        except RemoteProtocolError:
            return []

    def _conclude(self, decoder: Decoder, failure: Failure | None, now: float) -> list[Any]:
        """The body is over or broke off (`failure`): whatever the decoder makes of it."""
        events = self._close_blocks()
        try:
            response = decoder.finish()
        except RemoteProtocolError as error:
            failure = failure or error.failure or Failure(kind="protocol", message=str(error))
            return self._give_up_or_retry(decoder.partial(), failure, events, now)
        if response.error is not None:
            failure = response.error
            if failure.retry_after is None and (self._status or 0) >= 400:  # it may be a date, with no `Date` beside it
                failure = evolve(failure, retry_after=retry_after(self._headers, now))
            hint = self.route.hints.get(failure.status or 0)
            if hint is not None and failure.kind != "context_overflow":
                failure = evolve(failure, message=f"{failure.message} ({hint})")
            place = header(self._headers, "location")
            if place is not None and 300 <= (self._status or 0) < 400:
                failure = evolve(failure, message=_redirected(self._status, place))
            response = evolve(response, error=failure)
            return self._give_up_or_retry(response, failure, events, now)
        self._note_output(events)
        self._note_attempt(None, now)
        return events + self._end(response)

    def _give_up_or_retry(
        self, response: LlmResponse | None, failure: Failure, events: list[Any], now: float
    ) -> list[Any]:
        self._note_output(events)
        failure = self._without_keys(failure)
        if failure.request_id is None:
            failure = evolve(failure, request_id=request_id_of(self._headers))
        if self._may_renew(failure):
            self._refused = True
            renewal = Renewal(self._handle(), True, self.hooks, self.seed, self.ids)
            outputs = renewal.start(now)
            if outputs != [Done(Renewed(self._handle()))]:  # else there is no way to another one
                self._note_attempt(failure, now, Again(0.0, self._spent))
                self._failure, self._renewal = failure, renewal
                return events + self._pass_on(renewal, outputs, now)
        again = None
        if self._may_retry():
            again = Backoff.of(self.request.options).again(failure, self._spent, self._attempt, self.seed)
        if again is not None and self._total_at is not None and now + again.wait >= self._total_at:
            again = None
        self._note_attempt(failure, now, again)
        if again is not None:
            self._failure, self._spent = failure, again.spent
            self.wake_at = now + again.wait
            return events
        return events + self._end(self._with_failure(response if response is not None else self._salvage(), failure))

    def _may_retry(self) -> bool:
        return self.retry_after_output or not self._output

    def _may_renew(self, failure: Failure) -> bool:
        able = not self._refused and not self._brings_own()
        return failure.kind == "authentication" and able and self._may_retry()

    def _without_keys(self, failure: Failure) -> Failure:
        """Some servers say a refused key back, and not every key has a shape that `redact_text` knows."""
        try:
            headers = self._all_headers()
        except MissingCredential:
            headers = merge_headers(self.request.options.get("extra_headers") or {})
        words = [word for _, value in headers if isinstance(value, Secret) for word in value.reveal().split()]
        keys = [word for word in words if len(word) >= _SHORTEST_KEY]
        return evolve(failure, message=redact_text(failure.message, keys), raw=redact_json(failure.raw, keys))

    def _with_failure(self, response: LlmResponse, failure: Failure) -> LlmResponse:
        if response.error == failure:
            return response
        return evolve(response, stop_reason="aborted" if failure.kind == "cancelled" else "error", error=failure)

    def _note_output(self, events: list[Any]) -> None:
        if not self._output:
            self._output = any(not isinstance(event, _NO_OUTPUT) for event in events)

    def _note_attempt(self, failure: Failure | None, now: float, again: Again | None = None) -> None:
        self._attempts.append(
            Attempt(
                self._attempt,
                self._began_at,
                now,
                status=self._status,
                request_id=request_id_of(self._headers) or (None if failure is None else failure.request_id),
                failure=failure,
                output=self._output,
                usage=None if self._decoder is None else self._decoder.partial().usage,
                retry_in=None if again is None else again.wait,
                counted=again is None or again.spent.retries > self._spent.retries,
            )
        )

    def _salvage(self) -> LlmResponse:
        """What this attempt had brought, without a verdict of its own where the decoder has none."""
        if self._decoder is not None:
            return self._decoder.partial()
        failure = self._failure or Failure(kind="connection", message="no response had begun")
        return LlmResponse(content=(), stop_reason="error", error=failure, api=self.route.codec.api)

    def _dress(self, response: LlmResponse, attempts: list[Attempt]) -> LlmResponse:
        """What the decoder cannot know: the provider, the encoder's notes, the ledger."""
        notes = self._http.notes if self._http is not None else ()
        return evolve(
            response,
            provider=self.provider if response.provider is None else response.provider,
            notes=notes + response.notes,
            attempts=tuple(attempts),
            request_id=request_id_of(self._headers) if response.request_id is None else response.request_id,
            headers=self._headers,
        )

    def _end(self, response: LlmResponse) -> list[Any]:
        self._result = self._dress(response, self._attempts)
        self.wake_at = None
        return [ResponseEnd(self._result), Done(self._result)]


def _redirected(status: int | None, place: str) -> str:
    """What a redirect says, less what may hold a key, and in a length for people."""
    place = redact_text(without_secrets(place))[:200]
    return f"HTTP {status}: the server sends this call to {place}, and lash follows nobody; make that the base_url"


def _longer(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else max(a, b)


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
