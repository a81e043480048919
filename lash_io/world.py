"""Clock, entropy, environment: what lash reads of the world besides the network. Nothing else in lash reads them.

The machines take time and entropy as arguments, so whoever hands a driver another `Clock` owns its time. A wait is the
same three steps everywhere, which is how a test's clock makes time jump: ask `timeout(until)` how long to wait at most,
wait for the world, and when nothing came tell the clock so with `passed(until)`.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping

__all__ = ["CLOCK", "Clock", "entropy", "environment"]


class Clock:
    """Seconds since the Unix epoch that never run backwards: calendar time taken once, monotonic time added."""

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()

    def now(self) -> float:
        """The time."""
        return self._epoch + time.monotonic()

    def timeout(self, until: float) -> float:
        """How many seconds of real waiting there are at most until then; never negative."""
        return max(0.0, until - self.now())

    def passed(self, until: float) -> None:
        """Told after a wait of `timeout(until)` in which nothing happened. A clock that jumps does so here."""


CLOCK = Clock()
"""The process's clock. Driver and transport must agree on one; they do, where nobody says otherwise."""


def entropy(size: int) -> bytes:
    """Fresh bytes that nobody can guess."""
    return secrets.token_bytes(size)


def environment() -> Mapping[str, str]:
    """The environment's variables as they are now."""
    return dict(os.environ)
