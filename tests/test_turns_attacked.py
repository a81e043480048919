"""A run of the agent loop under attack: happenings in any legal order; saved, crashed, paused, gone on with anywhere.

What must hold whatever happens: the laws of machines (4, 5, 8); every call of the conversation has one result, and in
order; no tool is run twice but by its policy, across crashes too; nothing begins after an abort, nor before the state
that says so is kept; every Start has its End; what is sent is what a provider takes.
"""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from attrs import define, evolve, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from lash_proto.effects import Abort, AskHost, CallHttp, RunTool
from lash_proto.exchange import ON_PAYLOAD, ON_RESPONSE
from lash_proto.failures import Failure, LocalProtocolError
from lash_proto.faux import FauxError, FauxProvider, FauxReply
from lash_proto.happenings import (
    Admitted,
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    Progressed,
    Steered,
    ToolReturned,
    Woke,
)
from lash_proto.machine import Done
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UserMessage,
)
from lash_proto.providers import faux, from_spec, register_all
from lash_proto.replies import (
    LlmResponse,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallEnd,
    ToolCallStart,
)
from lash_proto.testing.machine import _Ledger
from lash_proto.tools import Tool, ToolResult, tool
from lash_proto.turn import (
    AgentEnd,
    AgentResult,
    AgentStart,
    Block,
    Budget,
    Later,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    NextTurn,
    Paused,
    Queues,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    Turn,
    TurnEnd,
    TurnStart,
    TurnState,
)
from lash_proto.turn.context import Told
from lash_proto.turn.hooks import (
    AFTER_TOOL_CALL,
    APPROVE,
    BEFORE_TOOL_CALL,
    CONVERT_TO_LLM,
    HOOKS,
    ON_OVERFLOW,
    PREPARE_NEXT_TURN,
    SAVE,
    SHOULD_STOP,
    STREAM,
    TRANSFORM_CONTEXT,
)
from lash_proto.usage import LlmUsage

START = 1_800_000_000.0

# --- the program's part ----------------------------------------------------------------------------------------------


def work(n: int) -> int:
    raise AssertionError(f"nobody runs it here, with {n} or otherwise")


