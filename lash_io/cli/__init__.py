"""The command line: `lash demo`, `lash ask`, `lash serve-faux`. Exit status: 0 well, 1 a failure, 2 bad usage."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import get_args

from lash_proto import __version__


def _reasoning(text: str) -> str | int:
    """A level, or a budget in tokens."""
    from lash_proto.messages import ReasoningLevel

    if text.isdecimal():
        return int(text)
    if text not in get_args(ReasoningLevel):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a level nor a number of tokens")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: they are numbers up to 65535")
    return int(text)


def _speed(text: str) -> float | None:
    from lash_proto.faux.script import check_speed

    try:
        return check_speed(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed: it is a number of tokens above 0") from None


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
    ask.add_argument(
        "--reasoning", type=_reasoning, help="off, minimal, low, medium, high, xhigh, max, or a budget in tokens"
    )
    ask.add_argument("--max-output-tokens", type=int, help="the most tokens the answer may have")
    ask.add_argument("--key-from", metavar="VARIABLE", help="the environment variable that holds the key or token")
    ask.add_argument("--base-url", help="where the server is, for kinds that take one")

    serve = commands.add_parser("serve-faux", help="serve a scripted provider in every dialect on a loopback port")
    serve.add_argument("--port", type=_port, default=8080, help="the port (8080); 0 takes a free one")
    serve.add_argument("--text", help="what it answers; without it, it says who it is")
    serve.add_argument("--tokens-per-second", type=_speed, help="how fast it streams; without it, at once")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to stop
    options = _parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has seen enough. What is still in the buffer would fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _run(options: argparse.Namespace) -> int:
    if options.command == "demo":
        from .demo import demo

        return demo(fast=options.fast)
    if options.command == "ask":
        from .ask import ask

        return ask(options)
    from .serve import serve

    return serve(options.port, options.text, options.tokens_per_second)
