"""A model as the host knows it. No catalogue is shipped and nothing is guessed from a name.

A string makes a spec of which nothing is known but its id; encoders then send what was asked for in the dialect's own
form and let the provider judge. What is known makes a request fit: a level that the model does not have is refused, and
a cap on the output is lowered to its limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, get_args

from attrs import field, frozen

from .compat import AnthropicCompat, ChatCompat, Compat, ResponsesCompat
from .messages import ReasoningLevel
from .prices import Cost, Prices, reported_cost
from .usage import LlmUsage
from .values import Value

T = TypeVar("T", bound=str)

Kind: TypeAlias = Literal["text", "image", "audio", "document"]
"""What goes into a model or comes out of it."""

LEVELS: Final[tuple[ReasoningLevel, ...]] = get_args(ReasoningLevel)
"""The levels of reasoning, the least first."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


def _in_order(words: Iterable[T] | None, known: tuple[T, ...], what: str) -> tuple[T, ...] | None:
    """The words without repeats and in our order, so that equal knowledge is equal."""
    if words is None:
        return None
    if isinstance(words, str):
        raise ValueError(f"{what} {words!r}, not in a list")
    said: tuple[Any, ...] = tuple(words)
    for word in said:
        if word not in known:
            raise ValueError(f"{what} {word!r}: one of {', '.join(known)}")
    return tuple(word for word in known if word in said)


def _levels(levels: Iterable[ReasoningLevel] | None) -> tuple[ReasoningLevel, ...] | None:
    return _in_order(levels, LEVELS, "level")


def _kinds(kinds: Iterable[Kind] | None) -> tuple[Kind, ...] | None:
    return _in_order(kinds, KINDS, "kind")


@frozen(weakref_slot=False, getstate_setstate=False)
class Capability(Value):
    """How a model reasons. Raises ValueError for what contradicts itself."""

    tag: ClassVar = ("type", "capability")
    levels: tuple[ReasoningLevel, ...] | None = field(default=None, converter=_levels)
    """The levels it has, "off" among them where it can be switched off; ("off",): it does not reason."""
    default_level: ReasoningLevel | None = None
    """What it takes where none is said."""
    budgets: Mapping[str, int] | None = None
    """Tokens by level, for a model that is told a budget and no level."""
    mandatory: bool = False
    """It always reasons: "off" is no level of it."""

    def __attrs_post_init__(self) -> None:
        known = self.known_levels
        if known == ():
            raise ValueError('levels: there is none; of a model that does not reason it is ("off",)')
        if self.default_level is not None and self.default_level not in (known or LEVELS):
            raise ValueError(f"default_level {self.default_level!r} is none of the levels")
        for level, budget in (self.budgets or {}).items():
            if level not in LEVELS or type(budget) is not int or budget < 0:
                raise ValueError(f"budgets: {level!r}: {budget!r} is no number of tokens for a level")

    @property
    def known_levels(self) -> tuple[ReasoningLevel, ...] | None:
        """The levels that can be asked for; None where nothing rules one out."""
        if not self.mandatory:
            return self.levels
        return tuple(level for level in self.levels or LEVELS if level != "off")


@frozen(weakref_slot=False, getstate_setstate=False)
class ModelSpec(Value):
    """A model id, sent as it stands, with what the host knows of it; None: not known. Limits are in tokens."""

    tag: ClassVar = ("type", "model")
    id: str
    compat: Compat | None = None
    max_output_tokens: int | None = None
    context_window: int | None = None
    inputs: tuple[Kind, ...] | None = field(default=None, converter=_kinds)
    outputs: tuple[Kind, ...] | None = field(default=None, converter=_kinds)
    capability: Capability | None = None
    prices: Prices | None = None

    @classmethod
    def of(cls, model: str | ModelSpec) -> ModelSpec:
        """The spec itself, or one for a bare id."""
        return model if isinstance(model, ModelSpec) else _named(model)

    def cost(self, usage: LlmUsage | None, *, reported: bool = False) -> Cost | None:
        """What a response cost by this model's prices; None where usage or prices are not known.

        `reported`: what the provider itself told comes first, as OpenRouter does (WIRE 2e, 12.7).
        """
        if usage is None:
            return None
        told = reported_cost(usage) if reported else None
        return self.prices.cost(usage) if told is None and self.prices is not None else told


@lru_cache(maxsize=256)  # a call asks five times
def _named(id: str) -> ModelSpec:
    return ModelSpec(id)


def supported_levels(model: str | ModelSpec) -> tuple[ReasoningLevel, ...] | None:
    """The reasoning levels that a model is known to have, the least first; None where nothing is known of them.

    Both its capability tells and its compat flags, where they have no word for a level.
    """
    spec = ModelSpec.of(model)
    levels = spec.capability.known_levels if spec.capability is not None else None
    words: Mapping[str, Any] = {}
    if isinstance(spec.compat, ChatCompat | ResponsesCompat | AnthropicCompat):
        words = spec.compat.effort_words or {}
    missing = [level for level, word in words.items() if word is None]
    if isinstance(spec.compat, ChatCompat) and spec.compat.thinking_format == "ant-ling":
        missing += [level for level in LEVELS if level != "off" and level not in words]
    if not missing:
        return levels
    return tuple(level for level in levels or LEVELS if level not in missing)


def nearest_level(model: str | ModelSpec, level: ReasoningLevel) -> ReasoningLevel:
    """The level itself where the model has it or nothing is known; else the next above, else the next below.

    For those who would rather have something near than a refusal.
    """
    levels = supported_levels(model)
    if not levels or level in levels:
        return level
    place = LEVELS.index(level)
    above: list[ReasoningLevel] = [each for each in levels if LEVELS.index(each) > place]
    return above[0] if above else levels[-1]
