"""The laws as functions: they pass what keeps them, and each finds the codec or machine that breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import define, evolve, field

from lash_proto import testing
from lash_proto.codec import Codec
from lash_proto.codecs import CODECS
from lash_proto.effects import Abort, CallHttp
from lash_proto.errors import UnsupportedRequest
from lash_proto.failures import Failure, LocalProtocolError, RemoteProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Cancelled, Woke
from lash_proto.http import HttpRequest
from lash_proto.machine import Done
from lash_proto.messages import RefusalPart, TextPart
from lash_proto.replies import (
    AttemptReset,
    LlmResponse,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ResponseEnd,
    ResponseStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from lash_proto.testing import (
    Fixture,
    check_codec,
    check_cuts,
    check_events,
    check_garbage,
    check_linear,
    check_machine,
    check_prefixes,
    check_replay,
    check_saved,
    check_usage,
    merge,
    read,
    work,
)
from lash_proto.testing.shape import check_shape
from lash_proto.usage import LlmUsage
from tests.proto.tiny import END, HELLO, REPLY, THOUGHT, Tiny, TinyDecoder, event

JSON = (("content-type", "application/json"),)
GOOD = Fixture(REPLY, text="Hello.", stop_reason="stop", total_input_tokens=3)
WHOLE = Fixture(b'{"say": "Hello, hello.", "stop": "end"}' + b" " * 600, headers=JSON, text="Hello, hello.")
LONG = Fixture(HELLO + b"".join([event(say=f"word {n} ") for n in range(200)]) + END)


def test_a_codec_that_keeps_the_laws_passes_in_five_lines() -> None:
    check_codec(Tiny(), GOOD)


@pytest.mark.parametrize(
    "fixture",
    [
        WHOLE,
        LONG,
        Fixture(THOUGHT),
        Fixture(HELLO + event(say="cut")),
        Fixture(b'{"error":{"message":"Busy."}}', status=503, headers=JSON, stop_reason="error"),
        Fixture(b""),
        Fixture(b'{"say":', headers=JSON),
        Fixture(REPLY, complete_at=len(REPLY) - 2),
    ],
)
def test_so_does_every_kind_of_response(fixture: Fixture) -> None:
    check_codec(Tiny(), fixture)


def test_so_do_calls_and_what_a_provider_wants_back() -> None:
    # OpenAI's documentation, "Function calling", streaming; and "Reasoning", streaming, for what contradicts itself.
    chunks = [
        {"role": "assistant", "content": "Let me see."},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
    ]
    body = b"".join(event(id="c-1", choices=[{"index": 0, "delta": delta, "finish_reason": None}]) for delta in chunks)
    body += event(id="c-1", choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])
    check_codec(CODECS["openai-completions"], Fixture(body, stop_reason="tool_use", complete_at=len(body) - 2))
    call = {"functionCall": {"name": "f", "args": {"city": "Paris"}}}
    body = event(candidates=[{"content": {"parts": [call], "role": "model"}, "finishReason": "STOP"}])
    check_codec(CODECS["google-generative-ai"], Fixture(body, stop_reason="tool_use"))
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    final = {"type": "output_text", "text": "Paris.", "annotations": []}
    told: list[tuple[str, dict[str, Any]]] = [
        ("output_item.added", {"item": {**said, "status": "in_progress", "content": []}}),
        ("output_text.delta", {"delta": "London."}),
        ("output_item.done", {"item": {**said, "content": [final]}}),
        ("completed", {"response": {"id": "resp_1", "status": "completed", "output": []}}),
    ]
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    body = b"".join(event(type=f"response.{kind}", **place, **data) for kind, data in told)
    check_codec(CODECS["openai-responses"], Fixture(body, text="London.", keeps=("Paris.", "msg_1")))


def broken(law: str, check: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as caught:
        check()
    assert str(caught.value).startswith(law)
    return str(caught.value)


def made(class_: type[TinyDecoder]) -> Codec:
    """Tiny with another decoder."""

    class Other(Tiny):
        def decoder(self, *, status: int, headers: Sequence[tuple[str, str]], model: Any = None) -> TinyDecoder:
            return class_("other", None, status, tuple(headers), None)

    return Other()


def encoding(change: Callable[[Any], Any]) -> Codec:
    """Tiny with its body changed."""

    class Other(Tiny):
        def encode(self, request: Any, model: Any, *, stream: bool = True) -> HttpRequest:
            http = super().encode(request, model, stream=stream)
            return evolve(http, body=json.dumps(change(json.loads(http.body))).encode())

    return Other()


# --- events merged ---------------------------------------------------------------------------------------------------


def test_neighbouring_deltas_of_one_block_are_one() -> None:
    events: list[StreamEvent] = [
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        TextDelta(1, "c"),
        ReasoningDelta(1, "d"),
        ReasoningDelta(1, "e"),
        ToolCallDelta(1, "f"),
        ToolCallDelta(1, "g"),
        TextDelta(0, "h"),
    ]
    assert merge(events) == [
        TextDelta(0, "ab"),
        TextDelta(1, "c"),
        ReasoningDelta(1, "de"),
        ToolCallDelta(1, "fg"),
        TextDelta(0, "h"),
    ]
    assert merge([]) == []


def test_a_fixture_and_a_long_value_do_not_print_their_bytes() -> None:
    assert "Hel" not in repr(evolve(GOOD, text=None))
    assert len(broken("the fixture's own words", lambda: check_codec(Tiny(), evolve(LONG, text="x" * 5000)))) < 3000


# --- what the fixture says -------------------------------------------------------------------------------------------


def test_what_the_fixture_says_is_compared() -> None:
    said = broken("the fixture's own words", lambda: check_codec(Tiny(), evolve(GOOD, text="Hullo.")))
    assert said == "the fixture's own words: tiny: text is 'Hello.', and not 'Hullo.'"
    broken("the fixture's own words", lambda: check_codec(Tiny(), evolve(GOOD, stop_reason="length")))
    broken("law 7", lambda: check_usage(Tiny(), evolve(GOOD, total_input_tokens=4)))
    broken("law 7", lambda: check_usage(Tiny(), Fixture(HELLO, total_input_tokens=4)))
    broken("law 6: a reply loses nothing", lambda: check_replay(Tiny(), evolve(GOOD, keeps=("signature",))))
    broken("law 2", lambda: check_prefixes(Tiny(), evolve(GOOD, complete_at=len(REPLY) - 3)))
    broken("law 2", lambda: check_prefixes(Tiny(), evolve(GOOD, complete_at=len(HELLO))))
    broken("law 2", lambda: check_prefixes(Tiny(), Fixture(HELLO, complete_at=3)))


# --- laws 1 to 3 and 5 -----------------------------------------------------------------------------------------------


class Deaf(TinyDecoder):
    def receive(self, data: bytes) -> list[StreamEvent]:
        return super().receive(data if len(data) > 1 else b"")


def test_a_codec_for_which_cuts_matter_is_found() -> None:
    said = broken("law 1: cuts do not matter: tiny: cut into ", lambda: check_cuts(made(Deaf), GOOD))
    assert " pieces of 1, 1, 1, 1, 1, 1, 1, 1 ... bytes, event 0 is (), and not (ResponseStart(" in said

    class Late(TinyDecoder):
        def receive(self, data: bytes) -> list[StreamEvent]:
            events = super().receive(data)
            if len(data) == 1 and self._started:
                self.model = "touched"
            return events

    said = broken("law 1", lambda: check_cuts(made(Late), Fixture(event(say="a") + END)))
    assert said.endswith("the responses differ in model")

    class Worded(TinyDecoder):
        def end(self) -> list[StreamEvent]:
            if self._size % 2:
                raise RemoteProtocolError("odd")
            return super().end()

        def receive(self, data: bytes) -> list[StreamEvent]:
            self._size += len(data) == 1
            return []

    assert "the fault is 'odd'" in broken("law 1", lambda: check_cuts(made(Worded), Fixture(b"abc")))


def test_a_codec_that_takes_a_cut_for_the_whole_is_found() -> None:
    class Easy(TinyDecoder):
        def _is_complete(self) -> bool:
            return True

    assert "are complete, but" in broken("law 2", lambda: check_prefixes(made(Easy), GOOD))
    said = broken("law 2", lambda: check_prefixes(made(Easy), evolve(GOOD, complete_at=len(REPLY))))
    assert "a cut, are reported complete" in said

    class Stop(TinyDecoder):
        def _is_complete(self) -> bool:
            return self.raw_stop_reason is not None and self.usage is None

    late = Fixture(HELLO + event(say="a", stop="end") + event(use=[1, 2]))
    assert "are reported complete" in broken("law 2", lambda: check_prefixes(made(Stop), late))
    twice = Fixture(HELLO + event(stop="end") + event(use=[1, 2]) + event(stop="full"))
    assert "stop_reason is 'stop', and not 'length'" in broken("law 2", lambda: check_prefixes(Tiny(), twice))

    class Unsure(TinyDecoder):
        def _is_complete(self) -> bool:
            return self.raw_stop_reason is not None and (self.usage is None or self.usage.output_tokens == 3)

    late = Fixture(HELLO + event(stop="end") + event(use=[1, 2]) + event(use=[1, 3]))
    assert "and no longer after" in broken("law 2", lambda: check_prefixes(made(Unsure), late))


def test_a_codec_that_lets_garbage_through_is_found() -> None:
    class Trusting(TinyDecoder):
        def receive(self, data: bytes) -> list[StreamEvent]:
            for line in data.splitlines():
                json.loads(line.removeprefix(b"data: ") or "0")
            return super().receive(data)

    said = broken("law 3: any bytes give events", lambda: check_garbage(made(Trusting), GOOD))
    assert "receive() raised " in said

    class Rash(TinyDecoder):
        def partial(self) -> LlmResponse:
            raise KeyError("x")

    broken("law 3: partial() never raises", lambda: check_garbage(made(Rash), GOOD))
    broken("law 1: cuts do not matter, for garbage too", lambda: check_garbage(made(Deaf), Fixture(REPLY[:40])))


def test_a_decoder_that_cannot_be_saved_is_found() -> None:
    class Locked(TinyDecoder):
        def receive(self, data: bytes) -> list[StreamEvent]:
            self._on_text = lambda: None
            return super().receive(data)

    said = broken("law 5", lambda: check_saved(made(Locked), GOOD))
    assert "pickle cannot copy the decoder" in said


class Restless(TinyDecoder):
    """Found by its copies, for the module's sake: a local class would not pickle."""

    def __deepcopy__(self, memo: Any) -> Restless:
        return Restless("other", None, self.status, self.headers, None)


