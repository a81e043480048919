"""Defects of the loops that lash learned from, each with its number in AI_AND_PI 12.2, or of the complaint in 12.3."""

from __future__ import annotations

from typing import Any

import pytest

from lash_proto.failures import LocalProtocolError
from lash_proto.faux import FauxError, FauxReply
from lash_proto.messages import AssistantMessage, Origin, ReasoningPart, TextPart, ToolResultMessage, UserMessage
from lash_proto.replies import TextDelta, ToolCallDelta
from lash_proto.tools import tool
from lash_proto.turn import AgentEnd, MessageEnd, MessageStart, MessageUpdate, ToolExecutionEnd, ToolExecutionStart
from tests.io.agent.stage import Stage, broken, call, on_all_stages
from tests.io.agent.test_queues import at
from tests.io.agent.tools import PATIENCE, Gate, add, adding


@on_all_stages
async def test_1_what_another_model_thought_does_not_become_text(stage: Stage) -> None:
    origin = Origin("anthropic", "anthropic-messages", "claude-opus-5")
    said = [UserMessage("Hi."), AssistantMessage([ReasoningPart("I wonder.", origin=origin), TextPart("Ho.")], "stop")]
    agent = stage.agent(["Yes."], messages=said)
    await agent.prompt("Go.")
    assert "I wonder." not in str(stage.sent[0].body)


@on_all_stages
async def test_6_arguments_that_are_no_json_never_reach_a_tool(stage: Stage) -> None:
    ran: list[Any] = []
    add_all = tool(lambda **numbers: ran.append(numbers), name="add", parameters={"type": "object"})
    calls = [broken(1, "add", '{"a": 1, "b'), broken(2, "add", "[1, 2]"), broken(3, "add", '{"a": 1}}')]
    agent = stage.agent([calls, "Done."], tools=[add_all])
    await agent.prompt("Go.")
    assert ran == []
    assert [line for line in stage.told if line.startswith("end")] == ["end c1 error", "end c2 error", "end c3 error"]
    # What the model wrote is told to it, so that it can mend it.
    assert '{"a": 1, "b' in stage.result_of("c1")


@on_all_stages
async def test_7_prepared_tools_are_not_run_after_an_abort(stage: Stage) -> None:
    ran: list[str] = []
    agents: list[Any] = []

    @tool
    def run() -> None:
        ran.append("ran")

    def before(asked: Any) -> None:
        if asked.call.id == "c3":
            agents[0].abort()

    agents.append(stage.agent([[call(n, "run") for n in (1, 2, 3)]], tools=[run], before_tool_call=before))
    await agents[0].prompt("Go.")
    assert ran == []


@on_all_stages
async def test_7_after_an_abort_no_call_is_without_a_result_and_no_model_is_asked(stage: Stage) -> None:
    for execution in ("parallel", "sequential"):
        gate = Gate()
        calls = [call(n, "wait") for n in (1, 2, 3)]
        agent = stage.agent([calls, "Never."], tools=[gate.tool], tool_execution=execution)
        agent.subscribe(at(ToolExecutionStart, agent.abort))
        await agent.prompt("Go.")
        gate.open()
        results = [each.tool_call_id for each in agent.messages if isinstance(each, ToolResultMessage)]
        assert results == ["c1", "c2", "c3"]
    assert len(stage.sent) == 2  # one for each agent


@on_all_stages
async def test_8_an_update_holds_what_is_new_and_no_more(stage: Stage) -> None:
    text = "x" * 1000
    agent = stage.agent([FauxReply([TextPart(text), call(1, "add", a=1, b=2)], piece=1), "Done."], tools=[add])
    await agent.prompt("Go.")
    updates = [event.event for event in stage.events if isinstance(event, MessageUpdate)]
    assert [each.text for each in updates if isinstance(each, TextDelta)][:1000] == ["x"] * 1000
    fragments = [each.fragment for each in updates if isinstance(each, ToolCallDelta)]
    assert fragments == list('{"a":1,"b":2}')


@on_all_stages
async def test_10_a_pause_goes_on_by_itself(stage: Stage) -> None:
    agent = stage.agent([FauxReply("Searching ...", stop_reason="pause"), "Found."])
    agent.follow_up("F")
    result = await agent.prompt("Go.")
    assert stage.told[3:8] == [
        "assistant Searching ... (pause)",
        "turn_end",
        "turn_start",
        "assistant Found.",
        "turn_end",
    ]
    assert stage.conversations[1] == ["user: Go.", "assistant: Searching ..."]
    assert result.reason == "done"


