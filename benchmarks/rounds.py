"""Interleaved rounds and what is made of them: medians, and ratios that are taken inside a round."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Figures: TypeAlias = Mapping[str, Any]
"""What a contender measured in one round, by name; `cpu` in seconds."""

Contender: TypeAlias = Callable[[], Figures]

# Read before anything is pinned: what is started later inherits the one core.
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(place: int = 0) -> str:
    """Keep this process on one core, so that it does not wander in the middle of a round; says what came of it.

    Who measures is on the first core and whoever it talks to on the second, where there are two.
    """
    if not _CORES:  # macOS has no such call
        return "not pinned to a core"
    core = _CORES[place % len(_CORES)]
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


def cpu_of(work: Callable[[], object], *, times: int = 1) -> Contender:
    """A contender that works in this process."""

    def contender() -> Figures:
        gc.collect()
        begun = time.process_time()
        for _ in range(times):
            work()
        return {"cpu": (time.process_time() - begun) / times}

    return contender


def interleave(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[Figures]]:
    """What each contender measured in each round, after one round that is not counted; without any, what that was."""
    figures: dict[str, list[Figures]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            measured = contender()
            if number or not rounds:
                figures[name].append(measured)
    return figures


class Ratio(NamedTuple):
    """The median of the ratios inside each round, and the quartiles around it."""

    middle: float
    low: float
    high: float


def median(figures: Sequence[Figures], key: str = "cpu") -> float:
    """The median over the rounds."""
    return float(statistics.median(figure[key] for figure in figures))


def ratio(ours: Sequence[Figures], base: Sequence[Figures], key: str = "cpu") -> Ratio:
    """How much more of it than another, round by round."""
    ratios = [mine[key] / other[key] for mine, other in zip(ours, base, strict=True)]
    if len(ratios) < 2:
        return Ratio(ratios[0], ratios[0], ratios[0])
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(middle, low, high)
