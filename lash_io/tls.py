"""The TLS settings of one transport, read when first needed: reading the trust store takes 19 ms."""

from __future__ import annotations

import ssl
import threading

__all__ = ["LazyContext"]


class LazyContext:
    """One SSLContext for all connections: the caller's, or the system's trust store and hostname checks."""

    @classmethod
    def of(cls, given: ssl.SSLContext | LazyContext | None) -> LazyContext:
        """The same one, where transports share it."""
        return given if isinstance(given, LazyContext) else cls(given)

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._lock = threading.Lock()
        self._context = given

    def get(self) -> ssl.SSLContext:
        """The context, the same each time."""
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context()
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context
