"""The content of a response while it comes: numbering, deltas, surrogates, final texts, calls."""

from __future__ import annotations

import hashlib

import pytest

from lash_proto.codecs import _blocks
from lash_proto.codecs._blocks import Blocks, made_up_id
from lash_proto.failures import RemoteProtocolError
from lash_proto.messages import Origin, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from lash_proto.replies import (
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    StreamEvent,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)

ORIGIN = Origin("test", "tiny", "m")


@pytest.fixture
def blocks() -> Blocks:
    return Blocks(ORIGIN)


def text(said: str) -> TextPart:
    return TextPart(said, origin=ORIGIN)


def test_blocks_are_numbered_in_the_order_of_their_start(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    first, second = blocks.start_text(out), blocks.start_reasoning(out)
    assert blocks.add_part(RefusalPart("No."), out) == 2
    second.add("b", out)
    first.add("a", out)
    blocks.close(second, out)
    blocks.close(first, out)
    assert out == [
        TextStart(0),
        ReasoningStart(1),
        PartAdded(2, RefusalPart("No.")),
        ReasoningDelta(1, "b"),
        TextDelta(0, "a"),
        ReasoningEnd(1, ReasoningPart("b", origin=ORIGIN)),
        TextEnd(0, text("a")),
    ]
    assert blocks.parts() == (text("a"), ReasoningPart("b", origin=ORIGIN), RefusalPart("No."))


def test_parts_show_open_blocks_as_far_as_they_have_come(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    blocks.start_text(out).add("a\ud83d", out)
    call = blocks.new_call("c", "f")
    blocks.start_call(call, None, out)
    call.add('{"a":', out)
    assert blocks.parts()[0] == text("a\ufffd")
    part = blocks.parts()[1]
    assert isinstance(part, ToolCallPart)
    assert (part.raw_arguments, dict(part.arguments)) == ('{"a":', {})
    assert part.arguments_error


def test_an_empty_delta_is_none(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    blocks.start_text(out).add("", out)
    blocks.new_call("c", "f").add("", out)
    assert out == [TextStart(0)]


def test_a_surrogate_pair_cut_in_two_comes_out_whole(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    block = blocks.start_text(out)
    for piece in ("a\ud83d", "\ude00b", "\ude00", "c\ud83d"):
        block.add(piece, out)
    assert block.text == "a😀b\ufffdc"
    blocks.close(block, out)
    assert out[1:] == [
        *(TextDelta(0, piece) for piece in ("a", "😀b", "\ufffd", "c", "\ufffd")),
        TextEnd(0, text("a😀b\ufffdc\ufffd")),
    ]


def test_half_a_pair_at_the_end_of_reasoning_is_reasoning(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    block = blocks.start_reasoning(out)
    block.add("\ud83d", out)
    blocks.close(block, out)
    assert out[1:] == [ReasoningDelta(0, "\ufffd"), ReasoningEnd(0, ReasoningPart("\ufffd", origin=ORIGIN))]


@pytest.mark.parametrize(
    ("pieces", "final", "more", "contradicts"),
    [
        (["Hel"], "Hello.", ["lo."], False),
        (["Hello."], "Hello.", [], False),
        ([], "Hello.", ["Hello."], False),
        (["Hello."], "Help.", [], True),
        (["Hello."], "", [], True),
        (["a\ud83d"], "a😀", ["😀"], False),
        (["a\ud83d"], "a\ud83d", ["\ufffd"], False),
    ],
)
def test_a_final_text_adds_what_it_has_more_or_contradicts(
    blocks: Blocks, pieces: list[str], final: str, more: list[str], contradicts: bool
) -> None:
    out: list[StreamEvent] = []
    block = blocks.start_text(out)
    for piece in pieces:
        block.add(piece, out)
    out.clear()
    assert block.settle(final, out) is contradicts
    assert out == [TextDelta(0, piece) for piece in more]


def test_closing_twice_does_no_harm(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    block = blocks.start_text(out)
    blocks.close(block, out)
    blocks.close(block, out)
    blocks.close_all(out)
    assert [type(event) for event in out] == [TextStart, TextEnd]


def test_all_that_is_open_is_closed_in_order(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    blocks.start_text(out)
    blocks.add_part(RefusalPart("No."), out)
    blocks.start_call(blocks.new_call("c", "f"), None, out)
    out.clear()
    blocks.close_all(out)
    assert [(type(event), event.content_index) for event in out] == [(TextEnd, 0), (ToolCallEnd, 2)]  # type: ignore[union-attr]


def test_a_block_keeps_phase_citations_and_provider_data(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    block = blocks.start_text(out)
    block.phase, block.provider_data = "commentary", {"id": "msg_1"}
    block.citations.append({"url": "u"})
    blocks.close(block, out)
    part = TextPart("", False, "commentary", ({"url": "u"},), ORIGIN, {"id": "msg_1"})
    assert out[1] == TextEnd(0, part)
    late = TextPart("", origin=ORIGIN)
    blocks.replace(0, late)
    assert blocks.parts() == (late,)


# --- calls -----------------------------------------------------------------------------------------------------------


def test_what_comes_before_the_name_is_told_after_the_start(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    call = blocks.new_call("call_1", None)
    call.add('{"a"', out)
    assert out == []
    blocks.close(call, out)  # it has no place: nothing to close
    call.name = "f"
    call.pieces.insert(0, "")
    blocks.start_call(call, None, out)
    call.add(":1}", out)
    blocks.close(call, out)
    part = ToolCallPart("call_1", "f", {"a": 1}, '{"a":1}', origin=ORIGIN)
    assert out == [
        ToolCallStart(0, "call_1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        ToolCallEnd(0, part),
    ]
    assert isinstance(out[2], ToolCallDelta)
    assert dict(out[2].arguments) == {"a": 1}


@pytest.mark.parametrize("id", [None, ""])
def test_a_call_without_an_id_gets_one_that_is_the_same_each_time(blocks: Blocks, id: str | None) -> None:
    out: list[StreamEvent] = []
    blocks.start_text(out)
    blocks.whole_call(id, "f", None, "resp_1", out)
    # By sha256sum of "resp_1\n1\nf".
    made_up = "call_" + hashlib.sha256(b"resp_1\n1\nf").hexdigest()[:24]
    assert out[1] == ToolCallStart(1, made_up, "f")
    part = blocks.parts()[1]
    assert isinstance(part, ToolCallPart)
    assert (part.id, part.id_sent, part.arguments, part.raw_arguments) == (made_up, False, {}, "")


def test_a_made_up_id_needs_no_response_id_and_survives_any_name() -> None:
    assert made_up_id(None, 0, "f") == made_up_id("", 0, "f") != made_up_id("r", 0, "f")
    assert len(made_up_id("\ud83d", 0, "\ud83d")) == 29


def test_a_call_that_comes_whole_has_its_arguments_as_one_delta(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    blocks.whole_call("c", "f", {"a": "ü"}, None, out, provider_data={"signature": "s"})
    blocks.whole_call("d", "g", '{"b":2}', None, out)
    blocks.whole_call("e", "h", "", None, out)
    blocks.whole_call("k", "shell", "ls -l", None, out, kind="custom")
    assert [event for event in out if isinstance(event, ToolCallDelta)] == [
        ToolCallDelta(0, '{"a":"ü"}'),
        ToolCallDelta(1, '{"b":2}'),
        ToolCallDelta(3, "ls -l"),
    ]
    assert blocks.parts() == (
        ToolCallPart("c", "f", {"a": "ü"}, '{"a":"ü"}', origin=ORIGIN, provider_data={"signature": "s"}),
        ToolCallPart("d", "g", {"b": 2}, '{"b":2}', origin=ORIGIN),
        ToolCallPart("e", "h", {}, "", origin=ORIGIN),
        ToolCallPart("k", "shell", {}, "ls -l", kind="custom", origin=ORIGIN),
    )


def test_final_arguments_add_what_they_have_more_or_replace(blocks: Blocks) -> None:
    out: list[StreamEvent] = []
    call = blocks.new_call("c", "f")
    blocks.start_call(call, None, out)
    call.add('{"a":', out)
    call.settle('{"a":1}', out)
    assert (out[-1], call.raw) == (ToolCallDelta(0, "1}"), '{"a":1}')
    call.settle('{"b":2}', out)
    blocks.close(call, out)
    assert out[-1] == ToolCallEnd(0, ToolCallPart("c", "f", {"b": 2}, '{"b":2}', origin=ORIGIN))


def test_ids_and_names_are_encodable(blocks: Blocks) -> None:
    call = blocks.new_call("c\ud83d", "f\ud83d")
    assert (call.id, call.name) == ("c\ufffd", "f\ufffd")


def test_arguments_are_bounded_and_what_came_before_stays(blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blocks, "MAX_ARGUMENTS", 4)
    out: list[StreamEvent] = []
    call = blocks.new_call("c", None)
    call.add('{"a', out)
    call.name = "f"
    blocks.start_call(call, None, out)
    call.add("b", out)
    with pytest.raises(RemoteProtocolError, match="^the arguments of a call are longer than 4 characters$"):
        call.add("c", out)
    assert call.part().raw_arguments == '{"ab'
