"""Named rows of numbers, and how many of them a chart can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llmrouter.core.records import Record

COLOURS: Final = 8
"""More cannot be told apart, least of all by people who see fewer colours."""


class Series(Record):
    """One value per label of its chart; None is unknown."""

    name: str
    values: Sequence[float | None]

    @property
    def total(self) -> float:
        """The sum of what is known."""
        return sum(value for value in self.values if value is not None)


def largest(series: Sequence[Series]) -> list[Series]:
    """The series in the order of their totals; those that have no colour of their own as one."""
    ordered = sorted(series, key=lambda one: one.total, reverse=True)
    if len(ordered) <= COLOURS:
        return ordered
    kept, rest = ordered[: COLOURS - 1], ordered[COLOURS - 1 :]
    columns = zip(*(one.values for one in rest), strict=True)
    return [*kept, Series(f"{len(rest)} others", [_sum(column) for column in columns])]


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
