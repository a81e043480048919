"""HTTP as values: a request without its host, the rules for headers, and the codings that a body may come in.

A codec makes an `HttpRequest` that knows neither host nor credential; the exchange joins it with a route's base URL and
the handle's secrets into the `CallHttp` effect. Names compare without case and go out in lower case: HTTP/2 demands it,
and one spelling makes "None removes a default" mean one thing.

lash asks for `accept-encoding: identity`: an event stream gains little from compression and loses its promptness to it.
Some servers and proxies compress all the same, so transports decode what comes (`content_decoder`).
"""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from attrs import define, field, frozen

from .failures import Failure, LocalProtocolError, RemoteProtocolError
from .values import Headers, Secret

HeaderItems: TypeAlias = tuple[tuple[str, "str | Secret"], ...]
"""Headers to send: lower-case names, values that are text or secret."""

# RFC 9110 section 5.6.2 (token) and 5.5 (field-value, less obs-fold: a line break would begin another header; without
# white space around it).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?![\t ])[\t\x20-\x7e\x80-\xff]*+(?<![\t ])")


@frozen(weakref_slot=False)
class HttpRequest:
    """One request as a codec makes it. `path` is what follows the base URL, `notes` what was changed without harm."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    notes: tuple[str, ...] = ()


@frozen(weakref_slot=False)
class ResponseHead:
    """How a response begins: its status, and its headers with lower-case names, in order, without cookies."""

    status: int
    headers: tuple[tuple[str, str], ...]


CREDENTIAL_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key"}
)
"""Headers that hold a credential, whoever wrote them."""


def has_credential(headers: HeaderItems) -> bool:
    """Whether one of these headers, as `merge_headers` gives them, holds a credential."""
    return any(isinstance(value, Secret) for _, value in headers)


def merge_headers(
    *layers: Mapping[str, str | Secret | None] | Iterable[tuple[str, str | Secret | None]],
) -> HeaderItems:
    """Later layers replace earlier ones, without regard to case; None removes. Raises LocalProtocolError.

    A credential that is plain text, because a caller wrote the header himself, is a Secret from here on.
    """
    merged: dict[str, str | Secret] = {}
    for layer in layers:
        items = cast("Mapping[str, str | Secret | None]", layer).items() if isinstance(layer, Mapping) else layer
        for said, value in items:
            name = check_header(said, value)
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = Secret(value) if name in CREDENTIAL_HEADERS and isinstance(value, str) else value
    return tuple(merged.items())


def check_header(name: str, value: str | Secret | None) -> str:
    """The name in lower case. Refuses what would let a value write headers of its own (RFC 9110 section 5.5), and never
    shows the value."""
    lower = _lower(name)
    text = value.reveal() if isinstance(value, Secret) else value
    if text is None or _VALUE.fullmatch(text):
        return lower
    if _VALUE.fullmatch(text.strip(" \t")):
        raise LocalProtocolError(f"the value of header {name!r} begins or ends with white space")
    raise LocalProtocolError(f"the value of header {name!r} holds a line break or another character HTTP forbids")


@lru_cache(maxsize=256)  # the same few, three times a call
def _lower(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise LocalProtocolError(f"{name!r} is no header name: use letters, digits and -")
    return name.lower()


def join_url(base_url: str, path: str) -> str:
    """Base URL and path as vendors' SDKs join them: one slash between, the base's own path and query kept."""
    if not path:
        return base_url
    base, _, base_query = base_url.partition("?")
    path, _, query = path.partition("?")
    # Google's `models/x:method` style under a bare version: `v1internal:generateContent`
    slash = "" if path.startswith(":") or not path else "/"
    url = (base.rstrip("/") if path else base) + slash + path.lstrip("/")
    query = "&".join(part for part in (base_query, query) if part)
    return f"{url}?{query}" if query else url


def without_secrets(url: str) -> str:
    """A URL less its user, query and fragment, where people put keys."""
    return re.sub(r"(?<=//)[^/]*@", "", re.split("[?#]", url, maxsplit=1)[0])


# --- content codings (RFC 9110 section 8.4) --------------------------------------------------------------------------

MAX_OUTPUT = 256 << 20
"""Bytes that one compressed body may decode to. No model's answer comes near; ten large pictures stay under it."""


