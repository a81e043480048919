# Law: whatever bytes a server sends, and however they are cut, Http1Exchange tells of them what h11 tells: the same
# status, headers and body, and the same verdict (ended, truncated, connection, protocol). It never raises.
#
# The input is a byte that picks the method and the cuts, then what the server sends. Run: `make fuzz`.

from __future__ import annotations

import pickle
import re
import sys
from typing import TYPE_CHECKING

import h11
from attrs import frozen

from lash_proto.effects import CallHttp
from lash_proto.failures import RemoteProtocolError
from lash_proto.happenings import BodyEnded, BodyReceived, Failed, HeadReceived
from lash_proto.http import content_decoder
from lash_proto.http1 import MAX_HEAD, Http1Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

METHODS = ("GET", "HEAD")


@frozen
class Outcome:
    """What a response came to."""

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    verdict: str
    reusable: bool


def read_by_lash(pieces: Sequence[bytes], method: str = "GET", *, save: bool = False) -> Outcome:
    """What Http1Exchange makes of these reads and the end after them; `save` pickles it between any two of them."""
    exchange = Http1Exchange(CallHttp(7, method, "http://example.com/", (), b""))
    exchange.to_send()
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    verdict = ""
    body: list[bytes] = []
    for piece in (*(piece for piece in pieces if piece), b""):
        if exchange.ended:
            return Outcome(status, headers, b"".join(body), verdict, exchange.reusable and not piece)
        if save:
            exchange = pickle.loads(pickle.dumps(exchange))
        happenings = exchange.receive(piece)
        for happening in happenings:
            assert not verdict, happenings
            match happening:
                case HeadReceived(7):
                    status, headers = happening.status, happening.headers
                case BodyReceived(7, data):
                    assert status is not None
                    assert data
                    body.append(data)
                case BodyEnded(7):
                    verdict = "ended"
                case Failed(7, verdict, message):
                    assert message
                case _:
                    raise AssertionError(happening)
        assert sum(type(happening) is BodyReceived for happening in happenings) <= 1, happenings
        assert exchange.ended is bool(verdict)
    return Outcome(status, headers, b"".join(body), verdict, exchange.reusable)


def read_by_h11(data: bytes, method: str = "GET") -> Outcome:
    """What h11, and the content coding after it, make of the same bytes in one read and the end after it."""
    connection = h11.Connection(h11.CLIENT, MAX_HEAD)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "example.com")]))
    connection.send(h11.EndOfMessage())
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    verdict, reusable = "", False
    body: list[bytes] = []
    if data:
        connection.receive_data(data)
    try:
        for event in _events(connection):
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                verdict, reusable = "ended", connection.our_state is h11.DONE and not connection.trailing_data[0]
    except h11.RemoteProtocolError:
        verdict = "protocol"
    if not verdict:
        connection.receive_data(b"")
        try:
            verdict = "ended" if any(isinstance(event, h11.EndOfMessage) for event in _events(connection)) else ""
        except h11.RemoteProtocolError:
            verdict = "truncated" if data else "connection"
    outcome = Outcome(status, headers, b"".join(body), verdict, reusable)
    lengths = {name: value for name, value in headers if name in ("content-length", "transfer-encoding")}
    if len(lengths) > 1:  # the one thing in which lash trusts the peer less
        outcome = Outcome(status, headers, outcome.body, verdict, False)
    empty = "transfer-encoding" not in lengths and int(lengths.get("content-length", "1")) == 0
    return outcome if method == "HEAD" or status in (204, 304) or empty else _decoded(outcome)


def _events(connection: h11.Connection) -> Iterator[object]:
    while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        yield event
        if isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return


def _decoded(outcome: Outcome) -> Outcome:
    def ended(body: bytes, verdict: str) -> Outcome:
        return Outcome(outcome.status, outcome.headers, body, verdict, False)

    body = b""
    try:
        decoder = content_decoder(outcome.headers)
        if decoder is None:
            return outcome
        body = decoder.decode(outcome.body)
        if decoder.fault is not None:
            return ended(body, "protocol")
        if outcome.verdict == "ended":
            decoder.end()
    except RemoteProtocolError as error:
        return ended(body, "truncated" if error.failure is not None else "protocol")
    return Outcome(outcome.status, outcome.headers, body, outcome.verdict, outcome.reusable)


def cut(data: bytes, size: int) -> list[bytes]:
    """Pieces of this many bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


def check(data: bytes) -> None:
    """Hold the law to one input."""
    # Beyond MAX_HEAD h11's limits depend on the cuts; so many blanks lash refuses and h11 may not.
    if not data or len(data) >= MAX_HEAD or re.search(rb"[ \t\r\n]{512}", data):
        return
    method, size, data = METHODS[data[0] & 1], (data[0] >> 1) + 1, data[1:]
    expected = read_by_h11(data, method)
    for pieces in ([data], cut(data, size), cut(data, 1)):
        found = read_by_lash(pieces, method)
        # What follows the body is surplus where it came with the body's end; after that it is the driver's to see.
        assert found == expected, f"{pieces!r}\n{found}\n{expected}"


def main() -> None:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
