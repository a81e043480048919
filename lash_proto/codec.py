"""What stands between a call and a provider: Codec and Decoder for its wire, Auth for its key, Route for its place.

A credential may be had anew and a place may have to be made ready: both are machines, which the Exchange runs as its
children (`renewal.py`) wherever it needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from .failures import Failure
from .http import HeaderItems, HttpRequest
from .machine import Ids, Machine
from .messages import ImageRequest, LlmRequest
from .models import ModelSpec
from .replies import LlmResponse, StreamEvent


class Decoder(Protocol):
    """One response, as its bytes come. Plain data between any two calls.

    One that has a `progress: int` counts there what the provider says of its work without an event of ours: a search
    under way, sound that is told when it is whole. Keep-alives do not count.
    """

    @property
    def ended(self) -> bool:
        """Nothing that matters can follow; reading on briefly may still bring usage and keeps the connection."""
        ...

    def receive(self, data: bytes) -> list[StreamEvent]:
        """The events of these bytes, any cut. A fault comes as RemoteProtocolError at the call after the events."""
        ...

    def end(self) -> list[StreamEvent]:
        """The body is over: what only its end tells. Called once."""
        ...

    def finish(self) -> LlmResponse:
        """The whole response, also one that is an error. RemoteProtocolError where it was cut or is not the dialect."""
        ...

    def partial(self) -> LlmResponse:
        """Whatever arrived, at any time. Never raises."""
        ...


class Codec(Protocol):
    """One provider's wire. A frozen value: configuration in its fields, nothing else."""

    @property
    def api(self) -> str:
        """The dialect's name, as in CODECS."""
        ...

    def encode(self, request: LlmRequest, model: str | ModelSpec, *, stream: bool = True) -> HttpRequest:
        """The same bytes for the same request. Raises UnsupportedRequest for what the dialect cannot say."""
        ...

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> Decoder:
        """A fresh decoder for one response."""
        ...


class ImageCodec(Protocol):
    """A codec for pictures: the same, from an ImageRequest."""

    @property
    def api(self) -> str:
        """The dialect's name, as in CODECS."""
        ...

    def encode(self, request: ImageRequest, model: str | ModelSpec, *, stream: bool = False) -> HttpRequest:
        """The same bytes for the same request. Raises UnsupportedRequest for what the dialect cannot say."""
        ...

    def decoder(
        self, *, status: int, headers: Sequence[tuple[str, str]], model: str | ModelSpec | None = None
    ) -> Decoder:
        """A fresh decoder for one response."""
        ...


class Auth(Protocol):
    """A credential as header values. A frozen value; one that can be had anew is a RenewableAuth."""

    def headers(self) -> HeaderItems:
        """The headers that carry it, their values Secret. Raises MissingCredential."""
        ...


class RenewableAuth(Auth, Protocol):
    """A credential that can be had anew: a token with a refresh token behind it, one that is exchanged for another."""

    def refresh(self, now: float, *, refused: bool, seed: bytes, ids: Ids) -> Machine[Auth | Failure | None] | None:
        """The machine that gets a fresh one, not started yet; None where none is needed, or there is no way to.

        Asked before each attempt, so that it may be in time, and once a call after a 401, then with `refused`. The
        machine's result is the Auth to go on with, None where it got none, or a Failure that says why; what is worth
        another try it tries itself. On Cancelled it ends.
        """
        ...


class Handle(Protocol):
    """A provider, as far as a call can change it in its course."""

    @property
    def auth(self) -> Auth:
        """The credential."""
        ...

    @property
    def readiness(self) -> Readiness | None:
        """What is to be done before the first call, None where there is nothing, or it is done."""
        ...

    def with_auth(self, auth: Any) -> Handle:
        """The same provider with another credential, and whatever else follows from that."""
        ...

    def route_for(self, request: LlmRequest | ImageRequest, model: str | ModelSpec) -> Route:
        """Where such a request goes."""
        ...


class Readiness(Protocol):
    """What makes a provider ready, once: its project found, its models listed."""

    def machine(self, handle: Any, *, seed: bytes, ids: Ids) -> Machine[Any]:
        """The machine, not started yet. Its result is the handle made ready, whose own readiness is None; or None,
        where there was nothing to do; or a Failure, with which the call ends. On Cancelled it ends.
        """
        ...


@frozen(weakref_slot=False)
class Route:
    """Where calls go and in which dialect; on a handle's route for pictures the codec is an ImageCodec.

    `headers` are the route's own, below the codec's and the caller's; `headers_for` makes more of a request and the
    model it goes to. `hints` are added to what a refusal says, by its status.
    """

    base_url: str
    codec: Codec
    headers: tuple[tuple[str, str], ...] = ()
    headers_for: Callable[[Any, ModelSpec], tuple[tuple[str, str], ...]] | None = None
    hints: Mapping[int, str] = field(factory=dict[int, str])
