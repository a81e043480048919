"""Whether a call is tried again, and after how long. A value: it neither waits nor remembers.

Only what may well be different the next time is tried again, and only as often as the caller allows. A wait the server
asks for beats ours, unless it is so long that the caller should hear of it instead.
"""

from __future__ import annotations

from attrs import frozen

from .failures import Failure
from .machine import fraction

LONGEST_RETRY_AFTER = 60.0
"""A server that asks for a longer wait than this, in seconds, is not waited for: its error goes to the caller."""


@frozen(weakref_slot=False)
class Backoff:
    """Capped exponential waits with jitter. Delays are in seconds; `retries` counts beyond the first try."""

    retries: int = 2
    base_delay: float = 0.5
    max_delay: float = 8.0

    def wait(self, failure: Failure, attempt: int, seed: bytes) -> float | None:
        """How long to wait after attempt number `attempt` (from 1) failed so; None to give up."""
        if not failure.retryable or attempt > self.retries:
            return None
        if failure.retry_after:  # 0 says nothing: at once is when it failed
            return failure.retry_after if failure.retry_after <= LONGEST_RETRY_AFTER else None
        # Full delay less up to a quarter, as the vendors' SDKs do: clients that failed together do not return together.
        delay = min(self.base_delay * 2.0 ** min(attempt - 1, 64), self.max_delay)
        return delay * (1 - 0.25 * fraction(seed, attempt))
