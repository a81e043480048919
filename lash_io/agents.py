"""What an agent is in both worlds: its settings, its state, what an event does to that. The twins only run it.

The conversation, the queues and the settings belong to the agent and outlive its runs; each run is a `Turn` made from
them as they are when it begins. A setter called while a run goes on holds from the next one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypedDict

from attrs import define, evolve, field

from lash_proto.effects import AskHost, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import Progressed, ToolReturned
from lash_proto.messages import (
    AssistantMessage,
    CacheRetention,
    ImagePart,
    LlmRequest,
    Message,
    ProviderOptions,
    ReasoningLevel,
    TextPart,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.providers import ProviderHandle, from_spec, register_all
from lash_proto.tools import Tool, ToolContext, ToolResult, error_result, tools_of
from lash_proto.turn import (
    AgentEnd,
    AgentEvent,
    Budget,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    Paused,
    Queues,
    ToolExecutionEnd,
    ToolExecutionStart,
    Turn,
    TurnEnd,
    TurnState,
)
from lash_proto.turn.context import check_continuable
from lash_proto.turn.hooks import (
    AFTER_TOOL_CALL,
    APPROVE,
    BEFORE_TOOL_CALL,
    CONVERT_TO_LLM,
    ON_OVERFLOW,
    PREPARE_NEXT_TURN,
    SAVE,
    SHOULD_STOP,
    STREAM,
    TRANSFORM_CONTEXT,
)
from lash_proto.turn.model_call import PartialMessage
from lash_proto.turn.progress import Progress
from lash_proto.turn.queues import QueueMode
from lash_proto.turn.results import MAX_TURNS
from lash_proto.values import Secret

from .calls import Asked, Calls, Hooks, Left, OnPayload, OnResponse
from .cancel import CancelToken
from .keys import with_env_key
from .requests import Prompt, provider_of, refuse_unknown, request_of
from .world import entropy

__all__ = ["AgentBase", "AgentOptions", "Hook", "Listener", "messages_of"]


Hook: TypeAlias = Callable[..., Any]
Listener: TypeAlias = Callable[[AgentEvent], Any]
"""Called with every event, one listener after another; under asyncio and trio it may be async."""


class AgentOptions(TypedDict, total=False):
    """The settings of an agent, and of one run of the loop."""

    system_prompt: str | None
    tools: Sequence[Any]
    """Tools, or functions that become such (`lash_proto.tools.tool`)."""
    messages: Iterable[Message]
    """The conversation to go on with."""
    reasoning: ReasoningLevel | int | None
    thinking_budgets: Mapping[str, int]
    """Tokens to be sent in the place of a level, for models that know no levels."""
    session_id: str | None
    steering_mode: QueueMode
    follow_up_mode: QueueMode
    tool_execution: Literal["parallel", "sequential"]
    max_turns: int | None
    """Model calls of one run. Default 100."""
    max_tokens: int | None
    max_cost: float | None
    max_seconds: float | None
    output: Any
    """A type or JSON Schema for the last answer: `AgentResult.output`."""
    transform_context: Hook
    """(messages) -> messages | None, before each model call: what the model is told of the conversation."""
    convert_to_llm: Hook
    """(messages) -> messages | None: what a provider is sent, in the place of lash's own handing off."""
    before_tool_call: Hook
    """(BeforeToolCall) -> None | Block | other arguments | Later."""
    after_tool_call: Hook
    """(AfterToolCall) -> None | ToolResult."""
    prepare_next_turn: Hook
    """(TurnContext) -> None | NextTurn."""
    should_stop_after_turn: Hook
    """(TurnContext) -> bool."""
    approve: Hook
    """(ApproveToolCall) -> True | False | reason | Later, for tools with `approval`; without it the run pauses."""
    on_context_overflow: Hook
    """(TurnContext) -> a shorter conversation | None."""
    save: Hook
    """(state as JSON) -> anything: keep it, so that `resume` can go on from it after a crash."""
    stream_fn: Hook
    """(model, request, options) -> the events of a model call, ResponseEnd last, from wherever they come."""
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop: Sequence[str]
    seed: int | None
    tool_choice: str | None
    metadata: Mapping[str, str] | None
    cache_retention: CacheRetention
    expose_thinking: bool
    parallel_tool_calls: bool | None
    service_tier: str | None
    extra_body: Mapping[str, Any] | None
    extra_headers: Mapping[str, str | Secret | None] | None
    max_retries: int
    idle_timeout: float | None
    total_timeout: float | None
    """For one model call, as every knob of ProviderOptions."""
    options: ProviderOptions
    """The rest of them, and those of one dialect alone."""
    on_payload: OnPayload
    on_response: OnResponse


