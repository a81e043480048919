"""Who may call now and who waits: so many at once, so many in a window of time. The machine that calls share.

    admission.receive(Arrived(id, tokens), now)     # somebody wants to begin
    admission.receive(Left(id), now)                # it is over, however it ended, or waits no longer
    admission.receive(Woke(), now)                  # `wake_at` has come

Each gives `Admit(id)` for all whose turn has come. It has no end and no result: it lives as long as its client.

Decisions.
- What is admitted is an attempt and not a call. A provider counts requests, and retries would break through a limit
  just when it matters; and a call that waits to try again holds no place meanwhile.
- Turns come strictly in the order of arrival. Who needs many tokens is not overtaken for ever by those who need few.
- A window slides: in no stretch of time as long as it do more begin than are allowed. (One that is emptied at fixed
  moments lets twice as many through around such a moment.)
- Who has begun has begun: an attempt that fails or is cancelled stays in the window; the provider may have seen it.
- One that needs more tokens than a whole window has waits until the window is empty, and then goes: the estimate is
  rough (`tokens`), and whether it is too much is the provider's to say.
"""

from __future__ import annotations

from collections import deque
from typing import Any, TypeAlias

from attrs import Attribute, define, field, frozen

from .failures import LocalProtocolError
from .happenings import Woke


def _positive(instance: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"{attribute.name} is {value!r}: give a number above 0, or None for no limit")


@frozen(weakref_slot=False)
class Limits:
    """How much a client may ask of its provider. None: as much as it likes.

    `max_concurrency` attempts may be under way at once; in any `window` of seconds `requests` of them may begin, with
    `tokens` of input between them by `estimate_tokens`. Raises ValueError for what would let nothing through.
    """

    max_concurrency: int | None = field(default=None, validator=_positive)
    requests: int | None = field(default=None, validator=_positive)
    tokens: int | None = field(default=None, validator=_positive)
    window: float = field(default=60.0, validator=_positive)


@frozen(weakref_slot=False)
class Arrived:
    """Somebody wants to begin."""

    id: int
    tokens: int = 0


@frozen(weakref_slot=False)
class Left:
    """An attempt is over, or its turn is waited for no longer. A second time does nothing."""

    id: int


@frozen(weakref_slot=False)
class Admit:
    """Let this one begin."""

    id: int


News: TypeAlias = Arrived | Left | Woke


@define
class Admission:
    """The limits of one client, and where its attempts stand. Ids are the driver's, each used once."""

    limits: Limits
    wake_at: float | None = field(default=None, init=False)
    _waiting: dict[int, int] = field(factory=dict[int, int], init=False)  # their tokens, in the order of arrival
    _inside: set[int] = field(factory=set[int], init=False)
    _begun: deque[tuple[float, int]] = field(
        factory=deque[tuple[float, int]], init=False
    )  # in the window: when, tokens
    _spent: int = field(default=0, init=False)  # the tokens of these

    def receive(self, happening: News, now: float) -> list[Admit]:
        """Whose turn has come. Raises LocalProtocolError for an id that has arrived before."""
        match happening:
            case Arrived(id, tokens):
                if id in self._waiting or id in self._inside:
                    raise LocalProtocolError(f"{id} has arrived before")
                self._waiting[id] = tokens if self.limits.tokens is None else min(tokens, self.limits.tokens)
            case Left(id):
                self._waiting.pop(id, None)
                self._inside.discard(id)
            case _:
                pass  # Woke: only time has passed
        return self._admit(now)

    def _admit(self, now: float) -> list[Admit]:
        limits = self.limits
        windowed = limits.requests is not None or limits.tokens is not None
        while self._begun and self._begun[0][0] + limits.window <= now:
            self._spent -= self._begun.popleft()[1]
        admitted: list[Admit] = []
        self.wake_at = None
        while self._waiting:
            id, tokens = next(iter(self._waiting.items()))
            if limits.max_concurrency is not None and len(self._inside) >= limits.max_concurrency:
                break
            self.wake_at = self._has_room_at(tokens)
            if self.wake_at is not None:
                break
            del self._waiting[id]
            self._inside.add(id)
            if windowed:
                self._begun.append((now, tokens))
                self._spent += tokens
            admitted.append(Admit(id))
        return admitted

    def _has_room_at(self, tokens: int) -> float | None:
        """When enough of those in the window will have gone out of it for one more; None where it has room."""
        limits = self.limits
        count, spent = len(self._begun) + 1, self._spent + tokens
        at: float | None = None
        for began, each in self._begun:
            if (limits.requests is None or count <= limits.requests) and (
                limits.tokens is None or spent <= limits.tokens
            ):
                break
            at = began + limits.window
            count, spent = count - 1, spent - each
        return at
