"""Every fault as data: which bytes go out and how, and what is true of them, written down by hand.

What is rendered by the faux provider are replies without fault: their truth is the script that they are made of, and
vendors' SDKs read the same bytes (`make peers`). All that is bent, cut or wrong is written here.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
from attrs import field, frozen

from lash_proto.faux import FauxProvider, FauxReply
from lash_proto.usage import StopReason
from tests.faults.calls import Call, chat_calls, gemini_calls, messages_calls, responses_calls
from tests.faults.oracle import ends, text_of
from tests.faults.server import Drip, Repeat, Script
from tests.faults.wire import JSON, LAST, chunk, head, respond, sized
from tests.io.loopback import Peer, Step, reset, until_hung_up

CHAT, RESPONSES, MESSAGES = "openai-completions", "openai-responses", "anthropic-messages"
GEMINI, CODE_ASSIST = "google-generative-ai", "google-code-assist"
APIS = (CHAT, RESPONSES, MESSAGES, GEMINI, CODE_ASSIST)

SOAK = os.environ.get("LASH_HYPOTHESIS_PROFILE") == "soak"

SHORT = 0.05
"""A deadline in seconds, for what will not come."""


def _steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(steps)


@frozen
class Scene:
    """One fault in one dialect, and the truth about it.

    `kind` None is a whole answer with `text` and `calls`; else the kinds of failure that are right, and `text` is what
    had come before it. `prefix`: what had come is chance, but a prefix of `text`. `options` are the call's.
    `whole`: asked for in one body. `heavy`: many megabytes go by, so not all of these at once.
    """

    api: str
    name: str
    steps: tuple[Step, ...] = field(converter=_steps)
    text: str = ""
    kind: str | tuple[str, ...] | None = None
    stop: StopReason = "stop"
    calls: tuple[Call, ...] = ()
    prefix: bool = False
    options: Mapping[str, Any] = field(factory=dict)
    whole: bool = False
    early: bool = False
    heavy: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of failure that are right; none for a whole answer."""
        return () if self.kind is None else (self.kind,) if isinstance(self.kind, str) else self.kind

    @property
    def path(self) -> str:
        """Where the fault server plays it."""
        return f"{self.api}/{self.name}"

    @property
    def script(self) -> Script:
        """What the fault server plays."""
        return Script(self.steps, self.early)


# --- replies without fault -------------------------------------------------------------------------------------------

TEXT = "Grüße, Welt 🌍! Fine."
REPLY = FauxReply(TEXT, piece=6)

_PATHS = {
    CHAT: "/v1/chat/completions",
    RESPONSES: "/v1/responses",
    MESSAGES: "/v1/messages",
    GEMINI: "/v1beta/models/m:{}",
    CODE_ASSIST: "/v1internal:{}",
}


def stream(api: str, reply: FauxReply = REPLY) -> tuple[bytes, ...]:
    """A reply as the dialect streams it, event by event."""
    asked = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    path = _PATHS[api].format("streamGenerateContent?alt=sse")
    return FauxProvider([reply]).answer("POST", path, (), json.dumps(asked).encode()).chunks


def whole(api: str, reply: FauxReply = REPLY) -> bytes:
    """A reply as one body."""
    path = _PATHS[api].format("generateContent")
    return FauxProvider([reply]).answer("POST", path, (), b'{"model": "m"}').body


def said(api: str, events: Iterable[bytes]) -> str:
    """The text that these events say."""
    return "".join(text_of(api, event) for event in events)


# --- what breaks off -------------------------------------------------------------------------------------------------


