"""The content of a response while it comes: open blocks, and the events that their pieces make.

All decoders share this, so that numbering, surrogates, made-up ids and argument parsing are decided once. The wire's
own indexes never meet ours: a decoder keeps a map from its wire's key to the block object, because wire indexes start
again, leave gaps, and arrive out of order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from attrs import define, field

from ..failures import RemoteProtocolError
from ..messages import Origin, Part, ReasoningPart, TextPart, ToolCallPart
from ..partial_json import PartialArguments, parse_arguments
from ..replies import (
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ..values import Value, clean, dump_json, hold_surrogate

MAX_BLOCKS = 10_000
"""Blocks in one response."""

MAX_ARGUMENTS = 64 * 1024 * 1024
"""Characters of one call's arguments: as many as an event may have bytes."""


# Deltas are what streams consist of, and a frozen class sets each field by a call: 270 ns for a TextDelta, 370 for a
# ToolCallDelta. A class of the same shape that is open while it is filled, and then becomes the frozen one, takes 100;
# with an `__init__`, which CPython's `type` calls from C, it would take 150.


class _OpenText(Value):
    """A TextDelta or ReasoningDelta in the making."""

    __slots__ = ("content_index", "text")


class _OpenFragment(Value):
    """A ToolCallDelta in the making."""

    __slots__ = ("_position", "_source", "content_index", "fragment")


@define
class TextBlock:
    """A block of text or reasoning that is still growing. Made by `Blocks`."""

    index: int
    reasoning: bool
    origin: Origin
    pieces: list[str] = field(factory=list[str])
    held: str = ""
    phase: str | None = None
    citations: list[Mapping[str, Any]] = field(factory=list[Mapping[str, Any]])
    provider_data: dict[str, Any] | None = None

    def add(self, text: str, out: list[StreamEvent]) -> None:
        """More text. Half of a surrogate pair waits for its other half."""
        # isascii() first: it is a flag of the string, and nearly all pieces are ASCII.
        if self.held or not text.isascii():
            text, self.held = hold_surrogate(self.held + text)
        if text:
            self.pieces.append(text)
            delta: Any = _OpenText()
            delta.content_index = self.index
            delta.text = text
            delta.__class__ = ReasoningDelta if self.reasoning else TextDelta
            out.append(delta)

    def settle(self, final: str, out: list[StreamEvent]) -> bool:
        """The block's final text came. What it adds to the deltas is one more delta; True if it contradicts them."""
        final = clean(final)
        said = "".join(self.pieces)
        if final.startswith(said):
            self.held = ""
            self.add(final[len(said) :], out)
            return False
        return True

    @property
    def text(self) -> str:
        """What has been said, less half a surrogate pair that may be waiting."""
        return "".join(self.pieces)

    def part(self) -> TextPart | ReasoningPart:
        """The block as a part, as far as it has come."""
        text = "".join(self.pieces) + clean(self.held)
        if self.reasoning:
            return ReasoningPart(text=text, origin=self.origin, provider_data=self.provider_data)
        return TextPart(
            text=text,
            phase=self.phase,
            citations=tuple(self.citations),
            origin=self.origin,
            provider_data=self.provider_data,
        )


@define
class CallBlock:
    """A tool call that is still growing. Its Start waits until the name is known; pieces before that are kept.

    From its Start on, `pieces` is also the list that `log` reads: a fragment is kept once.
    """

    origin: Origin
    id: str | None
    name: str
    kind: Literal["function", "custom"] = "function"
    index: int = -1
    made_up: str = ""
    pieces: list[str] = field(factory=list[str])
    size: int = 0
    log: PartialArguments = field(factory=PartialArguments)
    arguments: Mapping[str, Any] | None = None
    provider_data: dict[str, Any] | None = None

    def add(self, fragment: str, out: list[StreamEvent]) -> None:
        """More of the arguments' text."""
        if not fragment:
            return
        self.size += len(fragment)
        if self.size > MAX_ARGUMENTS:
            raise RemoteProtocolError(f"the arguments of a call are longer than {MAX_ARGUMENTS} characters")
        self.pieces.append(fragment)
        if self.index < 0:
            return
        delta: Any = _OpenFragment()
        delta.content_index = self.index
        delta.fragment = fragment
        if self.kind == "function":
            delta._source = self.log
            delta._position = len(self.pieces)
        else:
            delta._source = None
            delta._position = 0
        delta.__class__ = ToolCallDelta
        out.append(delta)

    def settle(self, final: str, out: list[StreamEvent]) -> None:
        """The final text of the arguments came; it is added as far as it goes on from the pieces, else it replaces."""
        said = "".join(self.pieces)
        if final.startswith(said):
            self.add(final[len(said) :], out)
        else:
            self.pieces = [final]
            self.log = PartialArguments(self.pieces)

    @property
    def raw(self) -> str:
        """The arguments' text so far."""
        return "".join(self.pieces)

    def part(self) -> ToolCallPart:
        """The call as a part, as far as it has come."""
        raw = self.raw
        if self.arguments is not None:
            arguments, error = self.arguments, None
        elif self.kind == "custom":
            arguments, error = cast("Mapping[str, Any]", {}), None
        else:
            arguments, error = parse_arguments(raw)
        return ToolCallPart(
            id=self.id or self.made_up,
            name=self.name,
            arguments=arguments,
            raw_arguments=raw,
            arguments_error=error,
            kind=self.kind,
            id_sent=bool(self.id),
            origin=self.origin,
            provider_data=self.provider_data,
        )


