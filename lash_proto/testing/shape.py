"""The shape that the events of every decoder have: blocks numbered in order, each Start with its End, all encodable."""

from __future__ import annotations

from attrs import define, field

from ..codec import Codec
from ..messages import ReasoningPart, TextPart, ToolCallPart
from ..replies import (
    AttemptReset,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from ..values import clean
from .reading import Reading, broken, short

_STARTS: dict[type, str] = {TextStart: "text", ReasoningStart: "reasoning", ToolCallStart: "tool call"}
_GOES_ON: dict[type, str] = {
    TextDelta: "text",
    TextEnd: "text",
    ReasoningDelta: "reasoning",
    ReasoningEnd: "reasoning",
    ToolCallDelta: "tool call",
    ToolCallEnd: "tool call",
}
_PARTS: dict[type, str] = {TextPart: "text", ReasoningPart: "reasoning", ToolCallPart: "tool call"}


def check_shape(codec: Codec, reading: Reading) -> None:
    """The events tell of blocks as DESIGN has them, and `content` is those blocks."""
    problem = _Blocks().problem_of(reading)
    if problem is not None:
        broken("the shape of events", codec, problem)


@define
class _Blocks:
    """The blocks that the events so far tell of: what kind each is, and what each open one has said."""

    kinds: list[str] = field(factory=list[str])
    open: dict[int, list[str]] = field(factory=dict[int, list[str]])

    def problem_of(self, reading: Reading) -> str | None:
        for event in reading.events:
            problem = self._take(event)
            if problem is not None:
                return f"{problem}: {short(event)}"
        if self.open:
            return f"no End for block {min(self.open)}"
        content = reading.response.content
        # What comes whole at the end of an answer (a refusal) has no event yet where a fault cut the answer short.
        if len(content) != len(self.kinds) and (reading.fault is None or len(content) < len(self.kinds)):
            return f"the events told of {len(self.kinds)} blocks, the response has {len(content)}"
        for i, (kind, part) in enumerate(zip(self.kinds, content, strict=False)):
            if kind not in ("whole", _PARTS.get(type(part))):
                return f"content[{i}] began as {kind} and is a {type(part).__name__}"
        for event in reading.events:
            if (
                isinstance(event, (TextEnd, ReasoningEnd))
                and getattr(content[event.content_index], "text", "") != event.text
            ):
                return f"content[{event.content_index}] has another text than its End: {short(event)}"
        response = reading.response
        texts = [response.text, response.reasoning, response.refusal, response.id or "", response.model or ""]
        texts += [call.id + call.name for call in response.tool_calls]
        return next((f"half a surrogate pair goes out: {short(text)}" for text in texts if clean(text) != text), None)

    def _take(self, event: StreamEvent) -> str | None:
        if isinstance(event, (ResponseStart, UsageUpdate)):
            return None
        if isinstance(event, (AttemptReset, ResponseEnd)):
            return "no decoder emits this, the exchange does"
        index, kind = event.content_index, type(event)
        if kind in _STARTS or isinstance(event, PartAdded):
            if index != len(self.kinds):
                return f"content_index is {index}, the next block is number {len(self.kinds)}"
            self.kinds.append(_STARTS.get(kind, "whole"))
            if kind in _STARTS:
                self.open[index] = []
        elif index not in self.open or self.kinds[index] != _GOES_ON[kind]:
            return "no such block is open"
        elif isinstance(event, ToolCallEnd):
            del self.open[index]
        elif isinstance(event, (TextEnd, ReasoningEnd)):
            said = "".join(self.open.pop(index))
            return None if said == event.text else f"the deltas say {short(said)}"
        else:
            piece = event.fragment if isinstance(event, ToolCallDelta) else getattr(event, "text", "")
            self.open[index].append(piece)
            return None if piece else "an empty delta"
        return None
