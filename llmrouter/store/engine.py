"""Where the database is, and the two ways to open it: one for writing, many for reading.

SQLite before 3.51.3 can corrupt a file when two connections write or checkpoint at once; so one
connection writes (and it alone checkpoints), and readers open the file read-only.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import quote

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from llmrouter.core.records import Record, plain
from llmrouter.store.errors import (
    AddressInvalid,
    DatabaseDamaged,
    DatabaseInUse,
    DatabaseUnreachable,
    DatabaseUnwritable,
    DriverMissing,
    StoreError,
)
from llmrouter.store.faults import wrapped

Durability = Literal["process", "power"]
"""What a commit survives: the death of the process, or a power cut too."""

DatabaseKind = Literal["sqlite", "postgresql"]

DEFAULT_FILE: Final = "llmrouter.db"

# The writer comes back from a locked database this often, to look whether it should stop.
BUSY_TIMEOUT_MS: Final = 1_000
WAL_SIZE_LIMIT_BYTES: Final = 64 * 2**20
CHECKPOINT_PAGES: Final = 4_000
"""From this size of the log on (16 MB) a commit clears it, where no quiet moment did."""
CACHE_KIB: Final = 4 * 1024

_POSTGRES_WRITER: Final = "-c lock_timeout=1000 -c timezone=UTC"
_POSTGRES_READER: Final = (
    "-c default_transaction_read_only=on -c statement_timeout=15000 -c timezone=UTC"
)


class DatabaseAddress(Record):
    """A database that we can use.  ``path`` is SQLite's file, None for PostgreSQL."""

    url: URL
    path: Path | None

    @property
    def kind(self) -> DatabaseKind:
        return "postgresql" if self.path is None else "sqlite"

    @property
    def shown(self) -> str:
        """The address for people, without the password."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)


def read_address(url: str | None, data_dir: Path) -> DatabaseAddress:
    """The address behind a URL; without one, the SQLite file in ``data_dir``.

    Raises `AddressInvalid` and `DriverMissing`.
    """
    if not url:
        return _sqlite_address(data_dir / DEFAULT_FILE)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise AddressInvalid(
            "LLMROUTER_DATABASE_URL is no URL; use sqlite:////path/to/llmrouter.db or "
            "postgresql://user:password@host/database"
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise AddressInvalid(
                "LLMROUTER_DATABASE_URL names an SQLite database without a file; the ledger must "
                "outlive the process: use sqlite:////path/to/llmrouter.db"
            )
        return _sqlite_address(Path(parsed.database))
    if backend in ("postgresql", "postgres"):
        if find_spec("psycopg") is None:
            raise DriverMissing(
                "LLMROUTER_DATABASE_URL asks for PostgreSQL, whose driver is not installed: "
                "pip install 'llmrouter[postgresql]'"
            )
        return DatabaseAddress(parsed.set(drivername="postgresql+psycopg"), None)
    raise AddressInvalid(
        f"LLMROUTER_DATABASE_URL starts with {backend}://; the ledger is kept in sqlite:// or "
        "postgresql://"
    )


def prepare_file(address: DatabaseAddress) -> None:
    """Makes SQLite's folder (0700) and file (0600) where they do not exist, and checks both.

    Raises `DatabaseUnwritable`.
    """
    path = address.path
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the database file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseUnwritable(path, error.strerror or str(error)) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise DatabaseUnwritable(path, f"its folder {path.parent} is read-only")


def open_for_writing(address: DatabaseAddress, durability: Durability = "process") -> Engine:
    """An engine with a single connection; on SQLite each transaction is ``BEGIN IMMEDIATE``."""
    if address.path is None:
        return create_engine(
            address.url,
            pool_size=1,
            max_overflow=0,
            json_serializer=_dump_json,
            json_deserializer=orjson.loads,
            connect_args={
                "options": _POSTGRES_WRITER,
                "application_name": "llmrouter",
                "connect_timeout": 5,
                # A server that vanished without a word is noticed after this many milliseconds.
                "tcp_user_timeout": 10_000,
            },
        )
    _bind_at_once()
    engine = create_engine(
        address.url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        json_serializer=_dump_json,
        json_deserializer=orjson.loads,
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},
    )
    synchronous = "FULL" if durability == "power" else "NORMAL"

    def set_up(connection: Any, _record: Any) -> None:
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            f"journal_size_limit = {WAL_SIZE_LIMIT_BYTES}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"cache_size = -{CACHE_KIB}",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def open_for_reading(address: DatabaseAddress) -> Engine:
    """An engine with an asynchronous driver, for `llmrouter.store.snapshots`: its connections
    can't write, and each sees one moment of the database."""
    if address.path is None:
        return create_engine(
            address.url.set(drivername=f"{address.url.drivername}_async"),
            pool_size=5,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            json_serializer=_dump_json,
            json_deserializer=orjson.loads,
            connect_args={
                "options": _POSTGRES_READER,
                "application_name": "llmrouter-read",
                "connect_timeout": 5,
            },
        )
    engine = create_engine(
        _read_only_url(address.path, "sqlite+aiosqlite"),
        json_serializer=_dump_json,
        json_deserializer=orjson.loads,
        connect_args={"isolation_level": None, "timeout": 5.0},
    )
    event.listen(engine, "begin", _begin_deferred)
    return engine


