"""What tokens cost: worked out by hand, from what each provider's wire says."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from attrs import evolve

from lash_proto.codecs import CODECS
from lash_proto.compat import ChatCompat
from lash_proto.models import ModelSpec
from lash_proto.prices import (
    Cost,
    Prices,
    PriceTier,
    facts_from_genai_prices,
    prices_from_genai_prices,
    reported_cost,
)
from lash_proto.usage import LlmUsage
from lash_proto.values import JsonFormError, from_json

JSON = (("content-type", "application/json"),)


def decoded(api: str, usage: dict[str, Any], compat: ChatCompat | None = None) -> LlmUsage:
    """The usage of a whole answer with this usage object, in the shape of its dialect."""
    bodies: dict[str, dict[str, Any]] = {
        "anthropic-messages": {"type": "message", "content": [], "stop_reason": "end_turn", "usage": usage},
        "openai-responses": {"object": "response", "status": "completed", "output": [], "usage": usage},
        "openai-completions": {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}], "usage": usage},
        "google-generative-ai": {
            "candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}],
            "usageMetadata": usage,
        },
    }
    decoder = CODECS[api].decoder(status=200, headers=JSON, model=ModelSpec("m", compat=compat))
    decoder.receive(json.dumps(bodies[api]).encode())
    found = decoder.finish().usage
    assert found is not None
    return found


OPUS = Prices(5.0, 25.0, cached_input=0.5, cache_write=6.25, cache_write_1h=10.0)
SONNET = Prices(
    3.0,
    15.0,
    cached_input=0.3,
    cache_write=3.75,
    cache_write_1h=6.0,
    tiers=(PriceTier(200_000, Prices(6.0, 22.5, cached_input=0.6, cache_write=7.5, cache_write_1h=12.0)),),
)
GPT = Prices(1.25, 10.0, cached_input=0.125, cache_write=1.5625)
GEMINI = Prices(1.25, 10.0, cached_input=0.125, tiers=(PriceTier(200_000, Prices(2.5, 15.0, cached_input=0.25)),))
FLASH = Prices(0.3, 2.5, cached_input=0.03, audio_input=1.0, cached_audio_input=0.1)

# name: API, flags, what the wire says; then by hand (input, cached, written, output, reasoning, audio in, audio out),
# prices, and the cost of (input, cached, written, output) and of all. Products are millionths of a dollar.
EXAMPLES: dict[
    str,
    tuple[str, ChatCompat | None, dict[str, Any], tuple[Any, ...], Prices, tuple[float, float, float, float, float]],
] = {
    "Anthropic, nothing cached": (
        "anthropic-messages",
        None,
        {"input_tokens": 1000, "output_tokens": 500},
        (1000, 0, 0, 500, None, 0, 0),
        OPUS,
        # 1000 x 5 = 5000; 500 x 25 = 12500
        (0.005, 0.0, 0.0, 0.0125, 0.0175),
    ),
    "Anthropic, read, written for 5 minutes and for an hour, thinking": (
        "anthropic-messages",
        None,
        {
            "input_tokens": 2000,
            "cache_read_input_tokens": 40_000,
            "cache_creation_input_tokens": 3000,
            "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
            "output_tokens": 1200,
            "output_tokens_details": {"thinking_tokens": 700},
        },
        (2000, 40_000, 3000, 1200, 700, 0, 0),
        OPUS,
        # 2000 x 5 = 10000; 40000 x 0.5 = 20000; 1000 x 6.25 + 2000 x 10 = 26250; 1200 x 25 = 30000
        (0.01, 0.02, 0.02625, 0.03, 0.08625),
    ),
    "Anthropic, one token above 200,000, cached ones counted": (
        "anthropic-messages",
        None,
        {"input_tokens": 1000, "cache_read_input_tokens": 199_001, "output_tokens": 100},
        (1000, 199_001, 0, 100, None, 0, 0),
        SONNET,
        # 1000 x 6 = 6000; 199001 x 0.6 = 119400.6; 100 x 22.5 = 2250
        (0.006, 0.1194006, 0.0, 0.00225, 0.1276506),
    ),
    "Responses, cached and reasoning, both parts of their totals": (
        "openai-responses",
        None,
        {
            "input_tokens": 10_000,
            "input_tokens_details": {"cached_tokens": 8000},
            "output_tokens": 2000,
            "output_tokens_details": {"reasoning_tokens": 1500},
        },
        (2000, 8000, 0, 2000, 1500, 0, 0),
        GPT,
        # 2000 x 1.25 = 2500; 8000 x 0.125 = 1000; 2000 x 10 = 20000
        (0.0025, 0.001, 0.0, 0.02, 0.0235),
    ),
    "Responses, written to the cache": (
        "openai-responses",
        None,
        {
            "input_tokens": 12_000,
            "input_tokens_details": {"cached_tokens": 4000, "cache_write_tokens": 6000},
            "output_tokens": 300,
        },
        (2000, 4000, 6000, 300, None, 0, 0),
        GPT,
        # 2000 x 1.25 = 2500; 4000 x 0.125 = 500; 6000 x 1.5625 = 9375; 300 x 10 = 3000
        (0.0025, 0.0005, 0.009375, 0.003, 0.015375),
    ),
    "Chat, audio in and out": (
        "openai-completions",
        None,
        {
            "prompt_tokens": 1100,
            "prompt_tokens_details": {"audio_tokens": 1000, "cached_tokens": 0},
            "completion_tokens": 450,
            "completion_tokens_details": {"audio_tokens": 400, "reasoning_tokens": 0},
        },
        (1100, 0, 0, 450, 0, 1000, 400),
        Prices(2.5, 10.0, audio_input=40.0, audio_output=80.0),
        # 100 x 2.5 + 1000 x 40 = 40250; 50 x 10 + 400 x 80 = 32500
        (0.04025, 0.0, 0.0, 0.0325, 0.07275),
    ),
    "DeepSeek, hit and miss": (
        "openai-completions",
        None,
        {
            "prompt_tokens": 10_000,
            "prompt_cache_hit_tokens": 9000,
            "prompt_cache_miss_tokens": 1000,
            "completion_tokens": 500,
            "completion_tokens_details": {"reasoning_tokens": 200},
        },
        (1000, 9000, 0, 500, 200, 0, 0),
        Prices(0.27, 1.1, cached_input=0.07),
        # 1000 x 0.27 = 270; 9000 x 0.07 = 630; 500 x 1.1 = 550
        (0.00027, 0.00063, 0.0, 0.00055, 0.00145),
    ),
    "xAI, reasoning beside the completion": (
        "openai-completions",
        ChatCompat(reasoning_in_output=False),
        {
            "prompt_tokens": 3000,
            "prompt_tokens_details": {"cached_tokens": 1000},
            "completion_tokens": 200,
            "completion_tokens_details": {"reasoning_tokens": 800},
        },
        (2000, 1000, 0, 1000, 800, 0, 0),
        Prices(3.0, 15.0, cached_input=0.75),
        # 2000 x 3 = 6000; 1000 x 0.75 = 750; (200 + 800) x 15 = 15000
        (0.006, 0.00075, 0.0, 0.015, 0.02175),
    ),
    "OpenRouter, Claude, by our prices": (
        "openai-completions",
        None,
        {
            "prompt_tokens": 5000,
            "prompt_tokens_details": {"cached_tokens": 3000, "cache_write_tokens": 1500},
            "completion_tokens": 100,
            "cost": 0.0099,
        },
        (500, 3000, 1500, 100, None, 0, 0),
        SONNET,
        # 500 x 3 = 1500; 3000 x 0.3 = 900; 1500 x 3.75 = 5625; 100 x 15 = 1500
        (0.0015, 0.0009, 0.005625, 0.0015, 0.009525),
    ),
    "Gemini, above 200,000, thoughts beside the candidates": (
        "google-generative-ai",
        None,
        {
            "promptTokenCount": 250_000,
            "cachedContentTokenCount": 100_000,
            "candidatesTokenCount": 1000,
            "thoughtsTokenCount": 3000,
            "totalTokenCount": 254_000,
        },
        (150_000, 100_000, 0, 4000, 3000, 0, 0),
        GEMINI,
        # 150000 x 2.5 = 375000; 100000 x 0.25 = 25000; 4000 x 15 = 60000
        (0.375, 0.025, 0.0, 0.06, 0.46),
    ),
    "Gemini, audio, some of it cached": (
        "google-generative-ai",
        None,
        {
            "promptTokenCount": 20_000,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 8000},
                {"modality": "AUDIO", "tokenCount": 12_000},
            ],
            "cachedContentTokenCount": 10_000,
            "cacheTokensDetails": [
                {"modality": "TEXT", "tokenCount": 3000},
                {"modality": "AUDIO", "tokenCount": 7000},
            ],
            "candidatesTokenCount": 400,
            "totalTokenCount": 20_400,
        },
        (10_000, 10_000, 0, 400, None, 12_000, 0),
        FLASH,
        # 5000 x 0.3 + 5000 x 1 = 6500; 3000 x 0.03 + 7000 x 0.1 = 790; 400 x 2.5 = 1000
        (0.0065, 0.00079, 0.0, 0.001, 0.00829),
    ),
    "A server that prices reasoning apart": (
        "openai-completions",
        None,
        {
            "prompt_tokens": 100,
            "completion_tokens": 1000,
            "completion_tokens_details": {"reasoning_tokens": 600},
        },
        (100, 0, 0, 1000, 600, 0, 0),
        Prices(1, 2, reasoning=8),
        # 100 x 1 = 100; 400 x 2 + 600 x 8 = 5600
        (0.0001, 0.0, 0.0, 0.0056, 0.0057),
    ),
}


@pytest.mark.parametrize(("api", "compat", "wire", "counts", "prices", "costs"), EXAMPLES.values(), ids=EXAMPLES)
def test_usage_and_cost_are_what_a_hand_gets(
    api: str,
    compat: ChatCompat | None,
    wire: dict[str, Any],
    counts: tuple[int, int, int, int, int | None, int, int],
    prices: Prices,
    costs: tuple[float, float, float, float, float],
) -> None:
    usage = decoded(api, wire, compat)
    assert usage == LlmUsage(*counts, wire)
    fresh, cached, written, output, total = costs
    assert ModelSpec("m", prices=prices).cost(usage) == Cost(total, fresh, cached, written, output)


def test_there_are_twelve_examples() -> None:
    assert len(EXAMPLES) == 12


# --- prices ----------------------------------------------------------------------------------------------------------


def test_a_sort_without_a_price_costs_what_it_is_a_part_of() -> None:
    usage = LlmUsage(100, 10, 20, 1000, 500, 50, 100, {"cache_creation": {"ephemeral_1h_input_tokens": 20}})
    # 100 x 1; 10 x 1; 20 x 1; 1000 x 2
    assert Prices(1, 2).cost(usage) == Cost(0.00213, 0.0001, 0.00001, 0.00002, 0.002)
    # 20 x 3, for an hour or not
    assert Prices(1, 2, cache_write=3).cost(usage).cache_write == 0.00006


def test_a_cost_is_exact_where_floats_are_not() -> None:
    # 3 x 0.1 + 1 x 0.2 is half a millionth; in floats 0.30000000000000004 + 0.2 is not.
    assert Prices(0.1, 0.2).cost(LlmUsage(input_tokens=3, output_tokens=1)).total == 0.0000005
    # 7 x 0.07 = 0.49, 3 x 1e-07 = 0.0000003
    assert Prices(0.07, 1e-07).cost(LlmUsage(input_tokens=7, output_tokens=3)).total == 0.0000004900003


def test_a_tier_holds_above_its_threshold_and_the_highest_wins() -> None:
    tiers = [PriceTier(2000, Prices(4, 40)), PriceTier(1000, Prices(2, 20))]
    prices = Prices(1, 10, tiers=tuple(tiers))
    assert [tier.above for tier in prices.tiers] == [1000, 2000]
    assert [prices.at(tokens).input for tokens in (0, 1000, 1001, 2000, 2001)] == [1, 1, 2, 2, 4]


@pytest.mark.parametrize(
    ("usage", "input", "cached"),
    [
        # Nobody told how much of the cached was audio: as little as there can be.
        (LlmUsage(10, 10, audio_input_tokens=8), 82.0, 10.0),  # 2 x 1 + 8 x 10; 10 x 1
        (LlmUsage(10, 10, audio_input_tokens=15), 100.0, 505.0),  # 10 x 10; 5 x 1 + 5 x 100
        # More than there is, as no honest server says.
        (LlmUsage(10, 10, audio_input_tokens=99), 100.0, 1000.0),  # 10 x 10; 10 x 100
        (
            LlmUsage(10, 10, audio_input_tokens=5, raw={"cacheTokensDetails": [{"modality": "AUDIO"}, None]}),
            55.0,  # 5 x 1 + 5 x 10
            10.0,
        ),
    ],
)
def test_audio_is_a_part_of_the_input(usage: LlmUsage, input: float, cached: float) -> None:
    prices = Prices(1e6, 0, audio_input=1e7, cached_audio_input=1e8)
    cost = prices.cost(usage)
    assert (cost.input, cost.cached_input) == (input, cached)


def test_parts_are_never_more_than_their_whole() -> None:
    usage = LlmUsage(0, 0, 5, 10, 99, 0, 8, {"cache_creation": {"ephemeral_1h_input_tokens": 50}})
    cost = Prices(0, 1e6, cache_write=1e6, cache_write_1h=2e6, audio_output=3e6, reasoning=5e6).cost(usage)
    assert (cost.cache_write, cost.output) == (10.0, 34.0)  # 5 x 2; 8 x 3 + 2 x 5


def test_prices_have_a_currency() -> None:
    prices = Prices(1, 2, currency="EUR", tiers=(PriceTier(10, Prices(2, 4, currency="EUR")),))
    assert prices.cost(LlmUsage(1_000_000, output_tokens=1)).currency == "EUR"


@pytest.mark.parametrize("price", [-1, float("nan"), float("inf"), True, "1"])
def test_what_is_no_price_is_refused(price: Any) -> None:
    with pytest.raises(ValueError, match=r"prices\.cache_write: .* is no price"):
        Prices(1, 2, cache_write=price)


def test_a_tier_has_neither_tiers_nor_a_currency_of_its_own() -> None:
    with pytest.raises(ValueError, match="the one above 5 has tiers or a currency"):
        Prices(1, 2, tiers=(PriceTier(5, SONNET),))
    with pytest.raises(ValueError, match="the one above 5 has tiers or a currency"):
        Prices(1, 2, tiers=(PriceTier(5, Prices(1, 2, currency="EUR")),))


def test_prices_and_costs_have_json_forms() -> None:
    spec = ModelSpec("m", prices=SONNET)
    for value in (SONNET, spec, spec.cost(LlmUsage(1)), Cost(0.5, reported=True)):
        assert value is not None
        assert from_json(json.loads(json.dumps(value.to_json()))) == value
    assert Prices(1, 2).to_json() == {"v": 1, "type": "prices", "input": 1, "output": 2, "currency": "USD"}
    with pytest.raises(JsonFormError, match=r"\$\.tiers\[0\]: expected PriceTier"):
        from_json({"type": "prices", "input": 1, "output": 2, "tiers": [{"type": "prices", "input": 1, "output": 2}]})


# --- what is not known, and what the provider told -------------------------------------------------------------------


def test_without_usage_or_prices_the_cost_is_unknown_and_not_nothing() -> None:
    assert ModelSpec("m").cost(LlmUsage(1)) is None
    assert ModelSpec("m", prices=OPUS).cost(None) is None
    assert ModelSpec("m").cost(None, reported=True) is None


def test_what_openrouter_told_comes_first_where_it_is_asked_for() -> None:
    usage = decoded("openai-completions", {"prompt_tokens": 1000, "completion_tokens": 0, "cost": 0.0123456})
    assert ModelSpec("m", prices=OPUS).cost(usage, reported=True) == Cost(0.0123456, reported=True)
    assert ModelSpec("m").cost(usage, reported=True) == Cost(0.0123456, reported=True)
    assert ModelSpec("m", prices=OPUS).cost(usage) == Cost(0.005, 0.005, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("raw", "total"),
    [
        ({"cost": 0}, 0.0),
        ({"cost": 0.1, "is_byok": False, "cost_details": {"upstream_inference_cost": 9}}, 0.1),
        ({"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, 0.3),
        (
            {
                "cost": 0.1,
                "is_byok": True,
                "cost_details": {
                    "upstream_inference_cost": None,
                    "upstream_inference_prompt_cost": 0.2,
                    "upstream_inference_completions_cost": 0.7,
                },
            },
            1.0,
        ),
        ({"cost": 0.1, "is_byok": True, "cost_details": None}, 0.1),
    ],
)
def test_with_a_key_of_ones_own_the_provider_behind_is_paid_too(raw: dict[str, Any], total: float) -> None:
    assert reported_cost(LlmUsage(1, raw=raw)) == Cost(total, reported=True)


@pytest.mark.parametrize("raw", [None, {}, {"cost": -1}, {"cost": "1"}, {"cost": {"total_cost": 1}}, {"cost": True}])
def test_what_is_no_amount_was_not_told(raw: dict[str, Any] | None) -> None:
    usage = LlmUsage(1_000_000, raw=raw)
    assert reported_cost(usage) is None
    assert ModelSpec("m", prices=Prices(1, 2)).cost(usage, reported=True) == Cost(1.0, 1.0, 0.0, 0.0, 0.0)


# --- genai-prices ----------------------------------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package with the providers of this test, so that its data may change."""
    from datetime import date
    from decimal import Decimal

    snapshot = pytest.importorskip("genai_prices.data_snapshot")
    types = pytest.importorskip("genai_prices.types")

    def price(base: str, *tiers: tuple[int, str]) -> Any:
        steps = [types.Tier(start, Decimal(above)) for start, above in tiers]
        return types.TieredPrices(Decimal(base), steps) if steps else Decimal(base)

    def model(id: str, prices: Any, window: int | None = None) -> Any:
        return types.ModelInfo(id=id, match=types.ClauseEquals(id), context_window=window, prices=prices)

    models = [
        model(
            "long",
            types.ModelPrice(
                input_mtok=price("1.25", (200_000, "2.5")),
                output_mtok=price("10", (200_000, "15"), (500_000, "20")),
                cache_read_mtok=price("0.125"),
                web_searches_kcount=price("35"),
                input_image_mtok=price("1.25", (200_000, "2.5")),
            ),
            1_000_000,
        ),
        model(
            "speaking",
            types.ModelPrice(
                input_mtok=price("0.3"),
                output_mtok=price("2.5"),
                cache_read_mtok=price("0.03"),
                cache_write_mtok=price("0.4"),
                cache_write_1h_mtok=price("0.6"),
                input_audio_mtok=price("1"),
                cache_audio_read_mtok=price("0.1"),
                output_audio_mtok=price("12"),
                output_reasoning_mtok=price("3"),
            ),
        ),
        model(
            "cheaper-since-2026",
            [
                types.ConditionalPrice(prices=types.ModelPrice(input_mtok=price("2"), output_mtok=price("4"))),
                types.ConditionalPrice(
                    constraint=types.StartDateConstraint(date(2026, 1, 1)),
                    prices=types.ModelPrice(input_mtok=price("1"), output_mtok=price("3")),
                ),
            ],
        ),
        model("embedding", types.ModelPrice(input_mtok=price("0.02"))),
        model(
            "searching",
            types.ModelPrice(input_mtok=price("1"), output_mtok=price("1"), requests_kcount=price("12")),
        ),
        model(
            "painting",
            types.ModelPrice(input_mtok=price("0.3"), output_mtok=price("2.5"), output_image_mtok=price("30")),
        ),
    ]
    provider = types.Provider(id="acme", name="Acme", api_pattern="https://acme", models=models)
    monkeypatch.setattr(snapshot, "_custom_snapshot", snapshot.DataSnapshot([provider], from_auto_update=False))


