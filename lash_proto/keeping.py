"""The handle that the calls of a client share, and which of them has it anew. The machine that they share.

    keeper.receive(Wanted(id, handle))      # a call would renew this handle: what it asks with ON_RENEW
    keeper.receive(Told(id, outcome))       # what has come of that: what it tells with ON_RENEWED
    keeper.receive(Left(id, handle))        # it is over, however it ended, and this is the handle that it then had

Each gives `Answer(id, value)` for all who wait no longer: a newer handle, the Failure of another's attempt, or None,
and then it is theirs to do. It has no end and no result: it lives as long as its client.

Decisions.
- One at a time. A refresh token that is changed at each use and comes twice logs its owner out (RFC 9700 section 4.14).
- Who waits shares the outcome, a failure too: ten calls that try a spent token one after the other learn no more, and
  wait ten times as long.
- Where that one call ends without an outcome, because it was cancelled, the next in line does it. What it had got but
  could not tell any more is taken from it: its refresh token was spent for that.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import define, field, frozen

from .codec import Handle
from .failures import Failure, LocalProtocolError


@frozen(weakref_slot=False)
class Wanted:
    """A call has found that its handle is to be renewed, and waits for an answer."""

    id: int
    handle: Handle


@frozen(weakref_slot=False)
class Told:
    """What a call has brought about: a handle, changed or not, or why there is none."""

    id: int
    outcome: Handle | Failure


@frozen(weakref_slot=False)
class Left:
    """A call is over. A second time does nothing."""

    id: int
    handle: Handle | None = None


@frozen(weakref_slot=False)
class Answer:
    """The wait of this call is over. None: it is the one that renews."""

    id: int
    value: Handle | Failure | None


News: TypeAlias = Wanted | Told | Left


@define
class Keeper:
    """The handle as the latest of the calls left it, and who waits for another. Ids are the driver's, one a call."""

    handle: Handle
    _renewing: int | None = field(default=None, init=False)
    _waiting: dict[int, Handle] = field(factory=dict[int, Handle], init=False)  # in the order of arrival

    def receive(self, happening: News) -> list[Answer]:
        """Whose wait is over. Raises LocalProtocolError for a call that waits, or renews, already."""
        failure: Failure | None = None
        match happening:
            case Wanted(id, handle):
                if id in self._waiting or id == self._renewing:
                    raise LocalProtocolError(f"{id} wants two renewals at once")
                self._waiting[id] = handle
            case Told(id, outcome):
                self._leave(id)
                if isinstance(outcome, Failure):
                    failure = outcome
                else:
                    self.handle = outcome
            case _:  # Left
                if happening.id == self._renewing and happening.handle is not None:
                    self.handle = happening.handle
                self._leave(happening.id)
        return self._answer(failure)

    def _leave(self, id: int) -> None:
        self._waiting.pop(id, None)
        if id == self._renewing:
            self._renewing = None

    def _answer(self, failure: Failure | None) -> list[Answer]:
        answers: list[Answer] = []
        while self._waiting and self._renewing is None:
            id = next(iter(self._waiting))
            if self._waiting.pop(id) != self.handle:
                answers.append(Answer(id, self.handle))
            elif failure is not None:
                answers.append(Answer(id, failure))
            else:
                self._renewing = id
                answers.append(Answer(id, None))
        return answers