def made(name: str, **settings: Any) -> Tool[Any, Any]:
    """A tool that can be pickled, for its arguments stay plain JSON."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return tool(work, name=name, description="Work.", parameters=schema, **settings)


TOOLS = (
    made("look", retry="safe"),
    made("put", retry="idempotent", timeout=5.0),
    made("book"),
    made("slow", timeout=3.0),
    made("pay", approval=True),
)
IN_ORDER = (*TOOLS, made("step", retry="safe", execution="sequential"))
NEVER = {each.name for each in IN_ORDER if each.retry == "never"}
NAMES = ("look", "put", "book", "slow", "pay", "step", "nope")

ANTHROPIC = faux(api="anthropic-messages")
CHAT = faux(api="openai-completions")
register_all()

# --- what the world may say ------------------------------------------------------------------------------------------

later = st.sampled_from([Later, Later()])
wrong = st.sampled_from([5, "words", object])
fails = st.just(Failed(1, "other", "broke"))
shorter = st.just([UserMessage("What was said, in short.")])
adds = st.sampled_from([[UserMessage("And this.")], [CustomMessage("note")]])


def mostly(usual: Any, *others: Any) -> Any:
    """The usual answer in nine of ten cases, so that runs come far."""
    return st.sampled_from([*[st.just(usual)] * 9 * len(others), *others]).flatmap(lambda chosen: chosen)


def blocks() -> Any:
    return st.builds(Block, st.sampled_from(["", "not today"]), st.booleans())


def results() -> Any:
    return st.builds(ToolResult, st.sampled_from(["", "x"]), st.booleans(), st.just({"a": 1}), st.booleans())


ANSWERS: dict[str, Any] = {
    TRANSFORM_CONTEXT: mostly(None, shorter, st.just(()), later, wrong, fails),
    CONVERT_TO_LLM: mostly(None, shorter, later, wrong, fails),
    BEFORE_TOOL_CALL: mostly(None, blocks(), st.just({"n": 7}), later, wrong, fails),
    APPROVE: mostly(True, st.sampled_from([False, "why?", None]), blocks(), later, fails),
    AFTER_TOOL_CALL: mostly(None, results(), later, wrong, fails),
    SHOULD_STOP: mostly(None, st.just(True), later, fails),
    PREPARE_NEXT_TURN: mostly(
        None,
        st.builds(NextTurn, add=adds),
        st.builds(NextTurn, messages=shorter),
        st.builds(NextTurn, provider=st.sampled_from([ANTHROPIC, CHAT]), model=st.just("other")),
        st.just(NextTurn(system="Be brief.", reasoning="high", tools=TOOLS[:2])),
        later,
        wrong,
        fails,
    ),
    ON_OVERFLOW: mostly(None, shorter, later, wrong, fails),
    SAVE: mostly(True, st.just(None), st.just(5), st.just(True), fails),
    ON_PAYLOAD: mostly(None, fails),
    ON_RESPONSE: mostly(None, fails),
}
RESUMED: dict[str, Any] = ANSWERS | {STREAM: st.none()}
RETURNED = st.one_of(st.sampled_from(["found", "", None, 5, {"a": [1]}, float("nan"), object()]), results())


@st.composite
def replies(draw: Any, number: Callable[[], int]) -> FauxReply:
    """What a model says: words, thoughts and calls of all kinds, whole or not."""
    content: list[Any] = []
    if draw(st.booleans()):
        content.append(ReasoningPart("Hm. " * 8))
    if draw(st.booleans()):
        content.append(TextPart("Let me see, it may take me a while."))
    for _ in range(draw(st.integers(0, 3))):
        arguments = draw(mostly({"n": 3}, st.just({"n": "x"}), st.just({})))
        content.append(ToolCallPart(f"c{number()}", draw(st.sampled_from(NAMES)), arguments, json.dumps(arguments)))
    stop = draw(mostly(None, st.sampled_from(["length", "refusal", "content_filter"])))
    error = draw(
        mostly(
            None,
            st.just(FauxError("overloaded", "busy", 529)),
            st.just(FauxError("context_overflow", "prompt is too long: 9 tokens > 8 maximum", 400)),
            st.just(FauxError("server", "oh")),
        )
    )
    return FauxReply(content or "Done.", stop, LlmUsage(3, output_tokens=4), error=error, id=f"m{number()}")


def told_by(response: LlmResponse) -> list[Any]:
    """The stream that a host's own call gives."""
    events: list[Any] = [ResponseStart(response.id, response.model)]
    for index, part in enumerate(response.content):
        match part:
            case TextPart(text=text):
                events += [TextStart(index), TextDelta(index, text[:2]), TextDelta(index, text[2:])]
                events.append(TextEnd(index, part))
            case ReasoningPart(text=text):
                events += [ReasoningStart(index), ReasoningDelta(index, text), ReasoningEnd(index, part)]
            case ToolCallPart():
                events += [ToolCallStart(index, part.id, part.name), ToolCallEnd(index, part)]
    return events


def as_response(reply: FauxReply) -> LlmResponse:
    if reply.error is not None:
        return LlmResponse(reply.content, "error", error=Failure(reply.error.kind, reply.error.message))
    return LlmResponse(reply.content, reply.stop, usage=reply.usage, id=reply.id)


@define
class Flight:
    """An effect under way: what it will tell, and how much of that it has told."""

    effect: Any
    news: list[Any] = field(factory=list[Any])


# --- what must hold --------------------------------------------------------------------------------------------------


def check_conversation(messages: Iterable[Message]) -> None:
    """Each call has one result, in order, right behind what made it; and no result is without its call."""
    due: list[str] = []
    for message in messages:
        if isinstance(message, ToolResultMessage):
            assert due[:1] == [message.tool_call_id], (due, message)
            due.pop(0)
        elif not isinstance(message, CustomMessage):
            assert due == [], f"{due} had no result before {message}"
        if isinstance(message, AssistantMessage) and message.error is None and message.stop_reason != "aborted":
            due = [part.id for part in message.content if isinstance(part, ToolCallPart)]
    assert due == [], f"{due} have no result"


