"""A stage on which one scenario is played in every world, and the shorthand in which its events are written down.

    @on_all_stages
    async def test_something(stage: Stage) -> None:
        agent = stage.agent([calls(add(1, a=2, b=3)), "5."], tools=[ADD])
        await agent.prompt("What is 2 + 3?")
        assert stage.told == [...]

The shorthand, one line an event but where two always come together:

    agent_start, turn_start, turn_end [ids of its results], agent_end <number of new messages>
    user <text>, custom <name>              a MessageStart and its MessageEnd, which follows at once
    assistant <text> <calls> [(stop)]       the MessageEnd of the model's; its start and updates go unsaid
    start c1 add, update c1 <text>, end c1 <text or error>
    result c1 <text or error>               a MessageStart and its MessageEnd

`spell` writes every event down, for the scenarios that are about just that.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

import anyio

import lash_io.aio.agent
import lash_io.blocking.agent
from lash_io import AsyncClient, CancelToken, Client
from lash_proto.faux import FauxCall, FauxProvider, FauxReply
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    ImagePart,
    Message,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.providers import faux
from lash_proto.turn import (
    AgentEnd,
    AgentEvent,
    AgentStart,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    Paused,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    TurnEnd,
    TurnStart,
)
from lash_proto.values import dump_json
from tests.io.worlds import WORLDS, ColouredAgent, FakeClock, drive

Scenario = Callable[["Stage"], Awaitable[None]]


def on_all_stages(scenario: Scenario) -> Callable[[], None]:
    """A test that plays the scenario in each world and holds their events and results to be equal (law 9)."""

    @functools.wraps(scenario)
    def test() -> None:
        first: Stage | None = None
        for world in WORLDS:
            stage = Stage(world)
            try:
                stage.play(scenario)
                first = first or stage
                assert (stage.events, stage.results) == (first.events, first.results), "the worlds differ"
            except BaseException as error:
                error.add_note(f"in the world of {world}, which heard: {stage.told}")
                raise

    del test.__wrapped__  # pytest would ask for its parameter
    return test


class Stage:
    """One world's: makes agents, hears what they tell, keeps what they gave and what their providers were sent."""

    def __init__(self, world: str) -> None:
        self.world = world
        self.events: list[AgentEvent] = []
        self.results: list[Any] = []
        self.sent: list[FauxCall] = []
        self.clock = FakeClock()
        self._clients: list[Any] = []

    @property
    def is_blocking(self) -> bool:
        return self.world == "blocking"

    def play(self, scenario: Scenario) -> None:
        async def main() -> None:
            try:
                await scenario(self)
            finally:
                for client in self._clients:
                    closed = client.close()
                    if closed is not None:
                        await closed

        drive(main()) if self.is_blocking else anyio.run(main, backend=self.world)

    # --- what is made ------------------------------------------------------------------------------------------------

    def handle(self, replies: Iterable[Any] = (), **settings: Any) -> Any:
        """A provider that says these, each with an id of its own; `sent` has what it was asked."""
        script: list[Any] = [reply if callable(reply) else said(reply) for reply in replies]
        return faux(FauxProvider(script, calls=self.sent), **settings)

    def client(self, replies: Iterable[Any] | Any = (), **settings: Any) -> Any:
        """A client of this world with the stage's clock."""
        make: Any = Client if self.is_blocking else AsyncClient
        provider = self.handle(replies) if isinstance(replies, list | tuple) else replies
        client = make(provider, **{"model": "m", "clock": self.clock} | settings)
        self._clients.append(client)
        return client

    def agent(self, replies: Iterable[Any] | Any = (), *, model: str | ModelSpec = "m", **options: Any) -> Any:
        """An agent whose events are heard here. `replies` may be a handle."""
        agent: Any = self.room.Agent(self.client(replies, model=model), **options)
        agent.subscribe(self.events.append)
        return _Kept(ColouredAgent(agent) if self.is_blocking else agent, self.results)

    @property
    def room(self) -> Any:
        """The module with this world's Agent."""
        return lash_io.blocking.agent if self.is_blocking else lash_io.aio.agent

    def between(self, agent: Any, kind: type, do: Callable[[], Awaitable[None]]) -> None:
        """Have `do` awaited once by a listener, at the first event of that kind."""
        left = [do]

        async def heard(event: AgentEvent) -> None:
            if isinstance(event, kind) and left:
                await left.pop()()

        agent.subscribe((lambda event: drive(heard(event))) if self.is_blocking else heard)

    def stream(self, events: Iterable[Any], error: Exception | None = None) -> Any:
        """An iterator of this world's kind over these, which may break off."""

        def plain() -> Iterator[Any]:
            yield from events
            if error is not None:
                raise error

        async def coloured() -> AsyncIterator[Any]:
            for event in plain():
                yield event

        return plain() if self.is_blocking else coloured()

    async def loop(self, name: str, *args: Any, **options: Any) -> tuple[list[AgentEvent], Any]:
        """The events and the result of a loop without an Agent."""
        room = getattr(self.room, name)(*args, **options)
        if self.is_blocking:
            with room as loop:
                return list(loop), loop.result()
        async with room as loop:
            return [event async for event in loop], await loop.result()

    # --- what was heard ----------------------------------------------------------------------------------------------

    @property
    def told(self) -> list[str]:
        """All events in the shorthand."""
        return shorthand(self.events)

    @property
    def conversations(self) -> list[list[str]]:
        """The messages of each request, as its provider was sent them: `role: text`."""
        return [_conversation(call) for call in self.sent]

    def result_of(self, call_id: str) -> str:
        """The text of a call's result."""
        (text,) = [
            each.result.text for each in self.events if isinstance(each, ToolExecutionEnd) and each.call_id == call_id
        ]
        return text


