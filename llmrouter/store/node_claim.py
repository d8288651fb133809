"""A node number of a PostgreSQL database: taken, watched, and taken again after an interruption."""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, ResourceClosedError
from sqlalchemy.pool import NullPool

from llmrouter.core.ids import MAX_NODE
from llmrouter.store.engine import DatabaseAddress, explained
from llmrouter.store.errors import DatabaseInUse, DatabaseUnwritable
from llmrouter.store.lock_file import LockedFile, lock_file

AFTER_DEATH_S: Final = 3.0
"""A server may take this long to see that a process died, and to free its node."""

AFTER_OUR_DEATH_S: Final = 30.0
"""The same for the process of ours whose place we take, and whose connection we end."""

RETURN_S: Final = 5.0
"""After a server's start, those who held nodes before come back first."""

WATCH_EVERY_S: Final = 1.0
STOP_WAIT_S: Final = 2.0
"""For a look that is under way; one at a server that hangs is left behind."""

LEASE_S: Final = 3600.0
"""So long nobody else gets the number of a process that is cut off, and so long it goes on with it:
a database may be away for that time before requests are refused."""

LEASE_MARGIN_S: Final = 60.0
"""By how much a holder takes its lease for shorter than it is: clocks do not run alike."""

RENEW_EVERY_S: Final = 60.0

_SPILL_NAME: Final = re.compile(r"node-(\d+)\.spill(?:\.\d+)?")

_NODE_LOCKS: Final = 0x6C6C6D6E  # "llmn"; the first half of the advisory lock of each node
_LOOK_AGAIN_S: Final = 0.02

Holding = Literal["held", "unknown", "lost"]

_log = logging.getLogger(__name__)


