"""What a run asks its host (`AskHost`), each where somebody listens: the names, what is asked, what may be answered.

Any of them but STREAM and SAVE may be answered `Later`: then whatever is under way ends first, and the run pauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from ..messages import AssistantMessage, LlmRequest, Message, ReasoningLevel, ToolCallPart, ToolResultMessage
from ..models import ModelSpec
from ..tools import ToolResult
from ..values import UNSET, Unset

TRANSFORM_CONTEXT: Final = "transform_context"
"""Asked before each model call with the conversation (a tuple of messages); the answer is what the model is to be told
of it, None leaves it. What was said stays as it is."""
CONVERT_TO_LLM: Final = "convert_to_llm"
"""Asked with what TRANSFORM_CONTEXT left: the answer is messages that a provider can be sent, in the place of what the
run makes of them by itself (its own handing off, without CustomMessages and failed turns). None leaves that."""
STREAM: Final = "stream"
"""Asked for every model call, in the place of one over HTTP, with a ModelCall. Its stream's events are news on the way
(`Progressed`), the LlmResponse is the answer."""
BEFORE_TOOL_CALL: Final = "before_tool_call"
"""Asked with a BeforeToolCall, whose arguments fit the tool: None or True lets it run, a Block or False does not, and a
mapping are other arguments, which are not checked again."""
APPROVE: Final = "approve"
"""Asked with an ApproveToolCall for a tool that wants it: True runs it; False, a text that says why, or a Block do not.
Where nobody listens, the run pauses."""
AFTER_TOOL_CALL: Final = "after_tool_call"
"""Asked with an AfterToolCall once a tool has run: a ToolResult takes the place of its own, None leaves it."""
SHOULD_STOP: Final = "should_stop_after_turn"
"""Asked with a TurnContext: a true answer ends the run there."""
PREPARE_NEXT_TURN: Final = "prepare_next_turn"
"""Asked with a TurnContext where another turn follows: a NextTurn changes what it is made with, None leaves it."""
ON_OVERFLOW: Final = "on_context_overflow"
"""Asked with a TurnContext where the conversation was too long for the model: the answer is a shorter one, which takes
its place and is tried; None ends the run with the error."""
SAVE: Final = "save"
"""Asked with the run's whole state as JSON at every step. What the step does begins once it is answered. The answer
itself is not looked at, and where there is none but a failure, the run ends: what cannot be kept is not begun."""

HOOKS: Final = frozenset(
    {
        TRANSFORM_CONTEXT,
        CONVERT_TO_LLM,
        STREAM,
        BEFORE_TOOL_CALL,
        APPROVE,
        AFTER_TOOL_CALL,
        SHOULD_STOP,
        PREPARE_NEXT_TURN,
        ON_OVERFLOW,
        SAVE,
    }
)
"""All of them."""


@frozen(weakref_slot=False)
class Later:
    """The answer of a host that cannot answer now."""


@frozen(weakref_slot=False)
class Block:
    """The answer that keeps a tool from being run: `reason` is for the model. `terminate` as in a ToolResult."""

    reason: str = ""
    terminate: bool = False


@frozen(weakref_slot=False)
class ModelCall:
    """A model call that the host makes."""

    request: LlmRequest
    model: ModelSpec


@frozen(weakref_slot=False)
class BeforeToolCall:
    """A call about to be run: what the model said, the call, its arguments as checked, the conversation before it."""

    message: AssistantMessage
    call: ToolCallPart
    arguments: Mapping[str, Any]
    messages: tuple[Message, ...] = field(repr=False)


@frozen(weakref_slot=False)
class ApproveToolCall:
    """A call that somebody has to say yes to."""

    call: ToolCallPart
    arguments: Mapping[str, Any]


@frozen(weakref_slot=False)
class AfterToolCall:
    """A call that was run, and what came of it."""

    message: AssistantMessage
    call: ToolCallPart
    arguments: Mapping[str, Any]
    result: ToolResult
    messages: tuple[Message, ...] = field(repr=False)


@frozen(weakref_slot=False)
class TurnContext:
    """A turn that is over: its message and results, the whole conversation, and what of it this run has added."""

    message: AssistantMessage
    tool_results: tuple[ToolResultMessage, ...]
    messages: tuple[Message, ...] = field(repr=False)
    new_messages: tuple[Message, ...] = field(repr=False)


@frozen(weakref_slot=False)
class NextTurn:
    """What the turns from here on are made with; UNSET leaves what there is.

    `messages` takes the place of the whole conversation, `add` is said before the next model call. `provider` is a
    handle, and goes with a `model` of its own; options that only the earlier dialect knows are left out, and noted.
    `tools` are tools or functions.
    """

    model: ModelSpec | str | Unset = UNSET
    provider: Any = UNSET
    system: Any = UNSET
    reasoning: ReasoningLevel | int | Unset | None = UNSET
    tools: Sequence[Any] | Unset = UNSET
    messages: Sequence[Message] | Unset = UNSET
    add: Sequence[Message] = ()


HookValue: TypeAlias = (
    ModelCall | BeforeToolCall | ApproveToolCall | AfterToolCall | TurnContext | tuple[Message, ...] | Mapping[str, Any]
)
