"""What a view is: its columns, each with its unit and meaning, and where they come from."""

from __future__ import annotations

from typing import Literal

from llmrouter.core.records import Record

Unit = Literal["text", "number", "tokens", "USD", "ms", "µs", "time", "date", "true/false", "JSON"]
"""What a column's values are; a time is ISO 8601 in UTC with milliseconds."""


class ViewColumn(Record):
    """One column: its name, its unit, what it says, and the expression behind it."""

    name: str
    unit: Unit
    meaning: str
    sql: str


class View(Record):
    """A view: one row per what, its columns, and where they come from."""

    name: str
    meaning: str
    columns: tuple[ViewColumn, ...]
    source: str
    """Everything from FROM on."""

    @property
    def create_sql(self) -> str:
        columns = ",\n  ".join(f"{column.sql} AS {column.name}" for column in self.columns)
        return f"CREATE VIEW {self.name} AS\nSELECT\n  {columns}\n{self.source}"