class NodeClaim:
    """A node number, held by a connection of its own.

    A file in the data folder remembers it, so that a process that is started again gets the
    number (and with it the spill file and the open requests) of the one that died.
    """

    def __init__(
        self, address: DatabaseAddress, node: int | None = None, data_dir: Path | None = None
    ) -> None:
        """Takes ``node``, or the first that is free.

        Raises `DatabaseInUse`, `DatabaseUnreachable`, and `DatabaseUnwritable` for the folder.
        """
        # Unique, so that nobody takes another's connection for that of a process that is dead.
        self._name = f"llmrouter process {os.getpid()} {secrets.token_hex(4)}"
        self._engine = create_engine(
            address.url,
            poolclass=NullPool,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            connect_args={
                "application_name": self._name,
                "connect_timeout": 5,
                "tcp_user_timeout": 10_000,
            },
        )
        self._lock: LockedFile | None = None
        self._is_given = node is not None
        self._holder = self._name if data_dir is None else _installation(data_dir)
        self._leased_until_s = float("inf")  # of the monotonic clock; without a lease, no end
        self._renewed_s = 0.0
        self._over = threading.Event()
        self._watcher: threading.Thread | None = None
        try:
            self._connect()
            self.node = self._first_free(address, node, data_dir)
            self._holds = True
        except DBAPIError as error:
            raise explained(address, error) from error

    def hold(self) -> None:
        """Takes the number's lease, once the schema is there; from then on it is renewed.

        Raises `DatabaseInUse` when somebody else has it, and what the driver raises.
        """
        if not self._renew():
            raise DatabaseInUse(
                f"node {self.node}", "another process", "Start this one again: it takes a free one"
            )

    @property
    def is_ours(self) -> bool:
        """Whether nobody else can have the number: the lease is not over, by a clock that nobody
        sets."""
        return time.monotonic() < self._leased_until_s

    def left_behind(self, data_dir: Path) -> list[Path]:
        """Spill files of numbers that this data folder had once and somebody else has now: nobody
        but this process would ever write them into the database."""
        found = []
        for path in sorted(data_dir.glob("node-*.spill*")):
            number = _SPILL_NAME.fullmatch(path.name)
            if number is not None and int(number[1]) != self.node:
                row = self._connection.execute(_LEASE, {"node": int(number[1])}).first()
                if row is not None and row.holder != self._holder:
                    found.append(path)
        return found

    def watch(self, on_lost: Callable[[], None]) -> None:
        """Looks after the number, in a thread: takes it again when the server or the connection
        was away, and calls ``on_lost``, once, when somebody else has it by then."""

        def look() -> None:
            while not self._over.wait(WATCH_EVERY_S):
                if self.look() == "lost":
                    on_lost()
                    return

        # A daemon: a server that hangs must not keep the process alive.
        self._watcher = threading.Thread(target=look, name="node claim", daemon=True)
        self._watcher.start()

    def look(self) -> Holding:
        """Whether the number is ours still; ``unknown`` while the server cannot be asked."""
        if not self._holds:
            return self._take_again()
        try:
            if not self._look_after_lease():
                return "lost"
        except DBAPIError:
            self._holds = False
            self._connection.invalidate()
            return self._take_again()
        return "held"

    def release(self) -> None:
        """Gives the node to others."""
        self._over.set()
        if self._watcher is not None:
            self._watcher.join(STOP_WAIT_S)
        # The server may be gone, and the lock with it; or there was none to connect to again.
        with suppress(DBAPIError, ResourceClosedError):
            if self._renewed_s:
                self._connection.execute(_GIVE_BACK, {"node": self.node, "holder": self._holder})
        with suppress(DBAPIError):
            self._connection.close()
        self._engine.dispose()
        self._forget()

    def _connect(self) -> None:
        self._connection = self._engine.connect()
        backend = self._connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        self._backend = int(backend)

    def _first_free(self, address: DatabaseAddress, node: int | None, data_dir: Path | None) -> int:
        wanted = range(MAX_NODE + 1) if node is None else (node,)
        for number in wanted:
            if self._take(number, data_dir / f"node-{number}.lock" if data_dir else None):
                return number
        holder = _holder(self._connection, wanted[0])
        self.release()
        raise DatabaseInUse(
            f"node {wanted[0]} of database {address.shown}",
            _described(holder),
            "Stop that process first, or let this one take a node that is free",
        )

    def _take(self, node: int, memory: Path | None) -> bool:
        if self._is_leased(node):
            return False
        if memory is None:
            return self._lock_number(node)
        was_ours = memory.exists()
        if was_ours and not self._remember(memory):
            return False  # a living process beside us has it
        if not was_ours:
            self._let_others_return()
        begun_s = time.monotonic()
        while not self._lock_number(node):
            patience_s = self._patience_s(node) if was_ours else 0.0
            if time.monotonic() - begun_s >= patience_s:
                self._forget()
                return False
            time.sleep(_LOOK_AGAIN_S)
        return was_ours or self._remember(memory)

    def _patience_s(self, node: int) -> float:
        """How long a node that was ours is waited for.

        Taking another number would leave open what the dead process had begun; so its connection,
        whose end a busy server may be slow to see, is ended.
        """
        holder = _holder(self._connection, node)
        if holder is not None:
            if self._lock is None or holder[1] != self._lock.before:
                return AFTER_DEATH_S
            self._end(holder[0])
        return AFTER_OUR_DEATH_S

    def _end(self, backend: int) -> None:
        self._connection.execute(
            text("SELECT pg_terminate_backend(:backend)"), {"backend": backend}
        )

    def _take_again(self) -> Holding:
        before = self._backend
        try:
            self._connection.close()
            self._connect()
            if self._lock_number(self.node):
                if self._renewed_s and not self._renew():
                    return "lost"
                self._holds = True
                _log.warning("node %d was taken again after an interruption", self.node)
                return "held"
            holder = _holder(self._connection, self.node)
            if holder is not None and holder[0] == before:
                # Our old connection, whose end the server has not seen.
                self._end(before)
        except DBAPIError:
            return "unknown"
        if holder is None or holder[0] == before:
            self._backend = before
            return "unknown"
        _log.error("node %d is held by %s now", self.node, _described(holder))
        return "lost"

    def _let_others_return(self) -> None:
        """Waits if the server has just started and this is not the first that it sees of us."""
        running_s = float(
            self._connection.execute(
                text("SELECT extract(epoch FROM now() - pg_postmaster_start_time())")
            ).scalar_one()
        )
        if running_s >= RETURN_S:
            return
        known = self._connection.execute(text("SELECT to_regclass('node')")).scalar_one()
        if known is None:
            return
        if self._connection.execute(text("SELECT count(*) FROM node")).scalar_one():
            time.sleep(RETURN_S - running_s)

    def _remember(self, memory: Path) -> bool:
        try:
            self._lock = lock_file(memory, self._name)
        except OSError as error:
            self.release()
            raise DatabaseUnwritable(memory, error.strerror or str(error)) from error
        return self._lock is not None

    def _forget(self) -> None:
        if self._lock is not None:
            os.close(self._lock.descriptor)
            self._lock = None

    def _look_after_lease(self) -> bool:
        if self._renewed_s and time.monotonic() >= self._renewed_s + RENEW_EVERY_S:
            return self._renew()
        self._connection.execute(text("SELECT 1"))
        return True

    def _renew(self) -> bool:
        """Whether the lease is ours, for its whole length from now on."""
        begun_s = time.monotonic()
        mine = {"node": self.node, "holder": self._holder, "given": self._is_given}
        arguments = {**mine, "lease_us": round(LEASE_S * 1e6)}
        if self._connection.execute(_RENEW, arguments).first() is None:
            return False
        self._renewed_s = begun_s
        self._leased_until_s = begun_s + LEASE_S - LEASE_MARGIN_S
        return True

    def _is_leased(self, node: int) -> bool:
        """Whether a process elsewhere that may live, though it is cut off, has the number."""
        if self._is_given:
            return False  # who gives numbers sees to it that each is given once
        if self._connection.execute(text("SELECT to_regclass('node_lease')")).scalar_one() is None:
            return False
        row = self._connection.execute(_LEASE, {"node": node}).first()
        return row is not None and row.lasts and row.holder != self._holder

    def _lock_number(self, node: int) -> bool:
        statement = text("SELECT pg_try_advisory_lock(:locks, :node)")
        arguments = {"locks": _NODE_LOCKS, "node": node}
        return bool(self._connection.execute(statement, arguments).scalar_one())


