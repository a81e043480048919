"""A vendor's own SDK over one of our streams; run by `peers.py` with the Python of the SDK's virtual environment.

    python peer_reader.py API FILE

FILE has one event a line, as base64. For each line on the standard input the stream is read once, an event a chunk, and
the seconds of CPU it took are printed. Nothing of lash is imported here, and nothing goes over a network.
"""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any


def _client(module: str, client: str, chunks: list[bytes]) -> Any:
    sdk = import_module(module)
    httpx = sys.modules.get("httpx2") or import_module("httpx")
    head = {"content-type": "text/event-stream; charset=utf-8"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=head, content=iter(chunks)))
    return getattr(sdk, client)(api_key="none", http_client=httpx.Client(transport=transport), max_retries=0)


def _reader(api: str, chunks: list[bytes]) -> Callable[[], Iterable[Any]]:
    ask: list[Any] = [{"role": "user", "content": "x"}]
    if api == "anthropic-messages":
        anthropic = _client("anthropic", "Anthropic", chunks)
        return lambda: anthropic.messages.create(model="x", max_tokens=1, messages=ask, stream=True)
    openai = _client("openai", "OpenAI", chunks)
    if api == "openai-responses":
        return lambda: openai.responses.create(model="x", input="x", stream=True)
    return lambda: openai.chat.completions.create(model="x", messages=ask, stream=True)


def main(api: str, file: str) -> None:
    """Answer each line with the seconds of one reading."""
    chunks = [base64.b64decode(line) for line in Path(file).read_bytes().splitlines()]
    read = _reader(api, chunks)
    for _ in sys.stdin:
        begun = time.process_time()
        for _ in read():
            pass
        print(time.process_time() - begun, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
