"""Logged requests in the order of their ids, page by page: what a replay reads.

Each page costs the same however many there are, and nothing is kept between two of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.events import (
    RequestClassified,
    RequestReceived,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.ids import id_floor
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.replay import LoggedRequest, ReplayWindow
from llmrouter.store.queries.rows import (
    attempt_row,
    request_row,
    select_attempts,
    select_requests,
)
from llmrouter.store.schema import attempt, event, request

REPLAYED: Final = ("live", "imported")
"""Purposes of requests that somebody really sent to be answered."""

ID_SLACK_US: Final = 60_000_000
"""By how much an id's moment may differ from the request's own; it only bounds the search."""

_TOLD: Final = (
    RequestReceived.kind,
    RequestValidated.kind,
    RequestClassified.kind,
    RouteSelected.kind,
)


async def count_logged(connection: AsyncConnection, window: ReplayWindow) -> int:
    """How many requests a window holds, whatever its limit and sample."""
    statement = select(func.count()).select_from(request).where(*_within(window))
    return int((await connection.execute(statement)).scalar_one())


async def logged_ids(
    connection: AsyncConnection, window: ReplayWindow, *, after_id: int, limit: int
) -> Sequence[int]:
    """The ids of a window's requests above an id, oldest first."""
    statement = select(request.c.id).where(request.c.id > after_id, *_within(window))
    found = await connection.execute(statement.order_by(request.c.id).limit(limit))
    return found.scalars().all()


async def logged_page(
    connection: AsyncConnection, window: ReplayWindow, *, after_id: int, limit: int
) -> tuple[LoggedRequest, ...]:
    """A window's requests above an id, oldest first, whatever its limit and sample."""
    statement = select_requests().where(request.c.id > after_id, *_within(window))
    found = await connection.execute(statement.order_by(request.c.id).limit(limit))
    return await _logged(connection, [request_row(row) for row in found])


async def logged_requests(
    connection: AsyncConnection, ids: Sequence[int]
) -> tuple[LoggedRequest, ...]:
    """The requests with these ids (a few hundred at most), oldest first."""
    statement = select_requests().where(request.c.id.in_(ids)).order_by(request.c.id)
    return await _logged(
        connection, [request_row(row) for row in await connection.execute(statement)]
    )


async def _logged(
    connection: AsyncConnection, rows: Sequence[RequestRow]
) -> tuple[LoggedRequest, ...]:
    ids = [row.id for row in rows]
    if not ids:
        return ()
    attempts: dict[int, list[AttemptRow]] = {}
    tried = select_attempts().where(attempt.c.request_id.in_(ids))
    for row in await connection.execute(tried.order_by(attempt.c.request_id, attempt.c.n)):
        found = attempt_row(row)
        attempts.setdefault(found.request_id, []).append(found)
    told, selected_us = await _told(connection, ids)
    return tuple(
        LoggedRequest(
            row,
            tuple(attempts.get(row.id, ())),
            told.get(row.id, {}),
            row.started_us + selected_us[row.id] if row.id in selected_us else None,
        )
        for row in rows
    )


async def _told(
    connection: AsyncConnection, ids: Sequence[int]
) -> tuple[dict[int, dict[str, Mapping[str, Any]]], dict[int, int]]:
    """The events' data by request and kind; and how long after its arrival each was decided."""
    told: dict[int, dict[str, Mapping[str, Any]]] = {}
    selected_us: dict[int, int] = {}
    columns = (event.c.request_id, event.c.dt_us, event.c.kind, event.c.data)
    statement = select(*columns).where(event.c.request_id.in_(ids), event.c.kind.in_(_TOLD))
    for request_id, dt_us, kind, data in await connection.execute(statement):
        told.setdefault(request_id, {})[kind] = data
        if kind == RouteSelected.kind:
            selected_us[request_id] = dt_us
    return told, selected_us


def _within(window: ReplayWindow) -> list[ColumnElement[bool]]:
    row = request.c
    conditions: list[ColumnElement[bool]] = [row.purpose.in_(REPLAYED)]
    if window.since_us is not None:
        conditions.append(row.id >= id_floor(window.since_us - ID_SLACK_US))
        conditions.append(row.started_us >= window.since_us)
    if window.until_us is not None:
        conditions.append(row.id < id_floor(window.until_us + ID_SLACK_US))
        conditions.append(row.started_us < window.until_us)
    if window.category is not None:
        conditions.append(row.category == window.category)
    if window.key_id is not None:
        conditions.append(row.key_id == window.key_id)
    if window.model is not None:
        provider, slash, model = window.model.partition("/")
        served = row.model == window.model
        if slash:
            served |= (row.provider == provider) & (row.model == model)
        conditions.append(served)
    return conditions
