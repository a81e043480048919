"""JSON read with care, secrets that stay in, text that can be encoded, and JSON forms."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from typing import Any, ClassVar

import attrs
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from lash_proto import values
from lash_proto.messages import ImagePart, LlmRequest, ProviderOptions, TextPart, UserMessage
from lash_proto.providers import anthropic
from lash_proto.replies import TextDelta
from lash_proto.usage import LlmUsage
from lash_proto.values import (
    MAX_DEPTH,
    UNSET,
    JsonFormError,
    Secret,
    Value,
    clean,
    dump_json,
    from_json,
    get_dict,
    get_int,
    get_list,
    get_str,
    header,
    hold_surrogate,
    json_engine,
    merge_patch,
    parse_json,
    redact_json,
    redact_text,
    to_json,
)

# --- secrets ---------------------------------------------------------------------------------------------------------

KEY = "sk-" + "a1" * 12


def test_a_secret_gives_its_text_to_reveal_alone() -> None:
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", f"{secret:>5}", "%s %r" % (secret, secret)]  # noqa: UP031
    assert not [text for text in shown if KEY in text]
    assert shown[:3] == ["***", "Secret('***')", "***"]
    assert repr([secret, {"k": secret}]) == "[Secret('***'), {'k': Secret('***')}]"


def test_secrets_compare_and_an_empty_one_is_false() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert (bool(Secret("a")), bool(Secret(""))) == (True, False)


def test_a_secret_stays_one_in_copies_and_in_what_attrs_makes_of_its_holder() -> None:
    secret = Secret(KEY)
    assert copy.deepcopy(secret) == pickle.loads(pickle.dumps(secret)) == secret
    assert {secret: 1}[Secret(KEY)] == 1
    assert KEY not in str(attrs.asdict(anthropic(secret)))
    with pytest.raises(AttributeError, match="does not change"):
        secret.reveal = str  # type: ignore[method-assign]


def test_a_secret_has_no_json_of_its_own() -> None:
    with pytest.raises(TypeError):
        json.dumps(Secret(KEY))


def test_a_secret_in_a_form_is_three_stars() -> None:
    options = ProviderOptions(extra_headers={"x-key": Secret(KEY)})
    form = LlmRequest("Hi", options=options).to_json()
    assert form["options"]["extra_headers"] == {"x-key": "***"}
    assert KEY not in json.dumps(form)
    assert KEY not in repr(options)


# Credentials as providers write them, with made-up letters.
@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-" + "Ab1_-" * 8,
        "sk-ant-api03-" + "Zz9" * 20,
        "sk-or-v1-" + "0f" * 32,
        "pk-" + "a" * 20,
        "gsk_" + "A1" * 20,
        "xai-" + "B2" * 20,
        "hf_" + "c3" * 17,
        "r8_" + "d4" * 16,
        "ghp_" + "e5" * 18,
        "gho_" + "e5" * 18,
        "github_pat_" + "F6" * 20,
        "AIza" + "g7-_" * 9,
        "ya29." + "h8" * 20,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.s5v-x_Y",
        "bm90LWEtcmVhbC10b2tlbg==",
    ],
)
def test_what_looks_like_a_credential_is_taken_out_of_a_text(secret: str) -> None:
    assert redact_text(f"Wrong key: Bearer {secret}, try again") == "Wrong key: Bearer ***, try again"


@pytest.mark.parametrize(
    "text",
    ["Incorrect API key provided: sk-ab***yz.", "task-force-one", "the disk-usage-is-high-today-and", "AIza", "x" * 50],
)
def test_what_does_not_stays(text: str) -> None:
    assert redact_text(text) == text


def test_redacting_a_megabyte_that_nearly_is_a_token_takes_no_time() -> None:
    assert redact_text("eyJ" * 300_000) == "eyJ" * 300_000


def test_a_json_value_is_redacted_inside_and_otherwise_kept() -> None:
    value = {"message": f"key {KEY}", "list": [KEY, 1, None, {"a": True}], "n": 1.5, f"no {KEY}": 0}
    assert redact_json(value) == {"message": "key ***", "list": ["***", 1, None, {"a": True}], "n": 1.5, "no ***": 0}


# --- headers and text ------------------------------------------------------------------------------------------------


def test_a_header_is_found_without_regard_to_case_and_the_first_wins() -> None:
    headers = [("Content-Type", "a"), ("content-type", "b")]
    assert header(headers, "content-type") == "a"
    assert header(headers, "x-other") is None


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("plain", "plain"),
        ("grün 😀", "grün 😀"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00b", "\ufffdb"),
        ("\ud83dx\ude00", "\ufffdx\ufffd"),
        ("\ud83d\ud83d\ude00", "\ufffd😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_surrogates_are_joined_or_replaced(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_cleaned_text_can_be_encoded_and_is_clean(text: str) -> None:
    assert clean(text).encode().decode() == clean(text)
    assert clean(clean(text)) == clean(text)


@given(st.lists(st.sampled_from(["a", "é", "\ud83d", "\ude00", "😀"])), st.data())
def test_held_surrogates_make_any_cut_say_the_same(letters: list[str], data: st.DataObject) -> None:
    text = "".join(letters)
    at = data.draw(st.integers(0, len(text)))
    first, held = hold_surrogate(text[:at])
    second, held = hold_surrogate(held + text[at:])
    assert first + second + clean(held) == clean(text)


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (' {"a": [1, 2.5, null, true, "x"]} \n', {"a": [1, 2.5, None, True, "x"]}),
        ('"\\ud83d\\ude00"', "😀"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ('"[[[["', "[[[["),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        # What msgspec alone would refuse.
        ('["\\ud83d"]', ["\ud83d"]),
        ("[1e400]", [float("inf")]),
    ],
)
def test_json_is_read(text: str, value: Any) -> None:
    assert parse_json(text) == value


INSERTED = st.sampled_from(
    [r"\ud83d", r"\ude00", r"\u0000", "1e400", "-0", "-0.0", "1E5", "0.1", "9" * 30, "NaN", "\x7f", "[", "]"]
)
WELL_FORMED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).map(lambda value: json.dumps(value))


@given(WELL_FORMED | st.text(alphabet='{}[]":,\\ue0123456789.-+ \t\nantrufls\x00\ud83dé'), st.integers(0), INSERTED)
def test_both_engines_give_the_same_value_or_none(text: str, place: int, odd: str) -> None:
    place %= len(text) + 1
    for each in (text, text[:place] + odd + text[place:]):
        with_json, with_msgspec = [read_with(engine, each) for engine in ("json", "msgspec")]
        assert with_json == with_msgspec


def read_with(engine: Any, text: str) -> str:
    """By its `repr`, which tells 1 from 1.0, 0.0 from -0.0, and the order of keys."""
    before = json_engine()
    json_engine(engine)
    try:
        return repr(parse_json(text))
    except ValueError as error:
        return f"ValueError: {error}"
    finally:
        json_engine(before)


def test_the_engine_is_chosen_at_the_first_use_by_what_is_installed() -> None:
    code = "import sys; from lash_proto import values; {}; values.parse_json('1'); print(values.json_engine(), {})"
    for before, loaded, engine in (("0", "'msgspec' in sys.modules", "msgspec True"), (NONE, "0", "json 0")):
        done = subprocess.run(
            [sys.executable, "-c", code.format(before, loaded)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == engine
    done = subprocess.run(
        [sys.executable, "-c", "import lash_proto.values, sys; print('msgspec' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


NONE = "sys.modules['msgspec'] = None"  # as one that is not installed


def test_the_first_json_chooses_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lash_proto.values._engine", None)
    monkeypatch.setattr("lash_proto.values._decode", values._choose_and_decode)
    assert parse_json("[1]") == [1]
    assert values._engine is not None
    assert values._decode is not values._choose_and_decode


def test_without_msgspec_the_engine_is_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    before = json_engine()
    monkeypatch.setitem(sys.modules, "msgspec", None)
    try:
        assert json_engine("msgspec") == json_engine() == "json"
    finally:
        monkeypatch.undo()
        assert json_engine(before) == before


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[1,]", "NaN", "[Infinity]", "-Infinity", "{'a':1}", "{} {}", "\ufeff{}", "9" * 5000, "nul", '"\n"'],
)
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.usefixtures("engine")
def test_nesting_is_bounded() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        allowed = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
        assert parse_json(allowed)
        for text in (opening + allowed + closing, " " + opening * 200_000, opening * 200_000):
            with pytest.raises(ValueError, match=f"nested deeper than {MAX_DEPTH} levels"):
                parse_json(text)


@pytest.mark.usefixtures("engine")
def test_nesting_is_bounded_also_in_short_texts() -> None:
    # As many levels as allowed, and one more: objects are longest, arrays shortest, and both in turn between them.
    for opening, closing in (('{"":', "}"), ("[", "]"), ('[{"":', "}]"), ('{"":[', "]}"), ('[[{"":', "}]]")):
        for levels in (MAX_DEPTH, MAX_DEPTH + 1):
            times, rest = divmod(levels, sum(map(opening.count, "[{")))
            text = opening * times + "[" * rest + "1" + "]" * rest + closing * times
            if levels == MAX_DEPTH:
                assert parse_json(text) is not None
            else:
                with pytest.raises(ValueError, match=f"nested deeper than {MAX_DEPTH} levels"):
                    parse_json(text)


def test_many_brackets_that_are_not_nested_are_fine() -> None:
    assert len(parse_json("[" + ",".join(['{"a":"[[[{{\\"{"}'] * 500) + "]")) == 500


@pytest.mark.parametrize("text", ["[" * 100 + "]" * 100, "\n" + "[" * 100 + "]" * 100])
def test_from_a_stack_nearly_full_there_is_a_value_or_a_value_error(text: str) -> None:
    # Its own process: what happens at the bottom of a stack is not for the others to see.
    code = f"""