def test_a_decoder_that_forgets_when_copied_is_found() -> None:
    assert "after deepcopy, " in broken("law 5", lambda: check_saved(made(Restless), GOOD))


# --- law 6 -----------------------------------------------------------------------------------------------------------


def test_an_encoder_that_breaks_law_6_is_found() -> None:
    def grow(body: Any) -> Any:
        return {"count": len(body["messages"]), **body}

    assert "at $.count" in broken("law 6: encoding is stable", lambda: check_replay(encoding(grow), GOOD))

    def keyed(body: Any) -> Any:
        return {f"k{len(body['messages'])}": 1, **body}

    assert "at $" in broken("law 6: encoding is stable", lambda: check_replay(encoding(keyed), GOOD))

    def newest(body: Any) -> Any:
        return {**body, "messages": body["messages"][-1:]}

    broken("law 6", lambda: check_replay(encoding(newest), GOOD))

    def shrunk(body: Any) -> Any:
        return {**body, "messages": body["messages"][:: -1 if len(body["messages"]) > 2 else 1][:2]}

    assert "at $.messages[0]" in broken("law 6: encoding is stable", lambda: check_replay(encoding(shrunk), GOOD))

    def fewer(body: Any) -> Any:
        return {**body, "messages": body["messages"][: 2 if len(body["messages"]) > 3 else 3]}

    assert "at $.messages[" in broken("law 6: encoding is stable", lambda: check_replay(encoding(fewer), GOOD))

    def mute(body: Any) -> Any:
        return {**body, "messages": [message[:1] for message in body["messages"]]}

    said = broken("law 6: a reply loses nothing", lambda: check_replay(encoding(mute), GOOD))
    assert said.endswith("'Hello.' is not sent again")

    numbers = iter(range(99))
    assert "gave other bytes" in broken(
        "law 6", lambda: check_replay(encoding(lambda body: {**body, "n": next(numbers)}), GOOD)
    )

    class Proud(Tiny):
        def encode(self, request: Any, model: Any, *, stream: bool = True) -> HttpRequest:
            raise UnsupportedRequest("answers", "I said that already")

    assert "cannot be sent again: answers: I said" in broken("law 6", lambda: check_replay(Proud(), GOOD))


