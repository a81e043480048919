"""The command line: `lash demo`, `lash ask`, `lash serve-faux`. Exit status: 0 well, 1 a failure, 2 bad usage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lash_proto import __version__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lash", description="A sans-IO LLM client.")
    parser.add_argument("--version", action="version", version=f"lash {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="stream one conversation from every provider kind, offline")
    demo.add_argument("--fast", action="store_true", help="do not pace the streams")

    ask = commands.add_parser("ask", help="ask a model one question and stream its answer")
    ask.add_argument("prompt", help="the question")
    ask.add_argument("--model", required=True, help='"kind:model", for example anthropic:claude-opus-5')
    ask.add_argument("--system", help="instructions that stand above the question")
    ask.add_argument("--reasoning", help="off, minimal, low, medium, high, xhigh, max, or a budget in tokens")
    ask.add_argument("--max-output-tokens", type=int, help="the most tokens the answer may have")
    ask.add_argument("--base-url", help="where the server is, for kinds that take one")

    serve = commands.add_parser("serve-faux", help="serve a scripted provider in every dialect on a loopback port")
    serve.add_argument("--port", type=int, default=8080, help="the port (8080); 0 takes a free one")
    serve.add_argument("--text", help="what it answers; without it, it says who it is")
    serve.add_argument("--events-per-second", type=float, help="how fast it streams; without it, at once")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            from .demo import demo

            return demo(fast=options.fast)
        if options.command == "ask":
            from .ask import ask

            return ask(options)
        from .serve import serve

        return serve(options.port, options.text, options.events_per_second)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 1
