"""What both drivers know of a flight, which is an effect under way: when it ends, where it goes, how it fails.

A flight gives the happenings of its effect one by one. `receive(until)` gives the next one, or None: the clock passed
`until`, or someone interrupted the wait. `bounded` says whether it keeps to `until`; where it cannot (a function of the
caller's, a pool with timeouts of its own), the driver gives it a thread or task as soon as anything else can happen.
`interrupt()` makes a wait return promptly, which may cost it its connection; `close()` drops what it holds at once.
"""

from __future__ import annotations

import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any, TypeAlias

from lash_proto.effects import EFFECTS, AskHost, RunTool
from lash_proto.failures import LocalProtocolError
from lash_proto.happenings import (
    Admitted,
    BodyEnded,
    BodyReceived,
    Connected,
    Failed,
    HeadReceived,
    HostAnswered,
    ToolReturned,
)
from lash_proto.machine import Done
from lash_proto.values import redact_text

from .log import log_raised

if TYPE_CHECKING:
    from lash_proto.http1 import Origin

_log = logging.getLogger(__name__)

ENDINGS = frozenset({BodyEnded, Failed, ToolReturned, HostAnswered})
"""After one of these a flight is over."""

ORDERS: frozenset[type] = frozenset({*EFFECTS, Done})
"""The outputs that are not events."""

INBOX = 16
"""Happenings that overlapping flights may be ahead of the machine. With 0 each costs twice as much; 32 wins nothing."""

READ = 65536
"""Bytes asked for in one read."""

MOMENT = 0.001
"""Seconds that an asynchronous wait takes at least: a scope that is over does not give even what lies there unread."""

CATCH_UP = 1.0
"""Seconds in which a caller who was away past a deadline is given what lay here unread, before the deadline counts."""

News: TypeAlias = Admitted | Connected | HeadReceived | BodyReceived | BodyEnded | Failed | ToolReturned | HostAnswered
"""The happenings that answer an effect."""


def is_due(wake_at: float, now: float, back: float, quiet: bool) -> bool:
    """Whether a deadline that has passed counts. `back`: when the caller last came back; `quiet`: nothing lies here.

    One that passed while the caller was away says nothing of the peer, whose news may lie here unread. But news that
    never ends and never says anything to the machine must not hold it off for ever.
    """
    return quiet or wake_at > back or now > back + CATCH_UP


def unreached(id: int, origin: Origin, error: BaseException, *, started: bool = False) -> Failed:
    """What an error of socket, TLS or name service means for a call; `started`: the response had begun."""
    host, port = origin.host, origin.port
    match error:
        case ssl.SSLCertVerificationError():
            message = f"the TLS certificate of {host} is not trusted: {error.verify_message}"
        case ssl.SSLError():
            message = f"TLS with {host}:{port} failed: {error.reason or error}"
        case socket.gaierror():
            message = f"the name {host} cannot be resolved: {error.strerror}"
        case _ if started:
            message = f"the connection to {host}:{port} broke in the middle of the response: {describe(error)}"
        case _:
            message = f"no connection to {host}:{port}: {describe(error)}"
    return Failed(id, "truncated" if started else "connection", message)


def describe(error: BaseException) -> str:
    """An exception in one line, without what looks like a credential."""
    text = getattr(error, "strerror", None) or str(error)
    return redact_text(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def broken(id: int, error: Exception) -> Failed:
    """What an exception in a tool or a hook means: news for the machine, which decides what becomes of it."""
    return Failed(id, "other", describe(error))


def log_function(effect: AskHost | RunTool, error: Exception) -> None:
    """Tell where the caller's own function for an effect raised."""
    log_raised(_log, f"the hook {effect.name}" if isinstance(effect, AskHost) else "a tool", error)


def nothing_to_wait_for(machine: Any) -> LocalProtocolError:
    """A machine that is not done and waits for nothing would wait for ever."""
    name = type(machine).__name__
    return LocalProtocolError(f"{name} is not done, but has nothing in flight and no wake_at: a mistake in the machine")


def no_performer(effect: Any) -> LocalProtocolError:
    """The driver was given nothing that could carry this effect out."""
    return LocalProtocolError(f"nothing here performs {type(effect).__name__}: name a performer for it")
