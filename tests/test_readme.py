"""The README's code runs: every ```python block by itself, its calls sent to a faux server instead of a provider."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from lash_io.aio.transports.stream import StreamTransport as AioStreamTransport
from lash_io.blocking.transports.stream import StreamTransport
from lash_io.faux_server import FauxServer
from lash_proto import CallHttp, ImagePart, TextPart, ToolCallPart
from lash_proto.codecs import CODECS
from lash_proto.faux import FauxCall, FauxProvider, FauxReply
from lash_proto.providers import PRESETS, registry

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


def answer(call: FauxCall) -> FauxReply:
    """A picture where one is asked for, a call of the tool where there is one to answer, else a sentence."""
    if call.api.endswith("-images"):
        return FauxReply((ImagePart(data=b"\x89PNG", media_type="image/png"),))
    if call.body.get("tools") and "tool_result" not in json.dumps(call.body):
        return FauxReply((TextPart("Let me look. "), ToolCallPart("call_1", "weather", {"city": "Oslo"})))
    return FauxReply("Hi there.")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FauxProvider]:
    """A faux server to which every call goes, whatever its host; keys that look like none."""
    with FauxServer(FauxProvider(otherwise=answer)) as server:
        for transport in (StreamTransport, AioStreamTransport):
            plain: Any = transport.open

            def redirected(self: Any, call: CallHttp, plain: Any = plain) -> Any:
                parts = urlsplit(call.url)
                url = f"{server.url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
                return plain(self, attrs.evolve(call, url=url))

            monkeypatch.setattr(transport, "open", redirected)
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"):
            monkeypatch.setenv(name, "made-up")
        tables: list[dict[str, Any]] = [PRESETS, CODECS._made, registry._factories]  # type: ignore[attr-defined]
        before = [dict(table) for table in tables]
        yield server.provider
        for table, kept in zip(tables, before, strict=True):  # the README adds to each
            table.clear()
            table.update(kept)


@pytest.mark.parametrize("block", [pytest.param(block, id=f"{block.heading}, line {block.line}") for block in BLOCKS])
def test_the_code_in_the_readme_runs(block: Block, provider: FauxProvider) -> None:
    tree = ast.increment_lineno(ast.parse(block.code), block.line - 1)
    exec(compile(tree, str(README), "exec", dont_inherit=True), {"__name__": "__main__"})
    asks_a_provider = re.search(r"(Client|Agent)\(", block.code) is not None and "faux(" not in block.code
    assert bool(provider.calls) == asks_a_provider


def test_a_block_knows_its_heading_and_its_line() -> None:
    page = "# A\n```sh\n# no heading\nls\n```\n## B\n\n```python\nx = 1\n```\n```python\ny = 2\n```\n"
    assert blocks(page) == [Block("B", 9, "x = 1\n"), Block("B", 12, "y = 2\n")]
