"""A provider and a router in front of it, once with each kind of connections and of database.

Connections know nothing of databases: each is tried with one of the other, not with both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from llmrouter.settings.values import HttpClient, HttpServer
from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider
from tests.running import RunningRouter, lab, running_router


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider without scripts."""
    async with Provider() as started:
        yield started


@pytest.fixture(params=["lean", "httpx"])
def client(request: pytest.FixtureRequest) -> HttpClient:
    """Whose connections carry the calls."""
    chosen: HttpClient = request.param
    return chosen


@pytest.fixture
def paired_database(request: pytest.FixtureRequest, client: HttpClient) -> DatabaseAddress:
    """A database with an empty ledger: our own connections have SQLite, stock ones PostgreSQL."""
    name = "sqlite_database" if client == "lean" else "postgres_database"
    address: DatabaseAddress = request.getfixturevalue(name)
    return address


@pytest.fixture
def server(client: HttpClient) -> HttpServer:
    """Whose connections carry the requests: the router's own on both sides, or stock ones."""
    return "lean" if client == "lean" else "stock"


@pytest.fixture
async def router(
    provider: Provider, paired_database: DatabaseAddress, client: HttpClient, server: HttpServer
) -> AsyncIterator[RunningRouter]:
    """A router whose ``lab`` and ``spare`` are the provider, on SQLite and on PostgreSQL, with
    either kind of connections."""
    routes = {"pair": ["lab/fast", "spare/fast"]}
    clocks = {"timeouts": {"headers_s": 5, "first_token_s": 5, "idle_s": 5}}
    document = lab(provider, routes=routes, **clocks)
    chosen = {"http_client": client, "http_server": server}
    async with running_router(paired_database, document, **chosen) as started:
        yield started
