"""Tools of more than one scenario. They are plain functions: in every world each call runs in a thread of its own."""

from __future__ import annotations

import threading
from typing import Any

from lash_proto.messages import ToolCallPart
from lash_proto.tools import Tool, ToolResult, tool
from lash_proto.turn import ToolExecutionEnd
from tests.io.agent.stage import call

PATIENCE = 10.0
"""Real seconds after which a scenario that hangs is given up."""


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@tool
def bye(word: str, last: bool = True) -> ToolResult:
    """Say a word, and that it was the last."""
    return ToolResult(word, terminate=last)


def adding(number: int) -> ToolCallPart:
    """Call c<number>, of `add`, whose result is ten times the number."""
    return call(number, "add", a=9 * number, b=number)


class Gate:
    """A tool `wait` that stays where it is until `open`; `reached` is set once it is there."""

    def __init__(self, **settings: Any) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

        def wait() -> str:
            self.pass_through()
            return "at last"

        self.tool: Tool[Any, Any] = tool(wait, **settings)

    def pass_through(self) -> None:
        self.reached.set()
        assert self._open.wait(PATIENCE)

    def open(self, *_: object) -> None:
        self._open.set()

    def open_after(self, call_id: str) -> Any:
        """A listener that opens it once that call has ended."""

        def listener(event: Any) -> None:
            if isinstance(event, ToolExecutionEnd) and event.call_id == call_id:
                self.open()

        return listener