def check_sent(body: Any) -> None:
    """The same of a request as it is sent."""
    due: list[str] = []
    for message in body["messages"]:
        content = message["content"] if isinstance(message.get("content"), list) else []
        given = [part["tool_use_id"] for part in content if part["type"] == "tool_result"]
        given += [message["tool_call_id"]] if message["role"] == "tool" else []
        assert due[: len(given)] == given, (due, given)
        due = due[len(given) :]
        called = [part["id"] for part in content if part["type"] == "tool_use"]
        called += [call["id"] for call in message.get("tool_calls", ())]
        if called:
            assert due == []
            due = called
        elif message["role"] != "tool":
            assert due == [], f"{due} had no result before {message}"
    assert due == []


@define
class Story:
    """The events of a run. What was begun in a process that crashed need not end; all else does, and nothing twice."""

    open: list[str] = field(factory=list[str])
    tools: Counter[str] = field(factory=Counter[str])
    after_crash: bool = False
    said: list[Message] = field(factory=list[Message])
    ended: int = 0

    def crash(self) -> None:
        self.open, self.after_crash = [], True
        self.tools.clear()

    def hear(self, event: Any) -> None:
        assert not self.ended, f"{event} after AgentEnd"
        match event:
            case AgentStart():
                self.begin("agent", None)
            case TurnStart():
                self.begin("turn", "agent")
            case MessageStart():
                self.begin("message", "turn")
            case MessageUpdate():
                assert self.open[-1:] == ["message"]
            case MessageEnd(message):
                self.end("message")
                self.said.append(message)
            case ToolExecutionStart(id, _, _):
                assert self.open[-1:] == ["turn"] or self.after_crash
                self.tools[id] += 1
                assert self.tools[id] == 1
            case ToolExecutionUpdate(id, _, _):
                assert self.tools[id] == 1 or self.after_crash
            case ToolExecutionEnd(id, _, _):
                assert self.tools[id] == 1 or self.after_crash
                self.tools.pop(id, None)
            case TurnEnd():
                assert not self.tools
                self.end("turn")
            case AgentEnd(messages):
                self.end("agent")
                assert self.open == []
                self.ended += 1
                if not self.after_crash:
                    assert list(messages) == self.said
            case _:
                raise AssertionError(f"{event} is no event of a run")

    def begin(self, what: str, inside: str | None) -> None:
        assert self.after_crash or self.open[-1:] == ([] if inside is None else [inside]), (what, self.open)
        self.open.append(what)

    def end(self, what: str) -> None:
        assert self.open[-1:] == [what] or (self.after_crash and self.open == []), (what, self.open)
        del self.open[-1:]


@define
class Ledger(_Ledger):
    """The laws' own ledger; a message's stream is a run of its own."""

    def _told(self, event: Any) -> None:
        if isinstance(event, MessageStart):
            self.blocks = 0
        elif isinstance(event, MessageUpdate):
            _Ledger._told(self, event.event)


