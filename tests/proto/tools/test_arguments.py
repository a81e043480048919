"""Arguments that a model wrote, checked and made what a function takes, and the error that tells it what to mend."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import attrs
import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry

from lash_proto.errors import LashError
from lash_proto.messages import ToolCallPart, ToolDefinition
from lash_proto.tools import (
    Tool,
    ToolArgumentsError,
    ToolCallError,
    ToolContext,
    UnknownToolError,
    check_arguments,
    error_result,
    find_tool,
    json_of,
    tool,
    validate_tool_arguments,
    validate_tool_call,
)
from tests.proto.test_shapes_reading import Product, Sum, nested, types
from tests.strategies import JSON


class Unit(Enum):
    C = "celsius"
    F = "fahrenheit"


@dataclasses.dataclass(frozen=True)
class Place:
    city: str
    near: Place | None = None


@attrs.frozen
class Window:
    first: int
    last: int = attrs.field(default=9, validator=attrs.validators.gt(0))


class Filter(TypedDict, total=False):
    kind: Literal["rain", "sun"]


class Sender(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(default=1, ge=0)


@tool
def forecast(
    place: Place,
    day: date,
    unit: Unit = Unit.C,
    window: Window | None = None,
    filters: list[Filter] | None = None,
    sender: Sender | None = None,
    *,
    hours: int = 24,
    context: ToolContext | None = None,
) -> str:
    """Tell the weather."""
    return f"{place.city} {day:%d.%m.} {unit.name} {hours} {context.call_id if context else ''}"


def call(arguments: Mapping[str, Any], name: str = "forecast", **more: Any) -> ToolCallPart:
    return ToolCallPart("call_1", name, arguments, **more)


def by_schema(schema: Any, **settings: Any) -> Tool[..., Any]:
    """A tool that gives back what it was called with, its one argument x of this schema."""

    def echo(**arguments: Any) -> Any:
        return arguments

    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"], "additionalProperties": False}
    return tool(echo, parameters=parameters, **settings)


def refused(made: Tool[..., Any], part: ToolCallPart) -> ToolArgumentsError:
    with pytest.raises(ToolArgumentsError) as error:
        validate_tool_arguments(made, part)
    return error.value


# --- what fits -------------------------------------------------------------------------------------------------------


def test_arguments_are_made_what_the_function_takes() -> None:
    part = call(
        {
            "place": {"city": "Oslo", "near": {"city": "Moss"}},
            "day": "2026-01-02",
            "unit": "fahrenheit",
            "window": {"first": 1},
            "filters": [{"kind": "rain"}, {}],
            "sender": {"name": "Ada"},
            "hours": 6.0,
        }
    )
    made = {
        "place": Place("Oslo", Place("Moss")),
        "day": date(2026, 1, 2),
        "unit": Unit.F,
        "window": Window(1, 9),
        "filters": [{"kind": "rain"}, {}],
        "sender": Sender(name="Ada", age=1),
        "hours": 6,
    }
    assert validate_tool_arguments(forecast, part) == made
    assert validate_tool_call([by_schema({}), forecast], part) == made
    assert type(validate_tool_arguments(forecast, part)["hours"]) is int


def test_what_was_left_out_stays_out() -> None:
    least = {"place": {"city": "Oslo"}, "day": "2026-01-02"}
    made = {"place": Place("Oslo"), "day": date(2026, 1, 2)}
    assert validate_tool_arguments(forecast, call(least)) == made
    # As null, too, where null is not what the key takes.
    assert validate_tool_arguments(forecast, call({**least, "unit": None, "window": None})) == {**made, "window": None}


def test_a_tool_is_run_with_its_context() -> None:
    asked = call({"place": {"city": "Oslo"}, "day": "2026-01-02"})
    assert forecast.run(check_arguments(forecast, asked), ToolContext("call_1")) == "Oslo 02.01. C 24 call_1"
    assert forecast(**validate_tool_arguments(forecast, asked)) == "Oslo 02.01. C 24 "
    assert by_schema({}).run({"x": 1}, ToolContext("call_1")) == {"x": 1}


def test_a_tool_cannot_change_the_conversation() -> None:
    said = {"x": {"deep": [1]}}
    validate_tool_arguments(by_schema({}), call(said, "echo"))["x"]["deep"].append(2)
    assert said == {"x": {"deep": [1]}}


def test_arguments_may_be_mended_before_they_are_checked() -> None:
    seen: list[Mapping[str, Any]] = []

    def prepare(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        seen.append(raw)
        return {"x": raw["y"]}

    made = by_schema({"type": "integer"}, prepare_arguments=prepare)
    assert validate_tool_arguments(made, call({"y": "5"}, "echo")) == {"x": 5}
    assert seen == [{"y": "5"}]
    error = refused(made, call({"y": {"k": 1}}, "echo"))
    assert str(error).endswith('The arguments as received:\n{"y":{"k":1}}')


@pytest.mark.parametrize(
    ("raised", "rule"),
    [
        (RuntimeError("no"), "they could not be prepared: no"),
        (RuntimeError(), "they could not be prepared: RuntimeError"),
    ],
)
def test_what_cannot_be_prepared_is_told(raised: Exception, rule: str) -> None:
    def prepare(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        raise raised

    assert refused(by_schema({}, prepare_arguments=prepare), call({"x": 1}, "echo")).problems == (("", rule),)


@pytest.mark.parametrize("made", [5, {"x": object()}, {"x": float("nan")}])
def test_what_is_prepared_must_be_json(made: Any) -> None:
    error = refused(by_schema({}, prepare_arguments=lambda raw: made), call({"x": 1}, "echo"))
    assert error.problems[0][1].startswith("they could not be prepared: ")


# --- what does not ---------------------------------------------------------------------------------------------------


def test_the_error_tells_the_model_all_that_is_wrong() -> None:
    part = call({"place": {"town": "Oslo"}, "day": "2026-01-02", "unit": "kelvin", "hours": "many", "when": 5})
    error = refused(forecast, part)
    assert str(error) == (
        "The tool forecast was not run, for its arguments do not fit:\n"
        "- /place: 'city' is a required property\n"
        "- /place: Additional properties are not allowed ('town' was unexpected)\n"
        "- /unit: \"kelvin\" is not one of ['celsius', 'fahrenheit']\n"
        "- /hours: \"many\" is not of type 'integer'\n"
        "- the arguments: Additional properties are not allowed ('when' was unexpected)\n"
        "Mend them and call it again. The arguments as received:\n"
        '{"place":{"town":"Oslo"},"day":"2026-01-02","unit":"kelvin","hours":"many","when":5}'
    )
    assert error.problems[2] == ("/unit", "\"kelvin\" is not one of ['celsius', 'fahrenheit']")
    assert (error.tool, error.failure, error.response) == ("forecast", None, None)
    assert isinstance(error, LashError)
    assert isinstance(error, ValueError)
    assert error_result(error).text == str(error)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"day": "soon"}, ("/day", "expected a date as ISO 8601 writes it")),
        (
            {"window": {"first": 1, "last": -1}},
            ("/window", "Window refuses it: 'last' must be > 0: -1 or expected null"),
        ),
        ({"sender": {"name": "x", "age": -1}}, ("/sender/age", "-1 is less than the minimum of 0")),
    ],
)
def test_a_type_may_refuse_what_its_schema_takes(arguments: Any, problem: tuple[str, str]) -> None:
    least = {"place": {"city": "Oslo"}, "day": "2026-01-02"}
    assert refused(forecast, call({**least, **arguments})).problems == (problem,)


def test_malformed_json_reaches_no_tool() -> None:
    def prepare(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError("prepared")

    raw = '{"x": 5'
    part = call({}, "echo", raw_arguments=raw, arguments_error="Expecting ',' delimiter")
    error = refused(by_schema({}, prepare_arguments=prepare), part)
    assert error.problems == (("", "they are not a JSON object (Expecting ',' delimiter)"),)
    assert str(error).endswith(f"\n{raw}")


def test_free_text_reaches_no_tool() -> None:
    error = refused(by_schema({}), call({}, "echo", raw_arguments="*** Begin Patch", kind="custom"))
    assert error.problems == (("", "it takes JSON arguments, not free text"),)


def test_free_text_is_the_input_of_a_custom_tool() -> None:
    def patch(input: str) -> str:
        return input.upper()

    custom = attrs.evolve(tool(patch), definition=ToolDefinition("patch", kind="custom"))
    said = call({}, "patch", raw_arguments="*** Begin", kind="custom")
    assert check_arguments(custom, said) == {"input": "*** Begin"}
    assert check_arguments(custom, call({"input": "*** Begin"}, "patch")) == {"input": "*** Begin"}  # handed off
    assert refused(custom, call({"n": 1}, "patch")).problems == (("", "it takes free text"),)
    assert custom.run({"input": "a"}, ToolContext("c1")) == "A"


def test_a_tool_can_be_pickled_where_its_function_can() -> None:
    made = tool(by_its_name, parameters={"type": "object", "properties": {"x": {"type": "integer"}}})
    twin = pickle.loads(pickle.dumps(made))
    assert twin == made
    assert (
        refused(twin, call({"x": "y"}, "by_its_name")).problems
        == refused(made, call({"x": "y"}, "by_its_name")).problems
    )


@tool
def known_by_name(x: int) -> int:
    """x"""
    return x


def test_a_tool_with_a_name_of_its_own_is_pickled_by_it() -> None:
    assert pickle.loads(pickle.dumps(known_by_name)) is known_by_name
    assert copy.deepcopy(known_by_name) is known_by_name


def test_a_tool_that_nobody_could_find_again_is_not_pickled() -> None:
    @tool
    def hidden(x: int) -> int:
        return x

    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(hidden)


def by_its_name(x: int = 0) -> int:
    return x


def test_a_long_error_is_cut() -> None:
    arguments = {"x": [str(n) + "!" for n in range(1_000)]}
    error = refused(by_schema({"items": {"type": "integer"}}), call(arguments, "echo"))
    lines = str(error).splitlines()
    assert lines[10:12] == ["- /x/9: \"9!\" is not of type 'integer'", "- and 990 more"]
    assert len(error.problems) == 1_000
    assert lines[-1].endswith(f"... ({len(json.dumps(arguments, separators=(',', ':')))} characters)")
    assert len(lines[-1]) < 2_100


def test_an_error_holds_no_credential() -> None:
    key = "sk-abcdefghijklmnopqrstuvwxyz"
    assert key not in str(refused(by_schema({"type": "integer"}), call({"x": key}, "echo")))


def test_what_is_nested_too_deep_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(*_: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr("lash_proto.fitting.Fitting._keys", too_deep)
    rule = "nested deeper than the caller's stack allows"
    assert refused(by_schema({}), call({"x": 1}, "echo")).problems == (("", rule),)


def test_a_tool_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UnknownToolError) as error:
        validate_tool_call([forecast, by_schema({})], call({}, 'fore"cast'))
    assert str(error.value) == 'There is no tool "fore\\"cast". The tools are: forecast, echo.'
    assert error.value.tool == 'fore"cast'
    with pytest.raises(UnknownToolError, match=r'^There is no tool "x". There are no tools.$'):
        find_tool([], "x")
    many = [tool(lambda: None, name=f"t{n}") for n in range(60)]
    with pytest.raises(UnknownToolError, match=r" t48, t49 and 10 more\.$"):
        find_tool(many, "x")
    assert find_tool(many, "t59") is many[59]


@pytest.mark.parametrize("made", [UnknownToolError("x", "no x"), ToolArgumentsError("x", "no", (("/a", "b"),))])
def test_an_error_can_be_copied(made: ToolCallError) -> None:
    copied = pickle.loads(pickle.dumps(made))
    assert (type(copied), str(copied), copied.__dict__) == (type(made), str(made), made.__dict__)


# --- how models slip -------------------------------------------------------------------------------------------------

INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
STRING = {"type": "string"}
BOOLEAN = {"type": "boolean"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("schema", "said", "taken"),
    [
        (INTEGER, "42", 42),
        (INTEGER, "-4.0", -4),
        (INTEGER, 1.0, 1),
        (INTEGER, True, 1),
        (NUMBER, "4.5", 4.5),
        (NUMBER, "1e3", 1000.0),
        (NUMBER, False, 0),
        (NUMBER, 1.0, 1.0),
        (BOOLEAN, "true", True),
        (BOOLEAN, "false", False),
        (BOOLEAN, 1, True),
        (BOOLEAN, 0.0, False),
        (STRING, 5, "5"),
        (STRING, 1.5, "1.5"),
        (STRING, True, "true"),
        (NULL, "", None),
        (NULL, 0, None),
        (NULL, False, None),
        ({"type": "array"}, "x", ["x"]),
        ({"type": "array", "items": INTEGER}, "5", [5]),
        ({"type": "array", "items": INTEGER}, '["5", 6]', [5, 6]),
        ({"type": "array", "items": INTEGER}, ["5", 6.0], [5, 6]),
        ({"type": "array"}, {"a": 1}, [{"a": 1}]),
        ({"type": "array", "prefixItems": [INTEGER, STRING], "items": BOOLEAN}, ["1", 2, 1], [1, "2", True]),
        ({"type": "object", "properties": {"n": INTEGER}}, '{"n": "5"}', {"n": 5}),
        ({"type": "object", "properties": {"n": INTEGER}, "required": ["n"]}, {"n": "5"}, {"n": 5}),
        ({"type": "object", "additionalProperties": INTEGER}, {"n": "5"}, {"n": 5}),
        ({"type": "object", "properties": {"n": INTEGER}}, {"n": None}, {}),
        ({"type": ["integer", "string"]}, "5", "5"),
        ({"type": ["integer", "boolean"]}, "5", 5),
        ({"type": ["integer", "boolean"]}, "true", True),
        ({"type": ["integer", "null"]}, "", None),
        ({"type": "integer", "enum": [1, 2]}, "2", 2),
        ({"type": "integer", "const": 2}, "2", 2),
        ({"allOf": [{"type": ["integer", "string"]}, INTEGER]}, "5", 5),
        ({"anyOf": [INTEGER, NULL]}, "5", 5),
        ({"anyOf": [STRING, INTEGER]}, 5, 5),
        ({"oneOf": [BOOLEAN, {"type": "integer", "minimum": 2}]}, "7", 7),
        ({"anyOf": [{"type": "object", "properties": {"n": INTEGER}, "required": ["n"]}, NULL]}, {"n": "5"}, {"n": 5}),
        ({"type": "array", "items": {"anyOf": [{"type": "array", "items": INTEGER}, STRING]}}, ["", ["1"]], ["", [1]]),
    ],
)
def test_a_slip_is_taken_for_what_was_meant(schema: Any, said: Any, taken: Any) -> None:
    made = validate_tool_arguments(by_schema(schema), call({"x": said}, "echo"))
    # By its text, for 1 == True == 1.0.
    assert json.dumps(made) == json.dumps({"x": taken})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (INTEGER, None),
        (STRING, None),
        (BOOLEAN, None),
        ({"type": "array"}, None),
        ({"type": "object"}, None),
        (INTEGER, "4.5"),
        (INTEGER, "4x"),
        (INTEGER, ""),
        (INTEGER, "true"),
        (INTEGER, "1e999"),
        (NUMBER, "1e999"),
        (NUMBER, "NaN"),
        (NUMBER, []),
        (BOOLEAN, "yes"),
        (BOOLEAN, 2),
        (BOOLEAN, []),
        (STRING, []),
        (STRING, {}),
        (NULL, "null"),
        (NULL, []),
        ({"type": "object"}, "[]"),
        ({"type": "object"}, "{"),
        ({"type": "object"}, 5),
        ({"anyOf": [INTEGER, BOOLEAN]}, "x"),
    ],
)
def test_what_is_no_slip_is_refused(schema: Any, said: Any) -> None:
    assert refused(by_schema(schema), call({"x": said}, "echo")).problems[0][0] == "/x"


@given(JSON, st.sampled_from([INTEGER, NUMBER, STRING, BOOLEAN, NULL, {"type": "array"}, {"type": "object"}, {}]), JSON)
def test_what_fits_is_taken_as_it_is_and_what_is_taken_fits(said: Any, schema: Any, other: Any) -> None:
    for each in (schema, {"anyOf": [{"type": "array", "items": schema}, schema]}, {"enum": [other, said]}):
        valid = jsonschema.Draft202012Validator(each, registry=Registry()).is_valid
        try:
            made = validate_tool_arguments(by_schema(each), call({"x": said}, "echo"))
        except ToolArgumentsError:
            assert not valid(said)
        else:
            assert valid(made["x"])
            assert made["x"] == said or not valid(said)


def test_choices_inside_choices_take_no_longer_than_they_are_deep() -> None:
    """By trying each arm at each level this would be 2 ** 50 tries."""

    @tool
    def add(x: Sum | Product) -> None: ...

    made: Any = 1
    for _ in range(50):
        made = Product(made, "*", "5")
    assert validate_tool_arguments(add, call({"x": nested(50, op="*", note=5)}, "add")) == {"x": made}
    assert refused(add, call({"x": nested(50, "bad", op="*")}, "add")).problems[0][0].startswith("/x")


# --- any type --------------------------------------------------------------------------------------------------------


@given(types(), st.data())
def test_a_value_of_any_type_goes_out_by_its_schema_and_comes_back(type_: Any, data: st.DataObject) -> None:
    hint, values = type_

    def f(x, y=None) -> None: ...  # type: ignore[no-untyped-def]

    f.__annotations__ = {"x": hint, "y": Annotated[hint | None, "Another."]}
    made = tool(f)
    for value in ({"x": data.draw(values)}, {"x": data.draw(values), "y": data.draw(values)}):
        arguments = json_of(value)
        jsonschema.Draft202012Validator(made.parameters, registry=Registry()).validate(arguments)
        assert validate_tool_arguments(made, call(arguments, "f")) == value


class Deep(pydantic.BaseModel):
    when: date
    inside: list[Deep] = []


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Unit, Unit.F),
        (Window, Window(1, 2)),
        (Filter, {"kind": "sun"}),
        (Deep, Deep(when=date(2026, 1, 2), inside=[Deep(when=date(2026, 1, 3))])),
        (frozenset[int], frozenset({1, 2})),
        (Place | Window, Window(3)),
        (dict[str, tuple[Unit, ...]], {"a": (Unit.C, Unit.F)}),
    ],
)
def test_a_value_that_a_tool_returns_another_takes(hint: Any, value: Any) -> None:
    def f(x) -> None: ...  # type: ignore[no-untyped-def]

    f.__annotations__ = {"x": hint}
    assert validate_tool_arguments(tool(f), call({"x": json_of(value)}, "f")) == {"x": value}