import collections, sys
from lash_proto.values import parse_json
outcomes = collections.Counter()
def dive():
    try:
        dive()
    except RecursionError:
        pass
    try:
        parse_json({text!r})
        outcomes["value"] += 1
    except ValueError:
        outcomes["ValueError"] += 1
    except RecursionError:
        outcomes["RecursionError"] += 1
dive()
print(outcomes["value"], outcomes["ValueError"], outcomes["RecursionError"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    values, errors, overflows = map(int, done.stdout.split())
    assert values > 100
    # On the last frames there is no room for the call itself, nor to make an exception.
    assert overflows <= 3
    # Since 3.12 the scanner, which is C, has a stack of its own that the caller's frames do not use up.
    assert errors + overflows > 0 or sys.version_info >= (3, 12)


def test_json_of_very_many_values_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lash_proto.values.MAX_VALUES", 4)
    long = " " * 4 * MAX_DEPTH
    assert parse_json('[1,2,{"a":3}]' + long) == [1, 2, {"a": 3}]
    for text in ("[1,2,3,4,5]", "[[],[[]]]", '{"a":{},"b":{"c":{}}}'):
        with pytest.raises(ValueError, match="^JSON of more than 4 values$"):
            parse_json(text + long)


def test_where_the_stack_has_no_room_deep_json_is_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(text: str, start: int) -> Any:
        raise RecursionError("maximum recursion depth exceeded while decoding a JSON array")

    monkeypatch.setattr("lash_proto.values._decode", None)
    monkeypatch.setattr("lash_proto.values._scan", no_room)
    with pytest.raises(ValueError, match="JSON nested deeper than the caller's stack allows"):
        parse_json("[[]]")


def test_json_is_written_compact_in_order_and_encodable() -> None:
    assert dump_json({"b": [1, "ü"], "a": "\ud83d\ude00\ud83d"}) == '{"b":[1,"ü"],"a":"😀\ufffd"}'
    with pytest.raises(ValueError):
        dump_json(float("nan"))
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="JSON nested deeper than the caller's stack allows"):
        dump_json(deep)


# --- look-ups --------------------------------------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    True,
    0,
    7,
    1.5,
    2.0,
    "",
    "x",
    "12",
    "１２",
    "-3",
    "1" * 20,
    [],
    [1],
    {},
    {"a": 1},
    float("inf"),
]


