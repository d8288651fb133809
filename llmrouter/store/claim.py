"""What a process must hold before it writes: the whole SQLite file, or a node number.

Both are given back by the operating system or the server when the process dies, however it dies.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from llmrouter.core.ids import MAX_NODE
from llmrouter.store.engine import DatabaseAddress, explained
from llmrouter.store.errors import DatabaseInUse, DatabaseUnwritable

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            # A byte far behind the holder's number, which others must be able to read.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


AFTER_DEATH_S: Final = 3.0
"""A server may take this long to see that a process of ours died, and to free its node."""

_NODE_LOCKS: Final = 0x6C6C6D6E  # "llmn"; the first half of the advisory lock of each node
_LOOK_AGAIN_S: Final = 0.02


class FileClaim:
    """A lock on an SQLite database; the node is always 0."""

    node: Final = 0

    def __init__(self, database: Path) -> None:
        """Raises `DatabaseInUse`, naming the holder, and `DatabaseUnwritable`."""
        path = database.with_name(f"{database.name}.lock")
        try:
            lock = _lock_file(path)
        except OSError as error:
            raise DatabaseUnwritable(database, error.strerror or str(error)) from error
        if lock is None:
            raise DatabaseInUse(
                f"database {database}",
                _holder_of_file(path),
                "Stop that process first, or give this one another LLMROUTER_DATA_DIR; several "
                "processes can share a PostgreSQL database",
            )
        self._lock = lock

    def release(self) -> None:
        """Gives the database to others."""
        os.close(self._lock)


class NodeClaim:
    """A node number of a PostgreSQL database, held by a connection of its own.

    A file in the data folder remembers it, so that a process that is started again gets the
    number (and with it the spill file and the open requests) of the one that died.
    """

    def __init__(
        self, address: DatabaseAddress, node: int | None = None, data_dir: Path | None = None
    ) -> None:
        """Takes ``node``, or the first that is free.

        Raises `DatabaseInUse`, `DatabaseUnreachable`, and `DatabaseUnwritable` for the folder.
        """
        self._engine = create_engine(
            address.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={
                "application_name": f"llmrouter process {os.getpid()}",
                "connect_timeout": 5,
            },
        )
        self._lock: int | None = None
        try:
            self._connection = self._engine.connect()
        except DBAPIError as error:
            raise explained(address, error) from error
        wanted = range(MAX_NODE + 1) if node is None else (node,)
        for number in wanted:
            if self._take(number, data_dir / f"node-{number}.lock" if data_dir else None):
                self.node = number
                return
        holder = _holder_of_node(self._connection, wanted[0])
        self.release()
        raise DatabaseInUse(
            f"node {wanted[0]} of database {address.shown}",
            holder,
            "Stop that process first, or let this one take a node that is free",
        )

    def _take(self, node: int, memory: Path | None) -> bool:
        if memory is None:
            return self._take_number(node)
        was_ours = memory.exists()
        if was_ours and not self._remember(memory):
            return False  # a living process beside us has it
        until_s = time.monotonic() + (AFTER_DEATH_S if was_ours else 0)
        while not self._take_number(node):
            if time.monotonic() >= until_s:
                self._forget()
                return False
            time.sleep(_LOOK_AGAIN_S)
        return was_ours or self._remember(memory)

    def _remember(self, memory: Path) -> bool:
        try:
            self._lock = _lock_file(memory)
        except OSError as error:
            self.release()
            raise DatabaseUnwritable(memory, error.strerror or str(error)) from error
        return self._lock is not None

    def _forget(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_number(self, node: int) -> bool:
        statement = text("SELECT pg_try_advisory_lock(:locks, :node)")
        arguments = {"locks": _NODE_LOCKS, "node": node}
        return bool(self._connection.execute(statement, arguments).scalar_one())

    def release(self) -> None:
        """Gives the node to others."""
        with suppress(DBAPIError):  # the server may be gone, and the lock with it
            self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
            self._connection.close()
        self._engine.dispose()
        self._forget()


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


def _lock_file(path: Path) -> int | None:
    """A descriptor that holds the file's lock until it is closed; None when another has it.

    The file stays when the lock goes: removing it would let two processes lock two files.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not _try_lock(descriptor):
        os.close(descriptor)
        return None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _holder_of_file(path: Path) -> str:
    number = path.read_text("ascii", "replace").strip()
    return f"process {number}" if number else "another process"


def _holder_of_node(connection: Connection, node: int) -> str:
    statement = text(
        "SELECT activity.application_name, host(activity.client_addr)"
        " FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)"
        " WHERE locktype = 'advisory' AND classid = :locks AND objid = :node"
    )
    row = connection.execute(statement, {"locks": _NODE_LOCKS, "node": node}).first()
    if row is None:
        return "another process"
    return f"{row[0]} at {row[1]}" if row[1] else str(row[0])
