"""The vendors' own SDKs beside us, where `make peers` has set up their virtual environments in `.venv-peers`.

Each reads in a process of its own, kept for all rounds, and says how much CPU a reading took: so its import, which can
take a second, is not counted, and its rounds interleave with ours.
"""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .streams import Stream

PLACE = Path(__file__).parent.parent / ".venv-peers"
SDKS = {"openai-completions": "openai", "openai-responses": "openai", "anthropic-messages": "anthropic"}


def missing(api: str) -> str | None:
    """Why there is no row of an SDK in that dialect's table; None where there is one."""
    sdk = SDKS.get(api)
    if sdk is None:
        return "no SDK is measured for this dialect"
    if not _python(sdk).exists():
        return f"no row of the {sdk} SDK: .venv-peers/{sdk} is not there (make peers sets it up)"
    return None


def _python(sdk: str) -> Path:
    return PLACE / sdk / "bin" / "python"


@contextmanager
def reader(stream: Stream) -> Iterator[dict[str, Callable[[], float]]]:
    """By name, what reads the stream once and gives the seconds of CPU it took; empty where `missing` says why."""
    if missing(stream.api) is not None:
        yield {}
        return
    sdk = SDKS[stream.api]
    with tempfile.NamedTemporaryFile(suffix=".events") as file:
        file.write(b"\n".join([base64.b64encode(event) for event in stream.events]))
        file.flush()
        script = Path(__file__).with_name("peer_reader.py")
        command = [str(_python(sdk)), str(script), stream.api, file.name]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        lines, answers = process.stdin, process.stdout

        def read() -> float:
            lines.write("\n")
            lines.flush()
            return float(answers.readline())

        try:
            yield {f"{sdk} SDK, an event a chunk": read}
        finally:
            lines.close()
            answers.close()
            process.wait()
