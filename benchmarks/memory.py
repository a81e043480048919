"""What is kept, in bytes: events, fragments, messages, and decoders in the middle of their stream.

`tracemalloc` counts what Python asked its allocator for, from before a thing was made until only that thing is left.
The allocator rounds up to 16, which is not counted. A kept event is the event, its text and its place in a tuple; a
kept tool fragment has its share of the log too, from which `ToolCallDelta.arguments` is read.
"""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.replies import StreamEvent

from .decode import HEADERS, check, decode
from .rounds import table
from .streams import APIS, Stream, make

MESSAGES = 200
DECODERS = 100
MESSAGE_TEXT = 80  # deltas; about 400 characters


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


def run(rounds: int, events: int, only: Sequence[str] | None) -> None:
    """Print one table. Memory needs no rounds: it is the same each time."""
    del rounds
    rows: list[list[str]] = []
    notes: list[str] = []
    for api in only or APIS:
        rows += _rows(api, events, notes)
    table("memory, in bytes (tracemalloc)", ("", "bytes", "goal"), rows, notes)


def _rows(api: str, events: int, notes: list[str]) -> list[list[str]]:
    text, tool = make(api, "text", events), make(api, "tool", events)
    short, call = make(api, "text", MESSAGE_TEXT), make(api, "tool", 10)
    problem = check(text) or check(tool) or check(short) or check(call)
    if problem:
        notes.append(f"{api}: {problem}")
        return []
    opened = bytes_of(lambda: [_opened(text, 1) for _ in range(DECODERS)]) / DECODERS
    long = bytes_of(lambda: _opened(text, events))
    return [
        [f"{api}: a kept TextDelta", _each(_kept(text), events), "120"],
        ["  the same as a dictionary", _each(_dictionaries(text), events), ""],
        ["  a kept ToolCallDelta", _each(_kept(tool), events), "170"],
        ["  all events kept, for each delta of text", _each(_kept(text, everything=True), events), ""],
        ["  a stored message, 400 characters and one call", _each(_messages(short, call), MESSAGES), ""],
        ["  an open decoder, after one delta", f"{opened:.0f}", ""],
        ["  the same, for each delta more", f"{(long - opened) / (events - 1):.0f}", ""],
    ]


def _each(make_it: Callable[[], Any], count: int) -> str:
    return f"{bytes_of(make_it) / count:.0f}"


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
