"""Which loop runs, and what goes on at its end."""

from __future__ import annotations

import asyncio
import sys
import types

import anyio
import pytest

from lash_io.aio.loops import background, current_loop, in_trio


def test_a_trio_that_another_thread_is_about_to_import_is_nobodys_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> bool:
        monkeypatch.delitem(sys.modules, "trio.lowlevel", raising=False)
        monkeypatch.setitem(sys.modules, "trio", types.ModuleType("trio"))
        assert not in_trio()
        monkeypatch.setitem(sys.modules, "trio.lowlevel", types.ModuleType("trio.lowlevel"))
        return current_loop() is asyncio.get_running_loop()

    assert asyncio.run(main())


def test_a_closing_that_has_begun_is_carried_out_at_the_end_of_a_run() -> None:
    closed = []

    async def close() -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        closed.append(True)

    async def main() -> None:
        background(close)

    anyio.run(main, backend="trio")
    assert closed == [True]
