"""Names to addresses, in a thread that nobody waits for.

A look-up lasts as long as the system likes: neither a deadline nor a token nor Ctrl-C ends one, and asyncio waits for
those of its own before it lets a loop end. So a new connection to a name costs a thread; one to an address does not.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["Addresses", "look_up", "written_out"]

Addresses: TypeAlias = list[tuple[Any, ...]]
"""What socket.getaddrinfo gives."""


def written_out(host: str, port: int) -> Addresses | None:
    """The address that a host is already; None where it is a name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None


def look_up(host: str, port: int, tell: Callable[[Addresses | Exception], object]) -> None:
    """Tell what a name stands for, or why nobody knows, from another thread."""

    def ask() -> None:
        found: Addresses | Exception
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except Exception as error:
            found = error
        tell(found)

    threading.Thread(target=ask, name="lash-look-up", daemon=True).start()
