"""Arguments of a function call that Vertex streams in pieces, as the JSON text they are pieces of.

A piece is a JSONPath and a value (`{"jsonPath": "$.recipe.steps[0]", "stringValue": "Pre", "willContinue": true}`), and
strings come in several for the same path. Vertex makes them of the text that the model writes, so they
come in the order of that text, and this turns them back: containers are opened when a path enters them and closed when
a path leaves them. The text grows at its end alone, which is what `ToolCallDelta.fragment` promises, and a call that
was cut is JSON that was cut. Pieces in another order than any text has are refused; nobody has seen them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from attrs import define, field

from ...failures import RemoteProtocolError
from ...values import MAX_DEPTH, Json, JsonDict, dump_json, get_str

_STEP = re.compile(
    r"\.([^.\[\]]+)"
    r"|\[(\d{1,9})\]"
    r"|\[(?:'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\")\]",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What `json.dumps` calls for a string after it has made an encoder, which takes ten times as long.
_quoted: Callable[[str], str] = json.encoder.encode_basestring
_LITERALS: Final = ("nullValue", "boolValue", "numberValue")


@define(weakref_slot=False)
class _Container:
    """An object or array whose end has not come. `step` is its place in the one around it."""

    step: str | int
    keys: set[str] | None  # None: an array
    count: int = 0


@define(weakref_slot=False)
class StreamedArguments:
    """The pieces of one call's arguments; `receive` and `end` give the text's next characters."""

    _open: list[_Container] = field(init=False, factory=list[_Container])
    _string: str | None = field(init=False, default=None)  # the path of a string whose end has not come

    def receive(self, piece: Json) -> str:
        """What this piece adds to the text. Raises RemoteProtocolError for a piece that fits nowhere."""
        said: JsonDict = piece
        if self._string is not None and type(said) is dict and said.get("jsonPath") == self._string:
            more = said.get("stringValue")  # nearly always: more of a string
            text = _escape(more) if type(more) is str else ""
            return text if said.get("willContinue") is True else text + self._quote(self._string, said)
        path = get_str(piece, "jsonPath")
        if path is None:
            raise RemoteProtocolError("a piece of a call's arguments has no jsonPath")
        string = get_str(piece, "stringValue")
        before = ""
        if self._string is not None:
            before, self._string = '"', None
        if string is not None:
            return before + self._enter(_steps(path)) + '"' + _escape(string) + self._quote(path, piece)
        for key in _LITERALS:
            if piece.get(key) is not None:
                value = None if key == "nullValue" else piece[key]
                return before + self._enter(_steps(path)) + dump_json(value)
        return before  # a path alone ends a string, and says nothing where none is open

    def end(self) -> str:
        """What closes the text."""
        text = "" if self._string is None else '"'
        self._string = None
        while self._open:
            text += self._leave()
        return text

    def _quote(self, path: str, piece: Json) -> str:
        self._string = path if piece.get("willContinue") is True else None
        return "" if self._string is not None else '"'

    def _enter(self, steps: list[str | int]) -> str:
        """The way from where the text stands to this place: brackets closed, brackets opened, its key."""
        text = ""
        if not self._open:
            text = "{"
            self._open.append(_Container("", set()))
        common = 0
        while (
            common < len(steps) - 1
            and common + 1 < len(self._open)
            and _same(self._open[common + 1].step, steps[common])
        ):
            common += 1
        while len(self._open) > common + 1:
            text += self._leave()
        for step, inner in zip(steps[common:], steps[common + 1 :], strict=False):
            text += self._place(step) + ("{" if isinstance(inner, str) else "[")
            self._open.append(_Container(step, set() if isinstance(inner, str) else None))
        return text + self._place(steps[-1])

    def _leave(self) -> str:
        return "]" if self._open.pop().keys is None else "}"

    def _place(self, step: str | int) -> str:
        container = self._open[-1]
        comma = "," if container.count else ""
        if isinstance(step, str):
            if container.keys is not None and step not in container.keys:
                container.keys.add(step)
                container.count += 1
                return f"{comma}{dump_json(step)}:"
        elif container.keys is None and step == container.count:
            container.count += 1
            return comma
        raise RemoteProtocolError(f"a piece of a call's arguments is out of order at {step!r}")


def _same(one: str | int, other: str | int) -> bool:
    return type(one) is type(other) and one == other


def _escape(text: str) -> str:
    """The inside of a JSON string. Half a surrogate pair stays an escape, so that its other half can follow."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return json.dumps(text)[1:-1]
    return _quoted(text)[1:-1]


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    position = 1
    while path.startswith("$") and position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            break
        position = match.end()
        name = match[1] or match[3] or match[4]
        steps.append(int(match[2]) if match[2] is not None else _ESCAPED.sub(r"\1", name or ""))
        if len(steps) >= MAX_DEPTH:
            break
    if not steps or position < len(path) or isinstance(steps[0], int):
        raise RemoteProtocolError(f"{path[:100]!r} is no place in a call's arguments")
    return steps
