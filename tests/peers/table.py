"""What came out, as tables of peer and scenario."""

from __future__ import annotations

from attrs import frozen


@frozen
class Row:
    """One reading: what differs is somebody's fault, `reasons` tell of what is known and theirs."""

    peer: str
    mode: str
    scenario: str
    differences: list[str]
    reasons: list[str]

    @property
    def cell(self) -> str:
        """The reading in a word."""
        if self.differences:
            return "DIFFERS"
        return "theirs" if self.reasons else "agrees"


def show(rows: list[Row]) -> int:
    """Print all; the exit status says whether anything differs that nobody expected."""
    for peer in dict.fromkeys(row.peer for row in rows):
        table([row for row in rows if row.peer == peer], peer)
    known: dict[str, dict[tuple[str, str], list[str]]] = {}
    for row in rows:
        for reason in dict.fromkeys(row.reasons):
            known.setdefault(reason, {}).setdefault((row.peer, row.scenario), []).append(row.mode)
    if known:
        print("\nKnown, and theirs:")
    for reason, where in known.items():
        print(f"  {reason}")
        for (peer, scenario), modes in where.items():
            print(f"      {peer}, {scenario}: {', '.join(modes)}")
    off = [row for row in rows if row.differences]
    for row in off:
        print(f"\nDIFFERS  {row.peer}, {row.mode}, {row.scenario}")
        for difference in row.differences:
            print(f"  {difference}")
    print(f"\n{len(rows)} readings, {len(rows) - len(off)} as expected, {len(off)} not.")
    return 1 if off else 0


def table(rows: list[Row], title: str) -> None:
    modes = list(dict.fromkeys(row.mode for row in rows))
    scenarios = list(dict.fromkeys(row.scenario for row in rows))
    cells = {(row.mode, row.scenario): row.cell for row in rows}
    first = max(map(len, [title, *scenarios]))
    widths = [max(len(mode), len("DIFFERS")) for mode in modes]
    print()
    print(
        "  ".join(
            [title.ljust(first), *(mode.ljust(width) for mode, width in zip(modes, widths, strict=True))]
        ).rstrip()
    )
    for scenario in scenarios:
        line = [cells.get((mode, scenario), "-").ljust(width) for mode, width in zip(modes, widths, strict=True)]
        print("  ".join([scenario.ljust(first), *line]).rstrip())
