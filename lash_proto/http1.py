"""One HTTP/1.1 request and its response as bytes (RFC 9112), for whoever has a socket and nothing else.

    exchange = Http1Exchange(call)
    connect to exchange.origin, send exchange.to_send()
    until exchange.ended: happenings = exchange.receive(what the socket gives, b"" at its end)

h11 writes the request and reads the head of the response, so its strictness is ours. The body is read here, because h11
takes 7 us for each chunk and a stream is nothing but chunks; on the same bytes this reader accepts and refuses what h11
does (`fuzz/fuzz_http1.py` holds it to that), with two exceptions: its limits do not depend on how the bytes were cut,
and hundreds of blanks in a row, over which h11 can be made to brood for seconds, are refused.

The state is plain data at every moment: h11's connection, which pickles, is there until the head is read. Only a
compressed body that has begun does not pickle (`http.ContentDecoder`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

import h11
from attrs import define, field, frozen

from .effects import CallHttp
from .failures import FailureKind, LocalProtocolError, RemoteProtocolError
from .happenings import BodyEnded, BodyReceived, Failed, Happening, HeadReceived
from .http import ContentDecoder, check_header, content_decoder, in_pieces
from .values import Secret, redact_text

MAX_HEAD = 64 * 1024
"""Bytes that the heads of one response, interim ones too, may take; also its trailers, and the line before a chunk."""

_BLANK_LINE = re.compile(rb"\n\r?\n")  # h11 takes a bare LF in head and trailers, nowhere else
# RFC 9112 section 7.1, as h11 has it: up to 20 digits, any extension, blanks after a bare size. Not `int(line, 16)`,
# which would take `+5`, `0x5` and `5_5`.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;[^\n]*|[ \t]*)\r\n")
_CRLF = b"\r\n"
_FIRST = 1024
"""Bytes of a body that go ahead of what else came with its head: the first text need not wait until all of it, which is
hundreds of events at 64 KiB a read, is decoded."""
_BLOCK = 512
_HOSTILE = f"holds {_BLOCK} blanks in a row"
_LONG_LINE = f"the line before a chunk is over {MAX_HEAD} bytes"
_LONG_TRAILER = f"the trailer of the response is over {MAX_HEAD} bytes"

_URL = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\]")  # RFC 3986 section 3.2.2, without zone ids
_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}")  # and not 127.example.com
_PORTS = {"http": 80, "https": 443}
# RFC 9110 section 8.6: without content these methods still say its length.
_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
# Each would change what the bytes on the connection mean.
_NOT_OURS = frozenset({"transfer-encoding", "upgrade"})


@frozen(weakref_slot=False)
class Origin:
    """Where to connect (RFC 9110 section 4.3.1). `host` is without an IPv6 literal's brackets; `https` wants TLS."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """What the `host` header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine: localhost, 127.0.0.0/8 and ::1, in their usual spelling."""
        return self.host in ("localhost", "::1") or _LOOPBACK.fullmatch(self.host) is not None


@lru_cache(maxsize=64)  # each call asks it three times; `urlsplit` itself keeps the URLs that it has seen
def split_url(url: str) -> tuple[Origin, str]:
    """Where a URL points and the target to ask for there. Raises LocalProtocolError, which never shows the URL."""
    if not _URL.fullmatch(url):
        raise LocalProtocolError("the URL holds a blank, a control or a non-ASCII character: percent-encode it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise LocalProtocolError("the URL's host or port cannot be read") from None
    if parts.scheme not in _PORTS:
        raise LocalProtocolError(f"the URL begins with {parts.scheme[:20]!r}: use http:// or https://")
    if "@" in parts.netloc:
        raise LocalProtocolError("the URL holds a user name or password: send these as a header")
    host = parts.netloc.lower()
    host = host[: host.rindex(":")] if not host.endswith("]") and ":" in host else host
    if not _HOST.fullmatch(host) or port == 0:
        raise LocalProtocolError("the URL's host or port cannot be read")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme, host.strip("[]"), port or _PORTS[parts.scheme]), target


