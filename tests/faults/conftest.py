"""One provider and one router for all tests of a file that share them; each uses its own models."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from llmrouter.policy import fallback
from llmrouter.store.engine import DatabaseAddress, read_address
from tests.provider import Provider
from tests.running import RunningRouter, lab, running_router


@pytest.fixture(scope="module", autouse=True)
def short_waits() -> Iterator[None]:
    """The waits before a target is asked once more are told by the fallback plan's own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fallback, "RETRY_WAIT_S", (0.001, 0.002))
        yield


@pytest.fixture(scope="module")
def module_database(
    sqlite_ledger: Path, tmp_path_factory: pytest.TempPathFactory
) -> DatabaseAddress:
    """An SQLite database with an empty ledger, for one file of tests."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copy(sqlite_ledger, folder / "llmrouter.db")
    return read_address(f"sqlite:///{folder}/llmrouter.db", folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    """A provider without scripts."""
    async with Provider() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(
    provider: Provider, module_database: DatabaseAddress
) -> AsyncIterator[RunningRouter]:
    """A router whose ``lab`` and ``spare`` are the provider."""
    async with running_router(module_database, lab(provider)) as started:
        yield started
