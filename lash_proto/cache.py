"""Where prompt-cache markers stand, for every dialect that has them.

An encoder lists the places of its request that could carry a marker, in the order of the prompt; the choice among them
is made here. A marker is one more key in an object that is there anyway, so that it never changes the shape of what it
marks.

Anthropic's rule: the first text of the system prompt, the last tool, and every breakpoint the caller set, the latest
ones as far as the provider's limit allows. Where the caller set none, the last text of the user or the assistant, and
the last tool result where one comes after it: in a tool loop whose turns hold nothing but calls the text stays where it
is, and all that the tools have said since would be paid for anew in every turn. Only Messages has the second one. There
a result stands in the user's message and is marked as a whole; on Chat it is a message of the tool's, and a string.
Markers that the caller wrote himself stay as they are and count: those in his tools and parts, and the automatic one at
the top of the body, which covers the last block and so stands in for the marker on the last text. They also set how
long ours last, because markers of an hour must come before those of five minutes.
Gemini's, behind a gateway: one marker in all, on the last of the caller's breakpoints, else on that last text.
OpenAI's: the caller's breakpoints alone, the latest ones. It marks the end of the prompt by itself unless the request
says otherwise, and that marker counts. To have it is worth more than a fourth breakpoint, because it alone moves on
with the conversation; so lash never says otherwise for the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from attrs import define

from .messages import CacheRetention, CustomMessage, LlmRequest
from .values import JsonDict

MAX_MARKERS = 4
"""Anthropic answers a fifth with 400 (WIRE 4b); of OpenAI's the last four are written (WIRE 1b)."""
MARKER = "cache_control"

_NONE: Mapping[str, Any] = {}


# A place is itself: two may say the same. It is not frozen, because there is one for each block of a conversation, and
# to make a frozen one takes three times as long.
@define(weakref_slot=False, eq=False)
class Slot:
    """An object of the request that can carry a marker. `text` tells a text of the user or the assistant from other
    content, `result` a tool result that may be marked unasked, `explicit` that the caller asked for a breakpoint here.
    """

    target: JsonDict
    kind: Literal["tool", "system", "message"]
    text: bool = False
    explicit: bool = False
    result: bool = False


def ephemeral(retention: CacheRetention, *, ttl: bool = True) -> JsonDict | None:
    """Anthropic's marker, also taken by gateways before it: five minutes, or an hour on "long"; None on "none".

    `ttl`: whether the server takes the hour.
    """
    if retention == "none":
        return None
    return {"type": "ephemeral", "ttl": "1h"} if ttl and retention == "long" else {"type": "ephemeral"}


def has_breakpoints(request: LlmRequest) -> bool:
    """Whether the caller set a breakpoint anywhere in what is said."""
    said = [request.system, *(m.content for m in request.messages if not isinstance(m, CustomMessage))]
    parts = [part for content in said if content and not isinstance(content, str) for part in content]
    return any(getattr(part, "cache_breakpoint", False) for part in parts)


def place_markers(
    slots: Iterable[Slot], marker: Mapping[str, Any], extra_body: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """Put the marker where Anthropic's rule says, and tell what was left out. `extra_body` is the caller's own."""
    # Anthropic refuses a marker on a tool that is loaded later.
    slots = [slot for slot in slots if not (slot.kind == "tool" and slot.target.get("defer_loading"))]
    automatic = _said(extra_body, MARKER)
    # There may be thousands of slots, so each question to all of them is a comprehension.
    own = {
        place: said
        for place, slot in enumerate(slots)
        if MARKER in slot.target and (said := _said(slot.target, MARKER))
    }
    free = [slot for place, slot in enumerate(slots) if place not in own] if own else slots
    explicit = [slot for slot in slots if slot.explicit]
    tool = [slot for slot in free if slot.kind == "tool"][-1:]
    system = [slot for slot in free if slot.kind == "system" and slot.text][:1]
    text: list[Slot] = []
    result: list[Slot] = []  # after the last text
    for slot in reversed(free):
        if slot.kind == "message" and slot.text:
            text = [slot]
            break
        if slot.result and not result:
            result = [slot]
    room = max(0, MAX_MARKERS - len(own) - bool(automatic))
    chosen = (system + tool)[:room]
    if explicit:
        wanted = [slot for slot in explicit if slot not in chosen and not _said(slot.target, MARKER)]
    else:
        wanted = [] if automatic else text + result
    left_out = max(0, len(wanted) - (room - len(chosen)))
    notes = _write(slots, [*chosen, *wanted[left_out:]], marker, own, automatic)
    return (*notes, *_left_out(left_out if explicit else 0, f"{MAX_MARKERS} markers"))


def _write(
    slots: Sequence[Slot],
    ours: Sequence[Slot],
    marker: Mapping[str, Any],
    own: Mapping[int, Mapping[str, Any]],
    automatic: Mapping[str, Any],
) -> tuple[str, ...]:
    """Write the markers, each for as long as the caller's own leave it: Anthropic refuses one of an hour behind one of
    five minutes, and one on the last block that lasts another time than the automatic one (WIRE 4b). `own` is what the
    caller wrote into slots, by their places; `automatic` stands behind them all."""
    hours = {place: _is_hour(said) for place, said in own.items()}
    if automatic:
        hours[len(slots)] = _is_hour(automatic)
    wish = _is_hour(marker)
    moved = False
    for slot in ours:
        place = slots.index(slot)
        hour = wish
        if any(at < place and not long for at, long in hours.items()):
            hour = False
        elif any(at > place and long for at, long in hours.items()):
            hour = True
        elif automatic and place == len(slots) - 1:
            hour = False
        slot.target[MARKER] = {**marker, "ttl": "1h"} if hour else {k: v for k, v in marker.items() if k != "ttl"}
        moved = moved or hour != wish
    note = "cache markers last as long as the caller's own let them: those of an hour come before those of five minutes"
    return (note,) if moved else ()


def _is_hour(marker: Mapping[str, Any]) -> bool:
    return marker.get("ttl") == "1h"


def place_last_marker(slots: Iterable[Slot], marker: Mapping[str, Any]) -> tuple[str, ...]:
    """Put the one marker of a request where Gemini's rule says, and tell of the breakpoints that have none."""
    slots = list(slots)
    asked = [slot for slot in slots if slot.explicit]
    for slot in (asked or [slot for slot in slots if slot.kind == "message" and slot.text])[-1:]:
        slot.target[MARKER] = dict(marker)
    return _left_out(len(asked) - 1, "one marker")


def place_breakpoints(targets: Sequence[JsonDict], extra_body: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Mark these parts as OpenAI's breakpoints, the latest as far as one request writes them, and tell of the others.
    `extra_body` is the caller's own: it may turn the automatic one off."""
    automatic = _said(extra_body, "prompt_cache_options").get("mode") != "explicit"
    left_out = max(0, len(targets) - MAX_MARKERS + automatic)
    for target in targets[left_out:]:
        target["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return _left_out(left_out, f"{MAX_MARKERS - 1} beside the automatic one" if automatic else f"{MAX_MARKERS}")


def _said(data: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    found: Any = data.get(key) if data else None
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else _NONE


def _left_out(count: int, room: str) -> tuple[str, ...]:
    if count < 1:
        return ()
    breakpoints = "one cache breakpoint" if count == 1 else f"{count} cache breakpoints"
    return (f"{breakpoints} left out: the request can hold {room}, and later ones count for more",)
