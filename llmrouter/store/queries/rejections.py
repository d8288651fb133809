"""Requests that were refused before anything was sent upstream, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, literal_column

from llmrouter.core.events import RequestRejected
from llmrouter.core.ids import id_floor
from llmrouter.core.ledger import RequestRow
from llmrouter.core.records import Record
from llmrouter.store.queries.rows import request_row, select_requests
from llmrouter.store.schema import event, request


class Rejection(Record):
    """A refused request and every fault that was found in it."""

    request: RequestRow
    code: str
    message: str
    param: str | None
    errors: tuple[Mapping[str, str], ...]


def rejections(
    connection: Connection, *, limit: int = 50, since_us: int | None = None
) -> tuple[Rejection, ...]:
    """The requests that were refused last, newest first."""
    told = and_(event.c.request_id == request.c.id, event.c.kind == RequestRejected.kind)
    statement = (
        select_requests()
        .add_columns(event.c.data)
        .join_from(request, event, told)
        .where(
            request.c.ending == "rejected",
            literal_column("ending <> 'completed'"),  # says that the partial index will do
        )
        .order_by(request.c.id.desc())
        .limit(limit)
    )
    if since_us is not None:
        statement = statement.where(request.c.id >= id_floor(since_us))
    found = connection.execute(statement)
    return tuple(_rejection(request_row(row), row.data) for row in found)


def _rejection(row: RequestRow, told: Mapping[str, Any]) -> Rejection:
    return Rejection(
        request=row,
        code=told["code"],
        message=told["message"],
        param=told.get("param"),
        errors=tuple(told.get("errors", ())),
    )
