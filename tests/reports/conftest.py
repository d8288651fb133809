"""A ledger with a history of three days, on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.days import DaySpan
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import StoreSettings, open_store
from llmrouter.store.reader import LedgerReader
from tests.store.samples import NOW_US, answered, rejected

DAY_US = 86_400_000_000

SPAN = DaySpan("2026-09-19", "2026-09-21")
"""The days of the history; `NOW_US` is in the last of them."""


@pytest.fixture
async def reader(database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[LedgerReader]:
    """Each answered request had a failed call to ``harbour/fog-2`` first."""
    async with open_store(StoreSettings(database, tmp_path), FakeClock()) as store:
        for record in (
            answered(store.ids.next(), cost_nusd=3_000_000, failed_nusd=1_000_000, key_id="k"),
            answered(store.ids.next(), cost_nusd=None, model="isle/tide/large"),
            answered(store.ids.next(), cost_nusd=None, model="isle/tide/large", category="code"),
            answered(
                store.ids.next(),
                cost_nusd=5_000_000,
                started_us=NOW_US - DAY_US,
                duration_us=3_000_000,
                category="code",
            ),
            answered(
                store.ids.next(),
                cost_nusd=7,
                started_us=NOW_US - 2 * DAY_US,
                ending="interrupted",
                category="code",
            ),
            answered(store.ids.next(), cost_nusd=10**12, purpose="replay"),
            answered(store.ids.next(), cost_nusd=10**12, started_us=NOW_US - 9 * DAY_US),
            rejected(store.ids.next()),
        ):
            await store.ledger.close(record)
        yield store.reader
