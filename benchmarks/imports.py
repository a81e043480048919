"""What an import costs, net of the bare interpreter: a process each time, its bytecode compiled before.

What is compared with is `import openai`, a client made and its chat looked up, which imports what it puts off. Ours
stands in a virtual environment of its own as well, where nothing is installed that it does not need.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import peers
from .options import Options
from .rounds import Contender, Figures, interleave, median, ratio
from .tables import Row, Table

OPENAI = "openai, client, chat"
HANDLE = "from lash_proto.providers import openai_compatible as of; h = of('none', base_url='http://localhost/v1')"
PROGRAMS: dict[str, tuple[str | None, str]] = {
    OPENAI: ("openai", "import openai; openai.OpenAI(api_key='none').chat.completions"),
    "import lash_proto": ("lash", "import lash_proto"),
    "lash, one codec": ("lash", "from lash_proto.codecs import CODECS; CODECS['anthropic-messages']"),
    "lash, blocking Client": ("lash", f"from lash_io.blocking import Client; {HANDLE}; Client(h)"),
    "lash, aio Client": ("lash", f"from lash_io.aio import Client; {HANDLE}; Client(h)"),
    "anthropic, client, messages": ("anthropic", "import anthropic; anthropic.Anthropic(api_key='none').messages"),
    "google.genai, client": ("google", "from google import genai; genai.Client(api_key='none').models"),
    "pydantic_ai, OpenAI model": ("pydantic-ai", "import pydantic_ai; import pydantic_ai.models.openai"),
    "litellm": ("litellm", "import litellm"),
    "aiohttp": ("aiohttp", "import aiohttp"),
    "httpx": ("httpx", "import httpx; httpx.Client()"),
    "json, asyncio, ssl": ("lash", "import json, asyncio, ssl"),
}
GOALS = {"import lash_proto": 0.05, "lash, one codec": 0.2, "lash, blocking Client": 0.25, "lash, aio Client": 0.35}


def run(options: Options) -> Iterator[Table]:
    """One table; without openai there is nothing to compare with, and the base is our aio Client."""
    # Where ours is not set up, the Python that runs has it, among much else.
    where = {name: None if peer == "lash" and peers.missing(peer) else peer for name, (peer, _) in PROGRAMS.items()}
    notes = peers.missing(*where.values())
    there = {name: PROGRAMS[name][1] for name in PROGRAMS if not peers.missing(where[name])}
    contenders = {name: _process(peers.python_of(where[name]), program) for name, program in there.items()}
    bare = {f"bare {name}": _process(peers.python_of(where[name]), "") for name in there}
    figures = interleave(contenders | bare, options.rounds)
    net = {name: _net(figures[name], figures[f"bare {name}"]) for name in there}
    base = OPENAI if OPENAI in net else "lash, aio Client"
    rows = [
        Row.of(
            name,
            [f"{median(measured) * 1e3:.0f}"],
            ratio(measured, net[base]),
            GOALS.get(name) if base == OPENAI else None,
        )
        for name, measured in net.items()
    ]
    title = f"imports: CPU net of the bare interpreter, medians of {options.rounds} rounds"
    yield Table("imports", title, ["ms"], f"x {base}", rows, notes)


def _net(measured: list[Figures], bare: list[Figures]) -> list[Figures]:
    return [{"cpu": each["cpu"] - none["cpu"]} for each, none in zip(measured, bare, strict=True)]


def _process(python: Path, program: str) -> Contender:
    # Not the environment as it is: PYTHONDONTWRITEBYTECODE would have ours compiled each time.
    settings: dict[str, Any] = {"cwd": peers.ROOT.anchor, "env": peers.outside()}

    def contender() -> Figures:
        process = subprocess.Popen([str(python), "-c", program], **settings)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{program!r} failed")
        return {"cpu": used.ru_utime + used.ru_stime}

    return contender
