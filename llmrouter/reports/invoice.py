"""Reads a vendor's usage export: sums by day and model."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from llmrouter.core.records import Record
from llmrouter.core.usage import nusd_from_usd
from llmrouter.reports.invoice_shapes import SHAPES, InvoiceMeasure, Shape, shape_of

ALL_MODELS: Final = ""
"""The model of an invoice that tells none apart."""

# A snapshot's date, or that the newest is meant: -20250929, -2024-08-06, -0613, @20250929, -latest.
_SNAPSHOT: Final = re.compile(r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_DELIMITERS: Final = ",;\t"

Line = tuple[str, str]
"""A day and a model as `plain_model` writes it."""

Amounts = dict[InvoiceMeasure, int]
"""Counts, and under ``cost_usd`` nano-dollars."""


class InvoiceUnreadable(ValueError):
    """The file is no invoice that we can read; the text says where, and what to do."""


class Invoice(Record):
    """What a vendor says: sums by day (UTC) and model, of the measures that its file has."""

    shape: Shape
    measures: tuple[InvoiceMeasure, ...]
    lines: Mapping[Line, Amounts]
    by_model: bool

    @property
    def days(self) -> list[str]:
        """The days on it, in order."""
        return sorted({day for day, _ in self.lines})


@dataclass(slots=True)
class _Sums:
    lines: dict[Line, Amounts] = field(default_factory=dict)

    def add(self, line: Line, measure: InvoiceMeasure, amount: int) -> None:
        amounts = self.lines.setdefault(line, {})
        amounts[measure] = amounts.get(measure, 0) + amount


def read_invoice(text: str, shape: Shape | None = None) -> Invoice:
    """The invoice in a CSV file; its shape is recognised by its columns when none is given.

    Raises `InvoiceUnreadable`.
    """
    first = text.lstrip("\ufeff").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.DictReader(text.lstrip("\ufeff").splitlines(), delimiter=delimiter)
    header = frozenset(name.strip() for name in rows.fieldnames or ())
    shape = shape or shape_of(header)
    if shape is None:
        known = ", ".join(known.name for known in SHAPES)
        raise InvoiceUnreadable(
            f"its columns ({', '.join(sorted(header)) or 'none'}) are those of none of these "
            f"exports: {known}. Name them: --columns day=…,model=…,cost_usd=…"
        )
    _require(shape, header)
    sums = _Sums()
    for number, row in enumerate(rows, start=2):
        _add_row(sums, shape, {(k or "").strip(): v for k, v in row.items()}, number)
    if not sums.lines:
        raise InvoiceUnreadable("it has no row with a day and an amount")
    found = {measure for amounts in sums.lines.values() for measure in amounts}
    order = ("cost_usd", "requests", "input_tokens", "output_tokens")
    return Invoice(
        shape,
        tuple(measure for measure in order if measure in found),
        sums.lines,
        any(model != ALL_MODELS for _, model in sums.lines),
    )


def plain_model(name: str) -> str:
    """A model's name as it can be compared: ``Claude Haiku 4.5`` and ``claude-haiku-4-5-20251001``
    are one, and so are a dated snapshot and the name that stands for the newest."""
    plain = name.strip().lower().replace(" ", "-").replace(".", "-")
    return _SNAPSHOT.sub("", plain.partition(":")[0])


def _require(shape: Shape, header: frozenset[str]) -> None:
    wanted = [shape.day, *(column for columns in shape.measures.values() for column in columns)]
    # Measures may be there in part: an older export lacks the newer columns.
    needed = [shape.day] if shape.marks else [*wanted, *([shape.model] if shape.model else [])]
    missing = [column for column in needed if column not in header]
    if missing:
        raise InvoiceUnreadable(
            f"it has no column {', '.join(missing)}; its columns are {', '.join(sorted(header))}"
        )


def _add_row(sums: _Sums, shape: Shape, row: Mapping[str, str | None], number: int) -> None:
    amounts = list(_amounts(shape, row, number))
    if not amounts:
        return  # OpenAI writes a row without amounts for a bucket in which nothing was used
    if shape.currency and (row.get(shape.currency) or "usd").lower() != "usd":
        raise InvoiceUnreadable(
            f"row {number} is in {row[shape.currency]}; only US dollars can be compared"
        )
    line = (_day(row.get(shape.day), number), _model(shape, row))
    for measure, amount in amounts:
        sums.add(line, measure, amount)
    if shape.counts_rows:
        sums.add(line, "requests", 1)


def _amounts(
    shape: Shape, row: Mapping[str, str | None], number: int
) -> Iterator[tuple[InvoiceMeasure, int]]:
    for measure, columns in shape.measures.items():
        for column in columns:
            written = (row.get(column) or "").strip().replace(",", "").removeprefix("$")
            if not written:
                continue
            try:
                amount = Decimal(written)
            except InvalidOperation:
                raise InvoiceUnreadable(
                    f"row {number}, column {column}: {row.get(column)!r} is no number"
                ) from None
            yield measure, nusd_from_usd(amount) if measure == "cost_usd" else int(amount)


def _model(shape: Shape, row: Mapping[str, str | None]) -> str:
    name = (row.get(shape.model) or "") if shape.model else ""
    return plain_model(name.partition(shape.model_ends_at)[0] if shape.model_ends_at else name)


def _day(written: str | None, number: int) -> str:
    """The day in UTC of a date or a moment; a moment without a zone is in UTC."""
    text = (written or "").strip().replace("/", "-")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvoiceUnreadable(
            f"row {number}: {written!r} is no date such as 2026-11-20"
        ) from None
    return str((moment.astimezone(UTC) if moment.tzinfo else moment).date())
