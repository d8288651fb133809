"""Whose fault a failed write is: the database's, which passes, or the record's, which does not."""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, ResourceClosedError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# PostgreSQL's classes of states that a record causes: no such feature (0A), bad data (22), broken
# constraint (23), beyond a limit (54).
_RECORDS_STATES: Final = ("0A", "22", "23", "54")

_RECORDS_ERRORS: Final = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,  # a value of a type that cannot be bound, before Python 3.12
    sqlite3.NotSupportedError,
    sqlite3.ProgrammingError,
)


def is_databases_fault(error: Exception) -> bool:
    """Whether the database could not write: locked, full, unreachable, damaged.

    Otherwise it is the record that no attempt will get in.
    """
    if isinstance(error, PoolTimeoutError | ResourceClosedError | TimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return not isinstance(cause, _RECORDS_ERRORS)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return not str(state).startswith(_RECORDS_STATES)
    # Without a state the error is the driver's own: either about a value, or about the connection.
    return type(cause).__name__ not in ("DataError", "NotSupportedError", "ProgrammingError")


def wrapped(error: sqlite3.Error) -> StatementError:
    """What SQLAlchemy would have made of it, where SQLite was asked past it."""
    return DBAPIError.instance(None, None, error, sqlite3.Error)


def reason_of(error: Exception) -> str:
    """An error in one line, without statement and parameters, which may be a person's words."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    told = str(cause).splitlines()
    return f"{type(cause).__name__}: {told[0][:300]}" if told else type(cause).__name__
