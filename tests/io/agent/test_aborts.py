"""An abort at any moment: nothing runs afterwards, every call gets a result (AI_AND_PI 9.3, 9.4)."""

from __future__ import annotations

import threading
from typing import Any

from lash_io import CancelToken
from lash_proto.messages import UserMessage
from lash_proto.replies import TextDelta
from lash_proto.tools import ToolContext, tool
from lash_proto.turn import MessageStart, MessageUpdate, ToolExecutionEnd, ToolExecutionStart, TurnEnd
from lash_proto.turn.batch import ABORTED
from tests.io.agent.stage import Stage, call, on_all_stages
from tests.io.agent.test_queues import at
from tests.io.agent.tools import PATIENCE, Gate, add, adding

BEFORE_A_CALL = ["agent_start", "turn_start", "user Go.", "assistant (aborted)", "turn_end", "agent_end 2"]


@on_all_stages
async def test_before_the_start(stage: Stage) -> None:
    cancel = CancelToken()
    cancel.cancel()
    agent = stage.agent(["Never."])
    result = await agent.prompt("Go.", cancel=cancel)
    assert stage.told == BEFORE_A_CALL
    assert (result.reason, result.error.kind, stage.sent) == ("aborted", "cancelled", [])


@on_all_stages
async def test_an_abort_is_no_error_of_the_agents(stage: Stage) -> None:
    agent = stage.agent(["One two three"])
    agent.subscribe(at(MessageUpdate, agent.abort))
    await agent.prompt("Go.")
    assert (agent.error_message, agent.is_streaming) == (None, False)


@on_all_stages
async def test_an_agent_that_does_nothing_is_not_aborted_beforehand(stage: Stage) -> None:
    agent = stage.agent(["Yes."])
    agent.abort()
    assert (await agent.prompt("Go.")).reason == "done"
    agent.abort()
    assert (await agent.prompt("Go.")).reason == "done"


@on_all_stages
async def test_while_the_model_speaks(stage: Stage) -> None:
    agent = stage.agent(["Once upon a time there was a king."])  # a piece of it has 12 characters
    texts: list[str] = []

    def listener(event: Any) -> None:
        if isinstance(event, MessageUpdate) and isinstance(event.event, TextDelta):
            texts.append(event.event.text)
            agent.abort()

    agent.subscribe(listener)
    result = await agent.prompt("Go.")
    assert stage.told[2:] == ["user Go.", "assistant Once upon a  (aborted)", "turn_end", "agent_end 2"]
    assert (texts, result.text) == (["Once upon a "], "Once upon a ")


@on_all_stages
async def test_with_a_token_of_the_callers(stage: Stage) -> None:
    cancel = CancelToken()
    agent = stage.agent(["Once upon a time there was a king.", "Yes."])
    agent.subscribe(at(MessageUpdate, cancel.cancel))
    result = await agent.prompt("Go.", cancel=cancel)
    assert result.reason == "aborted"
    assert (await agent.prompt("Go on.")).text == "Yes."  # the token was that run's


@on_all_stages
async def test_a_turn_that_was_aborted_is_left_out_of_what_is_sent_next(stage: Stage) -> None:
    agent = stage.agent([[adding(1)], "Yes."], tools=[add])
    agent.subscribe(at(ToolExecutionEnd, agent.abort))
    agent.subscribe(at(MessageUpdate, agent.abort))
    await agent.prompt("One.")
    await agent.prompt("Two.")
    assert stage.conversations[1] == ["user: One.", "user: Two."]
    assert [type(message).role for message in agent.messages] == ["user", "assistant", "user", "assistant"]


@on_all_stages
async def test_in_a_hook_before_the_model_is_called(stage: Stage) -> None:
    agents: list[Any] = []
    agents.append(stage.agent(["Never."], transform_context=lambda messages: agents[0].abort()))
    result = await agents[0].prompt("Go.")
    assert stage.told == BEFORE_A_CALL
    assert (result.reason, stage.sent) == ("aborted", [])


