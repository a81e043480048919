"""A scripted provider instead of a network."""

from __future__ import annotations

from typing import Protocol

from lash_proto.effects import CallHttp
from lash_proto.faux import Answer
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
    """Performs calls by asking `provider`. `pace` is the pause before each chunk, in seconds."""

    def __init__(self, provider: Provider, *, pace: float = 0.0, clock: Clock = CLOCK) -> None:
        self._provider = provider
        self._pace = pace
        self._clock = clock

    def open(self, call: CallHttp) -> ScriptedFlight:
        """The call's flight."""
        return ScriptedFlight(call.id, happenings(call, self._provider.answer, self._pace), self._clock)

    async def close(self) -> None:
        """Nothing is held."""
