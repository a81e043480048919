"""How far a run has come: all of a Turn that is saved but its calls, as plain data that changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field, setters

from ..failures import Failure
from ..messages import AssistantMessage, LlmRequest, Message
from ..models import ModelSpec
from ..prices import Cost
from ..providers.handle import ProviderHandle
from ..replies import Attempt, LlmResponse
from ..usage import LlmUsage
from .events import MessageEnd, MessageStart
from .queues import Queues
from .results import EndReason, add_cost, add_usage
from .state import BatchState, Phase, TurnState


def _all(messages: Iterable[Message]) -> list[Message]:
    return list(messages)


@define(on_setattr=setters.NO_OP)  # as in Turn
class Progress:
    """`messages` is the conversation, `new` what of it the run has added, `pending` what is to be said next.

    `phase` is what is waited for. `sent` is what the host wants the model told in the place of the conversation.
    `more`: another turn follows, whatever the queues hold; `looked`: they have been looked into for it. Times are in
    epoch seconds.
    """

    messages: list[Message] = field(factory=list[Message], converter=_all)
    phase: Phase = "new"
    new: list[Message] = field(factory=list[Message])
    pending: list[Message] = field(factory=list[Message])
    sent: tuple[Message, ...] | None = None
    message: AssistantMessage | None = None
    notes: tuple[str, ...] = ()
    turns: int = 0
    more: bool = False
    looked: bool = False
    mends: int = 0
    usage: LlmUsage | None = None
    cost: Cost | None = None
    began_at: float = 0.0
    begun: float | None = None
    lost: tuple[Attempt, ...] = ()
    told_of: str | None = None
    question: int | None = None
    later: bool = False
    reason: EndReason | None = None
    error: Failure | None = None

    def add(self, message: Message) -> list[Any]:
        """Make a message part of the conversation, and tell."""
        self.messages.append(message)
        self.new.append(message)
        return [MessageStart(message), MessageEnd(message)]

    def say_pending(self) -> list[Any]:
        """Say what is to be said."""
        pending, self.pending = self.pending, []
        return [event for message in pending for event in self.add(message)]

    def take_response(self, response: LlmResponse, model: ModelSpec) -> AssistantMessage:
        """Keep what the model said, and what that used."""
        message = self.message = response.message
        self.notes += response.notes
        self.usage = add_usage(self.usage, response.usage)
        self.cost = add_cost(self.cost, model.cost(response.usage, reported=True))
        self.begun, self.sent, self.lost = None, None, ()
        self.messages.append(message)
        self.new.append(message)
        return message

    # --- saved -----------------------------------------------------------------------------------------------------

    def saved(
        self,
        now: float,
        *,
        handle: ProviderHandle,
        model: ModelSpec,
        request: LlmRequest,
        queues: Queues,
        batch: BatchState | None,
        seed: bytes,
        last_id: int,
    ) -> TurnState:
        """The run's state as a value, with what else belongs to it."""
        count = len(self.new)
        at_the_end = count == 0 or self.messages[-count:] == self.new
        return TurnState(
            phase=self.phase,
            provider=handle.spec,
            model=model,
            request=request,
            messages=tuple(self.messages),
            added=count if at_the_end else 0,
            new=() if at_the_end else tuple(self.new),
            pending=tuple(self.pending),
            sent=self.sent,
            steering=tuple(queues.steering),
            follow_ups=tuple(queues.follow_ups),
            turns=self.turns,
            more=self.more,
            looked=self.looked,
            mends=self.mends,
            elapsed=now - self.began_at,
            usage=self.usage,
            cost=self.cost,
            message=self.message,
            notes=self.notes,
            batch=batch,
            begun=self.begun,
            lost=self.lost,
            question=self.question if self.later else None,
            reason=self.reason,
            error=self.error,
            told_of=self.told_of,
            seed=seed,
            last_id=last_id,
        )

    @classmethod
    def of(cls, state: TurnState, now: float) -> Progress:
        """As it was when it was saved; the time in between does not count."""
        messages = list(state.messages)
        return cls(
            messages,
            phase=state.phase,
            new=list(state.new) if state.new else messages[len(messages) - state.added :],
            pending=list(state.pending),
            sent=state.sent,
            message=state.message,
            notes=state.notes,
            turns=state.turns,
            more=state.more,
            looked=state.looked,
            mends=state.mends,
            usage=state.usage,
            cost=state.cost,
            began_at=now - state.elapsed,
            begun=state.begun,
            lost=state.lost,
            told_of=state.told_of,
            question=state.question,
            later=state.question is not None,
            reason=state.reason,
            error=state.error,
        )
