"""The agent for asyncio and trio: `Agent`, and the loop without one."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Any, Self, Unpack

import anyio
from anyio.abc import TaskGroup

from lash_proto.effects import AskHost, RunTool
from lash_proto.happenings import Progressed, ToolReturned
from lash_proto.messages import ImagePart, Message
from lash_proto.models import ModelSpec
from lash_proto.providers import ProviderHandle
from lash_proto.replies import LlmResponse, ResponseEnd
from lash_proto.turn import AgentEvent, AgentResult, Paused, Turn
from lash_proto.turn.hooks import STREAM
from lash_proto.values import Secret

from ..agents import AgentBase, AgentOptions, Listener, messages_of
from ..cancel import CancelToken
from ..requests import Prompt
from .client import Client
from .driver import Function, Run, performers

__all__ = ["Agent", "AgentEvents", "agent_loop", "agent_loop_continue", "run_agent_loop", "run_agent_loop_continue"]


class Agent(AgentBase):
    """A conversation with tools: asks a model, runs its tools, and asks again until it is done.

    `provider` is a Client, which stays the caller's to close, or what a Client takes. `options` are those of
    `AgentOptions`. One run at a time; `steer`, `follow_up` and `abort` may be called from any task or thread. Hooks and
    listeners may be async. So may tools; one that is not runs in a worker thread, which Python cannot stop: an aborted
    one is left to itself, and its ToolContext tells it.
    """

    def __init__(
        self,
        provider: Client | ProviderHandle | str,
        *,
        model: str | ModelSpec | None = None,
        api_key: str | Secret | None = None,
        **options: Unpack[AgentOptions],
    ) -> None:
        client = provider if isinstance(provider, Client) else Client(provider, model=model, api_key=api_key)
        self._owned = None if client is provider else client
        self._client = client
        self._idle: anyio.Event | None = None
        super().__init__(client._calls, options)
        if model is not None:
            self.model = client.model if client is not provider else model

    # --- runs ------------------------------------------------------------------------------------------------------

    async def prompt(
        self, prompt: Prompt, images: Iterable[ImagePart] = (), *, cancel: CancelToken | None = None
    ) -> AgentResult | Paused:
        """Say something, and run until the model is done. What failed is in the result, and never raised.

        Raises LocalProtocolError while another run is under way, and what a listener raises.
        """
        self._refuse_while_running("prompt it")
        return await self._run(self._begin(messages_of(prompt, images), True), cancel)

    async def continue_run(self, *, cancel: CancelToken | None = None) -> AgentResult | Paused:
        """Go on from the last message, the user's or a tool's result; after one of the model's, with what is queued.

        Raises ValueError where there is nothing that the model could answer.
        """
        self._refuse_while_running("continue it")
        return await self._run(self._go_on(), cancel)

    async def resume(
        self,
        state: Paused | Mapping[str, Any],
        answers: Mapping[Any, Any] | None = None,
        *,
        cancel: CancelToken | None = None,
    ) -> AgentResult | Paused:
        """Go on with a run that paused, or whose state was saved, here or in another process.

        `answers` are those to `Paused.waiting`, by their ids. Raises ValueError for one that nobody asked for.
        """
        self._refuse_while_running("resume another")
        return await self._run(self._restore(state, answers, self._client._clock.now()), cancel)

    async def wait_for_idle(self, timeout: float | None = None) -> bool:
        """Wait until no run is under way, at most so many seconds; whether that is so. Not from a listener or tool."""
        with anyio.move_on_after(timeout):
            while (idle := self._idle) is not None:
                await idle.wait()
        return not self.is_streaming

    async def _run(self, turn: Turn, cancel: CancelToken | None) -> AgentResult | Paused:
        def run_tool(effect: RunTool) -> Any:
            return self._run_tool(effect, run.tell)

        def ask_host(effect: AskHost) -> Any:
            return self._stream(effect, run) if effect.name == STREAM else self._asked(effect)

        table = self._client._performers | performers(ask_host=ask_host)
        # An async tool is awaited in a task of this loop; any other would hold the loop up.
        table[RunTool] = lambda effect: Function(
            effect, run_tool, ToolReturned, not self._tool_of(effect).is_async, self._tool_raised
        )
        own = self._enter(turn, cancel)
        idle = self._idle = anyio.Event()
        run: Run[AgentResult | Paused] = Run(turn, table, clock=self._client._clock, cancel=own)
        try:
            async with run:
                async for event in run:
                    await self._tell(event)
                return run.result
        finally:
            run.abandon()
            self._leave(cancel)
            self._idle = None
            idle.set()

    async def _tell(self, event: AgentEvent) -> None:
        self._note(event)
        for listener in list(self._listeners):
            heard = listener(event)
            if inspect.isawaitable(heard):
                await heard

    async def _stream(self, effect: AskHost, run: Run[Any]) -> LlmResponse:
        events = self._stream_of(effect)
        if inspect.isawaitable(events):
            events = await events
        if hasattr(events, "__aenter__"):
            async with events as entered:
                return await _read(entered, effect.id, run)
        return await _read(events, effect.id, run)

    # --- a client of its own ---------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Drop the idle connections of a client of its own. Twice does no harm."""
        if self._owned is not None:
            await self._owned.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
        await self.close()


