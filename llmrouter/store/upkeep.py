"""Copying the ledger while it is used, and giving unused room back."""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from llmrouter.store import migrate
from llmrouter.store.claim import claim
from llmrouter.store.engine import (
    DatabaseAddress,
    explained,
    open_for_looking,
    open_for_writing,
)
from llmrouter.store.errors import DatabaseInUse, StoreError

T = TypeVar("T")


def look(address: DatabaseAddress, work: Callable[[Connection], T]) -> T:
    """Runs something that only reads, within one snapshot; a server may be writing.

    Raises `StoreError`, too, when there is no ledger or one of another version.
    """
    migrate.require_current(address)
    engine = open_for_looking(address)
    try:
        with engine.connect() as connection:
            if address.kind == "sqlite":
                connection.exec_driver_sql("BEGIN")  # the driver itself begins only to write
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            return work(connection)
    except DBAPIError as error:
        raise explained(address, error) from error
    finally:
        engine.dispose()


def back_up(address: DatabaseAddress, to: Path) -> int:
    """Copies an SQLite ledger as it is at one moment, also while a server writes it; its size.

    The copy is for its owner alone, and appears only once it is whole.  Raises `StoreError`.
    """
    if address.path is None:
        url = address.url.set(drivername="postgresql", password=None).render_as_string()
        raise StoreError(
            "a PostgreSQL ledger is copied by PostgreSQL's own tool, also while it is used: "
            f"pg_dump --format=custom --file={shlex.quote(str(to))} {shlex.quote(url)}"
        )
    migrate.require_current(address)
    if to.exists():
        raise StoreError(f"{to} exists already; name a new file")
    part = to.with_name(f"{to.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        _copy(address.path, part)
        part.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{to} could not be written: {error}") from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return to.stat().st_size


def vacuum(address: DatabaseAddress) -> tuple[int, int]:
    """Writes the database anew without its unused room; its size before and after.

    Raises `DatabaseInUse` while a server holds an SQLite file.
    """
    migrate.require_current(address)
    if address.path is None:
        return _vacuum_postgresql(address)
    try:
        held = claim(address)
    except DatabaseInUse as error:
        raise DatabaseInUse(
            error.what,
            error.holder,
            "VACUUM needs the file for itself: stop the server first, or vacuum a copy "
            "(`llmrouter db backup FILE`)",
        ) from error
    engine = open_for_writing(address)
    try:
        before = address.path.stat().st_size
        with engine.connect() as connection:
            # Neither may stand in a transaction, which SQLAlchemy would begin.
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 -- says which driver it is
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreError(f"{address.path} could not be vacuumed: {error}") from error
    finally:
        engine.dispose()
        held.release()
    return before, address.path.stat().st_size


def _copy(source: Path, to: Path) -> None:
    """In one step: a copy in many would begin anew at each commit of the server."""
    reading = f"file:{quote(str(source))}?mode=ro"
    with (
        closing(sqlite3.connect(reading, uri=True)) as ledger,
        closing(sqlite3.connect(to)) as copy,
    ):
        ledger.backup(copy)


def _vacuum_postgresql(address: DatabaseAddress) -> tuple[int, int]:
    engine = open_for_writing(address).execution_options(isolation_level="AUTOCOMMIT")
    size = "SELECT pg_database_size(current_database())"
    try:
        with engine.connect() as connection:
            before = int(connection.exec_driver_sql(size).scalar_one())
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            return before, int(connection.exec_driver_sql(size).scalar_one())
    except DBAPIError as error:
        raise explained(address, error) from error
    finally:
        engine.dispose()
