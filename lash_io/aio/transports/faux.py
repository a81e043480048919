"""A scripted provider instead of a network."""

from __future__ import annotations

from typing import Protocol

from lash_proto.effects import CallHttp
from lash_proto.faux import Answer
from lash_proto.faux.script import check_speed
from lash_proto.values import Headers

from ...answers import happenings
from ...world import CLOCK, Clock
from .scripted import ScriptedFlight

__all__ = ["FauxTransport", "Provider"]


class Provider(Protocol):
    """Who answers: a FauxProvider, or anything like it."""

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Answer:
        """The response to one request."""
        ...


class FauxTransport:
    """Performs calls by asking `provider`. Streams come at `tokens_per_second` by the clock; without it, at once."""

    def __init__(self, provider: Provider, *, tokens_per_second: float | None = None, clock: Clock = CLOCK) -> None:
        self._provider = provider
        self._speed = check_speed(tokens_per_second)
        self._clock = clock

    def open(self, call: CallHttp) -> ScriptedFlight:
        """The call's flight."""
        return ScriptedFlight(call.id, happenings(call, self._provider.answer, self._speed), self._clock)

    async def close(self) -> None:
        """Nothing is held."""