_HOOKS: Mapping[str, str] = {
    "transform_context": TRANSFORM_CONTEXT,
    "convert_to_llm": CONVERT_TO_LLM,
    "before_tool_call": BEFORE_TOOL_CALL,
    "after_tool_call": AFTER_TOOL_CALL,
    "prepare_next_turn": PREPARE_NEXT_TURN,
    "should_stop_after_turn": SHOULD_STOP,
    "approve": APPROVE,
    "on_context_overflow": ON_OVERFLOW,
    "save": SAVE,
    "stream_fn": STREAM,
}
_KNOBS = (
    "max_output_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "tool_choice",
    "metadata",
    "cache_retention",
    "expose_thinking",
    "parallel_tool_calls",
    "service_tier",
    "extra_body",
    "extra_headers",
    "max_retries",
    "idle_timeout",
    "total_timeout",
    "options",
)


def messages_of(prompt: Prompt, images: Iterable[ImagePart] = ()) -> tuple[Message, ...]:
    """The messages that a prompt is; pictures go with a text. TypeError for what cannot be said."""
    if isinstance(prompt, LlmRequest):
        raise TypeError("an agent makes the request itself: prompt it with a text or messages")
    images = tuple(images)
    if isinstance(prompt, str):
        return (UserMessage((TextPart(prompt), *images) if images else prompt),)
    if images:
        raise TypeError("images go with a text; put them into the messages given")
    return request_of(prompt, {}, ProviderOptions()).messages


def is_async(function: Any) -> bool:
    """Whether what comes of a call is to be awaited, as far as a function tells by itself."""
    called = (function, type(function).__call__)
    return any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in called)


@define
class _Seen:
    """What events have told of a run under way: the machine itself may be further than its listeners have heard."""

    pending: set[str] = field(factory=set[str])
    message: PartialMessage | None = None
    heard: int = 0  # messages
    error: str | None = None


