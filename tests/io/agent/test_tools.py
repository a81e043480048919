"""A batch of calls: together or in order, what never runs, what a tool tells (AI_AND_PI 9.3)."""

from __future__ import annotations

import threading
from typing import Any

from lash_proto.faux import FauxReply
from lash_proto.messages import ImagePart, TextPart
from lash_proto.tools import ToolContext, ToolResult, tool
from lash_proto.turn import ToolExecutionEnd
from tests.io.agent.stage import Stage, broken, call, on_all_stages
from tests.io.agent.tools import PATIENCE, Gate, add, adding, bye, fail

FRAME = ["agent_start", "turn_start", "user Go."]


@on_all_stages
async def test_ends_come_as_tools_end_and_results_in_the_models_order(stage: Stage) -> None:
    gate = Gate()
    agent = stage.agent([[call(1, "wait"), adding(2)], "Done."], tools=[gate.tool, add])
    agent.subscribe(gate.open_after("c2"))
    await agent.prompt("Go.")
    assert stage.told == [
        *FRAME,
        "assistant wait/c1 add/c2",
        "start c1 wait",
        "start c2 add",
        "end c2 20",
        "end c1 at last",
        "result c1 at last",
        "result c2 20",
        "turn_end c1 c2",
        "turn_start",
        "assistant Done.",
        "turn_end",
        "agent_end 5",
    ]
    assert stage.conversations[1] == [
        "user: Go.",
        "assistant: wait/c1",
        "assistant: add/c2",
        "user: c1 = at last",
        "user: c2 = 20",
    ]


@on_all_stages
async def test_all_of_a_batch_run_at_once(stage: Stage) -> None:
    barrier = threading.Barrier(3, timeout=PATIENCE)
    gates = {place: Gate() for place in (1, 2, 3)}

    @tool
    def meet(place: int) -> str:
        barrier.wait()
        gates[place].pass_through()
        return "met"

    gates[3].open()
    agent = stage.agent([[call(n, "meet", place=n) for n in (1, 2, 3)], "Done."], tools=[meet])
    agent.subscribe(gates[1].open_after("c2"))
    agent.subscribe(gates[2].open_after("c3"))
    await agent.prompt("Go.")
    assert stage.told[4:-4] == [
        "start c1 meet",
        "start c2 meet",
        "start c3 meet",
        "end c3 met",
        "end c2 met",
        "end c1 met",
        "result c1 met",
        "result c2 met",
        "result c3 met",
        "turn_end c1 c2 c3",
    ]


IN_ORDER = [
    *FRAME,
    "assistant add/c1 add/c2",
    "start c1 add",
    "end c1 10",
    "result c1 10",
    "start c2 add",
    "end c2 20",
    "result c2 20",
    "turn_end c1 c2",
    "turn_start",
    "assistant Done.",
    "turn_end",
    "agent_end 5",
]


@on_all_stages
async def test_one_by_one_where_the_agent_wants_it(stage: Stage) -> None:
    agent = stage.agent([[adding(1), adding(2)], "Done."], tools=[add], tool_execution="sequential")
    await agent.prompt("Go.")
    assert stage.told == IN_ORDER


@on_all_stages
async def test_one_by_one_where_one_tool_of_the_batch_wants_it(stage: Stage) -> None:
    @tool(execution="sequential")
    def step() -> str:
        return "stepped"

    agent = stage.agent(
        [[adding(1), call(2, "step"), adding(3)], [call(4, "sub"), call(5, "sub")], "Done."], tools=[add, step]
    )
    await agent.prompt("Go.")
    assert stage.told[4:14] == [
        "start c1 add",
        "end c1 10",
        "result c1 10",
        "start c2 step",
        "end c2 stepped",
        "result c2 stepped",
        "start c3 add",
        "end c3 30",
        "result c3 30",
        "turn_end c1 c2 c3",
    ]
    # The next batch has none of it.
    assert stage.told[16:22] == [
        "start c4 sub",
        "end c4 error",
        "start c5 sub",
        "end c5 error",
        "result c4 error",
        "result c5 error",
    ]


@on_all_stages
async def test_what_cannot_run_ends_at_once_and_the_rest_runs(stage: Stage) -> None:
    calls = [call(1, "sub", a=1), call(2, "add", a=1), broken(3, "add", '{"a": 1, "b'), adding(4)]
    agent = stage.agent([calls, "Done."], tools=[add])
    await agent.prompt("Go.")
    assert stage.told[4:] == [
        "start c1 sub",
        "end c1 error",
        "start c2 add",
        "end c2 error",
        "start c3 add",
        "end c3 error",
        "start c4 add",
        "end c4 40",
        "result c1 error",
        "result c2 error",
        "result c3 error",
        "result c4 40",
        "turn_end c1 c2 c3 c4",
        "turn_start",
        "assistant Done.",
        "turn_end",
        "agent_end 7",
    ]
    assert stage.result_of("c1") == 'There is no tool "sub". The tools are: add.'
    assert "- the arguments: 'b' is a required property" in stage.result_of("c2")
    assert "they are not a JSON object" in stage.result_of("c3")


@on_all_stages
async def test_a_tool_that_raises_is_read_by_the_model(stage: Stage) -> None:
    agent = stage.agent([call(1, "fail", why="the disk is full"), "I see."], tools=[fail])
    result = await agent.prompt("Go.")
    assert stage.told[4:7] == ["start c1 fail", "end c1 error", "result c1 error"]
    assert "the disk is full" in stage.result_of("c1")
    assert (result.reason, agent.error_message) == ("done", None)


