"""What is said to a model: nothing, any Unicode, what tools gave back, pictures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from lash_proto import (
    AssistantMessage,
    ImagePart,
    LlmRequest,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultMessage,
    UnsupportedRequest,
    UserMessage,
)
from lash_proto.faux import FauxReply
from lash_proto.handoff import handoff
from tests.io.matrix.conftest import SYSTEM, WEATHER, Stage
from tests.io.matrix.heard import misplaced

HI = UserMessage("Hi.")
GO_ON = UserMessage("Go on.")
PNG = b"\x89PNG\r\n\x1a\nlash"
PICTURE = ImagePart(PNG, "image/png")

# An id that every provider takes.
OSLO, ROME = (
    ToolCallPart("callOslo1", "weather", {"city": "Oslo"}),
    ToolCallPart("callRome2", "weather", {"city": "Rome"}),
)
ASKED = ("model", "call", "callOslo1", "weather", {"city": "Oslo"})
ASKED_TOO = ("model", "call", "callRome2", "weather", {"city": "Rome"})


def result(content: Any, id: str = "callOslo1", **more: Any) -> ToolResultMessage:
    return ToolResultMessage(id, content, name="weather", **more)


def told(stage: Stage, *messages: Any) -> list[Any]:
    """What a provider hears of a conversation, to which it has an answer."""

    async def scenario(client: Any) -> Any:
        return await client.complete(stage.ask(messages))

    reply = stage.play(scenario, "Yes.")
    assert (reply.text, reply.stop_reason, len(stage.calls)) == ("Yes.", "stop", 1)
    return stage.heard()


# --- nothing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", ["", (), [TextPart("")]], ids=["an empty string", "no part", "an empty part"])
def test_a_user_who_says_nothing_is_refused_before_it_is_sent(stage: Stage, nothing: Any) -> None:
    async def scenario(client: Any) -> None:
        with pytest.raises(UnsupportedRequest, match="needs content|is empty"):
            await client.complete(stage.ask([UserMessage(nothing)]))

    stage.play(scenario)
    assert stage.calls == []


@pytest.mark.parametrize("content", [" \n ", [TextPart(" \n ")]], ids=["a string", "a part"])
def test_white_space_goes_to_all_but_anthropic_which_refuses_it(stage: Stage, content: Any) -> None:
    if stage.target.api != "anthropic-messages":
        assert told(stage, UserMessage(content)) == [("user", "text", " \n ")]
        return

    async def scenario(client: Any) -> None:
        with pytest.raises(UnsupportedRequest, match="blank text is refused"):
            await client.complete(stage.ask([UserMessage(content)]))

    stage.play(scenario)
    assert stage.calls == []


def test_an_empty_part_beside_others_stays_behind(stage: Stage) -> None:
    assert told(stage, UserMessage([TextPart(""), TextPart("Hi."), TextPart("")])) == [("user", "text", "Hi.")]


@pytest.mark.parametrize("nothing", [(), [TextPart("")]], ids=["no part", "an empty part"])
def test_a_model_that_said_nothing_is_passed_over(stage: Stage, nothing: Any) -> None:
    assert told(stage, HI, AssistantMessage(nothing), GO_ON) == [("user", "text", "Hi."), ("user", "text", "Go on.")]


# --- Unicode ---------------------------------------------------------------------------------------------------------

# As people write on LinkedIn, with what their telephones add.
POST = (
    "Mario Zechner wann? Wo? Bin grad äußerst eventuninformiert 🙈 "
    "\u201cUnd\u201d \u2014 kommst du? 👩\u200d👩\u200d👧\u200d👦 \U0001f1e6\U0001f1f9 "
    "日本語 العربية \u0000\u2028\u2029 ﷽ é e\u0301"
)


def test_any_text_reaches_the_model_and_comes_back(stage: Stage) -> None:
    async def scenario(client: Any) -> Any:
        asked = stage.ask([UserMessage(POST), AssistantMessage(POST), UserMessage("Again.")])
        async with client.stream(asked) as stream:
            said = [event.text async for event in stream if isinstance(event, TextDelta)]
        return said, stream.response

    said, reply = stage.play(scenario, FauxReply(POST, piece=1))
    assert ("".join(said), reply.text) == (POST, POST)
    assert stage.heard() == [("user", "text", POST), ("model", "text", POST), ("user", "text", "Again.")]


def test_any_text_reaches_a_tool_and_comes_back(stage: Stage) -> None:
    async def scenario(client: Any) -> Any:
        messages: list[Any] = [HI]
        reply = await client.complete(stage.ask(messages))
        (call,) = reply.tool_calls
        messages += [reply.message, ToolResultMessage(call.id, f"In {call.arguments['city']}: {POST}", name=call.name)]
        await client.complete(stage.ask(messages))
        return call.arguments

    call = evolve(stage.target.call(0, ""), arguments={"city": POST})
    assert stage.play(scenario, FauxReply((call,), piece=1), "Fine.") == {"city": POST}
    id = None if stage.target.ids is None else stage.target.ids[0]
    assert stage.heard() == [
        ("user", "text", "Hi."),
        ("model", "call", id, "weather", {"city": POST}),
        ("tool", "result", id, f"In {POST}: {POST}"),
    ]


def test_half_a_surrogate_pair_goes_nowhere(stage: Stage) -> None:
    """U+D83D alone cannot be said in UTF-8, and providers refuse its escape (AI_AND_PI 7.3): U+FFFD stands for it."""
    half, whole = "\ud83d", "\ud83d\ude48"  # a pair in two halves, as JavaScript has it, is one character
    request = LlmRequest(
        [
            UserMessage(f"u{half}"),
            AssistantMessage([TextPart(f"m{half}{whole}"), ToolCallPart("callOslo1", "weather", {"city": f"c{half}"})]),
            result(f"t{half}{whole}"),
        ],
        system=SYSTEM,
        tools=[evolve(WEATHER, description=f"d{half}")],
    )

    async def scenario(client: Any) -> Any:
        return await client.complete(request)

    assert stage.play(scenario, "Yes.").text == "Yes."
    assert stage.heard() == [
        ("user", "text", "u\ufffd"),
        ("model", "text", "m\ufffd🙈"),
        ("model", "call", "callOslo1", "weather", {"city": "c\ufffd"}),
        ("tool", "result", "callOslo1", "t\ufffd🙈"),
    ]
    assert "d\ufffd" in json.dumps(stage.calls[0].body, ensure_ascii=False)


# --- what tools gave back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", (), [TextPart("")]], ids=["an empty string", "no part", "an empty part"])
def test_a_tool_that_gave_nothing_back_has_answered(stage: Stage, content: Any) -> None:
    said = told(stage, HI, AssistantMessage([OSLO]), result(content))
    assert said == [("user", "text", "Hi."), ASKED, ("tool", "result", "callOslo1", "")]


def test_a_failed_tool_says_so_and_why(stage: Stage) -> None:
    said = told(stage, HI, AssistantMessage([OSLO]), result("No such city.", is_error=True), GO_ON)
    assert said == [
        ("user", "text", "Hi."),
        ASKED,
        ("tool", "result", "callOslo1", "No such city."),
        ("user", "text", "Go on."),
    ]
    # Where a dialect has a mark for it, it stands there (WIRE 4b, 5b).
    body = json.dumps(stage.calls[0].body)
    marks = {"anthropic-messages": '"is_error": true', "google-generative-ai": '{"error": "No such city."}'}
    marks["google-code-assist"] = marks["google-generative-ai"]
    assert marks.get(stage.target.api, "") in body


def test_the_stage_knows_what_no_provider_takes() -> None:
    answer, other = ("tool", "result", "callOslo1", "-3"), ("tool", "result", "callRome2", "19")
    gone_on = ("user", "text", "Go on.")
    assert misplaced([ASKED, ASKED_TOO, other, answer, gone_on]) == []
    assert misplaced([ASKED, gone_on, answer]) == [ASKED, answer]
    assert misplaced([answer, ASKED, answer, answer]) == [answer, answer]
    assert misplaced([ASKED]) == [ASKED]


def test_results_may_come_in_another_order_than_the_calls(stage: Stage) -> None:
    said = told(stage, HI, AssistantMessage([OSLO, ROME]), result("19", "callRome2"), result("-3"))
    assert said == [
        ("user", "text", "Hi."),
        ASKED,
        ASKED_TOO,
        ("tool", "result", "callRome2", "19"),
        ("tool", "result", "callOslo1", "-3"),
    ]


@pytest.mark.parametrize("before", [False, True], ids=["as it is", "handed off"])
def test_a_call_that_nobody_answered_does_not_stop_the_conversation(stage: Stage, before: bool) -> None:
    messages: Any = [HI, AssistantMessage([OSLO, ROME]), result("19", "callRome2"), GO_ON]
    if before:
        messages = handoff(messages, stage.target.handle, stage.target.model).messages
    assert told(stage, *messages) == [
        ("user", "text", "Hi."),
        ASKED,
        ASKED_TOO,
        ("tool", "result", "callRome2", "19"),
        ("tool", "result", "callOslo1", "No result provided"),
        ("user", "text", "Go on."),
    ]


def test_results_late_or_twice_or_to_no_call_are_left_out_by_a_handoff(stage: Stage) -> None:
    messages: Any = [
        HI,
        result("0", "nobody"),
        AssistantMessage([OSLO]),
        result("-3"),
        result("-4"),
        GO_ON,
        result("-5"),
    ]
    moved = handoff(messages, stage.target.handle, stage.target.model)
    assert [loss.message_index for loss in moved.report] == [1, 4, 6]
    assert told(stage, *moved.messages) == [
        ("user", "text", "Hi."),
        ASKED,
        ("tool", "result", "callOslo1", "-3"),
        ("user", "text", "Go on."),
    ]


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_user_shows_a_picture(stage: Stage) -> None:
    said = told(stage, UserMessage([TextPart("What is this?"), PICTURE, TextPart("A map?")]))
    assert said == [("user", "text", "What is this?"), ("user", "image", PNG), ("user", "text", "A map?")]
    assert told(stage, UserMessage([PICTURE])) == [("user", "image", PNG)]


@pytest.mark.parametrize("text", ["A map:", None], ids=["with a text", "alone"])
@pytest.mark.parametrize("is_error", [False, True], ids=["a result", "a failure"])
def test_a_tool_gives_a_picture_back(stage: Stage, text: str | None, is_error: bool) -> None:
    """Inside the result where the dialect has it there, else behind the results (WIRE 12.5)."""
    content = [PICTURE] if text is None else [TextPart(text), PICTURE]
    said = told(
        stage, HI, AssistantMessage([OSLO, ROME]), result(content, is_error=is_error), result("19", "callRome2"), GO_ON
    )
    first: list[Any] = [("tool", "result", "callOslo1", text or ""), ("tool", "image", PNG)]
    behind: list[Any] = []
    if stage.target.api == "openai-completions":
        first = [("tool", "result", "callOslo1", text or "(see attached image)")]
        behind = [("user", "text", "Attached image(s) from tool result:"), ("user", "image", PNG)]
    elif stage.target.api == "anthropic-messages" and is_error:
        first = [("tool", "result", "callOslo1", text or "The tool failed without a message.")]
        behind = [("user", "text", "From the failed tool call callOslo1:"), ("user", "image", PNG)]
    assert said == [
        ("user", "text", "Hi."),
        ASKED,
        ASKED_TOO,
        *first,
        ("tool", "result", "callRome2", "19"),
        *behind,
        ("user", "text", "Go on."),
    ]
