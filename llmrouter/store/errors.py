"""What can be wrong with the database itself; each message says what to do.

StoreError
├── AddressInvalid        the URL is none of ours
├── DriverMissing         PostgreSQL is asked for and its driver is not installed
├── DatabaseUnwritable    the file or folder cannot be created or written
├── DatabaseUnreachable   the server does not answer, or refuses us
├── DatabaseInUse         another process holds it
├── DatabaseDamaged       the file is not sound
└── DatabaseTooNew        written by a newer program
"""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """The database cannot be used; the text is meant for the person who started the program."""


class AddressInvalid(StoreError):
    """The database URL cannot be understood."""


class DriverMissing(StoreError):
    """The driver for this kind of database is not installed."""


class DatabaseUnwritable(StoreError):
    """The database's file or folder cannot be created or written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"database {path} cannot be written: {reason}. Give this user the right to write the "
            f"file and its folder ({path.parent}), make room on their disk, or set "
            "LLMROUTER_DATA_DIR or LLMROUTER_DATABASE_URL to another place"
        )


class DatabaseUnreachable(StoreError):
    """The database server does not answer, or refuses us."""

    def __init__(self, shown_url: str, reason: str) -> None:
        super().__init__(
            f"database {shown_url} cannot be reached: {reason}. Check that the server runs and "
            "that host, database, user and password in LLMROUTER_DATABASE_URL are right"
        )


class DatabaseInUse(StoreError):
    """Another process holds the database."""

    def __init__(self, what: str, holder: str, advice: str) -> None:
        self.what = what
        self.holder = holder
        super().__init__(f"{what} is in use by {holder}. {advice}")


class DatabaseDamaged(StoreError):
    """The database file is not sound.  It is left as it was found."""

    def __init__(self, path: Path, finding: str) -> None:
        self.path = path
        rescued = path.with_name(f"rescued-{path.name}")
        super().__init__(
            f"database {path} is damaged: {finding}. It was left untouched. Restore a backup, or "
            f"rescue what can be read with\n"
            f"  sqlite3 '{path}' .recover | sqlite3 '{rescued}'\n"
            f"and put the rescued file in its place"
        )


class DatabaseTooNew(StoreError):
    """The database was written by a program newer than this one."""

    def __init__(self, shown_url: str, found: str, newest_known: str) -> None:
        super().__init__(
            f"database {shown_url} has schema {found}, which this program does not know (it knows "
            f"up to {newest_known}): a newer llmrouter wrote it. Install that version again "
            "(pip install --upgrade llmrouter), or restore a backup from before the upgrade"
        )
