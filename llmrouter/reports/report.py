"""What a report is made of, whichever form it is shown in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

from markupsafe import Markup

from llmrouter.core.days import DaySpan
from llmrouter.core.records import Record

ReportKind = Literal["costs", "latency", "errors", "categories", "savings"]

GroupedBy = Literal["day", "key", "provider", "model", "category"]
"""What people group reports by."""

GROUPINGS: Final[tuple[GroupedBy, ...]] = get_args(GroupedBy)

Measure = Literal["text", "count", "usd", "ms", "share"]
"""What a column's values are: words, whole numbers, nano-dollars, milliseconds, parts of 1."""

Value = str | int | float | None
"""None is "not known", or in a grouping "has none"."""

Row = tuple[Value, ...]


class Column(Record):
    """``name`` carries the unit and is for programs, ``title`` is for people.

    A column that is ``for_programs`` is left out where people read.
    """

    name: str
    title: str
    measure: Measure
    for_programs: bool = False


class Table(Record):
    """Rows under their columns; ``total`` sums up what can be summed up."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None


class Report(Record):
    """Tables, the notes without which they would mislead, and charts for a page."""

    kind: ReportKind
    title: str
    span: DaySpan
    by: tuple[GroupedBy, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    key_figures: tuple[tuple[Column, Value], ...] = ()
    charts: tuple[Markup, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to report on."""
        return not any(table.rows for table in self.tables)


class Question(Record):
    """What a report is asked for; ``baseline`` is the model that savings are held against."""

    span: DaySpan
    by: tuple[GroupedBy, ...]
    baseline: str | None = None


def grouping_columns(by: Sequence[GroupedBy]) -> tuple[Column, ...]:
    """The columns that say which group a row is."""
    return tuple(Column(name, name, "text") for name in by)


def group_name(values: Iterable[str | None]) -> str:
    """A group in a chart."""
    return " · ".join("(none)" if value is None else value for value in values) or "all"
