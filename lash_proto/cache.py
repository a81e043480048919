"""Where prompt-cache markers stand, for every dialect that has them.

An encoder lists the places of its request that could carry a marker, in the order of the prompt; the choice among them
is made here. A marker is one more key in an object that is there anyway, so that it never changes the shape of what it
marks.

Anthropic's rule: the first text of the system prompt, the last tool, and every breakpoint the caller set, the latest
ones as far as the provider's limit allows. Where the caller set none, the last text of the user or the assistant.
Gemini's, behind a gateway: one marker in all, on the last of the caller's breakpoints, else on that last text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import frozen

from .messages import CacheRetention
from .values import JsonDict

MAX_MARKERS = 4
"""Anthropic answers a fifth with 400 (WIRE 4b)."""


@frozen(weakref_slot=False, eq=False)  # a place is itself: two may say the same
class Slot:
    """An object of the request that can carry a marker. `text` tells a text of the user or the assistant from other
    content, `explicit` that the caller asked for a breakpoint here."""

    target: JsonDict
    kind: Literal["tool", "system", "message"]
    text: bool = False
    explicit: bool = False


def ephemeral(retention: CacheRetention, *, ttl: bool = True) -> JsonDict | None:
    """Anthropic's marker, also taken by gateways before it: five minutes, or an hour on "long"; None on "none".

    `ttl`: whether the server takes the hour.
    """
    if retention == "none":
        return None
    return {"type": "ephemeral", "ttl": "1h"} if ttl and retention == "long" else {"type": "ephemeral"}


def place_markers(
    slots: Iterable[Slot], marker: Mapping[str, Any], *, key: str = "cache_control", limit: int = MAX_MARKERS
) -> tuple[str, ...]:
    """Put the marker where the rule says, and tell what it left out. Targets that hold one count and keep it."""
    slots = list(slots)
    free = [slot for slot in slots if key not in slot.target]
    room = max(0, limit - (len(slots) - len(free)))
    asked = [slot for slot in free if slot.explicit]
    chosen = [slot for slot in free if slot.kind == "system" and slot.text][:1]
    chosen += [slot for slot in free if slot.kind == "tool"][-1:]
    chosen = chosen[:room]
    if any(slot.explicit for slot in slots):
        wanted = [slot for slot in asked if slot not in chosen]
    else:
        wanted = [slot for slot in free if slot.kind == "message" and slot.text][-1:]
    left_out = max(0, len(wanted) - (room - len(chosen)))
    for slot in (*chosen, *wanted[left_out:]):
        slot.target[key] = dict(marker)
    return _left_out(left_out if asked else 0, f"{limit} markers")


def place_last_marker(
    slots: Iterable[Slot], marker: Mapping[str, Any], *, key: str = "cache_control"
) -> tuple[str, ...]:
    """Put the one marker of a request where Gemini's rule says, and tell of the breakpoints that have none."""
    slots = list(slots)
    asked = [slot for slot in slots if slot.explicit]
    for slot in (asked or [slot for slot in slots if slot.kind == "message" and slot.text])[-1:]:
        slot.target[key] = dict(marker)
    return _left_out(len(asked) - 1, "one marker")


def _left_out(count: int, room: str) -> tuple[str, ...]:
    if count < 1:
        return ()
    breakpoints = "one cache breakpoint" if count == 1 else f"{count} cache breakpoints"
    return (f"{breakpoints} left out: the request can hold {room}, and later ones count for more",)
