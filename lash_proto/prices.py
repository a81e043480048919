"""What tokens cost. Prices are the host's data, as limits are: none are shipped, and none are guessed.

Decisions. A price is a number for a million tokens, in `currency`. Each figure of a `Cost` is worked out exactly from
the prices as they are written in decimals and rounded once, to the nearest float, so it is what a hand gets; the sum of
the rounded parts may differ from `total` in its last digit. Only what usage counts is paid for: a search, a picture
priced apart or the hour of a cache's storage is not in it.

What the three input buckets do not tell is read from the provider's own usage object: how much of a cache write was for
an hour (Anthropic), and how much cached input was audio (Google).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from importlib import import_module
from math import isfinite
from typing import Any, ClassVar, Final

from attrs import evolve, field, frozen

from .usage import LlmUsage
from .values import JsonDict, Value, get_dict, get_int, get_list, get_str

PER: Final = 1_000_000


@frozen(weakref_slot=False, getstate_setstate=False)
class Cost(Value):
    """What one response cost, in `currency`. The parts are None where the provider told the total alone."""

    tag: ClassVar = ("type", "cost")
    total: float
    input: float | None = None
    """Input neither read from a cache nor written to one."""
    cached_input: float | None = None
    cache_write: float | None = None
    output: float | None = None
    """All output, reasoning included."""
    currency: str = "USD"
    reported: bool = False
    """Whether the provider told it, or it was worked out from prices."""


def _tiers(tiers: Any) -> tuple[PriceTier, ...]:
    return tuple(sorted(tiers, key=_threshold))


def _threshold(tier: PriceTier) -> int:
    return tier.above


@frozen(weakref_slot=False, getstate_setstate=False)
class Prices(Value):
    """What a million tokens of each sort cost. A sort of which nothing is said costs what it is a part of.

    Raises ValueError for a price that is negative or no number.
    """

    tag: ClassVar = ("type", "prices")
    input: float
    output: float
    cached_input: float | None = None
    """Read from a cache; None: as `input`."""
    cache_write: float | None = None
    """Written to a cache; None: as `input`."""
    cache_write_1h: float | None = None
    """Written for an hour; None: as `cache_write`."""
    audio_input: float | None = None
    """None: as `input`."""
    cached_audio_input: float | None = None
    """None: as `cached_input`."""
    audio_output: float | None = None
    """None: as `output`."""
    reasoning: float | None = None
    """None: as `output`."""
    currency: str = "USD"
    tiers: tuple[PriceTier, ...] = field(default=(), converter=_tiers)
    """Other prices for larger inputs. Of those whose threshold is passed, the highest holds."""

    def __attrs_post_init__(self) -> None:
        for name in _SORTS:
            price = getattr(self, name)
            if price is not None and not (type(price) in (int, float) and isfinite(price) and price >= 0):
                raise ValueError(f"prices.{name}: {price!r} is no price")
        for tier in self.tiers:
            if tier.prices.tiers or tier.prices.currency != self.currency:
                raise ValueError(f"prices.tiers: the one above {tier.above} has tiers or a currency of its own")

    def at(self, input_tokens: int) -> Prices:
        """The prices for an input of so many tokens, cached ones counted."""
        for tier in reversed(self.tiers):
            if input_tokens > tier.above:
                return tier.prices
        return self

    def cost(self, usage: LlmUsage) -> Cost:
        """What this usage costs."""
        return _cost(self.at(usage.total_input_tokens), usage)


@frozen(weakref_slot=False, getstate_setstate=False)
class PriceTier(Value):
    """The prices of a request whose whole input is above so many tokens. They hold for all of it, not for the excess.

    So Anthropic, Google and OpenAI have it.
    """

    tag: ClassVar = ("type", "price_tier")
    above: int
    prices: Prices


_SORTS: Final = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "cache_write_1h",
    "audio_input",
    "cached_audio_input",
    "audio_output",
    "reasoning",
)


def _cost(prices: Prices, usage: LlmUsage) -> Cost:
    raw = dict(usage.raw or {})
    plain = _exact(prices.input)
    cached = _exact(prices.cached_input, plain)
    written = _exact(prices.cache_write, plain)
    out = _exact(prices.output)

    long = min(_written_for_an_hour(raw), usage.cache_write_tokens)
    cached_audio = _cached_audio(raw, usage)
    audio = min(usage.audio_input_tokens - cached_audio, usage.input_tokens)
    # Nobody tells how much of the reasoning was audio; no model reasons aloud.
    spoken = min(usage.audio_output_tokens, usage.output_tokens)
    thought = min(usage.reasoning_tokens or 0, usage.output_tokens - spoken)

    fresh = plain * (usage.input_tokens - audio) + _exact(prices.audio_input, plain) * audio
    read = cached * (usage.cached_input_tokens - cached_audio)
    read += _exact(prices.cached_audio_input, cached) * cached_audio
    write = written * (usage.cache_write_tokens - long) + _exact(prices.cache_write_1h, written) * long
    said = out * (usage.output_tokens - spoken - thought)
    said += _exact(prices.audio_output, out) * spoken + _exact(prices.reasoning, out) * thought
    return Cost(
        total=float(fresh + read + write + said),
        input=float(fresh),
        cached_input=float(read),
        cache_write=float(write),
        output=float(said),
        currency=prices.currency,
    )


def _exact(price: float | None, otherwise: Fraction = Fraction()) -> Fraction:
    """A token's price as the decimals say it: 0.1 is a tenth here, which no float is."""
    return otherwise if price is None else Fraction(repr(price)) / PER