def test_a_look_up_finds_its_own_type_or_nothing() -> None:
    for value in ODD:
        data = {"k": value}
        assert get_str(data, "k") == (value if type(value) is str else None)
        assert get_dict(data, "k") == (value if type(value) is dict else {})
        assert get_list(data, "k") == (value if type(value) is list else [])
    assert [get_int({"k": value}, "k") for value in ODD if get_int({"k": value}, "k") is not None] == [0, 7, 2, 12]


@pytest.mark.parametrize("data", [value for value in ODD if type(value) is not dict])
def test_in_what_is_no_object_nothing_is_found(data: Any) -> None:
    found = (get_str(data, "k"), get_int(data, "k"), get_dict(data, "k"), get_list(data, "k"))
    assert found == (None, None, {}, [])


# --- JSON forms ------------------------------------------------------------------------------------------------------


def test_a_form_has_the_tag_what_says_something_and_v() -> None:
    assert to_json(UserMessage("Hi")) == {"v": 1, "role": "user", "content": "Hi"}
    assert to_json(UserMessage([TextPart("Hi"), ImagePart(b"\x00\xff", "image/png")])) == {
        "v": 1,
        "role": "user",
        "content": [{"type": "text", "text": "Hi"}, {"type": "image", "data": "AP8=", "media_type": "image/png"}],
    }
    assert to_json(LlmUsage(1))["input_tokens"] == 1


