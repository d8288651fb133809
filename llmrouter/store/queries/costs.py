"""What live traffic cost, by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from llmrouter.store.schema import usage_day


@dataclass(frozen=True, slots=True)
class DayCost:
    """One day's (UTC) requests of one kind; None is what they did not have.

    ``cost_nusd`` sums what is known; ``unknown_costs`` counts the requests that it leaves out.
    """

    day: str
    key_id: str | None
    provider: str | None
    model: str | None
    category: str | None
    requests: int
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    unknown_costs: int


async def costs_by_day(
    connection: AsyncConnection, *, since_day: str, until_day: str | None = None
) -> tuple[DayCost, ...]:
    """Costs from a day on (``2026-11-20``), up to another and including it."""
    day = usage_day.c
    key = (day.day, day.key_id, day.provider, day.model, day.category)
    sums = (
        day.requests,
        day.attempts,
        day.input_tokens,
        day.output_tokens,
        day.cost_nusd,
        day.unknown_costs,
    )
    statement = (
        select(*key, *(func.sum(column).label(column.name) for column in sums))
        .where(day.purpose == "live", day.day >= since_day)
        .group_by(*key)
        .order_by(*key)
    )
    if until_day is not None:
        statement = statement.where(day.day <= until_day)
    return tuple(_day_cost(row) for row in await connection.execute(statement))


def _day_cost(row: Row[Any]) -> DayCost:
    return DayCost(
        day=row.day,
        key_id=row.key_id or None,
        provider=row.provider or None,
        model=row.model or None,
        category=row.category or None,
        # PostgreSQL's sums are decimals.
        requests=int(row.requests),
        attempts=int(row.attempts),
        input_tokens=int(row.input_tokens),
        output_tokens=int(row.output_tokens),
        cost_nusd=int(row.cost_nusd),
        unknown_costs=int(row.unknown_costs),
    )
