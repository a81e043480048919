"""A run of the agent loop: the order of what it tells, what it asks for, and how it ends."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from attrs import evolve

from lash_proto.effects import RunTool
from lash_proto.failures import Failure, LocalProtocolError
from lash_proto.faux import FauxProvider, FauxReply
from lash_proto.happenings import (
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
from lash_proto.messages import AssistantMessage, CustomMessage, JsonObject, LlmRequest, Message, TextPart, UserMessage
from lash_proto.prices import Prices
from lash_proto.providers import anthropic, faux
from lash_proto.replies import Attempt, TextDelta, TextEnd, TextStart
from lash_proto.testing import check_machine
from lash_proto.turn import Budget, Later, NextTurn, Queues, Turn, TurnContext
from lash_proto.turn.hooks import (
    BEFORE_TOOL_CALL,
    CONVERT_TO_LLM,
    ON_OVERFLOW,
    PREPARE_NEXT_TURN,
    SAVE,
    SHOULD_STOP,
    STREAM,
    TRANSFORM_CONTEXT,
)
from lash_proto.usage import LlmUsage
from tests.proto.turn.play import HANDLE, MODEL, NOW, Play, call, made, says, turn

OVERFLOW = Failure("context_overflow", "too long")


# --- turns -----------------------------------------------------------------------------------------------------------


def test_the_order_of_a_run() -> None:
    play = Play.of(turn(tools=(made(),)))
    assert play.words == ["AgentStart", "TurnStart", "[ user: Go.", "] user: Go.", "? stream"]
    told = play.tell(TextStart(0), TextDelta(0, "Hm."), TextEnd(0, TextPart("Hm.")))
    assert told == ["[ model: ", "+ TextStart", "+ TextDelta", "+ TextEnd"]
    assert play.turn.streaming_message is not None
    assert play.turn.streaming_message.content == (TextPart("Hm."),)
    told = play.say("Hm.", call("c1"), call("c2"))
    assert told == ["] model: Hm.<c1><c2>", "( c1", "( c2", "run c1", "run c2"]
    assert play.turn.streaming_message is None
    assert play.back("c2", "two") == [") c2: two"]
    assert play.back("c1", "one") == [
        ") c1: one",
        *["[ c1: one", "] c1: one", "[ c2: two", "] c2: two"],
        *["TurnEnd", "TurnStart", "? stream"],
    ]
    assert play.say("Done.") == ["[ model: ", "] model: Done.", "TurnEnd", "AgentEnd", "done: done"]
    assert (play.result.turns, play.result.text, len(play.result.messages)) == (2, "Done.", 5)


def test_laws_4_5_and_8() -> None:
    script: list[tuple[float, Any]] = [
        (NOW, Woke()),
        (NOW, Progressed(1, TextStart(0))),
        (NOW, HostAnswered(1, says(call("c1"), call("c2")))),
        (NOW, ToolReturned(2, "one")),
        (NOW, ToolReturned(2, "late")),
        (NOW, Failed(3, "other", "no")),
        (NOW, Woke()),
        (NOW, HostAnswered(4, says("Done."))),
        (NOW, Woke()),
    ]
    assert check_machine(lambda: turn(tools=(made(),)), script, now=NOW)


def test_a_conversation_that_nothing_can_answer_is_refused() -> None:
    histories: list[list[Message]] = [[], [UserMessage("a"), AssistantMessage("b", "stop")]]
    for history in histories:
        with pytest.raises(ValueError, match="prompt"):
            Turn(HANDLE, MODEL, history).start(NOW)


def test_what_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="two tools are called 'look'"):
        turn(tools=(made(), made()))
    with pytest.raises(ValueError, match="max_cost needs the model's prices"):
        turn(budget=Budget(max_cost=1.0))


def test_the_output_asked_for_is_the_requests() -> None:
    assert turn(request=LlmRequest((), output=JsonObject())).request.output == JsonObject()
    assert turn(output=dict[str, int]).request.output is not None


def test_a_pause_of_the_providers_goes_on_by_itself() -> None:
    play = Play.of(turn())
    assert play.say("Half.", stop="pause")[-2:] == ["TurnStart", "? stream"]
    assert play.say("Whole.")[-1] == "done: done"


def test_a_model_call_that_failed_ends_the_run() -> None:
    play = Play.of(turn())
    error = Failure("server", "no")
    assert play.say("Half", stop="error", error=error)[-3:] == ["TurnEnd", "AgentEnd", "done: error"]
    assert play.result.error == error


def test_a_stop_that_nobody_here_asked_for_ends_it_as_aborted() -> None:
    play = Play.of(turn())
    assert play.say("Half", stop="aborted", error=Failure("cancelled", "by the proxy"))[-1] == "done: aborted"


# --- queues ----------------------------------------------------------------------------------------------------------


def test_what_steers_is_said_after_the_tools_and_a_follow_up_at_the_end() -> None:
    queues = Queues(follow_ups=[UserMessage("And then?")])
    play = Play.of(turn(tools=(made(),), queues=queues))
    play.say(call("c1"))
    assert play.happen(Steered("Faster.")) == []
    assert play.back("c1")[-5:] == ["TurnEnd", "TurnStart", "[ user: Faster.", "] user: Faster.", "? stream"]
    assert play.say("Well.")[-3:] == ["[ user: And then?", "] user: And then?", "? stream"]
    assert play.say("Done.")[-1] == "done: done"


def test_what_was_there_before_steers_the_first_turn_unless_not_to_be_looked_at() -> None:
    for look, said in [(True, ["Go.", "Now."]), (False, ["Go."])]:
        play = Play.of(turn(queues=Queues([UserMessage("Now.")]), look=look))
        asked = play.asked(STREAM).value.request.messages
        assert [message.content for message in asked] == said


# --- hooks -----------------------------------------------------------------------------------------------------------


def test_the_host_says_what_the_model_is_told() -> None:
    play = Play.of(turn(hooks=(TRANSFORM_CONTEXT, CONVERT_TO_LLM), history=[CustomMessage("note")]))
    assert play.asked(TRANSFORM_CONTEXT).value == (CustomMessage("note"), UserMessage("Go."))
    short = UserMessage("Short.")
    play.answer(TRANSFORM_CONTEXT, [CustomMessage("kept"), short])
    assert play.asked(CONVERT_TO_LLM).value == (CustomMessage("kept"), short)
    play.answer(CONVERT_TO_LLM)
    assert play.asked(STREAM).value.request.messages == (short,)


def test_its_own_conversion_is_sent_as_it_is() -> None:
    play = Play.of(turn(hooks=(CONVERT_TO_LLM,)))
    assert play.asked(CONVERT_TO_LLM).value == (UserMessage("Go."),)
    play.answer(CONVERT_TO_LLM, [UserMessage("Other.")])
    assert play.asked(STREAM).value.request.messages == (UserMessage("Other."),)


def test_an_empty_conversation_is_one_too() -> None:
    play = Play.of(turn(hooks=(TRANSFORM_CONTEXT, CONVERT_TO_LLM)))
    play.answer(TRANSFORM_CONTEXT, ())
    assert play.asked(CONVERT_TO_LLM).value == ()


def test_what_the_host_made_of_a_conversation_outlives_a_pause() -> None:
    play = Play.of(turn(hooks=(TRANSFORM_CONTEXT, CONVERT_TO_LLM)))
    play.answer(TRANSFORM_CONTEXT, [UserMessage("Short.")])
    assert play.answer(CONVERT_TO_LLM, Later) == ["paused"]
    (waiting,) = play.result.waiting
    assert waiting.name == CONVERT_TO_LLM
    on = play.resumed(play.result.state, answers={waiting.id: None})
    assert on.asked(STREAM).value.request.messages == (UserMessage("Short."),)
    again = play.resumed(play.result.state)
    assert again.asked(CONVERT_TO_LLM).value == (UserMessage("Short."),)


def test_a_hook_that_fails_ends_the_run_with_a_message_that_says_so() -> None:
    play = Play.of(turn(hooks=(TRANSFORM_CONTEXT,)))
    assert play.fail(TRANSFORM_CONTEXT) == ["[ model: ", "] model: ", "TurnEnd", "AgentEnd", "done: error"]
    assert play.result.error == Failure("other", "transform_context failed: broke")
    play = Play.of(turn(hooks=(TRANSFORM_CONTEXT,)))
    play.answer(TRANSFORM_CONTEXT, 5)
    assert play.result.error == Failure("other", "transform_context gave a int, and not messages")


def test_the_host_may_stop_after_a_turn() -> None:
    play = Play.of(turn(hooks=(SHOULD_STOP,), tools=(made(),)))
    play.say(call("c1"))
    play.back("c1")
    context = play.asked(SHOULD_STOP).value
    assert isinstance(context, TurnContext)
    assert [result.content for result in context.tool_results] == ["found"]
    assert (len(context.messages), len(context.new_messages)) == (3, 3)
    assert play.answer(SHOULD_STOP, True) == ["AgentEnd", "done: stopped"]
    play = Play.of(turn(hooks=(SHOULD_STOP,)))
    play.say("Done.")
    assert play.answer(SHOULD_STOP)[-1] == "done: done"


def test_the_next_turn_may_be_made_with_other_things() -> None:
    play = Play.of(turn(hooks=(PREPARE_NEXT_TURN,), tools=(made(),)))
    play.say(call("c1"))
    play.back("c1")
    other = faux(api="openai-completions")
    new = [UserMessage("In short.")]
    play.happen(Steered("Now."))
    play.answer(
        PREPARE_NEXT_TURN,
        NextTurn("m-2", other, "Be brief.", "high", (made("see"),), new, add=[UserMessage("More.")]),
    )
    asked = play.asked(STREAM).value
    assert (asked.model.id, asked.request.system, asked.request.options.reasoning) == ("m-2", "Be brief.", "high")
    assert [tool.name for tool in asked.request.tools] == ["see"]
    assert [message.content for message in asked.request.messages] == ["In short.", "More.", "Now."]
    assert play.turn.handle is other
    play.say("Done.")
    assert play.result.messages[-1] == says("Done.").message
    assert len(play.turn.run.messages) == 4


def test_nothing_need_change() -> None:
    play = Play.of(turn(hooks=(PREPARE_NEXT_TURN,), tools=(made(),), queues=Queues(steering_mode="one_at_a_time")))
    play.say(call("c1"))
    play.happen(Steered("One."))
    play.happen(Steered("Two."))
    play.back("c1")
    play.answer(PREPARE_NEXT_TURN, NextTurn())
    assert play.asked(STREAM).value.request.messages[-1] == UserMessage("One.")
    assert list(play.turn.queues.steering) == [UserMessage("Two.")]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (5, "gave a int, and not a NextTurn or None"),
        (NextTurn(model=5), "gave what no turn can be made with: a int is no model"),  # type: ignore[arg-type]
        (NextTurn(provider=HANDLE), "provider is a handle, with a model of its own"),
        (NextTurn(tools=(made(), made())), "two tools are called 'look'"),
        (NextTurn(messages=[5]), "gave a int among its messages"),  # type: ignore[list-item]
    ],
)
def test_a_turn_that_cannot_be_made_ends_the_run(answer: Any, problem: str) -> None:
    play = Play.of(turn(hooks=(PREPARE_NEXT_TURN,), tools=(made(),)))
    play.say(call("c1"))
    play.back("c1")
    assert play.answer(PREPARE_NEXT_TURN, answer) == ["AgentEnd", "done: error"]
    assert problem in play.result.error.message


def test_a_conversation_that_is_too_long_may_be_shortened() -> None:
    play = Play.of(turn(hooks=(ON_OVERFLOW,)))
    assert play.say(stop="error", error=OVERFLOW)[-2:] == ["TurnEnd", "? on_context_overflow"]
    assert play.answer(ON_OVERFLOW, [UserMessage("Short.")]) == ["TurnStart", "? stream"]
    assert play.asked(STREAM).value.request.messages == (UserMessage("Short."),)
    assert play.say("Done.")[-1] == "done: done"
    assert [type(message) for message in play.result.messages] == [UserMessage, AssistantMessage, AssistantMessage]


def test_or_not() -> None:
    play = Play.of(turn(hooks=(ON_OVERFLOW,)))
    play.say(stop="error", error=OVERFLOW)
    assert play.answer(ON_OVERFLOW) == ["AgentEnd", "done: error"]
    assert play.result.error == OVERFLOW
    play = Play.of(turn())
    assert play.say(stop="error", error=OVERFLOW)[-1] == "done: error"


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_a_budget_that_is_used_up_ends_it_between_turns() -> None:
    play = Play.of(turn(tools=(made(),), budget=Budget(max_turns=1)))
    play.say(call("c1"), usage=LlmUsage(3, output_tokens=4))
    assert play.back("c1")[-2:] == ["AgentEnd", "done: max_turns"]
    assert play.result.usage == LlmUsage(3, output_tokens=4)


def test_what_a_run_costs_is_counted() -> None:
    model = HANDLE.model("m-1", prices=Prices(1_000_000, 1_000_000))
    budget = Budget(max_cost=7.0)
    play = Play.of(Turn(HANDLE, model, [UserMessage("Go.")], tools=(made(),), hooks=frozenset({STREAM}), budget=budget))
    play.say(call("c1"), usage=LlmUsage(3, output_tokens=4))
    assert play.back("c1")[-1] == "done: max_cost"
    assert play.result.cost.total == 7.0


def test_the_time_of_a_run_holds_at_any_moment() -> None:
    play = Play.of(turn(tools=(made(),), budget=Budget(max_seconds=30.0)))
    play.say(call("c1"))
    assert play.turn.wake_at == NOW + 30
    assert play.happen(Woke()) == []
    play.now += 30
    told = play.happen(Woke())
    assert told[0] == "drop"
    assert told[-3:] == ["TurnEnd", "AgentEnd", "done: max_seconds"]
    assert play.result.error == Failure("timeout", "the run took longer than its max_seconds (30)")
    assert play.turn.wake_at is None


def test_a_run_that_is_being_ended_is_not_ended_again() -> None:
    play = Play.of(turn(budget=Budget(max_seconds=30.0)))
    play.turn.run.reason = "aborted"
    assert play.turn.wake_at is None
    play.now += 60
    assert play.happen(Woke()) == []


# --- a form for the answer -------------------------------------------------------------------------------------------


def test_an_answer_in_the_form_asked_for() -> None:
    play = Play.of(turn(output=dict[str, int]))
    play.say('{"n": 1}')
    assert play.result.output == {"n": 1}


def test_an_answer_that_is_not_is_asked_for_again_and_given_up_then() -> None:
    play = Play.of(turn(output=dict[str, int]))
    for _ in range(2):
        assert play.say("Words.")[-1] == "? stream"
        assert "not in the form asked for" in play.asked(STREAM).value.request.messages[-1].content
    assert play.say("Words.")[-1] == "done: error"
    assert play.result.output is None


def test_of_a_run_that_ends_otherwise_the_form_is_no_matter() -> None:
    play = Play.of(turn(output=dict[str, int], hooks=(SHOULD_STOP,)))
    play.say("Words.")
    play.answer(SHOULD_STOP, True)
    assert (play.result.reason, play.result.output, play.result.error) == ("stopped", None, None)
    play = Play.of(turn(output=dict[str, int]))
    play.happen(Cancelled())
    assert (play.result.reason, play.result.output) == ("aborted", None)


# --- aborts ----------------------------------------------------------------------------------------------------------


def test_an_abort_before_the_start_and_after_the_end_is_silence() -> None:
    run = turn()
    assert run.receive(Cancelled(), NOW) == []
    play = Play.of(run)
    play.say("Done.")
    assert play.happen(Cancelled()) == []
    assert run.wake_at is None


def test_an_abort_of_the_model() -> None:
    play = Play.of(turn())
    play.tell(TextStart(0), TextDelta(0, "Half"))
    assert play.happen(Cancelled()) == [
        "drop",
        "+ TextEnd",
        "] model: Half",
        "TurnEnd",
        "AgentEnd",
        "done: aborted",
    ]


def test_an_abort_of_a_question_about_the_run() -> None:
    play = Play.of(turn(hooks=(TRANSFORM_CONTEXT,)))
    assert play.happen(Cancelled())[0] == "drop"
    assert play.result.message.stop_reason == "aborted"
    play = Play.of(turn(hooks=(SHOULD_STOP,)))
    play.say("Done.")
    assert play.happen(Cancelled()) == ["drop", "AgentEnd", "done: aborted"]


def test_an_abort_of_tools_gives_every_call_a_result() -> None:
    play = Play.of(turn(tools=(made(),), queues=Queues([], [UserMessage("Later.")])))
    play.say(call("c1"), call("c2"))
    play.back("c1")
    told = play.happen(Cancelled())
    gone = "The run was aborted before this call had a result."
    assert told == [
        *["drop", f") c2: {gone}", "[ c1: found", "] c1: found", f"[ c2: {gone}", f"] c2: {gone}"],
        *["TurnEnd", "AgentEnd", "done: aborted"],
    ]
    assert list(play.turn.queues.follow_ups) == [UserMessage("Later.")]


def test_what_was_to_be_said_next_waits_for_the_next_run() -> None:
    play = Play.of(turn(tools=(made(),), hooks=(PREPARE_NEXT_TURN,)))
    play.say(call("c1"))
    play.happen(Steered("Now."))
    play.back("c1")
    play.happen(Cancelled())
    assert list(play.turn.queues.steering) == [UserMessage("Now.")]


def test_a_message_that_an_abort_finds_whole_keeps_its_calls_and_they_have_results() -> None:
    # Anthropic's own end has come, and the connection is only read on for a moment.
    play = Play.of(Turn(HANDLE, MODEL, [UserMessage("Go.")], tools=(made(),)))
    ((id, effect),) = play.flying.items()
    answer = FauxProvider([FauxReply((call("c1"),))]).answer("POST", "/v1/messages", (), effect.body)
    play.happen(Connected(id))
    play.happen(HeadReceived(id, 200, answer.headers))
    play.happen(BodyReceived(id, answer.body))
    told = play.happen(Cancelled())
    gone = "The run was aborted before this call had a result."
    assert told == [
        *["drop", "] model: <c1>", "( c1", f") c1: {gone}", f"[ c1: {gone}", f"] c1: {gone}"],
        *["TurnEnd", "AgentEnd", "done: aborted"],
    ]


# --- mistakes of the driver ------------------------------------------------------------------------------------------


def test_news_of_what_is_over_is_silence_and_of_what_never_was_a_mistake() -> None:
    play = Play.of(turn(tools=(made(),), hooks=(TRANSFORM_CONTEXT,)))
    play.answer(TRANSFORM_CONTEXT)
    play.say(call("c1"))
    id = play.running("c1")
    play.back("c1")
    for late in ToolReturned(id, "late"), HostAnswered(1, None), Progressed(id, "late"):
        assert play.happen(late) == []
    with pytest.raises(LocalProtocolError, match="answers no effect"):
        play.happen(ToolReturned(99, "x"))
    question = play.asked(TRANSFORM_CONTEXT).id
    with pytest.raises(LocalProtocolError, match="ToolReturned is no answer to what effect"):
        play.happen(ToolReturned(question, "x"))


def test_late_news_of_a_tool_while_a_model_call_over_http_is_under_way() -> None:
    play = Play.of(Turn(HANDLE, MODEL, [UserMessage("Go.")], ids=turn().ids))
    play.turn.ids.last += 1  # an effect of before
    assert play.happen(ToolReturned(play.turn.ids.last, "late")) == []
    with pytest.raises(LocalProtocolError, match="answers nothing that an Exchange asks for"):
        play.happen(ToolReturned(1, "x"))


# --- kept ------------------------------------------------------------------------------------------------------------


def test_nothing_that_costs_begins_before_its_state_is_kept() -> None:
    play = Play.of(turn(tools=(made(),), hooks=(SAVE,)))
    assert play.words[-1] == "? save"
    assert (play.asked(SAVE).value["phase"], play.asked(SAVE).value["turns"]) == ("call", 1)
    assert play.answer(SAVE) == ["? stream"]
    assert play.say(call("c1"))[-1] == "? save"
    assert [each["status"] for each in play.asked(SAVE).value["batch"]["calls"]] == ["running"]
    assert play.answer(SAVE) == ["run c1"]
    assert play.back("c1")[-1] == "? save"
    play.answer(SAVE)
    assert play.say("Done.")[-2:] == ["TurnEnd", "? save"]
    assert play.asked(SAVE).value["phase"] == "end"
    assert play.answer(SAVE) == ["AgentEnd", "done: done"]


def test_a_state_that_is_old_before_it_is_kept_is_kept_anew() -> None:
    play = Play.of(turn(tools=(made(),), hooks=(SAVE,)))
    play.answer(SAVE)
    play.say(call("c1"), call("c2"), call("c3"))
    play.answer(SAVE)
    assert play.back("c1") == [") c1: found", "? save"]
    assert play.back("c2") == [") c2: found"]
    assert play.answer(SAVE) == ["? save"]
    statuses = [each["status"] for each in play.asked(SAVE).value["batch"]["calls"]]
    assert statuses == ["done", "done", "running"]
    assert play.answer(SAVE) == []


def test_results_are_kept_before_the_host_thinks_about_what_follows() -> None:
    play = Play.of(turn(tools=(made(),), hooks=(SAVE, SHOULD_STOP)))
    play.answer(SAVE)
    play.say(call("c1"))
    play.answer(SAVE)
    assert play.back("c1")[-2:] == ["? should_stop_after_turn", "? save"]
    kept = play.asked(SAVE).value
    assert (kept["phase"], [each["status"] for each in kept["batch"]["calls"]]) == ("stop", ["done"])


def test_what_cannot_be_kept_is_not_begun() -> None:
    play = Play.of(turn(hooks=(SAVE,)))
    assert play.fail(SAVE) == ["[ model: ", "] model: ", "TurnEnd", "AgentEnd", "done: error"]
    assert play.result.error == Failure("other", "the state could not be saved: broke")


def test_an_end_that_cannot_be_kept_is_told() -> None:
    play = Play.of(turn(hooks=(SAVE,)))
    play.answer(SAVE)
    play.say("Done.")
    assert play.fail(SAVE) == ["AgentEnd", "done: error"]


def test_an_abort_drops_what_is_being_kept_and_keeps_the_end() -> None:
    play = Play.of(turn(hooks=(SAVE,)))
    assert play.happen(Cancelled()) == ["drop", "[ model: ", "] model: ", "TurnEnd", "? save"]
    assert play.answer(SAVE) == ["AgentEnd", "done: aborted"]


# --- gone on with ----------------------------------------------------------------------------------------------------


def test_a_model_call_that_was_under_way_is_made_again_and_counted() -> None:
    play = Play.of(turn(hooks=(SAVE,)))
    kept = play.asked(SAVE).value
    play.answer(SAVE)
    play.now += 60
    on = play.resumed(kept)
    lost = Failure("connection", "the call was in flight when the state was saved", retryable=True)
    assert on.words == ["? save"]
    assert on.answer(SAVE) == ["[ model: ", "+ AttemptReset", "? stream"]
    assert on.turn.run.lost == (Attempt(1, NOW, NOW + 60, failure=lost),)
    assert on.say("Done.")[-1] == "? save"
    assert on.turn.run.turns == 1


def test_one_over_http_too() -> None:
    play = Play.of(Turn(HANDLE, MODEL, [UserMessage("Go.")], hooks=frozenset({SAVE})))
    kept = play.asked(SAVE).value
    on = play.resumed(kept)
    assert on.answer(SAVE) == ["[ model: ", "+ AttemptReset", "call"]
    told = on.happen(Cancelled())
    assert told[0] == "drop"
    assert told[-1] == "? save"


def test_a_tool_that_was_under_way_runs_again_only_where_that_does_no_harm() -> None:
    tools = (made(), made("see", retry="safe"))
    play = Play.of(turn(tools=tools, hooks=(SAVE,)))
    play.answer(SAVE)
    play.say(call("c1"), call("c2", "see"))
    kept = play.asked(SAVE).value
    on = play.resumed(kept)
    assert on.words == [") c1: interrupted; it may have run", "? save"]
    assert on.answer(SAVE) == ["run c2 again (2)"]
    assert on.back("c2")[1:5] == [
        *["[ c1: interrupted; it may have run", "] c1: interrupted; it may have run"],
        *["[ c2: found", "] c2: found"],
    ]


def test_a_pause_hands_over_all_that_waits() -> None:
    play = Play.of(turn(hooks=(SHOULD_STOP,), queues=Queues([], [UserMessage("And then?")])))
    play.say("Done.")
    play.happen(Steered("Now."))
    queues = play.turn.queues
    assert play.answer(SHOULD_STOP, Later()) == ["paused"]
    assert not queues
    (waiting,) = play.result.waiting
    on = play.resumed(play.result.state, answers={waiting.id: False})
    assert on.words[-1] == "? stream"
    assert on.asked(STREAM).value.request.messages[-1] == UserMessage("Now.")
    assert list(on.turn.queues.follow_ups) == [UserMessage("And then?")]
    stopped = play.resumed(play.result.state, answers={waiting.id: True})
    assert stopped.words == ["AgentEnd", "done: stopped"]


def test_a_pause_waits_for_its_state_to_be_kept() -> None:
    play = Play.of(turn(hooks=(SHOULD_STOP, SAVE)))
    play.answer(SAVE)
    play.say("Done.")
    assert play.answer(SHOULD_STOP, Later) == ["? save"]
    assert play.answer(SAVE) == ["paused"]


@pytest.mark.parametrize("hook", [SHOULD_STOP, PREPARE_NEXT_TURN, ON_OVERFLOW, TRANSFORM_CONTEXT, CONVERT_TO_LLM])
def test_a_hook_that_nobody_listens_for_any_more_is_not_asked(hook: str) -> None:
    play = Play.of(turn(hooks=(hook,), tools=(made(),)))
    if hook == ON_OVERFLOW:
        play.say(stop="error", error=OVERFLOW)
    elif hook in (SHOULD_STOP, PREPARE_NEXT_TURN):
        play.say(call("c1"))
        play.back("c1")
    assert play.answer(hook, Later) == ["paused"]
    again = play.resumed(play.result.state)
    assert again.asked(hook).name == hook
    on = play.resumed(play.result.state, hooks=frozenset({STREAM}))
    assert on.words[-1] == ("done: error" if hook == ON_OVERFLOW else "? stream")


def test_a_run_that_waited_for_its_listeners_does_so_again() -> None:
    run = turn()
    run.start(NOW)
    state = run.state(NOW)
    assert state.phase == "opened"
    on = Turn.resume(state, HANDLE, NOW, hooks=frozenset({STREAM}))
    assert on.start(NOW) == []
    assert on.wake_at == NOW
    play = Play(on)
    assert play.happen(Woke())[-1] == "? stream"


def test_an_end_that_was_kept_is_told_again_and_what_is_over_stays_over() -> None:
    play = Play.of(turn(hooks=(SAVE,)))
    play.answer(SAVE)
    play.say("Done.")
    assert play.resumed().words == ["AgentEnd", "done: done"]
    play.answer(SAVE)
    assert play.turn.restart(NOW) == []


def test_a_machine_that_was_copied_goes_on_with_what_was_under_way() -> None:
    play = Play.of(turn(tools=(made(),)))
    play.tell(TextStart(0))
    twin = copy.deepcopy(play.turn)
    on = Play(twin)
    assert on.take(twin.restart(NOW)) == ["+ AttemptReset", "? stream"]
    play = Play.of(turn(hooks=(SAVE,)))
    on = Play(copy.deepcopy(play.turn))
    assert on.take(on.turn.restart(NOW)) == ["? save"]  # nothing had begun
    assert on.turn.run.lost == ()


def test_answers_are_by_the_ids_of_questions_or_of_their_calls() -> None:
    paused = Play.of(turn(tools=(made(approval=True),)))
    paused.say(call("c1"))
    (waiting,) = paused.result.waiting
    for key in (waiting.id, str(waiting.id), "c1"):
        on = paused.resumed(paused.result.state, answers={key: True}, tools=(made(approval=True),))
        assert on.words[0] == "run c1"
    with pytest.raises(ValueError, match=r"'c2' is to nothing that this run asked"):
        paused.resumed(paused.result.state, answers={"c2": True}, tools=(made(approval=True),))
    with pytest.raises(ValueError, match=r"1 is no answer to approve: it is True, False, why not, or Later"):
        paused.resumed(paused.result.state, answers={"c1": 1}, tools=(made(approval=True),))


def test_a_pause_tells_what_a_result_tells() -> None:
    paused = Play.of(turn(tools=(made(approval=True),)))
    paused.say(call("c1"))
    told = paused.result
    assert (told.reason, told.text, told.error, told.output, told.turns) == ("paused", "", None, None, 1)
    assert told.usage == paused.turn.run.usage
    assert evolve(told, state={**told.state, "usage": LlmUsage(1, 2).to_json()}).usage == LlmUsage(1, 2)


def test_answers_to_nothing_and_handles_of_another_kind_are_refused() -> None:
    play = Play.of(turn(hooks=(BEFORE_TOOL_CALL,), tools=(made(),)))
    play.say(call("c1"))
    play.answer(BEFORE_TOOL_CALL, Later)
    state = play.result.state
    with pytest.raises(ValueError, match=r"the answer 99 is to nothing that this run asked: \[2\]"):
        Turn.resume(state, HANDLE, NOW, answers={99: True})
    with pytest.raises(ValueError, match="goes on with faux, and this is a handle for anthropic"):
        Turn.resume(state, anthropic(), NOW)


def test_time_in_no_process_does_not_count() -> None:
    play = Play.of(turn(hooks=(SAVE,), budget=Budget(max_seconds=30.0)))
    play.now += 10
    kept = play.state
    play.now += 1000
    assert play.resumed(kept).turn.wake_at == play.now + 20


def test_a_tool_runs_under_the_models_own_id() -> None:
    play = Play.of(turn(tools=(made(),)))
    play.say(call("c1"))
    assert play.outputs[-1] == RunTool(2, call("c1"), {"n": 1}, 1)
