"""Every border is cut in memory: each byte of a small answer, on the wire and in the body, each event of a recording.

Law 2 to the letter. Before the dialect's evidence of an end (WIRE 12.1) `finish()` raises RemoteProtocolError, and a
call ends in "truncated", with no word for why it stopped but the provider's own. After it the content and the stop
reason are those of the whole, at most without usage. Where the evidence is, tests/faults/oracle.py says: no codec.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.effects import CallHttp
from lash_proto.exchange import Exchange
from lash_proto.faux import FauxReply
from lash_proto.happenings import BodyEnded, BodyReceived, HeadReceived
from lash_proto.http1 import Http1Exchange
from lash_proto.machine import Done
from lash_proto.messages import LlmRequest, ProviderOptions, TextPart, ToolCallPart
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from lash_proto.replies import LlmResponse
from lash_proto.testing import Fixture
from lash_proto.testing import read as decode
from tests.faults.oracle import ends, events_of, is_error
from tests.faults.scenes import APIS, ERRORS, SOAK, stream, whole
from tests.faults.wire import JSON, SSE, chunk, head, sized
from tests.recordings import NO_RECORDINGS, Item, find_recordings, read_items

# A text whose characters take one to four bytes, and a call: little of each, since all is cut everywhere.
REPLY = FauxReply((TextPart("aß€🌍"), ToolCallPart("call_1", "f", {"x": "ü"}, '{"x":"ü"}')))
MODEL = "m"


def call_of(api: str) -> Exchange:
    """One call that is not tried again."""
    options = ProviderOptions(max_retries=0)
    request = LlmRequest("Hi.", options=options)
    route = Route("http://127.0.0.1", CODECS[api])
    return Exchange(route, KeyAuth("t", "authorization", optional=True), request, ModelSpec(MODEL))


def outcome(api: str, body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...]) -> LlmResponse:
    """What a call makes of a body that ends in good order."""
    exchange = call_of(api)
    (call,) = exchange.start(0.0)
    outputs = exchange.receive(HeadReceived(call.id, status, headers), 0.0)
    outputs += exchange.receive(BodyReceived(call.id, body), 0.0) if body else []
    if not any(isinstance(output, Done) for output in outputs):
        outputs += exchange.receive(BodyEnded(call.id), 0.0)
    (done,) = (output for output in outputs if isinstance(output, Done))
    response: LlmResponse = done.result
    return response


def check_cut(api: str, body: bytes, fixture: Fixture, whole: LlmResponse | None, *, call: bool = True) -> None:
    """Law 2 for one prefix, `call`: for a call too. `whole` is None before the evidence, the whole answer after it."""
    reading = decode(CODECS[api], fixture, [body])
    response = outcome(api, body, status=fixture.status, headers=fixture.headers) if call else reading.response
    if whole is None:
        assert reading.fault is not None, "finish() took a cut for the whole"
        assert reading.response.error is not None
        assert (response.stop_reason, response.error and response.error.kind) == ("error", "truncated")
        assert response.raw_stop_reason is None or json.dumps(response.raw_stop_reason).encode() in body
    else:
        assert reading.complete, reading.fault
        for found in (reading.response, response):
            assert (found.content, found.stop_reason) == (whole.content, whole.stop_reason)
            assert found.usage is None or whole.usage is None or found.usage.output_tokens <= whole.usage.output_tokens


# --- every byte of a small answer ------------------------------------------------------------------------------------


def small(api: str) -> tuple[bytes, int]:
    """A small stream, and how many of its bytes hold the evidence of its end, the blank line aside."""
    events = stream(api, REPLY)
    last = next(number for number, event in enumerate(events) if ends(api, event))
    return b"".join(events), len(b"".join(events[: last + 1]).rstrip(b"\r\n"))


STREAM = (("content-type", SSE),)
PIECES = 8
"""The bytes of a body are shared among so many tests, for the sake of two workers."""


@pytest.mark.parametrize("part", range(PIECES))
@pytest.mark.parametrize("api", APIS)
def test_laws_1_to_3_at_every_byte_of_a_stream(api: str, part: int) -> None:
    body, end = small(api)
    codec, fixture = CODECS[api], Fixture(body, headers=STREAM, model=MODEL)
    full = decode(codec, fixture, [body])
    assert full.complete
    for at in range(part, len(body) + 1, PIECES):
        assert decode(codec, fixture, [body[:at], body[at:]]) == full
        # A call is cut at every byte further down.
        check_cut(api, body[:at], fixture, full.response if at >= end else None, call=SOAK or at % 5 == 0)
        # Law 3: one byte gone, or one in its place that no JSON has there.
        broken = body[:at] + b"\xff"[: at % 2] + body[at + 1 :]
        garbage = Fixture(broken, headers=STREAM)
        assert decode(codec, garbage, [broken[:at], broken[at:]]) == decode(codec, garbage, [broken])


@pytest.mark.parametrize("api", APIS)
def test_laws_1_to_3_at_every_byte_of_a_body(api: str) -> None:
    body = whole(api, REPLY)
    codec, fixture = CODECS[api], Fixture(body, headers=(("content-type", JSON),), model=MODEL)
    full = decode(codec, fixture, [body])
    assert full.complete
    for at in range(len(body)):
        assert decode(codec, fixture, [body[:at], body[at:]]) == full
        check_cut(api, body[:at], fixture, None)
        garbage = Fixture(body[:at] + b"\xff" + body[at + 1 :], headers=fixture.headers)
        decode(codec, garbage, [garbage.body])


@pytest.mark.parametrize("api", APIS)
def test_an_error_body_that_was_cut_is_the_error_that_its_status_tells(api: str) -> None:
    body = json.dumps(ERRORS[api]).encode()
    for at in range(len(body) + 1):
        error = outcome(api, body[:at], status=503, headers=(("content-type", JSON),)).error
        assert error is not None
        assert (error.kind, error.status) == ("overloaded", 503)


WORDS = FauxReply("aß€🌍")


def wire(api: str, framing: str) -> bytes:
    """A small stream as it goes over a connection."""
    events = stream(api, WORDS)
    body = b"".join(events)
    match framing:
        case "chunks":
            return head() + chunk(*events) + b"0\r\n\r\n"
        case "length":
            return sized(body, len(body))
        case _:
            return head(more="") + body


def told(*pieces: bytes) -> tuple[list[Any], bytes]:
    """What a connection tells of these pieces and its end, the body joined."""
    http = Http1Exchange(CallHttp(1, "POST", "http://127.0.0.1/", (), b""))
    http.to_send()
    happenings = [each for piece in (*pieces, b"") if not http.ended for each in http.receive(piece)]
    body = b"".join(each.data for each in happenings if isinstance(each, BodyReceived))
    return [each for each in happenings if not isinstance(each, BodyReceived)], body


def over_http(api: str, pieces: Sequence[bytes]) -> LlmResponse:
    """What a call makes of a connection that gives these pieces and ends."""
    exchange = call_of(api)
    (call,) = exchange.start(0.0)
    http = Http1Exchange(call)
    http.to_send()
    outputs: list[Any] = []
    for piece in (*pieces, b""):
        for happening in http.receive(piece) if not http.ended else ():
            outputs += exchange.receive(happening, 0.0)
    assert isinstance(outputs[-1], Done)
    response: LlmResponse = outputs[-1].result
    return response


@pytest.mark.parametrize("framing", ["chunks", "length", "until the end"])
@pytest.mark.parametrize("api", APIS)
def test_laws_1_and_2_at_every_byte_of_a_connection(api: str, framing: str) -> None:
    sent = wire(api, framing)
    last = next(event for event in stream(api, WORDS) if ends(api, event)).rstrip(b"\r\n")
    begin, end = sent.index(b"\r\n\r\n") + 4, sent.index(last) + len(last)
    full = over_http(api, [sent])
    assert (full.error, full.text) == (None, "aß€🌍")
    uncut = told(sent)
    # What a body says is cut at every byte of its chunks; the other framings differ at their ends.
    for at in range(0, len(sent) + 1, 1 if SOAK or framing == "chunks" else 7):
        if 0 < at < len(sent):
            assert told(sent[:at], sent[at:]) == uncut
        response = over_http(api, [sent[:at]])
        kind = response.error and response.error.kind
        if at >= end:
            assert (kind, response.content, response.stop_reason) == (None, full.content, full.stop_reason)
        else:
            assert (kind, response.stop_reason) == ("truncated" if at else "connection", "error")
            assert at >= begin or not response.content
            assert full.text.startswith(response.text.removesuffix("\ufffd"))


# --- every event of every recording ----------------------------------------------------------------------------------

EXCEPTIONS = {
    "openai-completions/pydantic-ai__test_openrouter-test_openrouter_stream_error-abc871-0": (
        "After its finish_reason an error comes: cut between the two it is the whole answer that it was said to be."
    ),
}
"""Recordings whose whole is not what law 2 makes of their prefixes, each with the reason."""

BORDERS = 6
"""Borders of one recording that are tried: all of them in a soak."""


def recorded() -> Iterator[Item]:
    folder = find_recordings()
    if folder is None:
        return
    for api in APIS[:-1]:
        for item in read_items(folder / api):
            if item.meta["status"] == 200 and not item.body.lstrip().startswith(b"{"):
                yield item


RECORDED = list(recorded())


@pytest.mark.parametrize("item", [pytest.param(item, id=f"{item.api}/{item.name}") for item in RECORDED])
def test_law_2_at_the_events_of_recordings(item: Item) -> None:
    api, events = item.api, events_of(item.body)
    fixture = Fixture(item.body, item.meta["status"], tuple(item.headers), MODEL)
    last = next((number for number, event in enumerate(events, 1) if ends(api, event)), len(events) + 1)
    failed = next((number for number, event in enumerate(events, 1) if is_error(event)), len(events) + 1)
    full = decode(CODECS[api], fixture, [item.body]).response
    borders = set(range(min(len(events), failed)))
    if not SOAK:
        near = {last - 2, last - 1, last, last + 1, len(events) - 1}
        chosen = random.Random(item.name).sample(sorted(borders), min(BORDERS, len(borders)))
        borders &= {*near, *chosen}
    if f"{api}/{item.name}" in EXCEPTIONS:
        assert full.error is not None
        full = decode(CODECS[api], fixture, [b"".join(events[:last])]).response
    for number in sorted(borders):
        check_cut(api, b"".join(events[:number]), fixture, full if number >= last else None)


def test_there_are_recordings_or_it_is_said() -> None:
    if not RECORDED:
        pytest.skip(NO_RECORDINGS)
    assert set(EXCEPTIONS) <= {f"{item.api}/{item.name}" for item in RECORDED}


def test_the_oracle_cuts_as_it_says() -> None:
    assert events_of(b"data: 1\n\ndata: 2\r\n\r\ndata: 3") == [b"data: 1\n\n", b"data: 2\r\n\r\n", b"data: 3"]
    assert events_of(b'[{"a":"}"}\r\n,\n{"b":[]}]') == [b'[{"a":"}"}', b'\r\n,\n{"b":[]}', b"]"]
    assert is_error(b'data: {"error":{"message":"no"}}\n\n')
    assert is_error(b'event: error\ndata: {"x":1}\n\n')
    assert is_error(b'error: {"detail":"no"}\n\n')
    assert not is_error(b'data: {"text":"error: no"}\n\n')
