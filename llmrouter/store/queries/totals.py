"""Everything since the ledger began: what never falls, whatever is purged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select

from llmrouter.core.records import Record
from llmrouter.store.queries.usage import histogram_columns
from llmrouter.store.schema import MEASURES, usage_total


class Total(Record):
    """Live requests of one kind; empty text is what they did not have.

    ``amounts`` are the measures of ``usage_total``.
    """

    provider: str
    model: str
    category: str
    mode: str
    ending: str
    amounts: Mapping[str, int]

    def histogram(self, measure: str) -> list[int]:
        """The counts of a histogram (``duration``, ``first_token``), bucket by bucket."""
        return [self.amounts[name] for name in histogram_columns(measure)]


def totals(connection: Connection) -> tuple[Total, ...]:
    """Live requests by provider, model, category, mode and ending, over all nodes."""
    column = usage_total.c
    key = (column.provider, column.model, column.category, column.mode, column.ending)
    sums = (func.sum(column[name]) for name in MEASURES)
    rows = connection.execute(select(*key, *sums).group_by(*key).order_by(*key))
    return tuple(_total(row) for row in rows)


def _total(row: Row[Any]) -> Total:
    provider, model, category, mode, ending, *sums = tuple(row)
    # PostgreSQL's sums are decimals.
    amounts = dict(zip(MEASURES, map(int, sums), strict=True))
    return Total(provider, model, category, mode, ending, amounts)
