"""Functions and schemas as tools: what a model is told, by hand, and what is refused when the tool is made."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import attrs
import pydantic
import pytest

import lash_proto
from lash_proto.errors import UnsupportedRequest
from lash_proto.messages import ToolDefinition
from lash_proto.tools import Tool, ToolContext, tool

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]

STRING = {"type": "string"}
INTEGER = {"type": "integer"}


class Unit(Enum):
    C = "celsius"
    F = "fahrenheit"


@dataclasses.dataclass
class Place:
    """Where."""

    city: str
    country: Annotated[str, "ISO 3166."] = "NO"


@attrs.frozen
class Window:
    first: int
    last: int


class Filter(TypedDict):
    kind: Literal["rain", "sun"]
    least: NotRequired[float]


class Sender(pydantic.BaseModel):
    name: str


def plain() -> None:
    """Do it."""


async def forecast(
    place: Place,
    days: Annotated[int, "How many."],
    unit: Unit = Unit.C,
    *,
    window: Window | None = None,
    filters: list[Filter] | None = None,
    sender: Sender | None = None,
    note: str = "",
    context: ToolContext,
) -> Unknown:
    """Tell the weather.

    By the hour.

    Args:
        place: Where it is to be told for.
        days: Not this, for the annotation says it.
        unit: Degrees.
        context: Not the model's.

    Returns:
        A table.
    """
    return (place, days, unit, window, filters, sender, note, context)


FORECAST = ToolDefinition(
    name="forecast",
    description="Tell the weather.\n\nBy the hour.\n\nReturns:\n    A table.",
    parameters={
        "type": "object",
        "properties": {
            "place": {"$ref": "#/$defs/Place", "description": "Where it is to be told for."},
            "days": {"type": "integer", "description": "How many."},
            "unit": {
                "type": "string",
                "enum": ["celsius", "fahrenheit"],
                "description": "Degrees.",
                "default": "celsius",
            },
            "window": {"anyOf": [{"$ref": "#/$defs/Window"}, {"type": "null"}]},
            "filters": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Filter"}}, {"type": "null"}]},
            "sender": {"anyOf": [{"$ref": "#/$defs/Sender"}, {"type": "null"}]},
            "note": {"type": "string", "default": ""},
        },
        "required": ["place", "days"],
        "additionalProperties": False,
        "$defs": {
            "Place": {
                "type": "object",
                "description": "Where.",
                "properties": {"city": STRING, "country": {"type": "string", "description": "ISO 3166."}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "Window": {
                "type": "object",
                "properties": {"first": INTEGER, "last": INTEGER},
                "required": ["first", "last"],
                "additionalProperties": False,
            },
            "Filter": {
                "type": "object",
                "properties": {"kind": {"type": "string", "enum": ["rain", "sun"]}, "least": {"type": "number"}},
                "required": ["kind"],
                "additionalProperties": False,
            },
            "Sender": {
                "title": "Sender",
                "type": "object",
                "properties": {"name": {"title": "Name", "type": "string"}},
                "required": ["name"],
            },
        },
    },
)


def test_a_function_becomes_what_a_model_is_told() -> None:
    made = tool(forecast)
    assert made.definition == FORECAST
    assert (made.name, made.label, made.context) == ("forecast", "forecast", "context")
    assert made.parameters == FORECAST.parameters
    assert made.execute is forecast


def test_a_decorator_takes_what_the_function_does_not_say() -> None:
    def prepare(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return arguments

    @tool(
        name="do-it",
        description="Do.",
        label="Doing",
        strict=True,
        prepare_arguments=prepare,
        execution="sequential",
        timeout=1.5,
        retry="idempotent",
        approval=True,
    )
    def nothing() -> None:
        """Not this."""

    empty = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert nothing.definition == ToolDefinition("do-it", "Do.", empty, strict=True)
    assert (nothing.label, nothing.prepare_arguments, nothing.execution) == ("Doing", prepare, "sequential")
    assert (nothing.timeout, nothing.retry, nothing.approval) == (1.5, "idempotent", True)


def test_what_is_not_said_is_the_careful_way() -> None:
    made = tool(plain)
    assert (made.execution, made.timeout, made.retry, made.approval) == ("parallel", None, "never", False)
    assert tool()(plain) == made
    assert tool(plain, description="").definition.description == ""


def test_a_tool_is_called_as_its_function() -> None:
    @tool
    def add(a: int, b: int = 2) -> int:
        return a + b

    assert (add(1), add(1, b=3)) == (3, 4)
    assert add.definition.description == ""


class Grep:
    """Find lines."""

    def __call__(self, pattern: str) -> str:
        return pattern

    def find(self, pattern: str) -> str:
        """Find one line."""
        return pattern

    async def wait(self, seconds: float) -> None: ...


class Later:
    async def __call__(self) -> None:
        """Do it later."""


@functools.wraps(forecast)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return forecast(*args, **kwargs)


def power(base: int, exponent: float) -> float:
    """Raise.

    :param exponent: To which."""
    return math.pow(base, exponent)


@pytest.mark.parametrize(
    ("function", "name", "description", "keys"),
    [
        (Grep(), "Grep", "Find lines.", {"pattern": STRING}),
        (Grep().find, "find", "Find one line.", {"pattern": STRING}),
        (Later(), "Later", "Do it later.", {}),
        (
            functools.partial(functools.partial(power, exponent=2.0)),
            "power",
            "Raise.",
            {"base": INTEGER, "exponent": {"type": "number", "description": "To which.", "default": 2.0}},
        ),
        (wrapped, "forecast", FORECAST.description, (FORECAST.parameters or {})["properties"]),
    ],
)
def test_whatever_is_called_may_become_a_tool(
    function: Callable[..., Any], name: str, description: str, keys: dict[str, Any]
) -> None:
    made = tool(function).definition
    assert (made.name, made.description, (made.parameters or {})["properties"]) == (name, description, keys)


@pytest.mark.parametrize(
    ("function", "is_async"),
    [
        (forecast, True),
        (plain, False),
        (Later(), True),
        (Grep(), False),
        (Grep().wait, True),
        (functools.partial(forecast, days=1), True),
    ],
)
def test_a_tool_tells_whether_it_is_to_be_awaited(function: Callable[..., Any], is_async: bool) -> None:
    assert tool(function).is_async is is_async


@pytest.mark.parametrize(
    ("default", "told"),
    [
        (5, {"default": 5}),
        (True, {"default": True}),
        (0.5, {"default": 0.5}),
        ("x", {"default": "x"}),
        (Unit.F, {"default": "fahrenheit"}),
        (None, {}),
        (math.nan, {}),
        (math.inf, {}),
        ([], {}),
        (Window(1, 2), {}),
    ],
)
def test_a_default_is_told_where_it_is_plain(default: Any, told: dict[str, Any]) -> None:
    def f(x: Any = default) -> None: ...

    assert tool(f).parameters["properties"] == {"x": told}


# --- what cannot be filled -------------------------------------------------------------------------------------------


def any_values(*values: int) -> None: ...
def any_names(**names: int) -> None: ...
def by_position(x: int, /) -> None: ...
def bare(x) -> None: ...  # type: ignore[no-untyped-def]
def no_json(x: list[bytes]) -> None: ...
def deep(a: int, x: Place, y: Mapping[int, str]) -> None: ...
def not_found(x: Unknown) -> None: ...
def broken(x: 1 + None) -> None: ...  # type: ignore[valid-type]
def two(x: ToolContext, y: Annotated[ToolContext | None, "y"]) -> None: ...


@dataclasses.dataclass
class Holder:
    inside: complex


def held(a: int, x: list[Holder]) -> None: ...


SCHEMA = "or give the tool a JSON Schema as parameters="


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            any_values,
            f"tool any_values: parameter 'values' stands for any number of values; name each parameter, {SCHEMA}",
        ),
        (any_names, f"tool any_names: parameter 'names' stands for any number of names; name each parameter, {SCHEMA}"),
        (by_position, f"tool by_position: parameter 'x' can be given by position only; name each parameter, {SCHEMA}"),
        (bare, f"tool bare: parameter 'x' has no annotation; annotate it, {SCHEMA}"),
        (Grep.find, "tool find: parameter 'self' has no annotation; make the tool of a bound method"),
        (two, "tool two: 'x' and 'y' are both a ToolContext"),
        (Place, f"a tool is made of a function, not of {Place!r}"),
        (5, "a tool is made of a function, not of 5"),
    ],
)
def test_what_a_model_cannot_fill_is_refused_by_name(function: Any, message: str) -> None:
    with pytest.raises(TypeError) as error:
        tool(function)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_json, "tool no_json: the type of 'x': no_json.x[]: <class 'bytes'> has no JSON Schema"),
        (held, "tool held: the type of 'x': Holder.inside: <class 'complex'> has no JSON Schema"),
        (deep, "tool deep: the type of 'y': deep.y: the keys of a JSON object are strings, not <class 'int'>"),
    ],
)
def test_a_type_that_json_lacks_is_refused_by_its_parameter(function: Any, message: str) -> None:
    with pytest.raises(TypeError) as error:
        tool(function)
    assert str(error.value) == f"{message}; use types that JSON has, {SCHEMA}"


def test_a_type_that_is_not_found_is_refused() -> None:
    with pytest.raises(TypeError) as error:
        tool(not_found)
    rule = "name 'Unknown' is not defined; it must be found from the function's module"
    assert str(error.value) == f"tool not_found: the type of 'x': {rule}"


def test_an_annotation_that_is_no_type_is_refused() -> None:
    with pytest.raises(TypeError, match="tool broken: the type of 'x': unsupported operand"):
        tool(broken)


def test_what_is_written_in_c_tells_nothing() -> None:
    with pytest.raises(TypeError, match="tool iter: what it takes cannot be told: "):
        tool(iter)
    with pytest.raises(TypeError, match="parameter 'obj' can be given by position only"):
        tool(len)


def test_two_types_of_one_name_are_refused() -> None:
    """Each may stand alone, so no parameter is to blame."""

    def twin() -> Any:
        class Inner(pydantic.BaseModel):
            pass

        return pydantic.create_model("Outer", inside=(Inner, ...))

    class Inner(pydantic.BaseModel):
        n: int

    def f(x: Any, y: Any) -> None: ...

    f.__annotations__ = {"x": twin(), "y": pydantic.create_model("Other", inside=(Inner, ...))}
    with pytest.raises(TypeError, match="tool f: Other: two types are called Inner; use types that JSON has"):
        tool(f)


def test_a_tool_is_no_function() -> None:
    with pytest.raises(TypeError, match="a tool is made of a function, not of Tool"):
        tool(tool(plain))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "two words"}, "'two words' is no name for a tool"),
        ({"name": "x" * 129}, "is no name for a tool"),
        ({"execution": "both"}, "'execution' must be in"),
        ({"retry": "always"}, "'retry' must be in"),
        ({"timeout": 0}, "'timeout' must be > 0"),
    ],
)
def test_a_setting_that_is_none_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tool(plain, **settings)


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ValueError, match="'<lambda>' is no name for a tool"):
        tool(lambda: None)
    assert tool(lambda: None, name="nothing")() is None


@pytest.fixture
def without_jsonschema(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name == "jsonschema":
            raise ImportError(name)
        return plain(name, package)

    monkeypatch.setattr("lash_proto.schema.import_module", missing)


@pytest.mark.parametrize("settings", [{}, {"parameters": {"type": "object"}}])
def test_without_jsonschema_a_tool_says_what_to_install(without_jsonschema: None, settings: dict[str, Any]) -> None:
    with pytest.raises(ImportError, match=r"pip install 'lash-llm\[tools\]'"):
        tool(plain, **settings)


# --- by a schema -----------------------------------------------------------------------------------------------------

BY_HAND = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}


def takes_both(a, b=None): ...  # type: ignore[no-untyped-def]
def takes_all(**arguments: Any) -> None: ...
def takes_any(*_: Any, a: int, context: ToolContext, more: Unknown = None, **arguments: Any) -> None: ...


@pytest.mark.parametrize(("function", "context"), [(takes_both, None), (takes_all, None), (takes_any, "context")])
def test_a_schema_says_it_all(function: Any, context: str | None) -> None:
    made = tool(function, name="f", description="F.", parameters=BY_HAND)
    assert made.definition == ToolDefinition("f", "F.", BY_HAND)
    assert (made.shape, made.context) == (None, context)


def takes_context(a: int, b: ToolContext) -> None: ...
def takes_context_and_all(b: ToolContext, **more: Any) -> None: ...
def takes_more(a: int, b: int, c: int) -> None: ...
def takes_less(a: int) -> None: ...
def takes_one_by_position(a: int, /, b: int = 0) -> None: ...
def takes_context_from_nowhere(a: int, context: Unknown, b: int = 0) -> None: ...


@pytest.mark.parametrize(
    ("function", "schema", "message"),
    [
        (takes_less, BY_HAND, "tool f: the schema has 'b', which the function does not take by name"),
        (takes_context, BY_HAND, "tool f: the schema has 'b', which the function does not take by name"),
        (takes_context_and_all, BY_HAND, "tool f: the schema has 'b', which the function does not take by name"),
        (takes_one_by_position, BY_HAND, "tool f: the schema has 'a', which the function does not take by name"),
        (takes_more, BY_HAND, "tool f: the function needs 'b', which the schema does not require"),
        (takes_context_from_nowhere, BY_HAND, "the function needs 'context', which the schema does not require"),
        (takes_all, {"type": "array"}, "tool f: its parameters are the keys of an object, not of type 'array'"),
    ],
)
def test_a_function_that_its_schema_cannot_call_is_refused(function: Any, schema: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        tool(function, name="f", parameters=schema)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": 5}, "the parameters of tool f at #/properties: it is an object"),
        ({"properties": {"a": {"type": "str"}}}, "the parameters of tool f at #/properties/a/type: 'str' is not"),
    ],
)
def test_a_schema_that_is_none_is_refused(schema: Any, message: str) -> None:
    with pytest.raises(UnsupportedRequest, match=message):
        tool(takes_all, name="f", parameters=schema)


def test_a_tool_can_be_made_by_hand_and_changed() -> None:
    made = Tool(ToolDefinition("f"), takes_less)
    assert (made.label, made.shape) == ("f", None)
    assert made.parameters == {"type": "object", "properties": {}, "additionalProperties": False}
    changed = attrs.evolve(made, definition=ToolDefinition("g", parameters=BY_HAND))
    assert (changed.name, changed.parameters, changed.execute) == ("g", BY_HAND, takes_less)
    assert changed.checker.problems({"a": "x"}) != []


def test_the_names_are_there_at_the_top() -> None:
    assert (lash_proto.tool, lash_proto.Tool, lash_proto.ToolContext) == (tool, Tool, ToolContext)
