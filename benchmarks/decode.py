"""Bytes to events, beside the least that anyone can do: split the lines and give each `data:` to `json.loads`.

The floor makes dictionaries and keeps nothing. Our rows make typed events and the whole response. The ratio is always
to the floor that gets one event a chunk, also for reads of 16 bytes, which the floor is not made to put together. The
vendors' own SDKs have rows where `make bench-peers` has set them up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from lash_proto.codec import Decoder
from lash_proto.codecs import CODECS
from lash_proto.replies import LlmResponse
from lash_proto.values import Engine

from . import engines, peers
from .options import Options
from .rounds import Contender, Figures, cpu_of, interleave, median, ratio
from .streams import KINDS, Stream, make
from .tables import Row, Table

HEADERS = [("content-type", "text/event-stream; charset=utf-8")]
GOALS = {"text": (1.0, 0.7), "reasoning": (1.0, 0.7), "tool": (1.2, 0.8)}
"""The most that an event a chunk is to cost of the floor, with the standard library and with msgspec."""
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


def run(options: Options) -> Iterator[Table]:
    """A table for each dialect."""
    for api in options.apis:
        rows: list[Row] = []
        vendor = peers.SDKS.get(api)
        notes = ["no SDK is measured for this dialect"] if vendor is None else peers.missing(vendor)
        for kind in KINDS:
            stream = make(api, kind, options.events)
            if problem := check(stream):
                notes.append(f"{kind}: {problem}")
            else:
                rows += _rows(stream, options.rounds)
        title = f"decode, {api}: {options.events} deltas; CPU, medians of {options.rounds} rounds"
        yield Table(f"decode-{api}", title, ["bytes/event", "us/event"], "x floor", rows, notes)


def _rows(stream: Stream, rounds: int) -> Iterator[Row]:
    api, events, body = stream.api, stream.events, stream.body
    small = [body[at : at + SMALL] for at in range(0, len(body), SMALL)]
    cuts = {"an event a chunk": events, f"{SMALL}-byte reads": small, "one big chunk": [body]}
    contenders: dict[str, Contender] = {"floor": cpu_of(lambda: floor(events))}
    for engine in engines.ENGINES:
        for cut, chunks in cuts.items():
            contenders[f"{engines.ENGINES[engine]}, {cut}"] = _reader(engine, api, chunks)
    goal, fast = GOALS[stream.kind]
    goals = {f"lash, {cut}": goal for cut in cuts}
    goals |= {f"lash, {SMALL}-byte reads": 2.5, "lash, fast, an event a chunk": fast}
    with peers.sdk(stream) as others:
        figures = interleave(contenders | others, rounds)
    for name, measured in figures.items():
        size = f"{len(body) / len(events):.0f}" if name == "floor" else ""
        cells = [size, f"{median(measured) / len(events) * 1e6:.2f}"]
        yield Row.of(f"{stream.kind}: {name}", cells, ratio(measured, figures["floor"]), goals.get(name))


def _reader(engine: Engine, api: str, chunks: Sequence[bytes]) -> Contender:
    read = cpu_of(lambda: decode(api, chunks))

    def contender() -> Figures:
        with engines.using(engine):
            return read()

    return contender
