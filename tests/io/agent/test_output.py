"""A last answer in the form that was asked for (issue 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lash_proto.faux import FauxReply
from tests.io.agent.stage import Stage, on_all_stages
from tests.io.agent.tools import add, adding


@dataclass
class Sum:
    total: int


@on_all_stages
async def test_an_answer_in_the_form(stage: Stage) -> None:
    agent = stage.agent([adding(1), '{"total": 10}'], tools=[add], output=Sum)
    result = await agent.prompt("Go.")
    assert (result.output, result.reason) == (Sum(10), "done")
    assert stage.told[-1] == "agent_end 4"


@on_all_stages
async def test_by_a_schema(stage: Stage) -> None:
    schema = {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]}
    agent = stage.agent(['{"total": 10}'], output=schema)
    assert (await agent.prompt("Go.")).output == {"total": 10}


@on_all_stages
async def test_an_answer_that_is_not_is_mended(stage: Stage) -> None:
    agent = stage.agent(["Ten.", '{"total": "ten"}', '{"total": 10}'], output=Sum)
    result = await agent.prompt("Go.")
    users = [line for line in stage.told if line.startswith("user")]
    assert len(users) == 3
    assert all("That answer is not in the form asked for" in line for line in users[1:])
    assert (result.output, result.turns, stage.told[-1]) == (Sum(10), 3, "agent_end 6")


@on_all_stages
async def test_an_answer_that_is_not_mended_in_the_end(stage: Stage) -> None:
    agent = stage.agent(["Ten.", "Ten!", "TEN!", "Never."], output=Sum)
    result = await agent.prompt("Go.")
    assert (result.output, result.reason, result.turns) == (None, "error", 3)
    assert result.error is not None
    assert agent.error_message == result.error.message


@on_all_stages
async def test_a_mending_that_there_is_no_turn_for_is_not_said_later(stage: Stage) -> None:
    agent = stage.agent(["Ten.", '{"total": 10}'], output=Sum, max_turns=1)
    result = await agent.prompt("Go.")
    assert (result.reason, result.output, agent.has_queued_messages) == ("max_turns", None, False)
    agent.follow_up("F")
    assert (await agent.prompt("Again.")).reason == "max_turns"
    assert [line for line in stage.told if line.startswith("user")] == ["user Go.", "user Again."]


@on_all_stages
async def test_a_refusal_is_not_mended(stage: Stage) -> None:
    agent = stage.agent([FauxReply("I will not.", stop_reason="refusal"), "Never."], output=Sum)
    result: Any = await agent.prompt("Go.")
    assert (result.turns, result.output) == (1, None)
