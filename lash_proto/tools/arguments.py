"""The arguments of a call, checked and made what the function takes; or an error that tells the model what to mend.

Decisions. Arguments that fit are taken as they are. Only what does not fit is looked at again, by somebody who knows
how models slip: "42" for 42, one value for a list of one, a list written out as a string, "true" for true. A null is
never taken for 0, "" or false, which would hide a mistake; at a key that may be left out it stands for that. In a
choice, an arm that fits as it is comes before one that the value would have to be bent to. What was no JSON object from
the beginning is not looked at at all: what could be saved of it is not what the model meant.

The error is written for the model: every problem at once, each with its place, and the arguments as they came, for the
model has sent many. It is cut where it gets long, and holds no credential.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from attrs import Factory, define, field

from ..failures import LashError
from ..fitting import Fitting, Misfit, has_type
from ..messages import ToolCallPart
from ..shapes import value_of
from ..values import Json, JsonDict, dump_json, parse_json, redact_text, shorten
from .definition import Tool

AnyTool = TypeVar("AnyTool", bound=Tool[Any, Any])

MAX_PROBLEMS: Final = 10
"""Problems of one call that its error tells; of the rest it tells the number."""
MAX_RECEIVED: Final = 2_000
"""Characters of the arguments as they came, in the error."""
MAX_NAMES: Final = 50
"""Names of tools in the error of a call that asks for one that is not there."""


class ToolCallError(LashError, ValueError):
    """A call that no tool is run for. The message is written for the model; `tool` is the name that it called."""

    def __init__(self, tool: str, message: str) -> None:
        super().__init__(message)
        self.tool = tool

    def __reduce__(self) -> Any:
        return type(self), (self.tool, str(self)), self.__dict__


class UnknownToolError(ToolCallError):
    """There is no tool by this name."""


class ToolArgumentsError(ToolCallError):
    """The arguments are not what the tool takes. `problems` tells of each its place, a JSON Pointer, and the rule."""

    problems: tuple[tuple[str, str], ...]

    def __init__(self, tool: str, message: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(tool, message)
        self.problems = problems


def find_tool(tools: Iterable[AnyTool], name: str) -> AnyTool:
    """The tool of this name. Raises UnknownToolError, which lists the names that there are."""
    names: list[str] = []
    for each in tools:
        if each.name == name:
            return each
        names.append(each.name)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    there = f"The tools are: {', '.join(names[:MAX_NAMES])}{more}." if names else "There are no tools."
    raise UnknownToolError(name, f"There is no tool {shorten(dump_json(name), 200)}. {there}")


def validate_tool_call(tools: Iterable[Tool[Any, Any]], call: ToolCallPart) -> dict[str, Any]:
    """The keyword arguments for the tool that the call asks for, checked; for a loop of your own.

    Raises UnknownToolError or ToolArgumentsError; either's text is what to answer the model (`error_result`).
    """
    return validate_tool_arguments(find_tool(tools, call.name), call)


def validate_tool_arguments(tool: Tool[Any, Any], call: ToolCallPart) -> dict[str, Any]:
    """The keyword arguments for the tool's function: typed where its parameters are, else plain JSON, made anew.

    Raises ToolArgumentsError, whose text is what to answer the model.
    """
    if call.kind == "custom":
        raise _refused(tool, call, [Misfit("", "it takes JSON arguments, not free text")])
    if call.arguments_error is not None:
        raise _refused(tool, call, [Misfit("", f"they are not a JSON object ({call.arguments_error})")])
    try:
        arguments = _prepared(tool, call)
        fitted = _Exact(tool.parameters).fit(arguments, tool.parameters)[0]
        problems = tool.checker.problems(fitted)
        if problems:
            fitted = _Bent(tool.parameters).fit(arguments, tool.parameters)[0]
            problems = tool.checker.problems(fitted)
        if not problems:
            return cast("dict[str, Any]", fitted if tool.shape is None else value_of(tool.shape, fitted))
    except Misfit as error:
        problems = [error]
    except RecursionError:
        problems = [Misfit("", "nested deeper than the caller's stack allows")]
    raise _refused(tool, call, problems)


def _prepared(tool: Tool[Any, Any], call: ToolCallPart) -> Json:
    """The arguments as JSON of their own: what a tool does to them must not change the conversation."""
    arguments = parse_json(dump_json(dict(call.arguments)))
    if tool.prepare_arguments is None:
        return arguments
    try:
        return parse_json(dump_json(dict(tool.prepare_arguments(arguments))))
    except Exception as error:  # the app's own code may raise what it likes
        raise Misfit("", f"they could not be prepared: {str(error) or type(error).__name__}") from error


def _refused(tool: Tool[Any, Any], call: ToolCallPart, problems: list[Misfit]) -> ToolArgumentsError:
    told = tuple((problem.path, problem.rule) for problem in problems)
    lines = [f"- {path or 'the arguments'}: {rule}" for path, rule in told[:MAX_PROBLEMS]]
    if len(told) > MAX_PROBLEMS:
        lines.append(f"- and {len(told) - MAX_PROBLEMS} more")
    received = call.raw_arguments or dump_json(dict(call.arguments))
    text = "\n".join(
        [
            f"The tool {tool.name} was not run, for its arguments do not fit:",
            *lines,
            "Mend them and call it again. The arguments as received:",
            shorten(received, MAX_RECEIVED),
        ]
    )
    return ToolArgumentsError(tool.name, redact_text(text), told)


# --- how models slip -------------------------------------------------------------------------------------------------


@define
class _Exact(Fitting):
    """Takes out nulls that stand for what was left out, and 1.0 where an integer is wanted, which it is."""

    kept: list[Json] = Factory(list[Any])
    """What was made here: `known` goes by ids, which must not be used again."""

    def as_type(self, value: Json, said: Json) -> Json:
        words = _words(said)
        if type(value) is float and "integer" in words and "number" not in words and value.is_integer():
            return self.keep(int(value))
        return value

    def keep(self, value: Json) -> Json:
        self.kept.append(value)
        return value


@define
class _Bent(_Exact):
    """Bends what does not fit to the first type that takes it (AI_AND_PI 7.2, less what it makes of nulls)."""

    exact: _Exact = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.exact = _Exact(self.whole)

    def as_type(self, value: Json, said: Json) -> Json:
        value = _Exact.as_type(self, value, said)
        if value is None or has_type(value, said):
            return value
        for word in _words(said):
            bent = _BENDS[word](value)
            if bent is not value:
                return self.keep(bent)
        return value

    def choose(self, value: Json, arms: Sequence[Json]) -> tuple[Json, bool]:
        made, fits = self.exact.choose(value, arms)
        return (made, fits) if fits else _Exact.choose(self, value, arms)


def _words(said: Json) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _read(text: str) -> Json:
    """The JSON that a string spells; None where it spells none."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def _number(value: Json) -> Json:
    if isinstance(value, bool):
        return int(value)
    read: Json = _read(value) if isinstance(value, str) else None
    return read if type(read) in (int, float) and read - read == 0 else value  # 1e999 is read as infinity


def _integer(value: Json) -> Json:
    number = _number(value)
    return int(number) if type(number) in (int, float) and number == number // 1 else value


def _boolean(value: Json) -> Json:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value, value)
    return bool(value) if type(value) in (int, float) and value in (0, 1) else value


def _string(value: Json) -> Json:
    return dump_json(value) if isinstance(value, (bool, int, float)) else value


def _null(value: Json) -> Json:
    return None if isinstance(value, (str, bool, int, float)) and not value else value


def _array(value: Json) -> Json:
    read = _read(value) if isinstance(value, str) else None
    return cast("list[Json]", read) if isinstance(read, list) else [value]


def _object(value: Json) -> Json:
    read = _read(value) if isinstance(value, str) else None
    return cast("JsonDict", read) if isinstance(read, dict) else value


_BENDS: Final[Mapping[str, Callable[[Json], Json]]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
    "null": _null,
    "array": _array,
    "object": _object,
}
