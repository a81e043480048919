"""A conversation with thoughts and tools, from every provider to every other and back.

A handoff knows no driver, so each pair goes through one of them, in turn: every provider meets all three, both as the
one that hands on and as the one that takes over.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from attrs import define

from lash_io.faux_server import FauxServer
from lash_proto import LlmResponse, TextPart, ToolResultMessage, UserMessage
from lash_proto.faux import FauxReply
from lash_proto.handoff import handoff
from tests.io.matrix.conftest import Stage
from tests.io.matrix.heard import Said
from tests.io.matrix.targets import TARGETS, Target
from tests.io.worlds import WORLDS, World

QUESTION, FOLLOW_UP, THANKS = "Is it warmer in Lisbon or in Oslo?", "And in Rome?", "Thanks."
DEGREES = {"Lisbon": "24", "Oslo": "-3", "Rome": "19"}


@define
class Talk:
    """The conversation as its models had it. Each is told it as a handoff makes it."""

    messages: list[Any]

    def go_on(self, stage: Stage, text: str, *script: FauxReply) -> LlmResponse:
        """Say a text and answer calls, until all replies of the script are there; the last one."""
        target = stage.target
        self.messages.append(UserMessage(text))

        async def scenario(client: Any) -> Any:
            reply = None
            for _ in script:
                told = handoff(self.messages, target.handle, target.model).messages
                reply = await client.complete(stage.ask(told))
                calls = [
                    ToolResultMessage(call.id, DEGREES[call.arguments["city"]], name=call.name)
                    for call in reply.tool_calls
                ]
                self.messages += [reply.message, *calls]
            return reply

        last: LlmResponse = stage.play(scenario, *script)
        return last


def numbered(said: list[Said], rule: str) -> tuple[list[Said], list[str]]:
    """What was said with calls and results counted instead of named; and the ids, which keep to the rule."""
    made: list[Said] = []
    ids: list[Any] = []
    waiting: list[int] = []
    for each in said:
        if each[:2] == ("model", "call"):
            ids.append(each[2])
            waiting.append(len(ids))
            made.append(("model", "call", len(ids), *each[3:]))
        elif each[:2] == ("tool", "result"):
            number = next(number for number in waiting if ids[number - 1] == each[2])
            waiting.remove(number)
            made.append(("tool", "result", number, *each[3:]))
        else:
            made.append(each)
    sent = [id for id in ids if id is not None]
    assert all(re.fullmatch(rule, id) for id in sent)
    return made, sent


def thought(target: Target, thought: str, text: str, *, native: bool) -> list[Said]:
    """A thought and the text behind it, as a target is told them that had them itself or hears them of another."""
    said: list[Said] = [("model", "text", text)] if text else []
    if native:
        return [("model", "thought", thought), *said]
    if not target.hears_thoughts:
        return said
    tagged = f"<thinking>{thought}</thinking>"
    if target.api == "openai-completions":  # its content is one string
        return [("model", "text", tagged + text)]
    return [("model", "text", tagged), *said]


def begun(target: Target, *, native: bool) -> list[Said]:
    """The first turn as a target hears it."""
    return [
        ("user", "text", QUESTION),
        *thought(target, "Two cities.", "I look.", native=native),
        ("model", "call", 1, "weather", {"city": "Lisbon"}),
        ("model", "call", 2, "weather", {"city": "Oslo"}),
        ("tool", "result", 1, "24"),
        ("tool", "result", 2, "-3"),
        *thought(target, "24 is more.", "Lisbon.", native=native),
        ("user", "text", FOLLOW_UP),
    ]


def gone_on(target: Target, *, native: bool) -> list[Said]:
    """The second turn."""
    return [
        *thought(target, "Rome, then.", "", native=native),
        ("model", "call", 3, "weather", {"city": "Rome"}),
        ("tool", "result", 3, "19"),
    ]


PAIRS = [
    pytest.param(WORLDS[(number + other) % 3], one, two, id=f"{one} to {two}")
    for number, one in enumerate(TARGETS)
    for other, two in enumerate(TARGETS)
]


@pytest.mark.parametrize(("driver", "one", "two"), PAIRS)
def test_from_every_provider_to_every_other_and_back(server: FauxServer, driver: str, one: str, two: str) -> None:
    here, there = (Stage(World(driver), server, name, TARGETS[name]) for name in (one, two))
    source, target, native = here.target, there.target, one == two
    talk = Talk([])
    talk.go_on(
        here,
        QUESTION,
        FauxReply((source.think("Two cities."), TextPart("I look."), source.call(0, "Lisbon"), source.call(1, "Oslo"))),
        FauxReply((source.think("24 is more."), TextPart("Lisbon.")), id="faux-2"),
    )
    moved = handoff(talk.messages, target.handle, target.model)
    lost = 2 if not (native or target.hears_thoughts) else 0
    assert [loss.what for loss in moved.report] == ["reasoning"] * lost
    if native:
        assert moved.messages == tuple(talk.messages)

    reply = talk.go_on(
        there,
        FOLLOW_UP,
        FauxReply((target.think("Rome, then."), target.call(0, "Rome")), id="faux-3"),
        FauxReply("19 there.", id="faux-4"),
    )
    assert (reply.text, reply.provider) == ("19 there.", target.provider)
    said, ids = numbered(there.heard(), target.id_rule)
    assert said == [*begun(target, native=native), *gone_on(target, native=True)]
    if source.ids is not None and re.fullmatch(target.id_rule, source.ids[0]):
        assert ids[:2] == list(source.ids)

    assert talk.go_on(here, THANKS, FauxReply("Bye.")).text == "Bye."
    said, _ = numbered(here.heard(), source.id_rule)
    assert said == [
        *begun(source, native=True),
        *gone_on(source, native=native),
        ("model", "text", "19 there."),
        ("user", "text", THANKS),
    ]
