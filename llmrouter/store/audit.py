"""Whether the ledger agrees with itself: rows with the events that they were folded from, and sums
with the rows that they sum up.

Reads only, page by page, within one snapshot; a server may be writing meanwhile.  What retention
has removed cannot be compared and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Table, func, select

from llmrouter.core.events import Event, read_event
from llmrouter.core.ids import id_floor, show_id
from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.records import Record
from llmrouter.policy.fold import fold_request
from llmrouter.store import schema
from llmrouter.store.expiry import removed_before
from llmrouter.store.queries.rows import (
    attempt_row,
    request_row,
    select_attempts,
    select_requests,
)
from llmrouter.store.records import made_at_us
from llmrouter.store.rollups import Key, Rollups, add_up, hour_of, sum_up

PAGE: Final = 500
MOST_DIFFERENCES: Final = 100
"""Differences that are told; all are counted."""

_DAY_US: Final = 86_400_000_000


class Difference(Record):
    """``where`` is a request, an attempt or a row of sums; ``found`` is what the ledger says and
    ``expected`` what follows from what is below it."""

    where: str
    member: str
    found: object
    expected: object


class Audit(Record):
    """What was compared, and the first differences of all that were ``counted``."""

    requests: int
    folded: int
    usage_rows: int
    counted: int
    differences: tuple[Difference, ...]


class _Findings:
    def __init__(self) -> None:
        self.counted = 0
        self.first: list[Difference] = []

    def compare(self, where: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
        for member, value in expected.items():
            if found.get(member) != value:
                self.add(Difference(where, member, found.get(member), value))

    def add(self, difference: Difference) -> None:
        self.counted += 1
        if len(self.first) < MOST_DIFFERENCES:
            self.first.append(difference)


def audit(connection: Connection, since_us: int | None = None) -> Audit:
    """Compares everything, or what arrived since a moment."""
    findings = _Findings()
    rows_from = max(removed_before(connection, "requests"), _floor(since_us))
    events_from = max(removed_before(connection, "events"), rows_from)
    rollups = Rollups()
    requests = folded = 0
    for rows, attempts in _pages(connection, rows_from):
        requests += len(rows)
        add_up(rollups, sum_up(rows, attempts))
        of_page = [row for row in rows if row.id >= events_from]
        folded += len(of_page)
        _compare_events(connection, findings, of_page, attempts)
    usage_rows = _compare_usage(connection, findings, rollups, rows_from)
    return Audit(requests, folded, usage_rows, findings.counted, tuple(findings.first))


def _floor(since_us: int | None) -> int:
    return 0 if since_us is None else id_floor(since_us)


def _pages(
    connection: Connection, from_id: int
) -> Iterator[tuple[list[RequestRow], list[AttemptRow]]]:
    """All requests from an id on with their attempts, oldest first."""
    row, attempt = schema.request.c, schema.attempt.c
    while True:
        statement = select_requests().where(row.id >= from_id).order_by(row.id).limit(PAGE)
        rows = [request_row(found) for found in connection.execute(statement)]
        if not rows:
            return
        of_page = attempt.request_id.between(rows[0].id, rows[-1].id)
        attempts = connection.execute(select_attempts().where(of_page))
        yield rows, [attempt_row(found) for found in attempts]
        from_id = rows[-1].id + 1


def _compare_events(
    connection: Connection,
    findings: _Findings,
    rows: Sequence[RequestRow],
    attempts: Sequence[AttemptRow],
) -> None:
    if not rows:
        return
    told = _events(connection, rows[0].id, rows[-1].id)
    stored: dict[int, dict[int, AttemptRow]] = {row.id: {} for row in rows}
    for attempt in attempts:
        stored.setdefault(attempt.request_id, {})[attempt.n] = attempt
    for row in rows:
        name = show_id(row.id)
        try:
            expected, of_events = fold_request(row.id, told.get(row.id, ()))
        except (KeyError, TypeError, ValueError) as error:
            findings.add(Difference(name, "events", str(error), "events that tell a request"))
            continue
        findings.compare(name, row._asdict(), expected._asdict())
        _compare_attempts(findings, name, stored[row.id], of_events)


def _compare_attempts(
    findings: _Findings,
    request: str,
    stored: Mapping[int, AttemptRow],
    expected: Sequence[AttemptRow],
) -> None:
    for attempt in expected:
        found = stored.get(attempt.n)
        where = f"{request} attempt {attempt.n}"
        if found is None:
            findings.add(Difference(where, "row", None, "a row"))
        else:
            findings.compare(where, found._asdict(), attempt._asdict())
    for n in sorted(stored.keys() - {attempt.n for attempt in expected}):
        findings.add(Difference(f"{request} attempt {n}", "row", "a row", None))


def _events(connection: Connection, first: int, last: int) -> dict[int, tuple[Event, ...]]:
    event = schema.event.c
    statement = (
        select(event.request_id, event.kind, event.dt_us, event.data)
        .where(event.request_id.between(first, last))
        .order_by(event.request_id, event.seq)
    )
    found = connection.execute(statement)
    return {
        request_id: tuple(read_event(kind, dt_us, data) for _, kind, dt_us, data in of_one)
        for request_id, of_one in groupby(found, key=lambda row: row[0])
    }


def _compare_usage(
    connection: Connection, findings: _Findings, rollups: Rollups, rows_from: int
) -> int:
    """Compares sums of those days whose rows are all there; gives how many rows there are."""
    whole_day, whole_hour = "", ""
    if rows_from:
        # The attempts of a removed request may lie on the day after it.
        after_us = made_at_us(rows_from) + _DAY_US
        whole_day = hour_of(after_us + _DAY_US)[:10]
        whole_hour = f"{whole_day}T00"
    compared = 0
    for table, sums, whole_from in (
        (schema.usage_day, rollups.days, whole_day),
        (schema.usage_attempt_day, rollups.attempt_days, whole_day),
        (schema.usage_decision_day, rollups.decision_days, whole_day),
        (schema.usage_hour, rollups.hours, whole_hour),
        (schema.usage_mode, rollups.modes, whole_hour),
    ):
        compared += _compare_table(connection, findings, table, sums, whole_from)
    return compared + _compare_total(connection, findings, rollups, rows_from)


def _compare_table(
    connection: Connection,
    findings: _Findings,
    table: Table,
    sums: Mapping[Key, list[int]],
    whole_from: str,
) -> int:
    key_size = len(table.primary_key.columns)
    period = next(iter(table.primary_key.columns))
    statement = select(table).where(period >= whole_from)
    found = {tuple(row[:key_size]): row[key_size:] for row in connection.execute(statement)}
    expected = {key: row for key, row in sums.items() if str(key[0]) >= whole_from}
    _compare_sums(findings, table, found, expected)
    return len(found)


def _compare_total(
    connection: Connection, findings: _Findings, rollups: Rollups, rows_from: int
) -> int:
    """The sums over everything: from the rows, or, where they are not all there, from the hours."""
    table = schema.usage_total
    if not rows_from:
        return _compare_table_whole(connection, findings, rollups)
    key = ("provider", "model", "ending")
    summed = [func.sum(table.c[name]) for name in schema.MEASURES]
    by_total = select(*(table.c[name] for name in key), *summed)
    hours = schema.usage_hour
    by_hour = select(
        *(hours.c[name] for name in key), *(func.sum(hours.c[name]) for name in schema.MEASURES)
    )
    found = connection.execute(by_total.group_by(*(table.c[name] for name in key))).all()
    expected = connection.execute(by_hour.group_by(*(hours.c[name] for name in key))).all()
    size = len(key)
    _compare_sums(
        findings,
        table,
        {tuple(row[:size]): [int(value) for value in row[size:]] for row in found},
        {tuple(row[:size]): [int(value) for value in row[size:]] for row in expected},
    )
    return len(found)


def _compare_table_whole(connection: Connection, findings: _Findings, rollups: Rollups) -> int:
    table = schema.usage_total
    size = len(table.primary_key.columns)
    found = {tuple(row[:size]): row[size:] for row in connection.execute(select(table))}
    _compare_sums(findings, table, found, rollups.totals)
    return len(found)


def _compare_sums(
    findings: _Findings,
    table: Table,
    found: Mapping[Key, Sequence[int]],
    expected: Mapping[Key, Sequence[int]],
) -> None:
    measures = [column.name for column in table.columns if not column.primary_key]
    nothing = [0] * len(measures)
    for key in sorted(found.keys() | expected.keys(), key=str):
        have, want = found.get(key, nothing), expected.get(key, nothing)
        if list(have) != list(want):
            where = f"{table.name} {' '.join(str(part) or '-' for part in key)}"
            findings.compare(
                where,
                dict(zip(measures, have, strict=True)),
                dict(zip(measures, want, strict=True)),
            )