class Attack(RuleBasedStateMachine):
    """The world around one run, over as many processes as it takes."""

    @initialize(
        api=st.sampled_from([ANTHROPIC, CHAT]),
        hooks=st.sets(st.sampled_from(sorted(HOOKS | {ON_PAYLOAD, ON_RESPONSE}))),
        keeps=st.booleans(),
        settings=st.fixed_dictionaries(
            {
                "sequential": st.booleans(),
                "tools": st.sampled_from([TOOLS, IN_ORDER]),
                "limited": st.booleans(),
                "output": st.sampled_from([None, None, dict[str, int]]),
                "budget": st.builds(
                    Budget, st.just(6), st.sampled_from([None, 40]), st.none(), st.sampled_from([None, 30.0])
                ),
            }
        ),
        prompts=st.sampled_from([(UserMessage("Go."),), ()]),
        one=st.sampled_from(["one_at_a_time", "all"]),
    )
    def begin(self, api: Any, hooks: set[str], keeps: bool, settings: Any, prompts: Any, one: Any) -> None:
        self.now = START
        self.numbers = 0
        self.settings = settings | {"hooks": frozenset(hooks | {SAVE}) if keeps else frozenset(hooks - {SAVE})}
        self.queues = Queues(steering_mode=one, follow_up_mode=one)
        self.ran: Counter[str] = Counter()
        self.steps = 0
        history: list[Message] = [UserMessage("Before."), AssistantMessage("Well.", "stop")]
        self.run(api, history if prompts else [UserMessage("Go.")], prompts)

    def run(self, api: Any, history: list[Message], prompts: tuple[Message, ...]) -> None:
        self.saved: str | None = None
        self.story = Story()
        self.fresh()
        model = api.model("m-1")
        self.turn = Turn(api, model, history, prompts=prompts, queues=self.queues, seed=b"seed", **self.settings)
        self.take(self.turn.start(self.now))

    @precondition(lambda self: isinstance(self.done, AgentResult))
    @rule()
    def again(self) -> None:
        """Whatever came of a run, the next one can begin where it ended."""
        self.check_end(self.done)
        self.run(self.turn.handle, self.turn.run.messages, (UserMessage("Next."),))

    def fresh(self) -> None:
        """A process begins."""
        self.ledger = Ledger()
        self.flights: dict[int, Flight] = {}
        self.done: Any = None
        self.aborted = False
        self.states: dict[int, str] = {}

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    # --- what comes out --------------------------------------------------------------------------------------------

    def take(self, outputs: list[Any]) -> None:
        self.ledger.take(outputs, self.turn.wake_at)
        for output in outputs:
            match output:
                case Abort(id):
                    del self.flights[id]
                case Done(result):
                    assert self.flights == {}
                    self.done = result
                    if isinstance(result, AgentResult):
                        assert self.story.ended == 1
                case AskHost(id, name, value):
                    self.flights[id] = Flight(output)
                    assert name in self.settings["hooks"], f"nobody listens for {name}"
                    if name == SAVE:
                        self.states[id] = json.dumps(value)
                        assert TurnState.from_json(json.loads(self.states[id])).to_json() == value
                    else:
                        assert not self.aborted, f"{output} after an abort"
                    if name == STREAM:
                        self.check_kept(lambda state: state["phase"] == "call")
                case RunTool(id, call, _, attempt):
                    assert not self.aborted, f"{output} after an abort"
                    self.flights[id] = Flight(output)
                    self.ran[call.id] += 1
                    assert call.name not in NEVER or self.ran[call.id] == 1, f"{call.name} is run again"
                    self.check_kept(
                        lambda state: (
                            [attempt]
                            == [
                                each["attempt"]
                                for each in state["batch"]["calls"]
                                if each["call"]["id"] == call.id and each["status"] == "running"
                            ]
                        )
                    )
                case CallHttp(id):
                    assert not self.aborted, f"{output} after an abort"
                    self.flights[id] = Flight(output)
                    check_sent(json.loads(output.body))
                    self.check_kept(lambda state: state["phase"] == "call")
                case _:
                    self.story.hear(output)

    def check_kept(self, says: Callable[[Any], bool]) -> None:
        """Nothing that costs begins before the state that says so is kept."""
        if SAVE in self.settings["hooks"]:
            assert self.saved is not None
            assert says(json.loads(self.saved))

    def happen(self, happening: Any) -> list[Any]:
        """One thing happens, here and to a twin that was saved and restored (law 5)."""
        twin = pickle.loads(pickle.dumps(self.turn))
        outputs = self.turn.receive(happening, self.now)
        assert twin.receive(happening, self.now) == outputs
        assert twin.wake_at == self.turn.wake_at
        self.steps += 1
        if self.steps % 2:
            self.turn = twin
            self.queues = twin.queues
        return outputs

    def ended(self, happening: Any) -> None:
        """News that an effect is over."""
        flight = self.flights.pop(happening.id)
        self.ledger.in_flight.discard(happening.id)
        if isinstance(flight.effect, AskHost) and flight.effect.name == SAVE:
            state = self.states.pop(happening.id)
            if isinstance(happening, HostAnswered):
                self.saved = state
            else:
                self.settings = self.settings | {"hooks": self.settings["hooks"] - {SAVE}}
        self.take(self.happen(happening))

    # --- what happens ----------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> bool:
        return self.done is None

    @precondition(lambda self: self.under_way and self.flights)
    @rule(data=st.data(), steps=st.integers(1, 8))
    def go_on(self, data: Any, steps: int) -> None:
        for _ in range(steps):
            if self.flights:
                self.tell(self.flights[data.draw(st.sampled_from(sorted(self.flights)))], data.draw)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def disturb(self, data: Any) -> None:
        """One rule for all that may come in between, or runs would not come far."""
        what = data.draw(st.sampled_from([self.say, self.wait, self.stale, self.cancel, self.restore, self.crash]))
        what(data.draw)

    def tell(self, flight: Flight, draw: Callable[[Any], Any]) -> None:
        """The next news of an effect."""
        id = flight.effect.id
        match flight.effect:
            case CallHttp():
                if not flight.news:
                    reply = draw(replies(self.number))
                    cuts = draw(st.lists(st.floats(0, 1), max_size=3))
                    breaks_at = draw(st.sampled_from([None, None, None, 0, 1, 2, 3]))
                    flight.news = self.answer(flight.effect, reply, cuts, breaks_at)
            case AskHost(name=name) if name == STREAM:
                if not flight.news:
                    odd = draw(mostly(None, st.sampled_from([Failed(id, "server", "gone"), HostAnswered(id, "x")])))
                    response = as_response(draw(replies(self.number)))
                    told = [*told_by(response), ResponseEnd(response)]
                    told[1:1] = draw(mostly((), st.sampled_from([("words",), (TextDelta(9, "x"),)])))
                    flight.news = [*(Progressed(id, event) for event in told), odd or HostAnswered(id, response)]
            case AskHost(name=name):
                answer = draw(ANSWERS[name])
                flight.news = [evolve(answer, id=id) if isinstance(answer, Failed) else HostAnswered(id, answer)]
            case RunTool():
                word = draw(st.sampled_from(["returns", "returns", "fails", "tells"]))
                ends = Failed(id, "other", "no") if word == "fails" else ToolReturned(id, draw(RETURNED))
                flight.news = [Progressed(id, "half")] if word == "tells" else [ends]
        self.deliver(flight)

    def deliver(self, flight: Flight) -> None:
        happening = flight.news.pop(0)
        if isinstance(happening, BodyEnded | Failed | ToolReturned | HostAnswered):
            self.ended(happening)
        else:
            self.take(self.happen(happening))

    def answer(
        self, call: CallHttp, reply: FauxReply, cuts: Iterable[float] = (), breaks_at: int | None = None
    ) -> list[Any]:
        path = call.url.removeprefix("https://faux.invalid")
        answer = FauxProvider([reply]).answer(call.method, path, (), call.body)
        body = answer.body
        at = sorted(int(len(body) * cut) for cut in cuts)
        id = call.id
        pieces = [body[a:b] for a, b in zip([0, *at], [*at, len(body)], strict=True)]
        news = [
            Connected(id),
            HeadReceived(id, answer.status, answer.headers),
            *[BodyReceived(id, piece) for piece in pieces if piece],
            BodyEnded(id),
        ]
        if breaks_at is not None:
            news[breaks_at:] = [Failed(id, "connection", "cut")]
        return [Admitted(id), *news] if call.tokens is not None else news

    @precondition(lambda self: self.under_way and self.turn.wake_at is not None)
    @rule()
    def wake(self) -> None:
        wake_at = self.turn.wake_at
        assert wake_at is not None
        self.now = max(self.now, wake_at)
        self.take(self.happen(Woke()))

    def wait(self, draw: Callable[[Any], Any]) -> None:
        self.now += draw(st.floats(0, 2))
        self.take(self.happen(Woke()))  # a driver may wake a machine too early

    def say(self, draw: Callable[[Any], Any]) -> None:
        number = self.number()
        message = CustomMessage("mark", {"n": number}) if draw(st.booleans()) else UserMessage(f"Also {number}.")
        if draw(st.booleans()):
            self.turn.queues.follow_up(message)
        else:
            assert self.happen(Steered(message)) == []

    def cancel(self, draw: Callable[[Any], Any]) -> None:
        if draw(st.integers(0, 3)) == 3:
            self.aborted = True
            self.take(self.happen(Cancelled()))

    def stale(self, draw: Callable[[Any], Any]) -> None:
        """What is finished is silence, what was never asked for a mistake."""
        last = self.turn.ids.last
        over = sorted(set(range(1, last + 1)) - set(self.flights))
        id = draw(st.sampled_from([last + 1, 0, *over]))
        news = draw(
            st.sampled_from(
                [
                    Failed(id, "other", "late"),
                    HostAnswered(id, None),
                    ToolReturned(id, "late"),
                    Progressed(id, "late"),
                    Connected(id),
                    BodyReceived(id, b"late"),
                    BodyEnded(id),
                ]
            )
        )
        if id in over:
            assert self.happen(news) == []
        else:
            with pytest.raises(LocalProtocolError):
                self.turn.receive(news, self.now)

    # --- saved and gone on with ------------------------------------------------------------------------------------

    def restore(self, draw: Callable[[Any], Any]) -> None:
        """The machine moves as it is; what was in flight is lost."""
        if self.aborted:
            return
        self.turn = pickle.loads(pickle.dumps(self.turn))
        self.queues = self.turn.queues
        self.flights, self.states = {}, {}
        self.ledger.in_flight = set()
        self.take(self.turn.restart(self.now))

    def crash(self, draw: Callable[[Any], Any]) -> None:
        """The process is gone; another goes on from what was kept last."""
        if self.saved is not None:
            self.now += draw(st.sampled_from([0.0, 100.0]))
            self.story.crash()
            if draw(st.integers(0, 3)) == 0:  # another version of the program
                gone = draw(st.sampled_from(sorted(HOOKS)))
                tools = draw(st.sampled_from([TOOLS[:2], IN_ORDER[2:]]))
                hooks = self.settings["hooks"] - ({gone} - {SAVE})
                self.settings = self.settings | {"hooks": hooks, "tools": tools}
            self.resume(json.loads(self.saved), {})

    @precondition(lambda self: isinstance(self.done, Paused))
    @rule(data=st.data())
    def answer_paused(self, data: Any) -> None:
        paused = self.done
        answers: dict[int, Any] = {}
        for waiting in paused.waiting:
            if data.draw(st.booleans()):
                answer = data.draw(RESUMED[waiting.name])
                if not isinstance(answer, Failed):
                    answers[waiting.id] = answer
        self.go_on_from(paused, answers)

    def go_on_from(self, paused: Paused, answers: dict[int, Any]) -> None:
        read = Paused.from_json(json.loads(json.dumps(paused.to_json())))
        assert read == paused
        self.resume(read.state, answers)

    def resume(self, state: Any, answers: dict[int, Any]) -> None:
        self.fresh()
        self.queues = Queues(steering_mode=self.queues.steering_mode, follow_up_mode=self.queues.follow_up_mode)
        handle = from_spec(TurnState.from_json(state).provider)
        self.turn = Turn.resume(state, handle, self.now, answers=answers, queues=self.queues, **self.settings)
        self.ledger.last = state["last_id"]
        self.take(self.turn.start(self.now))

    # --- the end ---------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "turn"):
            return
        for _ in range(400):
            if isinstance(self.done, AgentResult):
                break
            if isinstance(self.done, Paused):
                answers = {each.id: True if each.name == APPROVE else None for each in self.done.waiting}
                self.go_on_from(self.done, answers)
            elif self.flights:
                self.finish(self.flights[min(self.flights)])
            else:
                self.wake()
        assert isinstance(self.done, AgentResult), "it does not end"
        self.check_end(self.done)

    def finish(self, flight: Flight) -> None:
        id = flight.effect.id
        if not flight.news:
            match flight.effect:
                case CallHttp():
                    flight.news = self.answer(flight.effect, FauxReply('{"n": 1}'))
                case AskHost(name=name) if name == STREAM:
                    flight.news = [HostAnswered(id, LlmResponse((TextPart('{"n": 1}'),), "stop"))]
                case AskHost(name=name):
                    flight.news = [HostAnswered(id, True if name == APPROVE else None)]
                case RunTool():
                    flight.news = [ToolReturned(id, "late")]
        self.deliver(flight)

    def check_end(self, result: AgentResult) -> None:
        assert self.story.ended == 1
        assert self.turn.wake_at is None
        check_conversation(self.turn.run.messages)
        assert (result.error is None) == (result.reason not in ("error", "aborted", "max_seconds"))
        for handle in (ANTHROPIC, CHAT):
            model = handle.model("m-2")
            messages = Told.to(handle, model).upto([*self.turn.run.messages, UserMessage("Next.")])
            tools = tuple(each.definition for each in TOOLS)
            request = evolve(self.turn.request, messages=messages, tools=tools, output=None)
            http = handle.route.codec.encode(request, model, stream=True)
            check_sent(json.loads(http.body))


Attack.TestCase.settings = settings(stateful_step_count=40)
TestAttack = Attack.TestCase