def test_cache_markers_may_move() -> None:
    def marked(body: Any) -> Any:
        messages = [{"said": message} for message in body["messages"]]
        messages[-1]["cache_control"] = {"type": "ephemeral"}
        return {**body, "messages": messages}

    check_replay(encoding(marked), GOOD)
    broken("law 6", lambda: check_replay(encoding(marked), GOOD, beside=()))


def test_the_last_container_may_grow_at_its_end() -> None:
    def joined(body: Any) -> Any:
        return {**body, "messages": [{"all": [message[-1] for message in body["messages"]]}]}

    check_replay(encoding(joined), GOOD)


# --- laws 7 and 10 ---------------------------------------------------------------------------------------------------


def test_usage_that_does_not_add_up_is_found() -> None:
    class Negative(TinyDecoder):
        def finish(self) -> LlmResponse:
            return evolve(super().finish(), usage=LlmUsage(-1))

    broken("law 7", lambda: check_usage(made(Negative), Fixture(HELLO + event(say="a", stop="end"))))
    assert "the last UsageUpdate says" in broken("law 7", lambda: check_usage(made(Negative), GOOD))


@define(eq=False)
class Slow(TinyDecoder):
    all: bytes = field(default=b"", init=False)

    def receive(self, data: bytes) -> list[StreamEvent]:
        self.all += data
        self.look(self.all)
        return super().receive(data)

    def look(self, data: bytes) -> None:
        pass


