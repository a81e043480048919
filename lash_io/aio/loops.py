"""Which event loop is this? The one question that anyio leaves open, for idle connections and cancels from a thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

__all__ = ["background", "current_loop", "in_trio", "poster"]

PATIENCE = 1.0
"""Seconds that a run which is at its end waits for a closing."""


def in_trio() -> bool:
    """Whether the caller runs under trio; if not, it is asyncio or one of its kind."""
    # Who runs under it has imported it; another thread may be about to, and then the module is there and empty.
    asked = getattr(sys.modules.get("trio.lowlevel"), "in_trio_task", None)
    return asked is not None and asked()


def current_loop() -> Any:
    """The event loop itself, or trio's token: one object for each run."""
    if in_trio():
        import trio

        return trio.lowlevel.current_trio_token()
    return asyncio.get_running_loop()


def poster() -> Callable[[Callable[[], object]], None]:
    """What calls a function in this loop, from any thread. Where the loop is over it does nothing."""
    if in_trio():
        import trio

        token = trio.lowlevel.current_trio_token()

        def post_to_trio(function: Callable[[], object]) -> None:
            try:
                token.run_sync_soon(function)
            except trio.RunFinishedError:
                pass

        return post_to_trio
    loop = asyncio.get_running_loop()

    def post(function: Callable[[], object]) -> None:
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # closed
            pass

    return post


_running: set[asyncio.Task[None]] = set()  # the loop alone would not keep them


def background(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let a closing that must wait go on after its caller. What it raises is nobody's concern any more."""

    async def quietly() -> None:
        try:
            # A run that is at its end cancels what is left in it; a closing that was cut short would leave things open.
            with anyio.move_on_after(PATIENCE, shield=True):
                await function()
        except Exception:
            pass

    if in_trio():
        import trio

        trio.lowlevel.spawn_system_task(quietly)
    else:
        task = asyncio.get_running_loop().create_task(quietly())
        _running.add(task)
        task.add_done_callback(_running.discard)
