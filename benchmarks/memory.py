"""What is kept, in bytes: events, fragments, messages, and decoders in the middle of their stream.

`tracemalloc` counts what Python asked its allocator for, from before a thing was made until only that thing is left.
The allocator rounds up to 16, which is not counted. A kept event is the event, its text and its place in a tuple; a
kept tool fragment has its share of the log too, from which `ToolCallDelta.arguments` is read.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.replies import StreamEvent

from . import peers
from .decode import HEADERS, check, decode
from .loopback import measure
from .options import Options
from .paced import PACE, RAMP
from .streams import Stream, make
from .tables import Row, Table

MESSAGES = 200
DECODERS = 100
MESSAGE_TEXT = 80  # deltas; about 400 characters
CLIENTS = ["asyncio streams + h11 + json", "raw aiohttp + json", "lash", "openai"]
GOALS = {"lash": 25.0}


def bytes_of(make_it: Callable[[], Any]) -> int:
    """What is still allocated when it is made and all else is gone."""
    make_it()  # what is made once and kept (codecs, caches) is no part of it
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = make_it()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        del kept
    finally:
        tracemalloc.stop()
    return after - before


def run(options: Options) -> Iterator[Table]:
    """A table of what Python allocates, and one of what an open stream costs the process."""
    rows: list[Row] = []
    notes: list[str] = []
    for api in options.apis:
        rows += _rows(api, options.events, notes)
    yield Table("memory", "memory, by tracemalloc", (), "bytes", rows, notes)
    yield _open_streams(min(options.streams), options.paced)


def _open_streams(streams: int, events: int) -> Table:
    """What the process grew by once all were open. A new process for each: what is given back may not leave it."""
    figures: dict[str, float] = {}
    of = {"streams": streams, "events": events, "ramp": RAMP}
    for client in CLIENTS:
        measured = measure([client], "paced", 0, events=events, pace=PACE, of=of)
        if client in measured.figures:
            figures[client] = measured.figures[client][0]["rss"] / 1000
    rows = [Row(name, (), kilobytes, goal=GOALS.get(name)) for name, kilobytes in figures.items()]
    return Table("memory-open", f"memory of {streams} open streams, by the process's size", (), "KB each", rows)


def _rows(api: str, events: int, notes: list[str]) -> Iterator[Row]:
    text, tool = make(api, "text", events), make(api, "tool", events)
    short, call = make(api, "text", MESSAGE_TEXT), make(api, "tool", 10)
    problem = check(text) or check(tool) or check(short) or check(call)
    if problem:
        notes.append(f"{api}: {problem}")
        return
    opened = bytes_of(lambda: [_opened(text, 1) for _ in range(DECODERS)]) / DECODERS
    long = bytes_of(lambda: _opened(text, events))
    yield Row(f"{api}: lash, a kept TextDelta", (), _each(_kept(text), events), goal=120)
    yield Row(f"{api}: lash, a kept ToolCallDelta", (), _each(_kept(tool), events), goal=170)
    yield Row("  the text event as a dictionary", (), _each(_dictionaries(text), events))
    with peers.sdk(text, "keep") as others:
        for name, keep in others.items():
            yield Row(f"  the same of the {name}", (), keep()["bytes"])
    yield Row("  lash, all events kept, for each delta of text", (), _each(_kept(text, everything=True), events))
    yield Row("  lash, a stored message, 400 characters and one call", (), _each(_messages(short, call), MESSAGES))
    yield Row("  lash, an open decoder, after one delta", (), opened)
    yield Row("  lash, the same, for each delta more", (), (long - opened) / (events - 1))


def _each(make_it: Callable[[], Any], count: int) -> float:
    return bytes_of(make_it) / count


def _kept(stream: Stream, *, everything: bool = False) -> Callable[[], tuple[StreamEvent, ...]]:
    def keep() -> tuple[StreamEvent, ...]:
        decoder = CODECS[stream.api].decoder(status=200, headers=HEADERS)
        kept: list[StreamEvent] = []
        kind = "tool_call_delta" if stream.kind == "tool" else "text_delta"
        for chunk in stream.events:
            kept += [event for event in decoder.receive(chunk) if everything or event.tag[1] == kind]
        return tuple(kept)

    return keep


def _dictionaries(stream: Stream) -> Callable[[], tuple[Any, ...]]:
    def keep() -> tuple[Any, ...]:
        lines = [line[6:] for chunk in stream.events for line in chunk.splitlines() if line.startswith(b"data: {")]
        return tuple([json.loads(line) for line in lines])

    return keep


def _messages(text: Stream, call: Stream) -> Callable[[], list[Any]]:
    def store() -> list[Any]:
        stored: list[Any] = []
        for _ in range(MESSAGES):
            said, called = decode(text.api, text.events), decode(call.api, call.events)
            stored.append(evolve(said.message, content=said.content + called.content))
        return stored

    return store


def _opened(stream: Stream, deltas: int) -> Any:
    """A decoder that has read so many deltas and is not at its end."""
    decoder = CODECS[stream.api].decoder(status=200, headers=HEADERS)
    seen = 0
    for chunk in stream.events:
        seen += sum(event.tag[1] == "text_delta" for event in decoder.receive(chunk))
        if seen >= deltas:
            break
    return decoder