def test_a_decoder_that_looks_at_everything_again_is_found() -> None:
    assert "one TextDelta after another: calls and characters come to" in broken(
        "law 10", lambda: check_linear(made(Slow), GOOD)
    )
    assert "ever smaller pieces" in broken("law 10", lambda: check_linear(made(Slow), WHOLE))
    check_linear(Tiny(), WHOLE)
    check_linear(Tiny(), Fixture(b"data: {]\n\n" + REPLY))


def test_work_counts_calls_and_characters_and_is_the_same_each_time() -> None:
    one = work(Tiny(), GOOD, [REPLY])
    assert one == work(Tiny(), GOOD, [REPLY]) > len(REPLY)
    assert work(Tiny(), LONG, [LONG.body]) > 10 * one
    assert work(Tiny(), GOOD, [b"data: {]\n\n", b"data: 1\n\n"]) > 0


# --- the shape of events ---------------------------------------------------------------------------------------------


def shape(*events: StreamEvent, content: Sequence[Any] = (), fault: str | None = None) -> None:
    check_shape(Tiny(), testing.Reading(events, LlmResponse(tuple(content), "stop"), fault))


A = TextPart("a")


@pytest.mark.parametrize(
    ("events", "content", "problem"),
    [
        ([TextStart(0)], [A], "no End for block 0"),
        ([TextStart(1)], [A], "content_index is 1, the next block is number 0"),
        ([TextStart(0), TextStart(0)], [A], "content_index is 0, the next block is number 1"),
        ([TextDelta(0, "a")], [A], "no such block is open"),
        ([TextStart(0), ReasoningDelta(0, "a")], [A], "no such block is open"),
        ([TextStart(0), TextEnd(0, TextPart("")), TextDelta(0, "a")], [A], "no such block is open"),
        ([TextStart(0), TextDelta(0, "")], [A], "an empty delta"),
        ([ToolCallStart(0, "c", "f"), ToolCallDelta(0, "")], [], "an empty delta"),
        ([TextStart(0), TextDelta(0, "b"), TextEnd(0, A)], [A], "the deltas say 'b'"),
        ([AttemptReset(2, Failure("server", "Oops."))], [], "no decoder emits this"),
        ([ResponseEnd(LlmResponse((), "stop"))], [], "no decoder emits this"),
        ([], [A], "the events told of 0 blocks, the response has 1"),
        ([PartAdded(0, RefusalPart("No."))], [], "the events told of 1 blocks, the response has 0"),
        (
            [TextStart(0), TextDelta(0, "a"), TextEnd(0, A)],
            [RefusalPart("a")],
            "content[0] began as text and is a Refusal",
        ),
        ([TextStart(0), TextDelta(0, "a"), TextEnd(0, A)], [TextPart("b")], "content[0] has another text than its End"),
        ([PartAdded(0, TextPart("\ud83d"))], [TextPart("\ud83d")], "half a surrogate pair goes out"),
    ],
)
def test_events_of_another_shape_are_found(events: Any, content: Any, problem: str) -> None:
    assert problem in broken("the shape of events: tiny: ", lambda: shape(*events, content=content))


def test_events_of_the_right_shape_pass() -> None:
    shape(ResponseStart(), UsageUpdate(LlmUsage()), PartAdded(0, RefusalPart("No.")), content=[RefusalPart("No.")])
    shape(content=[RefusalPart("No.")], fault="cut")
    check_events(Tiny(), GOOD)
    assert ReasoningEnd in {type(each) for each in read(Tiny(), Fixture(THOUGHT), [THOUGHT]).events}
    assert ToolCallEnd not in {type(each) for each in read(Tiny(), Fixture(THOUGHT), [THOUGHT]).events}


