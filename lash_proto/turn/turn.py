"""A run of the agent loop: the model is asked, its tools are run, it is asked again, until it is done.

It waits for one step at a time, and its phase says for which: the host's word on what the model is told (`transform`,
`convert`), the model (`call`, a ModelTurn), its tools (`tools`, a Batch), the host's word on what follows (`overflow`,
`stop`, `prepare`), the keeping of the last state (`end`), or no more than that all events have been heard (`opened`,
`between`).

Decisions.
- One turn is one model call and the tools it asks for. What is said to the model goes in between turns, so a message
  that steers waits until the tools of the turn have ended. Before the queues are looked into it asks to be woken at
  once: who hears of a turn's end and then has something to say is heard in this run, and not in the next.
- The conversation keeps all that was said. Turns that failed or were aborted stay in it and are left out of what the
  model is told, with the results of their calls; providers refuse half a turn. What another model said is handed off.
- Where somebody listens for SAVE, nothing that costs anything begins before the state that says so is kept: no model
  call, no tool. So after a crash that state tells what may have happened, and no more than that may have.
- A host's answer `Later` lets all else that is under way end. Then the run is over for this process, and its state is
  the result.
- An abort ends what is under way and begins nothing: calls without a result get one that says so, and the conversation
  is one that any provider takes.
- A hook that fails ends the run, as a model call that fails does: with a message of the model's that has the error and
  no content, so that every turn that was begun has its message and its end.
- Time in which the run waits for an answer in no process is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

from attrs import define, evolve, field, fields, setters

from ..effects import Abort, AskHost
from ..failures import Failure, LocalProtocolError
from ..happenings import Cancelled, Failed, Happening, HostAnswered, Progressed, Steered, Woke
from ..machine import Done, Ids
from ..messages import AssistantMessage, LlmRequest, Message
from ..models import ModelSpec
from ..providers.handle import ProviderHandle
from ..renewal import ON_RENEW, ON_RENEWED
from ..replies import Attempt, LlmResponse
from ..schema import output_of
from ..tools import Tool, tools_of
from ..values import UNSET
from .answers import answers_to
from .batch import Batch
from .context import BadAnswer, Told, check_continuable, is_too_long, messages_in
from .events import AgentEnd, AgentStart, MessageEnd, MessageStart, TurnEnd, TurnStart
from .form import Form
from .hooks import (
    CONVERT_TO_LLM,
    ON_OVERFLOW,
    PREPARE_NEXT_TURN,
    SAVE,
    SHOULD_STOP,
    TRANSFORM_CONTEXT,
    Later,
    NextTurn,
    TurnContext,
)
from .model_call import ABORTED, LOST, ModelTurn
from .progress import Progress
from .queues import Queues
from .results import AgentResult, Budget, EndReason
from .saving import Saving, Step
from .state import Paused, Phase, TurnState, Waiting

_BETWEEN: Final = frozenset({SHOULD_STOP, PREPARE_NEXT_TURN})


def _progress(run: Progress | Iterable[Message]) -> Progress:
    return run if isinstance(run, Progress) else Progress(run)


# A converter is for what callers give; run on each change it would cost more than the change.
@define(on_setattr=setters.NO_OP)
class Turn:
    """A run. Gives effects, AgentEvents and, last, `Done` of an AgentResult or, where it waits for its host, a Paused.

    `prompts` are said first; without any the model goes on from the last message, which must not be its own. `request`
    is what all of the run's model calls have in common, without messages. `hooks` are those the host listens for
    (`turn.hooks`, and those of an Exchange). `queues` may be shared with whoever fills them; `look` says whether they
    are looked into before the first model call. `sequential`: no two tools run at once. `output` is a type or schema
    for the last answer. `run` is how far it has come, `run.messages` the conversation. A run that was saved is made
    again with `resume`.
    """

    handle: ProviderHandle
    model: ModelSpec
    run: Progress = field(converter=_progress)
    prompts: tuple[Message, ...] = ()
    request: LlmRequest = field(factory=lambda: LlmRequest(()))
    tools: tuple[Tool[Any, Any], ...] = ()
    hooks: frozenset[str] = frozenset()
    queues: Queues = field(factory=Queues)
    sequential: bool = False
    budget: Budget = field(factory=Budget)
    output: Any = None
    seed: bytes = b""
    limited: bool = False
    look: bool = True
    ids: Ids = field(factory=Ids)

    same_provider: bool = field(default=True, init=False)
    """Whether `handle` is the one given, or that one with a credential had anew."""

    _answers: dict[int, Any] = field(factory=dict[int, Any], init=False)  # to what a run that was saved had asked
    _saving: Saving = field(factory=Saving, init=False)
    _child: ModelTurn | None = field(default=None, init=False)
    _batch: Batch | None = field(default=None, init=False)
    _told: Told | None = field(default=None, init=False)
    _look_at: float | None = field(default=None, init=False)  # when the queues are looked into

    def __attrs_post_init__(self) -> None:
        if self.budget.max_cost is not None and self.model.prices is None:
            raise ValueError("max_cost needs the model's prices: handle.model(id, prices=...)")
        self.tools = tools_of(self.tools)
        self.request = evolve(self.request, messages=(), output=output_of(self.output) or self.request.output)

    # --- the machine -----------------------------------------------------------------------------------------------

    @property
    def wake_at(self) -> float | None:
        """When a deadline passes: of the model call, of a tool, or of the whole run."""
        if self.run.phase in ("new", "end", "done"):
            return None
        times = [self._look_at, *(each.wake_at for each in (self._child, self._batch) if each is not None)]
        if self.run.reason is None:  # else it is being ended already
            times.append(self._total_at)
        return min((at for at in times if at is not None), default=None)

    def start(self, now: float) -> list[Any]:
        """The first outputs; of a run that was saved, those with which it goes on. Raises ValueError where there is
        nothing that the model could answer."""
        run = self.run
        if run.phase != "new":
            return self.restart(now)
        if not self.prompts:
            check_continuable(run.messages, converted=CONVERT_TO_LLM in self.hooks)
        run.began_at, run.pending = now, list(self.prompts)
        opening = [AgentStart(), TurnStart(), *run.say_pending()]
        return opening + (self._await_listeners("opened", now) if self.look else self._ask_context(now))

    def receive(self, happening: Happening, now: float) -> list[Any]:
        """What follows. Raises LocalProtocolError for a happening that answers no effect of this machine."""
        if isinstance(happening, Steered):
            self.queues.steer(happening.message)
            return []
        if isinstance(happening, Woke):
            return self._woke(now)
        if isinstance(happening, Cancelled):
            return self._stop(now, "aborted", ABORTED)
        id, run = happening.id, self.run
        if id == run.question and not run.later:
            return self._answered(_answer(happening), now)
        if id == self._saving.question:
            return self._kept(_answer(happening), now)
        if self._batch is not None and self._batch.owns(id):
            outputs = self._batch.receive(happening)
            return outputs if isinstance(happening, Progressed) else self._work(outputs, now, news=True)
        if self._child is not None:
            return self._heard(self._child.receive(happening, now), now)
        self.ids.check(happening)
        return []

    def restart(self, now: float) -> list[Any]:
        """After a restore: what must be performed again. What was kept as answered is not asked again, and a tool that
        was running runs again only where it says that this does no harm."""
        run = self.run
        self._saving = Saving(then=self._saving.then)
        if run.phase == "tools":
            assert self._batch is not None
            return self._work(self._batch.restore(self._answers), now)
        if run.phase == "call":
            return self._call_again(now)
        if run.phase in _ANSWERS:
            return self._ask_again(now)
        if run.phase in ("opened", "between"):
            return self._await_listeners(run.phase, now)
        return self._close() if run.phase == "end" else []

    @property
    def streaming_message(self) -> AssistantMessage | None:
        """The model's message as far as it has come; None while none is coming."""
        return self._child.partial.message if self._child is not None and self._child.started else None

    @property
    def _total_at(self) -> float | None:
        return None if self.budget.max_seconds is None else self.run.began_at + self.budget.max_seconds

    # --- saved and made again --------------------------------------------------------------------------------------

    def state(self, now: float) -> TurnState:
        """All that it knows, as a value whose JSON form `resume` takes."""
        return self.run.saved(
            now,
            handle=self.handle,
            model=self.model,
            request=self.request,
            queues=self.queues,
            batch=None if self._batch is None else self._batch.saved(),
            seed=self.seed,
            last_id=self.ids.last,
        )

    @classmethod
    def resume(
        cls,
        state: TurnState | Mapping[str, Any],
        handle: ProviderHandle,
        now: float,
        *,
        answers: Mapping[Any, Any] | None = None,
        queues: Queues | None = None,
        **settings: Any,
    ) -> Turn:
        """The run that was saved so, to be started again with the program's own part: the handle with its key, and as
        `settings` what else a Turn takes that is not in the state (tools, hooks, budget, output, sequential, limited).

        `answers` are what the host says to `Paused.waiting`, by their ids or those of their calls; what is missing is
        asked again. `queues` are
        filled with what was waiting in the saved ones. Raises ValueError where the handle is of another kind than the
        run went on with, or an answer is to nothing that was asked; JsonFormError for what is no state.
        """
        state = state if isinstance(state, TurnState) else TurnState.from_json(state)
        if handle.kind != state.provider.kind:
            raise ValueError(f"the run goes on with {state.provider.kind}, and this is a handle for {handle.kind}")
        queues = Queues() if queues is None else queues
        queues.steering.extendleft(reversed(state.steering))
        queues.follow_ups.extendleft(reversed(state.follow_ups))
        turn = cls(
            handle,
            state.model,
            Progress.of(state, now),
            request=state.request,
            queues=queues,
            seed=state.seed,
            ids=Ids(state.last_id),
            **settings,
        )
        if state.batch is not None:
            turn._batch = Batch.restored(state.batch, turn.tools, turn.hooks, turn.ids, turn.run.messages)
        turn._answers = answers_to(turn._waiting(), answers or {})
        return turn

    def _waiting(self) -> tuple[Waiting, ...]:
        run = self.run
        own = [Waiting(run.question, _NAMES[run.phase])] if run.later and run.question is not None else []
        return (*own, *(self._batch.waiting() if self._batch is not None else ()))

    def _ask_again(self, now: float) -> list[Any]:
        run = self.run
        if run.question in self._answers:
            return self._take(self._answers.pop(run.question), now)
        run.question, run.later = None, False
        if run.phase == "transform":
            return self._ask_context(now)
        if run.phase == "convert":
            return self._ask_conversion(now)
        if _NAMES[run.phase] not in self.hooks:  # nobody listens any more
            return self._take(None, now)
        return self._ask(run.phase, self._context())

    def _call_again(self, now: float) -> list[Any]:
        run = self.run
        if self._child is not None:
            return self._heard(self._child.restart(now), now)
        if self._saving.then != "call":  # else it had not begun
            run.lost += (Attempt(len(run.lost) + 1, run.begun or now, now, failure=LOST),)
        run.begun = now
        return self._keep("call", now)

    # --- keeping the state -----------------------------------------------------------------------------------------

    def _keep(self, then: Step | None, now: float) -> list[Any]:
        """Have the state kept where somebody does that, and go on with a step once it is."""
        if SAVE not in self.hooks:
            return self._go(then, now)
        return self._save(now) if self._saving.want(then) else []

    def _save(self, now: float) -> list[Any]:
        return [AskHost(self._saving.begin(self.ids), SAVE, self.state(now).to_json())]

    def _kept(self, happening: HostAnswered | Failed, now: float) -> list[Any]:
        again = self._saving.end()
        if isinstance(happening, Failed):
            self.hooks -= {SAVE}
            failure = Failure("other", f"the state could not be saved: {happening.message}")
            if self.run.phase != "end":
                return self._stop(now, "error", failure)
            self.run.reason, self.run.error = "error", failure
            return self._close()
        return self._save(now) if again else self._go(self._saving.take_step(), now)

    def _go(self, then: Step | None, now: float) -> list[Any]:
        match then:
            case "call":
                return self._call(now)
            case "launch":
                assert self._batch is not None
                return self._batch.launch(now)
            case "pause":
                self.queues = self.queues.handed_over()
                paused = Paused(self._waiting(), self.state(now).to_json())
                self.run.phase, self._batch = "done", None
                return [Done(paused)]
            case "end":
                return self._close()
            case _:
                return []

    # --- the queues ------------------------------------------------------------------------------------------------

    def _await_listeners(self, phase: Phase, now: float) -> list[Any]:
        self.run.phase, self._look_at = phase, now
        return []

    def _look_into_queues(self, now: float) -> list[Any]:
        self._look_at = None
        if self.run.phase == "between":
            return self._next(now)
        self.run.pending = self.queues.take_steering()
        return [*self.run.say_pending(), *self._ask_context(now)]

    # --- what the model is told ------------------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Any]:
        self._batch = None
        return [TurnStart(), *self.run.say_pending(), *self._ask_context(now)]

    def _ask(self, phase: Phase, value: Any) -> list[Any]:
        self.run.phase = phase
        self.run.question = self.ids.next()
        return [AskHost(self.run.question, _NAMES[phase], value)]

    def _ask_context(self, now: float) -> list[Any]:
        run = self.run
        run.phase, run.sent, run.more = "transform", None, False
        if TRANSFORM_CONTEXT in self.hooks:
            return self._ask("transform", tuple(run.messages))
        return self._ask_conversion(now)

    def _answered_transform(self, value: Any, now: float) -> list[Any]:
        if value is not None:
            self.run.sent = messages_in(TRANSFORM_CONTEXT, value)
        return self._ask_conversion(now)

    def _ask_conversion(self, now: float) -> list[Any]:
        if CONVERT_TO_LLM in self.hooks:
            sent = self.run.sent
            return self._ask("convert", tuple(self.run.messages) if sent is None else sent)
        return self._answered_convert(None, now)

    def _answered_convert(self, value: Any, now: float) -> list[Any]:
        run = self.run
        if value is not None:
            run.sent = messages_in(CONVERT_TO_LLM, value)
        elif run.sent is not None:
            run.sent = self._fit(run.sent)
        run.phase, run.begun, run.turns = "call", now, run.turns + 1
        return self._keep("call", now)

    def _fit(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        if self._told is None or messages is not self.run.messages or not self._told.is_for(self.handle, self.model):
            self._told = Told.to(self.handle, self.model)
        told = self._told
        fit = told.upto(messages)
        target = f"{self.handle.kind}:{self.model.id}"
        if target != self.run.told_of:  # once for each that the conversation is handed to
            self.run.told_of = target
            self.run.notes += told.losses
        if messages is not self.run.messages:
            self._told = None
        return fit

    # --- the model -------------------------------------------------------------------------------------------------

    def _call(self, now: float) -> list[Any]:
        run = self.run
        messages = self._fit(run.messages) if run.sent is None else run.sent
        tools = (*self.request.tools, *(tool.definition for tool in self.tools))
        self._child = ModelTurn(
            self.handle,
            evolve(self.request, messages=messages, tools=tools),
            self.model,
            self.hooks,
            self.ids,
            self.seed + run.turns.to_bytes(4, "big"),
            self.limited,
            run.lost,
        )
        return self._heard(self._child.start(now), now)

    def _heard(self, outputs: list[Any], now: float) -> list[Any]:
        if not outputs or not isinstance(outputs[-1], Done):
            return outputs
        done = cast("Done[LlmResponse]", outputs[-1])
        assert self._child is not None
        begin = [] if self._child.started else [MessageStart(AssistantMessage(()))]
        self.handle, self._child = self._child.handle, None
        return [*outputs[:-1], *begin, *self._over(done.result, now)]

    def _over(self, response: LlmResponse, now: float) -> list[Any]:
        """The model has said what it says."""
        run = self.run
        message = run.take_response(response, self.model)
        outputs: list[Any] = [MessageEnd(message)]
        if run.reason is not None or message.stop_reason == "aborted":
            if message.error is None:  # it was whole when the abort came, and its calls need results
                self._batch = Batch.of(message, self.tools, self.hooks, self.ids, sequential=self.sequential)
                outputs += [*self._batch.abort(), *self._tell_results(self._batch)]
            return [*outputs, *self._end_turn(), *self._finish(run.reason or "aborted", message.error, now)]
        if is_too_long(response, self.model) and ON_OVERFLOW in self.hooks:
            return [*outputs, *self._end_turn(), *self._ask("overflow", self._context())]
        if message.stop_reason == "error":
            return [*outputs, *self._end_turn(), *self._finish("error", message.error, now)]
        batch = Batch.of(message, self.tools, self.hooks, self.ids, sequential=self.sequential)
        if batch.slots:
            run.phase, self._batch = "tools", batch
            batch.messages = tuple(run.messages[:-1])
            return outputs + self._work([], now)
        run.more = message.stop_reason == "pause"
        return outputs + self._after_turn(now)

    # --- its tools -------------------------------------------------------------------------------------------------

    def _work(self, outputs: list[Any], now: float, *, news: bool = False) -> list[Any]:
        """Go on with the batch after some of its own outputs."""
        batch = self._batch
        assert batch is not None
        outputs += self._tell_results(batch)
        while more := batch.advance():
            outputs += more
            outputs += self._tell_results(batch)
        if batch.launching:
            return outputs + self._keep("launch", now)
        if batch.over:
            self.run.more = not batch.terminates
            outputs += self._after_turn(now)
            # Else the results are kept with the next call's beginning; but what the host is asked first may take time.
            return outputs + self._keep(None, now) if self.hooks & _BETWEEN else outputs
        if not batch.busy:
            return outputs + self._keep("pause", now)
        return outputs + (self._keep(None, now) if news else [])

    def _tell_results(self, batch: Batch) -> list[Any]:
        return [event for message in batch.results() for event in self.run.add(message)]

    # --- between turns ---------------------------------------------------------------------------------------------

    def _context(self) -> TurnContext:
        run = self.run
        assert run.message is not None
        results = self._batch.listed if self._batch is not None else ()
        return TurnContext(run.message, results, tuple(run.messages), tuple(run.new))

    def _end_turn(self) -> list[Any]:
        run = self.run
        notes, run.notes = run.notes, ()
        assert run.message is not None
        return [TurnEnd(run.message, self._batch.listed if self._batch is not None else (), notes)]

    def _after_turn(self, now: float) -> list[Any]:
        ended = self._end_turn()
        if SHOULD_STOP in self.hooks:
            return ended + self._ask("stop", self._context())
        return ended + self._await_listeners("between", now)

    def _answered_stop(self, value: Any, now: float) -> list[Any]:
        return self._finish("stopped", None, now) if value else self._next(now)

    def _answered_overflow(self, value: Any, now: float) -> list[Any]:
        run = self.run
        assert run.message is not None
        if value is None:
            return self._finish("error", run.message.error, now)
        run.messages, self._told = list(messages_in(ON_OVERFLOW, value)), None
        run.more = True
        return self._next(now)

    def _next(self, now: float) -> list[Any]:
        """Another turn, or the end."""
        run = self.run
        terminated = self._batch is not None and self._batch.terminates
        mend = Form(self.output).mend(run)
        if not run.more and not mend and not self.queues:
            return self._finish("terminated" if terminated else "done", None, now)
        spent = self.budget.spent(run.turns, run.usage, run.cost)
        if spent is not None:
            return self._finish(spent, None, now)
        steering = self.queues.take_steering()
        run.looked = bool(steering)
        run.pending = [*mend, *steering]
        if not run.more and not run.pending:
            run.pending += self.queues.take_follow_ups()
        if PREPARE_NEXT_TURN in self.hooks:
            return self._ask("prepare", self._context())
        return self._begin(now)

    def _answered_prepare(self, value: Any, now: float) -> list[Any]:
        if value is not None:
            if not isinstance(value, NextTurn):
                raise BadAnswer(f"{PREPARE_NEXT_TURN} gave a {type(value).__name__}, and not a NextTurn or None")
            try:
                self._change(value)
            except (TypeError, ValueError) as error:
                raise BadAnswer(f"{PREPARE_NEXT_TURN} gave what no turn can be made with: {error}") from error
        if not self.run.looked:
            self.run.pending += self.queues.take_steering()
        return self._begin(now)

    def _change(self, turn: NextTurn) -> None:
        if turn.provider is not UNSET:
            if not isinstance(turn.provider, ProviderHandle) or turn.model is UNSET:
                raise TypeError("provider is a handle, with a model of its own")
            self.handle, self.same_provider = turn.provider, False
            self.hooks -= {ON_RENEW, ON_RENEWED}  # who answers them keeps the handle that the run began with
        model: Any = turn.model
        if model is not UNSET:
            if not isinstance(model, str | ModelSpec):
                raise TypeError(f"a {type(model).__name__} is no model")
            self.model = self.handle.model(model)
            self._speak()
        if turn.tools is not UNSET:
            self.tools = tools_of(turn.tools)
        if turn.messages is not UNSET:
            self.run.messages, self._told = list(messages_in(PREPARE_NEXT_TURN, turn.messages)), None
        if turn.system is not UNSET:
            self.request = evolve(self.request, system=turn.system)
        if turn.reasoning is not UNSET:
            self.request = evolve(self.request, options=evolve(self.request.options, reasoning=turn.reasoning))
        self.run.pending += messages_in(PREPARE_NEXT_TURN, turn.add)

    def _speak(self) -> None:
        """Make the options those of the model's dialect, which may be another by now."""
        said = self.request.options
        options = self.handle.options_type(self.model)().over(said)
        given = [each.name for each in fields(type(said)) if said.get(each.name) is not None]
        self.run.notes += tuple(f"{name}: not for {self.handle.kind}" for name in given if not hasattr(options, name))
        self.request = evolve(self.request, options=options)

    # --- the host's word -------------------------------------------------------------------------------------------

    def _answered(self, happening: HostAnswered | Failed, now: float) -> list[Any]:
        if isinstance(happening, HostAnswered):
            return self._take(happening.value, now)
        self.run.question = None
        return self._stop(now, "error", Failure("other", f"{_NAMES[self.run.phase]} failed: {happening.message}"))

    def _take(self, value: Any, now: float) -> list[Any]:
        run = self.run
        if value is Later or isinstance(value, Later):
            run.later = True
            return self._keep("pause", now)
        run.question, run.later = None, False
        try:
            return _ANSWERS[run.phase](self, value, now)
        except BadAnswer as error:
            return self._stop(now, "error", Failure("other", str(error)))

    # --- the end ---------------------------------------------------------------------------------------------------

    def _woke(self, now: float) -> list[Any]:
        total = self._total_at
        if self.run.reason is None and self.run.phase != "new" and total is not None and now >= total:
            failure = Failure("timeout", f"the run took longer than its max_seconds ({self.budget.max_seconds:g})")
            return self._stop(now, "max_seconds", failure)
        if self._look_at is not None:
            return self._look_into_queues(now)
        if self._child is not None:
            return self._heard(self._child.receive(Woke(), now), now)
        if self._batch is not None and (outputs := self._batch.wake(now)):
            return self._work(outputs, now, news=True)
        return []

    def _stop(self, now: float, reason: EndReason, failure: Failure) -> list[Any]:
        """End it here: drop what is in flight, and leave a conversation that is whole."""
        run = self.run
        if run.phase in ("new", "end", "done"):
            return []
        question = None if run.later else run.question
        outputs: list[Any] = [Abort(id) for id in (question, self._saving.question) if id is not None]
        run.question, run.later, run.reason, run.error = None, False, reason, failure
        self._saving, self._look_at = Saving(), None
        if self._child is not None:
            return outputs + self._heard(self._child.receive(Cancelled(), now), now)
        if run.phase in ("stop", "prepare", "overflow", "between"):
            return outputs + self._finish(reason, failure, now)
        if self._batch is not None:
            outputs += self._batch.abort()
            outputs += self._tell_results(self._batch)
            return outputs + self._end_turn() + self._finish(reason, failure, now)
        response = LlmResponse((), "error" if reason == "error" else "aborted", error=failure)
        return [*outputs, MessageStart(AssistantMessage(())), *self._over(response, now)]

    def _finish(self, reason: EndReason, error: Failure | None, now: float) -> list[Any]:
        run = self.run
        # What was to be said next, and is not, waits for the next run.
        self.queues.steering.extendleft(reversed(run.pending))
        run.phase, run.reason, run.error, run.pending = "end", reason, run.error or error, []
        return self._keep("end", now)

    def _close(self) -> list[Any]:
        run = self.run
        output = Form(self.output).read(run)
        assert run.reason is not None
        run.phase, self._batch = "done", None
        new = tuple(run.new)
        return [
            AgentEnd(new),
            Done(AgentResult(run.reason, new, run.error, run.turns, run.usage, run.cost, output)),
        ]


def _answer(happening: Any) -> HostAnswered | Failed:
    if not isinstance(happening, HostAnswered | Failed):
        raise LocalProtocolError(f"{type(happening).__name__} is no answer to what effect {happening.id} asks")
    return happening


_NAMES: Final = {
    "transform": TRANSFORM_CONTEXT,
    "convert": CONVERT_TO_LLM,
    "stop": SHOULD_STOP,
    "prepare": PREPARE_NEXT_TURN,
    "overflow": ON_OVERFLOW,
}

_ANSWERS: Final[dict[str, Callable[[Turn, Any, float], list[Any]]]] = {
    "transform": Turn._answered_transform,  # pyright: ignore[reportPrivateUsage]
    "convert": Turn._answered_convert,  # pyright: ignore[reportPrivateUsage]
    "stop": Turn._answered_stop,  # pyright: ignore[reportPrivateUsage]
    "prepare": Turn._answered_prepare,  # pyright: ignore[reportPrivateUsage]
    "overflow": Turn._answered_overflow,  # pyright: ignore[reportPrivateUsage]
}