@pytest.mark.usefixtures("known")
def test_prices_come_from_genai_prices() -> None:
    long = Prices(1.25, 10.0, cached_input=0.125)
    middle, most = evolve(long, input=2.5, output=15.0), evolve(long, input=2.5, output=20.0)
    prices = evolve(long, tiers=[PriceTier(200_000, middle), PriceTier(500_000, most)])
    assert prices_from_genai_prices("long", "acme", at=0.0) == prices
    assert facts_from_genai_prices("long", "acme", at=0.0) == {"prices": prices, "context_window": 1_000_000}
    speaking = Prices(0.3, 2.5, 0.03, 0.4, 0.6, 1.0, 0.1, 12.0, 3.0)
    assert facts_from_genai_prices("speaking", "acme", at=0.0) == {"prices": speaking}


@pytest.mark.usefixtures("known")
def test_prices_are_those_of_their_time() -> None:
    new_year = 1_767_225_600.0  # 2026-01-01T00:00:00Z
    assert prices_from_genai_prices("cheaper-since-2026", "acme", at=new_year - 1) == Prices(2.0, 4.0)
    assert prices_from_genai_prices("cheaper-since-2026", "acme", at=new_year) == Prices(1.0, 3.0)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("model", "provider", "why"),
    [
        ("long", "other", "other"),
        ("other", "acme", "other"),
        ("embedding", "acme", "in other ways than by tokens of input and output"),
        ("searching", "acme", "acme takes a fee for each request of searching, and usage does not count it"),
        ("painting", "acme", "acme prices output_image_mtok of painting apart, and usage does not count it"),
    ],
)
def test_what_genai_prices_cannot_say_is_an_error(model: str, provider: str, why: str) -> None:
    with pytest.raises(LookupError, match=why):
        prices_from_genai_prices(model, provider, at=0.0)


def test_its_own_data_can_be_read() -> None:
    pytest.importorskip("genai_prices")
    prices = prices_from_genai_prices("claude-opus-4-5", "anthropic", at=1_790_000_000.0)
    # Anthropic's own ratios (WIRE 12.7): a read a tenth, a write 1.25 and, for an hour, 2 times the input.
    ratios = (prices.cached_input, prices.cache_write, prices.cache_write_1h)
    assert ratios == (prices.input * 0.1, prices.input * 1.25, prices.input * 2)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    with pytest.raises(ImportError, match=r"pip install 'lash-llm\[prices\]'"):
        prices_from_genai_prices("m", "openai", at=0.0)