# --- machines --------------------------------------------------------------------------------------------------------


def call(id: int) -> CallHttp:
    return CallHttp(id, "GET", "http://x/", (), b"")


@define(eq=False)
class Scripted:
    """A machine that puts out what it is told to, and then nothing. `wakes` is its wake_at after each step."""

    steps: list[list[Any]]
    wakes: list[float | None] = field(factory=list)
    last: int = 1
    strict: bool = True
    wake_at: float | None = None

    def start(self, now: float) -> list[Any]:
        return self.next()

    def next(self) -> list[Any]:
        self.wake_at = self.wakes.pop(0) if self.wakes else None
        return self.steps.pop(0) if self.steps else []

    def receive(self, happening: Any, now: float) -> list[Any]:
        if self.strict and getattr(happening, "id", 1) > self.last:
            raise LocalProtocolError("never issued")
        return self.next()


def check(*steps: list[Any], script: Sequence[Any] = (BodyEnded(1),), **how: Any) -> list[Any]:
    def make() -> Scripted:
        return Scripted([list(step) for step in steps], **{**how, "wakes": list(how.get("wakes", []))})

    return check_machine(make, [(float(n), happening) for n, happening in enumerate(script)])


def test_a_machine_that_keeps_the_laws_passes() -> None:
    assert check([call(1)], ["hello", Done(1)]) == [call(1), "hello", Done(1)]
    check([call(1)], [Abort(1)], [Done(1)], script=[Cancelled(), Woke()], wakes=[None, 5.0])
    reset = AttemptReset(2, Failure("server", "Oops."))
    check([call(1), TextStart(0)], [reset, TextStart(0), Done(1)])
    check([call(1)], [Done(1)], [], script=[BodyEnded(1), BodyReceived(1, b"")])


@pytest.mark.parametrize(
    ("steps", "script", "problem"),
    [
        ([[call(1)], [Done(1), "more"]], [BodyEnded(1)], "law 4: .*'more' came after Done"),
        ([[call(1)], [Abort(2), Done(1)]], [BodyEnded(1)], "law 4: .*drops what is not in flight"),
        ([[call(1)], [call(1), Done(1)]], [BodyEnded(1)], "law 4: .*an id that was used before"),
        ([[call(1)], [Done(1)]], [Woke()], r"law 4: .*Done with effects \[1\] in flight"),
        ([[call(1)], []], [BodyEnded(1)], "law 4: .*not done, yet waiting for nothing"),
        ([["hello"]], [], "law 4: .*not done, yet waiting for nothing"),
        ([[call(1)]], [], "law 4: .*the script is over, and there was no Done"),
        ([[call(1)], [Done(1)], ["ghost"]], [BodyEnded(1), BodyEnded(1)], "law 4: .*is for what is finished, yet"),
        (
            [[call(1)], [ResponseEnd(LlmResponse((), "stop")), "more"]],
            [BodyEnded(1)],
            "law 4: .*came after ResponseEnd",
        ),
        (
            [[call(1), TextStart(0)], [TextStart(0), Done(1)]],
            [BodyEnded(1)],
            "law 8: .*where 1 is next, without Attempt",
        ),
    ],
)
def test_a_machine_that_breaks_a_law_is_found(steps: Any, script: Any, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        check(*steps, script=script)


def test_a_machine_that_wants_to_wake_after_its_end_is_found() -> None:
    with pytest.raises(AssertionError, match="law 4: .*wake_at 5.0"):
        check([call(1)], [Done(1)], wakes=[None, 5.0])


def test_a_machine_that_takes_any_id_is_found() -> None:
    with pytest.raises(AssertionError, match="law 4: .*with id 2, never issued, raised no LocalProtocolError"):
        check([call(1)], [Done(1)], strict=False)


class Changed(Scripted):
    def __reduce__(self) -> Any:
        return Changed, ([["other", Done(2)]], [], 1, True, None)


def test_a_machine_that_changes_when_saved_is_found() -> None:
    with pytest.raises(
        AssertionError, match=r"law 5: .*after pickle, output 1 is \['other'\], and not \[Done\(result=1\)\]"
    ):
        check_machine(lambda: Changed([[call(1)], [Done(1)]]), [(0.0, BodyEnded(1))])