@define
class Http1Exchange:
    """A request to send and the happenings that its response becomes. LocalProtocolError: the URL cannot be asked.

    `started`: the first byte of the response has come. A kept connection that ends before that was stale, and the
    request may go out again on a new one. `ended`: BodyEnded or Failed was given. `reusable`: the connection may carry
    another request; the driver, which alone knows it, sees to it that the whole of this one was sent.
    """

    call: CallHttp
    origin: Origin = field(init=False)
    started: bool = field(default=False, init=False)
    ended: bool = field(default=False, init=False)
    reusable: bool = field(default=False, init=False)
    _target: str = field(init=False, repr=False)  # a query may hold a key
    _sent: bool = field(default=False, init=False)
    _connection: h11.Connection | None = field(default=None, init=False, eq=False, repr=False)
    _head: bytearray = field(factory=bytearray, init=False)
    _head_size: int = field(default=0, init=False)
    _body: _Body | None = field(default=None, init=False)
    _content: ContentDecoder | None = field(default=None, init=False)
    _keep: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.origin, self._target = split_url(self.call.url)

    def to_send(self) -> bytes:
        """The whole request. Secrets are in the clear here and nowhere else. Raises LocalProtocolError."""
        if self._sent:
            raise LocalProtocolError("the request was given before: one Http1Exchange is one request")
        call = self.call
        if call.method == "CONNECT":
            raise LocalProtocolError("CONNECT opens a tunnel, which is no exchange")
        headers = {"host": self.origin.authority, "accept-encoding": "identity"}
        if call.body or call.method in _WITH_CONTENT:
            headers["content-length"] = str(len(call.body))
        for said, value in call.headers:
            name = check_header(said, value)  # before h11, whose message would show the value
            if name in _NOT_OURS:
                raise LocalProtocolError(f"the header {name!r} is not for a request whose body is at hand")
            headers[name] = value.reveal() if isinstance(value, Secret) else value
        connection = h11.Connection(h11.CLIENT, MAX_HEAD)
        try:
            request = h11.Request(
                method=call.method,
                target=self._target,
                headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            )
            pieces = [
                connection.send(request),
                connection.send(h11.Data(call.body)),
                connection.send(h11.EndOfMessage()),
            ]
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise LocalProtocolError(f"the request cannot be sent: {error}") from None
        self._connection, self._sent = connection, True
        return b"".join(pieces)

    def receive(self, data: bytes) -> list[Happening]:
        """What these bytes mean; b"" is the end of the connection. What the peer sends never raises.

        Raises LocalProtocolError before `to_send` and after the exchange has ended.
        """
        if self.ended:
            raise LocalProtocolError("the exchange has ended: what comes now belongs to no request")
        if self._body is not None:
            return self._receive_body(data, self._body)
        if self._connection is None:
            raise LocalProtocolError("to_send comes first: there is no response without a request")
        return self._receive_head(data, self._connection)

    def _receive_head(self, data: bytes, connection: h11.Connection) -> list[Happening]:
        if not data and self.started:
            return [self._fail("truncated", "the connection ended inside the head of the response")]
        if not data:
            return [self._fail("connection", "the connection ended before the response began")]
        self.started = True
        head = self._head
        searched = max(0, len(head) - 2)
        head += data
        while head:
            if head[0] < 0x21:  # h11 looks here too: a TLS record would never reach a blank line
                return [self._fail("protocol", "the response does not begin like HTTP")]
            found = _BLANK_LINE.search(head, searched)
            size = found.end() if found is not None else len(head) + 1
            if self._head_size + size > MAX_HEAD:
                return [self._fail("protocol", f"the head of the response is over {MAX_HEAD} bytes")]
            if found is None:
                break
            whole = bytes(head[:size])
            if _is_hostile(whole):
                return [self._fail("protocol", f"the head of the response {_HOSTILE}")]
            try:
                connection.receive_data(whole)
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                return [self._fail("protocol", f"the head of the response is not HTTP: {_quote(error)}")]
            del head[:size]
            searched = 0
            self._head_size += size
            if isinstance(event, h11.Response):
                return self._end_head(event, connection)
        return []

    def _end_head(self, response: h11.Response, connection: h11.Connection) -> list[Happening]:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        happenings: list[Happening] = [HeadReceived(self.call.id, response.status_code, headers)]
        rest = bytes(self._head)
        self._head.clear()
        self._connection = None
        lengths = {name: value for name, value in headers if name in ("content-length", "transfer-encoding")}
        # Both at once is how a response is split (RFC 9112 section 6.3): read it as h11 does, but trust no more of it.
        self._keep = connection.our_state is h11.DONE and len(lengths) < 2
        body: _Body
        if self.call.method == "HEAD" or response.status_code in (204, 304):
            body = _Sized(0)
        elif "transfer-encoding" in lengths:  # h11 lets only `chunked` pass
            body = _Chunked()
        elif "content-length" in lengths:
            body = _Sized(int(lengths["content-length"]))
        else:
            body = _UntilEnd()
        self._body = body
        if not body.ended:
            try:
                self._content = content_decoder(headers)
            except RemoteProtocolError as error:
                return [*happenings, self._fail("protocol", str(error))]
        if rest or body.ended:
            for told in self._receive_body(rest, body):
                if type(told) is BodyReceived and len(told.data) > _FIRST and len(happenings) == 1:
                    happenings.append(BodyReceived(told.id, told.data[:_FIRST]))
                    told = BodyReceived(told.id, told.data[_FIRST:])
                happenings.append(told)
        return happenings

    def _receive_body(self, data: bytes, body: _Body) -> list[Happening]:
        if not data and not body.ended:
            return self._end_body(False) if body.at_end is None else [self._fail("truncated", body.at_end)]
        piece = body.read(data)
        content = self._content
        if content is not None:
            piece = content.decode(piece)
        happenings: list[Happening] = [BodyReceived(self.call.id, each) for each in in_pieces(piece)]
        if content is not None and content.fault is not None:
            # It came first: the framing runs ahead of what it frames.
            happenings.append(self._fail("protocol", content.fault))
        elif body.fault is not None:
            happenings.append(self._fail("protocol", body.fault))
        elif body.ended:
            happenings += self._end_body(self._keep and not body.surplus)
        return happenings

    def _end_body(self, reusable: bool) -> list[Happening]:
        if self._content is not None:
            try:
                self._content.end()
            except RemoteProtocolError as error:
                return [self._fail("truncated", str(error))]
        self.ended, self.reusable = True, reusable
        return [BodyEnded(self.call.id)]

    def _fail(self, kind: FailureKind, message: str) -> Failed:
        self.ended = True
        return Failed(self.call.id, kind, message)


