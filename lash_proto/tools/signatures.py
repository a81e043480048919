"""What a function takes: the schema of its parameters, and a type that reads them from JSON.

Decisions. The parameters are made the keys of a TypedDict, so that `shapes` says their schema and reads their values,
and a key that was left out stays out: its default is the function's own affair. The schema tells a default that is
plain JSON, for a model does well to know what it gets by saying nothing. What a call by keywords cannot fill is refused
when the tool is made, not when a model first calls it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any, Final, NotRequired, Required, TypedDict, cast, get_args, get_origin, get_type_hints

from attrs import frozen

from ..fitting import Schema
from ..shapes import schema_of
from ..values import Json, JsonDict
from .context import ToolContext

_SCHEMA: Final = "or give the tool a JSON Schema as parameters="
_KINDS: Final = {
    inspect.Parameter.POSITIONAL_ONLY: "can be given by position only",
    inspect.Parameter.VAR_POSITIONAL: "stands for any number of values",
    inspect.Parameter.VAR_KEYWORD: "stands for any number of names",
}


@frozen
class Signature:
    """A function's parameters as a schema and as the type that reads them; `context` is the driver's to fill.

    `shape` is None where the schema was given: the function then gets plain JSON.
    """

    schema: Schema
    shape: Any
    context: str | None


def whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function from under partials of it."""
    while isinstance(function, functools.partial):
        function = cast("Callable[..., Any]", function.func)
    return function


def written(function: Callable[..., Any]) -> Any:
    """The function that somebody wrote, from under partials, decorators, bound methods and objects that are called."""
    function = whole(function)
    return inspect.unwrap(function if inspect.isroutine(function) else type(function).__call__)


def signature_of(function: Callable[..., Any], name: str, descriptions: Mapping[str, str]) -> Signature:
    """The signature, from the annotations; descriptions are for parameters whose annotation has none.

    Raises TypeError, naming the parameter, for what a model's JSON cannot fill.
    """
    keys: dict[str, Any] = {}
    defaults: JsonDict = {}
    context: str | None = None
    for parameter in _parameters(function, name):
        if parameter.kind in _KINDS:
            advice = "name each parameter, " + _SCHEMA
            raise TypeError(f"tool {name}: parameter {parameter.name!r} {_KINDS[parameter.kind]}; {advice}")
        if parameter.annotation is parameter.empty:
            method = parameter.name in ("self", "cls")
            advice = "make the tool of a bound method" if method else f"annotate it, {_SCHEMA}"
            raise TypeError(f"tool {name}: parameter {parameter.name!r} has no annotation; {advice}")
        try:
            hint = _hint(function, parameter)
        except Exception as error:  # annotations that are strings are any code
            advice = "it must be found from the function's module"
            raise TypeError(f"tool {name}: the type of {parameter.name!r}: {error}; {advice}") from error
        if _is_context(hint):
            if context is not None:
                raise TypeError(f"tool {name}: {context!r} and {parameter.name!r} are both a ToolContext")
            context = parameter.name
            continue
        if parameter.name in descriptions:
            hint = Annotated[hint, descriptions[parameter.name]]
        required = parameter.default is parameter.empty
        keys[parameter.name] = Required[hint] if required else NotRequired[hint]
        if not required and (default := _default(parameter.default)) is not None:
            defaults[parameter.name] = default
    shape = cast("Any", TypedDict)(name, keys)
    try:
        schema = schema_of(shape)
    except TypeError as error:
        # Told by the parameter, for what is wrong may stand deep inside its type.
        at = next((f"the type of {key!r}: " for key, hint in keys.items() if _problem(hint)), "")
        raise TypeError(f"tool {name}: {at}{error}; use types that JSON has, {_SCHEMA}") from error
    for key, default in defaults.items():
        schema["properties"][key]["default"] = default
    return Signature(schema, shape, context)


def given_signature(function: Callable[..., Any], name: str, schema: Schema) -> Signature:
    """The signature by a schema of the caller's. Raises TypeError where the function cannot be called by it."""
    if schema.get("type", "object") != "object":
        raise TypeError(f"tool {name}: its parameters are the keys of an object, not of type {schema['type']!r}")
    context: str | None = None
    taken: set[str] = set()
    needed: set[str] = set()
    any_key = False
    for parameter in _parameters(function, name):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            any_key = any_key or parameter.kind is parameter.VAR_KEYWORD
        elif _annotated_as_context(function, parameter):
            context = parameter.name
        else:
            if parameter.kind is not parameter.POSITIONAL_ONLY:
                taken.add(parameter.name)
            if parameter.default is parameter.empty:
                needed.add(parameter.name)
    keys = set(schema.get("properties", ()))
    if unknown := [key for key in sorted(keys - taken) if key == context or not any_key]:
        raise TypeError(f"tool {name}: the schema has {unknown[0]!r}, which the function does not take by name")
    if missing := sorted(needed - (set(schema.get("required", ())) & (taken | keys))):
        raise TypeError(f"tool {name}: the function needs {missing[0]!r}, which the schema does not require")
    return Signature(schema, None, context)


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, NameError) as error:  # of what is written in C; and Python 3.14 reads annotations only now
        raise TypeError(f"tool {name}: what it takes cannot be told: {error}") from error


def _hint(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """The annotation, by itself: what a function returns is often known to type checkers only."""
    holder = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    names = getattr(written(function), "__globals__", {})
    return get_type_hints(holder, names, include_extras=True)[parameter.name]


def _annotated_as_context(function: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    try:
        return _is_context(_hint(function, parameter))
    except Exception:  # not found, so it is none that the schema has to do without
        return False


def _is_context(hint: Any) -> bool:
    """Whether it is a ToolContext, also an optional one or one with a remark."""
    inner = get_args(hint)
    return hint is ToolContext or ToolContext in inner or (get_origin(hint) is Annotated and _is_context(inner[0]))


def _default(value: Any) -> Json:
    """A default as JSON where it is a plain word or number; None for all others."""
    value = value.value if isinstance(value, Enum) else value
    return value if isinstance(value, (bool, int, str)) or (isinstance(value, float) and value - value == 0) else None


def _problem(hint: Any) -> bool:
    try:
        schema_of(hint)
    except TypeError:
        return True
    return False
