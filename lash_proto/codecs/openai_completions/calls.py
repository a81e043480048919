"""Which call a delta of a tool call belongs to.

The key is, in this order: an id that is known; a new id, even on an index in use; the index; the call at hand. Servers
leave the index out (Mistral), begin it at 1, give 0 to all calls (Ollama), or repeat id and name in every delta (Kimi
behind OpenRouter). A fragment without an id that names another function, or the same one once its arguments are whole,
begins another call.
"""

from __future__ import annotations

from attrs import define, field

from ...failures import RemoteProtocolError
from ...values import Json, clean, dump_json, parse_json
from .._blocks import MAX_BLOCKS, CallBlock


@define
class Calls:
    """The calls of one streamed message by what the wire calls them."""

    by_id: dict[str, CallBlock] = field(factory=dict[str, CallBlock])
    by_index: dict[int, CallBlock] = field(factory=dict[int, CallBlock])
    last: CallBlock | None = None
    nameless: list[CallBlock] = field(factory=list[CallBlock])

    def find(self, id: str | None, index: int | None, name: str, fragment: str, *, alone: bool) -> CallBlock | None:
        """The call that a delta goes on with, None where it begins one.

        `alone`: others stand before it in the same chunk, so that without a key it is none of them.
        """
        at_hand = None if alone else self.last
        prior = self.by_index.get(index) if index is not None else at_hand
        if id is None:
            return prior if prior is not None and _goes_on(prior, name, fragment) else None
        known = self.by_id.get(id)
        if known is not None:
            # One id, but a new index that names a function again: two calls that share an id.
            return known if index is None or index in self.by_index or not name else None
        if prior is None or prior.id is not None or (name and prior.name and (name != prior.name or prior.pieces)):
            return None
        prior.id = clean(id)  # it came late
        self.by_id[id] = prior
        return prior

    def note(self, block: CallBlock, id: str | None, index: int | None) -> None:
        """A call has begun."""
        self.last = block
        if id is not None:
            self.by_id[id] = block
        if index is not None:
            self.by_index[index] = block
        if not block.name:
            if len(self.nameless) >= MAX_BLOCKS:  # they have no place among the blocks, which are counted
                raise RemoteProtocolError(f"more than {MAX_BLOCKS} calls without a name in one response")
            self.nameless.append(block)

    def named(self, block: CallBlock) -> None:
        """A call's name has come."""
        self.nameless = [each for each in self.nameless if each is not block]


def arguments_text(value: Json) -> str:
    """A call's arguments, or a piece of them, as text: some servers send the object itself."""
    if type(value) is str:
        return value
    return dump_json(value) if type(value) in (dict, list) else ""


def _goes_on(call: CallBlock, name: str, fragment: str) -> bool:
    """Whether a delta without an id, with this name, goes on with the call rather than begins another."""
    if not name or not call.name:
        return True
    if clean(name) != call.name:
        return False
    if not fragment.startswith("{") or not call.pieces or not call.pieces[-1].endswith("}"):
        return True
    try:
        parse_json(call.raw)
    except ValueError:
        return True
    return False
