"""How much is measured: as the figures in the README were, or less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .streams import APIS


class Options(NamedTuple):
    """`events`: deltas in a stream that is read as fast as it can be; `paced`: in one that comes at a pace."""

    rounds: int = 15
    events: int = 5000
    apis: Sequence[str] = APIS
    requests: int = 100
    streams: Sequence[int] = (200, 1000)
    paced: int = 100
    argument_bytes: Sequence[int] = (10_000, 1_000_000)
    messages: Sequence[int] = (200, 800)
