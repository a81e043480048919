"""What is said to a model that works, and to one that would be done (AI_AND_PI 9.2, 9.4)."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.faux import FauxError, FauxReply
from lash_proto.messages import AssistantMessage, CustomMessage, ToolResultMessage, UserMessage
from lash_proto.tools import tool
from lash_proto.turn import AgentEnd, AgentStart, NextTurn, ToolExecutionEnd, TurnEnd
from tests.io.agent.stage import Stage, call, on_all_stages
from tests.io.agent.tools import add, adding, bye

NO = FauxReply(error=FauxError("invalid_request", "No.", status=400))


def at(kind: type, do: Any) -> Any:
    """A listener that does it once, at the first event of that kind."""
    left = [do]

    def listener(event: Any) -> None:
        if isinstance(event, kind) and left:
            left.pop()()

    return listener


@on_all_stages
async def test_what_was_steered_before_the_run_is_said_before_the_first_call(stage: Stage) -> None:
    agent = stage.agent(["Yes."])
    agent.steer("Be quick.")
    await agent.prompt("Go.")
    assert stage.told == [
        "agent_start",
        "turn_start",
        "user Go.",
        "user Be quick.",
        "assistant Yes.",
        "turn_end",
        "agent_end 3",
    ]


@on_all_stages
async def test_steering_waits_for_the_tools_of_the_turn(stage: Stage) -> None:
    agent = stage.agent([[adding(1), adding(2)], "Yes."], tools=[add], tool_execution="sequential")
    agent.subscribe(at(ToolExecutionEnd, lambda: agent.steer("Wait!")))
    await agent.prompt("Go.")
    assert stage.told[4:] == [
        "start c1 add",
        "end c1 10",  # here it is said
        "result c1 10",
        "start c2 add",
        "end c2 20",
        "result c2 20",
        "turn_end c1 c2",
        "turn_start",
        "user Wait!",  # and here it is heard
        "assistant Yes.",
        "turn_end",
        "agent_end 6",
    ]


@on_all_stages
async def test_steering_from_a_tool(stage: Stage) -> None:
    agents: list[Any] = []

    @tool
    def interrupt() -> str:
        agents[0].steer("From a thread.")
        return "said"

    agents.append(stage.agent([call(1, "interrupt"), "Yes."], tools=[interrupt]))
    await agents[0].prompt("Go.")
    assert stage.told[6:10] == ["result c1 said", "turn_end c1", "turn_start", "user From a thread."]


@on_all_stages
async def test_steering_beats_terminate(stage: Stage) -> None:
    agent = stage.agent([call(1, "bye", word="so"), "One more."], tools=[bye])
    agent.subscribe(at(ToolExecutionEnd, lambda: agent.steer("Stay!")))
    result = await agent.prompt("Go.")
    assert stage.told[7:] == [
        "turn_end c1",
        "turn_start",
        "user Stay!",
        "assistant One more.",
        "turn_end",
        "agent_end 5",
    ]
    assert result.reason == "done"


@on_all_stages
async def test_follow_ups_run_after_terminate(stage: Stage) -> None:
    agent = stage.agent([call(1, "bye", word="so"), "More."], tools=[bye])
    agent.follow_up("And then?")
    await agent.prompt("Go.")
    assert stage.told[7:10] == ["turn_end c1", "turn_start", "user And then?"]


@on_all_stages
async def test_follow_ups_are_said_when_the_model_would_be_done(stage: Stage) -> None:
    agent = stage.agent([adding(1), "10.", "Yes.", "No."], tools=[add])
    agent.follow_up("Sure?")
    agent.follow_up("Really?")
    await agent.prompt("Go.")
    assert stage.told[7:] == [
        "turn_end c1",
        "turn_start",
        "assistant 10.",
        "turn_end",
        "turn_start",
        "user Sure?",
        "assistant Yes.",
        "turn_end",
        "turn_start",
        "user Really?",
        "assistant No.",
        "turn_end",
        "agent_end 8",
    ]


@on_all_stages
async def test_all_follow_ups_at_once(stage: Stage) -> None:
    agent = stage.agent(["1", "2"], follow_up_mode="all")
    agent.follow_up("Sure?")
    agent.follow_up("Really?")
    await agent.prompt("Go.")
    assert stage.told[4:] == [
        "turn_end",
        "turn_start",
        "user Sure?",
        "user Really?",
        "assistant 2",
        "turn_end",
        "agent_end 5",
    ]


@on_all_stages
async def test_one_steering_message_a_turn(stage: Stage) -> None:
    agent = stage.agent(["1", "2"])
    agent.steer("A")
    agent.steer("B")
    await agent.prompt("Go.")
    assert stage.told[2:] == [
        "user Go.",
        "user A",
        "assistant 1",
        "turn_end",
        "turn_start",
        "user B",
        "assistant 2",
        "turn_end",
        "agent_end 5",
    ]


@on_all_stages
async def test_all_steering_messages_at_once(stage: Stage) -> None:
    agent = stage.agent(["1"], steering_mode="all")
    agent.steer("A")
    agent.steer("B")
    await agent.prompt("Go.")
    assert stage.told[2:] == ["user Go.", "user A", "user B", "assistant 1", "turn_end", "agent_end 4"]


@on_all_stages
async def test_steering_goes_before_follow_ups(stage: Stage) -> None:
    agent = stage.agent(["1", "2", "3"])
    agent.follow_up("F")
    agent.subscribe(at(TurnEnd, lambda: agent.steer("S")))
    await agent.prompt("Go.")
    assert [line for line in stage.told if line.startswith("user")] == ["user Go.", "user S", "user F"]
    assert stage.told[-1] == "agent_end 6"


@on_all_stages
async def test_who_hears_of_a_start_or_an_end_is_heard_in_the_same_run(stage: Stage) -> None:
    agent = stage.agent(["1", "2", "3", "4"])
    agent.subscribe(at(AgentStart, lambda: agent.steer("S")))
    agent.subscribe(at(TurnEnd, lambda: agent.follow_up("F")))
    agent.subscribe(at(AgentEnd, lambda: agent.follow_up("Too late.")))
    await agent.prompt("Go.")
    assert stage.told == [
        "agent_start",
        "turn_start",
        "user Go.",
        "user S",
        "assistant 1",
        "turn_end",
        "turn_start",
        "user F",
        "assistant 2",
        "turn_end",
        "agent_end 5",
    ]
    assert agent.has_queued_messages


@on_all_stages
async def test_the_queue_is_looked_into_again_after_the_next_turn_was_prepared(stage: Stage) -> None:
    agents: list[Any] = []

    def prepare(context: Any) -> NextTurn:
        agents[0].steer("S")
        return NextTurn(add=[UserMessage("P")])

    agents.append(stage.agent([adding(1), "Yes."], tools=[add], prepare_next_turn=prepare))
    await agents[0].prompt("Go.")
    assert stage.told[8:11] == ["turn_start", "user P", "user S"]


@on_all_stages
async def test_queues_survive_a_run_that_failed(stage: Stage) -> None:
    agent = stage.agent([NO, "Yes."])
    agent.steer("A")
    agent.steer("B")
    agent.follow_up("F")
    await agent.prompt("Go.")
    assert stage.told[2:4] == ["user Go.", "user A"]
    await agent.prompt("Again.")
    assert stage.told[9:12] == ["user Again.", "user B", "assistant Yes."]
    assert stage.told[13:15] == ["turn_start", "user F"]


@on_all_stages
async def test_queues_survive_an_abort(stage: Stage) -> None:
    agent = stage.agent([adding(1), "Yes."], tools=[add])
    agent.subscribe(at(ToolExecutionEnd, lambda: (agent.steer("S"), agent.follow_up("F"), agent.abort())))
    result = await agent.prompt("Go.")
    assert (result.reason, agent.has_queued_messages) == ("aborted", True)
    agent.clear_queues()
    assert not agent.has_queued_messages


@on_all_stages
async def test_what_only_a_model_or_a_tool_says_is_not_queued(stage: Stage) -> None:
    agent = stage.agent()
    for message in (AssistantMessage("Hm."), ToolResultMessage("c1", "x"), 17):
        for queue in (agent.steer, agent.follow_up):
            with pytest.raises(TypeError):
                queue(message)
    assert not agent.has_queued_messages


@on_all_stages
async def test_modes_that_there_are_not(stage: Stage) -> None:
    with pytest.raises(ValueError, match="'each' is no mode of a queue"):
        stage.agent(steering_mode="each")


# --- going on ------------------------------------------------------------------------------------------------------


@on_all_stages
async def test_going_on_from_nothing(stage: Stage) -> None:
    agent = stage.agent()
    agent.follow_up("F")
    with pytest.raises(ValueError, match="no message to go on from"):
        await agent.continue_run()
    assert (stage.told, agent.has_queued_messages) == ([], True)


@on_all_stages
async def test_going_on_from_the_users_message(stage: Stage) -> None:
    agent = stage.agent(["Yes."], messages=[UserMessage("Go.")])
    await agent.continue_run()
    assert stage.told == ["agent_start", "turn_start", "assistant Yes.", "turn_end", "agent_end 1"]


@on_all_stages
async def test_going_on_from_a_tools_result(stage: Stage) -> None:
    said = [UserMessage("Go."), AssistantMessage([adding(1)], "tool_use"), ToolResultMessage("c1", "10", "add")]
    agent = stage.agent(["10."], messages=said, tools=[add])
    agent.steer("Quick!")
    await agent.continue_run()
    assert stage.told == ["agent_start", "turn_start", "user Quick!", "assistant 10.", "turn_end", "agent_end 2"]
    assert stage.conversations == [
        ["user: Go.", "assistant: add/c1", "user: c1 = 10", "user: Quick!"],
    ]


@on_all_stages
async def test_going_on_from_the_apps_own_entry(stage: Stage) -> None:
    agent = stage.agent(["Yes."], messages=[UserMessage("Go."), CustomMessage("note")])
    await agent.continue_run()
    assert stage.told[2] == "assistant Yes."


ANSWERED = [UserMessage("Go."), AssistantMessage("Yes.", "stop")]


@on_all_stages
async def test_going_on_from_the_models_own_word(stage: Stage) -> None:
    agent = stage.agent(messages=ANSWERED)
    with pytest.raises(ValueError, match="the last message is the model's own"):
        await agent.continue_run()
    assert (stage.told, agent.is_streaming) == ([], False)


@on_all_stages
async def test_going_on_from_the_models_own_word_with_what_is_queued(stage: Stage) -> None:
    agent = stage.agent(["1", "2", "3"], messages=ANSWERED)
    agent.steer("A")
    agent.steer("B")
    agent.follow_up("F")
    await agent.continue_run()
    # The first is what it goes on with, and the queue is not looked into again for the same turn.
    assert stage.told[:5] == ["agent_start", "turn_start", "user A", "assistant 1", "turn_end"]
    assert [line for line in stage.told if line.startswith("user")] == ["user A", "user B", "user F"]


@on_all_stages
async def test_going_on_from_the_models_own_word_with_a_follow_up(stage: Stage) -> None:
    agent = stage.agent(["1"], messages=ANSWERED)
    agent.follow_up("F")
    await agent.continue_run()
    assert stage.told == ["agent_start", "turn_start", "user F", "assistant 1", "turn_end", "agent_end 2"]


@on_all_stages
async def test_going_on_after_a_failure_asks_again(stage: Stage) -> None:
    agent = stage.agent([NO, "Yes."])
    await agent.prompt("Go.")
    result = await agent.continue_run()
    assert stage.told[6:] == ["agent_start", "turn_start", "assistant Yes.", "turn_end", "agent_end 1"]
    assert stage.conversations[1] == ["user: Go."]
    assert (result.reason, agent.error_message, len(agent.messages)) == ("done", None, 3)
