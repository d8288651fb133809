"""Sums over the daily usage rows, grouped as asked: as fast for a long history as for a short one,
but for its number of days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, Table, func, select

from llmrouter.core.days import DaySpan
from llmrouter.core.records import Record
from llmrouter.store.schema import HISTOGRAM_BITS, usage_attempt_day, usage_day, usage_decision_day

Dimension = Literal[
    "day",
    "key",
    "provider",
    "model",
    "category",
    "ending",
    "purpose",
    "outcome",
    "kind",
    "error_class",
    "cost_basis",
    "decided_by",
    "mode",
]
"""What sums are grouped by; a model is named ``provider/model``.  Requests have it up to
``purpose``, calls up to ``cost_basis``; decisions have day, category and the last two."""

_TABLES: Final[Mapping[str, Table]] = {
    "requests": usage_day,
    "calls": usage_attempt_day,
    "decisions": usage_decision_day,
}


class Asked(Record):
    """A question: sums of which measures, over what, by what.

    ``requests`` are live ones unless all are asked for, and so are ``calls`` to providers;
    ``decisions`` are always those of live requests.  Measures are columns of ``usage_day``,
    ``usage_attempt_day`` and ``usage_decision_day``.
    """

    of: Literal["requests", "calls", "decisions"]
    by: tuple[Dimension, ...]
    measures: tuple[str, ...]
    live_only: bool = True


class Sums(Record):
    """One group: its values in the order of `Asked.by` (None is "has none"), and the sums."""

    by: tuple[str | None, ...]
    amounts: Mapping[str, int]

    def histogram(self, measure: str) -> list[int]:
        """The counts of a histogram (``duration``, ``first_token``), bucket by bucket."""
        return [self.amounts[name] for name in histogram_columns(measure)]


def histogram_columns(measure: str) -> tuple[str, ...]:
    """The columns that hold a histogram."""
    return tuple(f"{measure}_log2_{bits}" for bits in HISTOGRAM_BITS)


def usage_sums(
    connection: Connection, span: DaySpan, asked: Iterable[Asked]
) -> list[tuple[Sums, ...]]:
    """For each question one group per combination of values that there is, in their order."""
    return [_groups(connection, span, one) for one in asked]


def _groups(connection: Connection, span: DaySpan, asked: Asked) -> tuple[Sums, ...]:
    table = _TABLES[asked.of]
    wanted = {column for name in asked.by for column in _columns(name)}
    # As they are and in the table's own order: expressions would take the database twice as long.
    keys = [column for column in table.c if column.name in wanted]
    sums = [func.sum(table.c[name]) for name in asked.measures]
    statement = select(*keys, *sums).where(table.c.day >= span.first, table.c.day <= span.last)
    if asked.live_only and asked.of != "decisions":
        statement = statement.where(table.c.purpose == "live")
    rows = connection.execute(statement.group_by(*keys))
    names = [column.name for column in keys]
    found = [_sums(row, names, asked) for row in rows if row[-1] is not None]
    return tuple(sorted(found, key=lambda one: [(v is None, v or "") for v in one.by]))


def _columns(name: Dimension) -> tuple[str, ...]:
    match name:
        case "model":
            return ("provider", "model")
        case "key":
            return ("key_id",)
        case _:
            return (name,)


def _sums(row: Row[Any], names: Sequence[str], asked: Asked) -> Sums:
    values = dict(zip(names, row, strict=False))
    by = tuple("/".join(filter(None, map(values.__getitem__, _columns(n)))) for n in asked.by)
    # PostgreSQL's sums are decimals.
    amounts = dict(zip(asked.measures, map(int, row[len(names) :]), strict=True))
    return Sums(tuple(value or None for value in by), amounts)
