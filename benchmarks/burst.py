"""A stream whose events were all written at once, over loopback: what an event costs where nothing is waited for.

CPU of the whole call on a kept connection, request and response, divided by its events.
"""

from __future__ import annotations

from collections.abc import Iterator

from .loopback import measure
from .options import Options
from .tables import Table

AIO = [
    "raw aiohttp + json",
    "asyncio streams + h11 + json",
    "lash",
    "lash, fast",
    "lash, HttpcoreTransport",
    "raw httpcore + json",
    "raw httpx + json",
    "anthropic",
    "openai",
    "google-genai",
    "pydantic-ai",
    "LiteLLM",
]
BLOCKING = ["socket + h11 + json", "lash, blocking", "lash, blocking, fast", "openai, blocking"]
GOALS = {"lash": 1.0, "lash, fast": 0.7, "lash, blocking": 0.55, "lash, blocking, fast": 0.4}


def run(options: Options) -> Iterator[Table]:
    """A table for asyncio, one for blocking code."""
    for name, clients in (("aio", AIO), ("blocking", BLOCKING)):
        measured = measure(clients, "burst", options.rounds, events=options.events, of={"events": options.events})
        rows = list(measured.rows("cpu", {"cpu": 1e6 / options.events}, GOALS, of=clients[0]))
        title = f"burst, {name}: {options.events} events in one write; CPU, medians of {options.rounds} rounds"
        yield Table(f"burst-{name}", title, ["us/event"], f"x {measured.base}", rows, measured.notes)
