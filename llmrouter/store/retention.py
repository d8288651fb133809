"""Removing request bodies that are too old or too many, in steps so small that nobody waits; and
with them the states of conversations that go on from a reply's id.

A message's last use is noted at most ten minutes late (`packing.FRESH_FOR`); so it is kept that
much longer than the oldest body, and no writer that takes it for stored can be wrong.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Table, delete, func, select, update

from llmrouter.core.ids import id_floor
from llmrouter.core.records import Record
from llmrouter.store import schema
from llmrouter.store.packing import FRESH_FOR

STEP: Final = 500
"""Rows that one step removes of each table, at most."""

STEP_OVER_SIZE: Final = 50
"""Bodies that one step removes for want of room: what they free shows only with their messages."""

_DAY_US: Final = 86_400_000_000


class BodyLimits(Record):
    """How long bodies are kept, and how much room they may take together."""

    days: int = 30
    megabytes: int = 2048

    @property
    def total_bytes(self) -> int:
        return self.megabytes * 2**20


class Purged(Record):
    """What one step removed; ``more`` says that another step has something to do."""

    bodies: int
    messages: int
    freed_bytes: int
    more: bool
    states: int = 0


def purge_step(connection: Connection, node: int, limits: BodyLimits, now_us: int) -> Purged:
    """Removes some bodies and states, oldest first, and messages that nothing uses any more."""
    used_bytes = _used_bytes(connection)
    oldest_kept = id_floor(now_us - limits.days * _DAY_US)
    bodies, freed_bytes = _remove_oldest(connection, schema.body, STEP, below=oldest_kept)
    states, state_bytes = _remove_oldest(connection, schema.response_state, STEP, below=oldest_kept)
    freed_bytes += state_bytes
    if not bodies + states and used_bytes > limits.total_bytes:
        bodies, freed_bytes = _remove_oldest(connection, schema.body, STEP_OVER_SIZE)
        states, state_bytes = _remove_oldest(connection, schema.response_state, STEP_OVER_SIZE)
        freed_bytes += state_bytes
    messages, message_bytes = _remove_messages(connection, now_us)
    freed_bytes += message_bytes
    if freed_bytes:
        own = schema.node.c
        connection.execute(
            update(schema.node)
            .where(own.node == node)
            .values(stored_bytes=own.stored_bytes - freed_bytes)
        )
    still_over = used_bytes - freed_bytes > limits.total_bytes
    removed = bodies + states + messages
    more = STEP in (bodies, states, messages) or (still_over and removed > 0)
    return Purged(bodies, messages, freed_bytes, more, states)


def _used_bytes(connection: Connection) -> int:
    """What bodies and messages take; each node counts what it stored and what it removed."""
    return int(connection.execute(select(func.sum(schema.node.c.stored_bytes))).scalar() or 0)


def _remove_oldest(
    connection: Connection, table: Table, limit: int, *, below: int | None = None
) -> tuple[int, int]:
    """Removes the rows of the oldest requests; gives their number and size."""
    row = table.c
    oldest = select(row.request_id, row.stored_bytes).order_by(row.request_id).limit(limit)
    if below is not None:
        oldest = oldest.where(row.request_id < below)
    found = connection.execute(oldest).all()
    if found:
        connection.execute(delete(table).where(row.request_id <= found[-1].request_id))
    return len(found), sum(one.stored_bytes for one in found)


def _remove_messages(connection: Connection, now_us: int) -> tuple[int, int]:
    """Removes messages that no body uses; gives their number and size."""
    message = schema.message.c
    oldest_body = connection.execute(select(func.min(schema.body.c.request_id))).scalar()
    needed_from = id_floor(now_us) if oldest_body is None else min(oldest_body, id_floor(now_us))
    unused = message.last_id < needed_from - FRESH_FOR
    found = connection.execute(
        select(message.hash, message.stored_bytes)
        .where(unused)
        .order_by(message.last_id)
        .limit(STEP)
    ).all()
    if found:
        hashes = [row.hash for row in found]
        connection.execute(delete(schema.message).where(message.hash.in_(hashes), unused))
    return len(found), sum(row.stored_bytes for row in found)
