"""The calls of one message: looked at, approved, run and answered; in parallel, in order, and after a restore."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import Cancelled, Failed, HostAnswered, Progressed, ToolReturned, Woke
from lash_proto.messages import ToolCallPart
from lash_proto.tools import ToolResult
from lash_proto.turn import AfterToolCall, ApproveToolCall, BeforeToolCall, Block, Later
from lash_proto.turn.hooks import AFTER_TOOL_CALL, APPROVE, BEFORE_TOOL_CALL, SAVE
from tests.proto.turn.play import Play, call, made, turn


def play(*calls: ToolCallPart, hooks: Any = (), stop: Any = None, **settings: Any) -> Play:
    """A run whose model has called."""
    settings.setdefault("tools", (made(), made("pay", approval=True)))
    play = Play.of(turn(hooks=hooks, **settings))
    play.say(*calls, stop=stop)
    return play


def results(play: Play) -> list[str]:
    """What the model is told of its calls."""
    return [each for each in play.words if each.startswith(") ")]


# --- taken up --------------------------------------------------------------------------------------------------------


def test_what_no_tool_is_run_for() -> None:
    cut = ToolCallPart("c3", "look", {}, '{"n": ', "cut short")
    told = results(play(call("c1", "nope"), call("c2", "look", "x"), cut))
    assert told[0] == ') c1: There is no tool "nope". The tools are: look, pay.'
    assert told[1].startswith(") c2: The tool look was not run, for its arguments do not fit:")
    assert "they are not a JSON object (cut short)" in told[2]


@pytest.mark.parametrize("stop", ["length", "content_filter", "refusal"])
def test_a_message_that_is_not_whole_runs_nothing(stop: str) -> None:
    (told,) = results(play(call("c1"), stop=stop))
    assert told.startswith(f") c1: look was not run: the reply ended before it was whole ({stop}),")


def test_in_order_one_tool_at_a_time() -> None:
    sequential = made("step", execution="sequential")
    for settings in {"sequential": True}, {"tools": (made(), sequential)}:
        run = play(call("c1"), call("c2", "step" if "tools" in settings else "look"), **settings)
        assert run.words[-2:] == ["( c1", "run c1"]
        assert run.back("c1") == [") c1: found", "[ c1: found", "] c1: found", "( c2", "run c2"]


def test_what_a_tool_tells_on_the_way() -> None:
    run = play(call("c1"))
    id = run.running("c1")
    assert run.happen(Progressed(id, "half")) == ["~ c1: half"]
    assert run.happen(Failed(id, "other", "it broke"))[0] == ") c1: it broke"


def test_a_tool_has_its_time() -> None:
    run = play(call("c1"), call("c2"), tools=(made(timeout=5.0),))
    assert run.turn.wake_at == run.now + 5
    run.back("c2")
    run.now += 5
    assert run.happen(Woke())[:2] == ["drop", ") c1: look had no result after 5 s"]


def test_all_results_must_ask_for_the_end() -> None:
    end = ToolResult("x", terminate=True)
    run = play(call("c1"), call("c2"))
    run.back("c1", end)
    assert run.back("c2", end)[-1] == "done: terminated"
    run = play(call("c1"), call("c2"))
    run.back("c1", end)
    assert run.back("c2")[-1] == "? stream"


# --- the host --------------------------------------------------------------------------------------------------------


def test_the_host_is_asked_before_a_call_one_at_a_time_and_nothing_runs_meanwhile() -> None:
    run = play(call("c1"), call("c2"), hooks=(BEFORE_TOOL_CALL,))
    asked = run.asked(BEFORE_TOOL_CALL).value
    assert isinstance(asked, BeforeToolCall)
    assert (asked.call, asked.arguments, len(asked.messages)) == (call("c1"), {"n": 1}, 1)
    assert run.answer(BEFORE_TOOL_CALL, {"n": 7}) == ["( c2", "? before_tool_call"]
    assert run.answer(BEFORE_TOOL_CALL) == ["run c1", "run c2"]
    assert [each.arguments for each in run.outputs[-2:]] == [{"n": 7}, {"n": 1}]


def test_the_host_may_say_yes_to_a_call_by_true() -> None:
    run = play(call("c1"), hooks=(BEFORE_TOOL_CALL,))
    assert run.answer(BEFORE_TOOL_CALL, True) == ["run c1"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (False, "The program did not let this call be run."),
        (Block("not today"), "not today"),
        (Block(), "The program did not let this call be run."),
        (5, "the program failed at this call: before_tool_call gave a int"),
        ({"n": object()}, "the program failed at this call: before_tool_call: object has no JSON form"),
    ],
)
def test_and_may_keep_it_from_being_run(answer: Any, told: str) -> None:
    run = play(call("c1"), hooks=(BEFORE_TOOL_CALL,))
    assert run.answer(BEFORE_TOOL_CALL, answer)[0].startswith(f") c1: {told}")


def test_a_block_may_end_the_run() -> None:
    run = play(call("c1"), hooks=(BEFORE_TOOL_CALL,))
    assert run.answer(BEFORE_TOOL_CALL, Block("no", terminate=True))[-1] == "done: terminated"


def test_a_hook_that_fails_is_the_calls_result() -> None:
    run = play(call("c1"), hooks=(BEFORE_TOOL_CALL,))
    assert run.fail(BEFORE_TOOL_CALL)[0] == ") c1: the program failed at this call: broke"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (True, "run c1"),
        (False, ") c1: The program did not let this call be run."),
        ("too dear", ") c1: too dear"),
        (Block("no"), ") c1: no"),
        (None, ") c1: the program failed at this call: approve gave a NoneType"),
    ],
)
def test_somebody_says_yes_or_no(answer: Any, told: str) -> None:
    run = play(call("c1", "pay"), hooks=(APPROVE, BEFORE_TOOL_CALL))
    assert run.answer(BEFORE_TOOL_CALL) == ["? approve"]
    assert run.asked(APPROVE).value == ApproveToolCall(call("c1", "pay"), {"n": 1})
    assert run.answer(APPROVE, answer)[0] == told


def test_the_host_may_say_something_else_for_a_tool() -> None:
    run = play(call("c1"), hooks=(AFTER_TOOL_CALL,))
    assert run.back("c1") == ["? after_tool_call"]
    asked = run.asked(AFTER_TOOL_CALL).value
    assert isinstance(asked, AfterToolCall)
    assert (asked.result, asked.arguments) == (ToolResult("found"), {"n": 1})
    assert run.answer(AFTER_TOOL_CALL, ToolResult("other"))[0] == ") c1: other"


def test_or_nothing_or_what_is_no_result() -> None:
    run = play(call("c1"), call("c2"), hooks=(AFTER_TOOL_CALL,))
    run.back("c1")
    assert run.answer(AFTER_TOOL_CALL)[0] == ") c1: found"
    run.back("c2")
    assert run.answer(AFTER_TOOL_CALL, 5)[0] == ") c2: the program failed at this call: after_tool_call gave a int"


def test_an_abort_leaves_a_tool_that_was_run_its_result() -> None:
    run = play(call("c1"), call("c2"), hooks=(AFTER_TOOL_CALL,))
    run.back("c1")
    assert run.happen(Cancelled())[:3] == [
        *["drop", ") c1: found", "drop"],
    ]


def test_an_abort_takes_up_what_had_not_been() -> None:
    run = play(call("c1"), call("c2"), sequential=True)
    gone = "The run was aborted before this call had a result."
    assert run.happen(Cancelled())[:4] == ["drop", f") c1: {gone}", "( c2", f") c2: {gone}"]


def test_news_that_does_not_answer_what_was_asked_is_a_mistake() -> None:
    run = play(call("c1"), hooks=(BEFORE_TOOL_CALL,))
    question = run.asked(BEFORE_TOOL_CALL).id
    for wrong in ToolReturned(question, "x"), Progressed(question, "x"):
        with pytest.raises(LocalProtocolError, match=f"{type(wrong).__name__} is no answer to what effect {question}"):
            run.happen(wrong)
    run.answer(BEFORE_TOOL_CALL)
    id = run.running("c1")
    with pytest.raises(LocalProtocolError, match="HostAnswered is no answer"):
        run.happen(HostAnswered(id, None))


# --- later -----------------------------------------------------------------------------------------------------------


def test_where_nobody_says_yes_the_run_pauses() -> None:
    run = play(call("c1"), call("c2", "pay"), call("c3", "pay"))
    assert run.words[-4:] == ["( c1", "( c2", "( c3", "paused"]
    one, two = run.result.waiting
    assert (one.name, one.call, one.arguments) == (APPROVE, call("c2", "pay"), {"n": 1})
    some = run.resumed(run.result.state, answers={one.id: True})
    assert some.words == ["paused"]
    assert some.result.waiting == (two,)
    on = run.resumed(some.result.state, answers={two.id: False})
    assert on.words == [") c3: The program did not let this call be run.", "run c1", "run c2"]


def test_a_pause_lets_what_is_under_way_end_first() -> None:
    run = play(call("c1"), call("c2"), hooks=(AFTER_TOOL_CALL,))
    run.back("c1")
    assert run.answer(AFTER_TOOL_CALL, Later) == []
    run.back("c2")
    assert run.answer(AFTER_TOOL_CALL) == [") c2: found", "paused"]
    (waiting,) = run.result.waiting
    on = run.resumed(run.result.state, answers={waiting.id: ToolResult("mine")})
    assert on.words[:3] == [") c1: mine", "[ c1: mine", "] c1: mine"]


def test_one_who_says_later_again_is_waited_for_again() -> None:
    run = play(call("c1", "pay"))
    (waiting,) = run.result.waiting
    on = run.resumed(run.result.state, answers={waiting.id: Later})
    assert on.result.waiting == (waiting,)


def test_what_was_asked_and_not_answered_is_asked_again() -> None:
    for hook, name in [(BEFORE_TOOL_CALL, "look"), (APPROVE, "pay"), (AFTER_TOOL_CALL, "look")]:
        run = play(call("c1", name), hooks=(hook,))
        if hook == AFTER_TOOL_CALL:
            run.back("c1")
        assert run.resumed().words == [f"? {hook}"]
        assert run.answer(hook, Later) == ["paused"]
        assert run.resumed(run.result.state).words == [f"? {hook}"]


def test_a_listener_that_is_gone_is_not_asked_but_an_approval_is_waited_for() -> None:
    run = play(call("c1"), hooks=(BEFORE_TOOL_CALL,))
    assert run.resumed(hooks=turn().hooks).words == ["run c1"]
    run = play(call("c1"), hooks=(AFTER_TOOL_CALL,))
    run.back("c1")
    assert run.resumed(hooks=turn().hooks).words[0] == ") c1: found"
    run = play(call("c1", "pay"), hooks=(APPROVE,))
    assert run.resumed(hooks=turn().hooks).words == ["paused"]


def test_a_tool_that_is_gone_is_told_to_the_model() -> None:
    run = play(call("c1"), call("c2"), hooks=(BEFORE_TOOL_CALL,))
    run.answer(BEFORE_TOOL_CALL)
    on = run.resumed(tools=())
    assert on.words[:2] == [
        ") c1: The program has no tool look any more.",
        ") c2: The program has no tool look any more.",
    ]
    run = play(call("c1"), tools=(made(retry="safe"),))
    assert run.resumed(tools=()).words[0] == ") c1: interrupted; it may have run"


def test_in_order_results_that_were_told_are_not_told_again() -> None:
    run = Play.of(turn(tools=(made(retry="safe"),), hooks=(SAVE,), sequential=True))
    run.answer(SAVE)
    run.say(call("c1"), call("c2"))
    run.answer(SAVE)
    run.back("c1")
    kept = run.asked(SAVE).value
    assert [each["content"] for each in kept["batch"]["told"]] == ["found"]
    on = run.resumed(kept)
    assert on.words == ["? save"]
    on.answer(SAVE)
    assert on.back("c2")[:4] == [") c2: found", "[ c2: found", "] c2: found", "TurnEnd"]
