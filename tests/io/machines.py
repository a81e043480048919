"""Small machines: one HTTP call told as it happens, and a toy that has several effects in flight."""

from __future__ import annotations

import threading
from typing import Any

from attrs import define, field

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
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


@define
class OneCall:
    """A call whose events are its happenings. The result is the body, or why there is none.

    `told`: as Failed came. `began`: some of the body came.
    """

    url: str
    deadline: float | None = None
    body: bytes = b""
    told: bool = False
    patience: float | None = None
    began: threading.Event = field(factory=threading.Event)
    wake_at: float | None = field(default=None, init=False)
    _received: bytearray = field(factory=bytearray, init=False)

    def start(self, now: float) -> list[Any]:
        if self.deadline is not None:
            self.wake_at = now + self.deadline
        return [CallHttp(1, "POST", self.url, (("accept", "*/*"),), self.body, self.patience)]

    def receive(self, happening: Any, now: float) -> list[Any]:
        match happening:
            case Connected():
                return ["connected"]
            case HeadReceived(status=status):
                return [status]
            case BodyReceived(data=data):
                self._received += data
                self.began.set()
                return []
            case BodyEnded():
                return [Done(bytes(self._received))]
            case Failed(kind=kind):
                return [Done(happening if self.told else kind)]
            case Woke():
                return [Abort(1), Done("too late")]
            case Cancelled():
                return [Abort(1), Done("cancelled")]
            case _:
                raise AssertionError(happening)


@define
class Toy:
    """Two calls, a tool and a question at once; then a pause; then one call that is dropped when the hour comes.

    The order in which overlapping effects end is the world's, so events are told by the machine when all have ended.
    """

    urls: tuple[str, str, str]
    wake_at: float | None = field(default=None, init=False)
    ids: Ids = field(factory=Ids)
    _answers: dict[int, Any] = field(factory=dict, init=False)
    _waiting: set[int] = field(factory=set, init=False)
    _paused: bool = field(default=False, init=False)

    def start(self, now: float) -> list[Any]:
        first, second, tool, question = (self.ids.next() for _ in range(4))
        self._waiting = {first, second, tool, question}
        return [
            "begin",
            CallHttp(first, "POST", self.urls[0], (), b""),
            CallHttp(second, "POST", self.urls[1], (), b""),
            RunTool(tool, ToolCallPart("call-1", "add", {"a": 1, "b": 2})),
            AskHost(question, "approve", "rm -rf"),
        ]

    def receive(self, happening: Any, now: float) -> list[Any]:
        match happening:
            case Connected() | HeadReceived():
                return []
            case BodyReceived(id=id, data=data):
                self._answers[id] = self._answers.get(id, b"") + data
                return []
            case ToolReturned(id=id, output=answer) | HostAnswered(id=id, value=answer) | Failed(id=id, message=answer):
                self._answers[id] = answer
                return self._ended(id, now)
            case BodyEnded(id=id):
                return self._ended(id, now)
            case Woke() if self._paused:
                self._paused = False
                last = self.ids.next()
                self._waiting = {last}
                self.wake_at = now + 5
                return ["again", CallHttp(last, "POST", self.urls[2], (), b"")]
            case Woke():
                (last,) = self._waiting
                self.wake_at = None
                return ["drop", Abort(last), Done((dict(sorted(self._answers.items())), now))]
            case Cancelled():
                return [*(Abort(id) for id in self._waiting), Done("cancelled")]
            case _:
                raise AssertionError(happening)

    def _ended(self, id: int, now: float) -> list[Any]:
        self._waiting.remove(id)
        if self._waiting:
            return []
        self.wake_at, self._paused = now + 60, True
        return [("ended", id) for id in sorted(self._answers)]
