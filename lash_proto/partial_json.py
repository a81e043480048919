"""JSON as it grows: a tool call's arguments before the last of them has come.

`PartialJson` is the parser, `PartialArguments` the log of one call's fragments that all its deltas share, and
`parse_arguments` the strict reading once the call is whole. Only the last one decides what a tool is called with; the
other two are for showing.

What is shown. Open containers and open strings as far as they go; a number as its longest valid beginning (`-` shows
nothing yet, `1.` and `1e` show 1); a literal from its first letter, which decides it; a key once its value begins.
A string never shows half a surrogate pair: a high surrogate waits for its other half, a lone one is U+FFFD.

Cost. Each character is looked at once (half an escape or a number at a fragment's end, twice) and the value so far is
always there, because the parser puts what it reads straight into the tree. The hard case is one string of a megabyte
that comes in fragments of 16 bytes and is read at each. Joining pieces when asked copies the whole string each time,
which is quadratic, and Python has no cheaper `str` made of two. So the open string is taken out of the tree, and grown
by `text += piece` on a local name that is then its only reference: CPython does that in place, without copying (the
specialisation BINARY_OP_INPLACE_ADD_UNICODE). Whoever keeps such a string while the next fragment is read has a copy
made, as he must, since the two are different strings. Measured for 16-byte fragments, read at each: the same time a
fragment at 1 MB as at 10 KB.

State is plain data; the tables and expressions live in the module, so a parser pickles between any two calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, cast, overload

from attrs import define, field

from .values import MAX_DEPTH, MAX_VALUES, Json, JsonDict, clean, hold_surrogate, parse_json

MAX_NUMBER: Final = 4300
"""Digits in a number; CPython converts no longer integer. Real ones have at most 20."""

# What the parser waits for.
_VALUE, _FIRST_ITEM, _FIRST_KEY, _KEY, _COLON, _STRING, _NAME, _NUMBER, _LITERAL, _COMMA, _NOTHING = range(11)

# The inside of a string up to its end, half an escape, or what may not stand there. Possessive: no memory per match.
_INSIDE = re.compile(r'[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+')
_HALF_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_NUMERALS = re.compile(r"[-+.eE0-9]*")
_NUMBER_SO_FAR = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LITERALS: dict[str, tuple[str, Json]] = {"t": ("rue", True), "f": ("alse", False), "n": ("ull", None)}

# In the module, not in the parser: a scanner cannot be pickled.
_scan: Any = cast("Any", json.JSONDecoder()).scan_once


@define(weakref_slot=False)
class PartialJson:
    """One JSON text that comes in fragments. The fragments may be cut anywhere; the value is the same."""

    error: str | None = field(init=False, default=None)
    """What is wrong with the text. The value stays as it was before it, and nothing more is read."""

    # The containers not closed. The first is no part of the text: a list that gets the value once it has begun.
    _open: list[Any] = field(init=False, factory=lambda: [[]])
    _state: int = field(init=False, default=_VALUE)
    _key: str = field(init=False, default="")
    _slot: int | str = field(init=False, default=-1)  # where in the innermost container the open scalar stands
    _token: str = field(init=False, default="")  # the number so far; of a literal what is to come
    _shown: bool = field(init=False, default=False)  # the number is in its slot
    _escape: str = field(init=False, default="")  # half an escape, read again with the next fragment
    _high: str = field(init=False, default="")  # a high surrogate without its other half
    _length: int = field(init=False, default=0)
    _count: int = field(init=False, default=0)  # values begun

    @property
    def value(self) -> Json:
        """The value so far, None where none has begun. It is the live tree: read it, copy what is to be kept."""
        return self._open[0][0] if self._open[0] else None

    def receive(self, fragment: str) -> None:
        """More of the text. What is not JSON sets `error`; nothing is raised."""
        if self._escape:
            fragment = self._escape + fragment
            self._length -= len(self._escape)
            self._escape = ""
        position, end = 0, len(fragment)
        while position < end and self.error is None:
            position = self._steps[self._state](self, fragment, position)
        self._length += end

    # Each step reads at least one character and gives the position after what it read.

    def _value(self, text: str, position: int) -> int:
        first = text[position]
        if self._count >= MAX_VALUES:
            return self._fail(text, f"JSON of more than {MAX_VALUES} values")
        if first == '"':
            self._put("")
            self._state = _STRING
        elif first in "-0123456789":
            self._state = _NUMBER
            self._shown = False
            return position
        elif first in "{[":
            if len(self._open) > MAX_DEPTH:
                return self._fail(text, f"JSON nested deeper than {MAX_DEPTH} levels")
            container: Any = {} if first == "{" else []
            self._put(container)
            self._open.append(container)
            self._state = _FIRST_KEY if first == "{" else _FIRST_ITEM
        elif first in _LITERALS:
            self._token, value = _LITERALS[first]
            self._put(value)
            self._state = _LITERAL
        elif first == "]" and self._state == _FIRST_ITEM:
            self._close()
        else:
            return self._other(text, position)
        return position + 1

    def _name(self, text: str, position: int) -> int:
        if text[position] == '"':
            self._key = ""
            self._state = _NAME
        elif text[position] == "}" and self._state == _FIRST_KEY:
            self._close()
        else:
            return self._other(text, position)
        return position + 1

    def _colon(self, text: str, position: int) -> int:
        if text[position] != ":":
            return self._other(text, position)
        self._state = _VALUE
        return position + 1

    def _comma(self, text: str, position: int) -> int:
        in_object = type(self._open[-1]) is dict
        if text[position] == ",":
            self._state = _KEY if in_object else _VALUE
        elif text[position] == ("}" if in_object else "]"):
            self._close()
        else:
            return self._other(text, position)
        return position + 1

    def _string(self, text: str, position: int) -> int:
        end = match.end() if (match := _INSIDE.match(text, position)) else position
        piece = text[position:end]
        if "\\" in piece:
            piece = cast("str", _scan(f'"{piece}"', 0)[0])
        closed = end < len(text) and text[end] == '"'
        if self._high or not piece.isascii():
            piece, self._high = hold_surrogate(self._high + piece)
            if closed:
                piece += clean(self._high)
                self._high = ""
        # The `+=` are in place while the local name holds the only reference; see above.
        if self._state == _NAME:
            key, self._key = self._key, ""
            key += piece
            self._key = key
        else:
            container, slot = self._open[-1], self._slot
            string: str = container[slot]
            container[slot] = ""
            string += piece
            container[slot] = string
        if closed:
            self._state = _COLON if self._state == _NAME else self._after()
            return end + 1
        if end < len(text):
            if _HALF_ESCAPE.fullmatch(text, end) is None:
                return self._unexpected(text, end)
            self._escape = text[end:]
        return len(text)

    def _number(self, text: str, position: int) -> int:
        end = match.end() if (match := _NUMERALS.match(text, position)) else position
        token = self._token = self._token + text[position:end]
        found = _NUMBER_SO_FAR.match(token[:MAX_NUMBER])
        if found is not None:
            try:
                number = float(found[0]) if found[1] or found[2] else int(found[0])
            except ValueError as error:  # a host may allow integers fewer digits than CPython does
                return self._fail(text, str(error))
            self._show(number)
        if len(token) > MAX_NUMBER:
            return self._fail(text, f"a number longer than {MAX_NUMBER} digits")
        if end < len(text):
            if found is None or found.end() < len(token):
                return self._unexpected(text, end)
            self._token = ""
            self._state = self._after()
        return end

    def _literal(self, text: str, position: int) -> int:
        rest = self._token
        count = min(len(rest), len(text) - position)
        for offset in range(count):
            if text[position + offset] != rest[offset]:
                return self._unexpected(text, position + offset)
        self._token = rest[count:]
        if not self._token:
            self._state = self._after()
        return position + count

    def _put(self, value: Json) -> None:
        self._count += 1
        container = self._open[-1]
        if type(container) is dict:
            container[self._key] = value
            self._slot = self._key
        else:
            container.append(value)
            self._slot = -1

    def _show(self, number: float) -> None:
        if self._shown:
            self._open[-1][self._slot] = number
        else:
            self._put(number)
            self._shown = True

    def _close(self) -> None:
        self._open.pop()
        self._state = self._after()

    def _after(self) -> int:
        return _COMMA if len(self._open) > 1 else _NOTHING

    def _other(self, text: str, position: int) -> int:
        """Between tokens, what is not the token waited for: white space, or an error."""
        return position + 1 if text[position] in " \t\n\r" else self._unexpected(text, position)

    def _unexpected(self, text: str, position: int) -> int:
        return self._fail(text, f"unexpected {ascii(text[position])} at character {self._length + position}")

    def _fail(self, text: str, error: str) -> int:
        self.error = error
        return len(text)

    _steps: ClassVar[dict[int, Callable[[PartialJson, str, int], int]]] = {
        _VALUE: _value,
        _FIRST_ITEM: _value,
        _FIRST_KEY: _name,
        _KEY: _name,
        _COLON: _colon,
        _STRING: _string,
        _NAME: _string,
        _NUMBER: _number,
        _LITERAL: _literal,
        _COMMA: _comma,
        _NOTHING: _other,
    }


class _View:
    """A place in the arguments as of one event: the log, how much of it counts, and the way down from its top.

    The parser's tree goes on growing, so a view keeps no part of it: it walks down each time it is asked. A value that
    is neither array nor object is handed out as it is.
    """

    __slots__ = ("_log", "_path", "_position")

    def __init__(self, log: PartialArguments, position: int, path: tuple[int | str, ...] = ()) -> None:
        self._log = log
        self._position = position
        self._path = path

    def _found(self) -> Any:
        found: Any = self._log.value(self._position)
        for step in self._path:
            found = found[step]
        return found

    def _at(self, step: Any) -> Any:
        item = self._found()[step]
        if type(item) is dict:
            return ArgumentsView(self._log, self._position, (*self._path, step))
        if type(item) is list:
            return ArrayView(self._log, self._position, (*self._path, step))
        return item

    def __eq__(self, other: object) -> bool:
        # By copies: asking one view may move the parser on, under the tree that another has just found.
        if isinstance(other, _View):
            other = _copy(other._found())
        return bool(_copy(self._found()) == other)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self._found())

    def __repr__(self) -> str:
        return repr(self._found())


class ArgumentsView(_View, Mapping[str, Any]):
    """An object inside a call's arguments, or all of them, as of one event. Read-only; equal to a dict of the same."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        return self._at(key)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._found()))

    def to_dict(self) -> JsonDict:
        """A deep copy in plain dicts and lists."""
        return cast("JsonDict", _copy(self._found()))


