"""Cost in whole nano-dollars (law 5), and estimates of tokens."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.configuration import PriceConfig
from llmrouter.core.prices import PriceCard, Rate
from llmrouter.core.records import as_mapping
from llmrouter.core.usage import Usage
from llmrouter.policy.pricing import (
    cost_of,
    rates_from_config,
)
from llmrouter.policy.stated_prices import built_in_prices
from tests.prices import charging

PRICE = charging(
    {
        "input": 600_000_000,
        "output": 2_500_000_000,
        "cache_read": 60_000_000,
        "cache_write": 750_000_000,
        "reasoning": 3_000_000_000,
    }
)
PLAIN = charging({"input": 600_000_000, "output": 2_500_000_000})
NOTHING = charging({})


@pytest.mark.parametrize(
    ("usage", "price", "nusd"),
    [
        (Usage(1_000, None, None, 100, None), PLAIN, 600_000 + 250_000),
        (Usage(1_000, 500, 200, 100, 50), PRICE, 600_000 + 30_000 + 150_000 + 250_000 + 150_000),
        (Usage(0, None, None, 0, None), PLAIN, 0),
        (Usage(0, 0, 0, 0, 0), PLAIN, 0),
        (Usage(0, None, None, 0, None), NOTHING, 0),
        (Usage(1, None, None, 0, None), charging({"input": 0}), 0),
        (Usage(None, 7, None, 3, None), PRICE, 7 * 60 + 3 * 2_500),
        (Usage(0, None, None, 0, None), charging({"request": 5_000_000_000_000}), 5_000_000),
    ],
)
def test_classes_are_priced_apart(usage: Usage, price: PriceCard, nusd: int) -> None:
    assert cost_of(usage, price) == nusd


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(), PLAIN),
        (Usage(5, None, None, None, None), PLAIN),
        (Usage(None, None, None, 5, None), PLAIN),
        (Usage(5, None, None, 5, None), charging({"output": 1})),
        (Usage(5, None, None, 5, None), charging({"input": 1})),
        (Usage(5, 5, None, 5, None), PLAIN),
        (Usage(5, None, 5, 5, None), PLAIN),
        (Usage(5, None, None, 5, 5), PLAIN),
        (Usage(5, 5, None, 5, None), charging({"cache_read": 1, "output": 1})),
    ],
)
def test_what_is_not_known_has_no_cost(usage: Usage, price: PriceCard) -> None:
    assert cost_of(usage, price) is None


@pytest.mark.parametrize(
    ("tokens", "nusd"), [(1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (7, 2), (9, 2), (10, 2), (11, 3)]
)
def test_the_sum_is_rounded_once_half_to_even(tokens: int, nusd: int) -> None:
    # A quarter of a nano-dollar per token.
    quarter = charging({"input": 250_000, "output": 0})

    assert cost_of(Usage(tokens, None, None, 0, None), quarter) == nusd


TOKENS = st.none() | st.integers(0, 10**7)
NUSD_PER_MILLION = st.integers(0, 10**12)
CLASSES = ("input", "cache_read", "cache_write", "output", "reasoning")


@given(
    st.builds(Usage, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS),
    st.fixed_dictionaries(dict.fromkeys(CLASSES, NUSD_PER_MILLION)),
)
def test_cost_is_the_exact_sum_of_class_times_price(usage: Usage, prices: Any) -> None:
    nusd = cost_of(usage, charging(prices))

    if usage.input_tokens is None or usage.output_tokens is None:
        assert nusd is None
        return
    by_class = zip(as_mapping(usage).values(), (prices[name] for name in CLASSES), strict=False)
    exact = sum(
        (Decimal(tokens or 0) * Decimal(rate) for tokens, rate in by_class), Decimal(0)
    ) / Decimal(10**6)
    assert nusd == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("input_tokens", "nusd"), [(200_000, 200_000 * 2 + 10), (200_001, 200_001 * 4 + 18)]
)
def test_a_whole_request_is_charged_as_its_size_wants(input_tokens: int, nusd: int) -> None:
    card = charging(
        {"input": 2_000_000, "output": 10_000_000, "cache_read": 2_000_000},
        Rate("input", 4_000_000, from_input_tokens=200_001),
        Rate("cache_read", 4_000_000, from_input_tokens=200_001),
        Rate("output", 18_000_000, from_input_tokens=200_001),
    )

    assert cost_of(Usage(input_tokens - 50_000, 50_000, None, 1, None), card) == nusd


def test_another_service_has_prices_of_its_own_or_none() -> None:
    flex = Rate("input", 500_000, "flex"), Rate("output", 2_000_000, "flex")
    card = charging({"input": 1_000_000, "output": 4_000_000}, *flex)
    usage = Usage(100, None, None, 10, None)

    assert cost_of(usage, card) == 140
    assert cost_of(usage, card, "flex") == 70
    assert cost_of(usage, card, "priority") is None


def test_configured_prices_become_whole_nano_dollars_and_fill_in_as_they_are_documented() -> None:
    config = PriceConfig(
        input_usd_per_mtok=0.15,
        output_usd_per_mtok=0.6,
        cache_read_usd_per_mtok=0.075,
        web_search_usd=0.01,
    )

    rates = {r.unit_class: r.nusd_per_million_units for r in rates_from_config(config)}
    assert rates == {
        "input": 150_000_000,
        "output": 600_000_000,
        "cache_read": 75_000_000,
        "cache_write": 150_000_000,
        "input_image": 150_000_000,
        "reasoning": 600_000_000,
        "web_search": 10_000_000_000_000,
    }


def test_an_unknown_price_stays_unknown_and_a_free_one_is_free() -> None:
    rates = rates_from_config(PriceConfig(input_usd_per_mtok=0))

    assert {rate.unit_class for rate in rates} == {
        "input",
        "cache_read",
        "cache_write",
        "input_image",
    }
    assert {rate.nusd_per_million_units for rate in rates} == {0}


@pytest.mark.parametrize("input_tokens", [1_000, 1_000_000])
@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-6",
        "claude-haiku-5-5",
        "claude-sonnet-5-5",
        "claude-opus-5-5",
        "claude-fable-5-1",
    ],
)
def test_inside_the_united_states_anthropics_tokens_cost_a_tenth_more(
    model: str, input_tokens: int
) -> None:
    """https://docs.aws.amazon.com/claude-platform/latest/userguide/data-residency.html"""
    (card,) = [card for card in built_in_prices() if card.model == model]
    usage = Usage(
        uncached_input_tokens=input_tokens,
        cache_read_tokens=1_000,
        cache_write_tokens=1_000,
        cache_write_1h_tokens=1_000,
        text_output_tokens=1_000,
    )
    anywhere = cost_of(usage, card)
    assert anywhere is not None
    assert cost_of(usage, card, "us") == anywhere * 11 // 10
    assert cost_of(usage, card, "fast_us") is None
