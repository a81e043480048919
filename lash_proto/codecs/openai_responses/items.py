"""Output items while they come, and what can be said of one by looking at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from attrs import define, field

from ...failures import RemoteProtocolError
from ...replies import StreamEvent
from ...usage import LlmUsage
from ...values import Json, JsonDict, clean, dump_json, get_dict, get_int, get_list, get_str
from .._blocks import CallBlock, TextBlock

CALLS: dict[str, Literal["function", "custom"]] = {"function_call": "function", "custom_tool_call": "custom"}
"""The item types that are calls of the client's own tools."""

# What a ToolCallPart says itself; the rest of the item (id, status, namespace, caller) is kept for the replay. A custom
# call has a status in output only: as input the vendor's SDK knows none.
_SAID = {
    "function_call": frozenset({"type", "call_id", "name", "arguments"}),
    "custom_tool_call": frozenset({"type", "call_id", "name", "input", "status"}),
}


@define
class OutputItem:
    """One output item while it comes. `places` are the content indexes of what it became."""

    kind: str
    told: JsonDict
    order: int
    announced: bool = True
    done: bool = False
    reasoning: TextBlock | None = None
    call: CallBlock | None = None
    texts: dict[int, TextBlock] = field(factory=dict[int, TextBlock])
    refusals: dict[int, list[str]] = field(factory=dict[int, list[str]])
    places: list[int] = field(factory=list[int])

    def may_be(self, told: JsonDict) -> bool:
        """Whether this item may come under another id: a call is the one with its call id."""
        return self.call is None or not self.call.id or self.call.id == get_str(told, "call_id")

    def is_again(self, told: JsonDict) -> bool:
        """Whether this item, being done, has come once more; else that is the next one at the same index."""
        if self.call is not None:
            return self.may_be(told)
        if self.told.get("id") == told.get("id") or self.kind == "reasoning":
            return True
        return self.kind == "message" and self.told.get("content") == told.get("content")


def kind_of(told: JsonDict) -> str:
    """The item's type, `""` for what is no item. A message may leave it out, as it may in requests."""
    kind = get_str(told, "type")
    if kind is None:
        return "message" if told.get("role") == "assistant" else ""
    return clean(kind)


def content_of(told: JsonDict) -> list[Json]:
    """The parts of a message item; some gateways answer in the short form that requests may have."""
    content = told.get("content")
    return [{"type": "output_text", "text": content}] if type(content) is str else get_list(told, "content")


def message_data(told: JsonDict, index: int) -> dict[str, Any]:
    """What the encoder rebuilds a message item from: its id and status, and which part of it this is."""
    data: dict[str, Any] = {}
    id, status = get_str(told, "id"), get_str(told, "status")
    if id:
        data["id"] = id
    if status and status != "in_progress":  # its end was not told, and the next request can only say that it has one
        data["status"] = status
    if index:
        data["part"] = index
    return data


def call_data(kind: str, told: JsonDict) -> dict[str, Any]:
    """What the encoder puts back into a call beside what the ToolCallPart says."""
    return {key: value for key, value in told.items() if key not in _SAID[kind] and value is not None}


def reasoning_text(told: JsonDict) -> str:
    """The summaries and the open text of a reasoning item, joined with nothing."""
    return "".join([get_str(part, "text") or "" for key in ("summary", "content") for part in get_list(told, key)])


def annotations_of(part: Json) -> list[Mapping[str, Any]]:
    """The annotations of a text."""
    return [cast("JsonDict", each) for each in get_list(part, "annotations") if type(each) is dict]


def add_arguments(call: CallBlock, told: JsonDict, out: list[StreamEvent]) -> None:
    """The final arguments of a call: text, or an object where a gateway parsed them."""
    said = told.get("input" if call.kind == "custom" else "arguments")
    if type(said) is dict:
        said = dump_json(said)
    if type(said) is str and said:
        call.settle(said, out)


def filled(known: Mapping[str, Any], told: JsonDict) -> dict[str, Any]:
    """An item with what it lacks taken from another copy of it."""
    return {**known, **{key: value for key, value in told.items() if value and not known.get(key)}}


def index_of(event: JsonDict, key: str) -> int:
    """An index in an event, 0 where it is left out."""
    index = event.get(key)
    return index if type(index) is int else 0


def text_of(event: JsonDict, key: str) -> str:
    """A text that will be stored: null is none, another type is not the dialect's."""
    text = event.get(key)
    if text is None:
        return ""
    if type(text) is not str:
        raise RemoteProtocolError(f"`{key}` of an event is no text")
    return text


def usage_of(usage: Json) -> LlmUsage | None:
    """WIRE 1e: cached and written tokens are parts of `input_tokens`."""
    total, output = get_int(usage, "input_tokens"), get_int(usage, "output_tokens")
    if total is None and output is None:
        return None
    details = get_dict(usage, "input_tokens_details")
    read = max(0, get_int(details, "cached_tokens") or 0)
    written = max(0, get_int(details, "cache_write_tokens") or 0)
    return LlmUsage(
        input_tokens=max(0, (total or 0) - read - written),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=max(0, output or 0),
        reasoning_tokens=get_int(get_dict(usage, "output_tokens_details"), "reasoning_tokens"),
        raw=cast("JsonDict", usage),
    )