@on_all_stages
async def test_11_results_of_a_turn_that_failed_are_not_sent(stage: Stage) -> None:
    said = [
        UserMessage("Hi."),
        AssistantMessage([adding(1)], "error"),
        ToolResultMessage("c1", "10", "add"),
        UserMessage("Again."),
        AssistantMessage([adding(2)], "aborted"),
        ToolResultMessage("c2", "20", "add"),
    ]
    agent = stage.agent(["Yes."], messages=said, tools=[add])
    await agent.prompt("Go.")
    assert stage.conversations == [["user: Hi.", "user: Again.", "user: Go."]]
    assert agent.messages[:6] == said  # they stay in the conversation


@on_all_stages
async def test_11_a_reply_that_broke_in_its_calls_is_not_sent(stage: Stage) -> None:
    agent = stage.agent([FauxReply([adding(1)], cut_after=5), "Yes."], tools=[add])
    result = await agent.prompt("Go.")
    assert (result.reason, [line for line in stage.told if line.startswith("start")]) == ("error", [])
    await agent.prompt("Again.")
    assert stage.conversations[1] == ["user: Go.", "user: Again."]


@on_all_stages
async def test_17_a_listener_that_raised_is_not_told_of_the_failure(stage: Stage) -> None:
    told: list[str] = []
    agent = stage.agent(["Once upon a time."])

    def listener(event: Any) -> None:
        told.append(type(event).__name__)
        if isinstance(event, MessageUpdate):
            raise RuntimeError("gone")

    agent.subscribe(listener)
    with pytest.raises(RuntimeError):
        await agent.prompt("Go.")
    assert told[-1] == "MessageUpdate"
    assert told.count("MessageUpdate") == 1
    assert "AgentEnd" not in told


@on_all_stages
async def test_17_a_message_that_began_has_its_end_whatever_fails(stage: Stage) -> None:
    def gone(*_: Any) -> Any:
        raise ConnectionError("gone")

    cut = FauxReply("Half of it.", cut_after=4)
    refused = FauxReply(error=FauxError("server", "Boom."))
    settings: list[Any] = [
        {"replies": [cut]},
        {"replies": [refused]},
        {"stream_fn": gone},
        {"transform_context": gone},
        {"replies": [adding(1), cut], "tools": [add], "prepare_next_turn": gone},
    ]
    for each in settings:
        stage.events.clear()
        agent = stage.agent(**each)
        await agent.prompt("Go.")
        assert stage.told[-1].startswith("agent_end")  # `told` holds them to the grammar
        kinds = [type(event) for event in stage.events]
        assert kinds.count(MessageStart) == kinds.count(MessageEnd)
        assert kinds.count(AgentEnd) == 1


@on_all_stages
async def test_17_no_reset_in_a_run(stage: Stage) -> None:
    refused: list[BaseException] = []
    agent = stage.agent([adding(1), "Ten."], tools=[add])

    def reset() -> None:
        with pytest.raises(LocalProtocolError) as caught:
            agent.reset()
        refused.append(caught.value)

    agent.subscribe(at(ToolExecutionEnd, reset))
    await agent.prompt("Go.")
    assert (len(refused), len(agent.messages)) == (1, 4)


@on_all_stages
async def test_9687_an_intended_abort_is_no_error(stage: Stage) -> None:
    agent = stage.agent(["Once upon a time there was a king."])
    agent.subscribe(at(MessageUpdate, agent.abort))
    result = await agent.prompt("Go.")
    assert (result.reason, agent.messages[-1].stop_reason) == ("aborted", "aborted")
    assert (agent.error_message, result.error.kind) == (None, "cancelled")


@on_all_stages
async def test_7053_a_stalled_tool_does_not_cost_what_the_others_found(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([[adding(1), call(2, "wait")]], tools=[add, gate.tool], max_seconds=60)
    stage.clock.patience = PATIENCE  # time passes once the first has ended, and not before
    agent.subscribe(at(ToolExecutionEnd, lambda: setattr(stage.clock, "patience", 0.0)))
    result = await agent.prompt("Go.")
    gate.open()
    assert result.reason == "max_seconds"
    assert [line for line in stage.told if line.startswith("result")] == ["result c1 10", "result c2 error"]


@on_all_stages
async def test_5526_a_stream_that_ended_early_is_no_success(stage: Stage) -> None:
    agent = stage.agent([FauxReply("Half of it", cut_after=4)])
    result = await agent.prompt("Go.")
    assert (result.reason, result.error.kind) == ("error", "truncated")
