"""What an agent shows of itself, and who listens to it (AI_AND_PI 9.4)."""

from __future__ import annotations

import logging
import re
import threading
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from lash_proto.failures import LocalProtocolError
from lash_proto.messages import AssistantMessage, TextPart, UserMessage
from lash_proto.replies import TextDelta
from lash_proto.tools import tool
from lash_proto.turn import (
    AgentEnd,
    AgentStart,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    ToolExecutionEnd,
    ToolExecutionStart,
    TurnEnd,
)
from tests.io.agent.stage import Stage, call, on_all_stages
from tests.io.agent.test_queues import NO, at
from tests.io.agent.tools import PATIENCE, Gate, add, adding, fail

request_id: ContextVar[str] = ContextVar("request_id", default="unset")


def name(event: Any) -> str:
    return type(event).__name__


@on_all_stages
async def test_whether_a_run_is_under_way(stage: Stage) -> None:
    seen: list[tuple[str, bool]] = []
    agent = stage.agent(["Yes."])
    agent.subscribe(lambda event: seen.append((name(event), agent.is_streaming)))
    assert not agent.is_streaming
    await agent.prompt("Go.")
    assert (seen[0], seen[-1]) == (("AgentStart", True), ("AgentEnd", True))  # its listeners count
    assert not agent.is_streaming


@on_all_stages
async def test_the_message_that_is_coming(stage: Stage) -> None:
    seen: list[tuple[str, str | None]] = []
    agent = stage.agent(["Once upon a time."])

    def listener(event: Any) -> None:
        message = agent.streaming_message
        text = None if message is None else "".join(part.text for part in message.content if isinstance(part, TextPart))
        if isinstance(event, MessageStart | MessageEnd | TurnEnd) or (
            isinstance(event, MessageUpdate) and isinstance(event.event, TextDelta)
        ):
            seen.append((name(event), text))
            assert message is None or (message.stop_reason, message.error) == (None, None)

    agent.subscribe(listener)
    await agent.prompt("Go.")
    assert seen == [
        ("MessageStart", None),  # the user's is whole
        ("MessageEnd", None),
        ("MessageStart", ""),
        ("MessageUpdate", "Once upon a "),
        ("MessageUpdate", "Once upon a time."),
        ("MessageEnd", None),
        ("TurnEnd", None),
    ]
    assert agent.streaming_message is None


@on_all_stages
async def test_each_listener_sees_the_state_as_of_its_event(stage: Stage) -> None:
    agent = stage.agent([call(1, "sub"), "Yes."], tools=[add])
    ends: list[bool] = []
    counts: list[int] = []

    def listener(event: Any) -> None:
        if isinstance(event, MessageEnd):
            ends.append(agent.messages[-1] == event.message)
        counts.append(len(agent.messages))

    agent.subscribe(listener)
    await agent.prompt("Go.")
    assert ends == [True, True, True, True]
    assert (counts[0], counts[-1], counts) == (0, 4, sorted(counts))


@on_all_stages
async def test_the_calls_that_are_under_way(stage: Stage) -> None:
    gate = Gate()
    seen: list[tuple[str, set[str]]] = []
    agent = stage.agent([[call(1, "wait"), adding(2)], "Yes."], tools=[gate.tool, add])
    agent.subscribe(gate.open_after("c2"))

    def listener(event: Any) -> None:
        if isinstance(event, ToolExecutionStart | ToolExecutionEnd | TurnEnd):
            seen.append((name(event), set(agent.pending_tool_calls)))

    agent.subscribe(listener)
    await agent.prompt("Go.")
    assert seen == [
        ("ToolExecutionStart", {"c1"}),
        ("ToolExecutionStart", {"c1", "c2"}),
        ("ToolExecutionEnd", {"c1"}),
        ("ToolExecutionEnd", set()),
        ("TurnEnd", set()),
        ("TurnEnd", set()),
    ]


@on_all_stages
async def test_what_went_wrong(stage: Stage) -> None:
    seen: list[tuple[str, bool]] = []
    agent = stage.agent([NO, "Yes."])

    def listener(event: Any) -> None:
        if isinstance(event, AgentStart | MessageEnd | TurnEnd | AgentEnd):
            seen.append((name(event), agent.error_message is not None))

    agent.subscribe(listener)
    await agent.prompt("Go.")
    assert "No." in agent.error_message
    await agent.prompt("Again.")
    assert agent.error_message is None
    first = [("AgentStart", False), ("MessageEnd", False), ("MessageEnd", False), ("TurnEnd", True), ("AgentEnd", True)]
    assert seen == [*first, *((each, False) for each, _ in first)]


@on_all_stages
async def test_listeners_are_told_one_after_another(stage: Stage) -> None:
    heard: list[str] = []
    agent = stage.agent(["Yes."])
    for who in "abc":
        agent.subscribe(lambda event, who=who: heard.append(f"{who} {name(event)}"))
    await agent.prompt("Go.")
    assert heard[:6] == ["a AgentStart", "b AgentStart", "c AgentStart", "a TurnStart", "b TurnStart", "c TurnStart"]


