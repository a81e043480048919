"""CancelToken: how a caller ends a call from any thread or task."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["CancelToken"]


class CancelToken:
    """Ends every call it was given to. `cancel()` works from any thread or task, before, during and after the call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called. It stays so: a new call takes a new token."""
        return self._cancelled

    def cancel(self) -> None:
        """End the calls. A second time does nothing."""
        with self._lock:
            self._cancelled = True
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener`, from the thread that cancels; at once where that has happened already. Drivers use this."""
        with self._lock:
            if not self._cancelled:
                self._listeners.append(listener)
                return
        listener()

    def forget(self, listener: Callable[[], None]) -> None:
        """Take a listener back; one that is gone is no mistake."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
