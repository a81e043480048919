"""What Python users have today, each in a virtual environment of its own: `make bench-peers` sets them up.

A contender that needs one of them works in a process of its own, kept for as long as its rounds last, and answers each
line with what it measured: so its import, which can take seconds, is not counted, and its rounds interleave with ours.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .streams import Stream

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".venv-peers"

REQUIREMENTS = {
    "openai": "openai==3.51.*",
    "anthropic": "anthropic==2.10.*",
    "google": "google-genai==3.3.*",
    "litellm": "litellm==1.109.*",
    "pydantic-ai": "pydantic-ai-slim[openai]==2.68.*",
    "openai-agents": "openai-agents==0.24.*",
    "aiohttp": "aiohttp==3.14.*",
    "httpx": "httpx==0.28.*",
    "lash": str(ROOT),  # as a user has it: without extras, and without what its own tests need
}

SDKS = {"openai-completions": "openai", "openai-responses": "openai", "anthropic-messages": "anthropic"}
"""Which of them reads a stream of a dialect without a network."""


def python_of(name: str | None) -> Path:
    """The Python of a peer's virtual environment; None: the one that runs."""
    return Path(sys.executable) if name is None else PLACE / name / "bin" / "python"


def missing(*names: str | None) -> list[str]:
    """A line on each peer that is not there; its rows are left out."""
    gone = [name for name in dict.fromkeys(names) if not python_of(name).exists()]
    return [f"no row of {name}: .venv-peers/{name} is not there (make bench-peers sets it up)" for name in gone]


def environment(name: str, requirement: str) -> Path:
    """The Python that has the peer; its virtual environment is made on first use, and again for another requirement."""
    folder, python = PLACE / name, python_of(name)
    ready = folder / "requirement"
    if not ready.is_file() or ready.read_text() != requirement:
        print(f"Setting up {folder.relative_to(ROOT)} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
        editable = ["-e"] if requirement == str(ROOT) else []
        subprocess.run([str(python), *install, *editable, requirement], check=True)
        ready.write_text(requirement)
    return python


def outside() -> dict[str, str]:
    """The environment for a process that is measured: no proxies, keys or settings from outside, which some heed."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    # Or LiteLLM asks a server for its prices first.
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


class Worker:
    """A module of this package in a process of its own: a context manager. `ask` has it work once."""

    def __init__(self, python: Path, module: str, **settings: Any) -> None:
        self._command = [str(python), "-m", f"{__package__}.{module}", json.dumps(settings)]
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=outside()
        )

    def ask(self) -> Mapping[str, Any]:
        """What it measured this time. RuntimeError where it has ended; it told why on the standard error."""
        lines, answers = self._process.stdin, self._process.stdout
        assert lines is not None
        assert answers is not None
        try:
            lines.write("\n")
            lines.flush()
        except BrokenPipeError:
            pass
        answer = answers.readline()
        if not answer:
            raise RuntimeError(f"{self._command} ended")
        figures: Mapping[str, Any] = json.loads(answer)
        return figures

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes its standard input, by which it ends
            pass


@contextmanager
def sdk(stream: Stream, task: str = "decode") -> Iterator[dict[str, Callable[[], Mapping[str, Any]]]]:
    """The vendor's own SDK over a stream, by name; empty where there is none. See `sdk.py`."""
    vendor = SDKS.get(stream.api)
    if vendor is None or missing(vendor):
        yield {}
        return
    with tempfile.NamedTemporaryFile(suffix=".events") as file:
        file.write(b"\n".join([base64.b64encode(event) for event in stream.events]))
        file.flush()
        with Worker(python_of(vendor), "sdk", api=stream.api, file=file.name, task=task) as worker:
            yield {f"{vendor} SDK" if task != "helper" else f"{vendor} SDK, .stream()": worker.ask}


def work(begin: Callable[[], Callable[[], Mapping[str, Any]]]) -> None:
    """A worker's life: what `begin` gives is called for each line, and what that gives is the answer."""
    answers, sys.stdout = sys.stdout, sys.stderr  # some peers print
    measure = begin()
    for _ in sys.stdin:
        print(json.dumps(measure()), file=answers, flush=True)
    os._exit(0)  # what clients hold open goes with the process, without their complaints


if __name__ == "__main__":
    for peer, wanted in REQUIREMENTS.items():
        environment(peer, wanted)