_PIECE = 1 << 20


def in_pieces(data: bytes) -> list[bytes]:
    """A body's bytes as a machine is told of them: one read of a compressed body can bring a thousand times its own."""
    if len(data) <= _PIECE:
        return [data] if data else []
    return [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]


def content_decoder(headers: Headers, *, max_output: int = MAX_OUTPUT) -> ContentDecoder | None:
    """The decoder that a response's `content-encoding` asks for, None where its bytes are as they should be.

    gzip and deflate always; br with brotli 1.2 or newer (the first that can bound its output) and zstd with zstandard,
    where these are installed. Raises RemoteProtocolError, naming the coding, for any other and for one upon another.
    """
    said = [part.strip().lower() for name, value in headers if name.lower() == _CODING for part in value.split(",")]
    codings = [coding for coding in said if coding not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1:
        raise RemoteProtocolError(f"the body is coded more than once: {', '.join(codings)[:80]}")
    return ContentDecoder(codings[0], max_output)


_CODING = "content-encoding"
_BLOCK = 16 * 1024


@define
class ContentDecoder:
    """The bytes of one compressed body, as far as what has come tells them.

    `max_output` bounds the whole body and not a call, so that where it bites does not depend on how the bytes were cut.
    What stands before a fault is handed over; `fault` is set, and the next call raises it as RemoteProtocolError.
    (brotli and zstandard keep for themselves what the faulty call would have given.)

    Raises RemoteProtocolError where the coding is unknown or its package is missing. Once begun it copies, but does not
    pickle: zlib's state has no saved form.
    """

    coding: str
    max_output: int = MAX_OUTPUT
    fault: str | None = field(default=None, init=False)
    _engine: Any = field(default=None, init=False, eq=False, repr=False)
    _size: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)  # one member or frame has come to its end

    def __attrs_post_init__(self) -> None:
        if self.coding not in _ENGINES:
            raise RemoteProtocolError(f"unknown content coding {self.coding[:40]!r}")
        package = _PACKAGES.get(self.coding)
        if package is not None and _optional(*package) is None:
            raise RemoteProtocolError(f"content coding {self.coding!r} needs the package {package[0]}")

    def decode(self, data: bytes) -> bytes:
        """What these bytes add to the body. Raises RemoteProtocolError for a fault in those before them."""
        if self.fault is not None:
            raise RemoteProtocolError(self.fault)
        pieces: list[bytes] = []
        # In blocks: each member of a gzip body that is nothing but empty members costs a copy of what follows it.
        for at in range(0, len(data), _BLOCK):
            self._decode_block(data[at : at + _BLOCK], pieces)
        return b"".join(pieces)

    def _decode_block(self, data: bytes, pieces: list[bytes]) -> None:
        while data and self.fault is None:
            if self._engine is None:
                if self._ended and not (data := self._next_member(data)):
                    break
                self._engine = _ENGINES[self.coding](data)
            try:
                # One byte too many tells a body that is too long from one that just fits.
                piece = self._engine.decode(data, self.max_output + 1 - self._size)
            except _CodingFault as fault:
                piece, self.fault = fault.before, f"the {self.coding} body is broken: {fault}"
            surplus = self._size + len(piece) - self.max_output
            if surplus > 0:
                piece, self.fault = piece[:-surplus], f"the {self.coding} body decodes to over {self.max_output} bytes"
            self._size += len(piece)
            pieces.append(piece)
            data = self._engine.rest
            if self._engine.ended:
                self._engine, self._ended = None, True

    def end(self) -> bytes:
        """The body is over: b"", for no coding here holds anything back.

        Raises RemoteProtocolError for a fault, and for a body cut short, with a failure of the kind "truncated" in it.
        A body that never began is no fault: some servers name a coding and then say nothing.
        """
        if self.fault is not None:
            raise RemoteProtocolError(self.fault)
        if self._engine is not None:
            message = f"the {self.coding} body stops before its end"
            raise RemoteProtocolError(message, failure=Failure("truncated", message, retryable=True))
        return b""

    def _next_member(self, data: bytes) -> bytes:
        """What follows the end of one member (RFC 1952 section 2.2) or frame (RFC 8878 section 3.1)."""
        if self.coding in ("gzip", "x-gzip"):
            return data.lstrip(b"\0")  # padding, which gzip itself passes over
        if self.coding != "zstd":
            self.fault = f"bytes follow the end of the {self.coding} body"
            return b""
        return data


