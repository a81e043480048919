"""The saved form of a run: JSON, read by this lash and by newer ones, and nothing that the program brings."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from lash_proto.failures import Failure
from lash_proto.messages import CustomMessage, LlmRequest, TextPart, ToolResultMessage, UserMessage
from lash_proto.models import ModelSpec
from lash_proto.prices import Cost
from lash_proto.providers import faux
from lash_proto.providers.handle import ProviderSpec
from lash_proto.replies import Attempt
from lash_proto.tools import ToolResult
from lash_proto.turn import (
    AgentEnd,
    AgentStart,
    MessageEnd,
    MessageStart,
    MessageUpdate,
    Paused,
    ToolExecutionEnd,
    ToolExecutionStart,
    ToolExecutionUpdate,
    TurnEnd,
    TurnStart,
    TurnState,
    Waiting,
)
from lash_proto.turn.progress import Progress
from lash_proto.turn.state import BatchState, CallState
from lash_proto.usage import LlmUsage
from lash_proto.values import JsonFormError, Value, from_json, to_json
from tests.proto.turn.play import HANDLE, MODEL, NOW, Play, call, made, says, turn

SAID = says("Hm.", call("c1")).message
RESULT = ToolResultMessage("c1", "found", "look")
CALL = CallState(call("c1"), "approve", {"n": 1}, 2, ToolResult("x", details={"a": [1]}), 7)
STATE = TurnState(
    "tools",
    HANDLE.spec,
    MODEL,
    LlmRequest((), system="Be brief."),
    (UserMessage("Go."), SAID, CustomMessage("note", {"a": 1})),
    added=2,
    new=(SAID,),
    pending=(UserMessage("Next."),),
    sent=(UserMessage("Short."),),
    steering=(UserMessage("Now."),),
    follow_ups=(UserMessage("Then."),),
    turns=3,
    more=True,
    looked=True,
    mends=1,
    elapsed=2.5,
    usage=LlmUsage(3),
    cost=Cost(0.5),
    message=SAID,
    notes=("a note",),
    batch=BatchState(SAID, (CALL,), (RESULT,), True),
    begun=NOW,
    lost=(Attempt(1, NOW, NOW + 1, failure=Failure("connection", "lost")),),
    question=4,
    reason="aborted",
    error=Failure("cancelled", "by the caller"),
    told_of="faux:m-1",
    seed=b"\x00\xff",
    last_id=9,
)
EVENTS = [
    AgentStart(),
    TurnStart(),
    MessageStart(UserMessage("Go.")),
    MessageEnd(SAID),
    ToolExecutionStart("c1", "look", {"n": 1}),
    ToolExecutionUpdate("c1", "look", ToolResult("half")),
    ToolExecutionEnd("c1", "look", ToolResult((TextPart("x"),), is_error=True, details=[1], terminate=True)),
    TurnEnd(SAID, (RESULT,), ("a note",)),
    AgentEnd((UserMessage("Go."), SAID, RESULT)),
]
VALUES = [*EVENTS, CALL, STATE, Waiting(4, "approve", call("c1"), {"n": 1}), Paused((), STATE.to_json())]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_form_is_read_as_it_was_written(value: Value) -> None:
    written = to_json(value)
    read = from_json(json.loads(json.dumps(written)))
    assert read == value
    assert to_json(read) == written


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_keys_of_a_newer_release_are_kept_and_a_newer_form_is_refused(value: Value) -> None:
    written = to_json(value) | {"later": 1}
    assert to_json(from_json(written)) == written
    with pytest.raises(JsonFormError, match="written by a newer lash"):
        from_json(written | {"v": 2})


def test_an_update_holds_an_event_of_the_stream() -> None:
    play = Play.of(turn(hooks=("save",)))
    on = play.resumed(play.asked("save").value)
    on.answer("save")
    (update,) = [output for output in on.outputs if isinstance(output, MessageUpdate)]
    assert from_json(json.loads(json.dumps(update.to_json()))) == update


def test_a_program_that_has_loaded_nothing_reads_them() -> None:
    forms = json.dumps([to_json(value) for value in VALUES])
    script = (
        "import json, sys; from lash_proto.values import from_json\n"
        "print(*[type(from_json(form)).__name__ for form in json.load(sys.stdin)])"
    )
    told = subprocess.run([sys.executable, "-c", script], input=forms, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [type(value).__name__ for value in VALUES]


@pytest.mark.parametrize(("key", "value"), [("phase", "sleeps"), ("reason", "bored"), ("messages", "words")])
def test_what_is_no_state_is_refused(key: str, value: Any) -> None:
    with pytest.raises(JsonFormError, match=key):
        TurnState.from_json(STATE.to_json() | {key: value})


def test_no_status_but_ours() -> None:
    with pytest.raises(JsonFormError, match="status"):
        CallState.from_json(CALL.to_json() | {"status": "sleeps"})


def test_a_state_holds_no_credential() -> None:
    handle = faux(api="anthropic-messages", api_key="sk-not-to-be-told")
    assert "not-to-be-told" not in json.dumps(TurnState("call", handle.spec, MODEL, LlmRequest(()), ()).to_json())


def test_a_run_is_what_was_saved_of_it() -> None:
    progress = Progress.of(STATE, NOW)
    assert (progress.began_at, progress.new, progress.later) == (NOW - 2.5, [SAID], True)
    assert Progress.of(TurnState("call", ProviderSpec("faux"), ModelSpec("m"), LlmRequest(()), ()), NOW).new == []


def test_what_a_run_added_is_counted_or_where_it_is_no_more_the_end_told() -> None:
    play = Play.of(turn(tools=(made(),), history=[UserMessage("a"), says("b").message]))
    state = play.turn.state(NOW)
    assert (state.added, state.new, len(state.messages)) == (1, (), 3)
    assert Progress.of(state, NOW).new == [UserMessage("Go.")]
    play.turn.run.messages = [UserMessage("Short.")]
    assert (play.turn.state(NOW).added, play.turn.state(NOW).new) == (0, (UserMessage("Go."),))
