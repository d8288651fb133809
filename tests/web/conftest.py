"""A provider and a router in front of it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from llmrouter.settings.values import HttpServer
from llmrouter.store.engine import DatabaseAddress, read_address
from tests.provider import Provider
from tests.running import RunningRouter, lab, running_router

MakeDatabase = Callable[[], DatabaseAddress]


@pytest.fixture(scope="module")
def make_database(sqlite_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeDatabase:
    """Makes SQLite databases with an empty ledger, for routers that many tests share."""

    def make() -> DatabaseAddress:
        folder = tmp_path_factory.mktemp("shared")
        shutil.copy(sqlite_ledger, folder / "llmrouter.db")
        return read_address(f"sqlite:///{folder}/llmrouter.db", folder)

    return make


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider without scripts."""
    async with Provider() as started:
        yield started


@pytest.fixture
async def router(
    provider: Provider, sqlite_database: DatabaseAddress
) -> AsyncIterator[RunningRouter]:
    """A router whose ``lab`` and ``spare`` are the provider, and whose categories are theirs."""
    async with running_router(sqlite_database, categorised(provider)) as started:
        yield started


def categorised(provider: Provider) -> dict[str, object]:
    """A document whose four categories have a model each."""
    names = ("tools", "code", "reasoning", "conversation")
    categories = {name: {"models": [f"lab/{name}", f"spare/{name}"]} for name in names}
    return {**lab(provider, routes={"pair": ["lab/fast", "spare/fast"]}), "categories": categories}


@pytest.fixture(params=["lean", "stock"])
def kind(request: pytest.FixtureRequest) -> HttpServer:
    """Whose connections carry the requests: the router's own, or Hypercorn's."""
    chosen: HttpServer = request.param
    return chosen
