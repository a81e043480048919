"""A Turn between its steps: it waits until its events have been heard before it looks into its queues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lash_proto.codecs.anthropic_messages import AnthropicOptions
from lash_proto.effects import AskHost
from lash_proto.happenings import Cancelled, HostAnswered, ToolReturned, Woke
from lash_proto.machine import Done
from lash_proto.messages import AssistantMessage, LlmRequest, TextPart, ToolCallPart, ToolResultMessage, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.providers import faux
from lash_proto.renewal import ON_RENEW, ON_RENEWED
from lash_proto.replies import LlmResponse
from lash_proto.tools import tool, tools_of
from lash_proto.turn import (
    AgentEnd,
    AgentStart,
    Budget,
    MessageEnd,
    MessageStart,
    NextTurn,
    Paused,
    Queues,
    Turn,
    TurnEnd,
    TurnStart,
)
from lash_proto.turn.context import BadAnswer, check_continuable, messages_in
from lash_proto.turn.hooks import (
    APPROVE,
    CONVERT_TO_LLM,
    PREPARE_NEXT_TURN,
    SHOULD_STOP,
    STREAM,
    TRANSFORM_CONTEXT,
    Later,
    ModelCall,
)

GO, WAIT = UserMessage("Go."), UserMessage("Wait!")
YES = LlmResponse((TextPart("Yes."),), "stop")


@tool
def add(a: int, b: int) -> int:
    return a + b


CALL = LlmResponse((ToolCallPart("c1", "add", {"a": 1, "b": 2}, '{"a":1,"b":2}'),), "tool_use")


def turn(*hooks: str, **settings: Any) -> Turn:
    settings = {"prompts": (GO,), "tools": (add,)} | settings
    return Turn(faux(), ModelSpec("m"), (), hooks=frozenset({STREAM, *hooks}), **settings)


def asked(outputs: list[Any]) -> AskHost:
    """The question that is the last of some outputs."""
    assert isinstance(outputs[-1], AskHost)
    return outputs[-1]


def kinds(outputs: list[Any]) -> list[type]:
    return [type(output) for output in outputs]


def said(machine: Turn, response: LlmResponse) -> list[Any]:
    """What follows from the answer to the first model call."""
    machine.start(0.0)
    return machine.receive(HostAnswered(asked(machine.receive(Woke(), 0.0)).id, response), 1.0)


def test_the_first_look_is_after_the_prompts_have_been_heard() -> None:
    machine = turn()
    assert machine.start(5.0) == [AgentStart(), TurnStart(), MessageStart(GO), MessageEnd(GO)]
    assert machine.wake_at == 5.0
    machine.queues.steer(WAIT)
    outputs = machine.receive(Woke(), 5.0)
    assert outputs[:-1] == [MessageStart(WAIT), MessageEnd(WAIT)]
    assert asked(outputs).value == ModelCall(LlmRequest((GO, WAIT), tools=(add.definition,)), ModelSpec("m"))
    assert machine.wake_at is None


def test_without_a_first_look_the_model_is_asked_at_once() -> None:
    machine = turn(look=False)
    machine.queues.steer(WAIT)
    assert asked(machine.start(5.0)).value.request.messages == (GO,)
    assert machine.wake_at is None


def test_the_next_look_is_after_the_turns_end_has_been_heard() -> None:
    machine = turn()
    outputs = said(machine, YES)
    assert kinds(outputs) == [MessageStart, MessageEnd, TurnEnd]
    assert machine.wake_at == 1.0
    machine.queues.steer(WAIT)
    assert kinds(machine.receive(Woke(), 1.0)) == [TurnStart, MessageStart, MessageEnd, AskHost]


def test_where_nobody_said_anything_the_run_is_over() -> None:
    machine = turn()
    said(machine, YES)
    assert kinds(machine.receive(Woke(), 1.0)) == [AgentEnd, Done]
    assert machine.wake_at is None


@pytest.mark.parametrize("steps", ["opened", "between"])
def test_it_is_saved_and_goes_on_from_there(steps: str) -> None:
    machine = turn()
    machine.start(0.0) if steps == "opened" else said(machine, YES)
    assert machine.run.phase == steps
    again = Turn.resume(machine.state(1.0).to_json(), faux(), 9.0, tools=(add,), hooks=frozenset({STREAM}))
    assert again.restart(9.0) == []
    assert again.wake_at == 9.0
    assert kinds(again.receive(Woke(), 9.0)) == kinds(machine.receive(Woke(), 1.0))


def test_an_abort_at_the_first_look_ends_the_turn() -> None:
    machine = turn()
    machine.start(0.0)
    outputs = machine.receive(Cancelled(), 0.0)
    assert kinds(outputs) == [MessageStart, MessageEnd, TurnEnd, AgentEnd, Done]


def test_an_abort_between_turns_begins_no_other() -> None:
    machine = turn()
    said(machine, CALL)
    outputs = machine.receive(ToolReturned(2, 3), 2.0)
    assert kinds(outputs)[-1] is TurnEnd
    outputs = machine.receive(Cancelled(), 2.0)
    assert kinds(outputs) == [AgentEnd, Done]
    assert outputs[-1].result.reason == "aborted"


def test_the_time_of_a_run_holds_there_as_well() -> None:
    machine = turn(budget=Budget(max_seconds=1.0))
    said(machine, CALL)
    machine.receive(ToolReturned(2, 3), 2.0)
    assert machine.receive(Woke(), 2.0)[-1].result.reason == "max_seconds"


# --- what was mended on the way --------------------------------------------------------------------------------------


def test_a_pause_hands_the_queues_over() -> None:
    queues = Queues()
    machine = turn(queues=queues, tools=(tool(lambda: "", name="add", approval=True),))
    queues.follow_up("F")
    outputs = said(machine, LlmResponse((ToolCallPart("c1", "add", {}, "{}"),), "tool_use"))
    paused = outputs[-1].result
    assert isinstance(paused, Paused)
    assert [message["content"] for message in paused.state["follow_ups"]] == ["F"]
    assert not queues


def test_a_transform_that_leaves_nothing_is_what_is_converted() -> None:
    machine = turn(TRANSFORM_CONTEXT, CONVERT_TO_LLM)
    machine.start(0.0)
    question = asked(machine.receive(Woke(), 0.0))
    assert asked(machine.receive(HostAnswered(question.id, []), 0.0)).value == ()


def test_messages_of_a_generator_that_raises() -> None:
    def messages(error: Exception) -> Iterator[Any]:
        yield GO
        raise error

    with pytest.raises(BadAnswer, match="transform_context failed: out of memory"):
        messages_in(TRANSFORM_CONTEXT, messages(RuntimeError("out of memory")))
    with pytest.raises(BadAnswer, match="transform_context failed: RuntimeError"):
        messages_in(TRANSFORM_CONTEXT, messages(RuntimeError()))


def test_a_turn_that_failed_is_no_answer() -> None:
    check_continuable([GO, AssistantMessage("Half", "error")])
    check_continuable([GO, AssistantMessage((CALL.tool_calls), "aborted"), ToolResultMessage("c1", "3")])
    with pytest.raises(ValueError, match="no message to go on from"):
        check_continuable([AssistantMessage("Half", "error")])
    with pytest.raises(ValueError, match="the model's own"):
        check_continuable([GO, AssistantMessage("Yes.", "stop")])


def test_two_tools_of_one_name() -> None:
    with pytest.raises(ValueError, match="two tools are called 'add'"):
        tools_of([add, add.execute])


def prepared(answer: Any, request: LlmRequest | None = None) -> list[Any]:
    """What follows from an answer to what the next turn is made with."""
    machine = turn(PREPARE_NEXT_TURN, request=request or LlmRequest(()))
    said(machine, CALL)
    machine.receive(ToolReturned(2, 3), 2.0)
    return machine.receive(HostAnswered(asked(machine.receive(Woke(), 2.0)).id, answer), 2.0)


@pytest.mark.parametrize(
    "wrong",
    [{"model": 17}, {"provider": "faux", "model": "m"}, {"provider": faux()}, {"tools": [add, add]}],
)
def test_a_next_turn_that_cannot_be(wrong: dict[str, Any]) -> None:
    outputs = prepared(NextTurn(**wrong))
    assert kinds(outputs) == [AgentEnd, Done]
    assert outputs[-1].result.error.message.startswith("prepare_next_turn gave what no turn can be made with")


def test_functions_become_tools_in_a_next_turn() -> None:
    def sub(a: int, b: int) -> int:
        return a - b

    (definition,) = asked(prepared(NextTurn(tools=[sub]))).value.request.tools
    assert definition.name == "sub"


def test_options_of_another_dialect_are_left_out_and_noted() -> None:
    options = AnthropicOptions(betas=("b-1",), expose_thinking=True)
    other = NextTurn(provider=faux(api="openai-completions"), model="n")
    question = asked(prepared(other, LlmRequest((), options=options)))
    sent = question.value.request.options
    assert (sent.expose_thinking, hasattr(sent, "betas")) == (True, False)


def test_another_provider_is_not_renewed_by_who_keeps_the_first() -> None:
    machine = turn(PREPARE_NEXT_TURN, ON_RENEW, ON_RENEWED)
    said(machine, CALL)
    machine.receive(ToolReturned(2, 3), 2.0)
    question = asked(machine.receive(Woke(), 2.0))
    machine.receive(HostAnswered(question.id, NextTurn(provider=faux(), model="n")), 2.0)
    assert (machine.same_provider, machine.hooks) == (False, frozenset({STREAM, PREPARE_NEXT_TURN}))


def test_a_mending_is_said_only_where_a_turn_follows() -> None:
    for stop, reason in ((True, "stopped"), (False, None)):
        machine = turn(SHOULD_STOP, output={"type": "object"})
        outputs = said(machine, LlmResponse((TextPart("Ten."),), "stop"))
        outputs = machine.receive(HostAnswered(asked(outputs).id, stop), 1.0)
        if reason is not None:
            assert outputs[-1].result.reason == reason
            assert not machine.queues
        else:
            assert kinds(outputs) == [TurnStart, MessageStart, MessageEnd, AskHost]


def test_a_question_that_waits_is_no_part_of_the_look() -> None:
    machine = turn(TRANSFORM_CONTEXT, APPROVE)
    machine.start(0.0)
    outputs = machine.receive(HostAnswered(asked(machine.receive(Woke(), 0.0)).id, Later()), 0.0)
    assert isinstance(outputs[-1].result, Paused)
    assert machine.wake_at is None
