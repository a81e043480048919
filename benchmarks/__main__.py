"""`python -m benchmarks [NAME ...]`: all of them, or those that are named."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from .options import Options
from .rounds import pin

NAMES = ("decode", "arguments", "burst", "first_event", "paced", "memory", "imports", "encode", "loop")


def main(arguments: list[str] | None = None) -> int:
    """Run benchmarks by name and print their tables."""
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What lash costs, as ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=default.rounds, help="rounds a ratio is the median of")
    parser.add_argument("--events", type=int, default=default.events, help="deltas in a stream")
    parser.add_argument("--api", action="append", help="only this dialect; may be given again")
    parser.add_argument("--requests", type=int, default=default.requests, help="short calls in a round")
    parser.add_argument("--streams", type=int, action="append", help="so many streams at once; may be given again")
    parser.add_argument("--paced", type=int, default=default.paced, help="events in a paced stream")
    parser.add_argument("--arguments", type=int, action="append", help="bytes of a call's arguments; twice")
    parser.add_argument("--messages", type=int, action="append", help="messages of a conversation; twice")
    parser.add_argument("--plots", type=Path, help="a folder for a plot of each table (SVG)")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    options = default._replace(
        rounds=given.rounds,
        events=given.events,
        apis=given.api or default.apis,
        requests=given.requests,
        streams=given.streams or default.streams,
        paced=given.paced,
        argument_bytes=given.arguments or default.argument_bytes,
        messages=given.messages or default.messages,
    )
    print(f"Python {sys.version.split()[0]}, {pin()}\n")
    for name in given.names or NAMES:
        for table in import_module(f".{name}", __package__).run(options):
            print(table.text(), flush=True)
            if given.plots is not None:
                given.plots.mkdir(exist_ok=True)
                (given.plots / f"{table.name}.svg").write_text(table.svg())
    return 0


if __name__ == "__main__":
    sys.exit(main())
