# Law: whatever happens, in whatever order, an exchange ends once and last with nothing in flight, saved or not.

"""The exchange under fuzzing: `python fuzz/fuzz_exchange.py fuzz/corpus/exchange`.

The bytes are a script: the first sets options, each later one is what happens next. A driver's mistakes (an id never
issued, a body before its head) have to raise LocalProtocolError and to change nothing; all else goes into a script that
`check_machine` runs again, saved and unsaved.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from lash_proto.codec import Route
from lash_proto.codecs import CODECS
from lash_proto.effects import CallHttp
from lash_proto.exchange import Exchange
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import (
    Admitted,
    BodyEnded,
    BodyReceived,
    Cancelled,
    Connected,
    Failed,
    Happening,
    HeadReceived,
    Woke,
)
from lash_proto.machine import Done
from lash_proto.messages import LlmRequest, ProviderOptions
from lash_proto.models import ModelSpec
from lash_proto.providers.handle import KeyAuth
from lash_proto.testing import check_machine

STREAM = (("content-type", "text/event-stream"),)
PIECES = (
    b'data: {"type":"message_start","message":{"id":"msg_1","content":[],"usage":{"input_tokens":1}}}\n\n',
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n',
    b'data: {"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":""}}\n\n',
    b'data: {"type":"content_block_stop","index":0}\n\n',
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n',
    b'data: {"type":"message_stop"}\n\n',
    b'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    b"data: {]\n\n",
    b": ping\n\n",
    b'data: {"type":"mess',
    b'{"type":"error","error":{"type":"api_error","message":"Oops"}}',
    b"",
)
KINDS = ("connection", "timeout", "protocol", "truncated")
STATUSES = (200, 200, 200, 429, 500, 400)


def check(data: bytes) -> None:
    """Run the script, then cancel; run what was accepted again under the laws. The law, asserted."""
    choice = data[0] if data else 0
    machine = make(choice)
    calls = [effect.id for effect in machine.start(0.0) if isinstance(effect, CallHttp)]
    now, script, done, head, queued = 0.0, list[tuple[float, Happening]](), False, False, machine.limited
    for now, happening in told(data[1:400], calls, lambda: machine.wake_at):
        id = getattr(happening, "id", calls[-1])
        current = id == calls[-1] and not done
        headless = isinstance(happening, (BodyReceived, BodyEnded)) and not head
        twice = isinstance(happening, HeadReceived) and head
        early = queued and isinstance(happening, (Connected, HeadReceived, BodyReceived, BodyEnded))
        unasked = isinstance(happening, Admitted) and not queued
        mistake = id not in calls or (current and (headless or twice or early or unasked))
        waiting = machine.wake_at
        try:
            outputs = machine.receive(happening, now)
        except LocalProtocolError:
            # Of a call that is over everything is silence; whether it is over only the machine knows.
            assert mistake
            assert machine.wake_at == waiting
            continue
        assert id in calls
        script.append((now, happening))
        head = head or (current and isinstance(happening, HeadReceived))
        queued = queued and not (current and isinstance(happening, Admitted))
        for output in outputs:
            if isinstance(output, CallHttp):
                calls.append(output.id)
                head, queued = False, output.tokens is not None
        done = done or any(isinstance(output, Done) for output in outputs)
    script.append((now, Cancelled()))
    check_machine(lambda: make(choice), script)


def make(choice: int) -> Exchange:
    """An exchange with the options that a byte sets."""
    options = ProviderOptions(
        total_timeout=40.0 if choice & 1 else None,
        max_retries=choice >> 1 & 3,
        idle_timeout=None if choice & 8 else 5.0,
    )
    return Exchange(
        Route("http://x.test", CODECS["anthropic-messages"]),
        KeyAuth("fuzz", "authorization", optional=True),
        LlmRequest("Hi", options=options),
        ModelSpec("m"),
        stream=not choice & 16,
        retry_after_output=bool(choice & 32),
        limited=bool(choice & 64),
    )


def told(data: bytes, calls: list[int], wake_at: object) -> Iterator[tuple[float, Happening]]:
    """What happens, a byte each: eight kinds, and what the other bits say of them."""
    now = 0.0
    for byte in data:
        more = byte >> 3
        id = calls[-1]
        match byte & 7:
            case 0:
                yield now, Admitted(id) if more % 2 else Connected(id)
            case 1:
                yield now, HeadReceived(id, STATUSES[more % len(STATUSES)], STREAM)
            case 2 | 3:
                yield now, BodyReceived(id, PIECES[more % len(PIECES)])
            case 4:
                yield now, BodyEnded(id)
            case 5:
                yield now, Failed(id, KINDS[more % len(KINDS)], "cut")  # type: ignore[arg-type]
            case 6:
                at = wake_at() if callable(wake_at) else None
                now = max(now, at) if isinstance(at, float) and more % 2 else now + more
                yield now, Woke()
            case _:
                strays: tuple[Happening, ...] = (
                    Cancelled(),
                    BodyReceived(0, b"x"),
                    BodyEnded(id + 1),
                    Failed(1, "connection", "stale"),
                    HeadReceived(1, 200, STREAM),
                    Connected(-1),
                )
                yield now, strays[more % len(strays)]


def main() -> None:
    """Run until a finding."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
