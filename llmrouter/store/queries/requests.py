"""Requests that are over: the latest ones, and all of them page by page."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, literal_column, or_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.ids import id_floor
from llmrouter.core.ledger import RequestRow
from llmrouter.core.routing import Ending, Purpose
from llmrouter.store.queries.rows import request_row, select_requests
from llmrouter.store.schema import request


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests; None is any.

    ``model`` is ``provider/model`` or a model id alone; ``since_us`` a moment (wall clock).
    """

    ending: Ending | None = None
    category: str | None = None
    model: str | None = None
    since_us: int | None = None
    purpose: Purpose | None = "live"


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Requests, newest first; ``next_before`` begins the next page, None ends the list."""

    requests: tuple[RequestRow, ...]
    next_before: int | None


async def recent_requests(connection: AsyncConnection, limit: int) -> tuple[RequestRow, ...]:
    """The live requests that arrived last, newest first."""
    return (await request_page(connection, limit=limit)).requests


async def request_page(
    connection: AsyncConnection,
    *,
    before_id: int | None = None,
    limit: int = 50,
    wanted: RequestFilter | None = None,
) -> RequestPage:
    """Requests below an id, newest first: each page costs the same, however far back it is."""
    conditions = _conditions(wanted or RequestFilter())
    if before_id is not None:
        conditions.append(request.c.id < before_id)
    statement = select_requests().where(and_(True, *conditions)).order_by(request.c.id.desc())
    found = (await connection.execute(statement.limit(limit + 1))).all()
    rows = tuple(request_row(row) for row in found[:limit])
    return RequestPage(rows, rows[-1].id if len(found) > limit and rows else None)


async def requests_by_client_id(
    connection: AsyncConnection, client_request_id: str, limit: int = 10
) -> tuple[RequestRow, ...]:
    """The requests that a client sent with this X-Request-Id, newest first."""
    statement = (
        select_requests()
        .where(request.c.client_request_id == client_request_id)
        .order_by(request.c.id.desc())
        .limit(limit)
    )
    return tuple(request_row(row) for row in await connection.execute(statement))


def _conditions(wanted: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.ending is not None:
        conditions.append(request.c.ending == wanted.ending)
        if wanted.ending != "completed":
            # Says to SQLite that the partial index will do.
            conditions.append(literal_column("ending <> 'completed'"))
    if wanted.category is not None:
        conditions.append(request.c.category == wanted.category)
    if wanted.model is not None:
        provider, _, model = wanted.model.partition("/")
        conditions.append(
            or_(
                request.c.model == wanted.model,
                and_(request.c.provider == provider, request.c.model == model),
            )
        )
    if wanted.since_us is not None:
        conditions.append(request.c.id >= id_floor(wanted.since_us))
    if wanted.purpose is not None:
        conditions.append(request.c.purpose == wanted.purpose)
    return conditions
