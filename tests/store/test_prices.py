"""Price cards in the ledger: added, never changed, and found again."""

from __future__ import annotations

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.prices import Rate
from llmrouter.core.records import replace
from llmrouter.core.routing import Target
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store
from tests.prices import charging
from tests.store.samples import NOW_US, ask

FAST = Target("lab", "fast")
LONG = Rate("input", 9, "flex", 200_001)
CARD = charging({"input": 1_000_000_000, "output": 7}, LONG, source="a page", valid_from_us=NOW_US)
HOUR_US = 3_600_000_000


async def test_a_card_comes_back_as_it_was_said(store: Store) -> None:
    book = await store.prices.add([CARD, replace(CARD, model="bare", rates=(), valid_to_us=1)])

    kept = (await store.reader.prices.book()).card(FAST, NOW_US)
    added = book.card(FAST, NOW_US)
    assert kept is not None
    assert added is not None
    assert kept == replace(added, rates=kept.rates)
    assert kept.id == 1
    assert kept.imported_us == NOW_US
    assert replace(kept, id=None, imported_us=0, rates=CARD.rates) == CARD
    assert kept.says_the_same(CARD)
    assert [card.rates for card in book if card.model == "bare"] == [()]


async def test_what_is_there_already_is_not_added_again(store: Store) -> None:
    await store.prices.add([CARD])
    again = await store.prices.add([CARD, replace(CARD, source="another page")])

    assert [(card.id, card.source) for card in again] == [(1, "a page"), (2, "another page")]


async def test_a_price_that_is_corrected_back_counts_again(store: Store) -> None:
    for rates in (CARD.rates, (LONG,), CARD.rates, CARD.rates):
        await store.prices.add([replace(CARD, rates=rates)])

    book = await store.reader.prices.book()
    assert [card.id for card in book] == [1, 2, 3]
    counting = book.card(FAST, NOW_US)
    assert counting is not None
    assert counting.says_the_same(CARD)


async def test_the_configuration_s_prices_hold_from_their_version_on(
    store: Store, clock: FakeClock
) -> None:
    dear = charging({"input": 5}, origin="configuration", config_version=2)
    cheap = charging({"input": 1}, origin="configuration", config_version=4)
    await store.prices.add([CARD])
    await store.prices.configure([dear])
    clock.advance(3600)
    await store.prices.configure([replace(dear, config_version=3)])  # it says the same
    clock.advance(3600)
    await store.prices.configure([cheap])
    clock.advance(3600)
    book = await store.prices.configure([])

    found = [book.card(FAST, NOW_US + hours * HOUR_US) for hours in (0, 1, 2, 3)]
    assert [card and card.config_version for card in found] == [2, 2, 4, None]
    assert found[3] is not None
    assert found[3].source == "a page"
    assert [card.id for card in book] == [1, 2, 3]


async def test_the_view_tells_prices_in_dollars_and_until_when_they_held(
    store: Store, database: DatabaseAddress
) -> None:
    await store.prices.add([CARD, replace(CARD, valid_from_us=NOW_US + HOUR_US, rates=())])

    rows = ask(
        database,
        "SELECT price_id, unit_class, service_tier, from_input_tokens, usd_per_million, valid_from,"
        " valid_to, origin, source FROM v_prices ORDER BY price_id, unit_class, from_input_tokens",
    )
    began, ended = "2026-09-21T14:13:20.000Z", "2026-09-21T15:13:20.000Z"
    assert [(*row[:4], float(row[4] or 0), *row[5:]) for row in rows] == [
        (1, "input", "standard", 0, 1.0, began, ended, "import", "a page"),
        (1, "input", "flex", 200_001, pytest.approx(9e-9), began, ended, "import", "a page"),
        (1, "output", "standard", 0, pytest.approx(7e-9), began, ended, "import", "a page"),
        (2, None, None, None, 0.0, ended, None, "import", "a page"),
    ]