class _Kept:
    """An agent that keeps what its runs gave. `real` is the agent itself."""

    real: Any

    def __init__(self, agent: Any, results: list[Any]) -> None:
        self.__dict__.update(_agent=agent, _results=results, real=getattr(agent, "_agent", agent))

    def _keep(self, result: Any) -> Any:
        # What is saved holds fresh entropy; what is waited for must be the same.
        self._results.append(result.waiting if isinstance(result, Paused) else result)
        return result

    async def prompt(self, *args: Any, **settings: Any) -> Any:
        return self._keep(await self._agent.prompt(*args, **settings))

    async def continue_run(self, **settings: Any) -> Any:
        return self._keep(await self._agent.continue_run(**settings))

    async def resume(self, *args: Any, **settings: Any) -> Any:
        return self._keep(await self._agent.resume(*args, **settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._agent, name, value)


# --- what is said ----------------------------------------------------------------------------------------------------


def said(reply: Any) -> FauxReply:
    """A reply of a string, a call, several, or one that is a reply already."""
    if isinstance(reply, FauxReply):
        return reply
    return FauxReply(reply if isinstance(reply, str) else [reply] if isinstance(reply, ToolCallPart) else reply)


def call(number: int, name: str, /, **arguments: Any) -> ToolCallPart:
    """A call c<number> of a tool."""
    return ToolCallPart(f"c{number}", name, arguments, dump_json(arguments))


def broken(number: int, name: str, text: str) -> ToolCallPart:
    """A call whose arguments are no JSON."""
    return ToolCallPart(f"c{number}", name, {}, text, "not JSON")


# --- what is heard ---------------------------------------------------------------------------------------------------


def shorthand(events: Iterable[AgentEvent]) -> list[str]:
    """Events as a hand writes them down. Holds them to the grammar of `lash_proto.turn.events` on the way."""
    lines: list[str] = []
    open_message: Message | None = None
    for event in events:
        match event:
            case MessageStart(message):
                assert open_message is None, "a message begins within another"
                open_message = message
                continue
            case MessageUpdate():
                assert isinstance(open_message, AssistantMessage), "an update of no message"
                continue
            case MessageEnd(message):
                assert open_message is not None, "a message ends that never began"
                assert open_message == message or isinstance(message, AssistantMessage)
                open_message = None
                lines.append(_message(message))
            case _:
                assert open_message is None, "a message was left open"
                lines.append(_line(event))
    return lines


def _line(event: AgentEvent) -> str:
    match event:
        case AgentStart():
            return "agent_start"
        case TurnStart():
            return "turn_start"
        case ToolExecutionStart(id, name, _):
            return f"start {id} {name}"
        case ToolExecutionUpdate(id, _, partial):
            return f"update {id} {partial.text}"
        case ToolExecutionEnd(id, _, result):
            return f"end {id} {'error' if result.is_error else result.text}"
        case TurnEnd(_, results, _):
            return " ".join(["turn_end", *(result.tool_call_id for result in results)])
        case AgentEnd(messages):
            return f"agent_end {len(messages)}"
        case _:
            raise AssertionError(event)


def _message(message: Message) -> str:
    match message:
        case UserMessage(content):
            return f"user {_text(content)}"
        case ToolResultMessage(id, content, _, is_error):
            return f"result {id} {'error' if is_error else _text(content)}"
        case CustomMessage(name, _):
            return f"custom {name}"
        case AssistantMessage():
            words = ["assistant", *filter(None, [_text(message.content)])]
            words += [f"{part.name}/{part.id}" for part in message.content if isinstance(part, ToolCallPart)]
            usual = message.stop_reason in ("stop", "tool_use", None)
            return " ".join(words if usual else [*words, f"({message.stop_reason})"])


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    words = [part.text if isinstance(part, TextPart) else "[image]" for part in content if isinstance(part, _SHOWN)]
    return " ".join(words)


_SHOWN = (TextPart, ImagePart)


def spell(events: Iterable[AgentEvent]) -> list[str]:
    """Every event, by its type and, of an update, that of the stream's event."""
    lines: list[str] = []
    for event in events:
        match event:
            case MessageStart(message) | MessageEnd(message):
                lines.append(f"{event.tag[1]} {message.role}")
            case MessageUpdate(update):
                lines.append(f"message_update {type(update).__name__}")
            case _:
                lines.append(_line(event))
    return lines


def _conversation(call: FauxCall) -> list[str]:
    body: Any = call.body
    lines: list[str] = []
    for message in body["messages"]:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for part in parts:
            match part:
                case {"type": "text", "text": text}:
                    lines.append(f"{message['role']}: {text}")
                case {"type": "tool_use", "id": id, "name": name}:
                    lines.append(f"{message['role']}: {name}/{id}")
                case {"type": "tool_result", "tool_use_id": id, "content": result}:
                    text = result if isinstance(result, str) else " ".join(each.get("text", "") for each in result)
                    lines.append(f"{message['role']}: {id} = {text}")
                case _:
                    lines.append(f"{message['role']}: [{part['type']}]")
    return lines


__all__ = ["CancelToken", "Stage", "broken", "call", "on_all_stages", "said", "shorthand", "spell"]