@on_all_stages
async def test_who_unsubscribes_hears_no_more(stage: Stage) -> None:
    heard: list[str] = []
    agent = stage.agent(["Yes.", "No."])

    def listener(event: Any) -> None:
        heard.append(name(event))
        if isinstance(event, MessageEnd):
            unsubscribe()

    unsubscribe = agent.subscribe(listener)
    other = agent.subscribe(lambda event: None)
    other()
    other()  # twice does no harm
    await agent.prompt("Go.")
    assert heard == ["AgentStart", "TurnStart", "MessageStart", "MessageEnd"]


@on_all_stages
async def test_the_same_listener_twice_is_told_twice(stage: Stage) -> None:
    heard: list[Any] = []
    agent = stage.agent(["Yes."])
    first = agent.subscribe(heard.append)
    agent.subscribe(heard.append)
    first()
    await agent.prompt("Go.")
    assert heard == stage.events


@on_all_stages
async def test_a_listener_that_raises_ends_the_run_and_is_heard_by_the_caller(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([[adding(1), call(2, "wait")], "Yes."], tools=[add, gate.tool])
    told: list[str] = []

    def listener(event: Any) -> None:
        told.append(name(event))
        if isinstance(event, ToolExecutionEnd):
            raise RuntimeError("the screen is gone")

    unsubscribe = agent.subscribe(listener)
    with pytest.raises(RuntimeError, match="the screen is gone"):
        await agent.prompt("Go.")
    gate.open()
    assert told[-1] == "ToolExecutionEnd"  # and nothing after
    assert (agent.is_streaming, agent.pending_tool_calls, agent.streaming_message) == (False, frozenset(), None)
    # The conversation is whole: each call has its result.
    assert [type(message).role for message in agent.messages] == ["user", "assistant", "tool", "tool"]
    unsubscribe()
    assert (await agent.prompt("And now?")).text == "Yes."


@on_all_stages
async def test_a_listener_that_raises_while_the_model_speaks(stage: Stage) -> None:
    agent = stage.agent(["Once upon a time.", "Yes."])

    def fall() -> None:
        raise RuntimeError("gone")

    agent.subscribe(at(MessageUpdate, fall))
    with pytest.raises(RuntimeError, match="gone"):
        await agent.prompt("Go.")
    assert [type(message).role for message in agent.messages] == ["user", "assistant"]
    assert agent.messages[-1].stop_reason == "aborted"
    assert (await agent.continue_run()).text == "Yes."


@on_all_stages
async def test_a_listener_that_raises_at_the_very_end(stage: Stage) -> None:
    agent = stage.agent(["Yes."])

    def fall() -> None:
        raise RuntimeError("gone")

    agent.subscribe(at(AgentEnd, fall))
    with pytest.raises(RuntimeError, match="gone"):
        await agent.prompt("Go.")
    assert (len(agent.messages), agent.is_streaming) == (2, False)


@on_all_stages
async def test_one_run_at_a_time(stage: Stage) -> None:
    agents: list[Any] = []
    refused: list[str] = []

    @tool
    def nest() -> str:
        agent = agents[0]
        for begin in (lambda: agent.reset(), lambda: setattr(agent, "messages", [])):
            try:
                begin()
            except LocalProtocolError as error:
                refused.append(str(error))
        return "refused"

    agents.append(stage.agent([call(1, "nest"), "Yes."], tools=[nest]))

    async def again() -> None:
        for begin in (agents[0].prompt, agents[0].resume):
            with pytest.raises(LocalProtocolError, match="a run is under way"):
                await begin({})
        with pytest.raises(LocalProtocolError, match="a run is under way"):
            await agents[0].continue_run()
        refused.append("in between")

    stage.between(agents[0], ToolExecutionStart, again)
    result = await agents[0].prompt("Go.")
    assert (len(refused), refused[0], result.reason) == (3, "in between", "done")


@on_all_stages
async def test_a_reset_forgets_and_the_settings_stay(stage: Stage) -> None:
    agent = stage.agent([NO, "Yes."], system_prompt="Be brief.", tools=[add])
    agent.follow_up("F")
    await agent.prompt("Go.")
    agent.reset()
    assert (agent.messages, agent.error_message, agent.has_queued_messages) == ([], None, False)
    assert (agent.system_prompt, len(agent.tools), agent.model) == ("Be brief.", 1, "m")
    await agent.prompt("Anew.")
    assert stage.conversations[1] == ["user: Anew."]


@on_all_stages
async def test_waiting_for_an_agent_that_does_nothing(stage: Stage) -> None:
    agent = stage.agent(["Yes."])
    await agent.wait_for_idle()
    await agent.prompt("Go.")
    await agent.wait_for_idle()


@on_all_stages
async def test_waiting_for_the_end_of_a_run(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([call(1, "wait"), "Yes."], tools=[gate.tool])
    seen: list[Any] = []
    if stage.is_blocking:

        def wait_in_a_thread() -> None:
            gate.reached.wait(PATIENCE)
            assert not agent.real.wait_for_idle(timeout=0)
            gate.open()
            seen.append(agent.real.wait_for_idle(timeout=PATIENCE))

        waiter = threading.Thread(target=wait_in_a_thread)
        waiter.start()
        await agent.prompt("Go.")
        waiter.join()
        assert seen == [True]
        return

    async def wait() -> None:
        await anyio.to_thread.run_sync(gate.reached.wait, PATIENCE)
        assert not await agent.wait_for_idle(timeout=0)
        gate.open()
        seen.append(await agent.wait_for_idle(timeout=PATIENCE))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await agent.prompt("Go.")
    assert seen == [True]


@on_all_stages
async def test_settings_hold_from_the_next_run(stage: Stage) -> None:
    agent = stage.agent([adding(1), "Yes.", "No."], tools=[add])

    def change() -> None:
        agent.model, agent.system_prompt = "n", "Be brief."

    agent.subscribe(at(ToolExecutionEnd, change))
    await agent.prompt("Go.")
    await agent.prompt("Again.")
    assert [sent.body["model"] for sent in stage.sent] == ["m", "m", "n"]
    assert ["system" in sent.body for sent in stage.sent] == [False, False, True]


@on_all_stages
async def test_a_conversation_that_is_set(stage: Stage) -> None:
    agent = stage.agent(["Yes."])
    said = [UserMessage("A"), AssistantMessage("B", "stop")]
    agent.messages = said
    agent.messages.append(UserMessage("C"))
    assert len(said) == 2  # the list is the agent's own
    await agent.continue_run()
    assert stage.conversations == [["user: A", "assistant: B", "user: C"]]


@on_all_stages
async def test_settings_that_there_are_not(stage: Stage) -> None:
    with pytest.raises(TypeError, match="tool_execution"):
        stage.agent(tool_executoin="sequential")
    settings: list[Any] = [{"tool_execution": "serial"}, {"tools": [add, add]}]
    for wrong in settings:
        with pytest.raises(ValueError, match=r"tool_execution|two tools"):
            stage.agent(**wrong)
    with pytest.raises(TypeError):
        stage.agent(tools=[17])


@on_all_stages
async def test_a_request_that_no_call_can_be_made_of_raises_and_the_agent_lives_on(stage: Stage) -> None:
    agent = stage.agent(["Yes."], extra_headers={"x-a": "b\n"})
    with pytest.raises(LocalProtocolError, match="'x-a' holds a line break"):
        await agent.prompt("Go.")
    assert not agent.is_streaming
    assert [message.role for message in agent.messages] == ["user", "assistant"]
    agent.reset()
    assert agent.messages == []


@on_all_stages
async def test_knobs_of_a_call_are_the_agents_too(stage: Stage) -> None:
    heads: list[int] = []
    agent = stage.agent(
        ["Yes."],
        extra_headers={"x-team": "red"},
        extra_body={"top_k": 3},
        on_payload=lambda body, model: {**body, "metadata": {"user_id": "u"}},
        on_response=lambda head, model: heads.append(head.status),
    )
    await agent.prompt("Go.")
    (sent,) = stage.sent
    assert dict(sent.headers)["x-team"] == "red"
    assert (sent.body["top_k"], sent.body["metadata"]) == (3, {"user_id": "u"})
    assert heads == [200]


@on_all_stages
async def test_a_budget_can_be_set_and_what_is_none_is_refused(stage: Stage) -> None:
    agent = stage.agent([[adding(1)], [adding(2)], "Done."], tools=[add])
    agent.max_turns = 1
    assert (await agent.prompt("Go.")).reason == "max_turns"
    with pytest.raises(ValueError, match="max_turns is a number above 0"):
        stage.agent([], max_turns="3")
    with pytest.raises(TypeError, match="the hook before_tool_call is to be a function, and not 3"):
        stage.agent([], before_tool_call=3)


@on_all_stages
async def test_tools_and_hooks_run_in_the_context_of_their_caller(stage: Stage) -> None:
    request_id.set("r-7")
    seen: list[str] = []

    @tool
    def look() -> str:
        seen.append(request_id.get())
        return "seen"

    agent = stage.agent([[call(1, "look")], "Done."], tools=[look], after_tool_call=lambda asked: None)
    await agent.prompt("Go.")
    assert seen == ["r-7"]


@on_all_stages
async def test_where_a_tool_or_hook_raised_is_logged_and_not_its_words(stage: Stage) -> None:
    def broken(asked: Any) -> None:
        raise KeyError("secret")

    logger, records = logging.getLogger("lash_io.flights"), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        agent = stage.agent([[call(1, "fail", why="secret")], "Done."], tools=[fail], after_tool_call=broken)
        await agent.prompt("Go.")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert [re.sub(r"at .*[/\\\\]", "at ", record) for record in records] == [
        f"a tool raised ValueError at tools.py:{fail.execute.__code__.co_firstlineno + 3}",
        f"the hook after_tool_call raised KeyError at test_state.py:{broken.__code__.co_firstlineno + 1}",
    ]
