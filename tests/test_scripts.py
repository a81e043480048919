"""What stands outside the tests and their type checks still begins: each script refuses a name it does not know."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("tests/peers/run.py", "no such peer: nobody"),
        ("tests/peers/faults.py", "no such peer: nobody"),
        ("fuzz/run.py", "no such target"),
    ],
)
def test_a_script_begins(script: str, complaint: str) -> None:
    command = [sys.executable, script, "nobody"]
    ran = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, text=True, check=False)
    assert (ran.returncode, complaint in ran.stderr) == (2, True), ran.stderr
