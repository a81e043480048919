"""What the model is told of a conversation, and what it could answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from ..handoff import handoff
from ..messages import MESSAGES, AssistantMessage, CustomMessage, Message, ToolResultMessage
from ..models import ModelSpec
from ..providers.handle import ProviderHandle
from ..replies import LlmResponse
from ..tokens import is_overflow

_FAILED: Final = ("error", "aborted")


class BadAnswer(ValueError):
    """What a hook gave is not what it was asked for."""


def check_continuable(messages: Sequence[Message]) -> None:
    """Raise ValueError where there is nothing for a model to answer. A turn that failed is no answer: what it was to
    answer may be asked again."""
    told = without_failed(messages)
    if not told:
        raise ValueError("there is no message to go on from: prompt it with one")
    if isinstance(told[-1], AssistantMessage):
        raise ValueError("the last message is the model's own: prompt, steer or follow up with one it can answer")


def without_failed(messages: Iterable[Message]) -> list[Message]:
    """A conversation without what no provider takes: the app's own entries, turns that failed or were aborted, and the
    results of their calls."""
    kept: list[Message] = []
    dropped = False
    for message in messages:
        if isinstance(message, AssistantMessage):
            dropped = message.stop_reason in _FAILED or message.error is not None
        gone = dropped and isinstance(message, AssistantMessage | ToolResultMessage)
        if not gone and not isinstance(message, CustomMessage):
            kept.append(message)
    return kept


def fitted(
    messages: Iterable[Message], handle: ProviderHandle, model: ModelSpec
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """What a provider can be told of a conversation, and a line on each thing that it cannot."""
    handed = handoff(without_failed(messages), handle, model)
    losses = (f"message {loss.message_index}: no {loss.what}, for {loss.why}" for loss in handed.report)
    return handed.messages, tuple(losses)


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
