"""Bytes to server-sent events, as they come.

The grammar is the WHATWG's event stream (HTML Living Standard, 9.2.6). An event is a plain tuple of name and data: this
is the hottest path of the library, and a tuple is the cheapest thing that holds two strings. The name is `""` where no
`event:` line gave one. `id` and `retry` belong to reconnection, which no LLM API has: they are read and forgotten. As
in the standard, `data:` with nothing behind it makes an event whose data is `""`; no `data` line at all makes none.

Where providers bend the grammar we follow them:

- The last event needs no blank line; `end()` hands it over (WIRE 9; the standard throws it away).
- A line `error: {...}` stands for `event: error`, `data: {...}` and a blank line (GPUStack, llama.cpp).
- A line that begins with `{` or `[` stands for a `data:` line and a blank line, under the name that an `event:` line
  above it gave (Gemini's errors in mid-stream, WIRE 5c). Where its brackets are still open at the end of the line, as
  in Google's indented errors, the lines that follow belong to it too, until the brackets are closed, a blank line, or a
  line that is a field. Either kind first hands over an event that waits for its blank line.

How it is fast. CR and CRLF become LF before anything else looks; nothing notices, because a line cannot hold a CR. What
a read completes is decoded once and split at blank lines, and the two shapes that all providers send are recognised
whole; all else goes line by line. A read of one event, as most are where a stream is slower than its reader, is not
split but held against the beginning of the event before it. A border between lines is also a border between UTF-8
sequences, even broken ones, so a cut anywhere gives the same text. `str.splitlines` would cut JSON at U+2028. Bytes
are looked for as numbers: CPython takes seven times as long for `b"\\n" in data` as for `10 in data`, which needs no
buffer, and two bytes are found five times later than one.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from attrs import define, field

from .failures import RemoteProtocolError

Event: TypeAlias = tuple[str, str]
"""The name (`""` if none was sent) and the data of one event."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""The default limit on a line and on an event: pictures come as one event of tens of MB (WIRE 9)."""

_BOM = b"\xef\xbb\xbf"
_SHORT = 16 * 1024
_LONE_CR = re.compile(rb"\r(?!\n)")
_BLANK_LINES = re.compile(rb"\n{3,}")
_FIELD = re.compile(r"(?:data|event|error|id|retry)(?::|$)")
# Possessive, so that a string of many MB costs the matcher no memory.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?')


