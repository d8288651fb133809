"""What caches and routing saved: list prices times counted tokens, and nothing where there is no
price."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import NotFound
from llmrouter.core.prices import PriceCard, Rate
from llmrouter.reports.forms import as_html, as_json
from llmrouter.reports.report import Question
from llmrouter.reports.savings import savings
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import StoreSettings, open_store
from llmrouter.store.reader import LedgerReader
from tests.reports.conftest import SPAN
from tests.store.samples import NOW_US, answered

USD = 1_000_000_000


def card(name: str, **usd: float) -> PriceCard:
    provider, _, model = name.partition("/")
    rates = tuple(Rate(unit, round(price * USD)) for unit, price in usd.items())  # type: ignore[arg-type]
    return PriceCard(provider, model, rates, 0, "manual")


@pytest.fixture
async def priced(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[LedgerReader]:
    """Three calls of 30 new, 12 cached and 7 written tokens, each after a failed call."""
    async with open_store(StoreSettings(database, tmp_path), FakeClock(NOW_US)) as store:
        await store.prices.add(
            [
                card("harbour/beacon-1", input=1, cache_read=0.1, output=2),
                card("isle/large", input=10, cache_read=1, output=20),
                card("isle/half", input=10),
            ]
        )
        for record in (
            answered(store.ids.next(), cost_nusd=45_000, failed_nusd=1_000),
            answered(store.ids.next(), cost_nusd=45_000, failed_nusd=0),
            answered(store.ids.next(), cost_nusd=None, model="reef/unpriced"),
            answered(store.ids.next(), cost_nusd=45_000, purpose="replay"),
        ):
            await store.ledger.close(record)
        yield store.reader


async def test_a_cache_saves_the_difference_between_two_prices(priced: LedgerReader) -> None:
    report = await savings(priced, Question(SPAN, ("model",)))

    [cache] = as_json(report)["tables"].values()
    rows = {row["model"]: row for row in cache["rows"]}
    assert rows["harbour/beacon-1"]["cache_read_tokens"] == 24
    assert rows["harbour/beacon-1"]["saved_usd"] == pytest.approx(24 * 0.9e-6)
    assert rows["reef/unpriced"]["saved_usd"] == 0
    assert rows["reef/unpriced"]["unpriced_tokens"] == 12
    assert cache["total"]["unpriced_tokens"] == 12


async def test_routing_is_held_against_the_baseline_with_failed_calls_on_our_side(
    priced: LedgerReader,
) -> None:
    report = await savings(priced, Question(SPAN, (), "isle/large"))

    [row] = as_json(report)["tables"]["routing"]["rows"]
    there = 2 * (30 * 10e-6 + 12 * 1e-6 + 7 * 20e-6)
    assert row["baseline_usd"] == pytest.approx(there)
    assert row["cost_usd"] == pytest.approx(0.000091)
    assert row["saved_usd"] == pytest.approx(there - 0.000091)
    assert row["unpriced_calls"] == 1
    assert any("An estimate and no more" in note for note in report.notes)
    assert "isle/large" in as_html(report)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("isle/nowhere", "is not known"),
        ("isle/half", "is not known"),
        ("large", "is no provider/model"),
    ],
)
async def test_a_baseline_without_a_price_is_refused(
    priced: LedgerReader, baseline: str, message: str
) -> None:
    with pytest.raises(NotFound, match=message):
        await savings(priced, Question(SPAN, (), baseline))
