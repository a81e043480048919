"""What the head of a response adds to what its decoder makes of the body."""

from __future__ import annotations

import pytest
from attrs import evolve

from lash_proto.failures import Failure, RemoteProtocolError
from lash_proto.incoming import Incoming
from lash_proto.replies import ResponseStart, TextEnd, TextStart, UsageUpdate
from lash_proto.usage import LlmUsage
from tests.fake_world import SSE
from tests.proto.tiny import HELLO, Tiny, event

NOW = 1_000_000_000.0  # Sun, 09 Sep 2001 01:46:40 GMT
REFUSED = Failure("authentication", "No.", status=401)


def incoming(*headers: tuple[str, str], status: int = 200) -> Incoming:
    return Incoming(status, headers, Tiny().decoder(status=status, headers=SSE))


def test_an_id_and_counts_are_no_output() -> None:
    coming = incoming()
    coming.note_output([ResponseStart("r-1", "tiny-1"), UsageUpdate(LlmUsage(3))])
    assert not coming.output
    coming.note_output([ResponseStart("r-1", "tiny-1"), TextStart(0)])
    coming.note_output([])
    assert coming.output


def test_open_blocks_end_also_where_the_body_breaks_off() -> None:
    coming = incoming()
    coming.decoder.receive(HELLO + event(say="Hel"))
    assert [(type(end), end.content_index, end.text) for end in coming.close_blocks()] == [(TextEnd, 0, "Hel")]
    broken = incoming()
    broken.decoder.receive(HELLO + b"data: {]\n\n")
    assert broken.close_blocks() == []
    with pytest.raises(RemoteProtocolError):
        broken.decoder.finish()


def test_when_to_come_back_may_be_a_date_which_needs_the_clock() -> None:
    later = ("retry-after", "Sun, 09 Sep 2001 01:46:47 GMT")
    busy = Failure("overloaded", "Later.", status=529, retryable=True)
    assert incoming(later, status=529).explained(busy, {}, NOW) == evolve(busy, retry_after=7.0)
    known = evolve(busy, retry_after=3.0)
    assert incoming(later, status=529).explained(known, {}, NOW) == known
    assert incoming(later).explained(busy, {}, NOW) == busy  # recorded: some send it with every answer


def test_a_hint_is_for_a_status_and_not_for_a_conversation_that_is_too_long() -> None:
    hints = {401: "sign in again", 413: "sign in again"}
    assert incoming(status=401).explained(REFUSED, hints, NOW).message == "No. (sign in again)"
    too_long = Failure("context_overflow", "Too long.", status=413)
    assert incoming(status=413).explained(too_long, hints, NOW) == too_long


def test_a_redirect_is_told_with_its_place_and_without_its_keys() -> None:
    moved = Failure("other", "", status=307)
    place = ("location", "https://other.test/v1?key=abcdefgh")
    told = incoming(place, status=307).explained(moved, {}, NOW)
    assert told.kind == "other"
    assert told.message.startswith("HTTP 307: the server sends this call to https://other.test/v1")
    assert "abcdefgh" not in told.message
    assert incoming(place, status=401).explained(REFUSED, {}, NOW) == REFUSED  # a place, and no redirect
    assert incoming(status=307).explained(moved, {}, NOW) == moved
