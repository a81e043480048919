"""`lash_proto.sse`. The examples of the first part are the standard's own (HTML Living Standard, 9.2.6)."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lash_proto.failures import RemoteProtocolError
from lash_proto.sse import Event, SseParser


def events_of(*reads: bytes) -> list[Event]:
    parser = SseParser()
    return [event for read in reads for event in parser.receive(read)] + parser.end()


def singly(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


# --- the grammar -----------------------------------------------------------------------------------------------------


def test_each_blank_line_ends_an_event() -> None:
    assert events_of(b"data: This is the first message.\n\ndata: This is the second\n\n") == [
        ("", "This is the first message."),
        ("", "This is the second"),
    ]


def test_any_number_of_blank_lines_is_one() -> None:
    assert events_of(b"\n\n\n\ndata: a\n" + b"\n" * 100_000 + b"data: b\r\n\r\n\r\n\r\n") == [("", "a"), ("", "b")]


def test_data_lines_are_joined_by_line_feeds() -> None:
    assert events_of(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [("", "YHOO\n+2\n10")]


def test_an_event_line_names_its_event_and_no_other() -> None:
    stream = b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\ndata: 113411\n\n"
    assert events_of(stream) == [("add", "73857293"), ("remove", "2153"), ("", "113411")]


def test_a_name_does_not_last() -> None:
    assert events_of(b"event: a\ndata: 1\n\ndata: 2\n\n") == [("a", "1"), ("", "2")]
    assert events_of(b"event: a\ndata: 1\n\n", b"data: 2\n\n") == [("a", "1"), ("", "2")]


def test_comments_ids_and_retries_are_no_events() -> None:
    stream = (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\nretry: 10000\n\ndata:  third event\n\n"
    )
    assert events_of(stream) == [("", "first event"), ("", "second event"), ("", " third event")]


def test_a_data_line_may_be_empty_and_may_lack_its_colon() -> None:
    assert events_of(b"data\n\ndata\ndata\n\n") == [("", ""), ("", "\n")]


def test_exactly_one_space_after_the_colon_is_no_part_of_the_value() -> None:
    assert events_of(b"data:test\n\ndata: test\n\ndata:  test\n\n") == [("", "test"), ("", "test"), ("", " test")]


def test_a_name_without_data_makes_no_event_and_is_forgotten() -> None:
    assert events_of(b"event: ping\n\ndata: x\n\n") == [("", "x")]


def test_the_last_event_line_wins_and_stands_anywhere() -> None:
    assert events_of(b"event: a\ndata: x\nevent: b\n\n") == [("b", "x")]


def test_unknown_fields_and_other_cases_are_ignored() -> None:
    assert events_of(b"foo: bar\nDATA: no\n data: no\ndata: yes\n\n") == [("", "yes")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_with_lf_cr_or_both(line_end: bytes) -> None:
    stream = b"event: a|data: 1|data: 2||data: 3||".replace(b"|", line_end)
    assert events_of(stream) == [("a", "1\n2"), ("", "3")]
    assert events_of(*singly(stream)) == [("a", "1\n2"), ("", "3")]


def test_line_ends_may_be_mixed() -> None:
    assert events_of(b"data: 1\rdata: 2\r\n\n\rdata: 3\n\r\n") == [("", "1\n2"), ("", "3")]


def test_a_cr_at_the_end_of_a_read_ends_its_event_at_once() -> None:
    parser = SseParser()
    assert parser.receive(b"data: 1\r\n\r") == [("", "1")]
    assert parser.receive(b"\ndata: 2\r\n\r") == [("", "2")]
    assert parser.receive(b"\n") == []
    assert parser.receive(b"data: 3\r\r") == [("", "3")]
    assert parser.receive(b"data: 4\r\r") == [("", "4")]
    assert parser.end() == []


def test_only_the_lf_right_behind_a_cr_belongs_to_it() -> None:
    parser = SseParser()
    assert [parser.receive(read) for read in (b"data: 1\r", b"", b"\n", b"\n")] == [[], [], [], [("", "1")]]


def test_data_lines_of_one_event_may_come_in_reads_of_their_own() -> None:
    parser = SseParser()
    assert [parser.receive(read) for read in (b"data: 1\n", b"data: 2\n\n")] == [[], [("", "1\n2")]]


def test_one_leading_byte_order_mark_is_dropped() -> None:
    stream = b"\xef\xbb\xbfdata: x\n\n"
    assert events_of(stream) == [("", "x")]
    assert events_of(*singly(stream)) == [("", "x")]
    assert events_of(b"\xef\xbb\xbf" + stream) == []
    assert events_of(b"data: \xef\xbb\xbfx\n\n") == [("", "\ufeffx")]


def test_the_beginning_of_a_byte_order_mark_alone_is_nothing() -> None:
    assert events_of(b"\xef\xbb") == []
    assert events_of(b"\xef", b"\xbbdata: x\n\n") == []


def test_only_cr_and_lf_end_a_line() -> None:
    text = '{"a":"\u2028\u2029\u0085\x0b\x0c\x1c"}'
    assert events_of(f"data: {text}\n\n".encode()) == [("", text)]


def test_broken_utf_8_is_replaced_wherever_it_is_cut() -> None:
    stream = b"data: \xe2\x82\xac \xe2\x82 \xf0\x9f\x98\n\ndata: \xff\n\n"
    expected = [("", "\u20ac \ufffd \ufffd"), ("", "\ufffd")]
    assert events_of(stream) == expected
    assert events_of(*singly(stream)) == expected


def test_an_event_of_another_shape_among_others_in_one_read_is_whole() -> None:
    stream = b"data: 1\n\nevent: x\ndata: a\ndata: b\n\nevent: y\n\nevent: z\ndata:2\n\ndata: 3\n\n"
    expected = [("", "1"), ("x", "a\nb"), ("z", "2"), ("", "3")]
    assert events_of(stream) == expected
    assert events_of(*singly(stream)) == expected


def test_a_carriage_return_alone_among_pairs_ends_a_line() -> None:
    stream = b"event: x\r\ndata: 1\rdata: 2\r\n\r\ndata: 3\r\n\r\n"
    assert events_of(stream) == [("x", "1\n2"), ("", "3")]
    assert events_of(*singly(stream)) == [("x", "1\n2"), ("", "3")]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"event: foobar\ndata: hello\n\ndata: x\n\n", [("foobar", "hello"), ("", "x")]),
        (b"event: a\r\ndata: b\r\n\r\nevent: c\rdata: d\n\n", [("a", "b"), ("c", "d")]),
        (b"data: a\rdata: b\n\ndata: c\r\n\r\n", [("", "a\nb"), ("", "c")]),
        # A mark that does not lead is a letter, and no field is called so.
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n", [("", "a"), ("", "c")]),
        (b"data: 1\ndata: 123456\n\n:2345678901\ndata: 2\n\n", [("", "1\n123456"), ("", "2")]),
    ],
)
def test_three_reads_are_one_wherever_they_are_cut(stream: bytes, events: list[Event]) -> None:
    for a in range(len(stream) + 1):
        for b in range(a, len(stream) + 1):
            assert events_of(stream[:a], stream[a:b], stream[b:]) == events
            if max(map(len, stream.splitlines())) <= 12:  # a line that is just as long as may be
                assert until_fault([stream[:a], stream[a:b], stream[b:]]) == (events, None)


@pytest.mark.parametrize(
    ("blank", "ends"),
    [(b"\n\n", (9, 18)), (b"\r\n\r\n", (10, 21)), (b"\r\r", (9, 18)), (b"\r\n\n", (10, 20)), (b"\n\r\n", (9, 19))],
)
def test_an_event_comes_with_the_byte_that_ends_it(blank: bytes, ends: tuple[int, int]) -> None:
    stream = b"data: 1" + blank + b"data: 2" + blank
    for a in range(len(stream) + 1):
        for b in range(a, len(stream) + 1):
            parser = SseParser()
            came = 0
            for read, end in ((stream[:a], a), (stream[a:b], b), (stream[b:], len(stream))):
                came += len(parser.receive(read))
                assert came == sum(place <= end for place in ends)


# --- what providers do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\n\n"])
def test_the_last_event_needs_no_blank_line(tail: bytes) -> None:
    assert events_of(b"data: 1\n\nevent: b\ndata: 2" + tail) == [("", "1"), ("b", "2")]


def test_a_keep_alive_between_events_is_nothing() -> None:
    stream = b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: 1\n\n:\n\n"
    assert events_of(stream) == [("", "1")]


def test_a_bare_error_line_is_an_error_event_as_soon_as_it_ends() -> None:
    parser = SseParser()
    assert parser.receive(b'data: {"a":1}\n\nerror: {"detail":"x"}') == [("", '{"a":1}')]
    assert parser.receive(b"\n") == [("error", '{"detail":"x"}')]
    assert parser.end() == []


def test_a_bare_error_line_may_be_the_last_and_lack_its_line_end() -> None:
    assert events_of(b'error: {"detail":"x"}') == [("error", '{"detail":"x"}')]


def test_a_bare_error_line_first_ends_the_event_above_it() -> None:
    assert events_of(b"event: a\ndata: 1\nerror: 2\n\n") == [("a", "1"), ("error", "2")]


def test_an_error_line_that_says_nothing_is_an_unknown_field() -> None:
    assert events_of(b"error\nerror:\ndata: 1\n\n") == [("", "1")]


@pytest.mark.parametrize("error", ['{"error":{"code":503}}', '[{"error":{"code":503}}]'])
def test_a_bare_json_line_is_data_as_soon_as_it_ends(error: str) -> None:
    parser = SseParser()
    assert parser.receive(b"data: 1\n\n" + error.encode()) == [("", "1")]
    assert parser.receive(b"\r") == [("", error)]
    assert parser.receive(b"\ndata: 2\r\n\r\n") == [("", "2")]


def test_a_bare_json_line_first_ends_the_event_above_it_and_takes_a_name_that_has_no_data() -> None:
    assert events_of(b"event: a\ndata: 1\n{}\nevent: error\n{}\n") == [("a", "1"), ("", "{}"), ("error", "{}")]


INDENTED = """\
[{
  "error": {
    "message": "} ] \\" } \\\\",
    "code": 503
  }
}
]"""


def test_bare_json_goes_on_until_its_brackets_are_closed() -> None:
    stream = f"data: 1\n\n{INDENTED}\ndata: 2\n\n".encode()
    expected = [("", "1"), ("", INDENTED), ("", "2")]
    assert events_of(stream) == expected
    assert events_of(*singly(stream)) == expected


def test_the_shortest_bare_json_is_no_beginning_of_a_byte_order_mark() -> None:
    assert events_of(b"{}") == [("", "{}")]


def test_bare_json_that_lacks_one_bracket_ends_at_a_field() -> None:
    assert events_of(b'{"a":1\ndata: 2\n\n') == [("", '{"a":1'), ("", "2")]


@pytest.mark.parametrize("end", [b"\n\ndata: 2", b"\ndata: 2\n\n", b"\n: comment\n\ndata:2"])
def test_bare_json_that_is_never_closed_ends_at_a_blank_line_or_a_field(end: bytes) -> None:
    assert events_of(b'{\n  "error": {' + end) == [("", '{\n  "error": {'), ("", "2")]


def test_bare_json_that_is_never_closed_ends_with_the_stream() -> None:
    assert events_of(b'{\n"error": "data: {') == [("", '{\n"error": "data: {')]


# --- limits ----------------------------------------------------------------------------------------------------------

LONG_LINE = "a line of the event stream is longer than 12 bytes"
LONG_EVENT = "an event of the event stream is longer than 20 bytes"


def until_fault(reads: list[bytes]) -> tuple[list[Event], str | None]:
    """The events under small limits, and the fault that every later call repeats."""
    parser = SseParser(max_line_bytes=12, max_event_bytes=20)
    events: list[Event] = []
    faults: list[str] = []
    for read in [*reads, None, None]:
        try:
            more = parser.end() if read is None else parser.receive(read)
        except RemoteProtocolError as error:
            faults.append(str(error))
        else:
            assert not faults
            events += more
    assert len(set(faults)) <= 1
    return events, faults[0] if faults else None


@pytest.mark.parametrize(
    ("stream", "events", "fault"),
    [
        (b"data: 123456\n\n", [("", "123456")], None),
        (b"data: 1234567\n\n", [], LONG_LINE),
        (b"data: 1\n\ndata: 1234567\n\ndata: 2\n\n", [("", "1")], LONG_LINE),
        (b"data: 1\n\ndata: 1234567\n\ndata: 2", [("", "1")], LONG_LINE),
        (b"data: 1\n\n:2345678901234", [("", "1")], LONG_LINE),
        (b"error: 1234567\n", [], LONG_LINE),
        (b"data: 1", [("", "1")], None),
        (b"\xef\xbb\xbfdata: 123456\r\n\r\n", [("", "123456")], None),
        (b"data: 1234\ndata: 1234\n\n", [("", "1234\n1234")], None),
        (b"data: 1\n\ndata: 1234\ndata: 12345\n\ndata: 2\n\n", [("", "1")], LONG_EVENT),
        (b"data: 1234\ndata: 12345", [], LONG_EVENT),
        (b"data: 1234\ndata: 12345\ndata: 1234567\n\n", [], LONG_EVENT),
        (b"data: 1234\nerror: 34567\ndata: 1234567\n\n", [("", "1234"), ("error", "34567")], LONG_LINE),
        (b"{23456789012\n3456789012\n\ndata: 1\n\n", [], LONG_EVENT),
        (b"data: 1\n\n: 23456789\n: 23456789\n: 23456789\n\ndata: 2\n\n", [("", "1"), ("", "2")], None),
    ],
)
def test_past_a_limit_comes_a_fault_after_all_that_came_before_it(
    stream: bytes, events: list[Event], fault: str | None
) -> None:
    assert until_fault([stream]) == (events, fault)
    assert until_fault(singly(stream)) == (events, fault)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_line_that_waits_for_a_blank_one_is_no_part_of_the_next(line_end: bytes) -> None:
    line = b"data: 1" + line_end
    assert until_fault([line, b":23456789012", b"\n\n"]) == ([("", "1")], None)
    assert until_fault([line, b":234567890123"]) == ([], LONG_LINE) == until_fault([line + b":234567890123"])


def test_nothing_that_follows_a_fault_is_an_event() -> None:
    assert until_fault([b"data: 1234\n", b"data: 12345\n\ndata: 2\n\n"]) == ([], LONG_EVENT)


def test_a_fault_is_raised_at_the_call_after_the_events() -> None:
    parser = SseParser(max_line_bytes=12)
    assert parser.receive(b"data: 1\n\ndata: 1234567") == [("", "1")]
    for read in (b"\n\n", b"", b"data: 2\n\n"):
        with pytest.raises(RemoteProtocolError, match=LONG_LINE):
            parser.receive(read)
    with pytest.raises(RemoteProtocolError, match=LONG_LINE):
        parser.end()
    parser = SseParser(max_line_bytes=12)
    assert parser.receive(b"data: 1\n\ndata: 1234567\n\ndata: 2") == [("", "1")]
    with pytest.raises(RemoteProtocolError, match=LONG_LINE):
        parser.receive(b"3")


def test_end_hands_over_what_came_before_the_fault_that_it_finds() -> None:
    parser = SseParser(max_event_bytes=20)
    assert parser.receive(b"data: 1\n{23456789012345678901") == []
    assert parser.end() == [("", "1")]
    with pytest.raises(RemoteProtocolError, match=LONG_EVENT):
        parser.end()


def test_what_end_finds_it_raises_when_it_has_nothing_to_hand_over() -> None:
    parser = SseParser(max_event_bytes=20)
    assert parser.receive(b"data: 1234\ndata: 12345") == []
    with pytest.raises(RemoteProtocolError, match=LONG_EVENT):
        parser.end()


def test_a_line_without_end_is_a_fault_before_its_end() -> None:
    parser = SseParser(max_line_bytes=12)
    assert [parser.receive(read) for read in (b"data: ", b"123456", b"7")] == [[], [], []]
    with pytest.raises(RemoteProtocolError, match=LONG_LINE):
        parser.receive(b"8")


def test_a_picture_of_many_megabytes_is_one_event() -> None:
    data = "A" * (20 << 20)
    stream = f"event: image\ndata: {data}\n\n".encode()
    assert events_of(*[stream[i : i + 65536] for i in range(0, len(stream), 65536)]) == [("image", data)]


# --- laws ------------------------------------------------------------------------------------------------------------

PIECES = [
    b"\n", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"data: ", b"data:", b"data", b"event: ", b"error: ", b"error",
    b"event: a\ndata: b\n\n", b"id: 1", b"retry: 5", b":", b" ", b"{", b"}", b"[", b"]", b'"', b"\\", b"{}", b"[DONE]",
    b"\xef\xbb\xbf", b"\xe2\x82\xac", b"\xe2\x82", b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"\xff", b"\x00", b"x",
    b"abcdefgh",
]  # fmt: skip
STREAMS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=30).map(b"".join)


def cuts(stream: bytes, places: list[int]) -> list[bytes]:
    borders = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[a:b] for a, b in zip(borders, borders[1:], strict=False)]


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=10))
@example(b"data: x\r\n\r\n", [8, 10])
@example(b"data: a\ndata: b\n\ndata: c\n\n", [8, 16])
@example(b"data: a\ndata: b\n\ndata: c\n\n", [8])
@example(b"data: \xe2\x82\xac\n\n", [7, 8])
def test_cuts_do_not_matter(stream: bytes, places: list[int]) -> None:
    assert events_of(*cuts(stream, places)) == events_of(stream) == events_of(*singly(stream))


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=10))
def test_cuts_do_not_matter_under_small_limits(stream: bytes, places: list[int]) -> None:
    assert until_fault(cuts(stream, places)) == until_fault([stream]) == until_fault(singly(stream))


@given(STREAMS, st.lists(st.integers(min_value=0), max_size=5))
def test_a_copy_goes_on_as_the_original_would(stream: bytes, places: list[int]) -> None:
    parser, events = SseParser(), []
    for read in cuts(stream, places):
        events += parser.receive(read)
        twin = pickle.loads(pickle.dumps(parser))
        assert twin == parser == copy.deepcopy(parser)
        parser = twin
    assert events + parser.end() == events_of(stream)


@given(STREAMS)
def test_every_event_can_be_encoded(stream: bytes) -> None:
    for name, data in events_of(stream):
        (name + data).encode()
