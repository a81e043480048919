"""A function or a schema becomes a tool; the arguments of a call are checked; what comes back becomes a result."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .docstrings import Docstring as Docstring
    from .docstrings import parse_docstring as parse_docstring

_WHERE: Final[dict[str, str]] = {
    name: module
    for module, names in {
        "docstrings": "Docstring parse_docstring",
    }.items()
    for name in names.split()
}

__all__ = [
    "Docstring",
    "parse_docstring",
]


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