Block: TypeAlias = TextBlock | CallBlock


@define
class Blocks:
    """All blocks of one response, in the order of their Start."""

    origin: Origin
    content: list[Part | Block] = field(factory=list[Part | Block])

    def start_text(self, out: list[StreamEvent]) -> TextBlock:
        """A new block of text."""
        block = TextBlock(len(self.content), False, self.origin)
        self._place(block)
        out.append(TextStart(block.index))
        return block

    def start_reasoning(self, out: list[StreamEvent]) -> TextBlock:
        """A new block of reasoning."""
        block = TextBlock(len(self.content), True, self.origin)
        self._place(block)
        out.append(ReasoningStart(block.index))
        return block

    def new_call(self, id: str | None, name: str | None, kind: Literal["function", "custom"] = "function") -> CallBlock:
        """A tool call that has no place yet; `start_call` gives it one once its name is known."""
        return CallBlock(self.origin, clean(id) if id else None, clean(name) if name else "", kind)

    def start_call(self, block: CallBlock, response_id: str | None, out: list[StreamEvent]) -> None:
        """Give a call its place and say so; what had come of its arguments follows at once."""
        self._place(block)
        block.index = len(self.content) - 1
        if not block.id:
            block.made_up = made_up_id(response_id, block.index, block.name)
        out.append(ToolCallStart(block.index, block.id or block.made_up, block.name))
        fragments, block.pieces, block.size = block.pieces, [], 0
        block.log = PartialArguments(block.pieces)
        for fragment in fragments:
            block.add(fragment, out)

    def whole_call(
        self,
        id: str | None,
        name: str,
        arguments: Mapping[str, Any] | str | None,
        response_id: str | None,
        out: list[StreamEvent],
        *,
        kind: Literal["function", "custom"] = "function",
        provider_data: dict[str, Any] | None = None,
    ) -> None:
        """A call that came in one piece: its arguments as an object, or as text."""
        block = self.new_call(id, name, kind)
        block.provider_data = provider_data
        if isinstance(arguments, str):
            block.pieces = [arguments] if arguments else []
        elif arguments:
            block.pieces = [dump_json(arguments)]
            block.arguments = arguments
        self.start_call(block, response_id, out)
        self.close(block, out)

    def add_part(self, part: Part, out: list[StreamEvent]) -> int:
        """A block that comes whole, without Start and End. Returns its content index."""
        self._place(part)
        out.append(PartAdded(len(self.content) - 1, part))
        return len(self.content) - 1

    def _place(self, block: Part | Block) -> None:
        if len(self.content) >= MAX_BLOCKS:
            raise RemoteProtocolError(f"more than {MAX_BLOCKS} blocks in one response")
        self.content.append(block)

    def close(self, block: Block, out: list[StreamEvent]) -> None:
        """The block is over: its End carries the finished part. Closing twice does no harm."""
        index = block.index
        if index < 0 or self.content[index] is not block:
            return
        if isinstance(block, TextBlock):
            if block.held:
                text, block.held = clean(block.held), ""
                block.pieces.append(text)
                out.append(ReasoningDelta(index, text) if block.reasoning else TextDelta(index, text))
            part = block.part()
            self.content[index] = part
            out.append(ReasoningEnd(index, part) if isinstance(part, ReasoningPart) else TextEnd(index, part))
        else:
            self.content[index] = call = block.part()
            out.append(ToolCallEnd(index, call))

    def close_all(self, out: list[StreamEvent]) -> None:
        """Close whatever is still open, in order."""
        for block in list(self.content):
            if isinstance(block, (TextBlock, CallBlock)):
                self.close(block, out)

    def replace(self, index: int, part: Part) -> None:
        """A finished part with what came late for it (a signature, citations); its text is as it was."""
        self.content[index] = part

    def parts(self) -> tuple[Part, ...]:
        """The content so far; blocks still open as far as they have come."""
        return tuple([b.part() if isinstance(b, (TextBlock, CallBlock)) else b for b in self.content])


def made_up_id(response_id: str | None, index: int, name: str) -> str:
    """An id for a call that came without one: the same for the same response, so that a replay of it matches."""
    digest = hashlib.sha256(f"{response_id or ''}\n{index}\n{name}".encode("utf-8", "replace")).hexdigest()
    return f"call_{digest[:24]}"