@define(weakref_slot=False)
class SseParser:
    """The event stream of one response: bytes in, events out, in any cut.

    A line longer than `max_line_bytes`, or an event whose lines are together longer than `max_event_bytes`, is a
    `RemoteProtocolError`. What came before it is handed over first; the error is raised at the next call, and again
    at every call after that.
    """

    max_line_bytes: int = MAX_BYTES
    max_event_bytes: int = MAX_BYTES
    _safe: int = field(init=False)  # so short a piece is within the limits, whatever stands in it
    _short: int = field(init=False)
    # A line whose end has not come, and what came in one piece with it of its event: the line of the name before it, or
    # its own end and no more. It grows in place, so bytes that come singly cost no more each in a long line. While it
    # is not empty, whoever feeds the parser may add bytes without CR and LF to it himself, as long as it stays within
    # `limit`: no event comes of them, and for reads of a few bytes the call is dearer than what it does.
    begun: bytearray = field(init=False, factory=bytearray)
    limit: int = field(init=False)
    _name: str = field(init=False, default="")
    _called: str = field(init=False, default="")  # the event before this one
    _head: str = field(init=False, default="data: ")  # so this one begins, if it is called the same
    _data: list[str] = field(init=False, factory=list[str])
    _size: int = field(init=False, default=0)  # bytes of the lines in `_data`
    _open: int = field(init=False, default=0)  # brackets not closed in a JSON text without `data:`
    _bom: bytes | None = field(init=False, default=b"")  # what may become a BOM; None once that is settled
    _after_cr: bool = field(init=False, default=False)
    _unsettled: bool = field(init=False, default=True)  # there is a BOM, a CR or a fault to think of first
    _fault: str | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._safe = min(self.max_line_bytes, self.max_event_bytes)
        self._short = min(self._safe, _SHORT)
        self.limit = self.max_line_bytes

    def receive(self, data: bytes) -> list[Event]:
        """The events that these bytes complete. Raises `RemoteProtocolError` for what an earlier call found."""
        begun = self.begun
        if begun and 10 not in data and 13 not in data:
            # Most small reads: more of a line. One that has begun means that BOM, CRLF and fault are settled.
            begun += data
            if len(begun) <= self.limit:
                return []
            data = b""
        elif self._unsettled:
            data = self._settle(data)
        if begun:  # it ends in these bytes, or is too long to wait for
            data = b"".join((begun, data))
            begun.clear()
        if self._data or self._name or len(data) > self._short:
            return self._receive_lines(data)
        # Most other reads end one event that is called as the one before it, in one of the two shapes that all
        # providers send. What stands between that head and the blank line takes half the time of a list of lines.
        try:
            text = data.decode()
        except UnicodeDecodeError:  # half a character, which is to wait, or none at all
            return self._receive_lines(data)
        head = self._head
        if text[: len(head)] == head:
            crlf = 13 in data  # Gemini's lines
            if crlf and text[-4:] == "\r\n\r\n":
                line = text[len(head) : -4]
                if "\n" not in line and "\r" not in line:
                    return [(self._called, line)]
                return self._receive_lines(data)
            line, _, rest = text[len(head) :].partition("\n")
            if crlf:
                if line[-1:] == "\r":
                    line = line[:-1]
                if rest[:2] == "\r\n":
                    rest = rest[1:]
                if "\r" in line or "\r" in rest:
                    return self._receive_lines(data)
            if rest == "\n":
                return [(self._called, line)]
            if not rest:  # no event ends before the next CR or LF; until then it waits as a line does
                begun += data
                return []
            if rest[0] == "\n" and "\n" not in rest[1:]:
                begun += rest[1:].encode()
                return [(self._called, line)]
        elif head.startswith(text):
            begun += data
            return []
        return self._receive_lines(data)

    def _settle(self, data: bytes) -> bytes:
        """The bytes less what those before them decide about the first. Raises what was found before."""
        if self._fault is not None:
            raise RemoteProtocolError(self._fault)
        if self._bom is not None:
            data = self._without_bom(data)
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 10:  # the LF of a CRLF that was cut in two
                data = data[1:]
        self._unsettled = self._after_cr or self._bom is not None
        return data

    def _receive_lines(self, data: bytes) -> list[Event]:
        """The same for whatever comes."""
        events: list[Event] = []
        if 13 in data:
            self._after_cr = self._unsettled = data[-1] == 13
            lone = _LONE_CR.search(data) is not None
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if lone else data.replace(b"\r", b"")
        if b"\n\n\n" in data:  # all blank lines behind the first say nothing, and there may be millions
            data = _BLANK_LINES.sub(b"\n\n", data)
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._keep(data)
            return events
        start = 0
        if self._data or self._name:  # to the end of the event at hand line by line
            blank = data.find(b"\n\n", 0, end)
            start = 1 if data[0] == 10 else end if blank < 0 else blank + 2
            self._take_lines(data[:start], events)
        blank = data.rfind(b"\n\n", start, end) + 2
        if blank > 1 and blank - start <= self._safe and self._fault is None:  # not found: 1
            self._take_events(data[start:blank], events)
            start = blank
        if start < end:
            self._take_lines(data[start:end], events)
        if end < len(data):
            self._keep(data[end:])
        if events and events[-1][0] != self._called:
            self._called = name = events[-1][0]
            self._head = f"event: {name}\ndata: " if name else "data: "
            self.limit = self.max_line_bytes + len(self._head.encode())
        return events

    def end(self) -> list[Event]:
        """The stream is over: the event that lacks its blank line, if there is one.

        Raises `RemoteProtocolError` for what an earlier call found, and for what this one finds when it has nothing to
        hand over.
        """
        if self._fault is not None:
            raise RemoteProtocolError(self._fault)
        events: list[Event] = []
        if self.begun:
            line = bytes(self.begun) + b"\n"
            self.begun.clear()
            events = self._receive_lines(line)
        self._dispatch(events)
        if self._fault is not None and not events:
            raise RemoteProtocolError(self._fault)
        return events

    def _without_bom(self, data: bytes) -> bytes:
        data = (self._bom or b"") + data
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._bom = data
            return b""
        self._bom = None
        return data.removeprefix(_BOM)

    def _keep(self, piece: bytes) -> None:
        if self._fault is None:
            self.begun += piece
            if len(self.begun) > self.max_line_bytes:
                self._fail_line()

    def _take_events(self, raw: bytes, events: list[Event]) -> None:
        """Whole events, each with its blank line, the first beginning at an event's border."""
        for block in str(raw, "utf-8", "replace")[:-2].split("\n\n"):
            if block[:6] == "data: " and "\n" not in block:
                events.append(("", block[6:]))
                continue
            if block[:7] == "event: ":
                line, _, rest = block.partition("\n")
                if rest[:6] == "data: " and "\n" not in rest:
                    events.append((line[7:], rest[6:]))
                    continue
            for line in block.split("\n"):
                self._take(line, 0, events)
            self._dispatch(events)

    def _take_lines(self, raw: bytes, events: list[Event]) -> None:
        """Whole lines, each with its LF, wherever in an event they stand."""
        for line in raw[:-1].split(b"\n"):
            if self._fault is not None:
                return
            if len(line) > self.max_line_bytes:
                self._fail_line()
                return
            self._take(str(line, "utf-8", "replace"), len(line), events)

    def _take(self, line: str, size: int, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
        elif line[0] == ":":
            return
        elif self._open > 0 and _FIELD.match(line) is None:
            self._add_json(line, size, events)
        elif line[0] in "{[":
            self._flush(events)
            self._add_json(line, size, events)
        else:
            if self._open > 0:
                self._dispatch(events)
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._add(value, size)
            elif name == "event":
                self._name = value
            elif name == "error" and value:
                self._flush(events)
                self._name = "error"
                self._add(value, size)
                self._dispatch(events)

    def _add(self, value: str, size: int) -> None:
        self._data.append(value)
        self._size += size
        if self._size > self.max_event_bytes:
            self._fail(f"an event of the event stream is longer than {self.max_event_bytes} bytes")

    def _add_json(self, line: str, size: int, events: list[Event]) -> None:
        brackets = _STRING.sub("", line)
        self._open += brackets.count("{") + brackets.count("[") - brackets.count("}") - brackets.count("]")
        self._add(line, size)
        if self._open <= 0:
            self._dispatch(events)

    def _flush(self, events: list[Event]) -> None:
        """Hand over an event that has data and waits for its blank line; one that has but a name goes on."""
        if self._data:
            self._dispatch(events)

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append((self._name, "\n".join(self._data)))
            self._data.clear()
            self._size = self._open = 0
        self._name = ""

    def _fail_line(self) -> None:
        self._fail(f"a line of the event stream is longer than {self.max_line_bytes} bytes")

    def _fail(self, fault: str) -> None:
        self._fault = fault
        self._unsettled = True
        self.begun.clear()
        self._data.clear()
