"""What came of a run, and what it may use up."""

from __future__ import annotations

import pytest

from lash_proto.errors import OutputError
from lash_proto.messages import AssistantMessage, UserMessage
from lash_proto.prices import Cost
from lash_proto.turn import AgentResult, Budget
from lash_proto.turn.results import add_cost, add_usage, output_in, response_of
from lash_proto.usage import LlmUsage

ONE = LlmUsage(1, 2, 3, 4, 5, 6, 7)
SAID = AssistantMessage('{"n": 1}', "length", LlmUsage(1), model="m")


@pytest.mark.parametrize(
    ("budget", "spent"),
    [
        (Budget(), None),
        (Budget(max_turns=None), None),
        (Budget(max_turns=2), "max_turns"),
        (Budget(max_turns=3, max_tokens=10), "max_tokens"),
        (Budget(max_tokens=11), None),
        (Budget(max_cost=0.5), "max_cost"),
        (Budget(max_cost=0.6), None),
    ],
)
def test_what_is_used_up(budget: Budget, spent: str | None) -> None:
    assert budget.spent(2, LlmUsage(1, 2, 3, 4), Cost(0.5)) == spent


def test_what_nobody_counted_is_not_used_up() -> None:
    assert Budget(max_tokens=1, max_cost=0.1).spent(1, None, None) is None
    assert Budget().max_turns == 100


def test_the_last_word_of_a_run() -> None:
    assert AgentResult("done").message is None
    assert AgentResult("done").text == ""
    result = AgentResult("done", (SAID, AssistantMessage("b"), UserMessage("c")))
    assert (result.message, result.text) == (AssistantMessage("b"), "b")


def test_a_message_as_a_response_and_what_it_answers() -> None:
    response = response_of(SAID)
    assert (response.text, response.stop_reason, response.usage, response.model) == (
        '{"n": 1}',
        "length",
        ONE_TOKEN,
        "m",
    )
    assert response_of(AssistantMessage("x")).stop_reason == "stop"
    assert output_in(None, dict[str, int]) is None
    assert output_in(AssistantMessage('{"n": 1}', "stop"), dict[str, int]) == {"n": 1}
    with pytest.raises(OutputError):
        output_in(AssistantMessage("words", "stop"), dict[str, int])


ONE_TOKEN = LlmUsage(1)


def test_usage_is_added_part_by_part() -> None:
    assert add_usage(ONE, ONE) == LlmUsage(2, 4, 6, 8, 10, 12, 14)
    assert (add_usage(None, ONE), add_usage(ONE, None), add_usage(None, None)) == (ONE, ONE, None)
    assert add_usage(LlmUsage(1), LlmUsage(1)) == LlmUsage(2)
    assert add_usage(LlmUsage(1, reasoning_tokens=3), LlmUsage(1)) == LlmUsage(2, reasoning_tokens=3)


def test_costs_are_added_by_their_totals() -> None:
    told = Cost(0.5, currency="EUR", reported=True)
    assert add_cost(told, Cost(0.25, 0.25, currency="EUR")) == Cost(0.75, currency="EUR")
    assert add_cost(told, told) == Cost(1.0, currency="EUR", reported=True)
    assert (add_cost(None, told), add_cost(told, None)) == (told, told)


@pytest.mark.parametrize("bound", ["3", 0, -1, True, float("nan")])
def test_a_bound_is_a_number_above_nothing(bound: object) -> None:
    with pytest.raises(ValueError, match=r"max_seconds is a number above 0, or None, and not"):
        Budget(max_seconds=bound)  # type: ignore[arg-type]
