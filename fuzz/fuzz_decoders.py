# Law: any body gives the same events, response and fault in any cut, and nothing but RemoteProtocolError is raised.

"""Decoders under fuzzing: `python fuzz/fuzz_decoders.py [--api=NAME] fuzz/corpus/decoders`.

The first byte picks the dialect (its lower half) and how the response is announced (its upper half); the rest is the
body. `--api` sets the dialect whatever that byte says.
"""

from __future__ import annotations

import sys

from lash_proto.codec import Codec, Decoder
from lash_proto.codecs import CODECS
from lash_proto.testing import Fixture, read
from lash_proto.testing.shape import check_shape

APIS = tuple(CODECS)
ANNOUNCED: tuple[tuple[int, str], ...] = (
    (200, "text/event-stream"),
    (200, "application/json"),
    (200, "text/plain"),
    (500, "application/json"),
    (429, "text/html"),
    (400, "text/event-stream"),
)


def check(data: bytes) -> None:
    """Feed the body whole, singly and in two. The law, asserted."""
    choice, body = (data[0], data[1:]) if data else (0, b"")
    status, content_type = ANNOUNCED[(choice >> 4) % len(ANNOUNCED)]
    fixture = Fixture(body, status, (("content-type", content_type),))
    codec: Codec = CODECS[APIS[(choice & 15) % len(APIS)]]
    whole = read(codec, fixture, [body])
    check_shape(codec, whole)
    # Cut where the input itself says, so that a fuzzer can steer the cut.
    cut = (body[0] * 7 + len(body)) % (len(body) + 1) if body else 0
    assert read(codec, fixture, [body[i : i + 1] for i in range(len(body))]) == whole
    assert read(codec, fixture, [body[:cut], b"", body[cut:]], look) == whole


def look(decoder: Decoder) -> Decoder:
    """partial() never raises, and what it gives has a JSON form."""
    decoder.partial().to_json()
    return decoder


def main() -> None:
    """Run until a finding."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    place = next((APIS.index(said.removeprefix("--api=")) for said in sys.argv if said.startswith("--api=")), None)

    def check_one(data: bytes) -> None:
        check(data if place is None or not data else bytes((data[0] & 240 | place,)) + data[1:])

    atheris.instrument_all()
    atheris.Setup([said for said in sys.argv if not said.startswith("--")], check_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
