"""Types as JSON Schemas, and JSON values as these types."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time
from enum import Enum, IntEnum
from typing import Annotated, Any, ClassVar, Literal, NewType, NotRequired, Required, TypedDict

import attrs
import jsonschema
import pydantic
import pytest
import typing_extensions
from referencing import Registry

from lash_proto.fitting import Misfit
from lash_proto.shapes import schema_of, value_of

STRING = {"type": "string"}
NULL = {"type": "null"}


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Doc:
    """What `typing_extensions.Doc` is."""

    def __init__(self, documentation: str) -> None:
        self.documentation = documentation


UserId = NewType("UserId", int)


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass(frozen=True)
class Order:
    """An order.

    With its lines.
    """

    id: UserId
    at: Annotated[Point, 7, "Where to."]
    color: Color = Color.RED
    note: Annotated[str | None, Doc("What the customer said.")] = None
    lines: list[Point] = dataclasses.field(default_factory=list, metadata={"description": "At most ten."})
    total: float = dataclasses.field(default=0.0, init=False)


@attrs.define
class Node:
    """A tree."""

    _value: str
    children: list[Node] = attrs.field(factory=list)
    size: int = attrs.field(default=1, validator=attrs.validators.gt(0), metadata={"description": "Above 0."})
    cache: Any = attrs.field(default=None, init=False)


class Base(TypedDict):
    a: Required[int]
    b: NotRequired[Annotated[str, "B."]]


class Movie(Base, total=False):
    """A film."""

    c: list[str]
    d: Annotated[Required[bool], "D."]


class Address(pydantic.BaseModel):
    city: str = pydantic.Field(description="Where.")
    zip: int | None = None


class Person(pydantic.BaseModel):
    """Somebody."""

    name: str
    address: Address
    born: date | None = None
    pair: tuple[int, str] = (0, "")


class Tree(pydantic.BaseModel):
    leaves: list[Tree] = []


POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "number"}},
    "required": ["x"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("type_", "schema"),
    [
        (str, STRING),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, NULL),
        (Any, {}),
        (object, {}),
        (datetime, {"type": "string", "format": "date-time"}),
        (date, {"type": "string", "format": "date"}),
        (time, {"type": "string", "format": "time"}),
        (UserId, {"type": "integer"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (list, {"type": "array", "items": {}}),
        (Sequence[str], {"type": "array", "items": STRING}),
        (set[str], {"type": "array", "items": STRING, "uniqueItems": True}),
        (frozenset, {"type": "array", "items": {}, "uniqueItems": True}),
        (AbstractSet[str], {"type": "array", "items": STRING, "uniqueItems": True}),
        (tuple, {"type": "array", "items": {}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, STRING], "minItems": 2, "maxItems": 2},
        ),
        (dict, {"type": "object"}),
        (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1, "a", None], {"type": ["integer", "string", "null"], "enum": [1, "a", None]}),
        (Literal[Color.RED], {"type": "string", "enum": ["red"]}),
        (Color, {"type": "string", "enum": ["red", "blue"]}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (str | None, {"anyOf": [STRING, NULL]}),
        (int | list[str], {"anyOf": [{"type": "integer"}, {"type": "array", "items": STRING}]}),
        (Annotated[str, 1, "A word."], {"type": "string", "description": "A word."}),
        (Annotated[int, pydantic.Field(description="How many.")], {"type": "integer", "description": "How many."}),
        (Point, POINT),
        (list[Point], {"type": "array", "items": {"$ref": "#/$defs/Point"}, "$defs": {"Point": POINT}}),
        (Annotated[Point, "Here."], {**POINT, "description": "Here."}),
    ],
)
def test_a_type_is_a_schema(type_: Any, schema: dict[str, Any]) -> None:
    assert schema_of(type_) == schema


def test_a_schema_is_its_own() -> None:
    schema = {"type": "string"}
    assert schema_of(schema) is schema
    assert value_of(schema, 1) == 1


def test_a_dataclass_says_what_may_be_left_out_and_what_it_is_about() -> None:
    assert schema_of(Order) == {
        "type": "object",
        "description": "An order.\n\nWith its lines.",
        "properties": {
            "id": {"type": "integer"},
            "at": {"$ref": "#/$defs/Point", "description": "Where to."},
            "color": {"type": "string", "enum": ["red", "blue"]},
            "note": {"anyOf": [STRING, NULL], "description": "What the customer said."},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Point"}, "description": "At most ten."},
        },
        "required": ["id", "at"],
        "additionalProperties": False,
        "$defs": {"Point": POINT},
    }


def test_a_type_that_refers_to_itself_stands_at_the_root_and_in_defs() -> None:
    body = {
        "type": "object",
        "description": "A tree.",
        "properties": {
            "value": STRING,
            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
            "size": {"type": "integer", "description": "Above 0."},
        },
        "required": ["value"],
        "additionalProperties": False,
    }
    assert schema_of(Node) == {**body, "$defs": {"Node": body}}


def test_a_typed_dict_says_which_keys_it_needs() -> None:
    assert schema_of(Movie) == {
        "type": "object",
        "description": "A film.",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string", "description": "B."},
            "c": {"type": "array", "items": STRING},
            "d": {"type": "boolean", "description": "D."},
        },
        "required": ["a", "d"],
        "additionalProperties": False,
    }


def test_a_pydantic_model_speaks_for_itself() -> None:
    assert schema_of(Person) == Person.model_json_schema()
    inside = schema_of(list[Person])
    assert inside["items"] == {"$ref": "#/$defs/Person"}
    assert set(inside["$defs"]) == {"Person", "Address"}
    assert inside["$defs"]["Address"] == Address.model_json_schema()
    tree = schema_of(Tree)
    assert (tree["type"], tree["$defs"]["Tree"]["type"]) == ("object", "object")
    assert schema_of(tuple[Person, Address])["$defs"].keys() == {"Person", "Address"}


def test_a_model_of_one_name_with_a_class_is_kept_apart() -> None:
    plain = dataclasses.make_dataclass("Address", [("person", Person)])
    with pytest.raises(TypeError, match="two types are called Address"):
        schema_of(list[plain])  # type: ignore[valid-type]
    odd = dataclasses.make_dataclass("Box[int]", [("a", int)])
    assert list(schema_of(list[odd])["$defs"]) == ["Box_int_"]  # type: ignore[valid-type]


def test_two_classes_of_one_name_are_kept_apart() -> None:
    first = dataclasses.make_dataclass("Same", [("a", int)])
    second = dataclasses.make_dataclass("Same", [("b", int)])
    made = schema_of(tuple[first, second, first])  # type: ignore[valid-type]
    assert made["prefixItems"] == [{"$ref": f"#/$defs/{name}"} for name in ("Same", "Same_", "Same")]
    assert list(made["$defs"]["Same_"]["properties"]) == ["b"]


def test_two_models_of_one_name_are_refused() -> None:
    other = pydantic.create_model("Address", street=(str, ...))
    holder = pydantic.create_model("Holder", address=(other, ...))
    with pytest.raises(TypeError, match="two types are called Address"):
        schema_of(tuple[Address, holder])  # type: ignore[valid-type]


@dataclasses.dataclass
class Broken:
    field: Missing  # type: ignore[name-defined]  # noqa: F821


@dataclasses.dataclass
class Holds:
    number: list[complex]


@pytest.mark.parametrize(
    ("type_", "rule"),
    [
        (complex, r"the type: <class 'complex'> has no JSON Schema"),
        (bytes, "no JSON Schema"),
        (Holds, r"Holds.number\[\]: <class 'complex'> has no JSON Schema"),
        (dict[int, str], "the keys of a JSON object are strings"),
        (Literal[b"x"], "b'x' is no JSON string"),
        (Enum("Pair", {"A": (1, 2)}), r"\(1, 2\) is no JSON string"),
        (Broken, "Broken: name 'Missing' is not defined; its annotations must be found from its module"),
        ("str", "no JSON Schema"),
    ],
)
def test_a_type_that_json_cannot_say_is_refused(type_: Any, rule: str) -> None:
    with pytest.raises(TypeError, match=rule):
        schema_of(type_)


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        (str, "a", "a"),
        (int, 1, 1),
        (int, 1.0, 1),
        (float, 1, 1.0),
        (bool, True, True),
        (None, None, None),
        (Any, [1], [1]),
        (datetime, "2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (date, "2026-01-02", date(2026, 1, 2)),
        (time, "03:04:05", time(3, 4, 5)),
        (list[int], [1, 2], [1, 2]),
        (list, [1, "a"], [1, "a"]),
        (set[str], ["a"], {"a"}),
        (frozenset[str], ["a"], frozenset({"a"})),
        (tuple, [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (dict, {"a": 1}, {"a": 1}),
        (dict[str, Color], {"a": "red"}, {"a": Color.RED}),
        (Literal["a", 1], 1, 1),
        (Literal[1, True], True, True),
        (Literal[Color.RED], "red", Color.RED),
        (Level, 2, Level.HIGH),
        (Point | None, None, None),
        (int | str, "a", "a"),
        (Point, {"x": 1}, Point(1)),
        (
            Order,
            {"id": 1, "at": {"x": 1, "y": 2}, "color": "blue", "lines": [{"x": 3}]},
            Order(UserId(1), Point(1, 2.0), Color.BLUE, None, [Point(3)]),
        ),
        (Node, {"value": "a", "children": [{"value": "b"}]}, Node("a", [Node("b")])),
        (Movie, {"a": 1, "d": True}, {"a": 1, "d": True}),
        (
            Person,
            {"name": "N", "address": {"city": "C"}, "born": "2000-01-02", "pair": [1, "a"]},
            Person(name="N", address=Address(city="C"), born=date(2000, 1, 2), pair=(1, "a")),
        ),
    ],
)
def test_a_json_value_becomes_the_type(type_: Any, data: Any, value: Any) -> None:
    made = value_of(type_, data)
    assert made == value
    assert type(made) is type(value)
    jsonschema.Draft202012Validator(schema_of(type_), registry=Registry()).validate(data)


@pytest.mark.parametrize(
    ("type_", "data", "path", "rule"),
    [
        (str, 1, "", "expected string"),
        (int, True, "", "expected integer"),
        (int, 1.5, "", "expected integer"),
        (int, "1", "", "expected integer"),
        (float, True, "", "expected number"),
        (None, 0, "", "expected null"),
        (date, 5, "", "expected a date as ISO 8601 writes it"),
        (date, "soon", "", "expected a date as ISO 8601 writes it"),
        (list[int], {}, "", "expected array"),
        (dict[str, int], [], "", "expected object"),
        (list[int], [1, "a"], "/1", "expected integer"),
        (dict[str, int], {"a/b~": "x"}, "/a~1b~0", "expected integer"),
        (tuple[int, str], [1], "", "expected 2 items, found 1"),
        (Literal["a", 1], True, "", "expected one of 'a', 1"),
        (Color, "green", "", "expected one of 'red', 'blue'"),
        (str | list[Point], [{"x": "1"}], "/0/x", "expected integer"),
        (str | int, None, "", "expected string or expected integer"),
        (Point, {}, "", "'x' is missing"),
        (Point, {"x": 1, "z": 1}, "", "'z' is no key of Point"),
        (Node, {"value": "a", "size": 0}, "", "Node refuses it: 'size' must be > 0: 0"),
        (Person, {"name": "N", "address": {}}, "/address/city", "Person refuses it: Field required"),
    ],
)
def test_a_json_value_that_does_not_fit_says_where_and_why(type_: Any, data: Any, path: str, rule: str) -> None:
    with pytest.raises(Misfit) as misfit:
        value_of(type_, data)
    assert (misfit.value.path, misfit.value.rule) == (path, rule)
    copied = pickle.loads(pickle.dumps(misfit.value))
    assert str(copied) == str(misfit.value) == f"{path or 'the value'}: {rule}"


def test_a_value_of_a_type_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="complex"):
        value_of(list[complex], [1])


def test_a_class_that_speaks_for_itself_may_refuse_with_any_value_error() -> None:
    class Odd:
        @classmethod
        def model_json_schema(cls) -> dict[str, Any]:
            return {"type": "string"}

        @classmethod
        def model_validate_json(cls, text: str) -> Any:
            raise ValueError(f"not {text}")

    assert schema_of(Odd) == {"type": "string"}
    with pytest.raises(Misfit, match='Odd refuses it: not "x"'):
        value_of(Odd, "x")


# --- aliases ---------------------------------------------------------------------------------------------------------

Name = typing_extensions.TypeAliasType("Name", Annotated[str, "What it is called."])


class TypeAliasType:
    """What `type X = ...` of Python 3.12 makes: what it stands for is looked at when asked for, and may be itself."""

    def __init__(self, name: str, meaning: Callable[[Any], Any]) -> None:
        self.__name__ = name
        self._meaning = meaning

    @property
    def __value__(self) -> Any:
        return self._meaning(self)


JSON = TypeAliasType("JSON", lambda self: dict[str, self] | list[self] | int | None)  # type: ignore[valid-type]


@dataclasses.dataclass
class Named:
    name: Name
    other: Annotated[Name, "Another."] = ""
    extra: JSON = None  # type: ignore[valid-type]


def test_an_alias_is_what_it_stands_for_and_one_with_itself_inside_has_a_name() -> None:
    json = {
        "anyOf": [
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/JSON"}},
            {"type": "array", "items": {"$ref": "#/$defs/JSON"}},
            {"type": "integer"},
            NULL,
        ]
    }
    assert schema_of(Name) == {"type": "string", "description": "What it is called."}
    assert schema_of(JSON) == {"$ref": "#/$defs/JSON", "$defs": {"JSON": json}}
    assert schema_of(Named) == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What it is called."},
            "other": {"type": "string", "description": "Another."},
            "extra": {"$ref": "#/$defs/JSON"},
        },
        "required": ["name"],
        "additionalProperties": False,
        "$defs": {"JSON": json},
    }
    assert schema_of(TypeAliasType("P", lambda _: Point)) == POINT
    extra: Any = {"a": [1, None, {}], "b": {"c": []}}
    assert value_of(Named, {"name": "n", "extra": extra}) == Named("n", "", extra)
    with pytest.raises(Misfit) as misfit:
        value_of(Named, {"name": "n", "extra": {"a": [1.5]}})
    assert misfit.value.path == "/extra/a/0"


def test_an_alias_that_stands_for_itself_alone_has_no_value() -> None:
    loop = TypeAliasType("Loop", lambda self: self)
    assert schema_of(loop) == {"$ref": "#/$defs/Loop", "$defs": {"Loop": {"$ref": "#/$defs/Loop"}}}
    with pytest.raises(Misfit, match="nothing but itself"):
        value_of(loop, 1)


def test_an_alias_for_what_cannot_be_found_is_refused() -> None:
    def missing(_: Any) -> Any:
        raise NameError("name 'Missing' is not defined")

    with pytest.raises(TypeError, match="Odd: name 'Missing' is not defined"):
        schema_of(TypeAliasType("Odd", missing))


# --- what the standard library's own classes have beside ------------------------------------------------------------


class Film(typing_extensions.TypedDict, total=False):
    title: Required[str]
    year: typing_extensions.ReadOnly[int]
    stars: Annotated[typing_extensions.ReadOnly[Required[int]], "Of five."]


def test_a_typed_dict_of_typing_extensions() -> None:
    assert schema_of(Film) == {
        "type": "object",
        "properties": {
            "title": STRING,
            "year": {"type": "integer"},
            "stars": {"type": "integer", "description": "Of five."},
        },
        "required": ["title", "stars"],
        "additionalProperties": False,
    }
    assert value_of(Film, {"title": "t", "stars": 5}) == {"title": "t", "stars": 5}


@dataclasses.dataclass
class Opened:
    start: int
    by: dataclasses.InitVar[int]
    unit: ClassVar[str] = "m"
    plain: ClassVar = 1
    note: dataclasses.InitVar[str | None] = None

    def __post_init__(self, by: int, note: str | None) -> None:
        self.start += by


def test_a_dataclass_is_given_all_that_its_init_takes() -> None:
    made = schema_of(Opened)
    assert made["properties"] == {
        "start": {"type": "integer"},
        "by": {"type": "integer"},
        "note": {"anyOf": [STRING, NULL]},
    }
    assert made["required"] == ["start", "by"]
    assert value_of(Opened, {"start": 1, "by": 2}) == Opened(1, 2)


Old = attrs.make_class("Old", {"a": attrs.field(type=int), "b": attrs.field(default=None)})


def test_an_attrs_class_of_the_old_kind_names_its_types_in_its_fields() -> None:
    assert schema_of(Old)["properties"] == {"a": {"type": "integer"}, "b": {}}


@pytest.mark.parametrize(
    ("type_", "rule"),
    [
        (set[list[int]], r"the type: a set cannot hold values of list\[int\]"),
        (frozenset[Point], "the type: a set cannot hold values of .*Point"),
        (set[Annotated[dict[str, int], "d"]], "a set cannot hold"),
        (set[Sequence[int]], "a set cannot hold"),
        (Enum("Nothing", {}), "the type: an Enum without members has no value"),
    ],
)
def test_what_could_never_have_a_value_is_refused(type_: Any, rule: str) -> None:
    with pytest.raises(TypeError, match=rule):
        schema_of(type_)


def test_a_set_of_anything_cannot_hold_everything() -> None:
    assert value_of(set, [1, "a", 1]) == {1, "a"}
    with pytest.raises(Misfit, match="a set cannot hold these items"):
        value_of(set[Any], [[1]])
    with pytest.raises(TypeError, match="complex"):
        value_of(set[complex], [1])


def test_annotations_that_cannot_be_read_are_refused() -> None:
    broken = dataclasses.make_dataclass("Odd", [("a", "dataclasses.missing")], namespace={"__module__": __name__})
    with pytest.raises(TypeError, match="Odd: module 'dataclasses' has no attribute 'missing'; its annotations"):
        schema_of(broken)


def test_the_annotations_of_a_class_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass
    class Fresh:
        x: int

    assert value_of(Fresh, {"x": 1}) == Fresh(1)
    monkeypatch.delattr("typing.get_type_hints")
    assert value_of(Fresh, {"x": 2}) == Fresh(2)
    assert schema_of(Fresh)["required"] == ["x"]
