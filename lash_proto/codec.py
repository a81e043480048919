"""What stands between a call and a provider: Codec and Decoder for its wire, Auth for its key, Route for its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from .http import HeaderItems, HttpRequest
from .messages import ImageRequest, LlmRequest
from .models import ModelSpec
from .replies import LlmResponse, StreamEvent


class Decoder(Protocol):
    """One response, as its bytes come. Plain data between any two calls."""

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
    """A credential as header values."""

    def headers(self) -> HeaderItems:
        """The headers that carry it, their values Secret. Raises MissingCredential."""
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
