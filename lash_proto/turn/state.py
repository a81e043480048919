"""A run in its saved form: plain JSON, which another process, another driver or a later lash goes on from.

What the program brings is not in it: the functions of tools and hooks, and the credential. They are given again to
`Turn.resume`. A model call that was under way is in it as begun; nothing of its answer is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from attrs import field, frozen

from ..failures import Failure
from ..messages import (
    AssistantMessage,
    CustomMessage,
    LlmRequest,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from ..models import ModelSpec
from ..prices import Cost
from ..providers.handle import ProviderSpec
from ..replies import Attempt
from ..tools import ToolResult
from ..usage import LlmUsage
from ..values import Value
from .results import EndReason

Status: TypeAlias = Literal["new", "before", "approve", "ready", "running", "after", "done"]
"""How far a call is: what has to happen to it next."""
Phase: TypeAlias = Literal[
    "new", "opened", "transform", "convert", "call", "tools", "overflow", "stop", "between", "prepare", "end", "done"
]
"""How far a run is: what it waits for."""

_Message: TypeAlias = UserMessage | AssistantMessage | ToolResultMessage | CustomMessage


@frozen(weakref_slot=False, getstate_setstate=False)
class CallState(Value):
    """One call of a message, and how far it is: `status` is its next step, `question` what the host has yet to say."""

    tag: ClassVar = ("type", "call_state")
    call: ToolCallPart
    status: Status
    arguments: Mapping[str, Any] | None = None
    attempt: int = 0
    result: ToolResult | None = None
    question: int | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class BatchState(Value):
    """The calls of the last message of the model's, and how many of the results are part of the conversation."""

    tag: ClassVar = ("type", "batch_state")
    message: AssistantMessage
    calls: tuple[CallState, ...]
    told: tuple[ToolResultMessage, ...] = ()
    sequential: bool = False


@frozen(weakref_slot=False, getstate_setstate=False)
class TurnState(Value):
    """All that a run knows between two of its steps; `phase` is the step that is next."""

    tag: ClassVar = ("type", "turn_state")
    phase: Phase
    provider: ProviderSpec
    model: ModelSpec
    request: LlmRequest
    """What every model call of the run has in common; it has no messages."""
    messages: tuple[_Message, ...]
    added: int = 0
    """How many of them this run has added, counted from the end."""
    new: tuple[_Message, ...] = ()
    """What it added, where that is no longer the end of the conversation."""
    pending: tuple[_Message, ...] = ()
    """What is to be said at the beginning of the next turn."""
    sent: tuple[_Message, ...] | None = None
    """What the model call under way tells the model, where the host has changed it."""
    steering: tuple[_Message, ...] = ()
    follow_ups: tuple[_Message, ...] = ()
    turns: int = 0
    more: bool = False
    looked: bool = False
    mends: int = 0
    elapsed: float = 0.0
    """Seconds of its time that the run has used."""
    usage: LlmUsage | None = None
    cost: Cost | None = None
    message: AssistantMessage | None = None
    """The model's latest."""
    notes: tuple[str, ...] = ()
    batch: BatchState | None = None
    begun: float | None = None
    """When the model call under way was begun, in epoch seconds."""
    lost: tuple[Attempt, ...] = ()
    """Attempts at that call of which nobody knows what came of them."""
    question: int | None = None
    """What the host has yet to say, beside what it is asked of calls."""
    reason: EndReason | None = None
    error: Failure | None = None
    told_of: str | None = None
    """The provider and model whose losses have been reported."""
    seed: bytes = b""
    last_id: int = 0


@frozen(weakref_slot=False, getstate_setstate=False)
class Waiting(Value):
    """Something that only the host can answer: the name of the hook, and the call that it is about, where it is one.

    `id` is the key under which `Turn.resume` takes the answer.
    """

    tag: ClassVar = ("type", "waiting")
    id: int
    name: str
    call: ToolCallPart | None = None
    arguments: Mapping[str, Any] | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class Paused(Value):
    """A run that waits for answers: for what, and its whole state as JSON, from which it goes on."""

    tag: ClassVar = ("type", "paused")
    waiting: tuple[Waiting, ...]
    state: Mapping[str, Any] = field(repr=False)

    # What an AgentResult tells beside, so that whoever only prints it need not ask which of the two it is.
    reason: ClassVar = "paused"
    text: ClassVar = ""
    error: ClassVar = None
    output: ClassVar = None

    @property
    def turns(self) -> int:
        """The model calls so far."""
        return int(self.state["turns"])

    @property
    def usage(self) -> LlmUsage | None:
        """What they used."""
        used = self.state.get("usage")
        return None if used is None else LlmUsage.from_json(used)
