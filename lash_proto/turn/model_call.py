"""One model call of a run, as its turn sees it: MessageStart, MessageUpdates, and the response.

Over HTTP it is an Exchange. Where the host makes the call itself (STREAM), it is a question to it with news on the way;
what has come of that is put together here, since no decoder of ours has seen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from attrs import define, evolve, field

from ..effects import EFFECTS, Abort, AskHost
from ..errors import InsecureRequest, MissingCredential, UnsupportedRequest
from ..exchange import ON_PAYLOAD, ON_RESPONSE, Exchange
from ..failures import Failure, FailureKind, LocalProtocolError
from ..happenings import Cancelled, Failed, Happening, HostAnswered, Progressed, Woke
from ..machine import Done, Ids
from ..messages import AssistantMessage, LlmRequest, Part, ReasoningPart, TextPart, ToolCallPart
from ..models import ModelSpec
from ..partial_json import parse_arguments
from ..providers.handle import ProviderHandle
from ..renewal import ON_RENEW, ON_RENEWED
from ..replies import (
    Attempt,
    AttemptReset,
    LlmResponse,
    PartAdded,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseEnd,
    ResponseStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from .events import MessageStart, MessageUpdate
from .hooks import STREAM, ModelCall

LOST: Final = Failure("connection", "the call was in flight when the state was saved", retryable=True)
ABORTED: Final = Failure("cancelled", "the run was aborted by the caller")
_OF_THE_CALL: Final = frozenset({ON_PAYLOAD, ON_RESPONSE, ON_RENEW, ON_RENEWED})
_ORDERS: Final = (*EFFECTS, Done)


@define
class ModelTurn:
    """A machine: the effects of a call as they are, its events as updates of a message, `Done` of an LlmResponse.

    What cannot be sent at all is a response that failed too. `lost` are earlier attempts of which nobody knows more.
    """

    handle: ProviderHandle
    request: LlmRequest
    model: ModelSpec
    hooks: frozenset[str]
    ids: Ids
    seed: bytes = b""
    limited: bool = False
    lost: tuple[Attempt, ...] = ()

    started: bool = field(default=False, init=False)
    """Whether MessageStart has been given."""
    _exchange: Exchange | None = field(default=None, init=False)
    _stream: int | None = field(default=None, init=False)  # the AskHost in flight, where the host makes the call
    _heard: PartialMessage = field(factory=lambda: PartialMessage(), init=False)

    @property
    def wake_at(self) -> float | None:
        """When a deadline of the call passes; the host's own calls have none."""
        return None if self._exchange is None else self._exchange.wake_at

    @property
    def partial(self) -> LlmResponse:
        """What has come so far."""
        if self._exchange is not None:
            return self._exchange.partial
        return LlmResponse(self._heard.content, "aborted", error=ABORTED)

    def start(self, now: float) -> list[Any]:
        """Send it."""
        if STREAM in self.hooks:
            again = self._update(AttemptReset(len(self.lost) + 1, LOST)) if self.lost else []
            return [*again, self._ask()]
        try:
            exchange = self.handle.exchange(
                self.request,
                self.model,
                seed=self.seed,
                ids=self.ids,
                hooks=self.hooks & _OF_THE_CALL,
                limited=self.limited,
                lost=self.lost,
            )
            outputs = exchange.start(now)
            self._exchange = exchange  # not before: a request that no call can be made of raises, and leaves none
            return self._passed(outputs)
        except (InsecureRequest, MissingCredential, UnsupportedRequest) as error:
            kind: FailureKind = "unsupported" if isinstance(error, UnsupportedRequest) else "authentication"
            return [Done(LlmResponse((), "error", error=error.failure or Failure(kind, str(error))))]

    def receive(self, happening: Happening, now: float) -> list[Any]:
        """What follows. Raises LocalProtocolError for a happening that answers no effect of this machine."""
        if self._exchange is not None:
            return self._passed(self._exchange.receive(happening, now))
        match happening:
            case Woke():
                return []
            case Cancelled():
                return [*([] if self._stream is None else [Abort(self._stream)]), *self._ends(), Done(self.partial)]
            case Progressed(id, event) if id == self._stream:
                if isinstance(event, ResponseEnd):
                    return []  # it comes as the answer
                try:
                    self._heard.add(event)
                except ValueError as error:
                    return [Abort(id), *self._broken(Failure("other", f"{STREAM} told what no stream can: {error}"))]
                return self._update(event)
            case HostAnswered(id, LlmResponse() as response) if id == self._stream:
                return [*self._ends(), Done(response)]
            case HostAnswered(id, value) if id == self._stream:
                return self._broken(Failure("other", f"{STREAM} gave a {type(value).__name__}, and no LlmResponse"))
            case Failed(id, kind, message) if id == self._stream:
                return self._broken(Failure(kind, message))
            case _:
                self.ids.check(happening)
                if getattr(happening, "id", None) == self._stream:
                    raise LocalProtocolError(f"{type(happening).__name__} is no answer to a question")
                return []

    def restart(self, now: float) -> list[Any]:
        """After a restore: the call is made again, and what it had said is withdrawn."""
        if self._exchange is not None:
            return self._passed(self._exchange.restart(now))
        self._heard = PartialMessage()
        again = self._update(AttemptReset(len(self.lost) + 2, LOST)) if self.started else []
        return [*again, self._ask()]

    def _ask(self) -> AskHost:
        self._stream = self.ids.next()
        return AskHost(self._stream, STREAM, ModelCall(self.request, self.model))

    def _broken(self, failure: Failure) -> list[Any]:
        return [*self._ends(), Done(evolve(self.partial, stop_reason="error", error=failure))]

    def _ends(self) -> list[Any]:
        return [update for event in self._heard.end() for update in self._update(event)]

    def _passed(self, outputs: Sequence[Any]) -> list[Any]:
        passed: list[Any] = []
        for output in outputs:
            if isinstance(output, _ORDERS):
                passed.append(output)
            elif not isinstance(output, ResponseEnd):
                passed += self._update(output)
        exchange = self._exchange
        if exchange is not None and exchange.handle is not None:
            self.handle = cast("ProviderHandle", exchange.handle)  # its credential may have been had anew
        return passed

    def _update(self, event: Any) -> list[Any]:
        if self.started:
            return [MessageUpdate(event)]
        self.started = True
        return [MessageStart(AssistantMessage(())), MessageUpdate(event)]