def _cuts(api: str) -> Iterator[Scene]:
    """Clean ends and resets at every border between two events."""
    events = stream(api)
    end = next(number for number, event in enumerate(events, 1) if ends(api, event))
    for number in range(len(events) + 1):
        text = said(api, events[:number])
        kind = None if number >= end else "truncated"
        sent = head() + chunk(*events[:number])
        yield Scene(api, f"eof-{number}", [sent + LAST], text, kind)
        if SOAK or number in (0, end // 2, end, len(events)):
            # Before the head came through there is no connection to speak of, and after the end nothing is lost.
            yield Scene(api, f"rst-{number}", [sent, reset], text, kind or (), prefix=True)
            yield Scene(api, f"close-{number}", [head(more="") + b"".join(events[:number])], text, kind)


def _shorts(api: str) -> Iterator[Scene]:
    """Bodies shorter than they said."""
    events = stream(api)
    some = _middle(api)
    text = said(api, some)
    yield Scene(api, "short-chunk", [head() + chunk(*some) + b"400\r\n" + events[len(some)][:40]], text, "truncated")
    yield Scene(api, "no-last-chunk", [head() + chunk(*some)], text, "truncated")
    yield Scene(api, "no-last-chunk-after-end", [head() + chunk(*events)], TEXT)
    yield Scene(api, "rst-inside-event", [head() + chunk(*some) + b"400\r\n" + events[len(some)][:40], reset], text,
                "truncated", prefix=True)  # fmt: skip
    length = len(b"".join(events))
    yield Scene(api, "short-length", [sized(b"".join(some), length)], text, "truncated")
    yield Scene(api, "short-length-after-end", [sized(b"".join(events), length + 9)], TEXT)
    body = whole(api)
    half = body[: len(body) // 2]
    yield Scene(api, "whole-short-length", [sized(half, len(body), JSON)], "", "truncated", whole=True)
    yield Scene(api, "whole-cut", [respond(half, content_type=JSON)], "", "truncated", whole=True)
    yield Scene(api, "whole-empty", [respond(content_type=JSON)], "", "truncated", whole=True)
    yield Scene(api, "whole", [sized(body, len(body), JSON)], TEXT, whole=True)
    # httpcore does not tell a head that was cut from none at all.
    yield Scene(api, "no-head", [b"HTTP/1.1 200 OK\r\nContent-Ty"], "", ("truncated", "connection"))
    yield Scene(api, "no-answer", [], "", "connection")
    yield Scene(api, "rst-no-answer", [reset], "", "connection")
    yield Scene(api, "no-content", [head(None, 204, "")], "", "truncated")


def _middle(api: str) -> tuple[bytes, ...]:
    """Some events, the last of which brought text, and more is to come."""
    events = stream(api)
    spoken = [number for number, event in enumerate(events, 1) if text_of(api, event)]
    return events[: spoken[1]]


# --- what takes its time ---------------------------------------------------------------------------------------------

# Events that are in order and say nothing.
_EMPTY = {
    CHAT: b'data: {"id":"faux-1","model":"m","choices":[{"index":0,"delta":{}}]}\n\n',
    RESPONSES: b'event: keepalive\ndata: {"type":"keepalive","sequence_number":7}\n\n',
    MESSAGES: b'event: ping\ndata: {"type":"ping"}\n\n',
    GEMINI: b'data: {"candidates":[{"content":{"parts":[],"role":"model"},"index":0}]}\n\n',
    CODE_ASSIST: b'data: {"response":{"candidates":[{"content":{"parts":[],"role":"model"},"index":0}]}}\n\n',
}


def _slow(api: str) -> Iterator[Scene]:
    events = stream(api)
    some = _middle(api)
    text = said(api, some)
    sent = head() + chunk(*some)
    first = {"first_event_timeout": SHORT}
    idle = {"idle_timeout": SHORT}

    def late(name: str, *steps: Step, options: Mapping[str, Any] = idle, text: str = text, **more: Any) -> Scene:
        return Scene(api, name, steps, text, "timeout", options=options, **more)

    yield late("stall-before-head", until_hung_up, options=first, text="")
    yield late("stall-inside-head", b"HTTP/1.1 200 OK\r\nContent-", until_hung_up, options=first, text="")
    yield late("stall-before-event", head(), until_hung_up, options=first, text="")
    yield late("stall", sent, until_hung_up)
    yield late("stall-inside-event", sent + chunk(events[len(some)][:40]), until_hung_up)
    yield Scene(api, "stall-after-end", [head() + chunk(*events), until_hung_up], TEXT)
    yield late("pings", sent, Repeat(chunk(b": ping\n\n"), 0.01))
    yield late("empty-events", sent, Repeat(chunk(_EMPTY[api]), 0.01))
    yield late("drip-too-slow", sent, Drip(chunk(events[len(some)] * 10), 0.01))
    yield Scene(api, "drip", [Drip(respond(*events), 0.01 if SOAK else 0.0)], TEXT)

    more = next(event for event in reversed(some) if text_of(api, event))
    ever = text + text_of(api, more) * 1_000_000
    hurry = {"total_timeout": 4 * SHORT}
    yield late("endless-stream", sent, Repeat(chunk(more)), text=ever, options=hurry, prefix=True)
    yield late("endless-blanks", sent, Repeat(chunk(b"\n" * 4096)))
    # On a machine that is held up the line may grow too long before the deadline counts.
    line: list[Step] = [sent + chunk(b"data: "), Repeat(chunk(b"x" * 4096))]
    yield Scene(api, "endless-line", line, text, ("timeout", "protocol"), options=idle)
    yield Scene(api, "endless-head", [b"HTTP/1.1 200 OK\r\n", Repeat(b"x-filler: 1\r\n" * 99)], "", "protocol")
    # What bounds it over httpcore is the deadline.
    yield Scene(api, "endless-interim", [Repeat(b"HTTP/1.1 100 Go\r\n\r\n" * 99)], "", ("protocol", "timeout"),
                options=first)  # fmt: skip
    page: list[Step] = [head("text/html", 500), Repeat(chunk(b"<p>no" * 999))]
    yield Scene(api, "endless-error-page", page, "", "server")


# --- what is not what it says ----------------------------------------------------------------------------------------

HTML = b"<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Error 502</h1></body></html>"
MESSAGE = "The model is overloaded. Try again later."

ERRORS: Mapping[str, Any] = {
    CHAT: {"error": {"message": MESSAGE, "type": "service_unavailable_error", "code": "server_is_overloaded"}},
    RESPONSES: {"error": {"message": MESSAGE, "type": "service_unavailable_error", "code": "server_is_overloaded"}},
    MESSAGES: {"type": "error", "error": {"type": "overloaded_error", "message": MESSAGE}, "request_id": "req_1"},
    GEMINI: {"error": {"code": 503, "message": MESSAGE, "status": "UNAVAILABLE"}},
    CODE_ASSIST: {"error": {"code": 503, "message": MESSAGE, "status": "UNAVAILABLE"}},
}
"""How each provider says that it is overloaded: WIRE 1g, 2g, 4g, 5g."""

_EVENT_NAMES = {RESPONSES: b"event: error\n", MESSAGES: b"event: error\n"}


# What the next event would be called: some clients pass over events whose name they do not know.
_NAMES = {RESPONSES: b"event: response.output_text.delta\n", MESSAGES: b"event: content_block_delta\n"}


def error_event(api: str) -> bytes:
    """The same in mid-stream."""
    error = ERRORS[api]
    if api == RESPONSES:  # flat, as OpenAI documents it
        error = {"type": "error", "code": error["error"]["code"], "message": MESSAGE, "param": None}
    return _EVENT_NAMES.get(api, b"") + b"data: " + json.dumps(error).encode() + b"\n\n"


def _lies(api: str) -> Iterator[Scene]:
    events = stream(api)
    some = _middle(api)
    text = said(api, some)
    garbage = bytes(range(128, 256)) * 8
    yield Scene(api, "garbage-http", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], "", "protocol")
    yield Scene(api, "garbage-tls", [b"\x15\x03\x01\x00\x02\x02\x50" * 9], "", "protocol")
    yield Scene(api, "garbage-body", [respond(garbage)], "", ("truncated", "protocol"))
    begun = _NAMES.get(api, b"") + b"data: "
    yield Scene(api, "garbage-in-event", [respond(*some, begun + garbage + b"\n\n", *events)], text, "protocol")
    broken = events[len(some)].rstrip()[:-3] + b"\n\n"
    yield Scene(api, "broken-json-in-event", [respond(*some, broken, *events)], text, "protocol")
    yield Scene(api, "garbage-chunk-size", [head() + chunk(*some) + b"xyz\r\n"], text, "protocol")
    yield Scene(api, "chunk-too-long", [head() + chunk(*some) + b"2\r\nabcd\r\n"], text, "protocol")
    yield Scene(api, "two-lengths", [head(more="Content-Length: 5\r\nContent-Length: 6") + b"hello"], "", "protocol")
    yield Scene(api, "bad-length", [head(more="Content-Length: -5") + b"hello"], "", "protocol")
    for content_type in (JSON, "text/plain", "application/octet-stream", None):
        name = f"stream-as-{(content_type or 'nothing').rpartition('/')[2]}"
        yield Scene(api, name, [respond(*events, content_type=content_type)], TEXT)
    yield Scene(api, "body-as-stream", [respond(whole(api))], TEXT)
    yield Scene(api, "html-200", [respond(HTML, content_type="text/html")], "", "protocol")
    yield Scene(api, "html-as-stream", [respond(HTML)], "", "protocol")
    yield Scene(api, "html-403", [respond(HTML, content_type="text/html", status=403)], "", "permission")
    yield Scene(api, "html-429", [respond(HTML, content_type="text/html", status=429)], "", "rate_limit")
    yield Scene(api, "html-502", [respond(HTML, content_type="text/html", status=502)], "", "server")
    yield Scene(api, "html-520", [respond(HTML, content_type="text/html", status=520)], "", "server")
    yield Scene(api, "nothing-500", [respond(status=500)], "", "server")
    yield Scene(api, "redirect", [head(None, 307, "Location: http://localhost:9/\r\nContent-Length: 0")], "", "other")
    error = json.dumps(ERRORS[api]).encode()
    yield Scene(api, "error-503", [respond(error, content_type=JSON, status=503)], "", "overloaded")
    yield Scene(api, "error-503-cut", [respond(error[:30], content_type=JSON, status=503)], "", "overloaded")
    yield Scene(api, "error-200", [respond(error, content_type=JSON)], "", "overloaded")
    yield Scene(api, "error-200-as-stream", [respond(error)], "", "overloaded")
    yield Scene(api, "error-event-first", [respond(error_event(api))], "", "overloaded")
    yield Scene(api, "error-event", [respond(*some, error_event(api))], text, "overloaded")
    yield Scene(api, "done-only", [respond(*some, b"data: [DONE]\n\n")], text, "truncated")
    refused = [respond(error, content_type=JSON, status=413)]
    yield Scene(api, "refused-by-its-head", refused, "", ("context_overflow", "overloaded"), early=True)


# --- what is unusual and in order ------------------------------------------------------------------------------------


def _unusual(api: str) -> Iterator[Scene]:
    events = stream(api)
    body = b"".join(events)

    def fine(name: str, *steps: Step, text: str = TEXT) -> Scene:
        return Scene(api, name, steps, text)

    yield fine("interim-100", b"HTTP/1.1 100 Continue\r\n\r\n" + respond(*events))
    yield fine("interim-103", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3, respond(*events))
    yield fine("http-1.0", head(more="").replace(b"1.1", b"1.0", 1) + body)
    yield fine("trailers", head() + chunk(*events) + b"0\r\nX-Checksum: 1\r\n\r\n")
    yield fine("chunk-extensions", head() + chunk(*events).replace(b"\r\ndata", b";a=b\r\ndata") + LAST)
    yield fine("bytes-after-end", respond(*events) + b"HTTP/1.1 200 OK\r\n\r\n")
    yield fine(
        "length-and-chunks", head(more="Content-Length: 3\r\nTransfer-Encoding: chunked") + chunk(*events) + LAST
    )
    yield fine("crlf", respond(body.replace(b"\n", b"\r\n")))
    yield fine("cr", respond(body.replace(b"\n", b"\r")))
    yield fine("bom", respond(b"\xef\xbb\xbf" + body))
    yield fine("comments", respond(*(b": PROCESSING\n\n" + event + b":\n" for event in events)))
    yield fine("fields", respond(*(b"id: 7\nretry: 10\nx: y\n" + event for event in events)))
    yield fine("no-blank-line", respond(body.rstrip(b"\n")))
    yield fine("one-byte-chunks", respond(*(body[at : at + 1] for at in range(len(body)))))
    # Behind the first byte of each character that has more: `ü`, `ß` and the globe, wherever they stand.
    places = [at for at, byte in enumerate(body) if byte >= 0xC0]
    assert places
    pieces = [
        body[a:b] for a, b in zip([0, *(at + 1 for at in places)], [*(at + 1 for at in places), None], strict=True)
    ]
    yield fine("split-utf8", respond(*pieces))
    yield fine("split-surrogates", respond(*_spelled(api, b"\\ud83d", b"\\ude00")), text="\U0001f600")
    yield fine("lone-surrogate", respond(*_spelled(api, b"a\\ud83d", b"b")), text="a\ufffdb")
    yield fine("surrogate-at-end", respond(*_spelled(api, b"ab", b"\\ud83d")), text="ab\ufffd")
    yield fine(
        "line-separators", respond(*_spelled(api, "a\u2028b".encode(), "\u0085c".encode())), text="a\u2028b\u0085c"
    )
    yield fine("nul", respond(*_spelled(api, b"a\\u0000", b"b")), text="a\0b")
    yield fine("gzip", respond(gzip.compress(body), more="Content-Encoding: gzip\r\nTransfer-Encoding: chunked"))
    yield fine("gzip-flushed", respond(*_flushed(events), more="Content-Encoding: gzip\r\nTransfer-Encoding: chunked"))


def _spelled(api: str, *pieces: bytes) -> list[bytes]:
    """A stream whose deltas hold these pieces of JSON."""
    marks = [f"@{number}" for number in range(len(pieces))]
    events = list(stream(api, FauxReply("".join(marks), piece=2)))
    for mark, piece in zip(marks, pieces, strict=True):
        events = [event.replace(mark.encode(), piece) for event in events]
    return events


def _flushed(events: Iterable[bytes]) -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events]
    return [*pieces, packer.flush()]


