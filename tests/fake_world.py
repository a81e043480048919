"""A driver on virtual time: it runs any machine against scripted answers, and its clock jumps to what comes next.

What happened is kept with its time (`Run.trace`), so that a run can be told again to `check_machine`.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from attrs import define, field

from lash_proto import faux
from lash_proto.codec import Codec
from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.happenings import (
    Admitted,
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    Happening,
    HeadReceived,
    HostAnswered,
    ToolReturned,
    Woke,
)
from lash_proto.machine import Done
from lash_proto.messages import LlmRequest

START = 1000.0

Headers = tuple[tuple[str, str], ...]
SSE: Headers = (("content-type", "text/event-stream"),)


class Answer(NamedTuple):
    """How a call goes: when it stands, when its head comes, what pieces follow and how far apart, how it ends.

    `ending` is None for an orderly end, "hang" for none at all, else the kind of failure. A time of None: never.
    """

    pieces: Sequence[bytes] = ()
    status: int = 200
    headers: Headers = SSE
    connect: float | None = 0.0
    head: float | None = 0.0
    gap: float = 0.0
    ending: str | None = None

    def happenings(self, id: int, now: float) -> list[tuple[float, Happening]]:
        if self.connect is None:
            return []
        told: list[tuple[float, Happening]] = [(now + self.connect, Connected(id))]
        if self.head is None:
            return told
        at = now + self.connect + self.head
        told.append((at, HeadReceived(id, self.status, self.headers)))
        for piece in self.pieces:
            at += self.gap
            told.append((at, BodyReceived(id, piece)))
        if self.ending is None:
            told.append((at + self.gap, BodyEnded(id)))
        elif self.ending != "hang":
            told.append((at + self.gap, Failed(id, self.ending, "the wire was cut")))  # type: ignore[arg-type]
        return told


class Refused(NamedTuple):
    """A call that never gets through."""

    kind: str = "connection"
    after: float = 0.0

    def happenings(self, id: int, now: float) -> list[tuple[float, Happening]]:
        return [(now + self.after, Failed(id, self.kind, "connection refused"))]  # type: ignore[arg-type]


def cut(body: bytes, size: int = 1) -> list[bytes]:
    """The body in pieces of one size."""
    return [body[i : i + size] for i in range(0, len(body), size)]


def rendered(
    codec: Codec, reply: faux.FauxReply, *, stream: bool, request: LlmRequest | None = None, model: str = "test-model"
) -> faux.Answer:
    """What a provider of this dialect would send for the reply."""
    asked = codec.encode(request or LlmRequest("Hi"), model, stream=stream)
    path = ("/v1" if asked.path.startswith(("/chat", "/responses")) else "/v1internal") + asked.path
    path = asked.path if codec.api in ("anthropic-messages", "google-generative-ai") else path
    return faux.FauxProvider([reply]).answer(asked.method, path, asked.headers, asked.body)


@define
class Run:
    """What became of a machine. `times` are those of `outputs`."""

    outputs: list[Any] = field(factory=list)
    times: list[float] = field(factory=list)
    trace: list[tuple[float, Happening]] = field(factory=list)
    now: float = START

    @property
    def events(self) -> list[Any]:
        return [each for each in self.outputs if not isinstance(each, (CallHttp, RunTool, AskHost, Abort, Done))]

    @property
    def calls(self) -> list[CallHttp]:
        return [each for each in self.outputs if isinstance(each, CallHttp)]

    @property
    def result(self) -> Any:
        assert isinstance(self.outputs[-1], Done)
        return self.outputs[-1].result

    @property
    def took(self) -> float:
        return self.now - START


def run(
    machine: Any,
    answers: Iterable[Answer | Refused] | Callable[[CallHttp, float], Answer | Refused] = (),
    *,
    cancel_at: float | None = None,
    tool: Callable[[RunTool], tuple[float, Any]] = lambda effect: (0.0, effect.call.name),
    host: Callable[[AskHost], tuple[float, Any]] = lambda effect: (0.0, effect.value),
    turn: Callable[[CallHttp], float] = lambda effect: 0.0,
) -> Run:
    """Run a machine to its Done. `answers` come in turn, or are what a server says to a call at a time. `cancel_at` is
    seconds from the start; `tool` and `host` say when and what, `turn` how long a call that waits for its turn waits.
    """
    world = Run()
    coming: list[tuple[float, int, Happening]] = []
    waiting = iter(()) if callable(answers) else iter(answers)
    dropped: set[int] = set()
    numbers = itertools.count(1)  # what comes at one time comes in the order in which it was sent

    def perform(outputs: Sequence[Any]) -> None:
        world.outputs += outputs
        world.times += [world.now] * len(outputs)
        for output in outputs:
            told: list[tuple[float, Happening]] = []
            match output:
                case CallHttp(id=id, tokens=None):
                    answer = answers(output, world.now) if callable(answers) else next(waiting)
                    told = answer.happenings(id, world.now)
                case CallHttp(id=id):
                    begins = world.now + turn(output)
                    answer = answers(output, begins) if callable(answers) else next(waiting)
                    told = [(begins, Admitted(id)), *answer.happenings(id, begins)]
                case RunTool(id=id):
                    delay, value = tool(output)
                    told = [(world.now + delay, ToolReturned(id, value))]
                case AskHost(id=id):
                    delay, value = host(output)
                    told = [(world.now + delay, HostAnswered(id, value))]
                case Abort(id=id):
                    dropped.add(id)
                case _:
                    pass
            for at, happening in told:
                heapq.heappush(coming, (at, next(numbers), happening))

    if cancel_at is not None:
        heapq.heappush(coming, (START + cancel_at, 0, Cancelled()))
    perform(machine.start(world.now))
    while not any(isinstance(output, Done) for output in world.outputs[-1:]):
        while coming and getattr(coming[0][2], "id", 0) in dropped:
            heapq.heappop(coming)
        wake_at = machine.wake_at
        happening: Happening
        if coming and (wake_at is None or coming[0][0] < wake_at):
            world.now, _, happening = heapq.heappop(coming)
        else:
            assert wake_at is not None, "nothing in flight, no wake_at and no Done"
            world.now, happening = max(world.now, wake_at), Woke()
        world.trace.append((world.now, happening))
        perform(machine.receive(happening, world.now))
    return world
