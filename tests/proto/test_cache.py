"""Where prompt-cache markers stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from lash_proto.cache import Slot, ephemeral, place_last_marker, place_markers

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK = {"type": "ephemeral"}


def slot(
    name: str, kind: Literal["tool", "system", "message"] = "message", *, text: bool = True, explicit: bool = False
) -> Slot:
    return Slot({"name": name}, kind, text, explicit)


def marked(slots: Sequence[Slot]) -> list[Any]:
    return [slot.target["name"] for slot in slots if "cache_control" in slot.target]


def prompt(*messages: Slot) -> list[Slot]:
    return [
        slot("tool 1", "tool", text=False),
        slot("tool 2", "tool", text=False),
        slot("system 1", "system"),
        slot("system 2", "system"),
        *messages,
    ]


def test_the_first_system_text_the_last_tool_and_the_last_text_are_marked() -> None:
    slots = prompt(slot("hello"), slot("answer"), slot("picture", text=False))
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["tool 2", "system 1", "answer"]


def test_a_breakpoint_of_the_callers_stands_in_for_the_last_text() -> None:
    slots = prompt(slot("book", explicit=True), slot("question"))
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["tool 2", "system 1", "book"]


def test_of_too_many_breakpoints_the_latest_are_kept_and_the_rest_is_told() -> None:
    slots = prompt(*(slot(name, explicit=True) for name in "abcd"))
    rule = "the request can hold 4 markers, and later ones count for more"
    assert place_markers(slots, MARK) == (f"2 cache breakpoints left out: {rule}",)
    assert marked(slots) == ["tool 2", "system 1", "c", "d"]
    slots = prompt(*(slot(name, explicit=True) for name in "abc"))
    assert place_markers(slots, MARK) == (f"one cache breakpoint left out: {rule}",)


def test_a_breakpoint_on_the_first_system_text_is_one_marker() -> None:
    slots = [slot("system", "system", explicit=True), slot("question")]
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["system"]


def test_a_marker_that_is_there_already_counts_and_stays() -> None:
    own = Slot({"name": "own", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, "tool")
    slots = [own, *prompt(slot("a", explicit=True), slot("b", explicit=True))]
    assert len(place_markers(slots, MARK)) == 1
    assert marked(slots) == ["own", "tool 2", "system 1", "b"]
    assert own.target["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_where_there_is_no_room_nothing_is_marked() -> None:
    slots = prompt(slot("a"))
    assert place_markers(slots, MARK, limit=0) == ()
    assert marked(slots) == []


def test_a_dialect_may_have_a_key_of_its_own() -> None:
    slots = [slot("a")]
    place_markers(slots, {"mode": "explicit"}, key="prompt_cache_breakpoint")
    assert slots[0].target == {"name": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}


def test_the_marker_follows_the_retention() -> None:
    assert ephemeral("short") == {"type": "ephemeral"}
    assert ephemeral("long") == {"type": "ephemeral", "ttl": "1h"}
    assert ephemeral("none") is None


def test_two_places_that_say_the_same_are_two() -> None:
    slots = [slot("same", "system", explicit=True), slot("same", "system", explicit=True)]
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["same", "same"]


def test_geminis_one_marker_is_on_the_last_breakpoint_wherever_it_is() -> None:
    slots = prompt(slot("hello"), slot("picture", text=False))
    assert place_last_marker(slots, MARK) == ()
    assert marked(slots) == ["hello"]
    slots = [slot("system", "system", explicit=True), slot("picture", text=False, explicit=True), slot("question")]
    rule = "the request can hold one marker, and later ones count for more"
    assert place_last_marker(slots, MARK) == (f"one cache breakpoint left out: {rule}",)
    assert marked(slots) == ["picture"]
    assert place_last_marker([slot("system", "system")], MARK) == ()
