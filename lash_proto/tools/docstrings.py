"""What a docstring says of a function and of its parameters: Google's, NumPy's and Sphinx' styles.

Decisions. The style is not guessed: each line is held to all three, so a docstring that mixes them is read too. What is
about parameters goes out of the description; what is returned, raised or shown as an example stays, for a model has use
for it. A parameter's text becomes one line. Types in a docstring are passed over: the annotations say them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen


@frozen
class Docstring:
    """A docstring less what it says of parameters, and that by the parameter's name."""

    description: str = ""
    parameters: Mapping[str, str] = field(factory=dict[str, str])


_TITLES: Final = r"(?:Args|Arguments|Params|(?:Other )?Parameters|Keyword (?:Args|Arguments|Parameters))"
_GOOGLE: Final = re.compile(_TITLES + r":\s*", re.IGNORECASE)
_GOOGLE_ENTRY: Final = re.compile(r"\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:(?:\s+|$)(.*)")
_NUMPY: Final = re.compile(_TITLES + r"\s*", re.IGNORECASE)
_NUMPY_ENTRY: Final = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_RULE: Final = re.compile(r"-{3,}\s*|={3,}\s*")
_SPHINX: Final = re.compile(r":(param|parameter|arg|argument|key|keyword|type)\b([^:]*\w):\s*(.*)")


def parse_docstring(text: str | None) -> Docstring:
    """A docstring's description and its parameters' texts; of None, nothing. What fits no style is description."""
    reader = _Reader([line.rstrip() for line in inspect.cleandoc(text or "").splitlines()])
    while reader.lines:
        reader.read()
    # Where a section was taken out, what stood around it would leave a gap.
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(reader.description)).strip()
    return Docstring(description, {name: " ".join(" ".join(said).split()) for name, said in reader.parameters.items()})


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


class _Reader:
    """The lines that are left, in reverse, and what was read of those before them."""

    __slots__ = ("description", "lines", "parameters")

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines[::-1]
        self.description: list[str] = []
        self.parameters: dict[str, list[str]] = {}

    def read(self) -> None:
        """A section, a field, or a line of the description."""
        line = self.lines.pop()
        if match := _SPHINX.fullmatch(line):
            name = match[2].split()[-1].lstrip("*")
            self.take([] if match[1] == "type" else self.parameters.setdefault(name, []), match[3])
        elif _GOOGLE.fullmatch(line) and next((self.is_within(each) for each in reversed(self.lines) if each), False):
            self.google()
        elif _NUMPY.fullmatch(line) and self.lines and _RULE.fullmatch(self.lines[-1]):
            self.lines.pop()
            self.numpy()
        else:
            self.description.append(line)

    def is_within(self, line: str) -> bool:
        return not line or line[0].isspace()

    def take(self, said: list[str], first: str) -> None:
        """What is said in this line and in those after it that stand further in."""
        said.append(first)
        while self.lines and self.is_within(self.lines[-1]):
            said.append(self.lines.pop())
        self.description.append("")

    def google(self) -> None:
        section: list[str] = []
        self.take(section, "")
        depth = min(_indent(line) for line in section if line)
        said: list[str] = []
        for line in section:
            match = _GOOGLE_ENTRY.fullmatch(line.strip()) if _indent(line) <= depth else None
            if match:
                said = self.parameters.setdefault(match[1], [])
            said.append(match[2] if match else line)

    def numpy(self) -> None:
        while self.lines and not self.is_title():
            line = self.lines.pop()
            match = _NUMPY_ENTRY.fullmatch(line)
            if match:
                said: list[str] = []
                self.take(said, "")
                self.parameters.update({name.strip(" *"): said for name in match[1].split(",")})
            elif line:
                self.lines.append(line)
                return

    def is_title(self) -> bool:
        return len(self.lines) > 1 and _RULE.fullmatch(self.lines[-2]) is not None
