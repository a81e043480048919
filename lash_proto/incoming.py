"""The response to one attempt as it comes in: its head, its decoder, and how much of it has been heard.

Decisions.
- Output is all of an answer but its id and its counts. Once there is some, an attempt is not made again unasked.
- When to come back, what a refusal means at this place and where a redirect goes do not stand in the body that the
  decoder reads: they are added to the failure that it found, whose kind stands.
- A redirect is followed by nobody: it is told with its place, and what was sent goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, evolve

from .codec import Decoder
from .failures import Failure, RemoteProtocolError, request_id_of, retry_after
from .http import without_secrets
from .replies import ResponseStart, UsageUpdate
from .values import header, redact_text

_NO_OUTPUT = (ResponseStart, UsageUpdate)


@define
class Incoming:
    """`draining`: the answer is whole, and only read on. `progress` is the decoder's, as far as it has been seen."""

    status: int
    headers: tuple[tuple[str, str], ...]
    decoder: Decoder
    output: bool = False
    draining: bool = False
    progress: int = 0

    @property
    def request_id(self) -> str | None:
        """The provider's, where the head has it."""
        return request_id_of(self.headers)

    def note_output(self, events: list[Any]) -> None:
        """These events are handed on."""
        if not self.output:
            self.output = any(not isinstance(event, _NO_OUTPUT) for event in events)

    def close_blocks(self) -> list[Any]:
        """The End of every open block, so that each Start has one also when a call breaks off."""
        try:
            return list(self.decoder.end())
        except RemoteProtocolError:
            return []

    def explained(self, failure: Failure, hints: Mapping[int, str], now: float) -> Failure:
        """A failure that the decoder found, with what the head and the route's hints say of it."""
        if failure.retry_after is None and self.status >= 400:  # it may be a date, with no `Date` beside it
            failure = evolve(failure, retry_after=retry_after(self.headers, now))
        hint = hints.get(failure.status or 0)
        if hint is not None and failure.kind != "context_overflow":
            failure = evolve(failure, message=f"{failure.message} ({hint})")
        place = header(self.headers, "location")
        if place is not None and 300 <= self.status < 400:
            failure = evolve(failure, message=_redirected(self.status, place))
        return failure


def _redirected(status: int, place: str) -> str:
    """What a redirect says, less what may hold a key, and in a length for people."""
    place = redact_text(without_secrets(place))[:200]
    return f"HTTP {status}: the server sends this call to {place}, and lash follows nobody; make that the base_url"
