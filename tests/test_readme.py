"""The README's code runs: every ```python block by itself, in the order of the page."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import attrs
import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


@attrs.frozen
class Block:
    """One piece of code: `line` is where it stands in the README, so that a traceback points there."""

    heading: str
    line: int
    code: str


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        before = text[: match.start(1)]
        headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", before, flags=re.MULTILINE | re.DOTALL), re.M)
        found.append(Block(headings[-1] if headings else "", before.count("\n") + 1, match[1]))
    return found


BLOCKS = blocks(README.read_text(encoding="utf-8"))


@pytest.mark.parametrize("block", [pytest.param(block, id=f"{block.heading}, line {block.line}") for block in BLOCKS])
def test_the_code_in_the_readme_runs(block: Block) -> None:
    tree = ast.increment_lineno(ast.parse(block.code), block.line - 1)
    exec(compile(tree, str(README), "exec"), {"__name__": "__main__"})


def test_a_block_knows_its_heading_and_its_line() -> None:
    page = "# A\n```sh\n# no heading\nls\n```\n## B\n\n```python\nx = 1\n```\n```python\ny = 2\n```\n"
    assert blocks(page) == [Block("B", 9, "x = 1\n"), Block("B", 12, "y = 2\n")]
