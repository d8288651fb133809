"""How requests ended, which calls failed and how, and what failing cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from markupsafe import Markup

from llmrouter.core.routing import Ending
from llmrouter.pages.bars import bars, stacked_columns
from llmrouter.pages.series import Series
from llmrouter.reports.groups import Amounts, Group, all_of, by_group, known, split_by
from llmrouter.reports.ordering import in_order
from llmrouter.reports.report import (
    Column,
    Question,
    Report,
    Row,
    Table,
    group_name,
    grouping_columns,
)
from llmrouter.store.queries.usage import Asked, Sums
from llmrouter.store.reader import LedgerReader

ENDINGS: Final[tuple[Ending, ...]] = get_args(Ending)

_REQUESTS: Final = Column("requests", "requests", "count")
_CALLS: Final = Column("calls", "calls", "count")
_COST: Final = Column("cost_usd", "cost", "usd")
_FAILED: Final = Column("failed_calls", "failed calls", "count")
_FAILED_COST: Final = Column("failed_calls_usd", "cost of failed calls", "usd")
_ENDING_COLUMNS: Final = (
    _REQUESTS,
    *(Column(ending, ending, "count") for ending in ENDINGS),
    Column("not_completed_share", "not completed", "share"),
)
_FAILURE_COLUMNS: Final = (
    Column("outcome", "outcome", "text"),
    Column("error_class", "class", "text"),
    _CALLS,
    Column("share_of_calls", "of all calls", "share"),
    _COST,
    Column("unknown_costs", "cost unknown", "count"),
)
_NOTES: Final = (
    "Endings count requests, under the model that answered, if one did.",
    "Failures count calls, under the model that was called, also of requests that then completed.",
    "docs/faults.md says what each class means.",
)
_MOST_BARS: Final = 20


async def errors(reader: LedgerReader, question: Question) -> Report:
    """What went wrong with live traffic in a span of days."""
    by = question.by
    # One scan for the table and for the chart.
    requests, calls = await reader.usage_sums(
        question.span,
        Asked("requests", (*by, "ending", "day"), ("requests",)),
        Asked("calls", (*by, "outcome", "error_class"), ("attempts", "cost_nusd", "unknown_costs")),
    )
    endings = split_by(requests, len(by))
    ended = [_ended(group, parts) for group, parts in endings.items()]
    together: dict[str, Amounts] = {
        ending: all_of(parts[ending] for parts in endings.values() if ending in parts)
        for ending in ENDINGS
    }
    columns = (*grouping_columns(by), *_ENDING_COLUMNS)
    failures, total = _failures(calls, len(by))
    whole = _ended((None,) * len(by), together)
    failed_columns = (*grouping_columns(by), *_FAILURE_COLUMNS)
    return Report(
        "errors",
        "Errors",
        question.span,
        by,
        (
            Table(
                "endings",
                "How requests ended",
                columns,
                tuple(in_order(ended, by, columns.index(_REQUESTS))),
                whole,
            ),
            Table(
                "failures",
                "Calls that did not succeed",
                failed_columns,
                tuple(in_order(failures, by, failed_columns.index(_CALLS))),
                total,
            ),
        ),
        _NOTES,
        (
            *((c, v) for c, v in zip(columns, whole, strict=True) if c.name not in by and v),
            (_FAILED, total[failed_columns.index(_CALLS)]),
            (_FAILED_COST, total[failed_columns.index(_COST)]),
        ),
        tuple(_charts(requests, calls, question)),
    )


def _ended(group: Group, parts: dict[str, Amounts]) -> Row:
    counts = [parts[ending]["requests"] if ending in parts else 0 for ending in ENDINGS]
    requests = sum(counts)
    completed = counts[ENDINGS.index("completed")]
    return (*group, requests, *counts, 1 - completed / requests if requests else None)


def _failures(calls: Sequence[Sums], width: int) -> tuple[list[Row], Row]:
    """A row per group, outcome and class, and their sum."""
    of_all = {group: amounts["attempts"] for group, amounts in by_group(calls, width).items()}
    failed = [one for one in calls if one.by[width] != "succeeded"]
    rows = [_failure(one.by, one.amounts, of_all[one.by[:width]]) for one in failed]
    whole = all_of(by_group(failed, 0).values())
    return rows, _failure((None,) * (width + 2), whole, sum(of_all.values()))


def _failure(by: Group, amounts: Mapping[str, int], calls: int) -> Row:
    failed, unknown = amounts["attempts"], amounts["unknown_costs"]
    cost = known(amounts["cost_nusd"], unknown, failed)
    return (*by, failed, failed / calls if calls else None, cost, unknown)


def _charts(
    requests: Sequence[Sums], calls: Sequence[Sums], question: Question
) -> Iterator[Markup]:
    days, width = question.span.days, len(question.by)
    by_ending = [Sums(one.by[width:], one.amounts) for one in requests]
    series = [
        Series(group[0] or "", [float(parts[day]["requests"]) if day in parts else 0.0
                                for day in days])
        for group, parts in split_by(by_ending, 1).items()
        if group[0] != "completed"
    ]  # fmt: skip
    yield stacked_columns("Requests by day that did not complete", days, series)
    failed = [one for one in calls if one.by[width] != "succeeded"]
    largest = sorted(failed, key=lambda one: -one.amounts["attempts"])[:_MOST_BARS]
    names = [group_name(one.by) for one in largest]
    yield bars("Calls that did not succeed", names, [one.amounts["attempts"] for one in largest])
