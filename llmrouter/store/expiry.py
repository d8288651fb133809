"""Requests and their events that are past their time, removed in steps so small that nobody waits.

Sums stay: what a day cost is known for ever.  Events that belong to no request (of
configurations, breakers, servers; corrections) stay, too; they are few.  How far removal has come
is noted in ``retention``, so that a missing row can be told from one that was removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from sqlalchemy import Connection, delete, select, update

from llmrouter.core.ids import id_floor
from llmrouter.core.records import Record
from llmrouter.store import schema

STEP: Final = 200
"""Requests that one step takes, at most: some 2,000 rows, a few milliseconds."""

_DAY_US: Final = 86_400_000_000

Kept = Literal["requests", "events"]


class RowLimits(Record):
    """How many days requests and their events are kept; None is for ever."""

    requests_days: int | None = None
    events_days: int | None = None


class Expired(Record):
    """How much was removed: ``requests`` with everything of theirs, ``events`` those of so many
    requests that stay.  ``more`` says that another step has something to do."""

    requests: int
    events: int
    more: bool


def expire_step(connection: Connection, limits: RowLimits, now_us: int) -> Expired:
    """Removes what is too old of the oldest requests."""
    requests = _expire_requests(connection, limits.requests_days, now_us)
    events = _expire_events(connection, limits.events_days, now_us)
    return Expired(requests, events, more=STEP in (requests, events))


def removed_before(connection: Connection, what: Kept) -> int:
    """The id below which everything of a kind was removed; 0 if nothing ever was."""
    mark = schema.retention.c
    found = connection.execute(select(mark.before_id).where(mark.what == what)).scalar()
    return int(found or 0)


def _expire_requests(connection: Connection, days: int | None, now_us: int) -> int:
    if days is None:
        return 0
    ids = _oldest(connection, 0, id_floor(now_us - days * _DAY_US))
    if not ids:
        return 0
    # Bodies and what conversations gained have limits of their own, which are never longer.
    for column in (
        schema.event_row.c.request_id,
        schema.attempt.c.request_id,
        schema.request.c.id,
    ):
        connection.execute(delete(column.table).where(column.in_(ids)))
    _note(connection, "requests", ids[-1] + 1)
    return len(ids)


def _expire_events(connection: Connection, days: int | None, now_us: int) -> int:
    if days is None:
        return 0
    done = removed_before(connection, "events")
    ids = _oldest(connection, done, id_floor(now_us - days * _DAY_US))
    if not ids:
        return 0
    connection.execute(delete(schema.event_row).where(schema.event_row.c.request_id.in_(ids)))
    _note(connection, "events", ids[-1] + 1)
    return len(ids)


def _oldest(connection: Connection, from_id: int, below_id: int) -> Sequence[int]:
    """The oldest requests that are over."""
    row = schema.request.c
    statement = select(row.id).where(row.id >= from_id, row.id < below_id)
    return connection.execute(statement.order_by(row.id).limit(STEP)).scalars().all()


def _note(connection: Connection, what: Kept, before_id: int) -> None:
    mark = schema.retention
    found = connection.execute(
        update(mark)
        .where(mark.c.what == what, mark.c.before_id < before_id)
        .values(before_id=before_id)
    )
    if not found.rowcount and not removed_before(connection, what):
        connection.execute(mark.insert().values(what=what, before_id=before_id))
