# Law: any bytes give the same events, all encodable, and the same fault in any cut, and nothing else is raised.

"""Server-sent events under fuzzing: `python fuzz/fuzz_sse.py fuzz/corpus/sse`."""

from __future__ import annotations

import sys

from lash_proto.failures import RemoteProtocolError
from lash_proto.sse import MAX_BYTES, Event, SseParser


def check(data: bytes) -> None:
    """Feed the bytes whole, singly and in two, with the usual limits and with small ones. The law, asserted."""
    for limit in (MAX_BYTES, 40):
        whole = read([data], limit)
        for name, text in whole[0]:
            (name + text).encode()
        assert read([data[i : i + 1] for i in range(len(data))], limit) == whole
        # Cut where the input itself says, so that a fuzzer can steer the cut.
        cut = data[0] % len(data) if data else 0
        assert read([data[:cut], b"", data[cut:]], limit) == whole


def read(reads: list[bytes], limit: int) -> tuple[list[Event], str]:
    """The events, and the fault that came after them."""
    parser = SseParser(max_line_bytes=limit, max_event_bytes=2 * limit)
    events: list[Event] = []
    try:
        for each in reads:
            events += parser.receive(each)
        events += parser.end()
        events += parser.end()
    except RemoteProtocolError as fault:
        return events, str(fault)
    return events, ""


def main() -> None:
    """Run until a finding."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
