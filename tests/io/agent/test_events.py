"""What a run tells, in which order, and what a prompt may be (AI_AND_PI 9.1, 9.2, 9.4)."""

from __future__ import annotations

import pytest

from lash_proto.faux import FauxError, FauxReply
from lash_proto.messages import (
    AssistantMessage,
    CustomMessage,
    ImagePart,
    LlmRequest,
    ProviderOptions,
    TextPart,
    UserMessage,
)
from lash_proto.models import ModelSpec
from lash_proto.prices import Prices
from lash_proto.replies import AttemptReset
from lash_proto.turn import AgentEnd, MessageEnd, MessageUpdate, ToolExecutionStart, TurnEnd
from lash_proto.usage import LlmUsage
from tests.io.agent.stage import Stage, call, on_all_stages, spell
from tests.io.agent.tools import add, adding

PNG = b"\x89PNG\r\n\x1a\n"
PICTURE = ImagePart(PNG, "image/png")


@on_all_stages
async def test_every_event_of_a_run_with_a_tool(stage: Stage) -> None:
    agent = stage.agent([call(1, "add", a=2, b=3), "It is 5."], tools=[add])
    result = await agent.prompt("What is 2 + 3?")
    assert spell(stage.events) == [
        "agent_start",
        "turn_start",
        "message_start user",
        "message_end user",
        "message_start assistant",
        "message_update ResponseStart",
        "message_update UsageUpdate",
        "message_update ToolCallStart",
        "message_update ToolCallDelta",  # {"a":2,"b":3} is 13 characters, and 12 are a piece
        "message_update ToolCallDelta",
        "message_update ToolCallEnd",
        "message_update UsageUpdate",
        "message_end assistant",
        "start c1 add",
        "end c1 5",
        "message_start tool",
        "message_end tool",
        "turn_end c1",
        "turn_start",
        "message_start assistant",
        "message_update ResponseStart",
        "message_update UsageUpdate",
        "message_update TextStart",
        "message_update TextDelta",
        "message_update TextEnd",
        "message_update UsageUpdate",
        "message_end assistant",
        "turn_end",
        "agent_end 4",
    ]
    assert (result.reason, result.text, result.turns, result.error) == ("done", "It is 5.", 2, None)


@on_all_stages
async def test_the_same_in_shorthand(stage: Stage) -> None:
    agent = stage.agent(["Hello."])
    await agent.prompt("Hi.")
    assert stage.told == ["agent_start", "turn_start", "user Hi.", "assistant Hello.", "turn_end", "agent_end 2"]


@on_all_stages
async def test_the_arguments_of_a_start_are_the_models_own(stage: Stage) -> None:
    agent = stage.agent(
        [call(1, "add", a="2", b=3), "5."], tools=[add], before_tool_call=lambda asked: {"a": 0, "b": 0}
    )
    await agent.prompt("Add.")
    (start,) = [event for event in stage.events if isinstance(event, ToolExecutionStart)]
    assert start.arguments == {"a": "2", "b": 3}


@on_all_stages
async def test_a_prompt_of_text_and_pictures(stage: Stage) -> None:
    agent = stage.agent(["A dot."])
    result = await agent.prompt("What is it?", [PICTURE])
    assert stage.told[2] == "user What is it? [image]"
    assert result.messages[0] == UserMessage((TextPart("What is it?"), PICTURE))
    assert stage.conversations == [["user: What is it?", "user: [image]"]]


@on_all_stages
async def test_a_prompt_of_messages(stage: Stage) -> None:
    agent = stage.agent(["Yes."])
    await agent.prompt([CustomMessage("note", {"at": 3}), UserMessage("One."), UserMessage("Two.")])
    assert stage.told[:5] == ["agent_start", "turn_start", "custom note", "user One.", "user Two."]
    assert stage.told[5:] == ["assistant Yes.", "turn_end", "agent_end 4"]
    assert stage.conversations == [["user: One.", "user: Two."]]


@on_all_stages
async def test_a_prompt_of_one_message(stage: Stage) -> None:
    agent = stage.agent(["Yes."])
    await agent.prompt(UserMessage("One."))
    assert stage.told[2] == "user One."


@on_all_stages
async def test_a_prompt_that_cannot_be(stage: Stage) -> None:
    agent = stage.agent()
    for prompt, images in ((LlmRequest("Hi."), ()), ([UserMessage("Hi.")], [PICTURE])):
        with pytest.raises(TypeError):
            await agent.prompt(prompt, images)
    with pytest.raises(ValueError, match="no message to go on from"):
        await agent.prompt([])
    assert (stage.told, agent.messages, agent.is_streaming) == ([], [], False)


