"""A function or a schema becomes a tool; the arguments of a call are checked; what comes back becomes a result.

A loop of your own needs three of these:

    try:
        found = find_tool(tools, call.name)
        result = to_result(found(**validate_tool_arguments(found, call)))
    except Exception as error:
        result = error_result(error)
    messages.append(result.message(call))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .arguments import ToolArgumentsError as ToolArgumentsError
    from .arguments import ToolCallError as ToolCallError
    from .arguments import UnknownToolError as UnknownToolError
    from .arguments import check_arguments as check_arguments
    from .arguments import find_tool as find_tool
    from .arguments import validate_tool_arguments as validate_tool_arguments
    from .arguments import validate_tool_call as validate_tool_call
    from .context import ToolContext as ToolContext
    from .definition import Tool as Tool
    from .definition import tool as tool
    from .definition import tools_of as tools_of
    from .docstrings import Docstring as Docstring
    from .docstrings import parse_docstring as parse_docstring
    from .results import ToolResult as ToolResult
    from .results import error_result as error_result
    from .results import json_of as json_of
    from .results import to_result as to_result

_WHERE: Final[dict[str, str]] = {
    name: module
    for module, names in {
        "arguments": "ToolArgumentsError ToolCallError UnknownToolError check_arguments find_tool"
        " validate_tool_arguments validate_tool_call",
        "context": "ToolContext",
        "definition": "Tool tool tools_of",
        "docstrings": "Docstring parse_docstring",
        "results": "ToolResult error_result json_of to_result",
    }.items()
    for name in names.split()
}

__all__ = [
    "Docstring",
    "Tool",
    "ToolArgumentsError",
    "ToolCallError",
    "ToolContext",
    "ToolResult",
    "UnknownToolError",
    "check_arguments",
    "error_result",
    "find_tool",
    "json_of",
    "parse_docstring",
    "to_result",
    "tool",
    "tools_of",
    "validate_tool_arguments",
    "validate_tool_call",
]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
