"""What is waiting to be said to the model: while it works (steering), and when it would stop (follow-ups).

The queues outlive a run: what nobody took is there for the next one, whatever ended this one. `steer` and the like may
be called from any thread or task while a run goes on, for a deque's own operations cannot be interrupted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, TypeAlias

from attrs import define, field

from ..messages import MESSAGES, CustomMessage, Message, UserMessage

QueueMode: TypeAlias = Literal["one_at_a_time", "all"]
"""How many messages one look into a queue takes."""

_MODES = ("one_at_a_time", "all")


def _waiting(messages: Iterable[Message]) -> deque[Message]:
    return deque(messages)


def _mode(mode: QueueMode) -> QueueMode:
    if mode not in _MODES:
        raise ValueError(f"{mode!r} is no mode of a queue; there are: {', '.join(_MODES)}")
    return mode


def message_of(message: str | Message) -> Message:
    """What goes into a queue: a string is the user's. TypeError for what only a model or a tool can say."""
    if isinstance(message, str):
        return UserMessage(message)
    if not isinstance(message, UserMessage | CustomMessage):
        known = isinstance(message, MESSAGES)
        raise TypeError(f"a {type(message).__name__} is no message {'to send now' if known else 'at all'}")
    return message


@define
class Queues:
    """Both queues, each with its mode."""

    steering: deque[Message] = field(factory=deque[Message], converter=_waiting)
    follow_ups: deque[Message] = field(factory=deque[Message], converter=_waiting)
    steering_mode: QueueMode = field(default="one_at_a_time", converter=_mode)
    follow_up_mode: QueueMode = field(default="one_at_a_time", converter=_mode)

    def steer(self, message: str | Message) -> None:
        """Say this before the next model call, once the tools of the current one have ended."""
        self.steering.append(message_of(message))

    def follow_up(self, message: str | Message) -> None:
        """Say this when the model would otherwise be done."""
        self.follow_ups.append(message_of(message))

    def take_steering(self) -> list[Message]:
        """What is to be said now."""
        return _take(self.steering, self.steering_mode)

    def take_follow_ups(self) -> list[Message]:
        """What is to be said now that the model is done."""
        return _take(self.follow_ups, self.follow_up_mode)

    def handed_over(self) -> Queues:
        """All that waits, in queues of its own; what is said from now on waits here."""
        steering, follow_ups = (_take(queue, "all") for queue in (self.steering, self.follow_ups))
        return Queues(steering, follow_ups, self.steering_mode, self.follow_up_mode)

    def clear(self) -> None:
        """Forget what waits."""
        self.steering.clear()
        self.follow_ups.clear()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self.steering or self.follow_ups)


def _take(queue: deque[Message], mode: QueueMode) -> list[Message]:
    taken: list[Message] = []
    while True:
        try:
            taken.append(queue.popleft())
        except IndexError:  # asked for and not looked up: another thread may clear it in between
            return taken
        if mode == "one_at_a_time":
            return taken
