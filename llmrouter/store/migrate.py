"""Brings a database to this program's schema, and refuses one that it should not touch."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError

import llmrouter
from llmrouter.store.engine import (
    DatabaseAddress,
    explained,
    is_damage,
    kind_of,
    open_for_looking,
    open_for_writing,
    prepare_file,
)
from llmrouter.store.errors import DatabaseDamaged, DatabaseTooNew, StoreError
from llmrouter.store.expressions import sql_for
from llmrouter.store.schema import metadata
from llmrouter.store.views import VIEW_NAMES, all_views

_log = logging.getLogger(__name__)

T = TypeVar("T")

CHECK_LIMIT_S: Final = 1.0
"""A start looks for damage no longer than this; `PRAGMA integrity_check` reads everything."""

_CHECK_STEP: Final = 10_000  # virtual machine instructions between two looks at the clock
_REVISION: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, as it makes it."""

_MIGRATION_LOCK: Final = 0x6C6C6D72  # "llmr"; any number that nobody else takes


def upgrade(address: DatabaseAddress) -> None:
    """Creates the database or brings it up to date, in one transaction.

    The caller holds the `claim` on it.  Raises `DatabaseDamaged` and `DatabaseTooNew` before it
    changes anything, `DatabaseInUse`, `DatabaseUnwritable` and `DatabaseUnreachable`.
    """
    if address.path is not None:
        check_sound(address.path)
        prepare_file(address)
    _transact(address, open_for_writing(address), partial(_upgrade, address))


def downgrade(address: DatabaseAddress, revision: str) -> None:
    """Takes the schema back to an older revision (``base``: to nothing); its data is lost."""
    from llmrouter.store import alembic_runs  # it says why it is loaded late

    _transact(
        address,
        open_for_writing(address),
        lambda connection: alembic_runs.downgrade(connection, _migrations_folder(), revision),
    )


def current(address: DatabaseAddress) -> str | None:
    """The database's revision; None when nothing was created in it yet."""
    if address.path is not None and not address.path.exists():
        return None
    return _transact(address, open_for_looking(address), revision_of)


def require_current(address: DatabaseAddress) -> None:
    """Raises `StoreError` when there is no ledger, or one that this program cannot read."""
    found, newest = current(address), newest_revision()
    if found is None:
        raise StoreError(f"there is no ledger at {address.shown} yet; `llmrouter serve` makes one")
    if found not in known_revisions():
        raise DatabaseTooNew(address.shown, found, newest)
    if found != newest:
        raise StoreError(
            f"database {address.shown} has schema {found}, this program needs {newest}: "
            "run `llmrouter migrate`"
        )


def newest_revision() -> str:
    """The revision that this program works with."""
    return max(known_revisions())


def known_revisions() -> set[str]:
    """Every revision that this program can work its way up from, and the newest.

    They are numbered in the order of the chain, and each file's name begins with its number.
    """
    files = (_migrations_folder() / "versions").glob("[0-9]*_*.py")
    known = {file.name.partition("_")[0] for file in files}
    if not known:
        raise StoreError(f"no migrations in {_migrations_folder()}: reinstall llmrouter")
    return known


def revision_of(connection: Connection) -> str | None:
    """The revision of a connection's database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def create_views(connection: Connection) -> None:
    """Creates every view that users query."""
    for view in all_views(sql_for(kind_of(connection))):
        # A per cent sign is no placeholder when nothing is to be placed.
        connection.exec_driver_sql(view.create_sql, execution_options={"no_parameters": True})


def drop_views(connection: Connection) -> None:
    """Removes those views that exist."""
    for name in set(inspect(connection).get_view_names()).intersection(VIEW_NAMES):
        connection.execute(text(f"DROP VIEW {name}"))


def check_sound(path: Path, limit_s: float = CHECK_LIMIT_S) -> None:
    """Raises `DatabaseDamaged` when an SQLite file is not sound; looks for ``limit_s`` at most.

    Reads only.  Trouble of other kinds (no rights, locked) shows when the file is opened to write.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    deadline = time.monotonic() + limit_s
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_STEP)
        try:
            finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise DatabaseDamaged(path, str(error)) from error
            return
    if finding != "ok":
        raise DatabaseDamaged(path, " ".join(str(finding).split()))


def _upgrade(address: DatabaseAddress, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Of several processes that start together, one migrates and the others wait for it.
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    if not inspect(connection).get_table_names():
        _lay(connection)
        return
    found, newest = revision_of(connection), newest_revision()
    if found is not None and found not in known_revisions():
        raise DatabaseTooNew(address.shown, found, newest)
    missing_views = set(VIEW_NAMES).difference(inspect(connection).get_view_names())
    if found != newest or missing_views:
        from llmrouter.store import alembic_runs  # it says why it is loaded late

        if found != newest:
            # Nothing answers meanwhile, and whoever supervises the process may lose patience.
            _log.warning(
                "%s is brought from schema %s to %s; a million requests may take two minutes",
                *(address.shown, found or "none", newest),
            )
        alembic_runs.upgrade(connection, _migrations_folder())


def _lay(connection: Connection) -> None:
    """Makes the newest schema in a database without tables, as the migrations would: a first start
    need not load what runs them.  That both make the same is held by a test."""
    metadata.create_all(connection, checkfirst=False)
    _REVISION.create(connection)
    connection.execute(insert(_REVISION).values(version_num=newest_revision()))
    create_views(connection)


def _transact(address: DatabaseAddress, engine: Engine, work: Callable[[Connection], T]) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except DBAPIError as error:
        raise explained(address, error) from error
    finally:
        engine.dispose()


def _migrations_folder() -> Path:
    """Inside an installed package, or beside it in the source tree."""
    package = Path(llmrouter.__file__).parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
