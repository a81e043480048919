"""Whether a call is tried again, and after how long. Values: they neither wait nor remember.

Only what may well be different the next time is tried again, and two purses pay for it. A call that a rate limit or a
server with too much to do turns away, with a word on when to come back, costs time out of the throttle budget, and no
retry: it was never looked at (the first class of WIRE 12.2; LASH 2.6 has the rate limit alone). All else, and these too
once that budget is spent, costs one of the retries. A wait that the server asks for beats ours, unless it is so long
that the caller should hear of it instead.
"""

from __future__ import annotations

from attrs import frozen

from .failures import Failure
from .machine import fraction
from .messages import ProviderOptions

_TURNED_AWAY = frozenset({"rate_limit", "overloaded"})
_LEAST_CHARGE = 1.0  # seconds; else a server that says "at once" could be asked for ever


@frozen(weakref_slot=False)
class Spent:
    """What a call has used up so far: retries, and seconds of its throttle budget."""

    retries: int = 0
    throttled: float = 0.0


@frozen(weakref_slot=False)
class Again:
    """Try again in `wait` seconds; what the call has then spent."""

    wait: float
    spent: Spent


@frozen(weakref_slot=False)
class Backoff:
    """Capped exponential waits with jitter. Times are in seconds, None is no limit; `retries` counts beyond the first
    try, and with 0 the first is the only one.
    """

    retries: int = 2
    base_delay: float = 0.5
    max_delay: float = 8.0
    retry_after_limit: float | None = 60.0
    throttle_budget: float | None = 90.0

    @classmethod
    def of(cls, options: ProviderOptions) -> Backoff:
        """What a request's options say, and the defaults above for what they leave unset."""
        default = cls()
        return cls(
            options.get("max_retries", default.retries),
            options.get("retry_base_delay", default.base_delay),
            options.get("retry_max_delay", default.max_delay),
            options.get("retry_after_limit", default.retry_after_limit),
            options.get("throttle_budget", default.throttle_budget),
        )

    def again(self, failure: Failure, spent: Spent, attempt: int, seed: bytes) -> Again | None:
        """What follows from attempt number `attempt` (from 1) that failed so; None to give up."""
        asked = failure.retry_after or 0.0  # 0 says nothing: at once is when it failed
        if not failure.retryable or self.retries < 1:
            return None
        if self.retry_after_limit is not None and asked > self.retry_after_limit:
            return None
        if asked > 0 and failure.kind in _TURNED_AWAY:
            throttled = spent.throttled + max(asked, _LEAST_CHARGE)
            if self.throttle_budget is None or throttled <= self.throttle_budget:
                return Again(asked, Spent(spent.retries, throttled))
        if spent.retries >= self.retries:
            return None
        # Full delay less up to a quarter, as the vendors' SDKs do: clients that failed together do not return together.
        delay = min(self.base_delay * 2.0 ** min(spent.retries, 64), self.max_delay)
        wait = asked if asked > 0 else delay * (1 - 0.25 * fraction(seed, attempt))
        return Again(wait, Spent(spent.retries + 1, spent.throttled))
