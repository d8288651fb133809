"""What live traffic amounts to, from the usage rows: as fast after a million requests as after one.

A request of another purpose (a replay, a probe, an import) counts nowhere here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select

from llmrouter.core.records import Record
from llmrouter.store.rollups import hour_of
from llmrouter.store.schema import usage_hour, usage_mode, usage_total


class Metrics(Record):
    """Counts of requests, and what they took.

    ``success`` are completed requests, ``failed`` all others.  ``avg_latency_ms`` is over
    completed requests.  ``cost_nusd`` sums what is known; ``unknown_costs`` counts the requests
    that it leaves out.  Distributions count requests: by ``provider/model`` and provider of the
    answer, by category, by the routing mode that answered.
    """

    total: int
    success: int
    failed: int
    avg_latency_ms: float | None
    cost_nusd: int
    unknown_costs: int
    models: Mapping[str, int]
    providers: Mapping[str, int]
    categories: Mapping[str, int]
    modes: Mapping[str, int]


def metrics(connection: Connection, since_us: int | None = None) -> Metrics:
    """Everything since the ledger began, or since the hour in which ``since_us`` lies."""
    usage = _usage(connection, since_us)
    modes = _modes(connection, since_us)
    completed = [row for row in usage if row.ending == "completed"]
    total, success = _sum(usage, "requests"), _sum(completed, "requests")
    return Metrics(
        total=total,
        success=success,
        failed=total - success,
        avg_latency_ms=_sum(completed, "duration_us") / success / 1000 if success else None,
        cost_nusd=_sum(usage, "cost_nusd"),
        unknown_costs=_sum(usage, "unknown_costs"),
        models=_count((f"{row.provider}/{row.model}", row) for row in usage if row.provider),
        providers=_count((row.provider, row) for row in usage if row.provider),
        categories=_count((row.category, row) for row in modes if row.category),
        modes=_count((row.mode, row) for row in modes if row.mode),
    )


def _usage(connection: Connection, since_us: int | None) -> list[Row[Any]]:
    table = usage_total if since_us is None else usage_hour
    key = (table.c.provider, table.c.model, table.c.ending)
    sums = ("requests", "duration_us", "cost_nusd", "unknown_costs")
    statement = select(*key, *(func.sum(table.c[name]).label(name) for name in sums)).group_by(*key)
    if since_us is not None:
        statement = statement.where(usage_hour.c.hour >= hour_of(since_us))
    return list(connection.execute(statement))


def _modes(connection: Connection, since_us: int | None) -> list[Row[Any]]:
    table = usage_total if since_us is None else usage_mode
    key = (table.c.category, table.c.mode)
    statement = select(*key, func.sum(table.c.requests).label("requests")).group_by(*key)
    if since_us is not None:
        statement = statement.where(usage_mode.c.hour >= hour_of(since_us))
    return list(connection.execute(statement))


def _sum(rows: Iterable[Row[Any]], column: str) -> int:
    return sum(int(getattr(row, column)) for row in rows)


def _count(named: Iterable[tuple[str, Row[Any]]]) -> dict[str, int]:
    """Requests by name, the most frequent first."""
    counts: Counter[str] = Counter()
    for name, row in named:
        counts[name] += int(row.requests)
    return dict(counts.most_common())
