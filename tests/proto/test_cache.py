"""Where prompt-cache markers stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from lash_proto.cache import Slot, ephemeral, place_breakpoints, place_last_marker, place_markers

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


def test_a_tool_result_behind_the_last_text_is_marked_too() -> None:
    result = Slot({"name": "result"}, "message", result=True)
    slots = prompt(slot("hello"), result)
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["tool 2", "system 1", "hello", "result"]
    slots = prompt(Slot({"name": "result"}, "message", result=True), slot("hello"))
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["tool 2", "system 1", "hello"]


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
    own = [Slot({"name": "own", "cache_control": MARK}, "tool") for _ in range(4)]
    slots = [*own, *prompt(slot("a"))]
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["own"] * 4


def test_a_tool_that_is_loaded_later_has_no_marker() -> None:
    later = Slot({"name": "later", "defer_loading": True}, "tool")
    slots = [slot("tool", "tool", text=False), later, slot("hello")]
    assert place_markers(slots, MARK) == ()
    assert marked(slots) == ["tool", "hello"]


def test_the_callers_automatic_marker_counts_and_stands_for_the_last_text() -> None:
    slots = prompt(slot("hello"))
    assert place_markers(slots, MARK, {"cache_control": MARK}) == ()
    assert marked(slots) == ["tool 2", "system 1"]
    slots = prompt(*(slot(name, explicit=True) for name in "ab"))
    assert len(place_markers(slots, MARK, {"cache_control": MARK})) == 1
    assert marked(slots) == ["tool 2", "system 1", "b"]
    slots = prompt(slot("hello"))
    assert place_markers(slots, MARK, {"cache_control": None}) == ()
    assert marked(slots) == ["tool 2", "system 1", "hello"]


HOUR = {"type": "ephemeral", "ttl": "1h"}
OWN_RULE = "cache markers last as long as the caller's own let them: those of an hour come before those of five minutes"


def own(mark: dict[str, Any], kind: Literal["tool", "message"] = "tool") -> Slot:
    return Slot({"name": "own", "cache_control": mark}, kind)


def lasting(slots: Sequence[Slot]) -> list[Any]:
    return [slot.target["cache_control"].get("ttl", "5m") for slot in slots if "cache_control" in slot.target]


def test_behind_a_marker_of_five_minutes_all_are() -> None:
    """WIRE 4b: 400 for one of an hour behind one of five minutes."""
    slots = [own(MARK), slot("system", "system"), slot("hello")]
    assert place_markers(slots, HOUR) == (OWN_RULE,)
    assert lasting(slots) == ["5m", "5m", "5m"]
    slots = [slot("system", "system"), own({**MARK, "ttl": "5m"}, "message"), slot("hello")]
    assert place_markers(slots, HOUR) == (OWN_RULE,)
    assert lasting(slots) == ["1h", "5m", "5m"]


def test_before_a_marker_of_an_hour_all_are() -> None:
    slots = [slot("system", "system"), own(HOUR, "message"), slot("hello")]
    assert place_markers(slots, MARK) == (OWN_RULE,)
    assert lasting(slots) == ["1h", "1h", "5m"]
    slots = [own(HOUR), slot("system", "system"), slot("hello")]
    assert place_markers(slots, MARK) == ()
    assert lasting(slots) == ["1h", "5m", "5m"]


def test_the_automatic_marker_stands_last_and_another_on_its_block_lasts_as_long() -> None:
    slots = [slot("system", "system"), slot("a", explicit=True), slot("b")]
    assert place_markers(slots, MARK, {"cache_control": HOUR}) == (OWN_RULE,)
    assert lasting(slots) == ["1h", "1h"]
    slots = [slot("system", "system"), slot("a", explicit=True), slot("b", explicit=True)]
    assert place_markers(slots, HOUR, {"cache_control": MARK}) == (OWN_RULE,)
    assert lasting(slots) == ["1h", "1h", "5m"]


def test_openai_marks_the_end_itself_and_three_breakpoints_more() -> None:
    """WIRE 1b: in implicit mode one and the latest three are written, in explicit mode the latest four."""

    def written(count: int, extra_body: Any = None) -> tuple[list[bool], tuple[str, ...]]:
        parts: list[dict[str, Any]] = [{"n": n} for n in range(count)]
        notes = place_breakpoints(parts, extra_body)
        assert all(part.get("prompt_cache_breakpoint") in (None, {"mode": "explicit"}) for part in parts)
        return ["prompt_cache_breakpoint" in part for part in parts], notes

    assert written(0) == ([], ())
    assert written(3) == ([True] * 3, ())
    rule = "and later ones count for more"
    assert written(5) == (
        [False, False, True, True, True],
        (f"2 cache breakpoints left out: the request can hold 3 beside the automatic one, {rule}",),
    )
    explicit = {"prompt_cache_options": {"mode": "explicit"}}
    assert written(4, explicit) == ([True] * 4, ())
    assert written(5, explicit)[1] == (f"one cache breakpoint left out: the request can hold 4, {rule}",)


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