class _CodingFault(Exception):
    """An engine's bytes are not what its coding allows; `before` came out before that."""

    def __init__(self, message: object, before: bytes) -> None:
        super().__init__(message)
        self.before = before


@define
class _Inflate:
    """gzip, zlib and raw deflate (RFC 1950 to 1952)."""

    _zlib: Any
    ended: bool = False
    rest: bytes = b""

    def decode(self, data: bytes, limit: int) -> bytes:
        before = self._zlib.copy()
        try:
            output: bytes = self._zlib.decompress(data, limit)
        except zlib.error as error:
            # zlib drops what it had before the fault. Byte by byte gives the same of it however the bytes were cut.
            pieces: list[bytes] = []
            with suppress(zlib.error):  # `extend` keeps what came before it
                pieces.extend(before.decompress(data[at : at + 1]) for at in range(len(data)))
            raise _CodingFault(error, b"".join(pieces)) from None
        self.ended, self.rest = self._zlib.eof, self._zlib.unused_data
        return output


@define
class _Brotli:
    """RFC 7932. Some ten bytes can mean 16 MiB, so only a decoder that bounds its output will do."""

    _brotli: Any
    _error: type[Exception]
    ended: bool = False
    rest: bytes = b""

    def decode(self, data: bytes, limit: int) -> bytes:
        try:
            output: bytes = self._brotli.process(data, output_buffer_limit=limit)
        except self._error as error:
            raise _CodingFault(error, b"") from None
        self.ended = self._brotli.is_finished()
        return output


@define
class _Zstandard:
    """RFC 8878. A block of four bytes can mean 128 KiB, so the bytes go in a KiB at a time: 32 MiB at the most."""

    _zstandard: Any
    _error: type[Exception]
    ended: bool = False
    rest: bytes = b""

    def decode(self, data: bytes, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        for at in range(0, len(data), 1024):
            try:
                pieces.append(self._zstandard.decompress(data[at : at + 1024]))
            except self._error as error:
                raise _CodingFault(error, b"".join(pieces)) from None
            size += len(pieces[-1])
            if self._zstandard.eof:
                self.ended, self.rest = True, self._zstandard.unused_data + data[at + 1024 :]
                break
            if size >= limit:
                break
        return b"".join(pieces)


def _gzip(data: bytes) -> _Inflate:
    return _Inflate(zlib.decompressobj(zlib.MAX_WBITS | 16))


def _deflate(data: bytes) -> _Inflate:
    # Servers disagree on what deflate means. A zlib header's low bits are 8 (RFC 1950 section 2.2); a raw stream that
    # began so would be a stored block with padding that no encoder writes.
    return _Inflate(zlib.decompressobj(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS))


def _brotli(data: bytes) -> _Brotli:
    brotli = _optional(*_PACKAGES["br"])
    return _Brotli(brotli.Decompressor(), brotli.error)


def _zstandard(data: bytes) -> _Zstandard:
    zstandard = _optional(*_PACKAGES["zstd"])
    # RFC 9659: a window over 8 MiB is not for HTTP.
    return _Zstandard(zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj(), zstandard.ZstdError)


def _optional(package: str, class_: str, method: str) -> Any:
    """The package, None where it is not installed or too old to have the method."""
    try:
        found = importlib.import_module(package)
    except ImportError:
        return None
    return found if hasattr(getattr(found, class_, None), method) else None


_ENGINES: dict[str, Any] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstandard,
}
_PACKAGES = {
    "br": ("brotli", "Decompressor", "can_accept_more_data"),
    "zstd": ("zstandard", "ZstdDecompressor", "decompressobj"),
}
