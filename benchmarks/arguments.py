"""A tool call's arguments in fragments of 16 characters, read at each of them and not kept.

What is asked is how the cost of a fragment grows with the arguments: it is to be the same at a megabyte as at 10 KB.
One shape is a long list of small objects, the other one long string, which are different work. The vendors' helpers
parse the whole buffer at each delta, so they are given a tenth of what we are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from lash_proto.codecs import CODECS
from lash_proto.replies import ToolCallDelta

from . import peers
from .decode import HEADERS
from .options import Options
from .rounds import Contender, Figures, cpu_of, interleave, median, ratio
from .streams import Stream, make
from .tables import Row, Table

API = "anthropic-messages"
FRAGMENT = 16
GOAL = 1.3
HELPERS = ("anthropic-messages", "openai-completions")
WORK = 1_000_000  # characters in a round, at least: a small call is read many times


def _texts(size: int) -> dict[str, str]:
    item = {"id": 12345, "name": "notes/today.md", "done": False, "score": 0.25}
    return {
        "many values": json.dumps({"items": [item] * (size // len(json.dumps(item)))}),
        "one long string": json.dumps({"content": "The quick brown fox. " * (size // 21)}),
    }


def _stream(api: str, text: str) -> Stream:
    pieces = [text[at : at + FRAGMENT] for at in range(0, len(text), FRAGMENT)]
    return make(api, "tool", len(pieces), pieces=pieces)


def read(stream: Stream) -> int:
    """Read the arguments at each of their events; how many there were."""
    decoder = CODECS[stream.api].decoder(status=200, headers=HEADERS)
    seen = 0
    for chunk in stream.events:
        for event in decoder.receive(chunk):
            if type(event) is ToolCallDelta:
                seen += 1
                list(event.arguments.values())  # and no name for it, which would keep what was read
    decoder.end()
    return seen


def run(options: Options) -> Iterator[Table]:
    """A table of ours, and one of the vendors' helpers."""
    small, large = options.argument_bytes
    rows: list[Row] = []
    for shape in _texts(small):
        streams = {size: _stream(API, _texts(size)[shape]) for size in (small, large)}
        contenders = {str(size): _reader(stream, max(1, WORK // size)) for size, stream in streams.items()}
        rows += _rows(f"lash, {shape}", interleave(contenders, options.rounds), GOAL)
    for api in HELPERS:
        helped: dict[str, list[Figures]] = {}
        for size in (small, large // 10):
            stream = _stream(api, _texts(size)["many values"])
            with peers.sdk(stream, "helper") as others:
                for name, helper in others.items():
                    helper()  # what is imported and made once is no part of it
                    helped[str(size)] = [{"cpu": helper()["cpu"] / stream.deltas}]
                    rows += _rows(f"{name}, many values", helped, None) if len(helped) == 2 else []
    title = f"arguments: {FRAGMENT}-character fragments, read at each; CPU, medians of {options.rounds} rounds"
    notes = peers.missing(*[peers.SDKS[api] for api in HELPERS])
    yield Table("arguments", title, ["bytes", "us/fragment"], "x the small one", rows, notes)


def _reader(stream: Stream, times: int) -> Contender:
    work = cpu_of(lambda: read(stream), times=times)
    return lambda: {"cpu": work()["cpu"] / stream.deltas}


def _rows(name: str, figures: dict[str, list[Figures]], goal: float | None) -> Iterator[Row]:
    base = next(iter(figures.values()))
    for size, measured in figures.items():
        cells = [size, f"{median(measured) * 1e6:.2f}"]
        yield Row.of(name, cells, ratio(measured, base), goal if measured is not base else None)
