"""The forms of a report: JSON, CSV, an HTML page, cells for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, assert_never

from llmrouter.core.usage import usd_from_nusd
from llmrouter.pages import shown
from llmrouter.pages.page import page, paragraph, section, tiles
from llmrouter.pages.table import table as html_table
from llmrouter.reports.report import Column, Measure, Report, Row, Table, Value

NO_VALUE = "-"
TOTAL = "total"


def as_json(report: Report) -> dict[str, Any]:
    """The whole report as a document; dollars are numbers, unknown is null."""
    return {
        "report": report.kind,
        "since": report.span.first,
        "until": report.span.last,
        "by": list(report.by),
        "tables": {
            table.name: {
                "rows": [_json_row(table, row) for row in table.rows],
                "total": table.total and _json_row(table, table.total),
            }
            for table in report.tables
        },
        "notes": list(report.notes),
    }


def as_csv(table: Table) -> str:
    """A table with its headings; dollars are exact, unknown is empty, the total is left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    for row in table.rows:
        exact = (_exact(c.measure, value) for c, value in zip(table.columns, row, strict=True))
        writer.writerow(f"{v:f}" if isinstance(v, Decimal) else v for v in exact)
    return text.getvalue()


def as_html(report: Report) -> str:
    """A page of its own, with charts."""
    figures = {column.title: _shown(column, value) for column, value in report.key_figures}
    return page(
        f"llmrouter: {report.title.lower()}",
        tiles(figures),
        *(paragraph(note) for note in report.notes),
        *report.charts,
        *(section(table.title, _html_table(table)) for table in report.tables),
        subtitle=f"{report.span.shown} (days in UTC)",
    )


def titles(table: Table) -> list[str]:
    """The headings that people see."""
    return [column.title for column in table.columns if not column.for_programs]


def cells(table: Table, row: Row) -> list[str]:
    """A row as people see it."""
    return [
        _shown(column, value)
        for column, value in zip(table.columns, row, strict=True)
        if not column.for_programs
    ]


def rows_with_total(table: Table) -> Iterable[list[str]]:
    """Every row as people see it; the total, where it adds anything, last and named."""
    yield from (cells(table, row) for row in table.rows)
    if table.total is not None and len(table.rows) > 1:
        last = cells(table, table.total)
        if table.columns[0].measure == "text":
            last[0] = TOTAL
        yield last


def _html_table(table: Table) -> str:
    return html_table(titles(table), rows_with_total(table))


def _json_row(table: Table, row: Row) -> dict[str, Any]:
    return {
        column.name: _number(column.measure, value)
        for column, value in zip(table.columns, row, strict=True)
    }


def _number(measure: Measure, value: Value) -> Value:
    exact = _exact(measure, value)
    return float(exact) if isinstance(exact, Decimal) else exact


def _exact(measure: Measure, value: Value) -> Value | Decimal:
    if measure == "usd" and isinstance(value, int):
        return usd_from_nusd(value)
    return round(value, 6) if isinstance(value, float) else value


def _shown(column: Column, value: Value) -> str:
    """A value for people; money and durations that nobody knows say so."""
    if value is None:
        return shown.UNKNOWN if column.measure == "usd" else NO_VALUE
    if isinstance(value, str):
        return value
    match column.measure:
        case "count":
            return shown.count(value)
        case "usd":
            return shown.usd(value / 1e9)
        case "ms":
            return shown.ms(value)
        case "share":
            return shown.percent(value)
        case "text":
            return str(value)
        case _:
            assert_never(column.measure)
