"""The saves of a run: one at a time, and what follows once all that has happened is kept.

Decisions.
- What happens while the host keeps a state makes that one stale. As soon as it is kept the newer one is saved, and
  however much has happened by then costs one save more.
- A step that costs something, or is the run's last in this process, waits until the state that says so is kept, and not
  only an older one. News that no step follows leaves the step that waits.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import define

from ..machine import Ids

Step: TypeAlias = Literal["call", "launch", "pause", "end"]
"""What waits for a save: the model is asked, the tools are run, the run pauses, or ends."""


@define
class Saving:
    """`question` is the AskHost of the save under way; `stale`: more has happened since; `then` is what waits."""

    question: int | None = None
    stale: bool = False
    then: Step | None = None

    def want(self, then: Step | None) -> bool:
        """Something has happened, and this is to follow. Whether to save at once, and not after the save under way."""
        self.then = then or self.then
        self.stale = self.question is not None
        return not self.stale

    def begin(self, ids: Ids) -> int:
        """A save begins: the id of its question."""
        self.stale = False
        self.question = ids.next()
        return self.question

    def end(self) -> bool:
        """The save is over. Whether another has to follow."""
        self.question = None
        return self.stale

    def take_step(self) -> Step | None:
        """What waited until all was kept."""
        then, self.then = self.then, None
        return then
