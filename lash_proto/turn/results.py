"""What came of a run, and what it may use up."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from attrs import field, frozen

from ..failures import Failure
from ..messages import AssistantMessage, Message
from ..prices import Cost
from ..replies import LlmResponse
from ..schema import parse_output
from ..usage import LlmUsage

EndReason: TypeAlias = Literal[
    "done", "terminated", "stopped", "max_turns", "max_tokens", "max_cost", "max_seconds", "error", "aborted"
]
"""Why a run ended: the model was done; its tools said so; the hook SHOULD_STOP did; a budget was used up; it failed; or
the caller aborted it."""

MAX_TURNS: Final = 100
"""What a run may take where nobody says otherwise: a model that goes in circles must not do so for ever."""


def _is_bound(budget: Any, attribute: Any, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
        raise ValueError(f"{attribute.name} is a number above 0, or None, and not {value!r}")


@frozen(weakref_slot=False)
class Budget:
    """What a run may use up; None is no bound. Looked at between turns; `max_seconds` holds at any moment.

    `max_tokens` counts input and output of all model calls; `max_cost` is in the currency of the model's prices, and
    needs them.
    """

    max_turns: int | None = field(default=MAX_TURNS, validator=_is_bound)
    max_tokens: int | None = field(default=None, validator=_is_bound)
    max_cost: float | None = field(default=None, validator=_is_bound)
    max_seconds: float | None = field(default=None, validator=_is_bound)

    def spent(self, turns: int, usage: LlmUsage | None, cost: Cost | None) -> EndReason | None:
        """The bound that is reached, None while there is none."""
        tokens = 0 if usage is None else usage.total_input_tokens + usage.output_tokens
        if self.max_turns is not None and turns >= self.max_turns:
            return "max_turns"
        if self.max_tokens is not None and tokens >= self.max_tokens:
            return "max_tokens"
        if self.max_cost is not None and cost is not None and cost.total >= self.max_cost:
            return "max_cost"
        return None


@frozen(weakref_slot=False)
class AgentResult:
    """What came of a run: why it ended, the messages that it added, and what it used.

    `output` is the last answer as what was asked for (`output=`), None where nothing was, or no answer came.
    """

    reason: EndReason
    messages: tuple[Message, ...] = ()
    error: Failure | None = None
    turns: int = 0
    usage: LlmUsage | None = None
    cost: Cost | None = None
    output: Any = field(default=None)

    @property
    def message(self) -> AssistantMessage | None:
        """The model's last word."""
        said = (message for message in reversed(self.messages) if isinstance(message, AssistantMessage))
        return next(said, None)

    @property
    def text(self) -> str:
        """The text of the model's last word."""
        return "" if self.message is None else response_of(self.message).text


def response_of(message: AssistantMessage) -> LlmResponse:
    """A message as the response that it came in, as far as it can be known from it."""
    return LlmResponse(message.content, message.stop_reason or "stop", usage=message.usage, model=message.model)


def output_in(message: AssistantMessage | None, wanted: Any) -> Any:
    """The answer as what was asked for. Raises OutputError where it is not."""
    return None if message is None else parse_output(response_of(message), wanted)


def add_usage(one: LlmUsage | None, other: LlmUsage | None) -> LlmUsage | None:
    """What two model calls used together."""
    if one is None or other is None:
        return one or other
    thought = [usage.reasoning_tokens for usage in (one, other) if usage.reasoning_tokens is not None]
    return LlmUsage(
        input_tokens=one.input_tokens + other.input_tokens,
        cached_input_tokens=one.cached_input_tokens + other.cached_input_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        reasoning_tokens=sum(thought) if thought else None,
        audio_input_tokens=one.audio_input_tokens + other.audio_input_tokens,
        audio_output_tokens=one.audio_output_tokens + other.audio_output_tokens,
    )


def add_cost(one: Cost | None, other: Cost | None) -> Cost | None:
    """What two model calls cost together: the total alone, for a part may be known of one of them only."""
    if one is None or other is None:
        return one or other
    return Cost(total=one.total + other.total, currency=one.currency, reported=one.reported and other.reported)
