"""Which nulls stand for what was left out, and what a reference points to."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.fitting import Misfit, lookup, takes_null, without_nulls

NUMBER = {"type": "number"}
STRING = {"type": "string"}


def shape(kind: str, *required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"kind": {"const": kind}, **properties}, "required": ["kind", *required]}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


NESTED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "shapes": {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#/$defs/circle"}, shape("square", "side", side=NUMBER, name=NUMBER)]},
        },
        "open": {"type": "object", "additionalProperties": {"oneOf": [{"$ref": "#/$defs/circle"}, {"type": "null"}]}},
        "rows": {"oneOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/circle"}}]},
        "all": {},
        "never": False,
        "both": {"enum": [1, None]},
        "word": {"enum": [1]},
        "constant": {"const": 1},
        "tuple": {"type": "array", "prefixItems": [{"type": "null"}, closed(a=STRING)], "items": closed(b=STRING)},
        "either": {"anyOf": [closed(x=STRING), closed(y=NUMBER)]},
        "typed": {"anyOf": [closed(x=STRING, z=STRING), closed(x={"type": "integer"}, z={"type": "integer"})]},
        "merged": {"allOf": [{"$ref": "#/$defs/circle"}, {"properties": {"kind": {"type": "string"}, "also": NUMBER}}]},
        "described": {"$ref": "#/$defs/circle", "description": "One."},
        "loop": {"$ref": "#/$defs/loop"},
        "gone": {"$ref": "https://example.com/schema"},
        "odd": {"type": "any"},
    },
    "$defs": {"circle": shape("circle", radius=NUMBER), "loop": {"$ref": "#/$defs/loop"}},
}
CIRCLE = {"kind": "circle"}


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"shapes": [{**CIRCLE, "radius": None}]}, {"shapes": [CIRCLE]}),
        ({"shapes": [{"kind": "square", "side": 1, "name": None}]}, {"shapes": [{"kind": "square", "side": 1}]}),
        ({"open": {"a": {**CIRCLE, "radius": None}, "b": None}}, {"open": {"a": CIRCLE, "b": None}}),
        ({"rows": [{**CIRCLE, "radius": None}]}, {"rows": [CIRCLE]}),
        ({"rows": None, "all": None, "both": None}, {"rows": None, "all": None, "both": None}),
        ({"never": None, "word": None, "constant": None, "loop": None}, {}),
        ({"tuple": [None, {"a": None}, {"b": None}]}, {"tuple": [None, {}, {}]}),
        ({"tuple": [None]}, {"tuple": [None]}),
        # Which arm is meant is told by the keys, and by the types of what is beside the null.
        ({"either": {"y": None}}, {"either": {}}),
        ({"either": {"x": None, "y": None}}, {"either": {"x": None, "y": None}}),
        ({"typed": {"x": 5, "z": None}}, {"typed": {"x": 5}}),
        ({"typed": {"x": 5.5, "z": None}}, {"typed": {"x": 5.5, "z": None}}),
        ({"typed": {"x": 5.0, "z": None}}, {"typed": {"x": 5.0}}),
        ({"merged": {**CIRCLE, "radius": None, "also": None}}, {"merged": CIRCLE}),
        ({"described": {**CIRCLE, "radius": None}}, {"described": CIRCLE}),
        ({"unknown": None, "all": {"a": None}}, {"unknown": None, "all": {"a": None}}),
        ({"open": {"a": {"kind": "other", "x": None}}}, {"open": {"a": {"kind": "other", "x": None}}}),
        ({"gone": None, "odd": None}, {"gone": None, "odd": None}),
    ],
)
def test_nulls_are_taken_out_only_where_none_may_be(value: Any, left: Any) -> None:
    assert without_nulls(value, NESTED) == left


def test_what_is_required_keeps_its_null() -> None:
    assert without_nulls({"kind": None}, shape("circle")) == {"kind": None}


# Two arms that differ where the value ends only, or nowhere.
def tree(*words: str) -> dict[str, Any]:
    arms = [closed(left={"$ref": "#/$defs/E"}, op={"const": word}, note=STRING) for word in words]
    return {"$ref": "#/$defs/E", "$defs": {"E": {"anyOf": [*arms, {"type": "integer"}]}}}


def nested(depth: int, **more: Any) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"left": value, **more}
    return value


def test_choices_inside_choices_take_no_longer_than_they_are_deep() -> None:
    """By trying each arm at each level this would be 2 ** 60 tries."""
    assert without_nulls(nested(60, op="*", note=None), tree("+", "*")) == nested(60, op="*")
    assert without_nulls(nested(60, op="?", note=None), tree("+", "*")) == nested(60, op="?", note=None)


def test_a_value_of_the_greatest_depth_is_looked_through() -> None:
    assert without_nulls(nested(120, op="*", note=None), tree("*")) == nested(120, op="*")


def test_what_is_deeper_than_the_stack_does_not_fit() -> None:
    chain = {str(i): {"$ref": f"#/$defs/{i + 1}"} for i in range(3000)}
    schema = {"properties": {"a": {"$ref": "#/$defs/0"}}, "$defs": {**chain, "3000": STRING}}
    with pytest.raises(Misfit, match="nested deeper than the caller's stack allows"):
        without_nulls({"a": None}, schema)
    assert not takes_null(schema["properties"]["a"], schema)


@pytest.mark.parametrize(
    ("schema", "takes"),
    [
        ({}, True),
        (True, True),
        (False, False),
        ({"type": "null"}, True),
        ({"type": ["string", "null"]}, True),
        (STRING, False),
        ({"anyOf": [STRING, {"$ref": "#/$defs/N"}]}, True),
        ({"oneOf": [STRING, NUMBER]}, False),
        ({"type": ["string", "null"], "enum": ["a"]}, False),
        ({"const": None}, True),
        ({"$ref": "#/$defs/L"}, False),
        ({"allOf": [{}, STRING]}, False),
    ],
)
def test_null_fits_or_does_not(schema: Any, takes: bool) -> None:
    assert takes_null(schema, {"$defs": {"N": {"type": "null"}, "L": {"$ref": "#/$defs/L"}}}) is takes


WHOLE: dict[str, Any] = {
    "$defs": {"a b": STRING, "c/d": NUMBER, "e~f%": {"not": {"type": "null"}}},
    "anyOf": [STRING, {"items": NUMBER}],
    "type": "object",
}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#", WHOLE),
        ("#/$defs/a b", STRING),
        ("#/$defs/a%20b", STRING),
        ("#/$defs/c~1d", NUMBER),
        ("#/$defs/c%7E1d", NUMBER),
        ("#/$defs/e~0f%25/not", {"type": "null"}),
        ("#/anyOf/1/items", NUMBER),
        ("#/anyOf/2", None),
        ("#/anyOf", None),
        ("#/$defs", None),
        ("#/$defs/g", None),
        ("#/type", None),
        ("#/type/x", None),
        ("#/", None),
        ("", None),
        ("other.json#/$defs/g", None),
        ("https://example.com/schema", None),
    ],
)
def test_a_reference_points_to_a_schema_inside_or_to_nothing(reference: str, found: Any) -> None:
    assert lookup(reference, WHOLE) == found
