"""The form in which a run's last answer is wanted: read where it has it, asked for again where it has not.

Decisions.
- Only what the model means as its last word (`stop`) is held to it, and not what was cut off, refused or filtered.
- The model is told what is wrong, twice in a run. After that its answer is the last one in whatever form.
- A run that would be done and has no answer in the form has failed. One that ended otherwise keeps its reason.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from ..errors import OutputError
from ..failures import Failure
from ..messages import Message, UserMessage
from .progress import Progress
from .results import output_in

_MENDS: Final = 2
"""How often in a run a model that was to answer in a form, and did not, is told so."""


@frozen(weakref_slot=False)
class Form:
    """A type or schema for the answer; with None any will do."""

    wanted: Any = None

    def mend(self, run: Progress) -> list[Message]:
        """What the model is told of an answer that is not in the form."""
        assert run.message is not None
        if self.wanted is None or run.message.stop_reason != "stop" or run.mends == _MENDS:
            return []
        try:
            output_in(run.message, self.wanted)
        except OutputError as error:
            run.mends += 1
            return [UserMessage(f"That answer is not in the form asked for: {error}. Give it again, in that form.")]
        return []

    def read(self, run: Progress) -> Any:
        """The last answer of a run that is over as what was wanted, None where there is no such answer."""
        if self.wanted is None or run.error is not None:
            return None
        try:
            return output_in(run.message, self.wanted)
        except OutputError as error:
            if run.reason == "done":
                run.reason, run.error = "error", Failure("other", str(error))
            return None
