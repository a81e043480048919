"""What was asked for becomes a schema, and the reply what was asked for."""

from __future__ import annotations

import importlib
import json
import pickle
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import attrs
import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry

from lash_proto.codecs import CODECS
from lash_proto.errors import LashError, OutputError, UnsupportedRequest
from lash_proto.messages import JsonObject, JsonSchema, LlmRequest, Part, RefusalPart, TextPart
from lash_proto.replies import LlmResponse
from lash_proto.schema import Checker, Misfit, check_value, output_of, parse_output, schema_of
from tests.strategies import JSON


@dataclass
class City:
    name: str
    people: int | None = None
    tags: list[str] | str = "none"


def reply(*said: str | Part, stop: Any = "stop") -> LlmResponse:
    return LlmResponse(tuple([TextPart(part) if isinstance(part, str) else part for part in said]), stop)


@pytest.fixture
def without_jsonschema(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name == "jsonschema":
            raise ImportError(name)
        return plain(name, package)

    monkeypatch.setattr("lash_proto.schema.import_module", missing)


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_type_a_schema_or_an_output_is_what_a_request_takes() -> None:
    schema = {"type": "object"}
    assert output_of(None) is None
    assert output_of(JsonObject()) == JsonObject()
    assert output_of(JsonSchema("n", schema)) == JsonSchema("n", schema)
    assert output_of(schema) == JsonSchema("output", schema)
    assert output_of(City) == JsonSchema("City", schema_of(City))
    assert output_of(City, "town", strict=False) == JsonSchema("town", schema_of(City), False)
    odd = type("Größe[int]" + "x" * 80, (City,), {})
    made = output_of(odd)
    assert isinstance(made, JsonSchema)
    assert made.name == "Gr_e_int_" + "x" * 55  # 64 characters


def test_a_type_that_is_no_object_goes_out_in_one() -> None:
    """OpenAI takes schemas of objects only."""
    integers = {"type": "array", "items": {"type": "integer"}}
    assert output_of(list[int]) == JsonSchema(
        "output",
        {"type": "object", "properties": {"value": integers}, "required": ["value"], "additionalProperties": False},
    )
    assert output_of(integers) == JsonSchema("output", integers)
    either = output_of(City | None, "town")
    assert either == JsonSchema(
        "town",
        {
            "type": "object",
            "properties": {"value": {"anyOf": [{"$ref": "#/$defs/City"}, {"type": "null"}]}},
            "required": ["value"],
            "additionalProperties": False,
            "$defs": {"City": schema_of(City)},
        },
    )
    assert CODECS["openai-responses"].encode(LlmRequest("Hi", output=either), "m").body


@pytest.mark.parametrize(
    ("type_", "said", "value"),
    [
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (list[int], "[1, 2]", [1, 2]),
        (City | None, '{"value": {"name": "Oslo"}}', City("Oslo")),
        (City | None, '{"name": "Oslo"}', City("Oslo")),
        (City | None, '{"value": null}', None),
        (dict[str, int], '{"value": 5}', {"value": 5}),  # an object as it is
    ],
)
def test_and_comes_back_in_one(type_: Any, said: str, value: Any) -> None:
    for check in (None, True):
        assert parse_output(reply(said), type_, check=check) == value


@pytest.mark.parametrize("check", [None, True])
def test_what_is_wrong_in_it_is_told_by_its_place_in_the_reply(check: bool | None) -> None:
    with pytest.raises(OutputError) as error:
        parse_output(reply('{"value": [1, "a"]}'), list[int], check=check)
    assert error.value.path == "/value/1"


@pytest.mark.parametrize(
    ("api", "where"),
    [
        ("openai-responses", lambda body: body["text"]["format"]["schema"]),
        ("openai-completions", lambda body: body["response_format"]["json_schema"]["schema"]),
        ("anthropic-messages", lambda body: body["output_config"]["format"]["schema"]),
        ("google-generative-ai", lambda body: body["generationConfig"]["responseJsonSchema"]),
    ],
)
def test_a_type_goes_out_in_every_dialect_with_notes_of_what_was_changed(api: str, where: Any) -> None:
    http = CODECS[api].encode(LlmRequest("Hi", output=output_of(City)), "m")
    sent = where(json.loads(http.body))
    assert sent["properties"]["name"] == {"type": "string"}
    assert sent["additionalProperties"] is False
    strict = api.startswith("openai")
    assert sent["required"] == (["name", "people", "tags"] if strict else ["name"])
    assert [note.split(":")[0] for note in http.notes] == (["output"] if strict else [])


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_reply_becomes_the_type() -> None:
    assert parse_output(reply(' {"name": "Oslo",', ' "people": 7} '), City) == City("Oslo", 7)
    assert parse_output(reply('{"name": "Oslo"}'), output_of(City)) == {"name": "Oslo"}
    assert parse_output(reply("[1, 2]"), {"type": "array"}) == [1, 2]
    assert parse_output(reply('{"a": 1}'), JsonObject()) == {"a": 1}
    with pytest.raises(OutputError, match="is not of type 'object'"):
        parse_output(reply("[1, 2]"), JsonObject())


def test_commentary_is_no_part_of_the_answer() -> None:
    said = reply(TextPart("Let me see.", phase="commentary"), TextPart("3", phase="final_answer"))
    assert parse_output(said, int) == 3


def test_a_null_for_what_was_left_out_is_taken_out() -> None:
    """Strict mode has no optional keys, so the model says null; `tags` is not nullable, and gets its default."""
    text = '{"name": "Oslo", "people": null, "tags": null}'
    assert parse_output(reply(text), City) == City("Oslo")
    assert parse_output(reply(text), schema_of(City)) == {"name": "Oslo", "people": None}


@pytest.mark.parametrize("check", [None, True])
def test_nulls_are_taken_out_inside_what_strict_mode_makes_of_tuples(check: bool | None) -> None:
    asked = output_of(tuple[City, int])
    assert isinstance(asked, JsonSchema)
    said = '{"value": [{"name": "Oslo", "people": null, "tags": null}, 3]}'
    assert parse_output(reply(said), tuple[City, int], check=check) == (City("Oslo"), 3)
    assert parse_output(reply(said), asked) == {"value": [{"name": "Oslo", "people": None}, 3]}


@pytest.mark.parametrize(
    ("said", "path", "rule"),
    [
        (reply('{"name": 5}'), "/name", "expected string"),
        (reply('{"people": 5}'), "", "'name' is missing"),
        (reply("Sure! {}"), "", "the reply is not JSON"),
        (reply('```json\n{"name": "x"}\n```'), "", "the reply is not JSON"),
        (reply('{"name": NaN}'), "", "the reply is not JSON"),
        (reply(), "", "the reply is not JSON"),
        (reply('{"name": "x"}', stop="length"), "", "the reply is no whole answer, it ended with length"),
        (reply('{"name": "x"}', stop="aborted"), "", "the reply is no whole answer, it ended with aborted"),
        (reply(RefusalPart("I will not."), stop="refusal"), "", "the model declined: I will not."),
    ],
)
def test_a_reply_that_is_not_what_was_asked_for_says_where_and_why(said: LlmResponse, path: str, rule: str) -> None:
    with pytest.raises(OutputError) as error:
        parse_output(said, City)
    assert error.value.path == path
    assert error.value.rule.startswith(rule)
    assert error.value.response is said
    assert error.value.failure is None
    assert isinstance(error.value, LashError)
    assert isinstance(error.value, ValueError)
    copied = pickle.loads(pickle.dumps(error.value))
    assert (str(copied), copied.path, copied.response) == (str(error.value), path, said)


class Lax(pydantic.BaseModel):
    n: int


@pytest.mark.parametrize("installed", [True, False])
def test_a_type_checks_itself_whether_jsonschema_is_installed_or_not(
    installed: bool, request: pytest.FixtureRequest
) -> None:
    if not installed:
        request.getfixturevalue("without_jsonschema")
    assert parse_output(reply('{"name": "Oslo"}'), City) == City("Oslo")
    with pytest.raises(OutputError, match="/name: expected string"):
        parse_output(reply('{"name": 5}'), City)
    assert parse_output(reply('{"n": "5"}'), Lax) == Lax(n=5)


def test_a_type_is_held_to_its_schema_too_where_that_is_asked_for() -> None:
    with pytest.raises(OutputError, match="/n: '5' is not of type 'integer'"):
        parse_output(reply('{"n": "5"}'), Lax, check=True)


def test_a_schema_is_checked_where_jsonschema_is_installed(without_jsonschema: None) -> None:
    assert parse_output(reply("5"), {"type": "string"}) == 5
    with pytest.raises(ImportError, match=r"lash-llm\[tools\]"):
        parse_output(reply("5"), {"type": "string"}, check=True)


@attrs.frozen
class Small:
    n: int = attrs.field(validator=attrs.validators.lt(10))


def test_a_class_may_refuse_what_the_schema_takes() -> None:
    with pytest.raises(OutputError) as error:
        parse_output(reply('{"n": 10}'), Small)
    assert error.value.rule == "Small refuses it: 'n' must be < 10: 10"


def test_checking_can_be_turned_off() -> None:
    assert parse_output(reply("5"), {"type": "string"}, check=False) == 5


# --- checking --------------------------------------------------------------------------------------------------------


def test_a_remote_reference_raises_and_touches_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def touched(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was touched")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, touched)
    remote = {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    with pytest.raises(Misfit, match="the schema cannot be applied .*Unresolvable"):
        check_value({"a": 1}, remote)
    with pytest.raises(OutputError, match="cannot be applied"):
        parse_output(reply('{"a": 1}'), remote)


def test_a_schema_names_its_own_draft() -> None:
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "items": {"$ref": "#/definitions/a", "type": "null"}}
    old["definitions"] = {"a": {"type": "integer"}}
    check_value([1], old)  # before 2019-09, what stood beside $ref was passed over
    with pytest.raises(Misfit) as misfit:
        check_value([1], {**old, "$schema": 7})
    assert misfit.value.path == "/0"
    check_value(1, {"$schema": "https://example.com/own", "type": "integer"})


@pytest.mark.parametrize("schema", [{"type": "str"}, {"pattern": "("}, {"minimum": "x"}, {"$ref": "#"}])
def test_what_is_no_schema_is_said_to_be_none(schema: dict[str, Any]) -> None:
    value: Any = 5 if "pattern" not in schema else "x"
    with pytest.raises(Misfit, match="the schema cannot be applied"):
        check_value(value, schema)


def test_a_schema_of_no_shape_is_the_callers_mistake() -> None:
    with pytest.raises(UnsupportedRequest, match="schema at #/properties: it is an object"):
        parse_output(reply("{}"), {"properties": 5})


NEST = {
    "$ref": "#/$defs/a",
    "$defs": {
        name: {
            "type": "object",
            "properties": {
                "left": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}, {"type": "integer"}]},
                "op": {"enum": [word]},
            },
            "required": ["left", "op"],
        }
        for name, word in (("a", "+"), ("b", "*"))
    },
}


