"""Which of the two JSON engines lash reads with: the standard library alone, or msgspec where the extra `fast` is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from lash_proto import values

ENGINES: dict[values.Engine, str] = {"json": "lash"}
if find_spec("msgspec"):
    ENGINES["msgspec"] = "lash, fast"
"""Those that are there, and what a row is called."""


@contextmanager
def using(engine: values.Engine) -> Iterator[None]:
    """Read with it inside the block."""
    before = values.json_engine()
    values.json_engine(engine)
    try:
        yield
    finally:
        values.json_engine(before)
