"""A program killed anywhere in a run of thirty steps goes on from its disk: 20 runs here, 200 in `make soak`."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.io import killed_agent
from tests.io.killed_agent import STEPS

RUNS = 200 if os.environ.get("LASH_HYPOTHESIS_PROFILE") == "soak" else 20
LONGEST = 900
"""Steps forward that a life can make before it is killed: about as many as a whole run makes."""
INTERRUPTED = "interrupted; it may have run"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked off")


@pytest.fixture(scope="module")
def live() -> Iterator[Callable[[Path, int], str]]:
    """Lives of the program."""
    root = Path(__file__).parents[2]
    command = [sys.executable, str(killed_agent.__file__)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environment
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        stdin, stdout = program.stdin, program.stdout

        def one(folder: Path, steps: int) -> str:
            print(folder, steps, file=stdin, flush=True)
            return stdout.readline().strip()

        yield one
        stdin.close()


@pytest.mark.parametrize("seed", range(RUNS))
def test_killed_anywhere_it_goes_on(seed: int, live: Callable[[Path, int], str], tmp_path: Path) -> None:
    chance = random.Random(seed)
    kills = 0
    while (ended := live(tmp_path, chance.randint(1, LONGEST))) == "killed":
        kills += 1
    assert ended == "over"
    check(tmp_path, kills)


def test_not_killed_it_runs_to_its_end(live: Callable[[Path, int], str], tmp_path: Path) -> None:
    assert live(tmp_path, 0) == "over"
    assert check(tmp_path, 0) == []


def check(folder: Path, kills: int) -> list[str]:
    """Every call has one result and in order, nothing was paid twice, and what was interrupted says so."""
    outcome = json.loads((folder / "result").read_text())
    said = outcome["said"]
    assert outcome["reason"] == "done"
    calls = [
        part for message in said if message["role"] == "assistant" for part in message["content"] if "name" in part
    ]
    results = [message for message in said if message["role"] == "tool"]
    assert [call["id"] for call in calls] == [
        f"s{step}-{each}" for step in range(STEPS) for each in range(1 + step % 3)
    ]
    assert [result["tool_call_id"] for result in results] == [call["id"] for call in calls]
    began, over = log(folder)
    interrupted: list[str] = []
    for call, result in zip(calls, results, strict=True):
        id = call["id"]
        if call["name"] == "pay":
            assert began[id] <= 1
        if result["content"] == INTERRUPTED:
            assert call["name"] == "pay"
            assert result["is_error"]
            interrupted.append(id)
        else:
            assert result["content"] == f"worked {call['arguments']['n']}"
            assert over[id] >= 1
    assert len(interrupted) <= 3 * kills
    return interrupted


def log(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each call began and ended; no attempt at one begins twice."""
    lines = [line.split() for line in (folder / "log").read_text().splitlines()]
    attempts = Counter((id, attempt) for word, id, attempt in lines if word == "begin")
    assert set(attempts.values()) == {1}
    counted: Any = (Counter(id for word, id, _ in lines if word == name) for name in ("begin", "end"))
    began, over = counted
    return began, over
