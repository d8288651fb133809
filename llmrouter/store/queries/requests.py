"""Requests that are over: the latest ones, and all of them page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.ids import id_floor
from llmrouter.core.ledger import RequestRow
from llmrouter.core.records import Record
from llmrouter.core.routing import Ending, Purpose
from llmrouter.store.queries.rows import request_row, select_requests
from llmrouter.store.schema import request, usage_day

_DAY_US: Final = 86_400_000_000


class RequestFilter(Record):
    """Which requests; None is any.

    ``model`` is ``provider/model`` or a model id alone; ``since_us`` a moment (wall clock).
    """

    ending: Ending | None = None
    category: str | None = None
    model: str | None = None
    since_us: int | None = None
    purpose: Purpose | None = "live"

    @property
    def is_joint(self) -> bool:
        """Whether several conditions must be fulfilled at once that live requests are summed by."""
        named = (self.ending, self.category, self.model)
        return self.purpose == "live" and sum(value is not None for value in named) > 1


class RequestPage(Record):
    """Requests, newest first; ``next_before`` begins the next page, None ends the list."""

    requests: tuple[RequestRow, ...]
    next_before: int | None


def recent_requests(connection: Connection, limit: int) -> tuple[RequestRow, ...]:
    """The live requests that arrived last, newest first."""
    return request_page(connection, limit=limit).requests


def request_page(
    connection: Connection,
    *,
    before_id: int | None = None,
    limit: int = 50,
    wanted: RequestFilter | None = None,
) -> RequestPage:
    """Requests below an id, newest first: each page costs the same, however far back it is."""
    wanted = wanted or RequestFilter()
    conditions = _conditions(wanted)
    if before_id is not None:
        conditions.append(request.c.id < before_id)
    if wanted.is_joint:
        days = _days_of(connection, wanted)
        if days is None:
            return RequestPage((), None)
        conditions += [request.c.id >= id_floor(days[0]), request.c.id < id_floor(days[1])]
    statement = page_statement(conditions, wanted.model, limit + 1)
    found = connection.execute(statement).all()
    rows = tuple(request_row(row) for row in found[:limit])
    return RequestPage(rows, rows[-1].id if len(found) > limit and rows else None)


def page_statement(
    conditions: Sequence[ColumnElement[bool]], model: str | None, limit: int
) -> Select[Any] | CompoundSelect[Any]:
    """The newest requests that fulfil conditions, and a model's; read from an index in order."""
    if model is None:
        return _newest(conditions, limit)
    provider, _, name = model.partition("/")
    whole = _newest([request.c.model == model, *conditions], limit)
    if not name:
        return whole
    # `a/b` is a model's id, or the model b of provider a; one index gives each in order, but not
    # the one or the other.
    parts = [request.c.provider == provider, request.c.model == name]
    either = union_all(
        select(whole.subquery()), select(_newest([*parts, *conditions], limit).subquery())
    )
    return either.order_by(text("id DESC")).limit(limit)


def _newest(conditions: Sequence[ColumnElement[bool]], limit: int) -> Select[Any]:
    ordered = select_requests().where(and_(True, *conditions)).order_by(request.c.id.desc())
    return ordered.limit(limit)


def _days_of(connection: Connection, wanted: RequestFilter) -> tuple[int, int] | None:
    """Between which moments live requests lie that fulfil several conditions at once; None when
    there are none.

    No index knows; the sums by day do, and spare a search through all that fulfil one condition.
    """
    day = usage_day.c
    conditions: list[ColumnElement[bool]] = [day.purpose == "live"]
    if wanted.ending is not None:
        conditions.append(day.ending == wanted.ending)
    if wanted.category is not None:
        conditions.append(day.category == wanted.category)
    if wanted.model is not None:
        provider, _, name = wanted.model.partition("/")
        parts = and_(day.provider == provider, day.model == name)
        conditions.append(or_(day.model == wanted.model, parts))
    found = connection.execute(
        select(func.min(day.day), func.max(day.day)).where(and_(*conditions))
    )
    first, last = found.one()
    if first is None:
        return None
    # An id may be made a moment before or after what its row says.
    return _midnight_us(first) - _DAY_US, _midnight_us(last) + 2 * _DAY_US


def _midnight_us(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def requests_by_client_id(
    connection: Connection, client_request_id: str, limit: int = 10
) -> tuple[RequestRow, ...]:
    """The requests that a client sent with this X-Request-Id, newest first."""
    statement = (
        select_requests()
        .where(request.c.client_request_id == client_request_id)
        .order_by(request.c.id.desc())
        .limit(limit)
    )
    return tuple(request_row(row) for row in connection.execute(statement))


def _conditions(wanted: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.ending is not None:
        conditions.append(request.c.ending == wanted.ending)
        if wanted.ending != "completed":
            # Says to SQLite that the partial index will do.
            conditions.append(literal_column("ending <> 'completed'"))
    if wanted.category is not None:
        conditions.append(request.c.category == wanted.category)
    if wanted.since_us is not None:
        conditions.append(request.c.id >= id_floor(wanted.since_us))
    if wanted.purpose is not None:
        conditions.append(request.c.purpose == wanted.purpose)
        if wanted.purpose != "live":
            conditions.append(literal_column("purpose <> 'live'"))
    return conditions
