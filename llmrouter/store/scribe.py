"""Writes batches into the tables, one transaction each; used by the writing thread alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from llmrouter.core.ids import node_of, show_id
from llmrouter.core.ledger import (
    AccountLockRow,
    BreakerRow,
    CooldownRow,
    RequestRecord,
    RequestRow,
)
from llmrouter.core.records import field_names
from llmrouter.store import schema
from llmrouter.store.batch import Batch, BatchMaker, without
from llmrouter.store.changes import AVAILABILITY
from llmrouter.store.engine import kind_of
from llmrouter.store.heads import HeadKey, KnownHeads
from llmrouter.store.packing import FRESH_FOR, BodyPolicy, PackedBody, RecentMessages, deflate
from llmrouter.store.queries.among import slices
from llmrouter.store.records import Payload
from llmrouter.store.recovery import find_abandoned
from llmrouter.store.rollups import sum_up, write_rollups
from llmrouter.store.statements import Statements, fetch, run, statements_for

T = TypeVar("T")

MAX_BATCH: Final = 200
"""Payloads in one transaction: beyond this the share of the commit no longer matters."""

TIDY_COMMITS: Final = 100
"""So many small ones fill SQLite's log with about a thousand pages; it takes 3 ms to clear."""

_TURNS: Final = 0x6C6C6D74  # "llmt"; the first half of the advisory lock of each node's turns

_breaker_tuple: Final = attrgetter(*field_names(BreakerRow))
_lock_tuple: Final = attrgetter(*field_names(AccountLockRow))
_cooldown_tuple: Final = attrgetter(*field_names(CooldownRow))


class IdTaken(ValueError):
    """A record's id is another request's: two processes had one number."""


