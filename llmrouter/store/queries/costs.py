"""What live traffic cost, by day."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, Table, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from llmrouter.store.schema import usage_attempt_day, usage_day

_KEY: Final = ("day", "key_id", "provider", "model", "category")
_SUMMED: Final = frozenset(
    ("requests", "attempts", "input_tokens", "output_tokens", "cost_nusd", "unknown_costs")
)


@dataclass(frozen=True, slots=True)
class DayCost:
    """One day's (UTC) calls of one kind; None is what their requests did not have.

    ``requests`` are those that the model answered, or was the last to try; all else counts the
    calls made to it.  ``cost_nusd`` sums what is known; ``unknown_costs`` counts the calls that it
    leaves out.
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
    costs = union_all(
        _of_day(usage_day, {"requests"}, since_day, until_day),
        _of_day(usage_attempt_day, _SUMMED - {"requests"}, since_day, until_day),
    ).subquery()
    key = [costs.c[name] for name in _KEY]
    sums = [func.sum(costs.c[name]).label(name) for name in sorted(_SUMMED)]
    statement = select(*key, *sums).group_by(*key).order_by(*key)
    return tuple(_day_cost(row) for row in await connection.execute(statement))


def _of_day(table: Table, counted: Set[str], since_day: str, until_day: str | None) -> Select[Any]:
    """A table's live rows with all columns; what it does not count is 0."""
    statement = select(
        *(table.c[name] for name in _KEY),
        *(table.c[name] if name in counted else literal(0).label(name) for name in sorted(_SUMMED)),
    ).where(table.c.purpose == "live", table.c.day >= since_day)
    return statement if until_day is None else statement.where(table.c.day <= until_day)


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
