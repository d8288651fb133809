"""What a process must hold before it writes: the whole SQLite file, or a node number.

Both are given back by the operating system or the server when the process dies, however it dies.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.errors import DatabaseInUse, DatabaseUnwritable
from llmrouter.store.lock_file import lock_file
from llmrouter.store.node_claim import NodeClaim


class FileClaim:
    """A lock on an SQLite database; the node is always 0."""

    node: Final = 0

    def __init__(self, database: Path) -> None:
        """Raises `DatabaseInUse`, naming the holder, and `DatabaseUnwritable`."""
        path = database.with_name(f"{database.name}.lock")
        try:
            lock = lock_file(path, str(os.getpid()))
        except OSError as error:
            raise DatabaseUnwritable(database, error.strerror or str(error)) from error
        if lock is None:
            raise DatabaseInUse(
                f"database {database}",
                _holder_of_file(path),
                "Stop that process first, or give this one another LLMROUTER_DATA_DIR; several "
                "processes can share a PostgreSQL database",
            )
        self._lock = lock.descriptor

    is_ours: Final = True
    """A lock on a file is not lost."""

    def hold(self) -> None:
        """There is nobody to be told."""

    def left_behind(self, data_dir: Path) -> list[Path]:
        """There is only one."""
        return []

    def watch(self, on_lost: Callable[[], None]) -> None:
        """A file's lock is not lost: there is nothing to look after."""

    def release(self) -> None:
        """Gives the database to others."""
        os.close(self._lock)


Claim = FileClaim | NodeClaim


def claim(address: DatabaseAddress, node: int | None = None, data_dir: Path | None = None) -> Claim:
    """This process's right to write; give it back with ``release``.

    On PostgreSQL it is a node: ``node``, or the first that is free; ``data_dir`` remembers it for
    the process that comes after.

    Raises `DatabaseInUse`, `DatabaseUnwritable` and `DatabaseUnreachable`.
    """
    if address.path is not None:
        return FileClaim(address.path)
    return NodeClaim(address, node, data_dir)


def _holder_of_file(path: Path) -> str:
    number = path.read_text("ascii", "replace").strip()
    return f"process {number}" if number else "another process"
