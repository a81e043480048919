"""What a run asks its program, and what the answers do (AI_AND_PI 9.2, 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lash_proto.faux import FauxError, FauxReply
from lash_proto.messages import AssistantMessage, CustomMessage, ToolResultMessage, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.tools import ToolResult, tool
from lash_proto.turn import AfterToolCall, BeforeToolCall, Block, NextTurn, TurnContext
from lash_proto.usage import LlmUsage
from tests.io.agent.stage import Stage, call, on_all_stages
from tests.io.agent.tools import add, adding, fail

# --- before and after a tool ---------------------------------------------------------------------------------------


@on_all_stages
async def test_a_call_that_is_blocked(stage: Stage) -> None:
    def before(asked: BeforeToolCall) -> Block | None:
        return Block("Not twenty.") if asked.call.id == "c2" else Block() if asked.call.id == "c3" else None

    calls = [adding(1), adding(2), adding(3)]
    agent = stage.agent([calls, "Done."], tools=[add], before_tool_call=before)
    await agent.prompt("Go.")
    assert stage.told[4:14] == [
        "start c1 add",
        "start c2 add",
        "end c2 error",
        "start c3 add",
        "end c3 error",
        "end c1 10",  # no tool runs before the last of them is looked at
        "result c1 10",
        "result c2 error",
        "result c3 error",
        "turn_end c1 c2 c3",
    ]
    assert stage.result_of("c2") == "Not twenty."
    assert stage.result_of("c3") == "The program did not let this call be run."


@on_all_stages
async def test_a_block_may_end_the_run(stage: Stage) -> None:
    agent = stage.agent([adding(1)], tools=[add], before_tool_call=lambda asked: Block("No.", terminate=True))
    result = await agent.prompt("Go.")
    assert stage.told[-3:] == ["result c1 error", "turn_end c1", "agent_end 3"]
    assert result.reason == "terminated"


@on_all_stages
async def test_what_is_asked_before_a_call(stage: Stage) -> None:
    asked: list[BeforeToolCall] = []
    agent = stage.agent([call(1, "add", a="2", b=3), "Done."], tools=[add], before_tool_call=asked.append)
    await agent.prompt("Go.")
    (one,) = asked
    assert one.arguments == {"a": 2, "b": 3}  # as checked
    assert (one.call.id, one.message) == ("c1", agent.messages[1])
    assert one.messages == (UserMessage("Go."),)


@on_all_stages
async def test_other_arguments_are_not_checked_again(stage: Stage) -> None:
    @tool
    def say(word: str) -> str:
        return f"{word!r}"

    agent = stage.agent(
        [call(1, "say", word="no"), "Done."], tools=[say], before_tool_call=lambda asked: {"word": "yes"}
    )
    await agent.prompt("Go.")
    assert stage.result_of("c1") == "'yes'"
    seen: list[Any] = []

    def echo(**given: Any) -> str:
        seen.append(given)
        return "ok"

    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    agent = stage.agent(
        [call(2, "echo", word="x"), "Done."],
        tools=[tool(echo, parameters=schema)],
        before_tool_call=lambda asked: {"other": 1},
    )
    await agent.prompt("Go.")
    assert (seen, stage.result_of("c2")) == ([{"other": 1}], "ok")


@on_all_stages
async def test_a_hook_that_raises_before_a_call(stage: Stage) -> None:
    def before(asked: BeforeToolCall) -> None:
        raise RuntimeError("no rules found")

    agent = stage.agent([adding(1), "I see."], tools=[add], before_tool_call=before)
    result = await agent.prompt("Go.")
    assert stage.told[4:6] == ["start c1 add", "end c1 error"]
    assert "no rules found" in stage.result_of("c1")
    assert result.reason == "done"


@on_all_stages
async def test_an_answer_that_is_none_before_a_call(stage: Stage) -> None:
    agent = stage.agent([adding(1), "I see."], tools=[add], before_tool_call=lambda asked: 17)
    await agent.prompt("Go.")
    assert stage.result_of("c1") == "the program failed at this call: before_tool_call gave a int"


@on_all_stages
async def test_another_result_in_the_place_of_a_tools(stage: Stage) -> None:
    def after(asked: AfterToolCall) -> ToolResult | None:
        return ToolResult("many", details=asked.result.text, terminate=True) if asked.call.id == "c1" else None

    agent = stage.agent([adding(1)], tools=[add], after_tool_call=after)
    result = await agent.prompt("Go.")
    assert stage.told[4:] == ["start c1 add", "end c1 many", "result c1 many", "turn_end c1", "agent_end 3"]
    assert result.reason == "terminated"


@on_all_stages
async def test_an_error_is_shown_afterwards_too(stage: Stage) -> None:
    seen: list[bool] = []

    def after(asked: AfterToolCall) -> ToolResult:
        seen.append(asked.result.is_error)
        return ToolResult("never mind")

    agent = stage.agent([call(1, "fail", why="x"), "Done."], tools=[fail], after_tool_call=after)
    await agent.prompt("Go.")
    assert (seen, stage.result_of("c1")) == ([True], "never mind")


@on_all_stages
async def test_a_hook_that_raises_after_a_call(stage: Stage) -> None:
    def after(asked: AfterToolCall) -> None:
        raise RuntimeError("cannot look")

    agent = stage.agent([adding(1), "I see."], tools=[add], after_tool_call=after)
    await agent.prompt("Go.")
    assert "end c1 error" in stage.told
    assert "cannot look" in stage.result_of("c1")


@on_all_stages
async def test_what_was_not_run_is_not_shown_afterwards(stage: Stage) -> None:
    seen: list[str] = []
    cut = FauxReply([adding(5)], stop_reason="length")
    agent = stage.agent(
        [[call(1, "sub"), call(2, "add"), adding(3), adding(4)], cut, "Done."],
        tools=[add],
        before_tool_call=lambda asked: Block() if asked.call.id == "c3" else None,
        after_tool_call=lambda asked: seen.append(asked.call.id),
    )
    await agent.prompt("Go.")
    assert seen == ["c4"]


# --- what the model is told ----------------------------------------------------------------------------------------


@on_all_stages
async def test_the_conversation_as_the_program_wants_it_told(stage: Stage) -> None:
    agent = stage.agent(
        [adding(1), "10."],
        tools=[add],
        messages=[UserMessage("Long ago."), AssistantMessage("Yes.", "stop")],
        transform_context=lambda messages: messages[2:],
    )
    await agent.prompt("Go.")
    assert stage.conversations == [["user: Go."], ["user: Go.", "assistant: add/c1", "user: c1 = 10"]]
    assert len(agent.messages) == 6  # what was said stays as it is


@on_all_stages
async def test_the_apps_own_entries_as_the_program_wants_them_sent(stage: Stage) -> None:
    def convert(messages: Any) -> Any:
        return [UserMessage(f"Note: {each.data}") if isinstance(each, CustomMessage) else each for each in messages]

    agent = stage.agent(["Yes."], convert_to_llm=convert)
    await agent.prompt([CustomMessage("note", "it rains"), UserMessage("Shall I go?")])
    assert stage.conversations == [["user: Note: it rains", "user: Shall I go?"]]


@on_all_stages
async def test_both_one_after_the_other(stage: Stage) -> None:
    agent = stage.agent(
        ["Yes."],
        messages=[UserMessage("Long ago."), AssistantMessage("Yes.", "stop")],
        transform_context=lambda messages: messages[2:],
        convert_to_llm=lambda messages: [*messages, UserMessage(f"({len(messages)})")],
    )
    await agent.prompt("Go.")
    assert stage.conversations == [["user: Go.", "user: (1)"]]


@on_all_stages
async def test_a_transform_that_leaves_nothing_is_no_transform_undone(stage: Stage) -> None:
    seen: list[Any] = []

    def convert(messages: Any) -> Any:
        seen.append(messages)
        return [UserMessage("Start anew.")]

    agent = stage.agent(["Yes."], transform_context=lambda messages: [], convert_to_llm=convert)
    await agent.prompt("Go.")
    assert (seen, stage.conversations) == ([()], [["user: Start anew."]])


@on_all_stages
async def test_a_hook_that_leaves_all_as_it_is(stage: Stage) -> None:
    agent = stage.agent(["Yes."], transform_context=lambda messages: None, convert_to_llm=lambda messages: None)
    await agent.prompt("Go.")
    assert stage.conversations == [["user: Go."]]


@on_all_stages
async def test_a_transform_that_raises_ends_the_run(stage: Stage) -> None:
    def transform(messages: Any) -> None:
        raise RuntimeError("out of memory")

    agent = stage.agent(["Never."], transform_context=transform)
    result = await agent.prompt("Go.")
    assert stage.told == ["agent_start", "turn_start", "user Go.", "assistant (error)", "turn_end", "agent_end 2"]
    assert result.error.message == "transform_context failed: RuntimeError: out of memory"
    assert (agent.error_message, stage.sent) == (result.error.message, [])


@on_all_stages
async def test_a_transform_may_be_a_generator_which_may_raise(stage: Stage) -> None:
    def transform(messages: Any) -> Iterator[Any]:
        yield from messages
        if len(messages) > 1:
            raise RuntimeError("out of memory")

    agent = stage.agent([adding(1), "Never."], tools=[add], transform_context=transform)
    result = await agent.prompt("Go.")
    assert stage.conversations == [["user: Go."]]
    assert result.error.message == "transform_context failed: out of memory"
    assert stage.told[-4:] == ["turn_start", "assistant (error)", "turn_end", "agent_end 4"]


@on_all_stages
async def test_an_answer_that_is_no_conversation_ends_the_run(stage: Stage) -> None:
    for answer in ("text", 17, ["text"]):
        agent = stage.agent(["Never."], convert_to_llm=lambda messages, answer=answer: answer)
        result = await agent.prompt("Go.")
        assert (result.reason, stage.sent) == ("error", [])
        assert result.error.message.startswith("convert_to_llm gave a ")


# --- between turns -------------------------------------------------------------------------------------------------


@on_all_stages
async def test_what_the_next_turn_is_made_with(stage: Stage) -> None:
    other = stage.handle()

    def prepare(context: TurnContext) -> NextTurn | None:
        if [result.tool_call_id for result in context.tool_results] != ["c1"]:
            return None
        return NextTurn(
            provider=other,
            model="n",
            system="Be brief.",
            reasoning=2_000,
            tools=[],
            messages=[UserMessage("Anew.")],
            add=[UserMessage("And?")],
        )

    agent = stage.agent([adding(1), "20."], tools=[add], prepare_next_turn=prepare)
    result = await agent.prompt("Go.")
    assert stage.told[7:] == ["turn_end c1", "turn_start", "user And?", "assistant 20.", "turn_end", "agent_end 5"]
    first, second = (each.body for each in stage.sent)
    assert (first["model"], second["model"]) == ("m", "n")
    assert ("tools" in first, "tools" in second) == (True, False)
    assert [part["text"] for part in second["system"]] == ["Be brief."]
    assert second["thinking"]["budget_tokens"] == 2_000
    assert stage.conversations[1] == ["user: Anew.", "user: And?"]
    # It was asked of this run: the agent's own settings stay.
    assert (agent.model, agent.system_prompt, len(agent.tools)) == ("m", None, 1)
    assert [type(message) for message in agent.messages] == [UserMessage, UserMessage, AssistantMessage]
    assert len(result.messages) == 5


@on_all_stages
async def test_the_next_turn_is_asked_of_only_where_there_is_one(stage: Stage) -> None:
    asked: list[TurnContext] = []
    agent = stage.agent([adding(1), "10."], tools=[add], prepare_next_turn=asked.append)
    await agent.prompt("Go.")
    (context,) = asked
    assert context.message == agent.messages[1]
    assert context.tool_results == (ToolResultMessage("c1", "10", "add"),)
    assert context.messages == context.new_messages == tuple(agent.messages[:3])


@on_all_stages
async def test_a_next_turn_that_cannot_be_ends_the_run(stage: Stage) -> None:
    wrong: list[Any] = [{"messages": "text"}, {"model": 17}, {"provider": "faux", "model": "n"}, {"tools": [add, add]}]
    wrong += [{"tools": [17]}, {"provider": stage.handle()}]
    for answer in ("n", *(NextTurn(**each) for each in wrong)):
        agent = stage.agent([adding(1)], tools=[add], prepare_next_turn=lambda context, answer=answer: answer)
        result = await agent.prompt("Go.")
        assert (result.reason, stage.told[-2:]) == ("error", ["turn_end c1", "agent_end 3"])
        assert "prepare_next_turn gave" in result.error.message


@on_all_stages
async def test_the_program_stops_the_run_after_a_turn(stage: Stage) -> None:
    agent = stage.agent([adding(1)], tools=[add], should_stop_after_turn=lambda context: bool(context.tool_results))
    agent.steer("Wait!")
    agent.steer("And wait again!")  # not taken: that was one at a time
    result = await agent.prompt("Go.")
    assert stage.told[-2:] == ["turn_end c1", "agent_end 4"]
    assert (result.reason, agent.has_queued_messages) == ("stopped", True)


@on_all_stages
async def test_a_stop_hook_that_raises_ends_the_run(stage: Stage) -> None:
    def stop(context: TurnContext) -> bool:
        raise KeyError("limit")

    agent = stage.agent([adding(1)], tools=[add], should_stop_after_turn=stop)
    result = await agent.prompt("Go.")
    assert stage.told[-2:] == ["turn_end c1", "agent_end 3"]
    assert result.error.message == "should_stop_after_turn failed: KeyError: 'limit'"
    assert agent.error_message == result.error.message


# --- too long ------------------------------------------------------------------------------------------------------

TOO_LONG = FauxReply(error=FauxError("context_overflow", "prompt is too long: 9 tokens > 8 maximum", status=400))


@on_all_stages
async def test_a_conversation_that_is_too_long_is_made_shorter(stage: Stage) -> None:
    def shorten(context: TurnContext) -> Any:
        return [message for message in context.messages if not isinstance(message, AssistantMessage)][-1:]

    agent = stage.agent(
        [TOO_LONG, "Now it fits."],
        messages=[UserMessage("A" * 9), AssistantMessage("B", "stop")],
        on_context_overflow=shorten,
    )
    result = await agent.prompt("Go.")
    assert stage.told == [
        "agent_start",
        "turn_start",
        "user Go.",
        "assistant (error)",
        "turn_end",
        "turn_start",
        "assistant Now it fits.",
        "turn_end",
        "agent_end 3",
    ]
    assert stage.conversations[1] == ["user: Go."]
    assert agent.messages == [UserMessage("Go."), result.message]
    assert (result.reason, result.error, agent.error_message) == ("done", None, None)


@on_all_stages
async def test_a_conversation_that_stays_too_long_ends_the_run(stage: Stage) -> None:
    agent = stage.agent([TOO_LONG], on_context_overflow=lambda context: None)
    result = await agent.prompt("Go.")
    assert stage.told[3:] == ["assistant (error)", "turn_end", "agent_end 2"]
    assert (result.reason, result.error.kind) == ("error", "context_overflow")


@on_all_stages
async def test_an_answer_that_ended_before_it_began_is_too_long_as_well(stage: Stage) -> None:
    asked: list[Any] = []

    def shorten(context: TurnContext) -> Any:
        asked.append(context.message.stop_reason)
        return [UserMessage("Go.")]

    full = FauxReply((), stop_reason="length", usage=LlmUsage(input_tokens=100, output_tokens=0))
    agent = stage.agent([full, "Yes."], model=ModelSpec("m", context_window=100), on_context_overflow=shorten)
    result = await agent.prompt("Go.")
    assert (asked, result.text) == (["length"], "Yes.")
