"""Recorded responses instead of a network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lash_proto.effects import CallHttp
from lash_proto.failures import LocalProtocolError

from ...fixtures import Fixture, load
from ...world import CLOCK, Clock
from .scripted import ScriptedFlight

__all__ = ["ReplayTransport"]


class ReplayTransport:
    """Answers calls from fixtures: one alone answers every call, several answer in order, each once.

    `source` is a fixture's folder, a folder of such folders, or a list. `cuts` is how many bytes come at once.
    """

    def __init__(
        self,
        source: str | Path | Fixture | Iterable[str | Path | Fixture],
        *,
        cuts: int | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        self._fixtures = load(source)
        self._cuts = cuts
        self._clock = clock
        self._next = 0

    def open(self, call: CallHttp) -> ScriptedFlight:
        """The flight of the next fixture. Raises LocalProtocolError where none is left."""
        fixtures = self._fixtures
        if self._next >= len(fixtures) != 1:
            raise LocalProtocolError(f"this is call {self._next + 1}, and {len(fixtures)} responses were recorded")
        fixture = fixtures[self._next if len(fixtures) > 1 else 0]
        self._next += 1
        return ScriptedFlight(call.id, fixture.happenings(call.id, self._cuts), self._clock)

    def close(self) -> None:
        """Nothing is held."""
