"""Schemas as each dialect takes them: by hand from the vendors' pages on structured output, and against jsonschema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from referencing import Registry

from lash_proto.errors import UnsupportedRequest
from lash_proto.fitting import without_nulls
from lash_proto.schema import Dialect, Purpose, no_parameters, project
from tests.strategies import JSON


def openai(schema: Any) -> tuple[Any, tuple[str, ...]]:
    made = project(schema, "openai", "output", strict=True, where="it")
    return made.schema, made.changes


def anthropic(schema: Any) -> tuple[Any, tuple[str, ...]]:
    made = project(schema, "anthropic", "output", where="it")
    return made.schema, made.changes


def openapi(schema: Any) -> tuple[Any, tuple[str, ...]]:
    made = project(schema, "google-openapi", "output", where="it")
    return made.schema, made.changes


def closed(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


STRING = {"type": "string"}
NULL = {"type": "null"}


# --- a schema that fits ----------------------------------------------------------------------------------------------

# The page "Structured model outputs" of OpenAI's guides: chain of thought, recursion in $defs, recursion to the root.
STEP = closed({"explanation": STRING, "output": STRING}, "explanation", "output")
MATH = closed({"steps": {"type": "array", "items": STEP}, "final_answer": STRING}, "steps", "final_answer")
LINKED_LIST = closed(
    {"linked_list": {"$ref": "#/$defs/node"}},
    "linked_list",
    **{
        "$defs": {
            "node": closed(
                {"value": {"type": "number"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, NULL]}}, "value", "next"
            )
        }
    },
)
UI = closed(
    {
        "type": {"type": "string", "description": "The kind.", "enum": ["div", "button"]},
        "label": {"type": ["string", "null"]},
        "children": {"type": "array", "items": {"$ref": "#"}},
    },
    "type",
    "label",
    "children",
)
LIMITS = closed(
    {
        "username": {"type": "string", "pattern": "^@[a-z]+$"},
        "email": {"type": "string", "format": "email"},
        "celsius": {"type": "number", "minimum": -130, "maximum": 130},
    },
    "username",
    "email",
    "celsius",
)


@pytest.mark.parametrize("schema", [MATH, LINKED_LIST, UI, LIMITS])
@pytest.mark.parametrize("purpose", ["tool", "output"])
def test_what_openai_documents_as_strict_goes_out_as_it_is(schema: dict[str, Any], purpose: Purpose) -> None:
    made = project(schema, "openai", purpose, strict=True)
    assert made.schema is schema
    assert made.changes == ()


TWICE = closed(
    {"a": {"$ref": "#/$defs/T"}, "b": {"type": "array", "items": {"$ref": "#/$defs/T"}}},
    "a",
    **{"$defs": {"T": closed({"u": {"$ref": "#/$defs/U"}}), "U": STRING}},
)


@pytest.mark.parametrize("schema", [MATH, TWICE, closed({"a": {"const": 1, "type": "integer"}, "b": STRING}, "a")])
def test_what_anthropic_documents_goes_out_as_it_is(schema: dict[str, Any]) -> None:
    assert anthropic(schema)[0] is schema


def test_without_strict_only_the_root_of_a_tool_is_looked_at() -> None:
    loose = {"oneOf": [True], "x": {}, "properties": 5, "anyOf": {}, "items": [{}]}
    assert project(loose, "openai", "output").schema is loose
    made = project({"description": "d"}, "openai", "tool", where="it")
    assert made.schema == {"type": "object", "properties": {}, "description": "d"}
    assert made.changes == ("it: type is put in (#)", "it: properties is put in (#)")
    made = project({"properties": {"a": {"minLength": 1}}}, "anthropic", "tool", where="it")
    assert made.schema == {"type": "object", "properties": {"a": {"minLength": 1}}}
    assert made.changes == ("it: type is put in (#)",)
    whole = {"type": "object", "properties": {"a": {"allOf": [{}, {}]}}}
    for dialect in ("openai", "anthropic"):
        assert project(whole, dialect, "tool").schema is whole
        with pytest.raises(UnsupportedRequest, match="must be of an object"):
            project({"type": "string"}, dialect, "tool")


# --- what is changed -------------------------------------------------------------------------------------------------


def test_openai_strict_has_no_optional_keys() -> None:
    schema = {
        "type": "object",
        "properties": {
            "kept": STRING,
            "word": {"type": "string", "description": "A word."},
            "choice": {"type": "string", "enum": ["a", "b"], "description": "One."},
            "nullable": {"type": ["integer", "null"]},
            "either": {"anyOf": [STRING, {"type": "integer"}]},
            "either_null": {"anyOf": [STRING, NULL]},
            "list": {"type": "array", "items": STRING},
            "thing": {"$ref": "#/$defs/T"},
            "nothing": {"$ref": "#/$defs/N"},
            "a/b": {"type": "string", "enum": ["x", None]},
        },
        "required": ["kept"],
        "additionalProperties": False,
        "$defs": {"T": closed({}), "N": NULL},
    }
    made, changes = openai(schema)
    assert made == {
        "type": "object",
        "properties": {
            "kept": STRING,
            "word": {"type": ["string", "null"], "description": "A word."},
            "choice": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, NULL], "description": "One."},
            "nullable": {"type": ["integer", "null"]},
            "either": {"anyOf": [STRING, {"type": "integer"}, NULL]},
            "either_null": {"anyOf": [STRING, NULL]},
            "list": {"anyOf": [{"type": "array", "items": STRING}, NULL]},
            "thing": {"anyOf": [{"$ref": "#/$defs/T"}, NULL]},
            "nothing": {"$ref": "#/$defs/N"},
            "a/b": {"anyOf": [{"type": "string", "enum": ["x", None]}, NULL]},
        },
        "required": list(schema["properties"]),  # type: ignore[call-overload]
        "additionalProperties": False,
        "$defs": {"T": closed({}), "N": NULL},
    }
    (change,) = changes
    assert change.startswith(
        "it: what is optional is required and may be null: strict mode has none (#/properties/word,"
    )
    assert change.endswith(", #/properties/a~1b)")


@pytest.mark.parametrize(
    ("given", "sent", "change"),
    [
        ({"const": "a"}, {"enum": ["a"], "type": "string"}, "const is sent as an enum of one"),
        ({"type": "string", "const": "a", "enum": ["a", "b"]}, {"type": "string", "enum": ["a"]}, "const is sent"),
        ({"enum": [1, None]}, {"enum": [1, None], "type": ["integer", "null"]}, "type is put in"),
        ({"type": "string", "minLength": 1}, STRING, "minLength is left out: strict mode has none"),
        ({"type": "string", "format": "uri"}, STRING, "format is left out: strict mode has none"),
        ({"type": "string", "default": "x", "$comment": "c"}, STRING, "default is left out"),
        ({"type": "string", "items": STRING}, STRING, "items is left out, which means nothing to this type"),
        ({"allOf": [STRING], "description": "d"}, {"type": "string", "description": "d"}, "what allOf has"),
        ({"allOf": [{"allOf": [STRING]}]}, STRING, "what allOf has"),
        (
            {"allOf": [{**STRING, "description": "of the type"}], "description": "of the field"},
            {"type": "string", "description": "of the field"},
            "what allOf has",
        ),
        ({"oneOf": [STRING, NULL]}, {"anyOf": [STRING, NULL]}, "oneOf is sent as anyOf"),
        ({"items": STRING}, {"type": "array", "items": STRING}, "type is put in"),
        (
            {"type": "array", "prefixItems": [STRING, NULL, STRING], "minItems": 3, "maxItems": 3},
            {"type": "array", "items": {"anyOf": [STRING, NULL]}, "minItems": 3, "maxItems": 3},
            "prefixItems is sent as items that are any of them",
        ),
        (
            {"type": "array", "prefixItems": [STRING], "items": False},
            {"type": "array", "items": STRING},
            "prefixItems is sent",
        ),
        (
            {"type": "array", "prefixItems": [STRING], "items": NULL},
            {"type": "array", "items": {"anyOf": [STRING, NULL]}},
            "prefixItems is sent",
        ),
        (
            {"type": "object", "properties": {}, "additionalProperties": True, "required": []},
            None,
            "no objects with keys that are not named",
        ),
        (
            {"properties": {"b": STRING}, "required": ["b"], "additionalProperties": True},
            closed({"b": STRING}, "b"),
            "type is put in",
        ),
        ({"$ref": "#/$defs/D"}, {"$ref": "#/$defs/D"}, None),
        (
            {"$ref": "#/$defs/D", "description": "d", "minimum": 1},
            {"anyOf": [{"$ref": "#/$defs/D"}], "description": "d"},
            "minimum is left out beside $ref",
        ),
        ({"type": "object", "properties": {}, "not": {}}, closed({}), "not is left out"),
    ],
)
def test_openai_strict_key_by_key(given: dict[str, Any], sent: dict[str, Any] | None, change: str | None) -> None:
    around = closed({"a": given}, "a", **{"$defs": {"D": STRING}})
    if sent is None:
        with pytest.raises(UnsupportedRequest, match=change):
            openai(around)
        return
    made, changes = openai(around)
    if not sent.get("required", True):
        del sent["required"]
    assert made == closed({"a": sent}, "a", **{"$defs": {"D": STRING}})
    assert (changes == ()) if change is None else any(line.startswith(f"it: {change}") for line in changes)
    assert all(line.endswith("(#/properties/a)") for line in changes)


def test_anthropic_is_told_in_words_what_it_does_not_take() -> None:
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "maximum": 150, "description": "In years."},
            "tags": {"type": "array", "items": STRING, "minItems": 2},
            "some": {"type": "array", "items": STRING, "minItems": 1},
            "link": {"type": "string", "format": "uri"},
            "odd": {"type": "string", "format": "color", "default": "red"},
            "one": {"oneOf": [STRING, NULL], "examples": ["x"]},
        },
        "required": ["age"],
    }
    made, changes = anthropic(schema)
    assert made == {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": "In years.\n\n{minimum: 0, maximum: 150}"},
            "tags": {"type": "array", "items": STRING, "description": "{minItems: 2}"},
            "some": {"type": "array", "items": STRING, "minItems": 1},
            "link": {"type": "string", "format": "uri"},
            "odd": {"type": "string", "default": "red", "description": "{format: color}"},
            "one": {"anyOf": [STRING, NULL]},
        },
        "required": ["age"],
        "additionalProperties": False,
    }
    assert changes == (
        "it: additionalProperties is false, as it has to be (#)",
        "it: minimum is said in words: the server has none (#/properties/age)",
        "it: maximum is said in words: the server has none (#/properties/age)",
        "it: minItems is said in words: the server has none (#/properties/tags)",
        "it: format is said in words: the server has none (#/properties/odd)",
        "it: oneOf is sent as anyOf (#/properties/one)",
        "it: examples is left out: the server has none (#/properties/one)",
    )


# What pydantic wrote for a Decimal, and zod for an e-mail address (the beginnings).
DECIMAL = r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"
EMAIL = r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)@"
PLAIN = r"^(?:a|b)+\.[\w]{2,3}$"


@pytest.mark.parametrize("pattern", [DECIMAL, EMAIL, "(?=a)", "(?<=a)", "(?<!a)b"])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("purpose", ["tool", "output"])
def test_openai_knows_no_lookaround_strict_or_not(pattern: str, strict: bool, purpose: Purpose) -> None:
    """It refuses the whole request for it: "Invalid JSON schema: regex lookaround is not supported"."""
    items: dict[str, Any] = {"type": "string", "pattern": pattern}
    schema = closed({"pattern": {"type": "array", "items": items}, "kept": {**items, "pattern": PLAIN}})
    schema["required"] = ["pattern", "kept"]
    made = project(schema, "openai", purpose, strict=strict, where="it")
    assert made.schema == {
        **schema,
        "properties": {"pattern": {"type": "array", "items": STRING}, "kept": {"type": "string", "pattern": PLAIN}},
    }
    (change,) = made.changes
    assert change.startswith("it: pattern is left out")
    assert change.endswith("(#/properties/pattern/items)")


@pytest.mark.parametrize("pattern", [DECIMAL, r"\bword\b", r"(a)\1"])
def test_anthropic_is_told_in_words_of_a_pattern_that_it_does_not_take(pattern: str) -> None:
    made, _ = anthropic(
        closed({"a": {"type": "string", "pattern": pattern}, "b": {"type": "string", "pattern": PLAIN}})
    )
    assert made["properties"] == {
        "a": {"type": "string", "description": f"{{pattern: {pattern}}}"},
        "b": {"type": "string", "pattern": PLAIN},
    }


def test_what_is_no_pattern_is_left_out_too() -> None:
    assert openai(closed({"a": {"type": "string", "pattern": 5}}, "a"))[0] == closed({"a": STRING}, "a")
    loose = closed({"a": {"type": "string", "pattern": 5}}, "a")
    assert project(loose, "openai", "output").schema is loose


def test_a_root_that_refers_elsewhere_gets_what_is_there() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}, "additionalProperties": False}
    made, changes = openai({"$ref": "#/$defs/N", "$defs": {"N": node}})
    there = closed({"next": {"anyOf": [{"$ref": "#/$defs/N"}, NULL]}}, "next")
    assert made == {**there, "$defs": {"N": there}}
    assert changes[0] == "it: what is referred to is put in place (#)"


@pytest.mark.parametrize(
    "given", [{}, {"type": "object"}, {"additionalProperties": False}, {"type": "object", "description": "d"}]
)
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_strict_tool_that_takes_nothing(given: dict[str, Any], dialect: Dialect) -> None:
    made = project(given, dialect, "tool", strict=True).schema
    properties: dict[str, Any] = {} if given.get("additionalProperties") is False else {"properties": {}}
    assert made == {"type": "object", **properties, **given, "additionalProperties": False}
    nothing = no_parameters(strict=True)
    assert project(nothing, dialect, "tool", strict=True).schema is nothing
    nothing = no_parameters(strict=False)
    assert project(nothing, dialect, "tool").schema is nothing


def test_a_choice_of_anything_is_put_in_place_by_anthropic_too() -> None:
    assert anthropic({"anyOf": [STRING, NULL]})[0] == {"anyOf": [STRING, NULL]}
    assert anthropic({"type": "array", "items": STRING})[1] == ()


# --- what is refused -------------------------------------------------------------------------------------------------

ENDLESS: dict[str, Any] = {"type": "array"}
ENDLESS["items"] = ENDLESS
WIDE: dict[str, Any] = {"type": "object", "anyOf": [{"type": "string"}] * 30_000}


@pytest.mark.parametrize(
    ("schema", "part", "rule"),
    [
        ({"type": "array", "items": STRING}, "it", "the schema must be of an object"),
        ({"anyOf": [STRING, NULL]}, "it", "the schema may not begin with anyOf"),
        ({"$ref": "#"}, "it", "the schema must be of an object"),
        ({"type": "object"}, "it", "strict mode has no objects with keys that are not named"),
        (closed({"a": {}}, "a"), "it at #/properties/a", "strict mode wants a schema that says its type"),
        (closed({"a": True}, "a"), "it at #/properties/a", "strict mode wants a schema that says its type"),
        (closed({"a": {"enum": [{}]}}, "a"), "it at #/properties/a", "strict mode wants a schema that says its type"),
        (closed({"a": {"type": "str"}}, "a"), "it at #/properties/a", "type 'str' is none of JSON's"),
        (closed({"a": {"type": "array"}}, "a"), "it at #/properties/a", "strict mode wants `items`"),
        (
            closed({"a": {"type": "array", "prefixItems": [STRING]}}, "a"),
            "it at #/properties/a",
            "strict mode wants `items`",
        ),
        (
            closed({"a": {"type": "object", "additionalProperties": STRING}}, "a"),
            "it at #/properties/a",
            "strict mode has no objects with keys that are not named",
        ),
        (closed({}, patternProperties={"^x": STRING}), "it", "strict mode has no objects with keys"),
        (closed({"a": STRING}, anyOf=[{"required": ["a"]}]), "it", "strict mode has no anyOf beside properties"),
        (closed({"a": {"allOf": [STRING, STRING]}}, "a"), "it at #/properties/a", "strict mode has no allOf"),
        (closed({"a": {"allOf": [STRING], "type": "null"}}, "a"), "it at #/properties/a", "allOf says another type"),
        (closed({"a": {"anyOf": [NULL], "oneOf": [NULL]}}, "a"), "it at #/properties/a", "strict mode has no oneOf"),
        (closed({}, "ghost"), "it", "'ghost' is required, but no property"),
        (closed({"a": {"$ref": "https://example.com/s"}}, "a"), "it at #/properties/a", "refers to https://example"),
        (closed({"a": {"$ref": "#/$defs/x"}}, "a"), "it at #/properties/a", "its schema refers to #/$defs/x, which"),
        (closed({"a": {"$ref": "#/type"}}, "a"), "it at #/properties/a", "which is no schema inside it"),
        (
            closed({"a": {"$ref": "#/properties/b/not"}, "b": {"type": "string", "not": STRING}}, "a", "b"),
            "it at #/properties/a",
            "its schema refers to #/properties/b/not, which is no schema inside it",
        ),
        (ENDLESS, "it", "nested too deep"),
        (WIDE, "it", "more than 20000 schemas"),
        ([], "it", "a schema is an object"),
        ({"properties": 1}, "it at #/properties", "it is an object"),
        ({"properties": {1: {}}}, "it at #/properties", "its key 1 is no string"),
        ({1: 2}, "it", "its key 1 is no string"),
        ({"anyOf": []}, "it at #/anyOf", "it is a list that holds something"),
        ({"anyOf": {}}, "it at #/anyOf", "it is a list that holds something"),
        ({"items": [STRING]}, "it at #/items", "a schema is an object"),
        ({"required": 1}, "it at #/required", "it is a list"),
        ({"required": [1]}, "it at #/required", "it is a list of strings"),
        ({"type": []}, "it at #/type", "it is a list that holds something"),
        ({"type": [None]}, "it at #/type", "it is a list of strings"),
        ({"enum": []}, "it at #/enum", "it is a list that holds something"),
        ({"description": 1}, "it at #/description", "it is a string"),
        ({"$ref": 1}, "it at #/$ref", "it is a string"),
    ],
)
def test_what_strict_mode_cannot_say_is_refused_by_place_and_rule(schema: Any, part: str, rule: str) -> None:
    with pytest.raises(UnsupportedRequest) as refused:
        openai(schema)
    assert refused.value.part == part
    assert rule in refused.value.rule


def test_a_reference_into_a_list_and_past_its_end() -> None:
    either: dict[str, Any] = {"anyOf": [STRING, {"$ref": "#/properties/a/anyOf/0"}]}
    assert openai(closed({"a": either}, "a"))[1] == ()
    either["anyOf"][1] = {"$ref": "#/properties/a/anyOf/7"}
    with pytest.raises(UnsupportedRequest, match="refers to #/properties/a/anyOf/7"):
        openai(closed({"a": either}, "a"))
    with pytest.raises(UnsupportedRequest, match="refers to #/properties/"):
        openai(closed({"a": {"$ref": "#/properties/a/properties/b"}}, "a"))


MUTUAL = closed(
    {"a": {"$ref": "#/$defs/A"}},
    **{"$defs": {"A": closed({"b": {"$ref": "#/$defs/B"}}), "B": {"type": "array", "items": {"$ref": "#/$defs/A"}}}},
)
CHAIN = closed(
    {"a": {"$ref": "#/$defs/0"}},
    **{"$defs": {**{str(i): {"anyOf": [{"$ref": f"#/$defs/{i + 1}"}]} for i in range(3000)}, "3000": STRING}},
)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        (LINKED_LIST, "#/$defs/node/properties/next/anyOf/0"),
        (UI, "#/properties/children/items"),
        (MUTUAL, "#/$defs/B/items"),
    ],
)
def test_anthropic_takes_no_schema_that_refers_to_itself(schema: dict[str, Any], place: str) -> None:
    """The server: "Circular reference detected in schema definitions: N -> N. Self-referencing or mutually-referencing
    definitions are not supported." Where the model is not held to it, as with a plain tool, it may.
    """
    for purpose in ("tool", "output"):
        with pytest.raises(UnsupportedRequest) as refused:
            project(schema, "anthropic", purpose, strict=True, where="it")
        assert refused.value.part == f"it at {place}"
        assert refused.value.rule.startswith("the server takes no schema that refers to itself; it can be sent without")
    assert project(schema, "anthropic", "tool").schema is schema


def test_a_long_way_to_what_is_referred_to_ends() -> None:
    made, _ = openai(CHAIN)
    assert made["properties"] == {"a": {"anyOf": [{"$ref": "#/$defs/0"}, NULL]}}
    with pytest.raises(UnsupportedRequest, match="refers to itself"):
        anthropic(CHAIN)


def test_a_reference_may_be_written_as_in_a_url() -> None:
    schema = closed({"a": {"$ref": "#/$defs/my%20type"}}, "a", **{"$defs": {"my type": STRING}})
    assert openai(schema)[0] is schema
    assert openapi(schema)[0]["properties"] == {"a": {"type": "STRING"}}


def test_a_reference_that_goes_in_a_circle_takes_no_null() -> None:
    made, _ = openai(closed({"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": {"$ref": "#/$defs/A"}}}))
    assert made["properties"]["a"] == {"anyOf": [{"$ref": "#/$defs/A"}, NULL]}


# --- Gemini ----------------------------------------------------------------------------------------------------------


def test_gemini_takes_json_schema_but_passes_over_const() -> None:
    schema = {
        "$defs": {"T": {"const": 1}},
        "properties": {"const": {"const": "a"}, "default": {"default": {"const": 1}}},
        "anyOf": [{"const": None}, True],
        "items": {"const": 2, "enum": [2, 3]},
        "additionalProperties": False,
        "type": "object",
    }
    made = project(schema, "google", "tool", where="it")
    assert made.schema == {
        "$defs": {"T": {"enum": [1]}},
        "properties": {"const": {"enum": ["a"]}, "default": {"default": {"const": 1}}},
        "anyOf": [{"enum": [None]}, True],
        "items": {"enum": [2]},
        "additionalProperties": False,
        "type": "object",
    }
    places = "#/$defs/T, #/properties/const, #/anyOf/0, #/items"
    assert made.changes == (f"it: const is sent as an enum of one ({places})",)
    assert project(MATH, "google", "output").schema is MATH


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string", "format": "date-time", "$schema": "x"}, {"type": "STRING", "format": "date-time"}),
        ({"type": "integer", "format": "int64"}, {"type": "INTEGER", "format": "int64"}),
        ({"type": ["string", "null"]}, {"nullable": True, "type": "STRING"}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        ({"type": ["null"]}, {"nullable": True}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"nullable": True, "type": "STRING"}),
        ({"anyOf": [{"type": "null"}]}, {"nullable": True}),
        ({"oneOf": [STRING, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
        ({"allOf": [{"type": "string"}]}, {"type": "STRING"}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"enum": ["a", None], "type": ["string", "null"]}, {"nullable": True, "type": "STRING", "enum": ["a"]}),
        ({"type": "array"}, {"type": "ARRAY", "items": {}}),
        ({"type": "array", "items": True}, {"type": "ARRAY", "items": {}}),
        ({"type": "object", "properties": {}, "required": ["a"]}, {"type": "OBJECT"}),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]},
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/a~1b", "title": "A"}}, "$defs": {"a/b": {"type": "string"}}},
            {"properties": {"a": {"type": "STRING", "title": "A"}}},
        ),
    ],
)
def test_a_schema_in_the_openapi_subset(schema: dict[str, Any], made: dict[str, Any]) -> None:
    assert openapi(schema) == (made, ())


def test_what_the_subset_lacks_is_left_out_and_noted() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "number", "exclusiveMinimum": 0},
            "b": {"type": "integer", "enum": [1, 2]},
            "c": {"const": None},
            "d": {"type": "string", "format": "uri"},
        },
        "allOf": [{}, {}],
        "additionalProperties": False,
    }
    assert openapi(schema) == (
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "NUMBER"}, "b": {"type": "INTEGER"}, "c": {}, "d": {"type": "STRING"}},
        },
        (
            "it: exclusiveMinimum is left out, which this model's form of schema lacks (#/properties/a)",
            "it: enum is left out, which this model's form of schema lacks (#/properties/b)",
            "it: const is left out, which this model's form of schema lacks (#/properties/c)",
            "it: format is left out, which this model's form of schema lacks (#/properties/d)",
            "it: allOf is left out, which this model's form of schema lacks (#)",
            "it: additionalProperties is left out, which this model's form of schema lacks (#)",
        ),
    )


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"$ref": "#"}, "refers to itself"),
        ({"$ref": "#/$defs/T", "$defs": {"T": {"properties": {"t": {"$ref": "#/$defs/T"}}}}}, "refers to itself"),
        ({"$ref": "#/$defs/T"}, "refers to #/"),
        ({"$ref": "#/type/x", "type": "object"}, "refers to #/"),
        ({"$ref": "https://example.com/schema"}, "refers to https"),
        (ENDLESS, "nested too deep"),
        (
            {
                "$ref": "#/$defs/20",
                "$defs": {
                    "0": STRING,
                    **{
                        str(i + 1): {"properties": {"a": {"$ref": f"#/$defs/{i}"}, "b": {"$ref": f"#/$defs/{i}"}}}
                        for i in range(20)
                    },
                },
            },
            "more than 20000 schemas",
        ),
    ],
)
def test_a_schema_that_has_no_end_or_refers_elsewhere_is_refused(schema: dict[str, Any], rule: str) -> None:
    with pytest.raises(UnsupportedRequest, match=rule):
        openapi(schema)


# --- any schema ------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c/d", "e~f", "$ref", "type"])


@st.composite
def typed(draw: st.DrawFn, depth: int = 3) -> tuple[Any, Any, Any]:
    """A schema that says its type, a value that fits it, and the same in strict mode: null for what is left out."""
    kinds = ["string", "integer", "enum", "const", "null", "nullable"] + ["object", "array", "choice", "tuple"] * (
        depth > 0
    )
    kind = draw(st.sampled_from(kinds))
    about = draw(st.dictionaries(st.sampled_from(["title", "description", "$comment"]), st.just("x"), max_size=2))
    plain: dict[str, tuple[Any, list[Any]]] = {
        "string": ({"type": "string", "minLength": 1}, ["x", "yy"]),
        "integer": ({"type": "integer", "minimum": 0, "multipleOf": 1}, list(range(10))),
        "enum": ({"enum": ["p", "q"]}, ["p", "q"]),
        "const": ({"const": 3}, [3]),
        "null": ({"type": "null"}, [None]),
        "nullable": ({"type": ["boolean", "null"], "default": None}, [True, None]),
    }
    if kind in plain:
        schema, values = plain[kind]
        value = draw(st.sampled_from(values))
        return {**schema, **about}, value, value
    if kind == "array":
        items, value, said = draw(typed(depth - 1))
        return {"type": "array", "items": items, "minItems": 2, "maxItems": 2, **about}, [value] * 2, [said] * 2
    if kind == "tuple":
        items, value, said = draw(typed(depth - 1))
        other, another, also = draw(typed(depth - 1))
        both = {"type": "array", "prefixItems": [items, other], "minItems": 2, "maxItems": 2}
        return {**both, **about}, [value, another], [said, also]
    if kind == "choice":
        arm, value, said = draw(typed(depth - 1))
        other, _, _ = draw(typed(depth - 1))
        return {draw(st.sampled_from(["anyOf", "oneOf"])): [arm, other], **about}, value, said
    return draw(objects(depth))


@st.composite
def objects(draw: st.DrawFn, depth: int = 3) -> tuple[Any, Any, Any]:
    """The schema of an object, one that fits it, and the same as strict mode has it."""
    inner = draw(st.dictionaries(NAMES, typed(depth - 1), max_size=3))
    required = [name for name in sorted(inner) if draw(st.booleans())]
    schema: dict[str, Any] = {"type": "object", "properties": {name: each for name, (each, _, _) in inner.items()}}
    if draw(st.booleans()) or required:
        schema["required"] = required
    schema |= draw(st.sampled_from([{}, {"additionalProperties": False}, {"minProperties": 0}]))
    left_out = {name for name in sorted(inner) if name not in required and draw(st.booleans())}
    value = {name: value for name, (_, value, _) in inner.items() if name not in left_out}
    return schema, value, {name: None if name in left_out else said for name, (_, _, said) in inner.items()}


TARGETS: list[tuple[Dialect, bool]] = [
    ("openai", True),
    ("openai", False),
    ("anthropic", True),
    ("anthropic", False),
    ("google", False),
]


def fits(value: Any, schema: Any) -> bool:
    validator: Any = jsonschema.Draft202012Validator(schema, registry=Registry())
    return bool(validator.is_valid(value))


@given(objects(), st.sampled_from(TARGETS), st.sampled_from(["tool", "output"]))
def test_a_projection_takes_what_the_schema_takes_and_stays_as_it_is(
    triple: tuple[Any, Any, Any], target: tuple[Dialect, bool], purpose: Purpose
) -> None:
    schema, value, said = triple
    before = json.dumps(schema)
    made = project(schema, target[0], purpose, strict=target[1])
    assert json.dumps(schema) == before
    again = project(made.schema, target[0], purpose, strict=target[1])
    assert again.schema is made.schema
    assert again.changes == ()
    assert bool(made.changes) == (made.schema != schema)
    if fits(value, schema):  # a value may fit both arms of a oneOf
        assert fits(said if target == ("openai", True) else value, made.schema)


@given(objects())
def test_what_strict_mode_has_the_model_say_fits_when_its_nulls_are_out(triple: tuple[Any, Any, Any]) -> None:
    schema, value, said = triple
    assume("oneOf" not in json.dumps(schema))
    assert fits(value, schema)
    assert fits(without_nulls(said, schema), schema)


KEYS = st.sampled_from(
    "type properties required additionalProperties items enum anyOf oneOf allOf $ref $defs const prefixItems format"
    " minItems description not patternProperties default".split()
)
WORDS = st.sampled_from(["object", "array", "string", "null", "#", "#/$defs/a", "#/properties/a", "date", "a", "b"])
ODD: st.SearchStrategy[Any] = st.recursive(
    JSON | WORDS | st.lists(WORDS, max_size=3) | st.booleans(),
    lambda inner: st.dictionaries(KEYS | NAMES, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(KEYS, ODD, max_size=6) | objects().map(lambda triple: triple[0]),
    st.sampled_from([*TARGETS, ("google-openapi", False)]),
    st.sampled_from(["tool", "output"]),
)
def test_whatever_is_given_as_a_schema_is_projected_or_refused(
    schema: dict[str, Any], target: tuple[Dialect, bool], purpose: Purpose
) -> None:
    try:
        made = project(schema, target[0], purpose, strict=target[1])
    except UnsupportedRequest:
        return
    assert isinstance(made.schema, dict)