@on_all_stages
async def test_in_a_hook_before_a_tool(stage: Stage) -> None:
    agents: list[Any] = []
    ran: list[str] = []

    @tool
    def run() -> None:
        ran.append("ran")

    def before(asked: Any) -> None:
        if asked.call.id == "c2":
            agents[0].abort()

    calls = [call(1, "run"), call(2, "run"), call(3, "run")]
    agents.append(stage.agent([calls], tools=[run], before_tool_call=before))
    result = await agents[0].prompt("Go.")
    assert stage.told[4:] == [
        "start c1 run",
        "start c2 run",
        "end c1 error",
        "end c2 error",
        "start c3 run",
        "end c3 error",
        "result c1 error",
        "result c2 error",
        "result c3 error",
        "turn_end c1 c2 c3",
        "agent_end 5",
    ]
    assert (result.reason, ran) == ("aborted", [])
    assert {stage.result_of(f"c{n}") for n in (1, 2, 3)} == {ABORTED}


@on_all_stages
async def test_in_a_hook_after_a_tool_its_result_stands(stage: Stage) -> None:
    agents: list[Any] = []
    agents.append(stage.agent([adding(1)], tools=[add], after_tool_call=lambda asked: agents[0].abort()))
    await agents[0].prompt("Go.")
    assert stage.told[4:] == ["start c1 add", "end c1 10", "result c1 10", "turn_end c1", "agent_end 3"]


@on_all_stages
async def test_in_a_hook_between_turns(stage: Stage) -> None:
    for hook in ("should_stop_after_turn", "prepare_next_turn"):
        agents: list[Any] = []
        settings: Any = {hook: lambda context, agents=agents: agents[0].abort()}
        agents.append(stage.agent([adding(1)], tools=[add], **settings))
        agents[0].follow_up("F")
        result = await agents[0].prompt("Go.")
        assert stage.told[-2:] == ["turn_end c1", "agent_end 3"]
        assert (result.reason, agents[0].has_queued_messages) == ("aborted", True)


