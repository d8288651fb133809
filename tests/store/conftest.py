"""An open store on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.writer import LedgerSettings

OpenStore = Callable[..., AbstractAsyncContextManager[Store]]

IMPATIENT = LedgerSettings(commit_wait_s=0.2, retry_s=0.02, stop_wait_s=0.6)
"""For a database that will not answer."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def opened(database: DatabaseAddress, clock: FakeClock, tmp_path: Path) -> OpenStore:
    """Opens the test's database, with whatever settings."""

    def open_with(**settings: Any) -> AbstractAsyncContextManager[Store]:
        return open_store(StoreSettings(database, tmp_path, **settings), clock)

    return open_with


@pytest.fixture
async def store(opened: OpenStore) -> AsyncIterator[Store]:
    """The test's database, open."""
    async with opened() as store:
        yield store
