"""One JSON array that comes in pieces, as its elements: what `streamGenerateContent` sends without `alt=sse`.

Google writes `[{...}` and then, with each further chunk, a comma, a line end and the next element, so an
element is handed over at its own last bracket and not at the comma behind it. Only brackets and strings are looked at;
whether an element is JSON is for the parser to say. Doubled commas pass: gemini-cli repairs them too (WIRE 5g).
"""

from __future__ import annotations

import re
from typing import Final

from attrs import define, field

from ...failures import RemoteProtocolError
from ...values import MAX_DEPTH

MAX_ELEMENT: Final = 64 * 1024 * 1024
"""Bytes of one element: the same as an event of an event stream may have."""

_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')


@define(weakref_slot=False)
class ArraySplitter:
    """Bytes in, the texts of whole elements out, any cut. Linear in what comes."""

    max_element: int = MAX_ELEMENT
    _element: bytearray = field(init=False, factory=bytearray)
    _depth: int = field(init=False, default=0)  # brackets open: 0 before the array and after it
    _string: bool = field(init=False, default=False)
    _escaped: bool = field(init=False, default=False)
    _fault: str | None = field(init=False, default=None)

    def receive(self, data: bytes) -> list[str]:
        """The elements that these bytes complete. Raises RemoteProtocolError for what an earlier call found."""
        self.end()
        whole: list[str] = []
        position = start = 0
        end = len(data)
        while position < end and self._fault is None:
            if self._escaped:
                self._escaped = False
                position += 1
                continue
            match = (_INSIDE if self._string else _OUTSIDE).search(data, position)
            if match is None:
                break
            position = match.end()
            found = match[0]
            if self._string:
                self._escaped = found == b"\\"
                self._string = self._escaped
            elif found == b'"':
                self._string = True
            elif found == b",":
                if self._depth == 1:
                    self._flush(data[start : position - 1], whole)
                    start = position
            elif found in b"[{":
                self._depth += 1
                if self._depth == 1:
                    start = position
                elif self._depth > MAX_DEPTH:
                    self._fault = f"JSON nested deeper than {MAX_DEPTH} levels"
            else:
                self._depth -= 1
                if self._depth == 1:
                    self._flush(data[start:position], whole)
                    start = position
                elif self._depth == 0:
                    self._flush(data[start : position - 1], whole)
                    start = position
                elif self._depth < 0:
                    self._fault = "more brackets closed than were opened"
        if self._depth > 0 and self._fault is None:
            self._element += data[start:]
            self._check(len(self._element))
        return whole

    def end(self) -> None:
        """Raise RemoteProtocolError for what an earlier call found. An element that is not whole was cut."""
        if self._fault is not None:
            raise RemoteProtocolError(self._fault)

    def _flush(self, piece: bytes, whole: list[str]) -> None:
        if self._element:
            self._element += piece
            piece = bytes(self._element)
            self._element.clear()
        self._check(len(piece))
        piece = piece.strip()
        if piece and self._fault is None:
            whole.append(piece.decode("utf-8", "replace"))

    def _check(self, size: int) -> None:
        if size > self.max_element:
            self._fault = f"an element of the JSON array is longer than {self.max_element} bytes"
