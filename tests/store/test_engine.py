"""Database addresses, and what each way of opening one allows."""

from __future__ import annotations

import asyncio
import importlib.machinery
import socket
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from llmrouter.core.errors import Overloaded
from llmrouter.store import engine
from llmrouter.store.engine import DatabaseAddress, open_for_reading, open_for_writing, read_address
from llmrouter.store.errors import AddressInvalid, DatabaseUnreachable, DriverMissing
from llmrouter.store.migrate import upgrade
from llmrouter.store.snapshots import Snapshots


def test_without_a_url_the_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    address = read_address(None, tmp_path)
    assert (address.kind, address.path) == ("sqlite", tmp_path / "llmrouter.db")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:////var/lib/x.db", "sqlite"),
        ("sqlite+aiosqlite:////var/lib/x.db", "sqlite"),
        ("postgresql://u:p@h/d", "postgresql"),
        ("postgres://u:p@h/d", "postgresql"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql"),
    ],
)
def test_urls_are_understood_whatever_driver_they_name(url: str, kind: str) -> None:
    address = read_address(url, Path())
    assert address.kind == kind
    assert address.url.drivername in ("sqlite+pysqlite", "postgresql+psycopg")


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_other_urls_are_refused_with_the_variable_s_name(url: str) -> None:
    with pytest.raises(AddressInvalid, match=r"LLMROUTER_DATABASE_URL.*sqlite.*"):
        read_address(url, Path())


def test_a_missing_driver_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(_name: str) -> importlib.machinery.ModuleSpec | None:
        return None

    monkeypatch.setattr(engine, "find_spec", nothing)
    with pytest.raises(DriverMissing, match=r"pip install 'llmrouter\[postgresql\]'"):
        read_address("postgresql://h/d", Path())


def test_a_password_is_never_shown() -> None:
    address = read_address("postgresql://u:hush@127.0.0.1:1/d", Path())
    assert "hush" not in address.shown
    with pytest.raises(DatabaseUnreachable) as caught:
        upgrade(address)
    assert "hush" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


async def test_readers_cannot_write(database: DatabaseAddress) -> None:
    ledger = Snapshots(open_for_reading(database))

    def delete(connection: Connection) -> None:
        with pytest.raises(DBAPIError, match=r"(?i)read-?only"):
            connection.execute(text("DELETE FROM request"))

    await ledger.ask(delete)
    await ledger.dispose()


async def test_a_reader_sees_one_moment(database: DatabaseAddress) -> None:
    writing, ledger = open_for_writing(database), Snapshots(open_for_reading(database))
    count = text("SELECT count(*) FROM node")

    def before_and_after(connection: Connection) -> list[int | None]:
        before = connection.scalar(count)
        with writing.begin() as other:
            other.execute(text("INSERT INTO node VALUES (0, 0, 0)"))
        return [before, connection.scalar(count)]

    assert await ledger.ask(before_and_after) == [0, 0]
    assert await ledger.ask(Connection.scalar, count) == 1
    await ledger.dispose()
    writing.dispose()


async def test_a_faulty_question_is_not_blamed_on_the_database(database: DatabaseAddress) -> None:
    ledger = Snapshots(open_for_reading(database))
    with pytest.raises(DBAPIError, match="object"):
        await ledger.ask(Connection.execute, text("SELECT :value"), {"value": object()})
    await ledger.dispose()


async def test_a_server_that_says_nothing_is_not_waited_for(
    postgres_database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmrouter.store.snapshots.CONNECT_LIMIT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        url = postgres_database.url.set(host=host, port=port, query={})
        ledger = Snapshots(open_for_reading(DatabaseAddress(url, None)))
        async with asyncio.timeout(4):  # the driver itself gives up later
            with pytest.raises(Overloaded, match="cannot be read"):
                await ledger.ask(Connection.scalar, text("SELECT 1"))
        await ledger.dispose()


@pytest.mark.parametrize("moment", ["before_execute", "rollback"])
async def test_who_stops_waiting_for_an_answer_keeps_no_connection(
    moment: str, database: DatabaseAddress
) -> None:
    """While the question is asked, or when the connection is being given back."""
    reading = open_for_reading(database)
    ledger = Snapshots(reading)
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
    slow = text(f"{counting} SELECT count(*) FROM n")
    asked = asyncio.create_task(ledger.ask(Connection.scalar, slow))

    def stop(*_: object) -> None:
        asyncio.get_running_loop().call_soon(asked.cancel)

    event.listen(reading, moment, stop)
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert isinstance(reading.pool, QueuePool)
    assert reading.pool.checkedout() == 0
    await ledger.dispose()


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability_is_sqlites_synchronous(
    durability: engine.Durability, level: int, sqlite_database: DatabaseAddress
) -> None:
    writing = open_for_writing(sqlite_database, durability)
    with writing.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == level
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    writing.dispose()


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b#c", "ä"])
async def test_paths_are_taken_as_they_are(name: str, tmp_path: Path) -> None:
    address = read_address(None, tmp_path / name)
    upgrade(address)
    ledger = Snapshots(open_for_reading(address))
    assert await ledger.ask(Connection.scalar, text("SELECT count(*) FROM request")) == 0
    await ledger.dispose()
    assert (tmp_path / name / "llmrouter.db").exists()
