"""The laws about a machine: its end, its saved state, and text that is shown once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from attrs import define, field

from ..effects import Abort, AskHost, CallHttp, RunTool
from ..failures import LocalProtocolError
from ..happenings import BodyEnded, Failed, Happening, HostAnswered, ToolReturned
from ..machine import Done, Machine
from ..replies import AttemptReset, PartAdded, ReasoningStart, ResponseEnd, TextStart, ToolCallStart
from .reading import COPIES, short

_LAW_4 = "law 4: a machine ends once, last, with nothing left in flight"
_LAW_5 = "law 5: saved equals unsaved"
_LAW_8 = "law 8: text once shown is never shown twice"


def check_machine(
    make: Callable[[], Machine[Any]], script: Sequence[tuple[float, Happening]], *, now: float = 0.0
) -> list[Any]:
    """Laws 4, 5 and 8 on one run of a machine that `make` makes anew each time; gives all that it put out.

    `script` is what happens, each with its time. It has to bring the machine to its end; what follows then is stale.
    """
    outputs = _run(make(), script, now, lambda machine: machine)
    for name, copied in COPIES.items():
        saved = _run(make(), script, now, copied)
        if saved != outputs:
            at = next((i for i, (a, b) in enumerate(zip(outputs, saved, strict=False)) if a != b), len(outputs))
            _broken(_LAW_5, f"after {name}, output {at} is {short(saved[at:][:1])}, and not {short(outputs[at:][:1])}")
    return outputs


def _run(
    machine: Any, script: Sequence[tuple[float, Happening]], now: float, between: Callable[[Any], Any]
) -> list[Any]:
    ledger = _Ledger()
    outputs = list(machine.start(now))
    ledger.take(outputs, machine.wake_at)
    for now, happening in script:
        machine = between(machine)
        id = getattr(happening, "id", None)
        stale = ledger.done or (id is not None and id not in ledger.in_flight)
        new = list(machine.receive(happening, now))
        if stale and new:
            _broken(_LAW_4, f"{short(happening)} is for what is finished, yet {short(new)} came of it")
        if isinstance(happening, (BodyEnded, Failed, ToolReturned, HostAnswered)):
            ledger.in_flight.discard(happening.id)
        ledger.take(new, machine.wake_at)
        outputs += new
    if not ledger.done:
        _broken(_LAW_4, "the script is over, and there was no Done")
    try:
        machine.receive(Failed(ledger.last + 1, "other", "never asked for"), now)
    except LocalProtocolError:
        return outputs
    _broken(_LAW_4, f"a happening with id {ledger.last + 1}, never issued, raised no LocalProtocolError")


@define
class _Ledger:
    """What a machine has in flight, and what it has told."""

    last: int = 0
    in_flight: set[int] = field(factory=set[int])
    done: bool = False
    over: bool = False
    blocks: int = 0

    def take(self, outputs: Sequence[Any], wake_at: float | None) -> None:
        for output in outputs:
            if self.done:
                _broken(_LAW_4, f"{short(output)} came after Done")
            elif isinstance(output, Done):
                self.done = True
            elif isinstance(output, Abort):
                if output.id not in self.in_flight:
                    _broken(_LAW_4, f"{output!r} drops what is not in flight")
                self.in_flight.remove(output.id)
            elif isinstance(output, (CallHttp, RunTool, AskHost)):
                if output.id <= self.last:
                    _broken(_LAW_4, f"{short(output)} has an id that was used before")
                self.last = output.id
                self.in_flight.add(output.id)
            else:
                self._told(output)
        if self.done and (self.in_flight or wake_at is not None):
            _broken(_LAW_4, f"Done with effects {sorted(self.in_flight)} in flight and wake_at {wake_at}")
        if not self.done and not self.in_flight and wake_at is None:
            _broken(_LAW_4, "not done, yet waiting for nothing")

    def _told(self, event: Any) -> None:
        if self.over:
            _broken(_LAW_4, f"{short(event)} came after ResponseEnd")
        self.over = isinstance(event, ResponseEnd)
        if isinstance(event, AttemptReset):
            self.blocks = 0
        elif isinstance(event, (TextStart, ReasoningStart, ToolCallStart, PartAdded)):
            if event.content_index != self.blocks:
                _broken(_LAW_8, f"block {event.content_index} begins where {self.blocks} is next, without AttemptReset")
            self.blocks += 1


def _broken(law: str, problem: str) -> NoReturn:
    raise AssertionError(f"{law}: {problem}")
