"""The agent loop: a `Turn`, what it tells (events), what it asks its host (hooks), its queues and its saved form."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .context import without_failed as without_failed
    from .events import AgentEnd as AgentEnd
    from .events import AgentEvent as AgentEvent
    from .events import AgentStart as AgentStart
    from .events import MessageEnd as MessageEnd
    from .events import MessageStart as MessageStart
    from .events import MessageUpdate as MessageUpdate
    from .events import ToolExecutionEnd as ToolExecutionEnd
    from .events import ToolExecutionStart as ToolExecutionStart
    from .events import ToolExecutionUpdate as ToolExecutionUpdate
    from .events import TurnEnd as TurnEnd
    from .events import TurnStart as TurnStart
    from .hooks import AfterToolCall as AfterToolCall
    from .hooks import ApproveToolCall as ApproveToolCall
    from .hooks import BeforeToolCall as BeforeToolCall
    from .hooks import Block as Block
    from .hooks import Later as Later
    from .hooks import ModelCall as ModelCall
    from .hooks import NextTurn as NextTurn
    from .hooks import TurnContext as TurnContext
    from .queues import Queues as Queues
    from .results import AgentResult as AgentResult
    from .results import Budget as Budget
    from .state import Paused as Paused
    from .state import TurnState as TurnState
    from .state import Waiting as Waiting
    from .turn import Turn as Turn

_WHERE: Final[dict[str, str]] = {
    name: module
    for module, names in {
        "events": "AgentEnd AgentEvent AgentStart MessageEnd MessageStart MessageUpdate ToolExecutionEnd"
        " ToolExecutionStart ToolExecutionUpdate TurnEnd TurnStart",
        "hooks": "AfterToolCall ApproveToolCall BeforeToolCall Block Later ModelCall NextTurn TurnContext",
        "queues": "Queues",
        "results": "AgentResult Budget",
        "state": "Paused TurnState Waiting",
        "context": "without_failed",
        "turn": "Turn",
    }.items()
    for name in names.split()
}

__all__ = [
    "AfterToolCall",
    "AgentEnd",
    "AgentEvent",
    "AgentResult",
    "AgentStart",
    "ApproveToolCall",
    "BeforeToolCall",
    "Block",
    "Budget",
    "Later",
    "MessageEnd",
    "MessageStart",
    "MessageUpdate",
    "ModelCall",
    "NextTurn",
    "Paused",
    "Queues",
    "ToolExecutionEnd",
    "ToolExecutionStart",
    "ToolExecutionUpdate",
    "Turn",
    "TurnContext",
    "TurnEnd",
    "TurnStart",
    "TurnState",
    "Waiting",
    "without_failed",
]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