@pytest.mark.parametrize("more", [{}, {"$schema": "https://json-schema.org/draft/2020-12/schema"}])
def test_choices_inside_choices_take_no_longer_than_they_are_deep(more: dict[str, str]) -> None:
    """By asking in each arm at each level this would be 2 ** 60 times; jsonschema alone does so."""

    def nested(leaf: Any) -> Any:
        for _ in range(60):
            leaf = {"left": leaf, "op": "*"}
        return {"left": leaf, "op": "+"}

    check_value(nested(1), {**NEST, **more})
    with pytest.raises(Misfit, match="is not valid under any of the given schemas"):
        check_value(nested("bad"), {**NEST, **more})


def test_the_same_word_in_two_places_is_told_in_both() -> None:
    schema = {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"anyOf": [{"type": "integer"}, {"maxLength": 1}]}}}
    word = "word"
    assert [problem.path for problem in Checker(schema).problems([word, 1, word])] == ["/0", "/2"]
    schema["$defs"] = {"a": {"properties": {"n": {"type": "null"}}}}
    twin = {"n": 1}
    assert [problem.path for problem in Checker(schema).problems([twin, twin, {"n": 1}])] == ["/0/n", "/1/n", "/2/n"]


@pytest.mark.parametrize(
    ("value", "schema", "told"),
    [
        (None, {"type": "integer"}, ["the value: null is not of type 'integer'"]),
        ("x" * 200, {"type": "null"}, ['the value: "' + "x" * 99 + "... (202 characters) is not of type 'null'"]),
        (1.5, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, ["the value: 1.5 is not of type 'integer', 'null'"]),
        (
            {"a": 1},
            {"anyOf": [{"required": ["b"]}, {"required": ["c"]}]},
            ['the value: {"a":1} is not valid under any of the given schemas'],
        ),
        (
            {"a": 1, "b": 2},
            {"properties": {"a": {"type": "string"}, "b": {"enum": [1]}}, "required": ["c"]},
            ["/a: 1 is not of type 'string'", "/b: 2 is not one of [1]", "the value: 'c' is a required property"],
        ),
        (
            ["a"],
            {"items": {"enum": ["w" * 283, "v"]}},
            [f'/0: "a" is not one of [\'{"w" * 283}... (307 characters)'],
        ),
        (
            {"k" * 260: 1},
            {"additionalProperties": False},
            [f"the value: Additional properties are not allowed ('{'k' * 260}... (317 characters)"],
        ),
    ],
)
def test_problems_are_told_all_at_once_and_what_is_long_is_cut(
    value: Any, schema: dict[str, Any], told: list[str]
) -> None:
    assert [str(problem) for problem in Checker(schema).problems(value)] == told


