"""`lash ask`: one question to a real provider. The answer goes to stdout, all else to stderr."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lash_proto import LashError, ReasoningDelta, RefusalPart, TextDelta
from lash_proto.providers import handle, register_all, split_model
from lash_proto.replies import PartAdded

from ..blocking import Client
from .screen import usage_line


def ask(options: argparse.Namespace) -> int:
    """Ask, stream, and say what it cost."""
    register_all()
    try:
        kind, model = split_model(options.model)
        provider = handle(kind, **({"base_url": options.base_url} if options.base_url else {}))
        knobs = _knobs(options)
    except (ValueError, TypeError) as error:
        print(f"lash: {error}", file=sys.stderr)
        return 2
    try:
        with Client(provider, model=model) as client, client.stream(options.prompt, **knobs) as stream:
            for event in stream:
                if isinstance(event, TextDelta):
                    print(event.text, end="", flush=True)
                elif isinstance(event, ReasoningDelta):
                    print(event.text, end="", flush=True, file=sys.stderr)
                elif isinstance(event, PartAdded) and isinstance(event.part, RefusalPart):
                    print(event.part.text, end="", flush=True)
            print()
            print(usage_line(stream.response), file=sys.stderr)
    except LashError as error:
        print(f"\nlash: {error}", file=sys.stderr)
        return 1
    return 0


def _knobs(options: argparse.Namespace) -> dict[str, Any]:
    knobs: dict[str, Any] = {}
    if options.system:
        knobs["system"] = options.system
    if options.max_output_tokens is not None:
        knobs["max_output_tokens"] = options.max_output_tokens
    if options.reasoning:
        knobs["reasoning"] = int(options.reasoning) if options.reasoning.isdigit() else options.reasoning
        knobs["expose_thinking"] = True
    return knobs
