"""The purse's law: what is spent and what is set aside never pass the limit."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.prices import PriceCard, Rate, UnitClass
from llmrouter.replay.purse import Purse, most_it_costs


@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 100), st.booleans()), max_size=30),
)
def test_no_order_of_calls_passes_the_limit(limit: int, calls: list[tuple[int, int, bool]]) -> None:
    async def run() -> None:
        purse = Purse(limit)
        refused: list[int] = []

        async def call(most: int, percent: int, known: bool) -> None:
            if not await purse.reserve(most):
                refused.append(most)
                return
            for _ in range(percent % 3):
                await asyncio.sleep(0)
            assert purse.spent_nusd + purse.reserved_nusd <= limit
            await purse.settle(most, most * percent // 100 if known else None)

        await asyncio.gather(*(call(*each) for each in calls))
        assert purse.reserved_nusd == 0
        assert purse.spent_nusd <= limit
        # Nobody is turned away while there is enough.
        assert all(most > 0 for most in refused)

    asyncio.run(run())


async def test_who_does_not_fit_waits_for_what_runs() -> None:
    purse = Purse(100)
    assert await purse.reserve(90)
    waiting = asyncio.create_task(purse.reserve(50))
    await asyncio.sleep(0)
    assert not waiting.done()
    await purse.settle(90, 10)
    assert await waiting
    await purse.settle(50, None)
    assert purse.spent_nusd == 60
    assert not await purse.reserve(41)


def card(**nusd_per_token: int) -> PriceCard:
    rates = [Rate(cast("UnitClass", k), v * 1_000_000) for k, v in nusd_per_token.items()]
    return PriceCard("lab", "m", tuple(rates), 0, "manual")


@pytest.mark.parametrize(
    ("priced", "most"),
    [
        (card(input=1, output=2), 100 + 40),
        (card(input=2, output=2, cache_read=1), 200 + 40),
        (card(input=1, output=2, cache_write_1h=3), 300 + 40),
        (card(input=1, output=2, reasoning=3), 100 + 60),
        (card(input=0, output=0), 0),
        (card(input=1), None),
        (card(output=1), None),
    ],
)
def test_the_most_is_by_the_dearest_class(priced: PriceCard, most: int | None) -> None:
    assert most_it_costs(priced, input_tokens=100, output_tokens=20) == most


def test_the_most_is_by_the_dearest_service_and_size_and_rounded_up() -> None:
    rates = (
        Rate("input", 1_000_000),
        Rate("input", 2_000_001, "priority"),
        Rate("output", 1_000_000),
        Rate("output", 3_000_000, from_input_tokens=200_000),
        Rate("request", 7),
    )
    priced = PriceCard("lab", "m", rates, 0, "manual")
    assert most_it_costs(priced, input_tokens=100, output_tokens=20) == 201 + 60 + 7


def test_searches_have_a_price_or_the_cost_is_not_known() -> None:
    priced = card(input=1, output=1, web_search=10)
    assert most_it_costs(priced, input_tokens=1, output_tokens=1, searches=5) == 52
    unknown = card(input=1, output=1)
    assert most_it_costs(unknown, input_tokens=1, output_tokens=1, searches=5) is None
