"""Replays and their results as they were kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from llmrouter.core.records import field_names
from llmrouter.core.replay import ReplayResult, ReplayRow
from llmrouter.store.schema import replay_results, replays

REPLAY_COLUMNS: Final = field_names(ReplayRow)
RESULT_COLUMNS: Final = field_names(ReplayResult)


def replay_list(
    connection: Connection, *, before: int | None = None, limit: int = 50
) -> tuple[ReplayRow, ...]:
    """Replays from the newest on, or from below ``before`` on."""
    statement = _select_replays().order_by(replays.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(replays.c.id < before)
    return tuple(map(_replay, connection.execute(statement)))


def replay(connection: Connection, number: int) -> ReplayRow | None:
    """One replay; None when there is no such."""
    row = connection.execute(_select_replays().where(replays.c.id == number)).first()
    return None if row is None else _replay(row)


def result_page(
    connection: Connection,
    number: int,
    *,
    after_id: int = 0,
    limit: int = 500,
    changed_only: bool = False,
) -> tuple[ReplayResult, ...]:
    """A replay's results above a request's id, in the order of these ids."""
    columns = (replay_results.c[name] for name in RESULT_COLUMNS)
    kept = replay_results.c
    statement = select(*columns).where(kept.replay_id == number, kept.request_id > after_id)
    if changed_only:
        statement = statement.where(kept.changed.is_(True))
    found = connection.execute(statement.order_by(kept.request_id).limit(limit))
    return tuple(_result(row) for row in found)


def settled_ids(
    connection: Connection, number: int, *, after_id: int, until_id: int
) -> Sequence[int]:
    """The requests in a range of ids (the first not taken in) that a replay has settled."""
    kept = replay_results.c
    found = connection.execute(
        select(kept.request_id).where(
            kept.replay_id == number, kept.request_id > after_id, kept.request_id <= until_id
        )
    )
    return found.scalars().all()


def _select_replays() -> Select[Any]:
    return select(*(replays.c[name] for name in REPLAY_COLUMNS))


def _replay(row: Row[Any]) -> ReplayRow:
    return ReplayRow(**dict(zip(REPLAY_COLUMNS, row, strict=True)))


def _result(row: Row[Any]) -> ReplayResult:
    values = dict(zip(RESULT_COLUMNS, row, strict=True))
    return ReplayResult(**{**values, "flags": tuple(values["flags"])})
