"""A stage for each driver and target: one server for all scenarios of a file, a client for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pytest
from attrs import define, field

from lash_io.faux_server import FauxServer
from lash_proto import LlmRequest, ToolDefinition
from lash_proto.faux import FauxCall, FauxProvider
from lash_proto.messages import Message
from tests.io.loopback import PATIENCE
from tests.io.matrix.heard import Said, heard, misplaced
from tests.io.matrix.targets import TARGETS, Target, aimed
from tests.io.worlds import WORLDS, World

SYSTEM: Final = "Be brief."
WEATHER: Final = ToolDefinition(
    "weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@define
class Gate:
    """Stands where the server pauses: it holds one stream before one of its deltas until the test is over."""

    passes: int = -1
    opened: threading.Event = field(factory=threading.Event)

    def wait(self, seconds: float) -> bool:
        self.passes -= 1
        return self.passes == -1 and self.opened.wait(PATIENCE)

    def set(self) -> None:
        self.opened.set()


@define
class Stage:
    """One driver and one target before the faux server."""

    world: World
    server: FauxServer
    name: str
    target: Target

    def play(self, scenario: Callable[[Any], Any], *script: Any, **settings: Any) -> Any:
        """What `scenario(client)` gives, while the server plays the script."""
        self.server.provider = FauxProvider(script)
        return self.world(scenario, aimed(self.target.handle, self.server), **{"model": self.target.model, **settings})

    def ask(self, messages: str | Sequence[Message], **fields: Any) -> LlmRequest:
        """A request with the system text and the tool that all scenarios have."""
        return LlmRequest(messages, system=SYSTEM, tools=[WEATHER], **fields)

    @property
    def calls(self) -> list[FauxCall]:
        return self.server.provider.calls

    def heard(self) -> list[Said]:
        """What the last call told the model after the system text. No call or result may stand where none may."""
        system, *said = heard(self.calls[-1])
        assert system == ("system", "text", SYSTEM)
        assert misplaced(said) == []
        return said

    def hold(self, monkeypatch: pytest.MonkeyPatch, after: int) -> Gate:
        """Hold the next stream after so many deltas."""
        gate = Gate(after)
        monkeypatch.setattr(self.server, "_stop", gate)
        monkeypatch.setattr(self.server, "tokens_per_second", 1.0)
        return gate


@pytest.fixture(scope="module")
def server() -> Iterator[FauxServer]:
    with FauxServer() as server:
        yield server


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


@pytest.fixture(params=TARGETS)
def stage(request: pytest.FixtureRequest, world: World, server: FauxServer) -> Stage:
    return Stage(world, server, request.param, TARGETS[request.param])