@on_all_stages
async def test_a_second_prompt_goes_on_with_the_conversation(stage: Stage) -> None:
    agent = stage.agent(["One.", "Two."], messages=[UserMessage("Zero?"), AssistantMessage("Zero.", "stop")])
    await agent.prompt("One?")
    result = await agent.prompt("Two?")
    assert stage.told[-1] == "agent_end 2"  # its own, not those that were there
    assert result.messages == (UserMessage("Two?"), agent.messages[-1])
    assert stage.conversations[1] == [
        "user: Zero?",
        "assistant: Zero.",
        "user: One?",
        "assistant: One.",
        "user: Two?",
    ]


@on_all_stages
async def test_a_model_call_that_fails_ends_the_run(stage: Stage) -> None:
    agent = stage.agent([FauxReply(error=FauxError("invalid_request", "No.", status=400))])
    agent.follow_up("And then?")
    result = await agent.prompt("Hi.")
    # No queue is looked into, and what waits there goes on waiting.
    assert stage.told == ["agent_start", "turn_start", "user Hi.", "assistant (error)", "turn_end", "agent_end 2"]
    assert (result.reason, result.error.kind, result.text) == ("error", "invalid_request", "")
    assert "No." in agent.error_message
    assert agent.has_queued_messages


@on_all_stages
async def test_a_model_call_that_fails_half_way_keeps_what_had_come(stage: Stage) -> None:
    agent = stage.agent([FauxReply("Half", cut_after=4)])  # the block is there, and nobody said that it is whole
    result = await agent.prompt("Hi.")
    assert stage.told[3] == "assistant Half (error)"
    assert (result.reason, result.error.kind) == ("error", "truncated")


@on_all_stages
async def test_a_request_that_cannot_be_sent_is_a_turn_that_failed(stage: Stage) -> None:
    agent = stage.agent(["Never."], reasoning="low", temperature=0.5)  # Anthropic takes one of them
    result = await agent.prompt("Hi.")
    assert stage.told[3:] == ["assistant (error)", "turn_end", "agent_end 2"]
    assert (result.error.kind, stage.sent) == ("unsupported", [])


@on_all_stages
async def test_a_retry_is_told_as_an_update(stage: Stage) -> None:
    busy = FauxReply(error=FauxError("overloaded", "Too busy.", status=529))
    agent = stage.agent([busy, "Hi."])
    result = await agent.prompt("Hi.")
    assert stage.told[3] == "assistant Hi."
    updates = [event.event for event in stage.events if isinstance(event, MessageUpdate)]
    assert isinstance(updates[0], AttemptReset)
    assert (result.reason, result.turns, len(stage.sent)) == ("done", 1, 2)


@on_all_stages
async def test_what_all_calls_have_in_common(stage: Stage) -> None:
    agent = stage.agent(
        ["Yes."],
        system_prompt="Be brief.",
        max_output_tokens=9_000,
        session_id="s-1",
        reasoning="low",
        thinking_budgets={"low": 2_000},
        options=ProviderOptions(extra_headers={"x-app": "mine"}),
    )
    await agent.prompt("Hi.")
    (sent,) = stage.sent
    assert [part["text"] for part in sent.body["system"]] == ["Be brief."]
    assert (sent.body["max_tokens"], sent.body["thinking"]["budget_tokens"]) == (9_000, 2_000)
    assert dict(sent.headers)["x-app"] == "mine"
    agent.system_prompt, agent.reasoning = "Be long.", None
    await agent.prompt("Hi.")
    assert [part["text"] for part in stage.sent[1].body["system"]] == ["Be long."]
    assert "thinking" not in stage.sent[1].body


@on_all_stages
async def test_what_a_run_used(stage: Stage) -> None:
    # Each reply of the script says 12 tokens in and 34 out.
    model = ModelSpec("m", prices=Prices(input=1_000_000.0, output=2_000_000.0))
    agent = stage.agent([adding(1), "10."], tools=[add], model=model)
    result = await agent.prompt("Add.")
    assert result.usage == LlmUsage(input_tokens=24, output_tokens=68)
    assert result.cost.total == 2 * (12 + 2 * 34)


@on_all_stages
async def test_the_events_have_what_was_said(stage: Stage) -> None:
    agent = stage.agent([adding(1), "10."], tools=[add])
    result = await agent.prompt("Add.")
    ends = [event.message for event in stage.events if isinstance(event, MessageEnd)]
    assert ends == agent.messages == list(result.messages)
    turns = [event for event in stage.events if isinstance(event, TurnEnd)]
    assert [turn.message for turn in turns] == [ends[1], ends[3]]
    assert [turn.tool_results for turn in turns] == [(ends[2],), ()]
    assert stage.events[-1] == AgentEnd(tuple(ends))
