"""A credential that can be had anew, and a place that must be made ready, each by one call to a made-up server.

`POST http://token.test/` with the refresh token as its body answers with the next access token as text; 400 says that
the refresh token is spent. `POST http://ready.test/` answers with a base URL. Each gives up after `PATIENCE` seconds.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import define, evolve, field, frozen

from lash_proto.codec import Auth
from lash_proto.effects import Abort, CallHttp
from lash_proto.errors import MissingCredential
from lash_proto.failures import Failure
from lash_proto.happenings import BodyEnded, BodyReceived, Cancelled, Failed, HeadReceived, Woke
from lash_proto.http import HeaderItems
from lash_proto.machine import Done, Ids
from lash_proto.values import Secret

TOKEN_URL = "http://token.test/"
READY_URL = "http://ready.test/"
PATIENCE = 5.0
EARLY = 60.0


@define
class Fetch:
    """One call; `Done` with whatever `of(status, body)` makes of it, a Failure where it got no answer."""

    url: str
    body: bytes
    of: Any
    ids: Ids
    headers: HeaderItems = ()
    wake_at: float | None = field(default=None, init=False)
    _call: int | None = field(default=None, init=False)
    _status: int = field(default=0, init=False)
    _said: bytes = field(default=b"", init=False)

    def start(self, now: float) -> list[Any]:
        self.wake_at = now + PATIENCE
        self._call = self.ids.next()
        return [CallHttp(self._call, "POST", self.url, self.headers, self.body)]

    def receive(self, happening: Any, now: float) -> list[Any]:
        if isinstance(happening, (Woke, Cancelled)):
            if self._call is None or (isinstance(happening, Woke) and self.wake_at is not None and now < self.wake_at):
                return []
            return [Abort(self._call), self._done(Failure("timeout", "the token server does not answer"))]
        self.ids.check(happening)
        if happening.id != self._call:
            return []
        match happening:
            case HeadReceived(status=status):
                self._status = status
            case BodyReceived(data=data):
                self._said += data
            case BodyEnded():
                return [self._done(self.of(self._status, self._said.decode()))]
            case Failed(kind=kind, message=message):
                return [self._done(Failure(kind, message))]
        return []

    def _done(self, result: Any) -> Done[Any]:
        self.wake_at = self._call = None
        return Done(result)


@frozen
class ToyAuth:
    """A token, which lasts until `expires_at`, and what gets the next."""

    token: Secret | None
    refresh_token: Secret | None = Secret("refresh-1")
    expires_at: float | None = None
    url: str = TOKEN_URL

    def headers(self) -> HeaderItems:
        if self.token is None:
            raise MissingCredential("no token yet")
        return (("authorization", Secret(f"Bearer {self.token.reveal()}")),)

    def refresh(self, now: float, *, refused: bool, seed: bytes, ids: Ids) -> Fetch | None:
        stale = self.token is None or (self.expires_at is not None and now >= self.expires_at - EARLY)
        if self.refresh_token is None or not (refused or stale):
            return None
        return Fetch(self.url, self.refresh_token.reveal().encode(), self._made, ids)

    def _made(self, status: int, said: str) -> Auth | Failure | None:
        if status == 204:
            return None
        if status != 200:
            return Failure("authentication", "sign in again: the refresh token is spent", status=status)
        return evolve(self, token=Secret(said), expires_at=None)


@frozen
class ToyReadiness:
    """Asks where the provider is; its route then goes there."""

    def machine(self, handle: Any, *, seed: bytes, ids: Ids) -> Fetch:
        return Fetch(READY_URL, b"", partial(self._made, handle), ids, handle.auth.headers())

    def _made(self, handle: Any, status: int, said: str) -> Any:
        if status == 204:
            return None
        if status != 200:
            return Failure("permission", "this account has no project", status=status)
        route = evolve(handle.route, base_url=said, codec=evolve(handle.route.codec, notes=(f"at {said}",)))
        return evolve(handle, readiness=None, route=route)
