"""What the host says in the end to what a paused run asked.

Decisions.
- An answer goes by the id of its question, as a number or as the text that JSON makes of it, or by that of its call.
- One to nothing that was asked is the program's mistake, and so is one to an approval that is none: both are told
  before the run goes on. What any other hook may answer is judged where it is taken.
- Not all of them need be there: what is missing is asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .hooks import APPROVE, Block, Later
from .state import Waiting


def answers_to(waiting: Iterable[Waiting], answers: Mapping[Any, Any]) -> dict[int, Any]:
    """The answers by the ids of what they are to. Raises ValueError."""
    asked = tuple(waiting)
    return {_question_of(key, answer, asked): answer for key, answer in answers.items()}


def _question_of(key: Any, answer: Any, asked: tuple[Waiting, ...]) -> int:
    for each in asked:
        names = [each.id, str(each.id), *([] if each.call is None else [each.call.id])]
        if key in names:
            if each.name == APPROVE and answer is not Later and not isinstance(answer, bool | str | Block | Later):
                raise ValueError(f"{answer!r} is no answer to {APPROVE}: it is True, False, why not, or Later()")
            return each.id
    raise ValueError(f"the answer {key!r} is to nothing that this run asked: {[each.id for each in asked]}")
