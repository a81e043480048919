"""One response as bytes, what a decoder makes of it, and how two readings of it are compared."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from attrs import define, field, frozen

from ..codec import Codec, Decoder
from ..failures import RemoteProtocolError
from ..machine import fraction
from ..replies import LlmResponse, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from ..usage import StopReason


@frozen(weakref_slot=False)
class Fixture:
    """One response as bytes, and what you know of it. What is None is not compared.

    `complete_at` is how many bytes of the body say that the answer is whole: a shorter prefix is a cut, a longer one an
    answer. `keeps` are strings that the next request must give back (ids, signatures, encrypted reasoning).
    """

    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "text/event-stream"),)
    model: str = "test-model"
    text: str | None = None
    stop_reason: StopReason | None = None
    total_input_tokens: int | None = None
    complete_at: int | None = None
    keeps: tuple[str, ...] = ()


@frozen(weakref_slot=False)
class Reading:
    """What a decoder made of a body: merged events and the response, a partial one where `fault` says why."""

    events: tuple[StreamEvent, ...]
    response: LlmResponse
    fault: str | None

    @property
    def complete(self) -> bool:
        """Whether this is a whole answer and no error."""
        return self.fault is None and self.response.error is None


def merge(events: Iterable[StreamEvent]) -> list[StreamEvent]:
    """The events with neighbouring deltas of one block joined: what no cut of the bytes may change."""
    merged: list[StreamEvent] = []
    for event in events:
        last = merged[-1] if merged else None
        match last, event:
            case (TextDelta(content_index=a, text=said), TextDelta(content_index=b, text=more)) if a == b:
                merged[-1] = TextDelta(a, said + more)
            case (ReasoningDelta(content_index=a, text=said), ReasoningDelta(content_index=b, text=more)) if a == b:
                merged[-1] = ReasoningDelta(a, said + more)
            case (ToolCallDelta(content_index=a, fragment=said), ToolCallDelta(content_index=b, fragment=more)) if (
                a == b
            ):
                merged[-1] = ToolCallDelta(a, said + more)
            case _:
                merged.append(event)
    return merged


def read(
    codec: Codec, fixture: Fixture, pieces: Iterable[bytes], between: Callable[[Decoder], Decoder] | None = None
) -> Reading:
    """Decode the pieces. `between` gets the decoder after each and gives the one to go on with."""
    decoder = codec.decoder(status=fixture.status, headers=fixture.headers, model=fixture.model)
    events: list[StreamEvent] = []
    step = "receive"
    try:
        for piece in pieces:
            events += decoder.receive(piece)
            if between is not None:
                decoder = between(decoder)
        step = "end"
        events += decoder.end()
        step = "finish"
        return Reading(tuple(merge(events)), decoder.finish(), None)
    except RemoteProtocolError as error:
        return Reading(tuple(merge(events)), partial_of(codec, decoder), str(error))
    except AssertionError:
        raise
    except Exception as error:
        law = "law 3: any bytes give events or RemoteProtocolError"
        raise complaint(law, codec, f"{step}() raised {error!r} for {short(fixture.body)}") from error


def partial_of(codec: Codec, decoder: Decoder) -> LlmResponse:
    """What `partial()` gives, which never raises."""
    try:
        return decoder.partial()
    except Exception as error:
        raise complaint("law 3: partial() never raises", codec, f"it raised {error!r}") from error


def cuts_of(body: bytes, dice: Dice, number: int, first: int = 0) -> Iterator[list[bytes]]:
    """The body in pieces, `number` times: singly, ever coarser, and in two."""
    longest = (max(1, len(body) // 2000), 7, 60, 700)
    for turn in range(first, first + number):
        ends = [0]
        if turn % 5 == 4:
            ends += [dice.below(len(body) + 1), len(body)]
        while ends[-1] < len(body):
            ends.append(ends[-1] + 1 + dice.below(longest[turn % 5]))
        yield [body[a:b] for a, b in zip(ends, ends[1:], strict=False)]


@define
class Dice:
    """Chance that is the same each time: numbers from the SHA-256 of a body, a purpose and a counter."""

    seed: bytes
    thrown: int = 0

    @classmethod
    def of(cls, fixture: Fixture, purpose: str) -> Dice:
        """Dice for one purpose on one body."""
        return Dice(hashlib.sha256(fixture.body + purpose.encode()).digest())

    def below(self, number: int) -> int:
        """A whole number from 0 up to, not including, `number`."""
        self.thrown += 1
        return int(fraction(self.seed, self.thrown) * number)


_FIELDS = ("content", "stop_reason", "raw_stop_reason", "usage", "model", "id", "error", "notes", "request_id")


def difference_of(whole: Reading, other: Reading) -> str | None:
    """What the other reading says otherwise, None where nothing."""
    for i in range(max(len(whole.events), len(other.events))):
        a, b = whole.events[i : i + 1], other.events[i : i + 1]
        if a != b:
            return f"event {i} is {short(b)}, and not {short(a)}"
    if whole.fault != other.fault:
        return f"the fault is {other.fault!r}, and not {whole.fault!r}"
    if whole.response != other.response:
        names = [name for name in _FIELDS if getattr(whole.response, name) != getattr(other.response, name)]
        return f"the responses differ in {', '.join(names)}"
    return None


def difference_in_answer(whole: LlmResponse, prefix: LlmResponse) -> str | None:
    """The same for content and stop reason alone."""
    if whole.stop_reason != prefix.stop_reason:
        return f"stop_reason is {prefix.stop_reason!r}, and not {whole.stop_reason!r}"
    for i in range(max(len(whole.content), len(prefix.content))):
        a, b = whole.content[i : i + 1], prefix.content[i : i + 1]
        if a != b:
            return f"content[{i}] is {short(b)}, and not {short(a)}"
    return None


def lengths(pieces: Sequence[bytes]) -> str:
    """How a body was cut, readable."""
    shown = ", ".join([str(len(piece)) for piece in pieces[:8]])
    return f"{len(pieces)} pieces of {shown}{' ...' if len(pieces) > 8 else ''} bytes"


def short(value: Any) -> str:
    """A value in no more than some lines."""
    text = repr(value)
    return text if len(text) <= 1000 else f"{text[:700]} ... {text[-250:]}"


def complaint(law: str, codec: Codec, problem: str) -> AssertionError:
    """The error that says which law is broken, by whom and how."""
    return AssertionError(f"{law}: {codec.api}: {problem}")


def broken(law: str, codec: Codec, problem: str) -> NoReturn:
    """Raise what says that a law is broken."""
    raise complaint(law, codec, problem)


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


COPIES: dict[str, Callable[[Any], Any]] = {"pickle": _pickled, "deepcopy": copy.deepcopy}
"""The ways in which state is saved and restored (law 5)."""
