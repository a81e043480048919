"""A toy that has several effects in flight: two calls, a tool and a question to the host, under one deadline."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import (
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    ToolReturned,
    Woke,
)
from lash_proto.machine import Done, Ids
from lash_proto.messages import ToolCallPart


@define(eq=False)
class Toy:
    """Asks, calls and runs at once; what is not back after `patience` seconds is dropped. The result is what came."""

    urls: tuple[str, str] = ("http://one.test/", "http://two.test/")
    patience: float = 5.0
    ids: Ids = field(factory=Ids)
    wake_at: float | None = field(default=None, init=False)
    _names: dict[int, str] = field(factory=dict, init=False)  # what is in flight
    _bodies: dict[int, bytes] = field(factory=dict, init=False)
    _came: dict[str, Any] = field(factory=dict, init=False)

    def start(self, now: float) -> list[Any]:
        self.wake_at = now + self.patience
        first, second, tool, question = (self._flight(name) for name in ("first", "second", "tool", "host"))
        return [
            "begin",
            CallHttp(first, "GET", self.urls[0], (), b""),
            CallHttp(second, "GET", self.urls[1], (), b""),
            RunTool(tool, ToolCallPart("call-1", "add", {"a": 1, "b": 2})),
            AskHost(question, "approve", {"really": True}),
        ]

    def receive(self, happening: Any, now: float) -> list[Any]:
        if isinstance(happening, (Woke, Cancelled)):
            if self.wake_at is None or (isinstance(happening, Woke) and now < self.wake_at):
                return []
            return ["too late" if isinstance(happening, Woke) else "cancelled", *self._drop(), self._done()]
        self.ids.check(happening)
        if happening.id not in self._names:
            return []
        match happening:
            case Connected() | HeadReceived():
                return []
            case BodyReceived(id=id, data=data):
                self._bodies[id] = self._bodies.get(id, b"") + data
                return []
            case BodyEnded(id=id):
                return self._back(id, self._bodies.pop(id, b""))
            case ToolReturned(id=id, output=value) | HostAnswered(id=id, value=value) | Failed(id=id, kind=value):
                return self._back(id, value)
        raise LocalProtocolError(f"{happening!r} answers nothing here")

    def _flight(self, name: str) -> int:
        id = self.ids.next()
        self._names[id] = name
        return id

    def _back(self, id: int, value: Any) -> list[Any]:
        name = self._names.pop(id)
        self._came[name] = value
        return [f"{name} is back"] if self._names else [f"{name} is back", self._done()]

    def _drop(self) -> list[Abort]:
        ids = list(self._names)
        self._names.clear()
        return [Abort(id) for id in ids]

    def _done(self) -> Done[dict[str, Any]]:
        self.wake_at = None
        return Done(self._came)