@define
class _OpenBlock:
    """A block whose End has not come."""

    start: TextStart | ReasoningStart | ToolCallStart
    pieces: list[str] = field(factory=list[str])

    def part(self) -> Part:
        """The block as far as it has come."""
        said = "".join(self.pieces)
        if isinstance(self.start, ToolCallStart):
            arguments, error = parse_arguments(said)
            return ToolCallPart(self.start.id, self.start.name, arguments, said, error)
        return TextPart(said) if isinstance(self.start, TextStart) else ReasoningPart(said)


@define
class PartialMessage:
    """Blocks in their order, put together from events: as they ended, else as far as they have come."""

    _blocks: list[Part | _OpenBlock] = field(factory=list[Any], init=False)

    def add(self, event: Any) -> None:
        """Take an event. Raises ValueError for what is none, or cannot come where it does."""
        match event:
            case TextStart(index) | ReasoningStart(index) | ToolCallStart(index):
                self._begin(index, _OpenBlock(event))
            case PartAdded(index, part):
                self._begin(index, part)
            case TextDelta(_, text) | ReasoningDelta(_, text) | ToolCallDelta(_, text):
                self._open(event).pieces.append(text)
            case TextEnd(index, part) | ReasoningEnd(index, part) | ToolCallEnd(index, part):
                self._open(event)
                if type(part) is not _KINDS[type(event)]:
                    raise ValueError(f"a {type(event).__name__} with a {type(part).__name__}")
                self._blocks[index] = part
            case AttemptReset():
                self._blocks = []
            case ResponseStart() | UsageUpdate():
                pass
            case _:
                raise ValueError(f"a {type(event).__name__}")

    def end(self) -> list[TextEnd | ReasoningEnd | ToolCallEnd]:
        """The End of every block that is still open: the stream broke off, and each Start has one."""
        ends: list[TextEnd | ReasoningEnd | ToolCallEnd] = []
        for index, block in enumerate(self._blocks):
            if isinstance(block, _OpenBlock):
                part = self._blocks[index] = block.part()
                ends.append(_ENDS[type(block.start)](index, cast("Any", part)))
        return ends

    def _begin(self, index: int, block: Part | _OpenBlock) -> None:
        if index != len(self._blocks):
            raise ValueError(f"block {index} begins where {len(self._blocks)} is next")
        self._blocks.append(block)

    def _open(self, event: Any) -> _OpenBlock:
        index: int = event.content_index
        block = self._blocks[index] if 0 <= index < len(self._blocks) else None
        if not isinstance(block, _OpenBlock) or _KINDS[type(block.start)] is not _KINDS[type(event)]:
            raise ValueError(f"a {type(event).__name__} of block {index}, which is not open as such")
        return block

    @property
    def content(self) -> tuple[Part, ...]:
        """The parts so far."""
        return tuple([block.part() if isinstance(block, _OpenBlock) else block for block in self._blocks])


_ENDS: Final[dict[type, type[TextEnd | ReasoningEnd | ToolCallEnd]]] = {
    TextStart: TextEnd,
    ReasoningStart: ReasoningEnd,
    ToolCallStart: ToolCallEnd,
}
_KINDS: Final[dict[type, type[Any]]] = {
    TextStart: TextPart,
    TextDelta: TextPart,
    TextEnd: TextPart,
    ReasoningStart: ReasoningPart,
    ReasoningDelta: ReasoningPart,
    ReasoningEnd: ReasoningPart,
    ToolCallStart: ToolCallPart,
    ToolCallDelta: ToolCallPart,
    ToolCallEnd: ToolCallPart,
}
