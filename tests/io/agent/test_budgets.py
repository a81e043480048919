"""What a run may use up (issue 6). Each reply of the script says 12 tokens in and 34 out."""

from __future__ import annotations

import pytest

from lash_proto.faux import FauxReply
from lash_proto.models import ModelSpec
from lash_proto.prices import Prices
from lash_proto.tools import tool
from tests.io.agent.stage import Stage, call, on_all_stages
from tests.io.agent.tools import Gate, add, adding

PRICED = ModelSpec("m", prices=Prices(input=0.0, output=1_000_000.0))  # 34 for each reply


@on_all_stages
async def test_turns(stage: Stage) -> None:
    agent = stage.agent([adding(1), adding(2), "Never."], tools=[add], max_turns=2)
    agent.follow_up("F")
    result = await agent.prompt("Go.")
    assert stage.told[-3:] == ["result c2 20", "turn_end c2", "agent_end 5"]
    assert (result.reason, result.turns, result.error) == ("max_turns", 2, None)
    assert (agent.error_message, agent.has_queued_messages) == (None, True)


@on_all_stages
async def test_a_run_that_is_done_has_used_up_nothing(stage: Stage) -> None:
    agent = stage.agent(["Yes."], max_turns=1, max_tokens=1)
    assert (await agent.prompt("Go.")).reason == "done"


@on_all_stages
async def test_a_model_that_goes_in_circles_is_stopped(stage: Stage) -> None:
    agent = stage.agent([adding(1)] * 101, tools=[add])
    result = await agent.prompt("Go.")
    assert (result.reason, result.turns) == ("max_turns", 100)


@on_all_stages
async def test_tokens(stage: Stage) -> None:
    agent = stage.agent([adding(1), adding(2), "Never."], tools=[add], max_tokens=92)  # 46 a turn
    result = await agent.prompt("Go.")
    assert (result.reason, result.turns) == ("max_tokens", 2)


@on_all_stages
async def test_cost(stage: Stage) -> None:
    agent = stage.agent([adding(1), adding(2), "Never."], tools=[add], model=PRICED, max_cost=50.0)
    result = await agent.prompt("Go.")
    assert (result.reason, result.turns, result.cost.total) == ("max_cost", 2, 68.0)


@on_all_stages
async def test_cost_needs_prices(stage: Stage) -> None:
    agent = stage.agent(["Never."], max_cost=1.0)
    with pytest.raises(ValueError, match="max_cost needs the model's prices"):
        await agent.prompt("Go.")
    assert not agent.is_streaming


@on_all_stages
async def test_time_ends_a_run_in_a_tool(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([call(1, "wait")], tools=[gate.tool], max_seconds=60)
    began = stage.clock.now()
    result = await agent.prompt("Go.")
    gate.open()
    assert stage.told[4:] == ["start c1 wait", "end c1 error", "result c1 error", "turn_end c1", "agent_end 3"]
    assert (result.reason, result.error.kind, stage.clock.now() - began) == ("max_seconds", "timeout", 60)
    assert agent.error_message == "the run took longer than its max_seconds (60)"


@on_all_stages
async def test_time_ends_a_run_while_the_model_speaks(stage: Stage) -> None:
    # "Once upon a time" is 4 tokens; at one a second, with 2 seconds to go, half of it comes.
    handle = stage.handle([FauxReply("Once upon a time", piece=4)], tokens_per_second=1.0)
    agent = stage.agent(handle, max_seconds=2.5)
    result = await agent.prompt("Go.")
    assert stage.told[3:] == ["assistant Once upo (aborted)", "turn_end", "agent_end 2"]
    assert (result.reason, result.text) == ("max_seconds", "Once upo")


@on_all_stages
async def test_time_between_turns(stage: Stage) -> None:
    @tool
    def sleep() -> str:
        stage.clock.time += 100
        return "slept"

    stage.clock.patience = 10.0
    agent = stage.agent([call(1, "sleep"), "Never."], tools=[sleep], max_seconds=60)
    result = await agent.prompt("Go.")
    assert (result.reason, len(stage.sent), stage.told[-1][:9]) == ("max_seconds", 1, "agent_end")