def open_for_looking(address: DatabaseAddress) -> Engine:
    """A plain engine that can't write, for a glance from outside the event loop."""
    if address.path is None:
        options = {"options": _POSTGRES_READER, "connect_timeout": 5}
        return create_engine(address.url, poolclass=NullPool, connect_args=options)
    return create_engine(_read_only_url(address.path, "sqlite+pysqlite"), poolclass=NullPool)


def kind_of(database: Connection | Engine) -> DatabaseKind:
    """Which kind of database this is."""
    return "sqlite" if database.dialect.name == "sqlite" else "postgresql"


def explained(address: DatabaseAddress, error: DBAPIError) -> StoreError:
    """A driver's error as one that says what to do."""
    reason = " ".join(str(error.orig).split())
    if address.path is None:
        return DatabaseUnreachable(address.shown, reason)
    if is_damage(error.orig):
        return DatabaseDamaged(address.path, reason)
    if _sqlite_code(error.orig) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseInUse(
            f"database {address.path}",
            "another program",
            "Close what is writing to it (a database shell, a backup) and start again",
        )
    return DatabaseUnwritable(address.path, reason)


def is_damage(error: BaseException | None) -> bool:
    """Whether SQLite says that the file itself is broken."""
    return _sqlite_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _sqlite_code(error: BaseException | None) -> int:
    """SQLite's primary result code; 0 for what is no error of SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _read_only_url(path: Path, driver: str) -> URL:
    query = {"mode": "ro", "uri": "true"}
    return URL.create(driver, database=f"file:{quote(str(path))}", query=query)


def _sqlite_address(path: Path) -> DatabaseAddress:
    absolute = path.absolute()
    return DatabaseAddress(URL.create("sqlite+pysqlite", database=str(absolute)), absolute)


def _bind_at_once() -> None:
    """Spares the driver two look-ups that fail, which took as long as all that SQLite does itself:
    it asks every value that is no int, float or text how it is to be stored."""
    sqlite3.register_adapter(type(None), cast("Callable[[None], None]", {}.get))
    sqlite3.register_adapter(bool, int)
    sqlite3.register_adapter(bytes, bytes)


def _begin_immediate(connection: Connection) -> None:
    try:  # past SQLAlchemy, as `statements.run` does for every batch
        connection.connection.cursor().execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise wrapped(error) from error


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _dump_json(document: object) -> str:
    return orjson.dumps(document, plain).decode()
