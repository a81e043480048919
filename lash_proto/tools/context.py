"""What a running tool is told of its call, and how it tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from .results import ToolResult, to_result


def _no(*_: object) -> bool:
    return False


@frozen
class ToolContext:
    """A call as its tool sees it: a parameter of this type is filled by the driver, and no model knows of it.

    `call_id` is the model's own for the call and the same in every attempt (what an idempotent tool needs), `attempt`
    counts from 1. With the defaults it serves a test of the tool: nobody listens and nobody cancels.
    """

    call_id: str
    attempt: int = 1
    is_cancelled: Callable[[], bool] = field(default=_no, repr=False)
    report: Callable[[ToolResult], object] = field(default=_no, repr=False)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the result any more. An async tool is cancelled as its task is, beside this."""
        return self.is_cancelled()

    def update(self, partial_result: Any) -> None:
        """Tell what there is so far, as a tool returns it; the model sees only what is returned in the end."""
        self.report(to_result(partial_result))