@on_all_stages
async def test_tools_that_run_together(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([[call(1, "wait"), adding(2), call(3, "wait")]], tools=[gate.tool, add])
    agent.subscribe(at(ToolExecutionEnd, agent.abort))
    await agent.prompt("Go.")
    gate.open()
    assert stage.told[4:] == [
        "start c1 wait",
        "start c2 add",
        "start c3 wait",
        "end c2 20",  # what had ended stands
        "end c1 error",
        "end c3 error",
        "result c1 error",
        "result c2 20",
        "result c3 error",
        "turn_end c1 c2 c3",
        "agent_end 5",
    ]


@on_all_stages
async def test_tools_that_run_one_by_one(stage: Stage) -> None:
    gate = Gate()
    calls = [adding(1), call(2, "wait"), adding(3)]
    agent = stage.agent([calls], tools=[gate.tool, add], tool_execution="sequential")

    def listener(event: Any) -> None:
        if isinstance(event, ToolExecutionStart) and event.call_id == "c2":
            agent.abort()

    agent.subscribe(listener)
    await agent.prompt("Go.")
    gate.open()
    assert stage.told[4:] == [
        "start c1 add",
        "end c1 10",
        "result c1 10",
        "start c2 wait",
        "end c2 error",
        "start c3 add",
        "end c3 error",
        "result c2 error",
        "result c3 error",
        "turn_end c1 c2 c3",
        "agent_end 5",
    ]
    assert not gate.reached.is_set()  # it was taken up, and never run


@on_all_stages
async def test_from_a_tool(stage: Stage) -> None:
    agents: list[Any] = []
    seen: list[bool] = []
    over = threading.Event()

    @tool
    def stop(context: ToolContext) -> str:
        agents[0].abort()
        seen.append(context.cancelled)
        over.set()
        return "too late"

    agents.append(stage.agent([call(1, "stop")], tools=[stop]))
    result = await agents[0].prompt("Go.")
    assert stage.told[4:] == ["start c1 stop", "end c1 error", "result c1 error", "turn_end c1", "agent_end 3"]
    assert over.wait(PATIENCE)
    assert (result.reason, seen) == ("aborted", [True])


@on_all_stages
async def test_from_another_thread(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([call(1, "wait")], tools=[gate.tool])

    def abort() -> None:
        assert gate.reached.wait(PATIENCE)
        agent.abort()

    thread = threading.Thread(target=abort)
    thread.start()
    result = await agent.prompt("Go.")
    thread.join()
    gate.open()
    assert stage.told[4:] == ["start c1 wait", "end c1 error", "result c1 error", "turn_end c1", "agent_end 3"]
    assert result.reason == "aborted"


@on_all_stages
async def test_a_tool_that_goes_on_is_left_to_itself_and_told(stage: Stage) -> None:
    gate = Gate()
    told: list[bool] = []
    over = threading.Event()

    @tool
    def stay(context: ToolContext) -> str:
        gate.pass_through()
        context.update("still here")
        told.append(context.cancelled)
        over.set()
        return "at last"

    agent = stage.agent([call(1, "stay"), "Yes."], tools=[stay])
    thread = threading.Thread(target=lambda: (gate.reached.wait(PATIENCE), agent.abort()))
    thread.start()
    await agent.prompt("Go.")
    thread.join()
    count = len(stage.events)
    gate.open()
    assert over.wait(PATIENCE)
    assert (told, len(stage.events)) == ([True], count)


@on_all_stages
async def test_while_the_state_is_kept(stage: Stage) -> None:
    ran: list[str] = []

    @tool
    def run() -> None:
        ran.append("ran")

    for nth, told in ((1, BEFORE_A_CALL), (2, ["end c1 error", "result c1 error", "turn_end c1", "agent_end 3"])):
        agents: list[Any] = []
        kept: list[Any] = []

        def save(state: Any, nth: int = nth, kept: list[Any] = kept, agents: list[Any] = agents) -> None:
            kept.append(state)
            if len(kept) == nth:
                agents[0].abort()

        agents.append(stage.agent([call(1, "run")], tools=[run], save=save))
        result = await agents[0].prompt("Go.")
        assert stage.told[-len(told) :] == told
        assert (result.reason, ran, kept[-1]["reason"]) == ("aborted", [], "aborted")


@on_all_stages
async def test_from_a_listener_before_anything_costs(stage: Stage) -> None:
    agent = stage.agent(["Never."])
    agent.subscribe(at(MessageStart, agent.abort))
    await agent.prompt("Go.")
    assert stage.told == BEFORE_A_CALL
    assert stage.sent == []


@on_all_stages
async def test_from_a_listener_that_hears_of_calls(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([call(1, "wait")], tools=[gate.tool])
    agent.subscribe(at(ToolExecutionStart, agent.abort))
    await agent.prompt("Go.")
    assert stage.told[4:7] == ["start c1 wait", "end c1 error", "result c1 error"]
    assert not gate.reached.is_set()


@on_all_stages
async def test_from_a_listener_that_hears_of_a_turns_end(stage: Stage) -> None:
    agent = stage.agent([adding(1), "Never."], tools=[add])
    agent.subscribe(at(TurnEnd, agent.abort))
    result = await agent.prompt("Go.")
    assert stage.told[-2:] == ["turn_end c1", "agent_end 3"]
    assert (result.reason, len(stage.sent)) == ("aborted", 1)


@on_all_stages
async def test_an_abort_then_a_new_message(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([[adding(1), call(2, "wait")], "Yes."], tools=[add, gate.tool], tool_execution="sequential")

    def listener(event: Any) -> None:
        if isinstance(event, ToolExecutionStart) and event.call_id == "c2":
            agent.abort()

    agent.subscribe(listener)
    await agent.prompt("Go.")
    result = await agent.prompt(UserMessage("And now?"))
    # The turn itself was whole: it is sent, with a result for each call.
    assert stage.conversations[1] == [
        "user: Go.",
        "assistant: add/c1",
        "assistant: wait/c2",
        "user: c1 = 10",
        f"user: c2 = {ABORTED}",
        "user: And now?",
    ]
    assert result.text == "Yes."
