"""A flight whose happenings are known beforehand. A number among them is a pause, in seconds."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import anyio.lowlevel

from lash_proto.happenings import Failed

from ...flights import News
from ...world import Clock

__all__ = ["ScriptedFlight"]


class ScriptedFlight:
    """Tells them one by one, pausing by the clock."""

    bounded = True

    def __init__(self, id: int, script: Iterator[News | float], clock: Clock) -> None:
        self._id = id
        self._script = script
        self._clock = clock
        self._due: float | None = None
        self._told = False
        self._interrupted = anyio.Event()

    async def receive(self, until: float | None) -> News | None:
        """The next happening; None where the clock passed `until`, and once where someone interrupted."""
        await anyio.lowlevel.checkpoint()
        while True:
            if self._interrupted.is_set():
                if self._told:
                    return Failed(self._id, "connection", "interrupted")
                self._told = True
                return None
            if self._due is None:
                step = next(self._script)
                if not isinstance(step, int | float):
                    return step
                self._due = self._clock.now() + step
            target = self._due if until is None else min(self._due, until)
            with anyio.move_on_after(self._clock.timeout(target)):
                await self._interrupted.wait()
                continue
            self._clock.passed(target)
            if self._clock.now() >= self._due:
                self._due = None
            elif until is not None and self._clock.now() >= until:
                return None

    def interrupt(self) -> None:
        """Make `receive` return."""
        self._interrupted.set()

    def close(self) -> None:
        """Nothing is held."""
