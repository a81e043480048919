"""The attempts at a call: what came of those that are over, what they cost, and when the latest began.

Decisions.
- An attempt is entered when it is over. Whether another follows is decided by then and stands in it.
- Going on costs a retry where what was decided says so: not after a wait for one who asked for it, and not with a
  credential had anew (`retry`, `renewal`). Attempts of which nobody knows what came of them cost one each.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from .failures import Failure
from .incoming import Incoming
from .replies import Attempt, LlmResponse
from .retry import Again, Spent


@define
class Ledger:
    """`number` is that of the latest attempt, begun at `began_at`; `failure` is why it, or the next one, is made."""

    attempts: list[Attempt] = field(factory=list[Attempt])
    number: int = 0
    began_at: float = 0.0
    spent: Spent = Spent()
    failure: Failure | None = None

    @classmethod
    def of(cls, lost: Iterable[Attempt]) -> Ledger:
        """That of a call at which earlier attempts were made, of which nobody knows what came of them."""
        attempts = list(lost)
        failure = attempts[-1].failure if attempts else None
        return cls(attempts, len(attempts), spent=Spent(retries=len(attempts)), failure=failure)

    def begin(self, now: float) -> None:
        """The next attempt begins."""
        self.number += 1
        self.began_at = now

    def enter(
        self,
        incoming: Incoming | None,
        failure: Failure | None,
        now: float,
        *,
        again: Again | None = None,
        whole: LlmResponse | None = None,
    ) -> None:
        """The latest attempt is over, with as much of a response as came; `again`: another follows. `whole` is the
        response where it is known already."""
        said = whole if whole is not None or incoming is None else incoming.decoder.partial()
        request_id = None if incoming is None else incoming.request_id
        self.attempts.append(
            Attempt(
                self.number,
                self.began_at,
                now,
                status=None if incoming is None else incoming.status,
                request_id=request_id or (None if failure is None else failure.request_id),
                failure=failure,
                output=incoming is not None and incoming.output,
                usage=None if said is None else said.usage,
                retry_in=None if again is None else again.wait,
                counted=again is None or again.spent.retries > self.spent.retries,
            )
        )
        if again is not None:
            self.failure, self.spent = failure, again.spent
