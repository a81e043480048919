"""The laws that a codec and a machine keep, as plain functions: lash's own tests run them, and yours can.

    from lash_proto.testing import Fixture, check_codec

    def test_my_codec_keeps_the_laws() -> None:
        check_codec(MyCodec(), Fixture(REPLY, text="Hello."))

A fixture is one response as bytes. Each law is also a function of its own. A law that is broken is an AssertionError
that says what to look at, and it is broken each time: what looks like chance here comes from the SHA-256 of the body.
Nothing is timed: cost is counted in calls and in characters handed on (law 10).
"""

from __future__ import annotations

from .codec import (
    check_codec,
    check_cuts,
    check_events,
    check_garbage,
    check_linear,
    check_prefixes,
    check_replay,
    check_saved,
    check_usage,
    work,
)
from .machine import check_machine
from .reading import Fixture, Reading, merge, read

__all__ = [
    "Fixture",
    "Reading",
    "check_codec",
    "check_cuts",
    "check_events",
    "check_garbage",
    "check_linear",
    "check_machine",
    "check_prefixes",
    "check_replay",
    "check_saved",
    "check_usage",
    "merge",
    "read",
    "work",
]
