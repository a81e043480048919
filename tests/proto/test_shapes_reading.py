"""JSON values as unions and as pydantic models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry

from lash_proto.fitting import Misfit
from lash_proto.shapes import schema_of, value_of

# --- unions ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Sum:
    left: Sum | Product | int
    op: Literal["+"]
    note: str = ""


@dataclasses.dataclass
class Product:
    left: Sum | Product | int
    op: Literal["*"]
    note: str = ""


def nested(depth: int, leaf: Any = 1, **more: Any) -> Any:
    for _ in range(depth):
        leaf = {"left": leaf, **more}
    return leaf


def test_unions_inside_unions_take_no_longer_than_they_are_deep() -> None:
    """By trying each arm at each level this would be 2 ** 60 tries."""
    made: Any = 1
    for _ in range(60):
        made = Product(made, "*")
    assert value_of(Sum | Product, nested(60, op="*")) == made
    with pytest.raises(Misfit) as misfit:
        value_of(Sum | Product, nested(60, "bad", op="*"))
    assert misfit.value.path == "/left" * 60


def test_of_several_arms_the_one_whose_words_are_there_tells_what_is_wrong() -> None:
    for type_ in (Sum | Product, Product | Sum, None | Sum | Product):
        with pytest.raises(Misfit) as misfit:
            value_of(type_, {"left": 1, "op": "*", "note": 5})
        assert (misfit.value.path, misfit.value.rule) == ("/note", "expected string")
    with pytest.raises(Misfit) as misfit:
        value_of(Sum | Product, {"left": 1, "op": "?"})
    assert (misfit.value.path, misfit.value.rule) == ("/op", "expected one of '+' or expected one of '*'")


@dataclasses.dataclass
class Left:
    x: str = "x"


@dataclasses.dataclass
class Right:
    y: int = 0


def test_a_null_for_what_was_left_out_tells_the_arm_all_the_same() -> None:
    assert value_of(Left | Right, {"y": None}) == Right()
    with pytest.raises(Misfit, match="/op: expected one of"):
        value_of(Product, {"left": 1, "op": None})


def test_a_date_is_no_datetime() -> None:
    assert value_of(datetime | date, "2026-01-02") == date(2026, 1, 2)
    assert value_of(datetime | date, "2026-01-02T03:04Z") == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    with pytest.raises(Misfit, match="expected a datetime"):
        value_of(datetime, "20260102")


def test_a_number_that_no_float_can_hold_does_not_fit() -> None:
    with pytest.raises(Misfit, match="the number is too large"):
        value_of(float, 10**400)


def test_what_is_deeper_than_the_stack_does_not_fit() -> None:
    with pytest.raises(Misfit, match="nested deeper than the caller's stack allows"):
        value_of(Sum | Product, nested(2000, op="*"))


# --- pydantic --------------------------------------------------------------------------------------------------------


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    names: list[str] = []


class Owner(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
    name: Annotated[str, pydantic.AfterValidator(lambda name: NAMES[name])] = "x"


NAMES = {"x": "X"}


def test_a_model_gets_its_defaults_for_nulls_that_stand_for_them() -> None:
    assert (
        value_of(list[Owner], [{"pet": {"kind": "cat", "lives": None}, "name": None}] * 2)
        == [Owner(pet=Cat(kind="cat"))] * 2
    )


@pytest.mark.parametrize(
    ("data", "path", "rule"),
    [
        ({"pet": {"kind": "cat", "lives": "x"}}, "/pet/lives", "Owner refuses it: Input should be a valid integer"),
        ({"pet": {"kind": "dog", "names": ["a", 1]}}, "/pet/names/1", "Owner refuses it: Input should be a valid str"),
        ({"pet": {}}, "/pet", "Owner refuses it: Unable to extract tag"),
        ({}, "/pet", "Owner refuses it: Field required"),
        ({"pet": {"kind": "cat"}, "name": "y"}, "", "Owner refuses it: 'y'"),  # a validator may raise what it likes
    ],
)
def test_a_model_tells_the_place_in_the_data(data: Any, path: str, rule: str) -> None:
    with pytest.raises(Misfit) as misfit:
        value_of(Owner, data)
    assert misfit.value.path == path
    assert misfit.value.rule.startswith(rule)


@pydantic.dataclasses.dataclass
class Aliased:
    x: int = pydantic.Field(alias="X")


def test_an_adapter_speaks_for_what_pydantic_alone_knows() -> None:
    adapter = pydantic.TypeAdapter(list[Aliased])
    assert schema_of(adapter)["items"] == {"$ref": "#/$defs/Aliased"}
    assert schema_of(adapter)["$defs"]["Aliased"]["properties"]["X"]["type"] == "integer"
    assert value_of(adapter, [{"X": 1}]) == [Aliased(X=1)]
    with pytest.raises(Misfit) as misfit:
        value_of(adapter, [{}])
    assert (misfit.value.path, misfit.value.rule) == ("/0/X", "the type refuses it: Field required")
    with pytest.raises(TypeError, match="Aliased: a pydantic dataclass tells its schema by pydantic's TypeAdapter"):
        schema_of(Aliased)


class Calls(pydantic.BaseModel):
    back: Callable[[], int]


def test_a_model_without_a_schema_is_refused() -> None:
    with pytest.raises(TypeError, match="Calls: Cannot generate a JsonSchema"):
        schema_of(Calls)


# --- any type --------------------------------------------------------------------------------------------------------

PLAIN: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, st.text(max_size=3)),
    (int, st.integers()),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (date, st.dates()),
    (Literal["a", 1], st.sampled_from(["a", 1])),
]


@st.composite
def types(draw: st.DrawFn, depth: int = 3) -> Any:
    """A type, and its values."""
    kind = draw(st.sampled_from(["plain", "list", "tuple", "dict", "optional", "class"] if depth else ["plain"]))
    if kind == "plain":
        return draw(st.sampled_from(PLAIN))
    hint, values = draw(types(depth - 1))
    if kind == "list":
        return list[hint], st.lists(values, max_size=2)  # type: ignore[valid-type]
    if kind == "dict":
        return dict[str, hint], st.dictionaries(st.text(max_size=2), values, max_size=2)  # type: ignore[valid-type]
    if kind == "optional":
        return hint | None, values | st.none()
    other, others = draw(types(depth - 1))
    if kind == "tuple":
        return tuple[hint, other], st.tuples(values, others)  # type: ignore[valid-type]
    default = draw(others)
    later = dataclasses.field(default_factory=lambda: default)
    class_: Any = dataclasses.make_dataclass("Class", [("first", hint), ("second", other, later)])
    return class_, st.builds(class_, values, others) | st.builds(class_, values)


def as_json(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return {"first": as_json(value.first), "second": as_json(value.second)} if hasattr(value, "first") else value


@given(types(), st.data())
def test_a_value_goes_to_json_and_comes_back(type_: Any, data: st.DataObject) -> None:
    hint, values = type_
    value = data.draw(values)
    jsonschema.Draft202012Validator(schema_of(hint), registry=Registry()).validate(as_json(value))
    assert value_of(hint, as_json(value)) == value
