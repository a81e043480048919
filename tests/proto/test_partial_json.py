"""`lash_proto.partial_json`: what is shown of a JSON text that has not come whole, and what it is when it has."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lash_proto.partial_json import ArgumentsView, ArrayView, PartialArguments, PartialJson, parse_arguments
from lash_proto.values import MAX_DEPTH


def parsed(*fragments: str) -> PartialJson:
    parser = PartialJson()
    for fragment in fragments:
        parser.receive(fragment)
    return parser


def shown(*fragments: str) -> Any:
    parser = parsed(*fragments)
    assert parser.error is None
    return parser.value


# --- what is shown ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" \t\n\r", None),
        ("{", {}),
        ('{"', {}),
        ('{"a', {}),
        ('{"a"', {}),
        ('{"a":', {}),
        ('{"a": ', {}),
        ('{"a": "', {"a": ""}),
        ('{"a": "b', {"a": "b"}),
        ('{"a": "b"', {"a": "b"}),
        ('{"a": "b", "c', {"a": "b"}),
        ('{"a": "b", "c": [', {"a": "b", "c": []}),
        ('{"a": [1, {"b": [[tr', {"a": [1, {"b": [[True]]}]}),
        ("[", []),
        ("[]", []),
        ("{}", {}),
        ("[1,", [1]),
        ("[1, ", [1]),
        ('["', [""]),
        ('["a\\', ["a"]),
        ('["a\\u00', ["a"]),
        ('["a\\u00e9', ["aé"]),
        ('["\\"\\\\\\/\\b\\f\\n\\r\\t', ['"\\/\b\f\n\r\t']),
        (' [ { } , "" , [ ] ] ', [{}, "", []]),
        ('{"": {"": 0}}', {"": {"": 0}}),
        ('{"a": 1, "a": [2', {"a": [2]}),
    ],
)
def test_containers_and_strings_are_shown_as_far_as_they_go(text: str, value: Any) -> None:
    assert shown(text) == value
    assert shown(*text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-", None),
        ("-0", 0),
        ("0", 0),
        ("12", 12),
        ("12.", 12),
        ("12.5", 12.5),
        ("-1.50", -1.5),
        ("1e", 1),
        ("1E+", 1),
        ("1e-2", 0.01),
        ("1.5e", 1.5),
        ("1.5e3", 1500.0),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_a_number_shows_its_longest_valid_beginning(text: str, value: Any) -> None:
    items = [] if value is None else [value]
    for now, then in ((shown(text), value), (shown("[" + text), items), (shown(*f"[0,{text}"), [0, *items])):
        assert now == then
        assert repr(now) == repr(then)


def test_a_number_in_an_object_shows_with_its_first_digit() -> None:
    assert shown('{"a":-') == {}
    assert shown('{"a":-', "1") == {"a": -1}
    assert shown('{"a":-', "1", "2", ',"b":3') == {"a": -12, "b": 3}


@pytest.mark.parametrize(
    ("text", "value"), [("t", True), ("tru", True), ("f", False), ("false", False), ("n", None), ("null", None)]
)
def test_a_literal_is_decided_by_its_first_letter(text: str, value: Any) -> None:
    assert shown("[" + text) == [value]
    assert shown(*("[" + text)) == [value]
    assert shown('{"a":' + text) == {"a": value}


def test_a_whole_text_may_be_a_scalar() -> None:
    assert shown(' "a" ') == "a"
    assert shown(" 12 ") == 12
    assert shown("tr", "ue", " ") is True


@pytest.mark.parametrize(
    ("text", "string"),
    [
        ('["\\ud83d\\ude00', "😀"),
        ('["\\ud83d', ""),
        ('["\\ud83d"', "\ufffd"),
        ('["\\ud83dx', "\ufffdx"),
        ('["\\ude00x', "\ufffdx"),
        ('["\\ud83d\\ud83d\\ude00', "\ufffd😀"),
        ('["\\ud83d\\n', "\ufffd\n"),
        ('["a\ud83d\ude00', "a😀"),
        ('["a\ud83d', "a"),
        ('["a\ud83d\\ude00', "a😀"),
        ('["a\\ud83d\ude00', "a😀"),
        ('["a\ude00', "a\ufffd"),
    ],
)
def test_half_a_surrogate_pair_waits_and_a_lone_one_is_replaced(text: str, string: str) -> None:
    assert shown(text) == [string]
    assert shown(*text) == [string]


def test_half_a_pair_at_the_end_of_one_string_is_not_the_beginning_of_the_next() -> None:
    text = '["\\ud83d","x","\\ud83d","\\ude00"]'
    assert shown(text) == shown(*text) == ["\ufffd", "x", "\ufffd", "\ufffd"]


def test_keys_are_as_clean_as_strings() -> None:
    assert shown(*'{"\\u0061\\ud83d\\ude00\\ud83d": 1}') == {"a😀\ufffd": 1}


# --- what is not JSON ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [
        ("x", None, "unexpected 'x' at character 0"),
        ("\ufeff{}", None, r"unexpected '\ufeff' at character 0"),
        ("NaN", None, "unexpected 'N' at character 0"),
        ("[-Infinity]", [], "unexpected 'I' at character 2"),
        ("[1, 2] x", [1, 2], "unexpected 'x' at character 7"),
        ("{} {}", {}, "unexpected '{' at character 3"),
        ("[1 2]", [1], "unexpected '2' at character 3"),
        ("[1,]", [1], "unexpected ']' at character 3"),
        ("[1}", [1], "unexpected '}' at character 2"),
        ("[,", [], "unexpected ',' at character 1"),
        ('{"a" 1', {}, "unexpected '1' at character 5"),
        ('{"a": }', {}, "unexpected '}' at character 6"),
        ('{"a": ]', {}, "unexpected ']' at character 6"),
        ('{"a": 1,}', {"a": 1}, "unexpected '}' at character 8"),
        ('{"a": 1]', {"a": 1}, "unexpected ']' at character 7"),
        ("{a: 1}", {}, "unexpected 'a' at character 1"),
        ("{'a': 1}", {}, 'unexpected "\'" at character 1'),
        ("[01]", [0], "unexpected ']' at character 3"),
        ("[1.]", [1], "unexpected ']' at character 3"),
        ("[+1]", [], "unexpected '+' at character 1"),
        ("[1e400x", [float("inf")], "unexpected 'x' at character 6"),
        ("[tru]", [True], "unexpected ']' at character 4"),
        ("[nope]", [None], "unexpected 'o' at character 2"),
        ('["a\nb"]', ["a"], r"unexpected '\n' at character 3"),
        ('["ab\\x41"]', ["ab"], r"unexpected '\\' at character 4"),
        ('["ab\\u12g4"]', ["ab"], r"unexpected '\\' at character 4"),
        ('["ab\\u12"]', ["ab"], r"unexpected '\\' at character 4"),
        ("[\u00a01]", [], r"unexpected '\xa0' at character 1"),
    ],
)
def test_an_error_keeps_the_value_before_it(text: str, value: Any, error: str) -> None:
    for parser in (parsed(text), parsed(*text)):
        assert (parser.value, parser.error) == (value, error)
        parser.receive("]}, 1")
        assert (parser.value, parser.error) == (value, error)


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_depth_is_bounded(bracket: str) -> None:
    assert parsed(bracket * MAX_DEPTH).error is None
    for parser in (parsed(bracket * 100_000), parsed(*[bracket] * 1000)):
        assert parser.error == f"JSON nested deeper than {MAX_DEPTH} levels"
        assert json.dumps(parser.value).count(bracket[0]) == MAX_DEPTH


def test_very_many_values_are_an_error_and_what_came_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lash_proto.partial_json.MAX_VALUES", 4)
    for pieces in (['[ 1, [], "a" ]'], ["[ 1, [], ", '"a', '" , ', " 2]"]):
        parser = PartialJson()
        for piece in pieces:
            parser.receive(piece)
        assert parser.value == [1, [], "a"]
        assert parser.error == (None if len(pieces) == 1 else "JSON of more than 4 values")


def test_a_number_is_bounded() -> None:
    longest = "1" * 4300
    for fragments in (("[", longest, "1"), (f"[{longest}1",), (f"[{longest}", "11111")):
        parser = parsed(*fragments)
        assert parser.error == "a number longer than 4300 digits"
        assert parser.value == [int(longest)]


def test_a_host_may_allow_integers_fewer_digits() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        parser = parsed("[1, " + "1" * 641)
    finally:
        sys.set_int_max_str_digits(before)
    assert parser.value == [1]
    assert parser.error is not None
    assert "640 digits" in parser.error


# --- laws ------------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda items: st.lists(items, max_size=5) | st.dictionaries(st.text(), items, max_size=5),
    max_leaves=20,
)
PLACES = st.lists(st.integers(min_value=0), max_size=10)


def cuts(text: str, places: list[int]) -> list[str]:
    borders = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in zip(borders, borders[1:], strict=False)]


def is_beginning(part: Any, whole: Any) -> bool:
    """Whether `part` can be what is shown of `whole` before all of it has come.

    A string begins the string; a number is some number, for 1 is shown of 15 and of 1e5; in a container all but the
    last member are final, keys come in order, and the last member is itself a beginning.
    """
    if isinstance(whole, bool) or whole is None:
        return part is whole
    if isinstance(whole, str):
        return isinstance(part, str) and whole.startswith(part)
    if isinstance(whole, (int, float)):
        return type(part) in (int, float)
    if isinstance(whole, list):
        return isinstance(part, list) and begins(part, whole)
    keys, all_keys = list(part), list(whole)
    return keys == all_keys[: len(keys)] and begins(list(part.values()), list(whole.values()))


def begins(parts: list[Any], wholes: list[Any]) -> bool:
    last = len(parts) - 1
    return last < 0 or (
        len(parts) <= len(wholes) and parts[:last] == wholes[:last] and is_beginning(parts[last], wholes[last])
    )


@given(JSON, st.booleans(), st.sampled_from([None, 2]), PLACES)
@example({"a": ["😀", -1.5e-7, "\\u"]}, True, None, [10, 12, 20])
def test_cut_anywhere_the_value_is_what_json_says(
    value: Any, ascii: bool, indent: int | None, places: list[int]
) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    assert shown(text) == shown(*cuts(text, places)) == json.loads(text)


@given(JSON, st.booleans())
def test_every_beginning_shows_a_beginning_of_the_value(value: Any, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    whole = json.loads(text)
    parser = PartialJson()
    before = None
    for character in text:
        parser.receive(character)
        assert parser.error is None
        # None stands for nothing, too: before a number's first digit, say.
        assert parser.value is None or is_beginning(parser.value, whole)
        assert before is None or is_beginning(before, parser.value)
        before = copy.deepcopy(parser.value)
    assert before == whole


TOKENS = list('{}[]:,"\\ \n-.0e') + [
    "null", "tru", "1", "12.5", '"a"', '"a":', '\\n', "\\ud83d", "\\ude00", "\ud83d", "\ude00", "\\u00", "é", "NaN",
]  # fmt: skip
GARBAGE = st.lists(st.sampled_from(TOKENS) | st.text(max_size=3), max_size=20).map("".join)


@given(GARBAGE, PLACES)
def test_of_garbage_too_cuts_do_not_matter(text: str, places: list[int]) -> None:
    for parser in (parsed(*cuts(text, places)), parsed(*text)):
        # By repr: 1 equals 1.0 and true.
        assert (repr(parser.value), parser.error) == (repr(parsed(text).value), parsed(text).error)
    json.dumps(parsed(text).value, ensure_ascii=False).encode()


@given(GARBAGE)
def test_an_error_is_found_only_where_the_strict_reading_fails_too(text: str) -> None:
    if parsed(text).error is not None:
        assert parse_arguments(text)[0] == {}
        assert parse_arguments(text)[1] is not None


@given(JSON | GARBAGE, PLACES)
def test_a_copy_goes_on_as_the_original_would(value: Any, places: list[int]) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    parser = PartialJson()
    for fragment in cuts(text, places):
        parser.receive(fragment)
        twin = pickle.loads(pickle.dumps(parser))
        assert twin == parser == copy.deepcopy(parser)
        parser = twin
    assert parser == parsed(*cuts(text, places))


# --- the log of one call ---------------------------------------------------------------------------------------------


def views(*fragments: str) -> list[ArgumentsView]:
    log = PartialArguments()
    return [log.view(log.append(fragment)) for fragment in fragments]


CALL = ['{"path": "a', '.py", "edits": [{"old": "x', '"}, {', '"new": 1', "2}]}"]
STATES: list[dict[str, Any]] = [
    {"path": "a"},
    {"path": "a.py", "edits": [{"old": "x"}]},
    {"path": "a.py", "edits": [{"old": "x"}, {}]},
    {"path": "a.py", "edits": [{"old": "x"}, {"new": 1}]},
    {"path": "a.py", "edits": [{"old": "x"}, {"new": 12}]},
]


def test_each_view_shows_the_arguments_as_of_its_event() -> None:
    assert views(*CALL) == STATES


def test_views_may_be_asked_in_any_order() -> None:
    asked = views(*CALL)
    for i in (4, 0, 3, 1, 1, 2, 4, 0):
        assert asked[i] == STATES[i]
        assert asked[i].to_dict() == STATES[i]
    assert asked[1] != asked[2]
    assert asked[2] != asked[1]
    assert asked[4] == views("".join(CALL))[0]


def test_a_view_reads_like_a_mapping() -> None:
    view = views(*CALL)[2]
    assert list(view) == ["path", "edits"]
    assert len(view) == 2
    assert view["path"] == "a.py"
    assert view.get("new") is None
    assert "edits" in view
    assert dict(view.items()) == STATES[2]
    assert repr(view) == "{'path': 'a.py', 'edits': [{'old': 'x'}, {}]}"
    with pytest.raises(KeyError):
        view["new"]
    with pytest.raises(TypeError):
        hash(view)


def test_a_view_gives_plain_values_views_of_containers_and_lists_of_slices() -> None:
    view = views(*CALL)[4]
    edits = view["edits"]
    assert [type(each) for each in (view["path"], edits, edits[1], edits[1]["new"], edits[0:1], edits[0:1][0])] == [
        str,
        ArrayView,
        ArgumentsView,
        int,
        list,
        ArgumentsView,
    ]


def test_what_is_inside_a_view_keeps_its_time_too() -> None:
    asked = views(*CALL)
    edits = asked[1]["edits"]
    first = edits[0]
    assert asked[4] == STATES[4]
    assert edits == [{"old": "x"}]
    assert first == {"old": "x"}
    assert asked[4]["edits"] == [{"old": "x"}, {"new": 12}]
    assert asked[4]["edits"][-1]["new"] == 12
    assert asked[4]["edits"][1:] == [{"new": 12}]
    assert list(asked[4]["edits"]) == [{"old": "x"}, {"new": 12}]
    assert {"old": "x"} in asked[4]["edits"]
    assert repr(edits) == "[{'old': 'x'}]"
    assert edits == asked[1]["edits"]
    assert edits != asked[2]["edits"]
    with pytest.raises(IndexError):
        edits[1]


def test_nobody_can_change_the_arguments_through_a_view() -> None:
    view = views(*CALL)[4]
    with pytest.raises(TypeError):
        view["path"] = "b"  # type: ignore[index]
    with pytest.raises(TypeError):
        view["edits"][0]["old"] = "y"
    view.to_dict()["edits"][0]["old"] = "y"
    view["edits"].to_list()[0]["old"] = "y"
    assert view == STATES[4]


@pytest.mark.parametrize("text", ["", " ", "[1]", '"a"', "12", "null", "x"])
def test_what_is_no_object_shows_as_an_empty_one(text: str) -> None:
    assert views(text) == [{}]


def test_before_the_first_fragment_there_is_nothing() -> None:
    log = PartialArguments()
    assert log.view(0) == {}
    assert log.text == ""


def test_the_log_keeps_the_text_as_it_came() -> None:
    log = PartialArguments()
    assert [log.append(fragment) for fragment in CALL] == [1, 2, 3, 4, 5]
    assert log.text == "".join(CALL)


def test_a_log_that_was_read_equals_one_that_was_not() -> None:
    read, unread = PartialArguments(), PartialArguments()
    for fragment in CALL:
        assert read.view(read.append(fragment))
        unread.append(fragment)
    assert read == unread
    assert repr(read) == repr(unread)


def test_a_log_and_its_views_can_be_copied() -> None:
    asked = views(*CALL)
    assert asked[2] == STATES[2]
    for twins in (pickle.loads(pickle.dumps(asked)), copy.deepcopy(asked)):
        assert twins == STATES
        assert twins[1]["edits"] == [{"old": "x"}]


# --- the whole call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", " \n", "null", " null ", "{}"])
def test_no_arguments_are_an_empty_object_without_error(text: str | None) -> None:
    assert parse_arguments(text) == ({}, None)


def test_whole_arguments_are_read_strictly() -> None:
    assert parse_arguments(' {"a": [1, 2.5, "x", null, true]} ') == ({"a": [1, 2.5, "x", None, True]}, None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[1]", "an array"), ('"x"', "a string"), ("1", "a number"), ("1.5", "a number"), ("true", "true or false")],
)
def test_arguments_that_are_no_object_are_an_error(text: str, kind: str) -> None:
    assert parse_arguments(text) == ({}, f"the arguments are not an object: {kind}")


@pytest.mark.parametrize(
    "text", ['{"a": 1', '{"a": NaN}', "{'a': 1}", '{"a": 1} x', '{"a":' * 200, '{"a": "\n"}', "\u00a0"]
)
def test_arguments_that_are_not_json_are_never_guessed(text: str) -> None:
    arguments, error = parse_arguments(text)
    assert arguments == {}
    assert error


def test_whole_arguments_can_be_encoded() -> None:
    assert parse_arguments('{"\\ud83d": ["\\ud83d", {"a": "\\ud83d\\ude00"}, 1]}') == (
        {"\ufffd": ["\ufffd", {"a": "😀"}, 1]},
        None,
    )
    assert parse_arguments('{"a": "\ud83d\ude00 \ude00"}') == ({"a": "😀 \ufffd"}, None)
