"""`make peers`: strangers read what we write, and we read what a stranger writes.

The vendors' own SDKs, each in a virtual environment of its own, are aimed at our faux server and must see what was
scripted; then our clients read @copilotkit/aimock, a fake of the same APIs that shares no code with us. What an SDK is
known to do its own way stands in quirks.py with the reason. Exits 1 where anything else differs.

It needs a package index to set itself up, so it is no part of `make test`. Names as arguments choose among the peers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aimock
from attrs import frozen
from quirks import QUIRKS
from scenarios import ANTHROPIC, CHAT, GOOGLE, RESPONSES, SCENARIOS, Scenario, answer, scripted
from table import Row, show

from benchmarks.peers import PLACE, environment
from lash_io.faux_server import FauxServer
from lash_proto.faux import FauxProvider

HERE = Path(__file__).resolve().parent


@frozen
class Peer:
    """A vendor's SDK: what to install, and its ways of reading with the dialect each speaks."""

    name: str
    requirement: str
    modes: dict[str, str]


PEERS = [
    Peer(
        "openai",
        "openai==3.51.*",
        {
            "chat whole": CHAT,
            "chat create": CHAT,
            "chat .stream()": CHAT,
            "chat parse": CHAT,
            "responses whole": RESPONSES,
            "responses create": RESPONSES,
            "responses .stream()": RESPONSES,
            "responses parse": RESPONSES,
            "codex create": RESPONSES,
        },
    ),
    Peer(
        "anthropic",
        "anthropic==2.10.*",
        {
            "messages whole": ANTHROPIC,
            "messages create": ANTHROPIC,
            "messages .stream()": ANTHROPIC,
            "messages parse": ANTHROPIC,
            "beta .stream()": ANTHROPIC,
        },
    ),
    Peer(
        "google",
        "google-genai==3.3.*",
        {
            "whole default": GOOGLE,
            "whole v1beta": GOOGLE,
            "stream default": GOOGLE,
            "stream v1": GOOGLE,
            "stream v1beta": GOOGLE,
            "aio default": GOOGLE,
        },
    ),
]


def main(names: list[str]) -> int:
    unknown = set(names) - {"aimock", *(peer.name for peer in PEERS)}
    if unknown:
        print(f"no such peer: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    with FauxServer(FauxProvider(otherwise=answer)) as server:
        for peer in PEERS:
            if not names or peer.name in names:
                rows += read_by(peer, server.url)
    if not names or "aimock" in names:
        rows += aimock.rows(PLACE / "aimock")
    return show(rows)


def read_by(peer: Peer, url: str) -> Iterator[Row]:
    """The peer's readings of every scenario, held against what was scripted."""
    jobs = [
        (mode, scenario)
        for mode, api in peer.modes.items()
        for scenario in SCENARIOS.values()
        if wanted(mode, api, scenario)
    ]
    asked = json.dumps({"url": url, "jobs": [[mode, scenario.name] for mode, scenario in jobs]})
    command = [str(environment(peer.name, peer.requirement)), str(HERE / f"read_{peer.name}.py")]
    # No proxies, keys or settings from outside: an SDK would heed them.
    outside = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    ran = subprocess.run(command, input=asked, capture_output=True, text=True, env=outside, timeout=600, check=False)
    if ran.returncode:
        raise SystemExit(f"{peer.name}'s reader failed:\n{ran.stderr}")
    for (mode, scenario), seen in zip(jobs, json.loads(ran.stdout), strict=True):
        yield compare(peer.name, mode, scenario, seen, scripted(scenario, peer.modes[mode]))


def wanted(mode: str, api: str, scenario: Scenario) -> bool:
    whole = mode.startswith("whole") or mode.endswith(("whole", "parse"))
    if mode.endswith("parse"):
        return scenario.name == "structured"
    return api in scenario.apis and not (whole and scenario.only_streams)


def compare(peer: str, mode: str, scenario: Scenario, seen: dict[str, Any], script: dict[str, Any]) -> Row:
    if "parsed" not in seen:
        script.pop("parsed", None)
    differences: list[str] = []
    reasons: list[str] = []
    for field, value in script.items():
        found = seen.get(field)
        quirk = QUIRKS.get((mode, scenario.name, field))
        if quirk is not None:
            value, reason = quirk
            reasons.append(reason)
        if found != value:
            differences.append(f"{field}: {shorten(found)} instead of {shorten(value)}")
    return Row(peer, mode, scenario.name, differences, reasons)


def shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 240 else f"{text[:160]} ... {text[-70:]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