def _written_for_an_hour(raw: JsonDict) -> int:
    """WIRE 4e: a part of what was written."""
    return max(0, get_int(get_dict(raw, "cache_creation"), "ephemeral_1h_input_tokens") or 0)


def _cached_audio(raw: JsonDict, usage: LlmUsage) -> int:
    """How much of the cached input was audio: as Google tells it (WIRE 5e), else what the uncached cannot hold."""
    told = [
        get_int(detail, "tokenCount") or 0
        for detail in get_list(raw, "cacheTokensDetails")
        if get_str(detail, "modality") == "AUDIO"
    ]
    count = max(0, sum(told)) if told else max(0, usage.audio_input_tokens - usage.input_tokens)
    return min(count, usage.audio_input_tokens, usage.cached_input_tokens)


# --- told by the provider --------------------------------------------------------------------------------------------


def reported_cost(usage: LlmUsage) -> Cost | None:
    """The cost that the provider itself told, as OpenRouter does in dollars; None where it told none (WIRE 2e).

    Where the caller's own key at the provider behind was used, `cost` is OpenRouter's fee alone, and what that provider
    took is added from `cost_details`.
    """
    raw = dict(usage.raw or {})
    fee = _amount(raw, "cost")
    if fee is None:
        return None
    if raw.get("is_byok") is True:
        details = get_dict(raw, "cost_details")
        behind = _amount(details, "upstream_inference_cost")
        if behind is None:
            parts = [_amount(details, f"upstream_inference_{part}_cost") for part in ("prompt", "completions")]
            behind = sum([part or Fraction() for part in parts], Fraction())
        fee += behind
    return Cost(float(fee), reported=True)


def _amount(data: Mapping[str, Any], key: str) -> Fraction | None:
    amount: Any = data.get(key)
    if type(amount) not in (int, float) or not isfinite(amount) or amount < 0:
        return None
    return Fraction(repr(amount))


# --- told by genai-prices --------------------------------------------------------------------------------------------

_GENAI_PRICES: Final = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "cached_audio_input",
    "output_audio_mtok": "audio_output",
    "output_reasoning_mtok": "reasoning",
}
_PART_OF: Final = {"input": "input_mtok", "cache": "cache_read_mtok", "output": "output_mtok"}


def prices_from_genai_prices(model: str, provider: str, *, at: float) -> Prices:
    """The prices of a model in the data of `genai-prices` (extra `prices`), as they are at this time.

    `provider` is a name there: "anthropic", "openai", "google", "openrouter"... `at` is in seconds since the epoch:
    some prices begin on a day, or depend on the hour. The data that came with the package is read, and no network.
    Raises LookupError where provider or model is not known there, where the model is not sold by the token, and where
    it prices apart what usage does not count, as pictures, or each request; ImportError without the package.
    """
    known = _known(model, provider)
    prices: dict[str, Any] = known.get_prices(datetime.fromtimestamp(at, UTC)).__dict__
    told = {key: price for key, price in prices.items() if key.endswith("_mtok") and price is not None}
    if not told.keys() >= {"input_mtok", "output_mtok"}:
        raise LookupError(f"genai-prices: {provider} sells {model} in other ways than by tokens of input and output")
    if prices.get("requests_kcount"):
        raise LookupError(
            f"genai-prices: {provider} takes a fee for each request of {model}, and usage does not count it"
        )
    for key in sorted(told.keys() - _GENAI_PRICES.keys()):
        if told[key] != told.get(_PART_OF[key.partition("_")[0]]):
            raise LookupError(f"genai-prices: {provider} prices {key} of {model} apart, and usage does not count it")
    above = sorted({tier.start for price in told.values() for tier in getattr(price, "tiers", ())})
    base, *higher = [_prices_above(told, threshold) for threshold in (-1, *above)]
    return evolve(base, tiers=[PriceTier(*tier) for tier in zip(above, higher, strict=True)])


def facts_from_genai_prices(model: str, provider: str, *, at: float) -> dict[str, Any]:
    """The same `prices`, and the `context_window` where it is known, as keywords for a ModelSpec."""
    facts: dict[str, Any] = {"prices": prices_from_genai_prices(model, provider, at=at)}
    window = _known(model, provider).context_window
    return facts if window is None else {**facts, "context_window": window}


def _known(model: str, provider: str) -> Any:
    try:
        data: Any = import_module("genai_prices.data_snapshot")
    except ImportError:
        raise ImportError("genai-prices is not installed: pip install 'lash-llm[prices]'") from None
    return data.get_snapshot().find_provider_model(model, None, provider, None)[1]


def _prices_above(told: Mapping[str, Any], threshold: int) -> Prices:
    """What holds just above a threshold: of each price's own tiers, the highest that begins there or below."""
    prices: dict[str, Any] = {}
    for key, name in _GENAI_PRICES.items():
        if key in told:
            price = told[key]
            steps = [tier.price for tier in getattr(price, "tiers", ()) if tier.start <= threshold]
            prices[name] = float(steps[-1] if steps else getattr(price, "base", price))
    return Prices(**prices)
