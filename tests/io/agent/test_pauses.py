"""Approvals, a host that answers later, and states that go on elsewhere (issue 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lash_proto.messages import AssistantMessage, ToolCallPart, UserMessage
from lash_proto.tools import tool
from lash_proto.turn import AfterToolCall, ApproveToolCall, Later, Paused, ToolExecutionStart, Waiting
from tests.io.agent.stage import Stage, call, on_all_stages
from tests.io.agent.test_queues import at
from tests.io.agent.tools import Gate, add, adding


def deleter(ran: list[str], **settings: Any) -> Any:
    def delete(path: str) -> str:
        ran.append(path)
        return "deleted"

    return tool(delete, approval=True, **settings)


def yes(asked: list[ApproveToolCall]) -> Any:
    def approve(call: ApproveToolCall) -> bool:
        asked.append(call)
        return True

    return approve


def through_json(state: Any) -> Any:
    return json.loads(json.dumps(state))


A = call(1, "delete", path="a")


@on_all_stages
async def test_what_was_approved_runs(stage: Stage) -> None:
    ran: list[str] = []
    asked: list[ApproveToolCall] = []
    agent = stage.agent([A, "Done."], tools=[deleter(ran)], approve=yes(asked))
    await agent.prompt("Go.")
    assert stage.told[4:7] == ["start c1 delete", "end c1 deleted", "result c1 deleted"]
    assert (ran, [(each.call.id, each.arguments) for each in asked]) == (["a"], [("c1", {"path": "a"})])


@on_all_stages
async def test_what_was_not_approved_does_not(stage: Stage) -> None:
    for answer, text in ((False, "The program did not let this call be run."), ("Not that one.", "Not that one.")):
        stage.events.clear()
        ran: list[str] = []
        agent = stage.agent([A, "I see."], tools=[deleter(ran)], approve=lambda asked, answer=answer: answer)
        result = await agent.prompt("Go.")
        assert stage.told[4:7] == ["start c1 delete", "end c1 error", "result c1 error"]
        assert (stage.result_of("c1"), ran, result.reason) == (text, [], "done")


@on_all_stages
async def test_an_answer_that_is_neither_does_not_either(stage: Stage) -> None:
    ran: list[str] = []
    agent = stage.agent([A, "I see."], tools=[deleter(ran)], approve=lambda asked: None)
    await agent.prompt("Go.")
    assert (stage.result_of("c1"), ran) == ("the program failed at this call: approve gave a NoneType", [])


@on_all_stages
async def test_approval_is_asked_of_the_arguments_as_they_will_be(stage: Stage) -> None:
    ran: list[str] = []
    asked: list[ApproveToolCall] = []
    agent = stage.agent(
        [A, "Done."],
        tools=[deleter(ran)],
        before_tool_call=lambda asked: {"path": "b"},
        approve=yes(asked),
    )
    await agent.prompt("Go.")
    assert ([each.arguments for each in asked], ran) == ([{"path": "b"}], ["b"])


PAUSED_AT = ["agent_start", "turn_start", "user Go.", "assistant delete/c1", "start c1 delete"]


@on_all_stages
async def test_a_run_pauses_where_nobody_is_there_to_approve(stage: Stage) -> None:
    ran: list[str] = []
    agent = stage.agent([A], tools=[deleter(ran)])
    paused = await agent.prompt("Go.")
    assert stage.told == PAUSED_AT
    assert isinstance(paused, Paused)
    (waiting,) = paused.waiting
    assert waiting.call is not None
    assert (waiting.name, waiting.call.id, waiting.arguments) == ("approve", "c1", {"path": "a"})
    assert (ran, agent.is_streaming, agent.pending_tool_calls) == ([], False, frozenset())
    assert json.loads(json.dumps(paused.state)) == paused.state


@on_all_stages
async def test_an_answer_resumes_it_in_another_agent(stage: Stage) -> None:
    ran: list[str] = []
    first = stage.agent([A], tools=[deleter(ran)])
    paused = await first.prompt("Go.")
    state = through_json(paused.state)
    second = stage.agent(["Done."], tools=[deleter(ran)])
    result = await second.resume(state, {paused.waiting[0].id: True})
    assert stage.told[5:] == [
        "end c1 deleted",
        "result c1 deleted",
        "turn_end c1",
        "turn_start",
        "assistant Done.",
        "turn_end",
        "agent_end 4",
    ]
    assert (ran, result.reason, result.turns) == (["a"], "done", 2)
    assert result.usage.output_tokens == 68  # of both calls, in both agents
    assert second.messages == list(result.messages)


@on_all_stages
async def test_a_no_resumes_it_too_and_json_keys_will_do(stage: Stage) -> None:
    ran: list[str] = []
    paused = await stage.agent([A], tools=[deleter(ran)]).prompt("Go.")
    answers = through_json({paused.waiting[0].id: "Not today."})
    await stage.agent(["I see."], tools=[deleter(ran)]).resume(through_json(paused.state), answers)
    assert stage.told[5:8] == ["end c1 error", "result c1 error", "turn_end c1"]
    assert (stage.result_of("c1"), ran) == ("Not today.", [])


@on_all_stages
async def test_the_same_agent_goes_on_with_what_it_paused(stage: Stage) -> None:
    ran: list[str] = []
    agent = stage.agent([A, "Done."], tools=[deleter(ran)])
    agent.subscribe(at(ToolExecutionStart, lambda: agent.steer("Hurry!")))
    agent.follow_up("F")
    paused = await agent.prompt("Go.")
    result = await agent.resume(paused, {paused.waiting[0].id: True})
    # What was queued went into the state, and is said once.
    assert [line for line in stage.told if line.startswith("user")] == ["user Go.", "user Hurry!", "user F"]
    assert (result.reason, ran) == ("done", ["a"])


@on_all_stages
async def test_a_missing_answer_is_waited_for_again(stage: Stage) -> None:
    ran: list[str] = []
    paused = await stage.agent([A], tools=[deleter(ran)]).prompt("Go.")
    again = await stage.agent(tools=[deleter(ran)]).resume(through_json(paused.state))
    assert again.waiting == paused.waiting
    result = await stage.agent(["Done."], tools=[deleter(ran)]).resume(again, {again.waiting[0].id: True})
    assert (ran, result.reason) == (["a"], "done")


@on_all_stages
async def test_a_missing_answer_is_asked_for_where_somebody_is_there(stage: Stage) -> None:
    ran: list[str] = []
    paused = await stage.agent([A], tools=[deleter(ran)]).prompt("Go.")
    agent = stage.agent(["Done."], tools=[deleter(ran)], approve=lambda asked: True)
    await agent.resume(through_json(paused.state))
    assert stage.told[5:7] == ["end c1 deleted", "result c1 deleted"]


@on_all_stages
async def test_an_answer_to_nothing(stage: Stage) -> None:
    ran: list[str] = []
    paused = await stage.agent([A], tools=[deleter(ran)]).prompt("Go.")
    agent = stage.agent(tools=[deleter(ran)])
    with pytest.raises(ValueError, match="the answer 99 is to nothing that this run asked"):
        await agent.resume(paused, {99: True})
    assert (ran, agent.is_streaming, agent.messages) == ([], False, [])


@on_all_stages
async def test_some_answers_now_and_some_later(stage: Stage) -> None:
    ran: list[str] = []
    calls = [A, call(2, "delete", path="b"), adding(3)]
    tools: Any = {"tools": [deleter(ran), add], "tool_execution": "parallel"}
    paused = await stage.agent([calls], **tools).prompt("Go.")
    assert stage.told[4:] == ["start c1 delete", "start c2 delete", "start c3 add"]
    first, second = paused.waiting
    assert [each.call.id for each in paused.waiting] == ["c1", "c2"]
    again = await stage.agent(**tools).resume(through_json(paused.state), {first.id: False})
    assert stage.told[7:] == ["end c1 error"]  # and none has run: each may hang on the others
    assert (again.waiting, ran) == ((second,), [])
    await stage.agent(["Done."], **tools).resume(through_json(again.state), {second.id: "No."})
    assert stage.told[8:14] == [
        "end c2 error",
        "end c3 30",
        "result c1 error",
        "result c2 error",
        "result c3 30",
        "turn_end c1 c2 c3",
    ]


@on_all_stages
async def test_a_hook_may_answer_later(stage: Stage) -> None:
    ran: list[str] = []
    agent = stage.agent([A], tools=[deleter(ran)], approve=lambda asked: Later())
    paused = await agent.prompt("Go.")
    assert [each.name for each in paused.waiting] == ["approve"]
    agent = stage.agent([A], tools=[deleter(ran)], before_tool_call=lambda asked: Later)  # the class will do
    paused = await agent.prompt("Go.")
    assert [(each.name, each.call.id) for each in paused.waiting] == [("before_tool_call", "c1")]


@on_all_stages
async def test_a_question_about_the_run_may_wait_as_well(stage: Stage) -> None:
    def later(_: Any) -> Later:
        return Later()

    first = stage.agent(["Never."], transform_context=later)
    paused = await first.prompt("Go.")
    assert stage.told == ["agent_start", "turn_start", "user Go."]
    assert (paused.waiting, stage.sent) == ((Waiting(paused.waiting[0].id, "transform_context"),), [])
    second = stage.agent(["Yes."], transform_context=later)
    answer = [UserMessage("Go, please.")]
    result = await second.resume(through_json(paused.state), {paused.waiting[0].id: answer})
    assert stage.told[3:] == ["assistant Yes.", "turn_end", "agent_end 2"]
    assert (stage.conversations, result.reason) == ([["user: Go, please."]], "done")


@on_all_stages
async def test_tools_under_way_end_before_the_run_pauses(stage: Stage) -> None:
    gate = Gate()

    def after(asked: AfterToolCall) -> Later | None:
        if asked.call.id == "c2":
            return None
        gate.open()
        return Later()

    calls = [adding(1), call(2, "wait")]
    paused = await stage.agent([calls], tools=[add, gate.tool], after_tool_call=after).prompt("Go.")
    assert [(each.name, each.call.id) for each in paused.waiting] == [("after_tool_call", "c1")]
    assert stage.told[6:] == ["end c2 at last"]
    other = stage.agent(["Done."], tools=[add, gate.tool], after_tool_call=after)
    await other.resume(through_json(paused.state), {paused.waiting[0].id: None})
    assert stage.told[7:11] == ["end c1 10", "result c1 10", "result c2 at last", "turn_end c1 c2"]


# --- kept at every step --------------------------------------------------------------------------------------------


@on_all_stages
async def test_the_state_is_kept_before_anything_costs(stage: Stage) -> None:
    kept: list[Any] = []
    costs: list[tuple[str, int, int]] = []
    ran: list[str] = []

    @tool
    def run() -> str:
        ran.append("ran")
        return "ok"

    def save(state: Any) -> None:
        kept.append(through_json(state))
        costs.append((state["phase"], len(stage.sent), len(ran)))

    agent = stage.agent([call(1, "run"), "Done."], tools=[run], save=save)
    await agent.prompt("Go.")
    assert costs == [("call", 0, 0), ("tools", 1, 0), ("call", 1, 1), ("end", 2, 1)]
    assert stage.told[-1] == "agent_end 4"
    # From each of them the run goes on to the same end; the tool is never run twice.
    for number, state in enumerate(kept):
        stage.events.clear()
        ran.clear()
        again = stage.agent([[call(1, "run")], "Done."][number and 1 :], tools=[run])
        result = await again.resume(state)
        assert (result.reason, result.text) == ("done", "Done.")
        assert ran == (["ran"] if number == 0 else [])
        assert len(result.messages) == 4


@on_all_stages
async def test_what_cannot_be_kept_is_not_begun(stage: Stage) -> None:
    def save(state: Any) -> None:
        raise OSError(28, "No space left on device")

    agent = stage.agent(["Never."], save=save)
    result = await agent.prompt("Go.")
    assert stage.told == ["agent_start", "turn_start", "user Go.", "assistant (error)", "turn_end", "agent_end 2"]
    assert result.error.message == "the state could not be saved: OSError: No space left on device"
    assert stage.sent == []


@on_all_stages
async def test_a_tool_is_not_run_where_that_cannot_be_kept(stage: Stage) -> None:
    def save(state: Any) -> None:
        if state["phase"] == "tools":
            raise OSError(28, "No space left on device")

    agent = stage.agent([adding(1)], tools=[add], save=save)
    result = await agent.prompt("Go.")
    assert stage.told[4:] == ["start c1 add", "end c1 error", "result c1 error", "turn_end c1", "agent_end 3"]
    assert result.reason == "error"


@on_all_stages
async def test_a_pause_is_kept_as_well(stage: Stage) -> None:
    kept: list[Any] = []
    ran: list[str] = []
    paused = await stage.agent([A], tools=[deleter(ran)], save=kept.append).prompt("Go.")
    assert kept[-1]["batch"]["calls"][0]["question"] == paused.waiting[0].id


@on_all_stages
async def test_a_paused_run_of_another_provider_is_no_mistake(stage: Stage) -> None:
    ran: list[str] = []
    paused = await stage.agent([A], tools=[deleter(ran)]).prompt("Go.")
    state = through_json(paused.state)
    state["provider"]["kind"] = "nobody"
    with pytest.raises(ValueError, match="nobody"):
        await stage.agent(tools=[deleter(ran)]).resume(state)


@on_all_stages
async def test_a_conversation_saved_by_hand_may_be_gone_on_with(stage: Stage) -> None:
    said = [UserMessage("Go."), AssistantMessage([ToolCallPart("c1", "add", {"a": 1, "b": 2})], "tool_use")]
    agent = stage.agent(["Yes."], messages=said, tools=[add])
    await agent.prompt("Never mind.")
    # A call that nobody answered is answered for the provider's sake.
    assert stage.conversations[0][:3] == ["user: Go.", "assistant: add/c1", "user: c1 = No result provided"]