# --- readers of bodies: bytes in, the body's bytes out ---------------------------------------------------------------


@define
class _Sized:
    """As many bytes as `content-length` says (RFC 9112 section 6.3)."""

    at_end: ClassVar[str | None] = "the connection ended inside the body of the response"
    left: int
    ended: bool = field(init=False)
    surplus: bool = field(default=False, init=False)
    fault: ClassVar[str | None] = None

    def __attrs_post_init__(self) -> None:
        self.ended = self.left == 0

    def read(self, data: bytes) -> bytes:
        left = self.left
        self.left -= min(left, len(data))
        self.ended = self.left == 0
        self.surplus = len(data) > left
        return data[:left]


@define
class _UntilEnd:
    """All that comes until the connection ends: HTTP/1.0, and servers that know no better."""

    at_end: ClassVar[str | None] = None
    ended: ClassVar[bool] = False
    surplus: ClassVar[bool] = False
    fault: ClassVar[str | None] = None

    def read(self, data: bytes) -> bytes:
        return data


@define
class _Chunked:
    """Chunks, their extensions passed over, and trailers, checked and passed over (RFC 9112 section 7.1)."""

    at_end: ClassVar[str | None] = "the connection ended before the last chunk of the response"
    ended: bool = field(default=False, init=False)
    surplus: bool = field(default=False, init=False)
    fault: str | None = field(default=None, init=False)
    _part: Literal["line", "data", "footer", "trailers"] = field(default="line", init=False)  # what comes next
    _left: int = field(default=0, init=False)  # bytes of the chunk's data, or of the CRLF after it
    _pending: bytearray = field(factory=bytearray, init=False)  # a line, or trailers, not yet whole

    def read(self, data: bytes) -> bytes:
        if self._pending and not (data := self._joined(data)):
            return b""
        pieces: list[bytes] = []
        at, length = 0, len(data)
        while at < length:
            if self._part == "line":
                line = _CHUNK_LINE.match(data, at)
                if line is None or line.end() - at > MAX_HEAD:
                    self._refuse_line(data, at)
                    break
                start = line.end()
                size = int(line[1], 16)
                end = start + size
                if not size:
                    self._part, at = "trailers", start
                elif data[end : end + 2] == _CRLF:  # nearly every chunk: whole, in one read
                    pieces.append(data[start:end])
                    at = end + 2
                else:
                    self._part, self._left, at = "data", size, start
            elif self._part == "data":
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._part, self._left = "footer", 2
            elif self._part == "footer":
                found = data[at : at + self._left]
                if found != _CRLF[2 - self._left :][: len(found)]:
                    self.fault = "a chunk of the response is longer than it said"
                    break
                at += len(found)
                self._left -= len(found)
                if not self._left:
                    self._part = "line"
            else:
                self._read_trailers(data[at:])
                break
        return b"".join(pieces)

    def _joined(self, data: bytes) -> bytes:
        """What was waiting, with `data` after it, once that is worth reading; each byte is looked at about once."""
        pending = self._pending
        seen = len(pending)
        pending += data
        if self._part == "trailers":
            ready = seen < 2 or _BLANK_LINE.search(pending, seen - 2) is not None
        else:
            ready = pending.find(_CRLF, seen - 1) >= 0
        if not ready:
            self._wait(b"")
            return b""
        joined = bytes(pending)
        pending.clear()
        return joined

    def _refuse_line(self, data: bytes, at: int) -> None:
        end = data.find(_CRLF, at)
        if end < 0:
            self._wait(data[at:])
        elif end + 2 - at > MAX_HEAD:
            self.fault = _LONG_LINE
        else:
            self.fault = "a chunk of the response has no valid size"

    def _wait(self, data: bytes) -> None:
        self._pending += data
        if len(self._pending) >= MAX_HEAD:
            self.fault = _LONG_TRAILER if self._part == "trailers" else _LONG_LINE

    def _read_trailers(self, data: bytes) -> None:
        blank = re.match(rb"\r?\n", data)
        found = blank or _BLANK_LINE.search(data)
        if found is None:
            self._wait(data)
        elif found.end() > MAX_HEAD:
            self.fault = _LONG_TRAILER
        elif blank is None and (fault := _trailer_fault(data[: found.end()])) is not None:
            self.fault = fault
        else:
            self.ended, self.surplus = True, found.end() < len(data)


_Body: TypeAlias = _Sized | _Chunked | _UntilEnd


def _trailer_fault(trailers: bytes) -> str | None:
    """What h11 has against these trailers: they are the fields of a head that it has not seen yet."""
    if _is_hostile(trailers):
        return f"the trailer of the response {_HOSTILE}"
    connection = h11.Connection(h11.CLIENT, MAX_HEAD)
    connection.receive_data(b"HTTP/1.1 200 OK\r\n" + trailers)
    try:
        connection.next_event()
    except h11.RemoteProtocolError as error:
        return f"the trailer of the response is not HTTP: {_quote(error)}"
    return None


def _is_hostile(fields: bytes) -> bool:
    """Whether blanks fill a block of the text, as they do any run of 1023.

    h11 takes time quadratic in a run of blanks that something illegal follows, 13 s for 64 KiB; folding makes runs too.
    """
    return any(not fields[at : at + _BLOCK].strip(b" \t\r\n") for at in range(0, len(fields) - _BLOCK + 1, _BLOCK))


def _quote(error: Exception) -> str:
    """The message of h11, which quotes the peer's bytes without bound."""
    return redact_text(str(error))[:200]
