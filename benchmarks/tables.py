"""A table as plain text, and as a plot: bars on a logarithmic axis, a mark where the goal is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from .rounds import Ratio


class Row(NamedTuple):
    """One contender. `value` is what the table is about, by `Table.measure`; `cells` stand before it.

    `goal` is the most that the value is to be.
    """

    name: str
    cells: Sequence[str] = ()
    value: float | None = None
    spread: Ratio | None = None
    goal: float | None = None

    @classmethod
    def of(cls, name: str, cells: Sequence[str], ratio: Ratio, goal: float | None = None) -> Row:
        """A row whose value is a ratio."""
        return cls(name, cells, ratio.middle, ratio, goal)


class Table(NamedTuple):
    """`name` is also its plot's; `columns` are the heads of the rows' cells."""

    name: str
    title: str
    columns: Sequence[str]
    measure: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """First column to the left, numbers to the right."""
        head = ["", *self.columns, self.measure, "quartiles", "goal", ""]
        lines = [head, *[self._cells(row) for row in self.rows]]
        lines = [[line[i] for i in range(len(head)) if i == 0 or any(each[i] for each in lines[1:])] for line in lines]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        lines.insert(1, ["-" * width for width in widths])
        texts = [
            "  ".join([cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(pairs)]).rstrip()
            for pairs in [list(zip(line, widths, strict=True)) for line in lines]
        ]
        return "\n  ".join([self.title, *texts, *self.notes]) + "\n"

    def _cells(self, row: Row) -> list[str]:
        spread = "" if row.spread is None else f"{_short(row.spread.low)} to {_short(row.spread.high)}"
        value = "" if row.value is None else _short(row.value)
        cells = [*row.cells, *[""] * (len(self.columns) - len(row.cells))]
        if row.goal is None or row.value is None:
            return [row.name, *cells, value, spread, "", ""]
        # As it is printed, so that a table never says that 1.00 is over 1.00.
        reached = float(_short(row.value)) <= row.goal
        return [row.name, *cells, value, spread, _short(row.goal), "reached" if reached else "missed"]

    def svg(self) -> str:
        """The values as bars."""
        rows = [(row, row.value) for row in self.rows if row.value is not None and row.value > 0]
        shown = [value for _, value in rows] + [row.goal for row, _ in rows if row.goal]
        first = math.floor(math.log10(min(shown, default=1) * 0.999))
        last = math.log10(max(shown, default=1))

        def x(value: float) -> float:
            return LEFT + (math.log10(value) - first) / max(last - first, 0.01) * (WIDTH - LEFT - RIGHT)

        height = TOP + len(rows) * STEP + 30
        font = 'font-family="sans-serif" font-size="12"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {font}>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            f'<text x="8" y="18" font-size="13" font-weight="bold">{escape(self.title)}</text>',
        ]
        for tick in (10.0**power * digit for power in range(first, math.ceil(last) + 1) for digit in (1, 2, 5)):
            if 10**first <= tick <= 10**last * 1.001:
                parts.append(f'<path d="M{x(tick):.0f} {TOP - 6}V{height - 24}" stroke="#ddd"/>')
                parts.append(f'<text x="{x(tick):.0f}" y="{height - 10}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{LEFT - 8}" y="{height - 10}" text-anchor="end">{escape(self.measure)}</text>')
        for number, (row, value) in enumerate(rows):
            y = TOP + number * STEP
            colour = "#1f77b4" if "lash" in row.name else "#bbb"
            parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(row.name)}</text>')
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{x(value) - LEFT:.0f}" height="{STEP - 6}" fill="{colour}"/>'
            )
            parts.append(f'<text x="{x(value) + 5:.0f}" y="{y + 12}">{_short(value)}</text>')
            if row.goal:
                parts.append(f'<path d="M{x(row.goal):.0f} {y - 2}v{STEP - 2}" stroke="#d62728" stroke-width="2"/>')
        return "\n".join([*parts, "</svg>", ""])


WIDTH, LEFT, RIGHT, TOP, STEP = 960, 400, 60, 40, 20


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
