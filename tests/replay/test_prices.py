"""At which prices a replay counts: those of the request, the candidate's, or today's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.configuration import PriceConfig
from llmrouter.core.prices import PriceCard
from llmrouter.policy.pricing import rates_from_config
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from tests.replay.ledgers import OLD, fill
from tests.replay.test_offline import TO_NEW, replay, results
from tests.store.samples import NOW_US

REQUESTS = 20
DEARER_AT_US = NOW_US + REQUESTS // 2 * 1_000_000


@pytest.fixture
async def store(sqlite_database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Store]:
    """A ledger of today, an hour after its requests."""
    clock = FakeClock()
    clock.set_wall(NOW_US + 3_600_000_000)
    async with open_store(StoreSettings(sqlite_database, tmp_path), clock) as opened:
        yield opened


def dearer(model: str, origin: Any = "configuration", *, factor: int = 1) -> PriceCard:
    """Ten times what everybody charged before, from the middle of the ledger on."""
    config = PriceConfig(input_usd_per_mtok=30 * factor, output_usd_per_mtok=50 * factor)
    return PriceCard("lab", model, rates_from_config(config), DEARER_AT_US, origin)


def nusd(found: Any, usd_in: int, usd_out: int) -> int:
    """What the tokens of a result cost at these prices."""
    return int(found.new_input_tokens * usd_in * 1000 + found.new_output_tokens * usd_out * 1000)


async def test_a_price_that_changed_in_the_window_counts_from_then_on(store: Store) -> None:
    await fill(store, REQUESTS, models=[("lab/old", OLD)])
    await store.prices.add([dearer("new")])
    found = await results(store, (await replay(store, TO_NEW)).id)
    early, late = found[: REQUESTS // 2], found[REQUESTS // 2 :]
    assert [one.new_cost_nusd for one in early] == [nusd(one, 3, 5) for one in early]
    assert [one.new_cost_nusd for one in late] == [nusd(one, 30, 50) for one in late]


async def test_at_todays_prices_both_sides_are_counted_anew(store: Store) -> None:
    await fill(store, REQUESTS, models=[("lab/old", OLD)])
    await store.prices.add([dearer("new"), dearer("old", factor=2)])
    found = await results(store, (await replay(store, TO_NEW, prices="today")).id)
    assert [one.new_cost_nusd for one in found] == [nusd(one, 30, 50) for one in found]
    assert [one.old_cost_nusd for one in found] == [nusd(one, 60, 100) for one in found]


async def test_prices_that_a_candidate_names_otherwise_count_for_every_request(
    store: Store,
) -> None:
    await fill(store, REQUESTS, models=[("lab/old", OLD)])
    await store.prices.add([dearer("new")])
    cheaper = 'prices."lab/new".input_usd_per_mtok=2'
    found = await results(store, (await replay(store, TO_NEW, cheaper)).id)
    assert [one.new_cost_nusd for one in found] == [nusd(one, 2, 5) for one in found]


@pytest.mark.parametrize("when", ["then", "today"])
async def test_the_ledgers_price_of_a_model_that_no_configuration_prices_counts(
    store: Store, when: Any
) -> None:
    await fill(store, REQUESTS, models=[("lab/old", OLD)])
    await store.prices.add([dearer("listed", "manual")])
    row = await replay(store, 'categories.code.models=["lab/listed"]', prices=when)
    found = await results(store, row.id)
    known = found if when == "today" else found[REQUESTS // 2 :]
    assert [one.new_cost_nusd for one in known] == [nusd(one, 30, 50) for one in known]
    assert sum("no_price" in one.flags for one in found) == REQUESTS - len(known)


async def test_a_price_that_the_configuration_learnt_after_the_request_is_better_than_none(
    store: Store,
) -> None:
    await fill(store, REQUESTS, models=[("lab/old", OLD)])
    newest = await store.versions.latest()
    assert newest is not None
    prices = {
        **newest.document["prices"],
        "lab/late": {"input_usd_per_mtok": 7, "output_usd_per_mtok": 9},
    }
    await store.versions.add({**newest.document, "prices": prices}, parent=1, author="test")
    found = await results(store, (await replay(store, 'categories.code.models=["lab/late"]')).id)
    assert [one.new_cost_nusd for one in found] == [nusd(one, 7, 9) for one in found]
