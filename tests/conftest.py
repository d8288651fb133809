"""Databases: every test of the store runs on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL

from llmrouter.store import migrate, schema
from llmrouter.store.engine import DatabaseAddress, read_address
from tests.postgres import FAST, PostgresServer, ServerMissing, connect, create_database, postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server of this test session's own."""
    with _server(FAST) as server:
        yield server.url


@pytest.fixture
def fragile_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of one test's own, to be stopped; what it commits it keeps."""
    with _server(f"{FAST} -c synchronous_commit=on") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_ledger(postgres_server: URL) -> DatabaseAddress:
    """A PostgreSQL database with a ledger: making one for each test would take half a second."""
    address = read_address(create_database(postgres_server, "ledger"), Path())
    migrate.upgrade(address)
    return address


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with an empty ledger, to be copied."""
    path = tmp_path_factory.mktemp("template") / "llmrouter.db"
    migrate.upgrade(read_address(f"sqlite:///{path}", Path()))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseAddress:
    """A database with nothing in it, of each kind."""
    if request.param == "sqlite":
        return read_address(f"sqlite:///{tmp_path}/llmrouter.db", tmp_path)
    server: URL = request.getfixturevalue("postgres_server")
    return read_address(create_database(server, f"empty_{next(_numbers)}"), tmp_path)


@pytest.fixture
def sqlite_database(sqlite_ledger: Path, tmp_path: Path) -> DatabaseAddress:
    """An SQLite database with an empty ledger."""
    shutil.copy(sqlite_ledger, tmp_path / "llmrouter.db")
    return read_address(f"sqlite:///{tmp_path}/llmrouter.db", tmp_path)


@pytest.fixture
def postgres_database(postgres_ledger: DatabaseAddress) -> DatabaseAddress:
    """A PostgreSQL database with an empty ledger; its schema must be left as it is."""
    empty = "; ".join(f"DELETE FROM {table}" for table in schema.metadata.tables)
    with connect(postgres_ledger.url) as connection:
        # What the test before has left behind, if it failed.
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.exec_driver_sql(empty)
    return postgres_ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> DatabaseAddress:
    """A database with an empty ledger, of each kind."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    address: DatabaseAddress = request.getfixturevalue(name)
    return address


@contextlib.contextmanager
def _server(settings: str) -> Iterator[PostgresServer]:
    try:
        with postgres(settings) as server:
            yield server
    except ServerMissing as missing:
        pytest.skip(str(missing))


# How long an example takes says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None, max_examples=40)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile("untimed")
