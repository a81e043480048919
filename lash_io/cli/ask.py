"""`lash ask`: one question to a real provider. The answer goes to stdout, all else to stderr."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lash_proto import LashError, MissingCredential, RefusalPart
from lash_proto.providers import ProviderHandle, make_handle, register_all, split_model
from lash_proto.replies import PartAdded, ReasoningDelta, TextDelta

from ..blocking import Client, Stream
from ..world import environment
from .screen import usage_line


def ask(options: argparse.Namespace) -> int:
    """Ask, stream, and say what it cost."""
    register_all()
    try:
        kind, model = split_model(options.model)
        provider = _provider(kind, options.base_url, options.key_from)
    except ValueError as error:
        print(f"lash: {error}", file=sys.stderr)
        return 2
    try:
        with Client(provider, model=model) as client, client.stream(options.prompt, **_knobs(options)) as stream:
            _show(stream)
            print(usage_line(stream.response), file=sys.stderr)
    except MissingCredential as error:
        print(f"lash: {error}, or name the variable that holds it: --key-from VARIABLE", file=sys.stderr)
        return 1
    except LashError as error:
        print(f"lash: {error}", file=sys.stderr)
        return 1
    return 0


def _provider(kind: str, base_url: str | None, key_from: str | None) -> ProviderHandle:
    given = {} if base_url is None else {"base_url": base_url}
    if key_from is not None:
        key = environment().get(key_from)
        if not key:
            raise ValueError(f"the environment variable {key_from} is not set, or empty")
        given["api_key"] = key
    try:
        return make_handle(kind, **given)
    except TypeError:
        raise ValueError(f"{kind} takes no --base-url") from None


def _knobs(options: argparse.Namespace) -> dict[str, Any]:
    knobs: dict[str, Any] = {}
    if options.system:
        knobs["system"] = options.system
    if options.max_output_tokens is not None:
        knobs["max_output_tokens"] = options.max_output_tokens
    if options.reasoning is not None:
        knobs["reasoning"] = options.reasoning
        knobs["expose_thinking"] = True
    return knobs


def _show(stream: Stream) -> None:
    """Print the answer as it comes, exactly, and one line break behind it, also where it breaks off."""
    last = None
    try:
        for event in stream:
            if isinstance(event, TextDelta):
                here, text = sys.stdout, event.text
            elif isinstance(event, PartAdded) and isinstance(event.part, RefusalPart):
                here, text = sys.stdout, event.part.text
            elif isinstance(event, ReasoningDelta):
                here, text = sys.stderr, event.text
            else:
                continue
            if last is not None and last is not here:
                print(file=sys.stderr)  # for the eyes: both are one terminal
            print(text, end="", flush=True, file=here)
            last = here
    finally:
        if last is not None:
            print(file=last, flush=True)
