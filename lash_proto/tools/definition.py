"""A tool: a function with what a model is told of it, and with what a loop must know to run it.

    @tool
    def grep(pattern: str, limit: Annotated[int, "At most so many lines."] = 20) -> list[str]:
        \"\"\"Find lines in the files of this directory.\"\"\"

Decisions. A Tool is a value and runs nothing by itself; it can be called as the function it was made of. Its settings
say what is safe, and the most careful is the default where a wrong guess does harm: a tool is never run twice unless
its maker says that it may be. Whether it may run beside others is the reverse, for most tools only read.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import reduce
from importlib import import_module
from typing import Any, Final, Generic, Literal, ParamSpec, SupportsIndex, TypeAlias, TypeVar, cast, overload

from attrs import Factory, field, frozen, validators

from ..errors import UnsupportedRequest
from ..fitting import Misfit
from ..messages import ToolDefinition
from ..projections import check_schema, no_parameters
from ..schema import Checker
from ..shapes import value_of
from .context import ToolContext
from .docstrings import parse_docstring
from .signatures import given_signature, signature_of, whole, written

P = ParamSpec("P")
R = TypeVar("R")

Execution: TypeAlias = Literal["parallel", "sequential"]
RetryPolicy: TypeAlias = Literal["never", "safe", "idempotent"]
Prepare: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]

# What one provider or another takes; each codec knows the narrower rule of its own.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def _label(tool: Tool[Any, Any]) -> str:
    return tool.name


def _named(module: str, name: str) -> Any:
    return reduce(getattr, name.split("."), cast("Any", import_module(module)))


def _checker(tool: Tool[Any, Any]) -> Checker:
    return Checker(tool.parameters)


@frozen(weakref_slot=False)
class Tool(Generic[P, R]):
    """A function that a model may call.

    `definition` is what the model is told, `label` what a person is shown. `prepare_arguments` mends the arguments of a
    call before they are checked. `execution`: a "sequential" tool makes the whole batch of calls it stands in run one
    by one. `timeout` is in seconds, None: no limit. `retry`: whether a call that may or may not have run is run again
    after a crash: "never", or it is "safe" (it changes nothing) or "idempotent" (the same call twice does what one
    does; `ToolContext.call_id` tells them). `approval`: the host is asked before each call.

    `shape` is the type that reads the arguments, None where they stay plain JSON; `context` the parameter that takes
    the ToolContext. Raises ImportError where jsonschema is not installed (extra `tools`).
    """

    definition: ToolDefinition
    execute: Callable[P, R]
    label: str = field(default=Factory(_label, takes_self=True))
    prepare_arguments: Prepare | None = None
    execution: Execution = field(default="parallel", validator=validators.in_(("parallel", "sequential")))
    timeout: float | None = field(default=None, validator=validators.optional(validators.gt(0)))
    retry: RetryPolicy = field(default="never", validator=validators.in_(("never", "safe", "idempotent")))
    approval: bool = False
    shape: Any = field(default=None, repr=False, eq=False)
    context: str | None = None
    checker: Checker = field(init=False, repr=False, eq=False, default=Factory(_checker, takes_self=True))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """By the name it has in its module, as functions are: the type of its arguments has none to be copied by."""
        with suppress(AttributeError, ImportError, TypeError, ValueError):
            function: Any = whole(self.execute)
            place = (function.__module__, function.__qualname__)
            if _named(*place) is self:
                return _named, place
        return super().__reduce_ex__(protocol)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.execute(*args, **kwargs)

    @property
    def name(self) -> str:
        """What the model calls it by."""
        return self.definition.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON Schema of its arguments."""
        said = self.definition.parameters
        return no_parameters(strict=True) if said is None else said

    @property
    def is_async(self) -> bool:
        """Whether a call of it is to be awaited, as far as the function tells by itself."""
        function = self.execute
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the function takes, of arguments in JSON. Raises Misfit where they are not what its types say."""
        return dict(arguments) if self.shape is None else cast("dict[str, Any]", value_of(self.shape, dict(arguments)))

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """What a driver does: call the function with arguments in JSON (`check_arguments`) and its context.

        What comes back may have to be awaited; `to_result` takes what then is there.
        """
        filled = self.read(arguments)
        if self.context is not None:
            filled[self.context] = context
        return cast("Callable[..., Any]", self.execute)(**filled)


@overload
def tool(
    function: Callable[P, R],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    label: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    prepare_arguments: Prepare | None = None,
    execution: Execution = "parallel",
    timeout: float | None = None,
    retry: RetryPolicy = "never",
    approval: bool = False,
) -> Tool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    label: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    prepare_arguments: Prepare | None = None,
    execution: Execution = "parallel",
    timeout: float | None = None,
    retry: RetryPolicy = "never",
    approval: bool = False,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
def tool(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    label: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    strict: bool | None = None,
    prepare_arguments: Prepare | None = None,
    execution: Execution = "parallel",
    timeout: float | None = None,
    retry: RetryPolicy = "never",
    approval: bool = False,
) -> Any:
    """A Tool of a function, by its signature and docstring, or by a JSON Schema of its keyword arguments.

    `@tool`, `@tool(...)` and `tool(function, ...)` are the same. `name` is the function's own, `description` its
    docstring less what that says of parameters, `label` the name. `parameters` is a JSON Schema: the function then
    gets plain JSON. `strict` asks the provider to hold the model to the schema. The rest is on `Tool`.

    Raises TypeError for a function that a model's JSON cannot call, ValueError for a name or a setting that is none,
    UnsupportedRequest (a ValueError) for a schema that is none, and ImportError where jsonschema is not installed
    (extra `tools`).
    """

    def make(function: Callable[P, R]) -> Tool[P, R]:
        if isinstance(function, (type, Tool)) or not callable(function):
            raise TypeError(f"a tool is made of a function, not of {function!r}")
        called = name or cast("str", getattr(whole(function), "__name__", type(function).__name__))
        if not _NAME.fullmatch(called):
            raise ValueError(
                f"{called!r} is no name for a tool: up to 128 letters, digits and _ - . :; give it as name="
            )
        said = parse_docstring(written(function).__doc__ or whole(function).__doc__)
        if parameters is None:
            signature = signature_of(function, called, said.parameters)
        else:
            _check(parameters, called)
            signature = given_signature(function, called, parameters)
        about = said.description if description is None else description
        return Tool(
            definition=ToolDefinition(called, about, signature.schema, strict),
            execute=function,
            label=called if label is None else label,
            prepare_arguments=prepare_arguments,
            execution=execution,
            timeout=timeout,
            retry=retry,
            approval=approval,
            shape=signature.shape,
            context=signature.context,
        )

    return make if function is None else make(function)


def tools_of(tools: Iterable[Any]) -> tuple[Tool[Any, Any], ...]:
    """Tools of tools and functions. ValueError where two have one name, and what `tool` raises."""
    made: tuple[Tool[Any, Any], ...] = tuple(
        cast("Tool[Any, Any]", each) if isinstance(each, Tool) else tool(each) for each in tools
    )
    names = [each.name for each in made]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two tools are called {min(twice)!r}")
    return made


def _check(parameters: Mapping[str, Any], name: str) -> None:
    check_schema(parameters, f"the parameters of tool {name}")
    try:
        Checker(parameters, strict=True)
    except Misfit as error:
        raise UnsupportedRequest(f"the parameters of tool {name} at #{error.path}", error.rule) from error
