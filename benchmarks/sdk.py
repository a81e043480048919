"""A vendor's own SDK over one of our streams, with nothing of a network; run with the Python that has the SDK.

    python -m benchmarks.sdk SETTINGS

SETTINGS is JSON: `api`, `file`, which has one event a line as base64, and `task`, what is measured for each line on
the standard input: `decode`, the CPU of one reading; `helper`, the same by `.stream()`, which adds up what comes, and
parses the arguments of a tool as they grow; `keep`, the bytes that all events take, kept.
"""

from __future__ import annotations

import base64
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from .peers import work

ASKED: list[dict[str, Any]] = [{"role": "user", "content": "x"}]
PARAMETERS = {
    "type": "object",
    "properties": {},
    "required": [],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "write_file", "parameters": PARAMETERS, "strict": True}}


def _client(module: str, client: str, chunks: list[bytes]) -> Any:
    sdk = import_module(module)
    httpx = sys.modules.get("httpx2") or import_module("httpx")
    head = {"content-type": "text/event-stream; charset=utf-8"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=head, content=iter(chunks)))
    return getattr(sdk, client)(api_key="none", http_client=httpx.Client(transport=transport), max_retries=0)


def _plain(api: str, chunks: list[bytes]) -> Callable[[], Iterable[Any]]:
    if api == "anthropic-messages":
        anthropic = _client("anthropic", "Anthropic", chunks)
        return lambda: anthropic.messages.create(model="x", max_tokens=1, messages=ASKED, stream=True)
    openai = _client("openai", "OpenAI", chunks)
    if api == "openai-responses":
        return lambda: openai.responses.create(model="x", input="x", stream=True)
    return lambda: openai.chat.completions.create(model="x", messages=ASKED, stream=True)


def _helper(api: str, chunks: list[bytes]) -> Callable[[], Iterable[Any]]:
    def read() -> Iterable[Any]:
        if api == "anthropic-messages":
            anthropic = _client("anthropic", "Anthropic", chunks)
            with anthropic.messages.stream(model="x", max_tokens=1, messages=ASKED) as stream:
                yield from stream
            return
        openai = _client("openai", "OpenAI", chunks)
        with openai.chat.completions.stream(model="x", messages=ASKED, tools=[TOOL]) as stream:
            yield from stream

    return read


def begin() -> Callable[[], dict[str, float]]:
    """What is to be done for each line."""
    settings = json.loads(sys.argv[1])
    chunks = [base64.b64decode(line) for line in Path(settings["file"]).read_bytes().splitlines()]
    read = (_helper if settings["task"] == "helper" else _plain)(settings["api"], chunks)

    def cpu() -> dict[str, float]:
        gc.collect()
        begun = time.process_time()
        for _ in read():
            pass
        return {"cpu": time.process_time() - begun}

    def keep() -> dict[str, float]:
        list(read())  # what is made once and kept is no part of it
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        kept = list(read())
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return {"bytes": (after - before) / len(kept)}

    return keep if settings["task"] == "keep" else cpu


if __name__ == "__main__":
    work(begin)
