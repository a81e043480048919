"""The one idea: a machine takes happenings and gives effects, events and, once, last, `Done`.

    outputs = machine.start(now)
    outputs = machine.receive(happening, now)
    machine.wake_at                      # when it wants `Woke`, or None

Rules of the contract, which `lash_proto.testing` and the drivers hold machines to:

- `now` is seconds since the epoch and never runs backwards in one run. Entropy is `seed`, given once.
- There is no sleep effect: deadlines, backoff and polling set `wake_at`.
- Until `Done` an effect is in flight or `wake_at` is set; with `Done` nothing is in flight.
- A happening for an id already finished is silence, because aborts race; for one never issued it is a
  `LocalProtocolError`.
- A parent passes a child's outputs on as they are and looks only at the last, which by law is where `Done` stands. So
  parent and child share one `Ids`.
- State is plain data: a machine pickled and restored between any two happenings gives the same outputs.
- `restart(now)`, after a restore, gives the effects that must be performed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import define, frozen

from .failures import LocalProtocolError
from .happenings import Happening

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@frozen(weakref_slot=False)
class Done(Generic[R]):
    """The last output of every machine."""

    result: R


class Machine(Protocol[R_co]):
    """What every driver can run. Outputs are effects, events, and `Done` last; `R_co` is the type of its result."""

    @property
    def wake_at(self) -> float | None:
        """The time at which it wants `Woke`, or None."""
        ...

    def start(self, now: float) -> Sequence[Any]:
        """The first outputs. Called once."""
        ...

    def receive(self, happening: Happening, now: float) -> Sequence[Any]:
        """What follows from a happening. Raises LocalProtocolError for one that cannot be."""
        ...


@define
class Ids:
    """The source of effect ids, shared by parent and child."""

    last: int = 0

    def next(self) -> int:
        """A new id: 1, 2, 3 ..."""
        self.last += 1
        return self.last

    def check(self, happening: Any) -> None:
        """Refuse a happening that answers no effect ever issued; call it before treating one as stale."""
        id = getattr(happening, "id", None)
        if not isinstance(id, int) or not 1 <= id <= self.last:
            raise LocalProtocolError(f"{type(happening).__name__} with id {id!r} answers no effect of this machine")


def fraction(seed: bytes, counter: int) -> float:
    """A number in [0, 1) from seed and counter: the jitter of a run, the same in every replay of it."""
    digest = hashlib.sha256(seed + counter.to_bytes(8, "big")).digest()
    return int.from_bytes(digest[:7], "big") / (1 << 56)