def test_unset_and_none_are_two_things_in_a_form() -> None:
    form = to_json(ProviderOptions(reasoning=None, idle_timeout=5))
    assert form == {"v": 1, "type": "options", "reasoning": None, "idle_timeout": 5}
    options = from_json(form)
    assert isinstance(options, ProviderOptions)
    assert options.reasoning is None
    assert options.connect_timeout is UNSET
    assert (repr(UNSET), bool(UNSET)) == ("UNSET", False)


NEWER = {
    "v": 1,
    "role": "user",
    "content": [{"type": "text", "text": "Hi", "shade": {"blue": [1]}}],
    "mood": "fine",
}


def test_keys_that_a_newer_release_wrote_are_kept_and_no_part_of_equality() -> None:
    message = UserMessage.from_json(NEWER)
    assert message == UserMessage([TextPart("Hi")])
    for copied in (message, copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert copied.to_json() == NEWER


@pytest.mark.parametrize("value", [2, 99])
def test_a_newer_form_is_refused_clearly_at_any_depth(value: int) -> None:
    with pytest.raises(JsonFormError, match=rf"^\$\.v: written by a newer lash \(form {value}, .*upgrade lash"):
        from_json({"v": value, "role": "user", "content": "Hi"})
    with pytest.raises(JsonFormError, match=r"^\$\.messages\[0\]\.v: written by a newer lash"):
        from_json({"v": 1, "type": "request", "messages": [{"v": value, "role": "user", "content": "Hi"}]})


@pytest.mark.parametrize("value", [0, -1, "1", None, True, 1.0])
def test_what_is_no_version_is_refused(value: Any) -> None:
    with pytest.raises(JsonFormError, match="is no version"):
        from_json({"v": value, "role": "user", "content": "Hi"})


def test_a_form_put_together_from_forms_is_read() -> None:
    form = {"type": "request", "messages": [UserMessage("Hi").to_json()]}
    assert from_json(form) == LlmRequest("Hi")
    assert from_json(form).to_json()["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ([], r"^\$: expected an object$"),
        ("x", r"^\$: expected an object$"),
        ({}, "no `role` or `type` that this version of lash knows"),
        ({"type": "thought"}, "no `role` or `type` that this version of lash knows"),
        ({"type": ["text"]}, "no `role` or `type`"),
        ({"type": "text"}, r"^\$: `text` is missing$"),
        ({"type": "text", "text": 1}, r"^\$\.text: expected str$"),
        ({"type": "text", "text": "a", "cache_breakpoint": 1}, r"^\$\.cache_breakpoint: expected bool$"),
        ({"type": "text", "text": "a", "citations": "x"}, r"^\$\.citations: expected an array$"),
        ({"type": "text", "text": "a", "citations": [1]}, r"^\$\.citations\[0\]: expected an object$"),
        ({"type": "text", "text": "a", "origin": {"type": "text", "text": "a"}}, r"^\$\.origin: expected Origin$"),
        ({"type": "image", "data": "no base64"}, r"^\$\.data: expected base64$"),
        ({"type": "image", "data": 1}, r"^\$\.data: expected base64$"),
        ({"role": "user", "content": [3]}, r"^\$\.content\[0\]: expected an object$"),
        ({"role": "user", "content": [{"role": "user", "content": "x"}]}, r"\$\.content\[0\]: expected TextPart or "),
        ({"role": "assistant", "content": [], "stop_reason": "bored"}, r"^\$\.stop_reason: expected one of 'stop', "),
        ({"type": "options", "reasoning": []}, r"^\$\.reasoning: expected "),
        ({"type": "options", "idle_timeout": "5"}, r"^\$\.idle_timeout: expected a number$"),
        ({"type": "text_delta", "content_index": True, "text": "a"}, r"^\$\.content_index: expected int$"),
        ({"type": "usage_update", "usage": None}, r"^\$\.usage: expected an object$"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_should_stand_there(form: Any, problem: str) -> None:
    with pytest.raises(JsonFormError, match=problem):
        from_json(form)


def test_the_class_asked_is_the_class_given() -> None:
    with pytest.raises(JsonFormError, match="expected UserMessage, found TextPart"):
        UserMessage.from_json(TextPart("Hi").to_json())


def test_what_has_no_json_form_says_so() -> None:
    with pytest.raises(JsonFormError, match="object has no JSON form"):
        UserMessage([TextPart("Hi", provider_data={"x": object()})]).to_json()


def test_forms_are_read_by_who_has_imported_no_class() -> None:
    code = """
import json, sys
from lash_proto.values import from_json
for line in sys.stdin:
    print(type(from_json(json.loads(line))).__name__)
"""
    forms = [
        {"type": "text_delta", "content_index": 0, "text": "a"},
        {"type": "model", "id": "m"},
        {"type": "chat_compat"},
        {"type": "provider", "kind": "openai"},
        {"type": "faux_reply"},
    ]
    for form, name in zip(forms, ["TextDelta", "ModelSpec", "ChatCompat", "ProviderSpec", "FauxReply"], strict=True):
        done = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(form), capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == name


def test_a_class_without_a_tag_of_its_own_is_not_read_back() -> None:
    class Untagged(TextPart):
        pass

    assert type(TextPart.from_json(Untagged("Hi").to_json())) is TextPart


def test_a_value_of_ones_own_gets_a_form_by_naming_its_tag() -> None:
    @frozen(weakref_slot=False, getstate_setstate=False)
    class Seen(Value):
        tag: ClassVar = ("type", "seen_by_a_test")
        at: float
        what: tuple[TextDelta, ...] = ()

    seen = Seen(1, (TextDelta(0, "a"),))
    form = {
        "v": 1,
        "type": "seen_by_a_test",
        "at": 1,
        "what": [{"type": "text_delta", "content_index": 0, "text": "a"}],
    }
    assert seen.to_json() == form
    del sys.modules["lash_proto.values"]._classes["type", "seen_by_a_test"]


@pytest.mark.parametrize(
    ("target", "patch", "made"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_says(target: Any, patch: Any, made: Any) -> None:
    assert merge_patch(target, patch) == made