def test_a_schema_that_cannot_be_applied_is_the_one_problem() -> None:
    (problem,) = Checker({"$ref": "#/$defs/none"}).problems(1)
    assert problem.path == ""
    assert problem.rule.startswith("the schema cannot be applied (")


def test_a_schema_may_be_held_to_its_draft() -> None:
    with pytest.raises(Misfit, match="/properties/a/type: 'str' is not valid"):
        Checker({"properties": {"a": {"type": "str"}}}, strict=True)
    assert Checker({"properties": {"a": {"type": "string"}}}, strict=True).problems({"a": "x"}) == []


@given(
    JSON,
    st.recursive(
        st.sampled_from([{"type": "string"}, {"type": "null"}, {}]),
        lambda inner: st.builds(
            lambda a, b: {"type": "object", "properties": {"a": a}, "additionalProperties": b}, inner, inner
        ),
    ),
)
def test_a_reply_is_given_back_just_where_it_fits(value: Any, schema: dict[str, Any]) -> None:
    fits = jsonschema.Draft202012Validator(schema, registry=Registry()).is_valid(value)
    if fits:
        assert parse_output(reply(json.dumps(value)), schema) == value
    else:
        with suppress(OutputError):
            assert parse_output(reply(json.dumps(value)), schema) != value  # a null was taken out
