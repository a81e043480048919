"""The three drivers behind one face, so that one scenario runs on each: blocking, asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio

import lash_io.aio.driver
import lash_io.blocking.driver
from lash_io.cancel import CancelToken
from lash_io.world import CLOCK, Clock

WORLDS = ("blocking", "asyncio", "trio")


class FakeClock(Clock):
    """Virtual time: it passes only where someone waits in vain. `patience` is what such a wait really takes."""

    def __init__(self, patience: float = 0.0) -> None:
        self.time = 1000.0
        self.patience = patience

    def now(self) -> float:
        return self.time

    def timeout(self, until: float) -> float:
        return self.patience if until > self.time else 0.0

    def passed(self, until: float) -> None:
        self.time = max(self.time, until)


def twin(world: str) -> Any:
    """The package of a world's driver."""
    return lash_io.blocking if world == "blocking" else lash_io.aio


def run_all(
    world: str,
    make_transport: Callable[[Any], Any],
    machines: Sequence[Any],
    *,
    clock: Clock = CLOCK,
    cancel: CancelToken | None = None,
    between: Callable[[], object] = lambda: None,
    **functions: Any,
) -> list[tuple[list[Any], Any]]:
    """Run machines one after the other over one transport; each one's events and result."""
    outcomes: list[tuple[list[Any], Any]] = []
    if world == "blocking":
        driver = lash_io.blocking.driver
        transport = make_transport(lash_io.blocking)
        for number, machine in enumerate(machines):
            if number:
                between()
            table = driver.performers(transport, **functions)
            with driver.Run(machine, table, clock=clock, cancel=cancel) as run:
                outcomes.append((list(run), run.result))
        transport.close()
        return outcomes

    async def main() -> None:
        driver = lash_io.aio.driver
        transport = make_transport(lash_io.aio)
        for number, machine in enumerate(machines):
            if number:
                between()
            table = driver.performers(transport, **functions)
            async with driver.Run(machine, table, clock=clock, cancel=cancel) as run:
                outcomes.append(([event async for event in run], run.result))
        await transport.close()
        if (pool := getattr(transport, "pool", None)) is not None:
            await pool.aclose()

    anyio.run(main, backend=world)
    return outcomes
