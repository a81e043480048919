"""`python -m benchmarks [NAME ...]`: all of them, or those that are named."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from .rounds import pin

NAMES = ("decode", "memory")


def main(arguments: list[str] | None = None) -> int:
    """Run benchmarks by name and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What lash costs, as ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds a ratio is the median of (default 15)")
    parser.add_argument("--events", type=int, default=5000, help="deltas in a stream (default 5000)")
    parser.add_argument("--api", action="append", help="only this dialect; may be given again")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    print(f"Python {sys.version.split()[0]}, {pin()}\n")
    for name in options.names or NAMES:
        import_module(f".{name}", __package__).run(options.rounds, options.events, options.api)
    return 0


if __name__ == "__main__":
    sys.exit(main())
