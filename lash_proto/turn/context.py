"""What the model is told of a conversation, and what it could answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from attrs import define

from ..handoff import Passage
from ..messages import MESSAGES, AssistantMessage, CustomMessage, Message, ToolResultMessage
from ..models import ModelSpec
from ..providers.handle import ProviderHandle
from ..replies import LlmResponse
from ..tokens import is_overflow

_FAILED: Final = ("error", "aborted")


class BadAnswer(ValueError):
    """What a hook gave is not what it was asked for."""


def check_continuable(messages: Sequence[Message], *, converted: bool = False) -> None:
    """Raise ValueError where there is nothing for a model to answer. A turn that failed is no answer: what it was to
    answer may be asked again. `converted`: the host may make of its own entries what can be answered."""
    if converted and messages and isinstance(messages[-1], CustomMessage):
        return
    told = without_failed(messages)
    if not told:
        raise ValueError("there is no message to go on from: prompt it with one")
    if isinstance(told[-1], AssistantMessage):
        raise ValueError("the last message is the model's own: prompt, steer or follow up with one it can answer")


def without_failed(messages: Iterable[Message]) -> list[Message]:
    """A conversation without what no provider takes: the app's own entries, turns that failed or were aborted, and the
    results of their calls."""
    kept: list[Message] = []
    failed = False
    for message in messages:
        failed = _is_failed(message, failed)
        if not failed and not isinstance(message, CustomMessage):
            kept.append(message)
    return kept


def _is_failed(message: Message, before: bool) -> bool:
    """Whether a message is part of a turn that failed, by what the one before it was part of."""
    if isinstance(message, AssistantMessage):
        return message.stop_reason in _FAILED or message.error is not None
    return before and isinstance(message, ToolResultMessage)


@define
class Told:
    """What a provider's model is told of a conversation that grows: each message is fitted to it once.

    Who changes what was said before begins anew.
    """

    handle: ProviderHandle
    model: ModelSpec
    passage: Passage
    count: int = 0
    failed: bool = False

    @classmethod
    def to(cls, handle: ProviderHandle, model: ModelSpec) -> Told:
        """Nothing yet."""
        return cls(handle, model, Passage.to(handle, model))

    def is_for(self, handle: ProviderHandle, model: ModelSpec) -> bool:
        """Whether it is for this target; a handle whose credential was had anew is the same."""
        return (self.handle.kind, self.handle.state, self.model) == (handle.kind, handle.state, model)

    def upto(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The whole of it, of which the beginning has been fitted before."""
        for message in messages[self.count :]:
            self.failed = _is_failed(message, self.failed)
            if not self.failed and not isinstance(message, CustomMessage):
                self.passage.add(self.count, message)
            self.count += 1
        return tuple(self.passage.messages)

    @property
    def losses(self) -> tuple[str, ...]:
        """A line on each thing that does not come along."""
        return tuple(f"message {loss.message_index}: no {loss.what}, for {loss.why}" for loss in self.passage.report)


def is_too_long(response: LlmResponse, model: ModelSpec) -> bool:
    """Whether the conversation did not fit: an error that says so, or an answer that ended before it began."""
    empty = response.error is not None or (response.stop_reason == "length" and not response.content)
    return empty and is_overflow(response, model.context_window)


def messages_in(hook: str, value: Any) -> tuple[Message, ...]:
    """The messages that a hook gave. Raises BadAnswer."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise BadAnswer(f"{hook} gave a {type(value).__name__}, and not messages")
    try:
        messages = tuple(cast("Iterable[Any]", value))
    except Exception as error:  # a generator is the host's own code, run here
        raise BadAnswer(f"{hook} failed: {str(error) or type(error).__name__}") from error
    for message in messages:
        if not isinstance(message, MESSAGES):
            raise BadAnswer(f"{hook} gave a {type(message).__name__} among its messages")
    return messages
