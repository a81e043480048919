"""`lash_proto` and its rooms offer their names late; what type checkers read and what Python finds are the same."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ["lash_proto", "lash_proto.codecs", "lash_proto.providers", "lash_proto.tools", "lash_io"]


def promised(package: Any) -> set[str]:
    """The names that the `if TYPE_CHECKING` block imports."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    return {name.asname or name.name for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}


def here(package: Any) -> set[str]:
    """The names of `__all__` that the file itself defines."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    made = [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {target.id for target in made if isinstance(target, ast.Name)} & set(package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_is_promised_and_found(name: str) -> None:
    package = import_module(name)
    assert promised(package) == set(package.__all__) - {"__version__"} - here(package)
    assert [each for each in package.__all__ if not hasattr(package, each)] == []
    assert set(package.__all__) <= set(dir(package))


@pytest.mark.parametrize("name", PACKAGES)
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = import_module(name).no_such_name
