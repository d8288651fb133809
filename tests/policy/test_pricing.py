"""Cost in whole nano-dollars (law 5), and estimates of tokens."""

from __future__ import annotations

from dataclasses import astuple
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.configuration import PriceConfig
from llmrouter.core.usage import Price, Usage
from llmrouter.policy.pricing import (
    cost_of,
    estimate_text_tokens,
    estimate_tokens,
    price_from_config,
)

PRICE = Price(
    input_nusd_per_mtok=600_000_000,
    output_nusd_per_mtok=2_500_000_000,
    cache_read_nusd_per_mtok=60_000_000,
    cache_write_nusd_per_mtok=750_000_000,
    reasoning_nusd_per_mtok=3_000_000_000,
)
PLAIN = Price(600_000_000, 2_500_000_000)


@pytest.mark.parametrize(
    ("usage", "price", "nusd"),
    [
        (Usage(1_000, None, None, 100, None), PLAIN, 600_000 + 250_000),
        (Usage(1_000, 500, 200, 100, 50), PRICE, 600_000 + 30_000 + 150_000 + 250_000 + 150_000),
        (Usage(1_000, 500, 200, 100, 50), PLAIN, 600 * 1_700 + 2_500 * 150),
        (Usage(0, None, None, 0, None), PLAIN, 0),
        (Usage(0, None, None, 0, None), Price(None, None), 0),
        (Usage(1, None, None, 0, None), Price(0, None), 0),
        (Usage(None, 7, None, 3, None), PLAIN, 7 * 600 + 3 * 2_500),
    ],
)
def test_classes_are_priced_apart(usage: Usage, price: Price, nusd: int) -> None:
    assert cost_of(usage, price) == nusd


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (Usage(), PLAIN),
        (Usage(5, None, None, None, None), PLAIN),
        (Usage(None, None, None, 5, None), PLAIN),
        (Usage(5, None, None, 5, None), Price(None, 1)),
        (Usage(5, None, None, 5, None), Price(1, None)),
        (Usage(5, 5, None, 5, None), Price(None, 1, cache_read_nusd_per_mtok=1)),
    ],
)
def test_what_is_not_known_has_no_cost(usage: Usage, price: Price) -> None:
    assert cost_of(usage, price) is None


@pytest.mark.parametrize(
    ("tokens", "nusd"), [(1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (7, 2), (9, 2), (10, 2), (11, 3)]
)
def test_the_sum_is_rounded_once_half_to_even(tokens: int, nusd: int) -> None:
    quarter = Price(250_000, 0)  # a quarter of a nano-dollar per token

    assert cost_of(Usage(tokens, None, None, 0, None), quarter) == nusd


TOKENS = st.none() | st.integers(0, 10**7)
NUSD_PER_MTOK = st.integers(0, 10**12)


@given(
    st.builds(Usage, TOKENS, TOKENS, TOKENS, TOKENS, TOKENS),
    st.builds(Price, NUSD_PER_MTOK, NUSD_PER_MTOK, NUSD_PER_MTOK, NUSD_PER_MTOK, NUSD_PER_MTOK),
)
def test_cost_is_the_exact_sum_of_class_times_price(usage: Usage, price: Price) -> None:
    nusd = cost_of(usage, price)

    if usage.input_tokens is None or usage.output_tokens is None:
        assert nusd is None
        return
    by_class = zip(
        astuple(usage)[:5],
        (
            price.input_nusd_per_mtok,
            price.cache_read_nusd_per_mtok,
            price.cache_write_nusd_per_mtok,
            price.output_nusd_per_mtok,
            price.reasoning_nusd_per_mtok,
        ),
        strict=True,
    )
    exact = sum(
        (Decimal(tokens or 0) * Decimal(rate or 0) for tokens, rate in by_class), Decimal(0)
    ) / Decimal(10**6)
    assert nusd == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def test_list_prices_become_whole_nano_dollars() -> None:
    config = PriceConfig(
        input_usd_per_mtok=0.15, output_usd_per_mtok=0.6, cache_read_usd_per_mtok=0.075, source="s"
    )

    assert price_from_config(config) == Price(
        150_000_000, 600_000_000, cache_read_nusd_per_mtok=75_000_000, source="s"
    )


def test_an_unknown_list_price_stays_unknown_and_a_free_one_is_free() -> None:
    price = price_from_config(PriceConfig(input_usd_per_mtok=0))

    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (0, None)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("a", 1, 1),
        ("The quick brown fox jumps over the lazy dog. " * 10, 90, 130),
        ("Le vif renard brun saute par-dessus le chien paresseux. " * 10, 120, 180),
        ("快速的棕色狐狸跳过懒狗。" * 10, 80, 160),
        ("Быстрая коричневая лиса прыгает через ленивую собаку. " * 10, 120, 400),
    ],
)
def test_estimates_are_of_the_right_size_in_every_script(text: str, least: int, most: int) -> None:
    assert least <= estimate_text_tokens(text) <= most


@given(st.text(), st.text())
def test_a_longer_text_is_never_estimated_shorter(text: str, more: str) -> None:
    assert estimate_text_tokens(text + more) >= estimate_text_tokens(text)


def test_characters_alone_are_taken_for_ascii() -> None:
    assert estimate_tokens(400) == 100
    assert estimate_tokens(400, utf8_bytes=1_200) > 400
