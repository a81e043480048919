"""The deadlines of a model call: which of them runs, until when, and what is said of one that has passed.

Decisions.
- One runs at a time, for what is waited for: the connection, the first event, the next one, the next one of a model
  that reasons. The whole call's runs beside it, and whichever passes first is the call's `wake_at`.
- The idle deadline moves with every event, and with what the provider tells of its work and is no event of ours
  (`Decoder.progress`: a search under way). Pings, comments and events that say nothing do not move it, because a server
  can ping for ever.
- A model that reasons may be silent for longer. A count of tokens does not say that it stopped.
- A whole call in one JSON body has no events before its end, and its first gets the patience of a model that reasons.
"""

from __future__ import annotations

from typing import Any

from attrs import define

from .messages import ProviderOptions
from .replies import ReasoningDelta, ReasoningStart, UsageUpdate

CONNECT_TIMEOUT = 10.0
FIRST_EVENT_TIMEOUT = 120.0
IDLE_TIMEOUT = 120.0
REASONING_IDLE_TIMEOUT = 600.0

_THINKING = (ReasoningStart, ReasoningDelta)


@define
class Deadlines:
    """What a call allows, in seconds, and None for no limit; `total_at` is when the whole of it must be over.

    Each thing to be waited for has a method that tells until when, None for ever. `running` is the option that this
    comes from.
    """

    total_at: float | None = None
    connect: float | None = None
    first_event: float | None = None
    idle: float | None = None
    reasoning_idle: float | None = None
    running: str = ""

    @classmethod
    def of(cls, options: ProviderOptions, now: float, *, stream: bool) -> Deadlines:
        """What a request's options say, and the defaults above for what they leave unset."""
        total = options.get("total_timeout")
        first = options.get("first_event_timeout", FIRST_EVENT_TIMEOUT)
        reasoning = options.get("reasoning_idle_timeout", REASONING_IDLE_TIMEOUT)
        return cls(
            None if total is None else now + total,
            options.get("connect_timeout", CONNECT_TIMEOUT),
            first if stream else _longest(first, reasoning),
            options.get("idle_timeout", IDLE_TIMEOUT),
            reasoning,
        )

    @property
    def patience(self) -> float | None:
        """The longest silence that may be one of a provider at work."""
        return _longest(self.first_event, self.idle, self.reasoning_idle)

    # --- what is waited for ----------------------------------------------------------------------------------------

    def expect_connection(self, now: float) -> float | None:
        """An attempt has begun."""
        self.running = "connect_timeout"
        return self._within(now, self.connect)

    def expect_first_event(self, now: float) -> float | None:
        """The connection stands. A head is no event."""
        self.running = "first_event_timeout"
        return self._within(now, self.first_event)

    def expect_next(self, events: list[Any], now: float) -> float | None:
        """These events have come, or none and yet word of work. Asked at each read: most make no call from here."""
        last = events[-1] if events else None
        if last is None or isinstance(last, UsageUpdate):
            reasons = self._reasons_on(events)
        else:
            reasons = isinstance(last, _THINKING)
        if reasons:
            limit, self.running = self.reasoning_idle, "reasoning_idle_timeout"
        else:
            limit, self.running = self.idle, "idle_timeout"
        at = None if limit is None else now + limit
        total = self.total_at
        return total if at is None or (total is not None and total < at) else at

    def expect_rest(self, now: float, limit: float) -> float | None:
        """The answer is whole, and what follows it is read for no longer than this."""
        self.running = ""
        return self._within(now, limit)

    def pause(self) -> float | None:
        """What is waited for is not the provider: none but the whole call's runs."""
        self.running = "total_timeout"
        return self.total_at

    def sooner(self, at: float | None) -> float | None:
        """The whole call's where it passes before this time, else this time."""
        total = self.total_at
        return total if at is None or (total is not None and total < at) else at

    def _within(self, now: float, limit: float | None) -> float | None:
        return self.sooner(None if limit is None else now + limit)

    def _reasons_on(self, events: list[Any]) -> bool:
        """Whether the model reasons, where the last of these does not say."""
        for event in reversed(events):
            if not isinstance(event, UsageUpdate):
                return isinstance(event, _THINKING)
        return self.running == "reasoning_idle_timeout"

    # --- what has passed -------------------------------------------------------------------------------------------

    def is_late(self, now: float) -> bool:
        """Whether the whole call's has passed."""
        return self.total_at is not None and now >= self.total_at

    def what_passed(self, now: float) -> str:
        """What is said of the deadline that has passed, by its option."""
        if self.is_late(now):
            return "the call took longer than its total_timeout"
        if self.running == "connect_timeout":
            return "no connection within the time allowed (connect_timeout)"
        return f"no event within the time allowed ({self.running})"


def _longest(*limits: float | None) -> float | None:
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None
