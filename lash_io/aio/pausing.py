"""A coroutine that can be left where it waits, and gone on with later: for a library whose waits cannot be broken off.

    work = Pausing(library.read())      # which waits, far below, in a stream of ours
    result = await work.go_on()         # None: our stream had no more patience, and said `await pause()`
    result = await work.go_on()         # from there on

To cancel the library's wait instead would cost its connection, and to let it wait in a task of its own costs twice the
time of a short answer. A pause is a yield that the event loop never sees, because `go_on` stands between them. No scope
or lock of the loop may be held around it: one that is entered in a task has to be left in it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

__all__ = ["Pausing", "pause"]

T = TypeVar("T")

_PAUSE = object()


@types.coroutine
def pause() -> Generator[Any, Any, None]:
    """Let whoever waits in `go_on` have None; comes back when he does."""
    yield _PAUSE


class Pausing(Generic[T]):
    """Such a coroutine. It ends by being gone on with: to drop it, have what it waits for fail first."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    @types.coroutine
    def go_on(self) -> Generator[Any, Any, T | None]:
        """Its result, or None where it pauses. Raises what it raises."""
        step: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        while True:
            try:
                wanted = step(value)
            except StopIteration as end:
                result: T = end.value
                return result
            if wanted is _PAUSE:
                return None
            try:
                value = yield wanted
                step = self._coroutine.send
            except BaseException as error:  # a cancellation, for it to take
                value, step = error, self._coroutine.throw
