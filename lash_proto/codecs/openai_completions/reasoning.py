"""Reasoning as Chat Completions servers write it: one text under three names, and OpenRouter's `reasoning_details`.

`reasoning_details` goes back unchanged and in order (WIRE 2h). In a stream its entries come in fragments: neighbours
of one block are put together again, encrypted ones stay apart. Text that stands both in a field and in the details is
told once; the details keep their own copy for the replay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from ...values import Json, JsonDict, get_list, get_str
from .._chat import FIELDS

# The key that grows, by type of entry. Other types come whole.
_GROWING: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}


def details_text(details: Sequence[Json]) -> str:
    """The readable text of `reasoning_details`."""
    return "".join([get_str(entry, "text") or get_str(entry, "summary") or "" for entry in details])


def thinking_text(part: JsonDict) -> str:
    """The text of Mistral's `thinking` part: a list of text parts, or a bare string."""
    thinking = part.get("thinking")
    if type(thinking) is str:
        return thinking
    return "".join([get_str(piece, "text") or "" for piece in get_list(part, "thinking")])


@define
class _Entry:
    """One entry of `reasoning_details` while its fragments come."""

    fields: JsonDict
    grows: str
    pieces: list[str] = field(factory=list[str])

    def takes(self, fragment: JsonDict) -> bool:
        """Whether a fragment belongs to this entry: same type and block, and nothing said after the signature."""
        return (
            self.fields.get("type") == fragment.get("type")
            and all(_agree(self.fields.get(key), fragment.get(key)) for key in ("index", "id"))
            and not (self.fields.get("signature") and fragment.get(self.grows))
        )

    def add(self, fragment: JsonDict) -> None:
        text = fragment.get(self.grows)
        if type(text) is str:
            self.pieces.append(text)
        for key, value in fragment.items():
            if value is not None or key not in self.fields:
                self.fields[key] = value

    def whole(self) -> JsonDict:
        return {**self.fields, self.grows: "".join(self.pieces)} if self.pieces else dict(self.fields)


def _agree(a: Json, b: Json) -> bool:
    return a is None or b is None or bool(a == b)


@define
class Details:
    """The `reasoning_details` of a message while they come. `merging` is False where the message came whole."""

    entries: list[JsonDict | _Entry] = field(factory=list[Any])

    def add(self, details: list[JsonDict], *, merging: bool) -> None:
        """More entries, or fragments of entries."""
        for entry in details:
            grows = _GROWING.get(get_str(entry, "type") or "") if merging else None
            last = self.entries[-1] if self.entries else None
            if grows is None:
                self.entries.append(entry)
            elif type(last) is _Entry and last.takes(entry):
                last.add(entry)
            else:
                begun = _Entry({}, grows)
                begun.add(entry)
                self.entries.append(begun)

    def take(self, before: list[JsonDict]) -> list[JsonDict]:
        """All entries, after those that are already finished; none are left."""
        entries = self.entries
        self.entries = []
        if before and entries and type(entries[0]) is _Entry:
            # A signature may come when the text it belongs to is already closed.
            late, grows = entries[0].whole(), entries[0].grows
            last = _Entry({}, grows)
            last.add(before[-1])
            if last.takes(late):
                last.add(late)
                before, entries = before[:-1], [last, *entries[1:]]
        return before + [entry.whole() if type(entry) is _Entry else entry for entry in entries]  # type: ignore[misc]


def replay_fields(texts: list[tuple[str, Mapping[str, Any]]]) -> JsonDict:
    """What an assistant message says of its own reasoning, from the texts and provider data of its parts."""
    details: list[Any] = []
    opaque: list[str] = []
    by_field: dict[str, str] = {}
    for text, data in texts:
        details += get_list(data, "details")
        if (said := get_str(data, "opaque")) is not None:
            opaque.append(said)
        name = get_str(data, "field")
        # Only the known names: a name from elsewhere would write a key of its choice into the request.
        if name in FIELDS and text:
            by_field[name] = by_field.get(name, "") + text
    fields: JsonDict = {"reasoning_details": details} if details else {}
    if not details_text(details):  # else the field would say the same again
        fields.update(by_field)
    if opaque:
        fields["reasoning_opaque"] = opaque[-1]
    return fields
