"""Many streams at once, an event each 20 ms, plain and over TLS: CPU an event, and how late it comes.

A text is the time at which the server sent it, so its delay is known to the microsecond. Where a core is full, events
queue, and several come in one read: then the CPU an event falls and the delay says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from .loopback import Measured, measure
from .options import Options
from .rounds import Ratio, ratio
from .tables import Row, Table

PACE = 0.02
RAMP = 1.0  # seconds in which all streams begin
FLOOR = "raw aiohttp + json"
OURS = ["asyncio streams + h11 + json", "lash", "lash, fast"]
PEERS = ["anthropic", "openai", "LiteLLM"]
ROUNDS = 5  # at most: one of a thousand streams takes as long as its pace


def run(options: Options) -> Iterator[Table]:
    """A table for each number of streams, plain and over TLS; peers where they can follow."""
    few = min(options.streams)
    for streams in options.streams:
        for tls in (False, True):
            if tls and streams != few:
                continue
            peers = [] if tls else PEERS if streams == few else ["openai"]
            httpcore = [] if tls else ["lash, HttpcoreTransport"]
            yield _table(options, streams, tls, [FLOOR, *OURS, *httpcore, *peers], many=streams != few)


def _table(options: Options, streams: int, tls: bool, clients: list[str], *, many: bool) -> Table:
    rounds = min(options.rounds, ROUNDS)
    of = {"streams": streams, "events": options.paced, "ramp": RAMP}
    measured = measure(clients, "paced", rounds, events=options.paced, pace=PACE, tls=tls, of=of)
    columns = {"cpu": 1e6, "p50": 1, "p99": 1, "wall": 1}
    rows = list(measured.rows("cpu", columns, {"lash": 1.1}, of=FLOOR))
    rows += _late(measured, options, many=many)
    scheme = "TLS" if tls else "plain"
    title = f"paced: {streams} streams, {scheme}, {options.paced} events each; medians of {rounds} rounds"
    heads = ["us/event", "p50, ms", "p99, ms", "wall, s"]
    return Table(f"paced-{streams}-{scheme}", title, heads, f"CPU, x {measured.base}", rows, measured.notes)


def _late(measured: Measured, options: Options, *, many: bool) -> Iterator[Row]:
    """What is asked of the delay: so much over the floor for a few streams, so many times the floor for many."""
    ours, floor = measured.figures["lash"], measured.figures[measured.base]
    if not many:
        over = [mine["p99"] - other["p99"] for mine, other in zip(ours, floor, strict=True)]
        yield Row("lash: p99 over the floor's, ms", (), sorted(over)[len(over) // 2], goal=2.0)
        return
    yield Row.of("lash: p99, x the floor's", (), ratio(ours, floor, "p99"), 1.1)
    ideal = RAMP + PACE * options.paced
    walls = [figure["wall"] / ideal for figure in measured.figures["lash, HttpcoreTransport"]]
    middle = sorted(walls)[len(walls) // 2]
    yield Row.of("lash, HttpcoreTransport: wall, x ideal", (), Ratio(middle, min(walls), max(walls)), 1.3)