class ArrayView(_View, Sequence[Any]):
    """An array inside a call's arguments, as of one event. Read-only; equal to a list of the same."""

    __slots__ = ()

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._at(each) for each in range(*index.indices(len(self)))]
        return self._at(index)

    def to_list(self) -> list[Any]:
        """A deep copy in plain dicts and lists."""
        return cast("list[Any]", _copy(self._found()))


@define(weakref_slot=False)
class _Reading:
    """A parser and how many fragments it has read."""

    parser: PartialJson = field(factory=PartialJson)
    position: int = 0


@define(weakref_slot=False)
class PartialArguments:
    """The fragments of one call's arguments, shared by its deltas, and what they say so far.

    It reads a list that its owner may add to: the position after so many fragments is their number.

    Nothing is parsed until somebody asks. Two parsers read the log, a leading one and one that follows, so that going
    through the events in order is linear, as often as one likes, and so is comparing each with the one before. Asking
    for a view older than where both stand reads again from the beginning.
    """

    _fragments: list[str] = field(factory=list[str])
    _leading: _Reading = field(init=False, factory=_Reading, eq=False, repr=False)
    _following: _Reading = field(init=False, factory=_Reading, eq=False, repr=False)

    def append(self, fragment: str) -> int:
        """Add what came, as raw JSON text. The position is what `view` wants, to show the arguments as of now."""
        self._fragments.append(fragment)
        return len(self._fragments)

    @property
    def text(self) -> str:
        """All fragments joined."""
        return "".join(self._fragments)

    def view(self, position: int) -> ArgumentsView:
        """The arguments as of the fragment that got this position; empty where they are no object (yet)."""
        return ArgumentsView(self, position)

    def value(self, position: int) -> JsonDict:
        """The same as the parser's own tree: read it at once, it changes when another position is asked for."""
        reading = self._leading
        if position < reading.position:
            if position < self._following.position:
                self._following = _Reading()
            reading = self._following
        while reading.position < position:
            reading.parser.receive(self._fragments[reading.position])
            reading.position += 1
        value = reading.parser.value
        return cast("JsonDict", value) if type(value) is dict else {}


def _copy(value: Json) -> Json:
    if type(value) is dict:
        return {key: _copy(item) for key, item in cast("JsonDict", value).items()}
    if type(value) is list:
        return [_copy(item) for item in cast("list[Json]", value)]
    return value


def parse_arguments(text: str | None) -> tuple[JsonDict, str | None]:
    """A whole call's arguments, read strictly, and what is wrong with them: then they are `{}`.

    No text, blank text and `null` are a call without arguments. Strings come out encodable as UTF-8.
    """
    if text is None or not text.strip(" \t\n\r"):
        return {}, None
    try:
        value = parse_json(text)
    except ValueError as error:
        return {}, str(error)
    if value is None:
        return {}, None
    if type(value) is not dict:
        return {}, f"the arguments are not an object: {_KINDS[type(value)]}"
    arguments = cast("JsonDict", value)
    return (arguments if text.isascii() and "\\u" not in text else cast("JsonDict", _clean(arguments))), None


_KINDS = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}


def _clean(value: Json) -> Json:
    if type(value) is str:
        return clean(value)
    if type(value) is dict:
        return {clean(key): _clean(item) for key, item in cast("JsonDict", value).items()}
    if type(value) is list:
        return [_clean(item) for item in cast("list[Json]", value)]
    return value
