"""News of what the world did, in the past tense. An id ties it to the effect it answers.

The caller's own happenings (`Woke`, `Cancelled`, `Steered`) answer no effect and have no id.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import frozen

from .failures import FailureKind


@frozen(weakref_slot=False)
class Admitted:
    """The turn of a CallHttp has come that waits for one (`tokens`); now it connects."""

    id: int


@frozen(weakref_slot=False)
class Connected:
    """The connection for a CallHttp stands, or a kept one was taken; the request goes out."""

    id: int


@frozen(weakref_slot=False)
class HeadReceived:
    """The response's status and headers (lower-case names, in order). Interim 1xx heads are not reported."""

    id: int
    status: int
    headers: tuple[tuple[str, str], ...]


@frozen(weakref_slot=False)
class BodyReceived:
    """Bytes of the response's body, after transfer and content decoding: all that one read brought, a MiB at a time."""

    id: int
    data: bytes


@frozen(weakref_slot=False)
class BodyEnded:
    """The response's body is over, as its framing promised."""

    id: int


@frozen(weakref_slot=False)
class Failed:
    """An effect could not be carried out, or not to its end. What had been reported stands."""

    id: int
    kind: FailureKind
    message: str


@frozen(weakref_slot=False)
class ToolReturned:
    """What a tool gave back."""

    id: int
    output: Any


@frozen(weakref_slot=False)
class HostAnswered:
    """What the host answered."""

    id: int
    value: Any


@frozen(weakref_slot=False)
class Progressed:
    """What a tool, or a model call that the host makes, tells before its end."""

    id: int
    value: Any


@frozen(weakref_slot=False)
class Woke:
    """The time that the machine's `wake_at` named has come."""


@frozen(weakref_slot=False)
class Cancelled:
    """The caller wants no more of this."""


@frozen(weakref_slot=False)
class Steered:
    """The caller has something to say to the model, before its next call."""

    message: Any


Happening: TypeAlias = (
    Admitted
    | Connected
    | HeadReceived
    | BodyReceived
    | BodyEnded
    | Failed
    | ToolReturned
    | HostAnswered
    | Progressed
    | Woke
    | Cancelled
    | Steered
)
