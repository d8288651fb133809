"""The order of a report's rows."""

from __future__ import annotations

from collections.abc import Sequence

from llmrouter.reports.report import GroupedBy, Row


def in_order(rows: Sequence[Row], by: Sequence[GroupedBy], measure: int) -> list[Row]:
    """By day where that is the first grouping, else the largest first."""
    if by and by[0] == "day":
        return sorted(rows, key=lambda row: tuple(str(value) for value in row[: len(by)]))

    def size(row: Row) -> float:
        amount = row[measure]
        return -amount if isinstance(amount, int | float) else 1

    return sorted(rows, key=lambda row: (size(row), [str(value) for value in row[: len(by)]]))