# --- what is too much ------------------------------------------------------------------------------------------------


def _too_much(api: str) -> Iterator[Scene]:
    events = stream(api)
    some = _middle(api)
    text = said(api, some)
    coded = "Content-Encoding: {}\r\nTransfer-Encoding: chunked"
    packed = gzip.compress(b"".join(events))
    yield Scene(
        api,
        "gzip-cut",
        [respond(packed[: len(packed) // 2], more=coded.format("gzip"))],
        TEXT,
        "truncated",
        prefix=True,
    )
    yield Scene(api, "gzip-lie", [respond(*events, more=coded.format("gzip"))], "", "protocol")
    yield Scene(api, "unknown-coding", [respond(*events, more=coded.format("rot13"))], "", "protocol")
    yield Scene(api, "coded-twice", [respond(packed, more=coded.format("gzip, gzip"))], "", "protocol")
    begun = _NAMES.get(api, b"") + b"data: "
    deep = begun + b"[" * 100_000 + b"]" * 100_000 + b"\n\n"
    yield Scene(api, "deep-json", [respond(*some, deep, *events)], text, "protocol")
    deep = begun + b'{"a":' * 50_000 + b"\n\n"
    yield Scene(api, "deep-json-unclosed", [respond(*some, deep)], text, "protocol")
    yield Scene(
        api, "deep-body", [respond(b"[" * 100_000 + b"]" * 100_000, content_type=JSON)], "", "protocol", whole=True
    )
    yield Scene(api, "deep-error", [respond(b'{"error":' * 9999, content_type=JSON, status=500)], "", "server")
    if SOAK or api == CHAT:
        line: list[Step] = [head() + chunk(*some, b"data: "), Repeat(chunk(b"x" * 65536))]
        yield Scene(api, "longest-line", line, text, "protocol", heavy=True)
    if SOAK or api == MESSAGES:
        yield Scene(
            api, "gzip-bomb-line", [head(more=coded.format("gzip")), Bomb(b"x", 80)], "", "protocol", heavy=True
        )
    if SOAK:
        yield Scene(
            api, "gzip-bomb-blanks", [head(more=coded.format("gzip")), Bomb(b"\n", 300)], "", "protocol", heavy=True
        )


@functools.cache
def _bomb(filler: bytes, mebibytes: int) -> bytes:
    """More of it than a limit allows, in a thousandth of the bytes."""
    packer = zlib.compressobj(wbits=31)
    mega = filler * (1 << 20)
    return b"".join([packer.compress(b"data: "), *(packer.compress(mega) for _ in range(mebibytes)), packer.flush()])


@frozen
class Bomb:
    """A compressed body that is as good as endless; made when it is first played."""

    filler: bytes
    mebibytes: int

    def __call__(self, peer: Peer) -> None:
        peer.connection.sendall(chunk(_bomb(self.filler, self.mebibytes)) + LAST)


# --- calls -----------------------------------------------------------------------------------------------------------


def _calls(api: str) -> Iterator[Scene]:
    """Calls whose ids and indexes come late, twice or never."""
    told: dict[str, Callable[[], Iterator[tuple[str, bytes, tuple[Call, ...]]]]] = {
        CHAT: chat_calls,
        RESPONSES: responses_calls,
        MESSAGES: messages_calls,
        GEMINI: lambda: gemini_calls(lambda event: event),
        CODE_ASSIST: lambda: gemini_calls(lambda event: {"response": event}),
    }
    for name, sent, calls in told[api]():
        yield Scene(api, f"call-{name}", [sent], stop="tool_use", calls=calls)


SCENES: tuple[Scene, ...] = tuple(
    scene
    for api in APIS
    for group in (_cuts, _shorts, _slow, _lies, _unusual, _too_much, _calls)
    for scene in group(api)
)
assert len({scene.path for scene in SCENES}) == len(SCENES)


def scripts(scenes: Iterable[Scene] = SCENES) -> dict[str, Script]:
    """What a fault server needs to play them."""
    return {scene.path: scene.script for scene in scenes}


def with_longer_times(scene: Scene) -> Scene:
    """The scene, asked for with ten times the patience."""
    return attrs.evolve(scene, options={name: 10 * seconds for name, seconds in scene.options.items()})
