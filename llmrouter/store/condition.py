"""Whether a database can be used, found out without changing anything in it."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from llmrouter.core.records import Record
from llmrouter.store import migrate
from llmrouter.store.claim import claim
from llmrouter.store.engine import DatabaseAddress, explained, open_for_writing
from llmrouter.store.errors import DatabaseInUse, DatabaseTooNew, DatabaseUnwritable


class Condition(Record):
    """``revision`` is None while nothing was created; ``holder`` is who writes it just now, None
    when nobody does."""

    revision: str | None
    newest: str
    holder: str | None

    @property
    def is_current(self) -> bool:
        """Whether it has this program's schema."""
        return self.revision == self.newest


def examine(address: DatabaseAddress, node: int | None = None) -> Condition:
    """The database's condition.  A transaction is opened on it when nobody else holds it.

    Raises `StoreError` when it is damaged, too new, unreachable or not writable.
    """
    newest = migrate.newest_revision()
    path = address.path
    if path is not None and not path.exists():
        _require_place(path)
        return Condition(None, newest, None)
    if path is not None:
        migrate.check_sound(path)
    revision = migrate.current(address)
    if revision is not None and revision not in migrate.known_revisions():
        raise DatabaseTooNew(address.shown, revision, newest)
    return Condition(revision, newest, _holder(address, node))


def exists(address: DatabaseAddress) -> bool:
    """Whether a ledger was ever made there.  Raises `StoreError` when that cannot be seen."""
    return migrate.current(address) is not None


def _holder(address: DatabaseAddress, node: int | None) -> str | None:
    try:
        held = claim(address, node)
    except DatabaseInUse as error:
        return error.holder
    engine = open_for_writing(address)
    try:
        with engine.begin():
            return None
    except DBAPIError as error:
        raise explained(address, error) from error
    finally:
        engine.dispose()
        held.release()


def _require_place(path: Path) -> None:
    """Raises `DatabaseUnwritable` when the file could not be created."""
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        raise DatabaseUnwritable(path, f"{folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DatabaseUnwritable(path, f"its folder {folder} is read-only")
