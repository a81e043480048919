"""A provider made fit for the next attempt: its credential had anew, its readiness brought about.

The Exchange runs this as its child before an attempt and, `refused`, after a 401. What is to be done the provider's own
machines know (`codec.RenewableAuth`, `codec.Readiness`), which this runs in turn as its children.

Decisions.
- What is renewed in one call must serve the next ones, and two calls at once must not both spend one refresh token.
  So whoever keeps the handle is asked for a newer one before each machine (`ON_RENEW`), and may take his time until
  another call has it (`keeping`); and he is told after it what came of it (`ON_RENEWED`). The call goes on when he has
  answered, for what he cannot keep is lost at the next start. A handle prints no secret.
- A credential is had anew in time where its Auth says so, and that may fail: the old one may do yet, and the server
  has the last word. After a refusal a failure is the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

from .codec import Auth, Handle, RenewableAuth, Route
from .effects import Abort, AskHost
from .errors import MissingCredential
from .failures import Failure
from .happenings import Cancelled, Failed, Happening, HostAnswered, Woke
from .machine import Done, Ids, Machine
from .messages import ImageRequest, LlmRequest
from .models import ModelSpec

ON_RENEW: Final = "on_renew"
"""Asked with the handle before a machine of its runs: the answer is a newer handle where one is there, the Failure of
another who has just tried, or None."""
ON_RENEWED: Final = "on_renewed"
"""Told what came of it, unless that was the end of a cancelled call: the new handle, a Failure, or the handle as it was
where there was none to be had. What it answers is not looked at."""


@frozen(weakref_slot=False)
class Bare:
    """The handle of an Exchange that was made without one."""

    auth: Auth
    route: Route
    readiness: None = None

    def with_auth(self, auth: Auth) -> Bare:
        """The same with another credential."""
        return evolve(self, auth=auth)

    def route_for(self, request: LlmRequest | ImageRequest, model: str | ModelSpec) -> Route:
        """The only one."""
        return self.route


@frozen(weakref_slot=False)
class Renewed:
    """The handle to go on with, changed or not; `failure` where the call cannot go on."""

    handle: Handle
    failure: Failure | None = None


def is_renewable(handle: Handle) -> bool:
    """Whether there may be anything to do, now or later."""
    return handle.readiness is not None or hasattr(handle.auth, "refresh")


@define
class Renewal:
    """Gives whatever its machines put out, and `Done(Renewed)`. Without anything to do it is done at its start."""

    handle: Handle
    refused: bool = False
    listens: frozenset[str] = frozenset()
    seed: bytes = b""
    ids: Ids = field(factory=Ids)

    _machine: Machine[Any] | None = field(default=None, init=False)  # under way, or about to be
    _ask: int | None = field(default=None, init=False)  # the AskHost in flight
    _refreshing: bool = field(default=True, init=False)  # else it is the place that is made ready
    _final: bool = field(default=False, init=False)  # the call cannot go on, with `_failure` or without
    _failure: Failure | None = field(default=None, init=False)
    _cancelled: bool = field(default=False, init=False)

    @property
    def wake_at(self) -> float | None:
        """When the machine under way wants it."""
        return None if self._machine is None else self._machine.wake_at

    def start(self, now: float) -> list[Any]:
        """The first outputs. Raises MissingCredential where there is none, and nothing that would get one."""
        self._find_refresh(now)
        if self._machine is None:
            self.handle.auth.headers()
        return self._begin(now)

    def receive(self, happening: Happening, now: float) -> list[Any]:
        """What follows. Raises LocalProtocolError for a happening that answers no effect of this machine."""
        if isinstance(happening, Cancelled):
            self._cancelled = True
        if self._ask is None and self._machine is not None:
            return self._child(self._machine.receive(happening, now), now)
        if self._ask is not None and self._cancelled:
            return [Abort(self._ask), *self._end(None)]
        if isinstance(happening, Cancelled | Woke):
            return []
        if happening.id == self._ask:
            return self._answered(happening, now)
        self.ids.check(happening)
        return []

    # --- what is to be done, in turn -------------------------------------------------------------------------------

    def _find_refresh(self, now: float) -> None:
        if hasattr(self.handle.auth, "refresh"):
            auth = cast("RenewableAuth", self.handle.auth)
            self._machine = auth.refresh(now, refused=self.refused, seed=self.seed, ids=self.ids)

    def _begin(self, now: float) -> list[Any]:
        return self._make_ready(now) if self._machine is None else self._run(now)

    def _make_ready(self, now: float) -> list[Any]:
        self._refreshing = False
        if self.refused or self.handle.readiness is None:
            return self._end(None)
        self._machine = self.handle.readiness.machine(self.handle, seed=self.seed, ids=self.ids)
        return self._run(now)

    def _run(self, now: float) -> list[Any]:
        assert self._machine is not None
        if ON_RENEW in self.listens:
            return self._ask_host(ON_RENEW, self.handle)
        return self._child(self._machine.start(now), now)

    def _ask_host(self, name: str, value: Any) -> list[Any]:
        self._ask = self.ids.next()
        return [AskHost(self._ask, name, value)]

    # --- what comes of it ------------------------------------------------------------------------------------------

    def _answered(self, happening: Any, now: float) -> list[Any]:
        self._ask = None
        if isinstance(happening, Failed):
            return self._end(Failure("other", happening.message))
        assert isinstance(happening, HostAnswered)
        if self._machine is None:  # it was told
            return self._go_on(now)
        old, newer = self.handle, happening.value
        if isinstance(newer, Failure):
            self._machine = None
            self._judge(newer)
            return self._go_on(now)
        if newer is None or newer == old:
            return self._child(self._machine.start(now), now)
        self.handle, self._machine, self._refreshing = newer, None, True
        if not (self.refused and newer.auth != old.auth):
            self._find_refresh(now)
        return self._begin(now)

    def _child(self, outputs: Sequence[Any], now: float) -> list[Any]:
        """A machine's outputs as they are, and what follows from its last."""
        if not outputs or not isinstance(outputs[-1], Done):
            return list(outputs)
        self._machine = None
        return [*outputs[:-1], *self._made(cast("Done[Any]", outputs[-1]).result, now)]

    def _made(self, result: Any, now: float) -> list[Any]:
        in_vain = result is None or isinstance(result, Failure)
        if in_vain:
            self._judge(cast("Failure | None", result))
        else:
            self.handle = self.handle.with_auth(result) if self._refreshing else cast("Handle", result)
        if ON_RENEWED not in self.listens or (in_vain and self._cancelled):
            return self._go_on(now)
        return self._ask_host(ON_RENEWED, result if isinstance(result, Failure) else self.handle)

    def _judge(self, failure: Failure | None) -> None:
        """Whether the call can go on where nothing new is to be had."""
        missing = None if self.refused else self._missing()
        self._final = self.refused or not self._refreshing or missing is not None
        self._failure = (failure or missing) if self._final else None

    def _go_on(self, now: float) -> list[Any]:
        if self._final or self._cancelled or not self._refreshing:
            return self._end(self._failure)
        return self._make_ready(now)

    def _missing(self) -> Failure | None:
        try:
            self.handle.auth.headers()
        except MissingCredential as error:
            return Failure("authentication", str(error))
        return None

    def _end(self, failure: Failure | None) -> list[Any]:
        self._machine = self._ask = None
        return [Done(Renewed(self.handle, failure))]
