"""Reports say what the ledger's rows say, and never 0 for what nobody knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from llmrouter.core.days import DaySpan
from llmrouter.reports.forms import as_csv, as_html, as_json, rows_with_total
from llmrouter.reports.making import MAKERS
from llmrouter.reports.report import GroupedBy, Question, Report, ReportKind
from llmrouter.store.reader import LedgerReader
from tests.reports.conftest import SPAN


async def make(
    reader: LedgerReader, kind: ReportKind, *by: GroupedBy, span: DaySpan = SPAN
) -> Report:
    return await MAKERS[kind](reader, Question(span, by))


def rows(report: Report, table: str | None = None) -> Sequence[Mapping[str, Any]]:
    tables = as_json(report)["tables"]
    found: Sequence[Mapping[str, Any]] = tables[table or next(iter(tables))]["rows"]
    return found


def total(report: Report, table: str | None = None) -> Mapping[str, Any]:
    tables = as_json(report)["tables"]
    found: Mapping[str, Any] = tables[table or next(iter(tables))]["total"]
    return found


async def test_costs_stand_under_the_model_that_was_called(reader: LedgerReader) -> None:
    report = await make(reader, "costs", "model")

    found = {row["model"]: row for row in rows(report)}
    assert [row["model"] for row in rows(report)] == [
        "harbour/beacon-1",
        "harbour/fog-2",
        None,
        "isle/tide/large",
    ]
    assert found["harbour/beacon-1"]["requests"] == 3
    assert found["harbour/beacon-1"]["cost_usd"] == pytest.approx(0.008000007)
    assert found["harbour/fog-2"]["requests"] == 0
    assert found["harbour/fog-2"]["calls"] == 5
    assert found["harbour/fog-2"]["cost_usd"] == 0.001
    assert found[None]["requests"] == 1  # the rejected one


async def test_a_cost_that_nobody_knows_is_unknown_and_counted(reader: LedgerReader) -> None:
    report = await make(reader, "costs", "model")

    [unknown] = [row for row in rows(report) if row["model"] == "isle/tide/large"]
    assert (unknown["cost_usd"], unknown["unknown_costs"], unknown["basis"]) == (
        None,
        2,
        "unknown",
    )
    assert total(report)["cost_usd"] == pytest.approx(0.009000007)
    assert total(report)["unknown_costs"] >= 2
    shown = [cells for cells in rows_with_total(report.tables[0]) if cells[0] == "isle/tide/large"]
    assert "unknown" in shown[0]
    assert any("not known" in note for note in report.notes)


async def test_costs_by_day_are_in_the_order_of_days_and_of_this_span_alone(
    reader: LedgerReader,
) -> None:
    report = await make(reader, "costs", "day")

    assert [row["day"] for row in rows(report)] == list(SPAN.days)
    assert sum(row["requests"] for row in rows(report)) == 6


@pytest.mark.parametrize("by", [(), ("key",), ("provider", "category"), ("day", "model")])
async def test_the_groups_of_costs_sum_to_the_total(
    reader: LedgerReader, by: tuple[GroupedBy, ...]
) -> None:
    report = await make(reader, "costs", *by)

    for name in ("requests", "calls", "input_tokens", "unknown_costs", "computed_usd"):
        assert sum(row[name] for row in rows(report)) == pytest.approx(total(report)[name]), name
    assert total(report)["requests"] == 6
    assert total(report)["calls"] == 10


async def test_latency_names_the_bucket_in_which_the_true_value_lies(reader: LedgerReader) -> None:
    report = await make(reader, "latency", "model")

    [slow, _] = rows(report)
    assert slow["model"] == "harbour/beacon-1"
    assert slow["requests"] == 2  # 250 ms and 3 s; the interrupted one is left out
    assert slow["avg_ms"] == 1625
    assert slow["p99_at_least_ms"] <= 3000 <= slow["p99_at_most_ms"]
    assert slow["p99_at_least_ms"] <= slow["p99_ms"] <= slow["p99_at_most_ms"]
    assert slow["first_token_p50_at_least_ms"] <= 49.2 <= slow["first_token_p50_at_most_ms"]


async def test_errors_tell_endings_classes_and_what_failing_cost(reader: LedgerReader) -> None:
    report = await make(reader, "errors", "provider")

    endings = {row["provider"]: row for row in rows(report, "endings")}
    assert (endings["harbour"]["completed"], endings["harbour"]["interrupted"]) == (2, 1)
    assert endings[None]["rejected"] == 1
    assert total(report, "endings")["not_completed_share"] == pytest.approx(2 / 6, abs=1e-6)
    [failure] = rows(report, "failures")
    assert (failure["outcome"], failure["error_class"], failure["calls"]) == (
        "failed",
        "transient",
        5,
    )
    assert failure["cost_usd"] == 0.001
    assert failure["share_of_calls"] == pytest.approx(5 / 8)


async def test_categories_tell_the_mix_and_what_settled_it(reader: LedgerReader) -> None:
    report = await make(reader, "categories", "category")

    mix = {row["category"]: row for row in rows(report, "mix")}
    assert (mix["code"]["requests"], mix["code"]["share"]) == (3, 0.5)
    assert mix["code"]["unknown_costs"] == 1
    assert mix["code"]["cost_each_usd"] == pytest.approx(0.0025000035, abs=1e-9)
    decided = {(row["category"], row["decided_by"]): row for row in rows(report, "decisions")}
    assert decided["code", "keywords"]["requests"] == 3
    assert decided["code", "keywords"]["mode"] == "keywords"


@pytest.mark.parametrize("kind", MAKERS)
async def test_days_without_traffic_make_an_empty_report(
    reader: LedgerReader, kind: ReportKind
) -> None:
    report = await make(reader, kind, "day", span=DaySpan("2020-01-01", "2020-01-03"))

    assert report.is_empty
    assert "<h1>" in as_html(report)


@pytest.mark.parametrize("kind", MAKERS)
async def test_every_form_has_the_same_rows(reader: LedgerReader, kind: ReportKind) -> None:
    report = await make(reader, kind, "category")

    for table in report.tables:
        read = list(csv.DictReader(io.StringIO(as_csv(table))))
        documents = rows(report, table.name)
        assert len(read) == len(documents) == len(table.rows) > 0
        for line, document in zip(read, documents, strict=True):
            assert list(line) == list(document)
            for name, value in document.items():
                assert line[name] == "" if value is None else line[name]
        page = as_html(report)
        for cells in rows_with_total(table):
            assert all(f">{cell}</t" in page for cell in cells)


async def test_csv_has_exact_dollars(reader: LedgerReader) -> None:
    report = await make(reader, "costs", "day")

    [first, *_] = csv.DictReader(io.StringIO(as_csv(report.tables[0])))
    assert first["cost_usd"] == "0.000000007"