@on_all_stages
async def test_arguments_that_only_look_wrong_are_mended(stage: Stage) -> None:
    agent = stage.agent([call(1, "add", a="2", b="3"), "5."], tools=[add])
    await agent.prompt("Go.")
    assert stage.result_of("c1") == "5"


@on_all_stages
async def test_a_result_with_a_picture_and_details(stage: Stage) -> None:
    picture = ImagePart(b"\x89PNG\r\n\x1a\n", "image/png")

    @tool
    def look() -> ToolResult:
        return ToolResult([TextPart("A dot:"), picture], details={"width": 1})

    agent = stage.agent([call(1, "look"), "Nice."], tools=[look])
    await agent.prompt("Go.")
    assert "result c1 A dot: [image]" in stage.told
    (end,) = [event for event in stage.events if isinstance(event, ToolExecutionEnd)]
    assert end.result.details == {"width": 1}
    assert "width" not in str(stage.sent[1].body)  # they are the app's


@on_all_stages
async def test_a_tool_knows_its_call(stage: Stage) -> None:
    seen: list[Any] = []

    @tool
    def look(context: ToolContext) -> str:
        seen.append((context.call_id, context.attempt, context.cancelled))
        return "seen"

    agent = stage.agent([call(7, "look"), "Done."], tools=[look])
    await agent.prompt("Go.")
    assert seen == [("c7", 1, False)]


@on_all_stages
async def test_what_a_tool_tells_on_the_way(stage: Stage) -> None:
    @tool
    def count(context: ToolContext) -> str:
        for number in (1, 2, 3):
            context.update(number)
        return "counted"

    agent = stage.agent([call(1, "count"), "Done."], tools=[count])
    await agent.prompt("Go.")
    assert stage.told[4:10] == [
        "start c1 count",
        "update c1 1",
        "update c1 2",
        "update c1 3",
        "end c1 counted",
        "result c1 counted",
    ]
    assert stage.conversations[1][-1] == "user: c1 = counted"


@on_all_stages
async def test_what_a_tool_tells_after_its_end_is_not_heard(stage: Stage) -> None:
    kept: list[ToolContext] = []

    @tool
    def keep(context: ToolContext) -> str:
        kept.append(context)
        return "kept"

    @tool
    def late() -> str:
        kept[0].update("too late")
        return "told"

    agent = stage.agent([call(1, "keep"), call(2, "late"), "Done."], tools=[keep, late])
    await agent.prompt("Go.")
    kept[0].update("later still")
    assert [line for line in stage.told if line.startswith("update")] == []
    assert "end c2 told" in stage.told


@on_all_stages
async def test_a_tool_has_its_time_and_no_more(stage: Stage) -> None:
    gate = Gate(timeout=30)
    agent = stage.agent([call(1, "wait"), "Too bad."], tools=[gate.tool])
    began = stage.clock.now()
    result = await agent.prompt("Go.")
    gate.open()
    assert stage.told[4:7] == ["start c1 wait", "end c1 error", "result c1 error"]
    assert stage.result_of("c1") == "wait had no result after 30 s"
    assert (stage.clock.now() - began, result.reason) == (30, "done")


@on_all_stages
async def test_calls_that_were_cut_for_length_are_never_run(stage: Stage) -> None:
    ran: list[int] = []

    @tool
    def run(number: int) -> int:
        ran.append(number)
        return number

    cut = FauxReply([call(1, "run", number=1), call(2, "run", number=2)], stop_reason="length")
    agent = stage.agent([cut, call(3, "run", number=3), "Done."], tools=[run])
    await agent.prompt("Go.")
    assert stage.told[3:11] == [
        "assistant run/c1 run/c2 (length)",
        "start c1 run",
        "end c1 error",
        "start c2 run",
        "end c2 error",
        "result c1 error",
        "result c2 error",
        "turn_end c1 c2",
    ]
    assert "(length)" in stage.result_of("c1")
    assert (ran, stage.told[-1]) == ([3], "agent_end 7")


one_by_one: Any = {"tools": [bye], "tool_execution": "sequential"}


@on_all_stages
async def test_the_run_ends_where_all_results_say_so(stage: Stage) -> None:
    agent = stage.agent([[call(1, "bye", word="so"), call(2, "bye", word="long")], "Never."], **one_by_one)
    result = await agent.prompt("Go.")
    assert stage.told[-3:] == ["result c2 long", "turn_end c1 c2", "agent_end 4"]
    assert (result.reason, result.turns) == ("terminated", 1)


@on_all_stages
async def test_the_run_goes_on_where_only_some_say_so(stage: Stage) -> None:
    agent = stage.agent([[call(1, "bye", word="so"), call(2, "bye", word="long", last=False)], "Ever."], **one_by_one)
    result = await agent.prompt("Go.")
    assert stage.told[-4:] == ["turn_start", "assistant Ever.", "turn_end", "agent_end 5"]
    assert result.reason == "done"


@on_all_stages
async def test_an_error_among_them_does_not_say_so(stage: Stage) -> None:
    agent = stage.agent([[call(1, "bye", word="so"), call(2, "bye")], "Again?"], tools=[bye])
    result = await agent.prompt("Go.")
    assert (result.reason, stage.told[-3]) == ("done", "assistant Again?")


@on_all_stages
async def test_tools_that_are_set_between_runs(stage: Stage) -> None:
    agent = stage.agent([adding(1), "No.", adding(2), "Yes."])
    await agent.prompt("Go.")

    def add(a: int, b: int) -> int:
        return a + b

    agent.tools = [add]
    await agent.prompt("Go on.")
    assert stage.result_of("c1") == 'There is no tool "add". There are no tools.'
    assert stage.result_of("c2") == "20"
    assert [each["name"] for each in stage.sent[2].body["tools"]] == ["add"]
