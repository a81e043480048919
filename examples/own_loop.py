"""A model call with lash_proto alone: a selector, a plain socket, and a loop of one's own.

The contract is all here. Carry out each effect, hand over each event, and give back as a happening whatever comes of an
effect; when nothing comes before `wake_at`, give `Woke`. Deadlines and retries are the machine's business.

    python examples/own_loop.py http://127.0.0.1:8080 "Say hi."        # beside: lash serve-faux --port 8080
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from lash_proto import Abort, CallHttp, Connected, Done, Failed, Http1Exchange, LlmRequest, TextDelta, Woke
from lash_proto.providers import anthropic

_START = time.time() - time.monotonic()


def now() -> float:  # seconds since the epoch, by a clock that never runs backwards
    return _START + time.monotonic()


def run(machine: Any) -> Iterator[Any]:
    """The machine's events, and its result last."""
    selector = selectors.DefaultSelector()
    connection: socket.socket | None = None
    http: Http1Exchange | None = None
    outputs = machine.start(now())
    while True:
        happenings: list[Any] = []
        for output in outputs:
            match output:
                case CallHttp():
                    http = Http1Exchange(output)
                    try:
                        connection = socket.create_connection((http.origin.host, http.origin.port), timeout=10)
                        connection.sendall(http.to_send())
                        selector.register(connection, selectors.EVENT_READ)
                        happenings.append(Connected(output.id))
                    except OSError as error:
                        happenings.append(Failed(output.id, "connection", str(error)))
                case Abort() | Done() if connection is not None:
                    selector.unregister(connection)
                    connection.close()
                    connection = None
            if isinstance(output, Done):
                selector.close()
                yield output.result
                return
            if not isinstance(output, CallHttp | Abort):
                yield output
        if not happenings:
            timeout = None if machine.wake_at is None else max(0.0, machine.wake_at - now())
            if selector.select(timeout) and http is not None and connection is not None:
                try:
                    happenings = list(http.receive(connection.recv(65536)))
                except OSError as error:
                    happenings = [Failed(http.call.id, "connection", str(error))]
                if http.ended:
                    selector.unregister(connection)
                    connection.close()
                    connection = None
            else:
                happenings = [Woke()]
        outputs = [output for happening in happenings for output in machine.receive(happening, now())]


if __name__ == "__main__":
    base_url, prompt = sys.argv[1:]
    for event in run(anthropic("a key", base_url=base_url).exchange(LlmRequest(prompt), "claude-opus-5")):
        if isinstance(event, TextDelta):
            print(event.text, end="", flush=True)
    print()
