"""Logged requests in the order of their ids, page by page: what a replay reads.

Each page costs the same however many there are, and nothing is kept between two of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, Row, Text, cast, func, select
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.events import (
    RequestClassified,
    RequestQueued,
    RequestReceived,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.ids import id_floor
from llmrouter.core.replay import LoggedAttempt, LoggedRequest, LoggedRow, Queued, ReplayWindow
from llmrouter.store.queries.among import among
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

_READ: Final = (*_TOLD, RequestQueued.kind)

_ROW: Final = tuple(request.c[name] for name in LoggedRow._fields)
_ATTEMPT: Final = tuple(attempt.c[name] for name in LoggedAttempt._fields)


def count_logged(connection: Connection, window: ReplayWindow) -> int:
    """How many requests a window holds, whatever its limit and sample."""
    statement = select(func.count()).select_from(request).where(*_within(window))
    return int(connection.execute(statement).scalar_one())


def logged_ids(
    connection: Connection, window: ReplayWindow, *, after_id: int, limit: int
) -> Sequence[int]:
    """The ids of a window's requests above an id, oldest first."""
    statement = select(request.c.id).where(request.c.id > after_id, *_within(window))
    found = connection.execute(statement.order_by(request.c.id).limit(limit))
    return found.scalars().all()


def logged_page(
    connection: Connection, window: ReplayWindow, *, after_id: int, limit: int
) -> tuple[LoggedRequest, ...]:
    """A window's requests above an id, oldest first, whatever its limit and sample."""
    statement = select(*_ROW).where(request.c.id > after_id, *_within(window))
    found = connection.execute(statement.order_by(request.c.id).limit(limit))
    return _logged(connection, found.all())


def logged_requests(connection: Connection, ids: Sequence[int]) -> tuple[LoggedRequest, ...]:
    """The requests with these ids (a few hundred at most), oldest first."""
    statement = select(*_ROW).where(among(connection, request.c.id, ids)).order_by(request.c.id)
    return _logged(connection, connection.execute(statement).all())


def _logged(connection: Connection, found: Sequence[Row[Any]]) -> tuple[LoggedRequest, ...]:
    rows = list(map(LoggedRow._make, found))
    ids = [row.id for row in rows]
    if not ids:
        return ()
    attempts: dict[int, list[LoggedAttempt]] = {}
    tried = select(*_ATTEMPT).where(among(connection, attempt.c.request_id, ids))
    ordered = tried.order_by(attempt.c.request_id, attempt.c.n)
    for made in map(LoggedAttempt._make, connection.execute(ordered).all()):
        attempts.setdefault(made.request_id, []).append(made)
    said = _said(connection, ids)
    return tuple(
        LoggedRequest(
            row,
            tuple(attempts.get(row.id, ())),
            said.told.get(row.id, {}),
            _at_us(row, said.after_us[RouteSelected.kind]),
            _at_us(row, said.after_us[RequestClassified.kind]),
            said.queued.get(row.id, {}),
        )
        for row in rows
    )


def _at_us(row: LoggedRow, after_us: Mapping[int, int]) -> int | None:
    passed_us = after_us.get(row.id)
    return None if passed_us is None else row.started_us + passed_us


class _Said(NamedTuple):
    """What events say, by request."""

    told: dict[int, dict[str, Mapping[str, Any]]]
    """Their data, by kind."""
    after_us: dict[str, dict[int, int]]
    """By kind: how long after its arrival the request was classified and decided."""
    queued: dict[int, dict[str, Queued]]
    """What became of it at targets that were full, by their names."""


def _said(connection: Connection, ids: Sequence[int]) -> _Said:
    said = _Said({}, {RouteSelected.kind: {}, RequestClassified.kind: {}}, {})
    # As text: reading JSON here takes half as long as through the type of the column.
    columns = (event.c.request_id, event.c.dt_us, event.c.kind, cast(event.c.data, Text))
    statement = select(*columns).where(
        among(connection, event.c.request_id, ids), event.c.kind.in_(_READ)
    )
    for request_id, dt_us, kind, text in connection.execute(statement).all():
        data = orjson.loads(text)
        if kind == RequestQueued.kind:
            at = said.queued.setdefault(request_id, {})
            at[data["target"]] = Queued(data["waited_us"], data["outcome"] == "admitted")
            continue
        said.told.setdefault(request_id, {})[kind] = data
        if kind in said.after_us:
            said.after_us[kind][request_id] = dt_us
    return said


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
