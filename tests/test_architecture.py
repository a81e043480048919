"""Who may import and call what: the rules that a linter of imports cannot see, held on the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

IMPURE = frozenset(
    "anyio asyncio email http.client httpcore io logging multiprocessing os pathlib queue random secrets select"
    " selectors shutil signal socket sqlite3 ssl subprocess tempfile threading time trio urllib.request uuid".split()
)
IMPURE_CALLS = frozenset({"open", "print", "input"})
CLOCKS = frozenset({"now", "utcnow", "today"})  # of `datetime` and `date`

REQUIRED = frozenset({"attrs", "attr", "h11", "lash_proto"})
# Imported on first use, and only where installed.
OPTIONAL = {
    "lash_proto/values.py": {"msgspec"},
    "lash_proto/schema.py": {"jsonschema", "referencing"},
    "lash_proto/prices.py": {"genai_prices"},
    "lash_proto/http.py": {"brotli", "zstandard"},
}
DIALECTS = (
    "anthropic_messages",
    "google",
    "openai_completions",
    "openai_images",
    "openai_responses",
    "openrouter_images",
)


def imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of all that a file imports, `from a import b` told as `a.b`. `package` is the file's own."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                stem = ".".join([*parents, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name if not name.startswith(".") else package + name
            case _:
                pass


def within(name: str, modules: frozenset[str] | set[str]) -> bool:
    """Whether a dotted name is one of the modules, or stands in one of them."""
    return any(name == module or name.startswith(module + ".") for module in modules)


def impurities(source: str, path: str = "lash_proto/example.py") -> list[str]:
    """What a file of lash_proto does that it must not, a line each."""
    tree = ast.parse(source)
    allowed = REQUIRED | OPTIONAL.get(path, set()) | sys.stdlib_module_names
    found = [
        f"{path}:{line} imports {name}"
        for line, name in imports(tree, package_of(path))
        if within(name, IMPURE) or name.partition(".")[0] not in allowed
    ]
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                found.append(f"{path}:{node.lineno} calls {name}")
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=clock) if (
                clock in CLOCKS and owner in {"datetime", "date"}
            ):
                found.append(f"{path}:{node.lineno} reads the clock by {owner}.{clock}")
            case _:
                pass
    return found


def package_of(path: str) -> str:
    return path.rpartition("/")[0].replace("/", ".")


def files(folder: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("lash_proto"))
def test_lash_proto_touches_nothing(path: str) -> None:
    assert impurities((ROOT / path).read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("source", "impurity"),
    [
        ("import time", "imports time"),
        ("import json, os.path", "imports os.path"),
        ("from http.client import HTTPConnection", "imports http.client.HTTPConnection"),
        ("from http import client", "imports http.client"),
        ("from urllib import request", "imports urllib.request"),
        ("import requests", "imports requests"),
        ("import msgspec", "imports msgspec"),
        ("import lash_io", "imports lash_io"),
        ("def late():\n    import socket", "imports socket"),
        ("importlib.import_module('ssl')", "imports ssl"),
        ("open('x')", "calls open"),
        ("print()", "calls print"),
        ("datetime.now()", "reads the clock by datetime.now"),
        ("datetime.datetime.utcnow()", "reads the clock by datetime.utcnow"),
        ("clock = date.today", "reads the clock by date.today"),
    ],
)
def test_the_check_sees_what_touches_the_world(source: str, impurity: str) -> None:
    (found,) = impurities(source)
    assert found.partition(" ")[2] == impurity


@pytest.mark.parametrize(
    "source",
    [
        "import h11, attrs, http, urllib.parse, json",
        "from attrs import frozen",
        "from http import HTTPStatus",
        "from . import http",
        "from .time import x",
        "file.open('x')",
        "state.now",
        "importlib.import_module(name)",
    ],
)
def test_the_check_lets_the_pure_part_of_the_standard_library_pass(source: str) -> None:
    assert impurities(source) == []


def test_an_optional_dependency_has_one_file() -> None:
    assert impurities("import msgspec", "lash_proto/values.py") == []


@pytest.mark.parametrize("room", DIALECTS)
def test_dialects_do_not_import_each_other(room: str) -> None:
    others = {f"lash_proto.codecs.{other}" for other in DIALECTS if other != room}
    assert strangers(f"lash_proto/codecs/{room}", others) == []


@pytest.mark.parametrize(("room", "twin"), [("aio", "blocking"), ("blocking", "aio")])
def test_the_twins_do_not_import_each_other(room: str, twin: str) -> None:
    assert strangers(f"lash_io/{room}", {f"lash_io.{twin}"}) == []


def strangers(folder: str, others: set[str]) -> list[str]:
    return [
        f"{path}:{line} imports {name}"
        for path in files(folder)
        for line, name in imports(ast.parse((ROOT / path).read_text(encoding="utf-8")), package_of(path))
        if within(name, others)
    ]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from ..openai_completions import decode", "lash_proto.codecs.openai_completions.decode"),
        ("from .. import openai_completions", "lash_proto.codecs.openai_completions"),
        ("from lash_proto.codecs import openai_completions", "lash_proto.codecs.openai_completions"),
        ("from . import decode", "lash_proto.codecs.anthropic_messages.decode"),
        ("from ...values import Json", "lash_proto.values.Json"),
    ],
)
def test_a_relative_import_is_told_by_its_full_name(source: str, name: str) -> None:
    assert list(imports(ast.parse(source), "lash_proto.codecs.anthropic_messages")) == [(1, name)]


@pytest.mark.parametrize("package", ["lash_proto", "lash_io"])
def test_each_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_importing_the_core_loads_nothing_that_touches_the_world() -> None:
    """Every module of lash_proto, in a fresh interpreter."""
    modules = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files("lash_proto")]
    heavy = {"anyio", "asyncio", "httpcore", "lash_io", "ssl", "trio"}
    script = f"import sys, {', '.join(modules)}; print(sorted({heavy!r} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.stderr, ran.stdout) == ("", "[]\n")
