"""How soon the first text is there, and what a short call costs: one after the other, on a kept connection.

`HttpcoreTransport` is held to raw httpcore, all others to asyncio's streams with h11 and json.
"""

from __future__ import annotations

from collections.abc import Iterator

from .loopback import measure
from .options import Options
from .rounds import ratio
from .tables import Row, Table

EVENTS = 10
CLIENTS = [
    "asyncio streams + h11 + json",
    "raw httpcore + json",
    "lash",
    "lash, fast",
    "lash, HttpcoreTransport",
    "raw aiohttp + json",
    "raw httpx + json",
    "anthropic",
    "openai",
    "google-genai",
    "pydantic-ai",
    "LiteLLM",
]


def run(options: Options) -> Iterator[Table]:
    """A table of the time, one of the CPU."""
    measured = measure(CLIENTS, "first_event", options.rounds, events=EVENTS, of={"requests": options.requests})
    of = f"{options.requests} requests of {EVENTS} events; medians of {options.rounds} rounds"
    columns = {"first": 1e3, "cpu": 1e6}
    for key, title, goal in (("first", "time to the first text", 1.4), ("cpu", "CPU a request", 1.1)):
        rows = list(measured.rows(key, columns, {"lash": goal}, of=CLIENTS[0]))
        if key == "first":
            ours, theirs = (measured.figures[name] for name in ("lash, HttpcoreTransport", "raw httpcore + json"))
            against = ratio(ours, theirs, key)
            rows.append(Row.of("lash, HttpcoreTransport, x raw httpcore", (), against, 1.15))
        name = f"first_event-{key}"
        yield Table(name, f"{title}: {of}", ["first, us", "CPU, us"], f"x {measured.base}", rows, measured.notes)
