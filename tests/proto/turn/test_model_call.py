"""A model call of a run: an Exchange's, or the host's own, whose stream is put together here."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from lash_proto.effects import CallHttp
from lash_proto.exchange import ON_PAYLOAD, ON_RESPONSE
from lash_proto.failures import Failure, LocalProtocolError
from lash_proto.faux import FauxProvider, FauxReply
from lash_proto.happenings import (
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    Progressed,
    ToolReturned,
    Woke,
)
from lash_proto.machine import Done, Ids
from lash_proto.messages import (
    AssistantMessage,
    ImagePart,
    LlmRequest,
    ProviderOptions,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    UserMessage,
)
from lash_proto.providers import openai, openai_compatible
from lash_proto.replies import (
    AttemptReset,
    LlmResponse,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from lash_proto.turn import MessageUpdate, ModelCall, Turn
from lash_proto.turn.hooks import STREAM
from lash_proto.turn.model_call import ModelTurn, PartialMessage
from lash_proto.usage import LlmUsage
from lash_proto.values import Secret
from tests.proto.turn.play import HANDLE, MODEL, NOW, Play, call, says, turn
from tests.toy_auth import TOKEN_URL, ToyAuth


def http(*hooks: str, **settings: Any) -> Play:
    """A run whose model calls go over HTTP."""
    return Play.of(Turn(HANDLE, MODEL, [UserMessage("Go.")], hooks=frozenset(hooks), **settings))


def told(events: list[Any]) -> Any:
    message = PartialMessage()
    for event in events:
        message.add(event)
    return message


def test_an_exchange_is_heard_as_it_comes() -> None:
    play = http()
    effect = play.outputs[-1]
    assert isinstance(effect, CallHttp)
    answer = FauxProvider([FauxReply("Hello.")]).answer("POST", "/v1/messages", (), effect.body)
    assert play.turn.wake_at is not None
    assert play.turn.streaming_message is None
    play.happen(Connected(1))
    play.happen(HeadReceived(1, 200, answer.headers))
    heard = play.happen(BodyReceived(1, answer.body))
    assert heard[:4] == ["[ model: ", "+ ResponseStart", "+ UsageUpdate", "+ TextStart"]
    assert play.turn.streaming_message is not None
    assert play.turn.streaming_message.content == (TextPart("Hello.", origin=_origin(play)),)
    del play.flying[1]
    assert play.happen(BodyEnded(1))[-4:] == ["] model: Hello.", "TurnEnd", "AgentEnd", "done: done"]


def _origin(play: Play) -> Any:
    message = play.turn.streaming_message
    assert message is not None
    (part,) = message.content
    return part.origin  # who said it is the codec's matter


def test_the_hooks_of_a_call_are_asked_and_none_of_the_runs() -> None:
    play = http(ON_PAYLOAD, ON_RESPONSE)
    assert play.words[-1] == "? on_payload"
    assert play.answer(ON_PAYLOAD) == ["call"]


def test_deadlines_are_the_exchanges() -> None:
    play = http()
    assert play.turn.wake_at == NOW + 10
    play.now += 10
    assert play.happen(Woke()) == ["drop"]


def test_one_that_failed_without_a_word_is_a_message_too() -> None:
    play = http(request=evolve(turn().request, options=HANDLE.options_type(MODEL)(max_retries=0)))
    del play.flying[1]
    words = play.happen(Failed(1, "connection", "refused"))
    assert words == ["[ model: ", "] model: ", "TurnEnd", "AgentEnd", "done: error"]


@pytest.mark.parametrize(
    ("handle", "kind"),
    [(openai(), "authentication"), (openai_compatible(base_url="http://example.com/v1", api_key="k"), "unsupported")],
)
def test_what_cannot_be_sent_is_a_call_that_failed(handle: Any, kind: str) -> None:
    play = Play.of(Turn(handle, handle.model("m"), [UserMessage("Go.")]))
    assert play.words[-5:] == ["[ model: ", "] model: ", "TurnEnd", "AgentEnd", "done: error"]
    assert play.result.error.kind == kind


def test_a_credential_that_was_had_anew_goes_on_with_the_run() -> None:
    old = evolve(HANDLE, auth=ToyAuth(Secret("one"), expires_at=NOW))
    play = Play.of(Turn(old, MODEL, [UserMessage("Go.")]))
    assert play.outputs[-1].url == TOKEN_URL
    play.happen(HeadReceived(1, 200, ()))
    play.happen(BodyReceived(1, b"two"))
    del play.flying[1]
    assert play.happen(BodyEnded(1)) == ["call"]
    assert play.turn.handle == old  # as long as the call goes on
    play.happen(Cancelled())
    assert play.turn.handle == evolve(HANDLE, auth=ToyAuth(Secret("two")))


def test_what_a_dialect_cannot_say_is_one_too() -> None:
    play = Play.of(Turn(HANDLE, MODEL, [UserMessage("Go.")], request=evolve(turn().request, seed=5)))
    assert play.result.error.kind == "unsupported"


# --- the host's own --------------------------------------------------------------------------------------------------


def test_the_host_gets_the_request_and_its_answer_is_the_response() -> None:
    play = Play.of(turn())
    asked = play.asked(STREAM).value
    assert isinstance(asked, ModelCall)
    assert (asked.model, asked.request.messages) == (MODEL, (UserMessage("Go."),))
    assert play.turn.wake_at is None
    assert play.happen(Woke()) == []
    assert play.tell(ResponseStart("r", None)) == ["[ model: ", "+ ResponseStart"]
    assert play.tell(ResponseEnd(says("Hi."))) == []
    assert play.say("Hi.") == ["] model: Hi.", "TurnEnd", "AgentEnd", "done: done"]


def test_what_it_gives_may_be_no_response_and_it_may_fail() -> None:
    play = Play.of(turn())
    play.tell(TextStart(0), TextDelta(0, "Ha"))
    assert play.answer(STREAM, "words")[:2] == ["+ TextEnd", "] model: Ha"]
    assert play.result.error == Failure("other", "stream gave a str, and no LlmResponse")
    play = Play.of(turn())
    play.fail(STREAM, "gone")
    assert play.result.error == Failure("other", "gone")


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        (["words"], "a str"),
        ([TextStart(1)], "block 1 begins where 0 is next"),
        ([PartAdded(5, RefusalPart("no"))], "block 5 begins where 0 is next"),
        ([TextDelta(0, "x")], "a TextDelta of block 0, which is not open as such"),
        ([TextStart(0), ReasoningDelta(0, "x")], "a ReasoningDelta of block 0, which is not open as such"),
        ([TextStart(0), TextEnd(0, "x")], "a TextEnd with a str"),  # type: ignore[arg-type]
        ([TextStart(0), TextEnd(0, TextPart("x")), TextDelta(0, "y")], "a TextDelta of block 0, which is not open"),
        ([TextDelta(-1, "x")], "a TextDelta of block -1"),
    ],
)
def test_what_no_stream_can_tell_ends_it(events: list[Any], problem: str) -> None:
    play = Play.of(turn())
    words = play.tell(*events)
    assert "drop" in words
    assert words[-1] == "done: error"
    assert problem in play.result.error.message


def test_late_and_wrong_news() -> None:
    play = Play.of(turn(hooks=("transform_context",)))
    play.answer("transform_context")
    assert play.happen(HostAnswered(1, None)) == []
    with pytest.raises(LocalProtocolError, match="ToolReturned is no answer to a question"):
        play.happen(ToolReturned(2, "x"))
    with pytest.raises(LocalProtocolError, match="answers no effect"):
        play.happen(Progressed(3, "x"))


def test_one_that_was_lost_says_so_first() -> None:
    play = Play.of(turn(hooks=("save",)))
    on = play.resumed(play.asked("save").value)
    on.answer("save")
    assert [each.event for each in on.outputs if isinstance(each, MessageUpdate)] == [
        AttemptReset(2, Failure("connection", "the call was in flight when the state was saved", retryable=True))
    ]


def test_one_that_was_copied_before_it_said_anything_is_made_again() -> None:
    play = Play.of(turn())
    assert play.take(play.turn.restart(NOW)) == ["? stream"]
    over_http = http()
    assert over_http.take(over_http.turn.restart(NOW)) == ["[ model: ", "+ AttemptReset", "call"]


def test_an_abort_keeps_what_had_come() -> None:
    play = Play.of(turn())
    play.tell(ReasoningStart(0), ReasoningDelta(0, "Hm."), TextStart(1), ToolCallStart(2, "c1", "look"))
    play.tell(ToolCallDelta(2, '{"a": '))
    play.happen(Cancelled())
    message = play.result.message
    assert isinstance(message, AssistantMessage)
    *said, look = message.content
    assert (message.stop_reason, said) == ("aborted", [ReasoningPart("Hm."), TextPart("")])
    assert isinstance(look, ToolCallPart)
    assert (look.id, look.name, look.arguments, look.raw_arguments) == ("c1", "look", {}, '{"a": ')
    assert look.arguments_error is not None
    ends = [each.event for each in play.outputs if isinstance(each, MessageUpdate)]
    assert ends[-3:] == [ReasoningEnd(0, ReasoningPart("Hm.")), TextEnd(1, TextPart("")), ToolCallEnd(2, look)]


def test_a_message_is_put_together_from_its_events() -> None:
    image = ImagePart(b"x", "image/png")
    events = [
        ResponseStart("r", "m"),
        TextStart(0),
        ReasoningStart(1),
        TextDelta(0, "a"),
        ReasoningDelta(1, "b"),
        TextDelta(0, "c"),
        ReasoningEnd(1, ReasoningPart("b", provider_data={"signature": "s"})),
        PartAdded(2, image),
        ToolCallStart(3, "c1", "look"),
        ToolCallDelta(3, "{}"),
        UsageUpdate(LlmUsage(1)),
    ]
    message = told(events)
    said = (TextPart("ac"), ReasoningPart("b", provider_data={"signature": "s"}), image)
    assert message.content == (*said, ToolCallPart("c1", "look", {}, "{}"))
    message.add(ToolCallEnd(3, call("c1")))
    assert message.content[3:] == (call("c1"),)
    assert (message.end(), message.end()) == ([TextEnd(0, TextPart("ac"))], [])
    assert message.content == (*said, call("c1"))
    message.add(AttemptReset(2, Failure("server", "x")))
    assert message.content == ()


def test_its_outcome_is_its_last_word() -> None:
    play = Play.of(turn())
    outputs = play.turn.receive(HostAnswered(1, LlmResponse((TextPart("Hi."),), "stop")), NOW)
    assert not isinstance(outputs[-1], Done)  # its listeners may speak first


def test_a_request_that_no_call_can_be_made_of_raises_and_leaves_a_run_that_can_be_ended() -> None:
    request = LlmRequest((UserMessage("Go."),), options=ProviderOptions(extra_headers={"x-a": "b\n"}))
    child = ModelTurn(HANDLE, request, HANDLE.model("m-1"), frozenset(), Ids())
    with pytest.raises(LocalProtocolError, match="x-a"):
        child.start(0.0)
    assert child.wake_at is None
    (done,) = child.receive(Cancelled(), 0.0)
    assert (done.result.stop_reason, done.result.content) == ("aborted", ())
