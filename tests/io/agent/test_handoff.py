"""Other models and providers between turns, and what that loses (issue 6; AI_AND_PI 12.2.1)."""

from __future__ import annotations

from typing import Any

from lash_proto.codecs.anthropic_messages import AnthropicOptions
from lash_proto.faux import FauxReply
from lash_proto.messages import AssistantMessage, Origin, ReasoningPart, TextPart, UserMessage
from lash_proto.turn import NextTurn, TurnEnd
from tests.io.agent.stage import Stage, on_all_stages
from tests.io.agent.tools import add, adding

ELSEWHERE = Origin("anthropic", "anthropic-messages", "claude-opus-5")
THOUGHT = [
    UserMessage("Hi."),
    AssistantMessage([ReasoningPart("I wonder.", origin=ELSEWHERE), TextPart("Hello.", origin=ELSEWHERE)], "stop"),
]


def notes(stage: Stage) -> list[tuple[str, ...]]:
    return [event.notes for event in stage.events if isinstance(event, TurnEnd)]


@on_all_stages
async def test_what_another_model_thought_is_left_out_and_reported_once(stage: Stage) -> None:
    agent = stage.agent([adding(1), "Yes."], messages=THOUGHT, tools=[add])
    await agent.prompt("Go.")
    assert stage.conversations[0] == ["user: Hi.", "assistant: Hello.", "user: Go."]
    first, second = notes(stage)
    assert [note.startswith("message 1: no reasoning") for note in first] == [True]
    assert second == ()


@on_all_stages
async def test_a_model_that_changes_between_turns(stage: Stage) -> None:
    reply = FauxReply([ReasoningPart("I wonder."), adding(1)])
    agent = stage.agent([reply, "Yes."], tools=[add], prepare_next_turn=lambda context: NextTurn(model="n"))
    await agent.prompt("Go.")
    assert [sent.body["model"] for sent in stage.sent] == ["m", "n"]
    assert stage.conversations[1] == ["user: Go.", "assistant: add/c1", "user: c1 = 10"]
    first, second = notes(stage)
    assert first == ()
    assert [note.startswith("message 1: no reasoning") for note in second] == [True]


@on_all_stages
async def test_a_model_that_stays_gets_its_own_thoughts_back(stage: Stage) -> None:
    reply = FauxReply([ReasoningPart("I wonder."), adding(1)])
    agent = stage.agent([reply, "Yes."], tools=[add])
    await agent.prompt("Go.")
    assert stage.conversations[1] == ["user: Go.", "assistant: [thinking]", "assistant: add/c1", "user: c1 = 10"]
    assert notes(stage) == [(), ()]


@on_all_stages
async def test_an_agent_whose_model_is_set_to_another(stage: Stage) -> None:
    agent = stage.agent([FauxReply([ReasoningPart("I wonder."), TextPart("Yes.")]), "No."])
    await agent.prompt("Go.")
    agent.model = "n"
    await agent.prompt("Again.")
    assert stage.conversations[1] == ["user: Go.", "assistant: Yes.", "user: Again."]
    assert [len(each) for each in notes(stage)] == [0, 1]


@on_all_stages
async def test_a_provider_of_another_dialect(stage: Stage) -> None:
    other = stage.handle(api="openai-completions")
    change: Any = lambda context: NextTurn(provider=other, model="n")  # noqa: E731
    agent = stage.agent([adding(1), "Yes."], tools=[add], prepare_next_turn=change)
    result = await agent.prompt("Go.")
    assert [sent.api for sent in stage.sent] == ["anthropic-messages", "openai-completions"]
    body: Any = stage.sent[1].body
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]
    assert result.text == "Yes."


@on_all_stages
async def test_an_option_that_the_next_dialect_does_not_know_is_left_out_and_reported(stage: Stage) -> None:
    other = stage.handle(api="openai-completions")
    options = AnthropicOptions(betas=("b-1",), expose_thinking=True)
    change: Any = lambda context: NextTurn(provider=other, model="n")  # noqa: E731
    agent = stage.agent([adding(1), "Yes."], tools=[add], prepare_next_turn=change, options=options)
    await agent.prompt("Go.")
    assert stage.told[-2:] == ["turn_end", "agent_end 4"]
    assert notes(stage)[1][0] == "betas: not for faux"


@on_all_stages
async def test_another_provider_for_a_turn_is_not_the_agents_from_then_on(stage: Stage) -> None:
    own, other = stage.handle(), stage.handle()
    change: Any = lambda context: NextTurn(provider=other, model="n")  # noqa: E731
    agent = stage.agent([adding(1), "Yes.", "No."], tools=[add], prepare_next_turn=change)
    agent.provider = own
    await agent.prompt("Go.")
    assert agent.provider is own
    await agent.prompt("Again.")
    assert [sent.body["model"] for sent in stage.sent] == ["m", "n", "m"]
