"""`lash_io.aio` and `lash_io.blocking` are twins: the same files, names and signatures, but for what is awaited."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import lash_io

ROOT = Path(lash_io.__file__).parent


def modules(twin: str) -> set[str]:
    return {path.relative_to(ROOT / twin).as_posix() for path in (ROOT / twin).rglob("*.py")}


# What only one colour of code needs.
ALONE = {"aio": {"loops.py", "pausing.py"}, "blocking": set[str]()}
SHARED = sorted(modules("aio") & modules("blocking"))


def test_the_same_files() -> None:
    assert modules("aio") - ALONE["aio"] == modules("blocking") - ALONE["blocking"]


def pair(path: str) -> tuple[Any, Any]:
    name = path.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".")
    return tuple(importlib.import_module(f"lash_io.{twin}.{name}".rstrip(".")) for twin in ("aio", "blocking"))  # type: ignore[return-value]


@pytest.mark.parametrize("path", SHARED)
def test_the_same_names(path: str) -> None:
    aio, blocking = pair(path)
    alone = {"connect"} if path == "connection.py" else set[str]()  # who connects chooses the loop's byte stream
    assert set(aio.__all__) - alone == set(blocking.__all__)


COLOURS = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__", "__anext__": "__next__"}


def signatures(module: Any, name: str) -> dict[str, str]:
    """Each public callable of a thing and the parameters it takes; the annotations name each twin's own types."""
    thing = getattr(module, name)
    if not inspect.isclass(thing):
        return {name: parameters(thing)} if callable(thing) else {}
    found = {"": parameters(thing)}
    for key, member in vars(thing).items():
        if (not key.startswith("_") or key in COLOURS or key in COLOURS.values()) and inspect.isfunction(member):
            found[COLOURS.get(key, key)] = parameters(member)
        elif isinstance(member, property) and not key.startswith("_"):
            found[key] = "property"
    return found


def parameters(thing: Any) -> str:
    shape = inspect.signature(thing)
    return str([(p.name, p.kind.name, repr(p.default)) for p in shape.parameters.values()])


@pytest.mark.parametrize("path", [path for path in SHARED if path not in ("connection.py", "idle.py")])
def test_the_same_signatures(path: str) -> None:
    aio, blocking = pair(path)
    assert {name: signatures(aio, name) for name in aio.__all__} == {
        name: signatures(blocking, name) for name in blocking.__all__
    }
