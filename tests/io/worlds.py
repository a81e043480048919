"""The three drivers behind one face, so that one scenario runs on each: blocking, asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import anyio

import lash_io.aio.driver
import lash_io.blocking.driver
from lash_io import AsyncClient, Client
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


# --- clients ---------------------------------------------------------------------------------------------------------


class World:
    """A client whose blocking and asynchronous form are called alike."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, scenario: Callable[[Any], Any], *args: Any, **settings: Any) -> Any:
        """Run `scenario(client)`, a coroutine function; under blocking code it gets a client that never waits."""
        if self.name == "blocking":

            async def blocking() -> Any:
                with Client(*args, **settings) as client:
                    return await scenario(Coloured(client))

            return drive(blocking())

        async def main() -> Any:
            async with AsyncClient(*args, **settings) as client:
                return await scenario(client)

        return anyio.run(main, backend=self.name)


def drive(coroutine: Any) -> Any:
    """A coroutine that never waits, to its end."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class Coloured:
    """A blocking client in the clothes of an asynchronous one."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def complete(self, *args: Any, **knobs: Any) -> Any:
        return self._client.complete(*args, **knobs)

    async def generate_images(self, *args: Any, **knobs: Any) -> Any:
        return self._client.generate_images(*args, **knobs)

    def stream(self, *args: Any, **knobs: Any) -> ColouredStream:
        return ColouredStream(self._client.stream(*args, **knobs))


class ColouredStream:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aenter__(self) -> ColouredStream:
        self._stream.__enter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._stream.__exit__(*exc)

    def __aiter__(self) -> AsyncIterator[Any]:
        return recoloured(self._stream)

    @property
    def text(self) -> AsyncIterator[str]:
        return recoloured(self._stream.text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


async def recoloured(iterator: Iterator[Any]) -> AsyncIterator[Any]:
    for item in iterator:
        yield item


# --- agents ----------------------------------------------------------------------------------------------------------


class ColouredAgent:
    """A blocking agent in the clothes of an asynchronous one."""

    _agent: Any

    def __init__(self, agent: Any) -> None:
        object.__setattr__(self, "_agent", agent)

    async def prompt(self, *args: Any, **settings: Any) -> Any:
        return self._agent.prompt(*args, **settings)

    async def continue_run(self, **settings: Any) -> Any:
        return self._agent.continue_run(**settings)

    async def resume(self, *args: Any, **settings: Any) -> Any:
        return self._agent.resume(*args, **settings)

    async def wait_for_idle(self, timeout: float | None = None) -> Any:
        return self._agent.wait_for_idle(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._agent, name, value)
