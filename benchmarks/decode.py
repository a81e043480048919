"""Bytes to events, beside the least that anyone can do: split the lines and give each `data:` to `json.loads`.

The floor makes dictionaries and keeps nothing. Our rows make typed events and the whole response. The ratio is always
to the floor that gets one event a chunk, also for reads of 16 bytes, which the floor is not made to put together. The
vendors' own SDKs have rows where `make peers` has set them up.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence

from lash_proto.codec import Decoder
from lash_proto.codecs import CODECS
from lash_proto.replies import LlmResponse

from . import peers
from .rounds import measure, ratio, table
from .streams import APIS, KINDS, Stream, make

HEADERS = [("content-type", "text/event-stream; charset=utf-8")]
GOALS = {"text": "1.00", "reasoning": "1.00", "tool": "1.20"}
SMALL = 16


def floor(chunks: Sequence[bytes]) -> None:
    """What a hand-written client would do at least."""
    loads = json.loads
    for chunk in chunks:
        for line in chunk.splitlines():
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                loads(line[6:])


def decode(api: str, chunks: Sequence[bytes]) -> LlmResponse:
    """What lash does: typed events, one loop over them, and the response."""
    decoder: Decoder = CODECS[api].decoder(status=200, headers=HEADERS)
    for chunk in chunks:
        for _ in decoder.receive(chunk):
            pass
    for _ in decoder.end():
        pass
    return decoder.finish()


def check(stream: Stream) -> str | None:
    """What is wrong with our reading of a stream; nobody need be fast at a wrong answer."""
    try:
        response = decode(stream.api, stream.events)
    except (ImportError, AttributeError) as error:
        return f"no codec: {error}"
    if stream.kind == "text":
        said = response.text
    elif stream.kind == "reasoning":
        said = response.reasoning
    else:
        call = response.tool_calls[0]
        said = call.arguments["content"] if stream.api == "google-generative-ai" else call.raw_arguments
    return None if said == stream.said else "it does not decode to what was said"


def run(rounds: int, events: int, only: Sequence[str] | None) -> None:
    """Print a table for each dialect."""
    for api in only or APIS:
        rows: list[list[str]] = []
        notes = [note] if (note := peers.missing(api)) else []
        for kind in KINDS:
            stream = make(api, kind, events)
            problem = check(stream)
            if problem:
                notes.append(f"{kind}: {problem}")
                continue
            rows += _rows(stream, rounds)
        table(
            f"{api}: {events} deltas; CPU, medians of {rounds} interleaved rounds",
            ("", "bytes/event", "us/event", "x floor", "quartiles", "goal"),
            rows,
            notes,
        )


def _rows(stream: Stream, rounds: int) -> list[list[str]]:
    api, events, body = stream.api, stream.events, stream.body
    small = [body[at : at + SMALL] for at in range(0, len(body), SMALL)]
    contenders: dict[str, Callable[[], object]] = {
        "floor": lambda: floor(events),
        "lash, an event a chunk": lambda: decode(api, events),
        f"lash, {SMALL}-byte reads": lambda: decode(api, small),
        "lash, one big chunk": lambda: decode(api, [body]),
    }
    goals = ["", GOALS[stream.kind], "2.50", "", ""]
    with peers.reader(stream) as others:
        seconds = measure(contenders | others, rounds)
    rows: list[list[str]] = []
    for (name, spent), goal in zip(seconds.items(), goals, strict=False):
        each = statistics.median(spent) / len(events) * 1e6
        middle, low, high = ratio(spent, seconds["floor"])
        ratios = ["1", ""] if name == "floor" else [f"{middle:.2f}", f"{low:.2f} to {high:.2f}"]
        size = f"{len(body) / len(events):.0f}" if name == "floor" else ""
        rows.append([f"{stream.kind}: {name}", size, f"{each:.2f}", *ratios, goal])
    return rows