_LEASE: Final = text(
    "SELECT holder, until_us > extract(epoch FROM clock_timestamp()) * 1000000 AS lasts"
    " FROM node_lease WHERE node = :node"
)
_RENEW: Final = text(
    "INSERT INTO node_lease AS lease (node, holder, until_us) VALUES (:node, :holder,"
    " CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) + :lease_us)"
    " ON CONFLICT (node) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us"
    " WHERE lease.holder = :holder OR :given"
    " OR lease.until_us < extract(epoch FROM clock_timestamp()) * 1000000 RETURNING node"
)
_GIVE_BACK: Final = text(
    "UPDATE node_lease SET until_us = 0 WHERE node = :node AND holder = :holder"
)

Holder = tuple[int, str, str | None]
"""A connection's process at the server, its name, and where it comes from."""


def _installation(data_dir: Path) -> str:
    """The data folder's own name, made when it is first asked for: whoever has a number's lock
    there, and finds the number leased by that name, comes after a process that is dead.

    Raises `DatabaseUnwritable`.
    """
    path = data_dir / "installation"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            made = data_dir / f"installation.{secrets.token_hex(4)}"
            made.write_text(secrets.token_hex(16), "ascii")
            with suppress(FileExistsError):  # another was as quick
                os.link(made, path)
            made.unlink()
        return path.read_text("ascii")
    except OSError as error:
        raise DatabaseUnwritable(path, error.strerror or str(error)) from error


def _holder(connection: Connection, node: int) -> Holder | None:
    statement = text(
        "SELECT activity.pid, activity.application_name, host(activity.client_addr)"
        " FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)"
        " WHERE locktype = 'advisory' AND classid = :locks AND objid = :node"
        " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    row = connection.execute(statement, {"locks": _NODE_LOCKS, "node": node}).first()
    return None if row is None else (row[0], row[1], row[2])


def _described(holder: Holder | None) -> str:
    if holder is None:
        return "another process"
    _, name, place = holder
    return f"{name} at {place}" if place else name