class Scribe:
    """One node's writer; knows the node's open requests and which messages are stored."""

    def __init__(self, engine: Engine, node: int, policy: BodyPolicy) -> None:
        self._engine = engine
        self._takes_turns = kind_of(engine) == "postgresql"
        self._connection: Connection | None = None
        self._node = node
        self._policy = policy
        self._statements = statements_for(kind_of(engine))
        self._recent = RecentMessages()
        self._heads = KnownHeads(self._statements)
        self._untidy_commits = 0
        self._open: frozenset[int] | set[int] = set()
        self._newest_id = 0
        # What earlier processes left open begins here; None once it is closed.
        self._left_from: int | None = None

    def start(self) -> int:
        """Learns where earlier processes of this node may have left requests open.

        Gives the newest id in the ledger.
        """
        left_from = select(schema.node.c.oldest_open_id).where(schema.node.c.node == self._node)

        def look(connection: Connection) -> tuple[int | None, int]:
            return connection.execute(left_from).scalar(), _newest_id(connection)

        self._left_from, newest = self.transact(look)
        return newest

    def newest_id(self) -> int:
        """The newest id in the ledger."""
        return self.transact(_newest_id)

    def stop(self) -> None:
        """Closes the connection; on SQLite all is in the one file then."""
        with suppress(DBAPIError, sqlite3.Error):
            if self._connection is not None:
                self._connection.close()
            if kind_of(self._engine) == "sqlite":
                with self._engine.connect() as connection:
                    # A checkpoint must not stand in a transaction, which SQLAlchemy would begin.
                    driver: Any = connection.connection.driver_connection
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._engine.dispose()

    @property
    def is_untidy(self) -> bool:
        """Whether a quiet moment is to be used for `tidy`."""
        return self._untidy_commits >= TIDY_COMMITS

    def tidy(self) -> None:
        """Brings SQLite's log into the file, for which a commit would have to wait otherwise."""
        self._untidy_commits = 0
        with suppress(DBAPIError, sqlite3.Error):  # the next commit meets the same, and tells it
            if self._connection is not None:
                driver: Any = self._connection.connection.dbapi_connection
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def transact(self, job: Callable[[Connection], T]) -> T:
        """Runs a job in a transaction of its own, after every other one of this node.

        A server goes on for a moment with what a dead process, or a broken connection, had sent:
        whoever looks meanwhile would miss what is about to be committed.
        """
        # Kept from one transaction to the next: to fetch it from the pool and to give it back takes
        # as long as writing a request.
        connection = self._connection or self._engine.connect()
        self._connection = None
        try:
            with connection.begin():
                if self._takes_turns:
                    run(connection, self._statements.take_turn, [(_TURNS, self._node)])
                result = job(connection)
        except BaseException:
            connection.close()  # whatever it was, the next one begins afresh
            raise
        self._connection = connection
        if not self._takes_turns:
            self._untidy_commits += 1
        return result

    def write(
        self, payloads: Sequence[Payload], *, again: bool = False, mended: bool = False
    ) -> None:
        """Writes some payloads in one transaction.

        With ``again``, some of them may have been written before, and then stay as they are.
        With ``mended``, texts that a database might refuse are mended first.  Raises what the
        driver raises, and ``TypeError`` for what cannot be written as JSON.
        """
        maker = BatchMaker(self._policy, self._heads.ids, whole=again, mended=mended)
        batch = maker.make(payloads)
        closed = [row.id for row in batch.requests]
        still_open = self._open.union(batch.opened).difference(closed)
        newest_id = max(self._newest_id, *closed, *batch.opened, 0)
        since = [] if self._left_from is None else [self._left_from]
        oldest_open_id = min(still_open.union(since), default=newest_id)
        heads, last_uses = self.transact(
            lambda connection: self._write(connection, batch, oldest_open_id, again=again)
        )
        self._open, self._newest_id = still_open, newest_id
        self._heads.remember(heads)
        self._recent.remember(last_uses)

    def has(self, payload: Payload) -> bool:
        """Whether a payload is stored already, at least in part: its events, not another's with
        the same id."""
        batch = BatchMaker(self._policy, {}, whole=True, mended=True).make([payload])
        own = {
            (request_id, seq): (dt_us, kind, orjson.loads(data))
            for request_id, seq, dt_us, kind, _, data in batch.events.under({})
        }
        ids = sorted({request_id for request_id, _ in own})
        stored = self.transact(lambda connection: _stored_events(connection, ids))
        met = own.keys() & stored.keys()
        return bool(met) and all(stored[key] == own[key] for key in met)

    def recover(self, now_us: int) -> int:
        """Closes what earlier processes of this node left open, as `abandoned`; how many it was.

        Call it before the first request: whatever is open now was replayed from a spill file.
        """
        adopted = {n for n in self._open if node_of(n) != self._node}  # of a number we had once
        own = [*(self._open - adopted), *([] if self._left_from is None else [self._left_from])]
        records: list[RequestRecord] = []
        for node in {node_of(number) for number in adopted}:
            some = sorted(number for number in adopted if node_of(number) == node)
            found = self.transact(
                partial(find_abandoned, node=node, from_id=some[0], now_us=now_us)
            )
            records += [record for record in found if record.request.id in adopted]
        if own:
            find = partial(find_abandoned, node=self._node, from_id=min(own), now_us=now_us)
            records += self.transact(find)
        for start in range(0, len(records), MAX_BATCH):
            self.write(records[start : start + MAX_BATCH])
        self._left_from = None
        return len(records)

    def _write(
        self, connection: Connection, batch: Batch, oldest_open_id: int, *, again: bool
    ) -> tuple[dict[HeadKey, int], dict[bytes, int]]:
        """Gives the heads of events that were stored, and the last uses of messages."""
        changes_open = bool(batch.requests or batch.opened)
        if again:
            stored = _stored_requests(connection, [row.id for row in batch.requests])
            _require_same(batch.requests, stored)
            batch = without(batch, stored)
        to = self._statements
        for statement, rows in to.insert_request.of(batch.requests):
            run(connection, statement, rows)
        if again:
            run(connection, to.add_attempt, [*map(tuple, batch.attempts)])
        else:
            for statement, rows in to.insert_attempt.of(batch.attempts):
                run(connection, statement, rows)
        heads = self._heads.store(connection, batch.events.waiting)
        run(connection, to.add_event if again else to.insert_event, batch.events.under(heads))
        write_rollups(connection, to, sum_up(batch.requests, batch.attempts))
        # Nodes that write the same rows must take them in the same order.
        breakers = [_breaker_tuple(batch.breakers[key]) for key in sorted(batch.breakers)]
        run(connection, to.set_breaker, breakers)
        locks = [_lock_tuple(batch.locks[key]) for key in sorted(batch.locks)]
        run(connection, to.set_account_lock, locks)
        pauses = [_cooldown_tuple(batch.cooldowns[key]) for key in sorted(batch.cooldowns)]
        run(connection, to.set_cooldown, pauses)
        run(connection, to.reset_cooldown, [_reset_tuple(row) for row in batch.resets])
        last_uses, stored_bytes = self._write_bodies(connection, batch.bodies)
        run(connection, to.set_response_state, batch.states)
        stored_bytes += sum(stored for *_, stored, _ in batch.states)
        if changes_open:
            run(connection, to.set_node, [(self._node, oldest_open_id, stored_bytes)])
        if batch.changes_availability:
            # Last, because whoever counts here makes every other node wait for its commit.
            run(connection, to.announce, [(AVAILABILITY,)])
        return heads, last_uses

    def _write_bodies(
        self, connection: Connection, bodies: Sequence[PackedBody]
    ) -> tuple[dict[bytes, int], int]:
        """Gives the messages' last uses as they now are stored, and the bytes that were added."""
        used_by: dict[bytes, int] = {}
        contents: dict[bytes, bytes] = {}
        for body in bodies:
            for digest in self._recent.unsure(body.messages, body.request_id):
                used_by[digest] = max(used_by.get(digest, 0), body.request_id)
                contents[digest] = body.messages[digest]
        last_uses = _last_uses(connection, self._statements, sorted(used_by))
        new = [
            (digest, used_by[digest], len(data), data)
            for digest in sorted(used_by.keys() - last_uses.keys())
            if (data := deflate(contents[digest]))
        ]
        again = [
            (used_by[digest], digest)
            for digest, last_id in last_uses.items()
            if last_id < used_by[digest] - FRESH_FOR
        ]
        rows = [(body.request_id, len(body.data), body.data) for body in bodies]
        run(connection, self._statements.insert_body, rows)
        run(connection, self._statements.add_message, new)
        run(connection, self._statements.use_message, again)
        last_uses.update((row[0], row[1]) for row in new)
        last_uses.update((digest, last_id) for last_id, digest in again)
        return last_uses, sum(row[1] for row in rows) + sum(row[2] for row in new)


