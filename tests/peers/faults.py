"""`make peers-faults`: the fault server, read by lash and by what Python users have today, as one table in Markdown.

Each peer lives in a virtual environment of its own and is told to wait for one second at the most and to try nothing
again. A cell is right where a whole answer is given whole, and anything else ends in an error of the peer's own kind.
Names as arguments choose among the peers. Exits 1 where a cell of lash is wrong.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from run import Peer
from watch import TIMEOUT

from benchmarks.peers import environment
from tests.faults.readers import READERS, problem, read
from tests.faults.scenes import (
    APIS,
    CHAT,
    GEMINI,
    MESSAGES,
    RESPONSES,
    SCENES,
    Scene,
    said,
    scripts,
    stream,
)
from tests.faults.server import FaultServer

HERE = Path(__file__).resolve().parent

PEERS = [
    Peer(
        "faults-openai",
        "openai==3.57.*",
        {"chat create": CHAT, "chat .stream()": CHAT, "responses create": RESPONSES, "responses .stream()": RESPONSES},
    ),
    Peer("faults-anthropic", "anthropic==2.14.*", {"messages create": MESSAGES, "messages .stream()": MESSAGES}),
    Peer("faults-google", "google-genai==3.6.*", {"stream": GEMINI}),
    Peer("faults-litellm", "litellm==1.110.*", {"chat": CHAT, "messages": MESSAGES, "gemini": GEMINI}),
    Peer(
        "faults-pydantic-ai",
        "pydantic-ai-slim[anthropic,google,openai]==2.68.*",
        {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES, "gemini": GEMINI},
    ),
]


def middle(api: str) -> str:
    """The scene of a clean end after some text."""
    events = stream(api)
    return next(f"eof-{number}" for number in range(len(events)) if len(said(api, events[:number])) > 6)


ROWS: list[tuple[str, Any]] = [
    ("the stream ends cleanly after some text", middle),
    ("the stream ends cleanly before its first event", "eof-0"),
    ("all events come, but not the last chunk", "no-last-chunk-after-end"),
    ("a chunk is shorter than it says", "short-chunk"),
    ("a body is shorter than it says", "short-length"),
    ("the connection is reset after some text", "rst-inside-event"),
    ("silence after some text", "stall"),
    ("nothing but pings after some text", "pings"),
    ("one byte every 10 ms", "drip-too-slow"),
    ("an error event after some text", "error-event"),
    ("an error object with status 200", "error-200"),
    ("a page of HTML with status 200", "html-200"),
    ("a page of HTML with status 502", "html-502"),
    ("broken JSON in an event", "broken-json-in-event"),
    ("JSON nested 100,000 deep in an event", "deep-json"),
    ("something that is not HTTP", "garbage-http"),
    ("a stream labelled as JSON", "stream-as-json"),
    ("line ends by CR alone", "cr"),
    ("a byte order mark", "bom"),
    ("one character in two events (split surrogates)", "split-surrogates"),
    ("two calls, both at index 0", "call-all-at-index-0"),
    ("two calls, no index", "call-no-index"),
    ("two calls, their pieces mixed", "call-interleaved"),
]


@frozen
class Reading:
    """One mode's reading of one scene: what was wrong with it, None where nothing."""

    mode: str
    wrong: str | None


def main(names: list[str]) -> int:
    known = [peer.name.removeprefix("faults-") for peer in PEERS]
    if unknown := set(names) - {"lash", *known}:
        print(f"no such peer: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    scenes = {
        (title, api): scene
        for title, name in ROWS
        for api in APIS
        for scene in SCENES
        if scene.api == api and scene.name == (name if isinstance(name, str) else name(api))
    }
    columns: dict[str, dict[str, list[Reading]]] = {}
    with FaultServer(scripts()) as server:
        if not names or "lash" in names:
            columns["lash"] = read_by_lash(scenes, server.url)
        for peer, name in zip(PEERS, known, strict=True):
            if not names or name in names:
                columns[name] = read_by(peer, scenes, server.url)
    show(columns)
    return 1 if any(reading.wrong for row in columns.get("lash", {}).values() for reading in row) else 0