class AgentBase:
    """The state of an agent, and what its events do to it. `lash_io.blocking.Agent` and `lash_io.aio.Agent` run it."""

    _awaits: ClassVar[bool] = True  # whether what the program gives it may be async

    def __init__(self, calls: Calls, options: Mapping[str, Any]) -> None:
        refuse_unknown(options, AgentOptions.__annotations__, (), "an agent has no such setting")
        self._calls = calls
        self._handle: ProviderHandle | None = None  # where it is not the client's
        self.model: str | ModelSpec | None = calls.model
        """The model that is asked, one of the provider's."""
        self._options = dict(options)
        self.max_turns: int | None = options.get("max_turns", MAX_TURNS)
        """The model calls of one run; None: no bound."""
        self.max_tokens: int | None = options.get("max_tokens")
        self.max_cost: float | None = options.get("max_cost")
        self.max_seconds: float | None = options.get("max_seconds")
        self._budget()
        if (execution := options.get("tool_execution", "parallel")) not in ("parallel", "sequential"):
            raise ValueError(f"tool_execution {execution!r}: it is 'parallel' or 'sequential'")
        self.system_prompt: str | None = options.get("system_prompt")
        """What the model is told first."""
        self.reasoning: ReasoningLevel | int | None = options.get("reasoning")
        """How much it is to think; None: its provider's own default."""
        self.session_id: str | None = options.get("session_id")
        """The conversation's name, a hint for prompt caches."""
        self.tools = options.get("tools", ())
        self.messages = list(options.get("messages", ()))
        self._queues = Queues(
            steering_mode=options.get("steering_mode", "one_at_a_time"),
            follow_up_mode=options.get("follow_up_mode", "one_at_a_time"),
        )
        self._hooks = {_HOOKS[name]: options[name] for name in _HOOKS if options.get(name) is not None}
        for name, hook in self._hooks.items():
            if not callable(hook):
                raise TypeError(f"the hook {name} is to be a function, and not {hook!r}")
            self._refuse_async(f"the hook {name}", is_async(hook))
        self._call_hooks: Hooks = {}
        self._left: Left = lambda handle: None
        self._listeners: list[Listener] = []
        self._turn: Turn | None = None
        self._cancel: CancelToken | None = None
        self._seen = _Seen()

    # --- state -----------------------------------------------------------------------------------------------------

    @property
    def provider(self) -> ProviderHandle:
        """Who is asked. Set another handle, its kind, or "kind:model", which sets the model too."""
        return self._calls.provider if self._handle is None else self._handle

    @provider.setter
    def provider(self, provider: ProviderHandle | str) -> None:
        handle, model = provider_of(provider, None)
        self._handle = with_env_key(handle)
        self.model = self.model if model is None else model

    @property
    def tools(self) -> tuple[Tool[Any, Any], ...]:
        """The tools that the model may call. Functions that are set become tools; two of one name are a ValueError."""
        return self._tools

    @tools.setter
    def tools(self, tools: Iterable[Any]) -> None:
        made = tools_of(tools)
        for each in made:
            self._refuse_async(f"the tool {each.name}", each.is_async)
        self._tools = made

    @property
    def messages(self) -> list[Message]:
        """The conversation. Of a run under way, as far as its events have told of it: a list of its own."""
        if self._turn is None:
            return self._messages
        run = self._turn.run
        return run.messages[: len(run.messages) - (len(run.new) - self._seen.heard)]

    @messages.setter
    def messages(self, messages: Iterable[Message]) -> None:
        self._refuse_while_running("set its messages")
        self._messages = list(messages)

    @property
    def is_streaming(self) -> bool:
        """Whether a run is under way; until the listeners have heard of its end."""
        return self._turn is not None

    @property
    def streaming_message(self) -> AssistantMessage | None:
        """The model's message as far as its events have told of it, put together when asked for; None while none is
        coming."""
        heard = self._seen.message
        return None if heard is None else AssistantMessage(heard.content)

    @property
    def pending_tool_calls(self) -> frozenset[str]:
        """The ids of the calls that are taken up and have no result yet."""
        return frozenset(self._seen.pending)

    @property
    def error_message(self) -> str | None:
        """What went wrong in the last run; None where nothing did."""
        return self._seen.error

    # --- queues and listeners --------------------------------------------------------------------------------------

    def steer(self, message: str | Message) -> None:
        """Say this before the next model call, once the tools under way have ended. From any thread or task."""
        self._queues.steer(message)

    def follow_up(self, message: str | Message) -> None:
        """Say this when the model would otherwise be done. From any thread or task."""
        self._queues.follow_up(message)

    def clear_queues(self) -> None:
        """Forget what is waiting to be said."""
        self._queues.clear()

    @property
    def has_queued_messages(self) -> bool:
        """Whether anything is waiting to be said."""
        return bool(self._queues)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have every event told to `listener`, in order, each heard out before the loop goes on, until what comes back
        is called.

        What a listener raises ends the run, as far as it has come, and goes to whoever started it.
        """
        self._refuse_async("this listener", is_async(listener))
        entry: Listener = lambda event: listener(event)  # noqa: E731 - one entry a subscription, the same listener or not
        self._listeners.append(entry)

        def unsubscribe() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return unsubscribe

    def abort(self) -> None:
        """End the run under way, if there is one. From any thread or task; it does not wait for the end."""
        if (cancel := self._cancel) is not None:
            cancel.cancel()

    def reset(self) -> None:
        """Forget conversation, queues and error; settings stay. LocalProtocolError while a run is under way."""
        self._refuse_while_running("reset it")
        self._messages = []
        self._queues.clear()
        self._seen = _Seen()

    # --- runs ------------------------------------------------------------------------------------------------------

    def _refuse_async(self, what: str, is_async: bool) -> None:
        if is_async and not self._awaits:
            raise TypeError(f"{what} is async, and a blocking Agent awaits nothing: lash_io.aio has one that does")

    def _refuse_while_running(self, what: str) -> None:
        if getattr(self, "_turn", None) is not None:
            raise LocalProtocolError(f"a run is under way: {what} when it is over (wait_for_idle), or abort it")

    def _go_on(self) -> Turn:
        """The run that goes on from the last message or, after one of the model's, with what is queued."""
        try:
            check_continuable(self._messages, converted=CONVERT_TO_LLM in self._hooks)
        except ValueError:
            if not self._messages or not self._queues:
                raise
            turn = self._begin((), False)  # before anything is taken: it may raise
            turn.prompts = tuple(self._queues.take_steering() or self._queues.take_follow_ups())
            return turn
        return self._begin((), True)

    def _budget(self) -> Budget:
        return Budget(self.max_turns, self.max_tokens, self.max_cost, self.max_seconds)

    def _settings(self) -> dict[str, Any]:
        options = self._options
        asked = Asked(on_payload=options.get("on_payload"), on_response=options.get("on_response"))
        self._call_hooks, self._left = self._calls.hooks(self.provider, asked, ours=self._handle is None)
        return {
            "tools": self._tools,
            "hooks": frozenset((*self._hooks, *self._call_hooks)),
            "queues": self._queues,
            "budget": self._budget(),
            "output": options.get("output"),
            "sequential": options.get("tool_execution") == "sequential",
            "limited": self._calls.limited,
        }

    def _begin(self, prompts: tuple[Message, ...], look: bool) -> Turn:
        if self.model is None:
            raise TypeError("no model: give one to the agent")
        handle = self.provider
        model = handle.model(self.model)
        knobs = {name: self._options[name] for name in _KNOBS if name in self._options}
        request = request_of((), knobs, self._calls.options, handle.options_type(model))
        reasoning: Any = self.reasoning
        if isinstance(reasoning, str):
            reasoning = (self._options.get("thinking_budgets") or {}).get(reasoning, reasoning)
        if reasoning is not None:
            request = evolve(request, options=evolve(request.options, reasoning=reasoning))
        request = evolve(request, system=self.system_prompt, session_id=self.session_id)
        return Turn(
            handle,
            model,
            Progress(self._messages),
            prompts=prompts,
            request=request,
            seed=entropy(16),
            look=look,
            **self._settings(),
        )

    def _restore(self, state: Any, answers: Mapping[Any, Any] | None, now: float) -> Turn:
        if isinstance(state, Mapping) and state.get("type") == "paused":
            state = Paused.from_json(state)
        saved = state.state if isinstance(state, Paused) else state
        saved = saved if isinstance(saved, TurnState) else TurnState.from_json(saved)
        if self.provider.kind != saved.provider.kind:
            register_all()
            self._handle = with_env_key(from_spec(saved.provider))
        return Turn.resume(saved, self.provider, now, answers=answers, **self._settings())

    def _enter(self, turn: Turn, cancel: CancelToken | None) -> CancelToken:
        self._turn, self._cancel, self._seen = turn, CancelToken(), _Seen(heard=len(turn.run.new))
        if cancel is not None:
            cancel.listen(self._cancel.cancel)
        return self._cancel

    def _leave(self, cancel: CancelToken | None) -> None:
        turn = self._turn
        assert turn is not None
        if cancel is not None and self._cancel is not None:
            cancel.forget(self._cancel.cancel)
        self._messages = turn.run.messages
        if self._handle is not None and turn.same_provider:
            self._handle = turn.handle  # its credential may have been had anew
        self._left(turn.handle if turn.same_provider else None)
        self._turn = self._cancel = self._seen.message = None
        self._seen.pending = set()

    def _note(self, event: AgentEvent) -> None:
        """What an event does to the state, before any listener hears of it."""
        seen = self._seen
        match event:
            case MessageStart(AssistantMessage()):
                seen.message = PartialMessage()
            case MessageUpdate(update) if seen.message is not None:
                seen.message.add(update)
            case MessageEnd():
                seen.message, seen.heard = None, seen.heard + 1
            case ToolExecutionStart(id):
                seen.pending.add(id)
            case ToolExecutionEnd(id):
                seen.pending.discard(id)
            case TurnEnd(message) if message.stop_reason != "aborted":
                seen.error = None if message.error is None else message.error.message
            case AgentEnd() if self._turn is not None:  # it may have failed between turns
                run = self._turn.run
                seen.error = None if run.error is None or run.reason == "aborted" else run.error.message
            case _:
                pass

    # --- what a run asks for ---------------------------------------------------------------------------------------

    def _tool_of(self, effect: RunTool) -> Tool[Any, Any]:
        assert self._turn is not None
        return next(each for each in self._turn.tools if each.name == effect.call.name)

    def _run_tool(self, effect: RunTool, tell: Callable[[Any], object]) -> Any:
        """What the tool gives back, which may have to be awaited."""
        cancel = self._cancel
        assert cancel is not None

        def report(partial: ToolResult) -> None:
            tell(Progressed(effect.id, partial))

        context = ToolContext(effect.call.id, effect.attempt, lambda: cancel.cancelled, report)
        return self._tool_of(effect).run(effect.arguments, context)

    @staticmethod
    def _tool_raised(id: int, error: Exception) -> ToolReturned:
        return ToolReturned(id, error_result(error))

    def _asked(self, effect: AskHost) -> Any:
        """The answer of the host's own function, which may have to be awaited."""
        turn = self._turn
        assert turn is not None
        if effect.name in self._hooks:
            return self._hooks[effect.name](effect.value)
        return self._call_hooks[effect.name](effect.value, turn.model)

    def _stream_of(self, effect: AskHost) -> Any:
        """The events of a model call that the host makes."""
        call = effect.value
        return self._hooks[STREAM](call.model, call.request, call.request.options)