def _reset_tuple(row: CooldownRow) -> tuple[Any, ...]:
    """In the order of `Statements.reset_cooldown`."""
    of_accounts = f"{row.target}#"
    age_us = row.updated_us
    return (row.reason, age_us, row.target, len(of_accounts), of_accounts, age_us)


def _newest_id(connection: Connection) -> int:
    return connection.execute(select(func.max(schema.event_row.c.request_id))).scalar() or 0


def _stored_events(
    connection: Connection, ids: Sequence[int]
) -> dict[tuple[int, int], tuple[int, str, Any]]:
    """Moment, kind and data of some requests' events, by request and number."""
    event = schema.event.c
    found: dict[tuple[int, int], tuple[int, str, Any]] = {}
    for some in slices(ids):
        statement = select(event.request_id, event.seq, event.dt_us, event.kind, event.data)
        for row in connection.execute(statement.where(event.request_id.in_(some))):
            found[row.request_id, row.seq] = (row.dt_us, row.kind, row.data)
    return found


def _stored_requests(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, str]]:
    """When those began, and how they ended, that are stored."""
    found: dict[int, tuple[int, str]] = {}
    request = schema.request.c
    for some in slices(ids):
        statement = select(request.id, request.started_us, request.ending)
        for row in connection.execute(statement.where(request.id.in_(some))):
            found[row.id] = (row.started_us, row.ending)
    return found


def _require_same(rows: Sequence[RequestRow], stored: Mapping[int, tuple[int, str]]) -> None:
    for row in rows:
        if stored.get(row.id, (row.started_us, row.ending)) != (row.started_us, row.ending):
            raise IdTaken(f"another request has the id {show_id(row.id)}")


def _last_uses(connection: Connection, to: Statements, hashes: Sequence[bytes]) -> dict[bytes, int]:
    """The last noted use of those messages that are stored."""
    found: dict[bytes, int] = {}
    for some in slices(hashes):
        # The same one several times, so that few lengths, each a statement, are enough.
        surplus = (1 << (len(some) - 1).bit_length()) - len(some)
        asked = (*some, *((some[0],) * surplus))
        found.update(fetch(connection, to.last_uses(len(asked)), asked))
    return found