async def _read(events: Any, id: int, run: Run[Any]) -> LlmResponse:
    async with AsyncExitStack() as stack:
        if isinstance(events, AsyncGenerator):
            await stack.enter_async_context(aclosing(events))
        async for event in events:
            if isinstance(event, ResponseEnd):
                return event.response
            run.tell(Progressed(id, event))
    raise EOFError("the stream ended without a ResponseEnd")


# --- the loop without an Agent ---------------------------------------------------------------------------------------


class AgentEvents:
    """A run in a task of its own: iterate for its events, as slow as you like. When its block ends, it is aborted."""

    def __init__(self, agent: Agent, start: Callable[[CancelToken], Awaitable[AgentResult | Paused]]) -> None:
        self._agent = agent
        self._start = start
        self._cancel = CancelToken()
        self._outcome: AgentResult | Paused | BaseException | None = None
        self._over = anyio.Event()
        self._put, self._events = anyio.create_memory_object_stream[AgentEvent](math.inf)
        self._group: TaskGroup | None = None
        agent.subscribe(self._put.send_nowait)

    async def _work(self) -> None:
        try:
            self._outcome = await self._start(self._cancel)
        except Exception as error:
            self._outcome = error
        finally:
            self._put.close()
            self._over.set()

    async def result(self) -> AgentResult | Paused:
        """What came of the run, once it is over. Raises what a listener raised, or the request made impossible."""
        await self._over.wait()
        assert self._outcome is not None
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def abort(self) -> None:
        """End the run."""
        self._cancel.cancel()

    def __aiter__(self) -> AsyncIterator[AgentEvent]:
        return self._events

    async def __aenter__(self) -> Self:
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._work, name="lash-agent-loop")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancel.cancel()
        assert self._group is not None
        # The caller's exception is the caller's: a group that saw it would wrap it.
        await self._group.__aexit__(None, None, None)
        self._events.close()
        await self._agent.close()


def agent_loop(
    provider: Client | ProviderHandle | str,
    prompt: Prompt,
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentEvents:
    """One run, seen from outside: `async with agent_loop(...) as events`. It does not wait for who reads its events."""
    agent = Agent(provider, model=model, **options)
    return AgentEvents(agent, lambda cancel: agent.prompt(prompt, cancel=cancel))


def agent_loop_continue(
    provider: Client | ProviderHandle | str,
    conversation: Iterable[Message],
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentEvents:
    """The same from the last message of a conversation, which must be the user's or a tool's result."""
    options["messages"] = conversation
    agent = Agent(provider, model=model, **options)
    return AgentEvents(agent, lambda cancel: agent.continue_run(cancel=cancel))


async def run_agent_loop(
    provider: Client | ProviderHandle | str,
    prompt: Prompt,
    emit: Listener | None = None,
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentResult | Paused:
    """One run, to its end. `emit` is heard out at every event before the loop goes on."""
    async with Agent(provider, model=model, **options) as agent:
        if emit is not None:
            agent.subscribe(emit)
        return await agent.prompt(prompt)


async def run_agent_loop_continue(
    provider: Client | ProviderHandle | str,
    conversation: Iterable[Message],
    emit: Listener | None = None,
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentResult | Paused:
    """The same from the last message of a conversation, which must be the user's or a tool's result."""
    options["messages"] = conversation
    async with Agent(provider, model=model, **options) as agent:
        if emit is not None:
            agent.subscribe(emit)
        return await agent.continue_run()
