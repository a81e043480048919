"""A run of the agent loop played by hand: what comes out in words, and what happens by the names of what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from attrs import define, field

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.happenings import Failed, HostAnswered, Progressed, ToolReturned, Woke
from lash_proto.machine import Done
from lash_proto.messages import AssistantMessage, Message, Part, TextPart, ToolCallPart, ToolResultMessage, UserMessage
from lash_proto.providers import faux
from lash_proto.replies import LlmResponse
from lash_proto.tools import Tool, tool
from lash_proto.turn import (
    AgentEnd,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    Paused,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    Turn,
    TurnEnd,
)
from lash_proto.turn.hooks import STREAM

NOW = 1_800_000_000.0
HANDLE = faux(api="anthropic-messages")
MODEL = HANDLE.model("m-1")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def work(n: int) -> int:
    """Never run by a machine."""
    return n


def made(name: str = "look", **settings: Any) -> Tool[Any, Any]:
    """A tool that can be pickled."""
    return tool(work, name=name, description="Work.", parameters=SCHEMA, **settings)


def call(id: str, name: str = "look", n: Any = 1) -> ToolCallPart:
    """A call that its tool takes."""
    return ToolCallPart(id, name, {"n": n}, json.dumps({"n": n}))


def says(*content: Part | str, stop: Any = None, **more: Any) -> LlmResponse:
    """What a model says."""
    parts = tuple(TextPart(part) if isinstance(part, str) else part for part in content)
    calls = any(isinstance(part, ToolCallPart) for part in parts)
    return LlmResponse(parts, stop or ("tool_use" if calls else "stop"), **more)


def turn(*prompts: str, hooks: Iterable[str] = (), history: Iterable[Message] = (), **settings: Any) -> Turn:
    """A run whose host makes the model calls."""
    messages = tuple(UserMessage(prompt) for prompt in prompts or ("Go.",))
    return Turn(HANDLE, MODEL, history, prompts=messages, hooks=frozenset({STREAM, *hooks}), **settings)


def word(output: Any) -> str:
    """An output in a word or two."""
    match output:
        case AskHost(name=name):
            return f"? {name}"
        case RunTool(call=part, attempt=attempt):
            return f"run {part.id}" + (f" again ({attempt})" if attempt > 1 else "")
        case CallHttp():
            return "call"
        case Abort():
            return "drop"
        case MessageStart(message) | MessageEnd(message):
            return f"{'[' if isinstance(output, MessageStart) else ']'} {_message(message)}"
        case MessageUpdate(event):
            return f"+ {type(event).__name__}"
        case ToolExecutionStart(id):
            return f"( {id}"
        case ToolExecutionUpdate(id, _, partial):
            return f"~ {id}: {partial.text}"
        case ToolExecutionEnd(id, _, result):
            return f") {id}: {result.text}"
        case TurnEnd() | AgentEnd():
            return type(output).__name__
        case Done(result):
            return "paused" if isinstance(result, Paused) else f"done: {result.reason}"
        case _:
            return type(output).__name__


def _message(message: Message) -> str:
    match message:
        case UserMessage(content):
            return f"user: {content}"
        case AssistantMessage(content):
            return f"model: {''.join([_part(part) for part in content])}"
        case ToolResultMessage(id, content):
            return f"{id}: {content}"
        case _:
            return "custom"


def _part(part: Part) -> str:
    return f"<{part.id}>" if isinstance(part, ToolCallPart) else getattr(part, "text", part.tag[1])


@define
class Play:
    """A run under way. Every method gives what came of it, in words."""

    turn: Turn
    now: float = NOW
    outputs: list[Any] = field(factory=list[Any])
    flying: dict[int, Any] = field(factory=dict[int, Any])

    @classmethod
    def of(cls, turn: Turn) -> Play:
        """Started."""
        play = cls(turn)
        play.take(turn.start(NOW))
        return play

    def take(self, outputs: list[Any]) -> list[str]:
        wake_at = self.turn.wake_at
        if wake_at is not None and wake_at <= self.now:  # it lets its listeners speak first
            outputs = outputs + self.turn.receive(Woke(), self.now)
        for output in outputs:
            match output:
                case Abort(id):
                    del self.flying[id]
                case AskHost(id) | RunTool(id) | CallHttp(id):
                    self.flying[id] = output
                case _:
                    pass
        self.outputs += outputs
        return [word(output) for output in outputs]

    def happen(self, happening: Any) -> list[str]:
        return self.take(self.turn.receive(happening, self.now))

    def asked(self, name: str) -> Any:
        """What the host is asked under this name."""
        return next(each for each in self.flying.values() if isinstance(each, AskHost) and each.name == name)

    def answer(self, name: str, value: Any = None) -> list[str]:
        id = self.asked(name).id
        del self.flying[id]
        return self.happen(HostAnswered(id, value))

    def fail(self, name: str, message: str = "broke") -> list[str]:
        id = self.asked(name).id
        del self.flying[id]
        return self.happen(Failed(id, "other", message))

    def say(self, *content: Part | str, **more: Any) -> list[str]:
        """The model answers."""
        return self.answer(STREAM, says(*content, **more))

    def tell(self, *events: Any) -> list[str]:
        """The model has begun to answer."""
        id = self.asked(STREAM).id
        return [each for event in events for each in self.happen(Progressed(id, event))]

    def running(self, call_id: str) -> int:
        return next(id for id, each in self.flying.items() if isinstance(each, RunTool) and each.call.id == call_id)

    def back(self, call_id: str, output: Any = "found") -> list[str]:
        """A tool returns."""
        id = self.running(call_id)
        del self.flying[id]
        return self.happen(ToolReturned(id, output))

    @property
    def words(self) -> list[str]:
        return [word(output) for output in self.outputs]

    @property
    def result(self) -> Any:
        done = self.outputs[-1]
        assert isinstance(done, Done)
        return done.result

    @property
    def state(self) -> Any:
        """The state as it stands, as it would be kept: JSON."""
        return json.loads(json.dumps(self.turn.state(self.now).to_json()))

    def resumed(self, state: Any = None, **settings: Any) -> Play:
        """The run as another process goes on with it; started."""
        turn = self.turn
        own = {"tools": turn.tools, "hooks": turn.hooks, "budget": turn.budget, "output": turn.output}
        state = self.state if state is None else state
        play = Play(Turn.resume(state, HANDLE, self.now, **(own | settings)), self.now)
        play.take(play.turn.start(self.now))
        return play