def read_by_lash(scenes: dict[tuple[str, str], Scene], url: str) -> dict[str, list[Reading]]:
    """Our own readings, by both transports under all three drivers, with the same patience."""
    patience = {"first_event_timeout": TIMEOUT, "idle_timeout": TIMEOUT}
    rows: dict[str, list[Reading]] = {}
    for (title, api), scene in scenes.items():
        for reader in READERS:
            told = read(evolve(scene, options={**scene.options, **patience}), url, *reader)
            rows.setdefault(title, []).append(Reading(f"{api} {' '.join(reader)}", problem(scene, told)))
    return rows


def read_by(peer: Peer, scenes: dict[tuple[str, str], Scene], url: str) -> dict[str, list[Reading]]:
    """The readings of a stranger."""
    jobs = [
        (title, mode, scenes[title, api])
        for title, _ in ROWS
        for mode, api in peer.modes.items()
        if (title, api) in scenes and not (title.startswith("two calls") and mode.endswith("create"))
    ]
    asked = json.dumps({"url": url, "jobs": [[mode, scene.path] for _, mode, scene in jobs]})
    script = HERE / f"fault_{peer.name.removeprefix('faults-').replace('-', '_')}.py"
    outside = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    python = environment(peer.name, peer.requirement)
    ran = subprocess.run(
        [str(python), "-W", "ignore", str(script)], input=asked, capture_output=True, text=True, env=outside,
        timeout=900, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise SystemExit(f"{peer.name}'s reader failed:\n{ran.stderr}")
    rows: dict[str, list[Reading]] = {}
    for (title, mode, scene), seen in zip(jobs, json.loads(ran.stdout.splitlines()[-1]), strict=True):
        rows.setdefault(title, []).append(Reading(mode, judge(scene, seen)))
    return rows


def judge(scene: Scene, seen: dict[str, Any]) -> str | None:
    """What is wrong with what a stranger's user saw, in the words of a cell; None where nothing is."""
    if seen["hung"]:
        return "hangs"
    if scene.kinds:
        if seen["error"] is None:
            return f"success (`{seen['stop']}`)" if seen["stop"] else "no error"
        return None if seen["typed"] else f"`{seen['error']}`"
    if seen["error"] is not None:
        return f"`{seen['error']}`"
    if seen["text"] is None:
        return "text that cannot be encoded"
    if seen["text"] != scene.text:
        return "text lost" if not seen["text"] else "wrong text"
    if seen["calls"] is not None:
        calls = [[name, read_json(arguments)] for name, arguments in seen["calls"]]
        if calls != [[name, dict(arguments)] for _, name, arguments in scene.calls]:
            return "calls lost" if not calls else "wrong calls"
    return None if seen["stop"] else "no stop reason"


def read_json(text: str) -> Any:
    """What it says, or itself where it is no JSON."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def show(columns: dict[str, dict[str, list[Reading]]]) -> None:
    """The table, and below it the readings behind the cells that are wrong."""
    titles = [title for title, _ in ROWS]
    versions = {peer.name.removeprefix("faults-"): " ".join(peer.requirement.split("==")) for peer in PEERS}
    heads = [re.sub(r"\[.*]|-slim|\.\*", "", versions.get(name, name)) for name in columns]
    print(f"| fault | {' | '.join(heads)} |")
    print(f"|---|{'---|' * len(columns)}")
    for title in titles:
        print(f"| {title} | {' | '.join(cell(rows.get(title, [])) for rows in columns.values())} |")
    print()
    for name, rows in columns.items():
        right = sum(bool(rows.get(title)) and not any(reading.wrong for reading in rows[title]) for title in titles)
        print(f"{name}: {right} of {sum(title in rows for title in titles)} right")
    for name, rows in columns.items():
        for title, readings in rows.items():
            for reading in readings:
                if reading.wrong:
                    print(f"  {name}, {reading.mode}, {title}: {reading.wrong}")


def cell(readings: Iterable[Reading]) -> str:
    """All readings of a peer in one cell: right only where all are."""
    readings = list(readings)
    if not readings:
        return "–"
    wrong = dict.fromkeys(reading.wrong for reading in readings if reading.wrong)
    return "✗ " + ", ".join(wrong) if wrong else "✓"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
