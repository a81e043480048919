"""Interleaved rounds, medians, and tables in plain text."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def pin() -> str:
    """Keep this process on one core, so that it does not wander in the middle of a round; says what came of it."""
    if not hasattr(os, "sched_setaffinity"):  # macOS has no such call
        return "not pinned to a core"
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


def measure(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of CPU each contender took in each round, after one round that is not counted.

    A contender that runs in another process gives its seconds as a float.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            gc.collect()
            begun = time.process_time()
            said = contender()
            spent = said if isinstance(said, float) else time.process_time() - begun
            if number:
                seconds[name].append(spent)
    return seconds


def ratio(ours: Sequence[float], floor: Sequence[float]) -> tuple[float, float, float]:
    """The median of the ratios inside each round, and the quartiles around it."""
    ratios = [mine / base for mine, base in zip(ours, floor, strict=True)]
    if len(ratios) < 2:
        return ratios[0], ratios[0], ratios[0]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return middle, low, high


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> None:
    """Print a table: first column to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    print(title)
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip())
    for note in notes:
        print(f"  {note}")
    print(flush=True)
