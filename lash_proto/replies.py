"""What comes back: the events of a stream, and the response they add up to.

Blocks are numbered in the order of their Start; none is dropped or moved later, so `content[content_index]` is the
block that an event speaks of. An event holds what is new and nothing else: keeping all events of a stream costs little
more than its text. Events are frozen like all values: 0.17 us dearer than open ones, and safe to share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

from attrs import field, frozen

from .failures import Failure
from .messages import (
    AssistantMessage,
    AudioPart,
    DocumentPart,
    ImagePart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
)
from .partial_json import PartialArguments
from .usage import LlmUsage, StopReason
from .values import Value, without_cookies


@frozen(weakref_slot=False, getstate_setstate=False)
class Attempt(Value):
    """One try at a call: when it began and ended (epoch seconds), what came of it, and what was decided then.

    `output`: some of the answer had come, beyond its id and counts. `usage` is what the provider counted for this try.
    `retry_in` is the wait in seconds for the next one, None where there was to be none. `counted` is False where going
    on cost no retry: after a wait that a rate limit or a busy server asked for, and with a renewed credential.
    """

    tag: ClassVar = ("type", "attempt")
    number: int
    started_at: float
    ended_at: float
    status: int | None = None
    request_id: str | None = None
    failure: Failure | None = None
    output: bool = False
    usage: LlmUsage | None = None
    retry_in: float | None = None
    counted: bool = True


@frozen(weakref_slot=False, getstate_setstate=False)
class LlmResponse(Value):
    """A model's whole answer, or as much of it as came: `error` says what was wrong, None where nothing was."""

    tag: ClassVar = ("type", "response")
    content: tuple[Part, ...]
    stop_reason: StopReason
    raw_stop_reason: str | None = None
    usage: LlmUsage | None = None
    model: str | None = None
    id: str | None = None
    provider: str | None = None
    api: str | None = None
    error: Failure | None = None
    notes: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    request_id: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False, converter=without_cookies)

    @property
    def text(self) -> str:
        """Every TextPart joined with nothing."""
        return "".join([part.text for part in self.content if isinstance(part, TextPart)])

    @property
    def reasoning(self) -> str:
        """Every ReasoningPart joined with nothing: summaries and open reasoning text."""
        return "".join([part.text for part in self.content if isinstance(part, ReasoningPart)])

    @property
    def refusal(self) -> str:
        """The model's words for declining, `""` where it did not."""
        return "".join([part.text for part in self.content if isinstance(part, RefusalPart)])

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The pictures in the answer."""
        return tuple(part for part in self.content if isinstance(part, ImagePart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls of the client's own tools, in the model's order."""
        return tuple(part for part in self.content if isinstance(part, ToolCallPart))

    @property
    def message(self) -> AssistantMessage:
        """The answer as a message, to be put into the next request."""
        return AssistantMessage(
            content=self.content,
            stop_reason=self.stop_reason,
            usage=self.usage,
            error=self.error,
            id=self.id,
            model=self.model,
        )


# --- stream events ---------------------------------------------------------------------------------------------------


@frozen(weakref_slot=False, getstate_setstate=False)
class ResponseStart(Value):
    """The provider began to answer. None for what it has not said yet."""

    tag: ClassVar = ("type", "response_start")
    id: str | None = None
    model: str | None = None


@frozen(weakref_slot=False, getstate_setstate=False)
class TextStart(Value):
    """A block of text begins."""

    tag: ClassVar = ("type", "text_start")
    content_index: int


@frozen(weakref_slot=False, getstate_setstate=False)
class TextDelta(Value):
    """More of a text: what is new, never empty, always encodable as UTF-8."""

    tag: ClassVar = ("type", "text_delta")
    content_index: int
    text: str


@frozen(weakref_slot=False, getstate_setstate=False)
class TextEnd(Value):
    """A block of text is whole."""

    tag: ClassVar = ("type", "text_end")
    content_index: int
    part: TextPart

    @property
    def text(self) -> str:
        """The block's text: its deltas joined."""
        return self.part.text


@frozen(weakref_slot=False, getstate_setstate=False)
class ReasoningStart(Value):
    """A block of reasoning begins."""

    tag: ClassVar = ("type", "reasoning_start")
    content_index: int


@frozen(weakref_slot=False, getstate_setstate=False)
class ReasoningDelta(Value):
    """More of the reasoning: what is new, never empty, always encodable as UTF-8."""

    tag: ClassVar = ("type", "reasoning_delta")
    content_index: int
    text: str


@frozen(weakref_slot=False, getstate_setstate=False)
class ReasoningEnd(Value):
    """A block of reasoning is whole."""

    tag: ClassVar = ("type", "reasoning_end")
    content_index: int
    part: ReasoningPart

    @property
    def text(self) -> str:
        """The block's text: its deltas joined."""
        return self.part.text


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolCallStart(Value):
    """A tool call begins; its name is known."""

    tag: ClassVar = ("type", "tool_call_start")
    content_index: int
    id: str
    name: str


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolCallDelta(Value):
    """More of a call's arguments, as raw text."""

    tag: ClassVar = ("type", "tool_call_delta")
    content_index: int
    fragment: str
    _source: PartialArguments | None = field(default=None, eq=False, repr=False, metadata={"json": None})
    _position: int = field(default=0, eq=False, repr=False, metadata={"json": None})

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments as far as they had come with this event, read-only; `to_dict()` copies them.

        Parsed when asked for: linear when the events of a call are asked in order. Empty for an event read from JSON.
        """
        source = self._source if self._source is not None else PartialArguments()
        return source.view(self._position)


@frozen(weakref_slot=False, getstate_setstate=False)
class ToolCallEnd(Value):
    """A tool call is whole, its arguments parsed."""

    tag: ClassVar = ("type", "tool_call_end")
    content_index: int
    tool_call: ToolCallPart


@frozen(weakref_slot=False, getstate_setstate=False)
class PartAdded(Value):
    """A block that comes whole: a refusal, a picture, sound, what lash does not interpret."""

    tag: ClassVar = ("type", "part_added")
    content_index: int
    part: TextPart | ImagePart | DocumentPart | AudioPart | ReasoningPart | ToolCallPart | RefusalPart | OpaquePart


@frozen(weakref_slot=False, getstate_setstate=False)
class UsageUpdate(Value):
    """The whole usage so far; the last one counts, they are never added."""

    tag: ClassVar = ("type", "usage_update")
    usage: LlmUsage


@frozen(weakref_slot=False, getstate_setstate=False)
class AttemptReset(Value):
    """All blocks so far are withdrawn and indexes begin again at 0: the call is tried again as `attempt`."""

    tag: ClassVar = ("type", "attempt_reset")
    attempt: int
    failure: Failure


@frozen(weakref_slot=False, getstate_setstate=False)
class ResponseEnd(Value):
    """The last event of every call, also of one that failed or was aborted."""

    tag: ClassVar = ("type", "response_end")
    response: LlmResponse


StreamEvent: TypeAlias = (
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
    | ResponseEnd
)
