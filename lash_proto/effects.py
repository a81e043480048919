"""Orders that only the world can carry out. Each has an id; what the world did comes back under it.

Ids begin at 1 and are never used again. `Abort` has no id of its own: `id` is that of the effect to be dropped, and
nothing answers it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import field, frozen

from .http import HeaderItems
from .messages import ToolCallPart


@frozen(weakref_slot=False)
class CallHttp:
    """Send this request and report the response: Connected, HeadReceived, BodyReceived*, then BodyEnded or Failed.

    `patience` is the longest silence, in seconds, that may be borne in the whole of it (None: any): for a pool that no
    word of the machine's reaches. `tokens` is what it counts where calls are limited, and that it waits for its turn
    there, which is told as Admitted, before all else; None: it does not wait, and no such news comes. `recordable`: no
    credential is in it but in its headers, nor in its answer. Only a machine can know, so none is recorded unasked.
    """

    id: int
    method: str
    url: str
    headers: HeaderItems
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    patience: float | None = None
    tokens: int | None = None
    recordable: bool = False


@frozen(weakref_slot=False)
class RunTool:
    """Run one of the caller's tools and report ToolReturned, or Failed where there is no such tool to run."""

    id: int
    call: ToolCallPart


@frozen(weakref_slot=False)
class AskHost:
    """Ask the program around us (a hook, an approval, a transform) and report HostAnswered."""

    id: int
    name: str
    value: Any = None


@frozen(weakref_slot=False)
class Abort:
    """Drop the effect with this id: nobody waits for it any more."""

    id: int


Effect: TypeAlias = CallHttp | RunTool | AskHost | Abort

EFFECTS: tuple[type, ...] = (CallHttp, RunTool, AskHost, Abort)
"""Every class of effect; drivers keep one performer for each but Abort."""
