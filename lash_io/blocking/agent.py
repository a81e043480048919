"""The agent for blocking code: `Agent`, and the loop without one."""

from __future__ import annotations

import inspect
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any, Self, Unpack

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
    `AgentOptions`. One run at a time; `steer`, `follow_up`, `abort` and `wait_for_idle` may be called from any thread.
    Each tool runs in a thread of its own, which Python cannot stop: an aborted one is left to itself, and its
    ToolContext tells it. TypeError for a tool, hook or listener that is async.
    """

    _awaits = False

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
        self._idle = threading.Condition()
        super().__init__(client._calls, options)
        if model is not None:
            self.model = client.model if client is not provider else model

    # --- runs ------------------------------------------------------------------------------------------------------

    def prompt(
        self, prompt: Prompt, images: Iterable[ImagePart] = (), *, cancel: CancelToken | None = None
    ) -> AgentResult | Paused:
        """Say something, and run until the model is done. What failed is in the result, and never raised.

        Raises LocalProtocolError while another run is under way, and what a listener raises.
        """
        self._refuse_while_running("prompt it")
        return self._run(self._begin(messages_of(prompt, images), True), cancel)

    def continue_run(self, *, cancel: CancelToken | None = None) -> AgentResult | Paused:
        """Go on from the last message, the user's or a tool's result; after one of the model's, with what is queued.

        Raises ValueError where there is nothing that the model could answer.
        """
        self._refuse_while_running("continue it")
        return self._run(self._go_on(), cancel)

    def resume(
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
        return self._run(self._restore(state, answers, self._client._clock.now()), cancel)

    def wait_for_idle(self, timeout: float | None = None) -> bool:
        """Wait until no run is under way, at most so many seconds; whether that is so. Not from a listener or tool."""
        with self._idle:
            return self._idle.wait_for(lambda: not self.is_streaming, timeout)

    def _run(self, turn: Turn, cancel: CancelToken | None) -> AgentResult | Paused:
        def run_tool(effect: RunTool) -> Any:
            return _answered(self._run_tool(effect, run.tell))

        def ask_host(effect: AskHost) -> Any:
            return self._stream(effect, run) if effect.name == STREAM else _answered(self._asked(effect))

        table = self._client._performers | performers(ask_host=ask_host)
        table[RunTool] = lambda effect: Function(effect, run_tool, ToolReturned, self._tool_raised)
        with self._idle:  # two threads may have come so far
            self._refuse_while_running("begin another")
            own = self._enter(turn, cancel)
        run: Run[AgentResult | Paused] = Run(turn, table, clock=self._client._clock, cancel=own)
        try:
            with run:
                for event in run:
                    self._tell(event)
                return run.result
        finally:
            run.abandon()
            with self._idle:
                self._leave(cancel)
                self._idle.notify_all()

    def _tell(self, event: AgentEvent) -> None:
        self._note(event)
        for listener in list(self._listeners):
            _answered(listener(event))

    def _stream(self, effect: AskHost, run: Run[Any]) -> LlmResponse:
        events = self._stream_of(effect)
        if hasattr(events, "__enter__"):
            with events as entered:
                return _read(entered, effect.id, run)
        return _read(events, effect.id, run)

    # --- a client of its own ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Drop the idle connections of a client of its own. Twice does no harm."""
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
        self.close()


def _answered(value: Any) -> Any:
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise TypeError(
            "what came is to be awaited, and a blocking Agent awaits nothing: lash_io.aio has one that does"
        )
    return value


def _read(events: Iterable[Any], id: int, run: Run[Any]) -> LlmResponse:
    with ExitStack() as stack:
        if isinstance(events, Generator):
            stack.enter_context(closing(events))
        for event in events:
            if isinstance(event, ResponseEnd):
                return event.response
            run.tell(Progressed(id, event))
    raise EOFError("the stream ended without a ResponseEnd")


# --- the loop without an Agent ---------------------------------------------------------------------------------------


class AgentEvents:
    """A run in a thread of its own: iterate for its events, as slow as you like. When its block ends, it is aborted."""

    def __init__(self, agent: Agent, start: Callable[[CancelToken], AgentResult | Paused]) -> None:
        self._agent = agent
        self._cancel = CancelToken()
        self._events: queue.SimpleQueue[AgentEvent | None] = queue.SimpleQueue()
        self._outcome: AgentResult | Paused | BaseException | None = None
        agent.subscribe(self._events.put)
        self._thread = threading.Thread(target=self._work, args=(start,), name="lash-agent-loop", daemon=True)

    def _work(self, start: Callable[[CancelToken], AgentResult | Paused]) -> None:
        try:
            self._outcome = start(self._cancel)
        except BaseException as error:
            self._outcome = error
        finally:
            self._events.put(None)

    def result(self) -> AgentResult | Paused:
        """What came of the run, once it is over. Raises what a listener raised, or the request made impossible."""
        self._thread.join()
        assert self._outcome is not None
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def abort(self) -> None:
        """End the run."""
        self._cancel.cancel()

    def __iter__(self) -> Iterator[AgentEvent]:
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancel.cancel()
        self._thread.join()
        self._agent.close()


def agent_loop(
    provider: Client | ProviderHandle | str,
    prompt: Prompt,
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentEvents:
    """One run, seen from outside: `with agent_loop(...) as events`. It does not wait for who reads its events."""
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


def run_agent_loop(
    provider: Client | ProviderHandle | str,
    prompt: Prompt,
    emit: Listener | None = None,
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentResult | Paused:
    """One run, to its end. `emit` is heard out at every event before the loop goes on."""
    with Agent(provider, model=model, **options) as agent:
        if emit is not None:
            agent.subscribe(emit)
        return agent.prompt(prompt)


def run_agent_loop_continue(
    provider: Client | ProviderHandle | str,
    conversation: Iterable[Message],
    emit: Listener | None = None,
    *,
    model: str | ModelSpec | None = None,
    **options: Unpack[AgentOptions],
) -> AgentResult | Paused:
    """The same from the last message of a conversation, which must be the user's or a tool's result."""
    options["messages"] = conversation
    with Agent(provider, model=model, **options) as agent:
        if emit is not None:
            agent.subscribe(emit)
        return agent.continue_run()
