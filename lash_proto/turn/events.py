"""What an agent's run tells, in the order in which it happens (AI_AND_PI 9.2, 9.3).

    AgentStart
      TurnStart                                   one model call and the tools that it asks for
        MessageStart, MessageEnd                  each message of the user's, or of the queues, that goes in
        MessageStart, MessageUpdate*, MessageEnd  the model's
        ToolExecutionStart, ToolExecutionUpdate*, ToolExecutionEnd
        MessageStart, MessageEnd                  each result
      TurnEnd
      TurnStart ... TurnEnd
    AgentEnd

Every Start has its End, also where something failed or was aborted. An update holds what is new and nothing else; the
message as far as it has come is the machine's to give (`Turn.streaming_message`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import frozen

from ..messages import AssistantMessage, CustomMessage, ToolResultMessage, UserMessage
from ..replies import (
    AttemptReset,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from ..tools import ToolResult
from ..values import Value

_Message: TypeAlias = UserMessage | AssistantMessage | ToolResultMessage | CustomMessage


@frozen(weakref_slot=False, getstate_setstate=False)
class AgentStart(Value):
    """A run begins."""

    tag: ClassVar = ("type", "agent_start")


@frozen(weakref_slot=False, getstate_setstate=False)
class TurnStart(Value):
    """A turn begins: one model call, and the tools that it asks for."""

    tag: ClassVar = ("type", "turn_start")


@frozen(weakref_slot=False, getstate_setstate=False)
class MessageStart(Value):
    """A message begins; whole, but for the model's, which is empty yet."""

    tag: ClassVar = ("type", "message_start")
    message: _Message


@frozen(weakref_slot=False, getstate_setstate=False)
class MessageUpdate(Value):
    """More of the model's message: an event of its stream."""

    tag: ClassVar = ("type", "message_update")
    event: (
        ResponseStart
        | TextStart
        | TextDelta
        | TextEnd
        | ReasoningStart
        | ReasoningDelta
        | ReasoningEnd
        | ToolCallStart
        | ToolCallDelta
        | ToolCallEnd
        | PartAdded
        | UsageUpdate
        | AttemptReset
    )


@frozen(weakref_slot=False, getstate_setstate=False)
class MessageEnd(Value):
    """A message is whole, and part of the conversation."""

    tag: ClassVar = ("type", "message_end")
    message: _Message


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolExecutionStart(Value):
    """A call is taken up: the arguments are the model's own, neither checked nor changed yet."""

    tag: ClassVar = ("type", "tool_execution_start")
    call_id: str
    name: str
    arguments: Mapping[str, Any]


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolExecutionUpdate(Value):
    """What a tool tells while it runs."""

    tag: ClassVar = ("type", "tool_execution_update")
    call_id: str
    name: str
    partial: ToolResult


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolExecutionEnd(Value):
    """What came of a call, also where it was never run."""

    tag: ClassVar = ("type", "tool_execution_end")
    call_id: str
    name: str
    result: ToolResult


@frozen(weakref_slot=False, getstate_setstate=False)
class TurnEnd(Value):
    """A turn is over. `notes` tell what of the request was changed or left out, and what a handing off lost."""

    tag: ClassVar = ("type", "turn_end")
    message: AssistantMessage
    tool_results: tuple[ToolResultMessage, ...] = ()
    notes: tuple[str, ...] = ()


@frozen(weakref_slot=False, getstate_setstate=False)
class AgentEnd(Value):
    """The run is over; `messages` are those that it added to the conversation."""

    tag: ClassVar = ("type", "agent_end")
    messages: tuple[_Message, ...] = ()


AgentEvent: TypeAlias = (
    AgentStart
    | TurnStart
    | MessageStart
    | MessageUpdate
    | MessageEnd
    | ToolExecutionStart
    | ToolExecutionUpdate
    | ToolExecutionEnd
    | TurnEnd
    | AgentEnd
)
