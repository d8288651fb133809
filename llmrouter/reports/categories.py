"""Where traffic went: the mix of categories, what settled them, and what each cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from llmrouter.pages.bars import stacked_columns
from llmrouter.pages.series import Series
from llmrouter.reports.groups import all_of, known, split_by
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

_REQUESTS: Final = Column("requests", "requests", "count")
_SHARE: Final = Column("share", "share", "share")
_MIX: Final = (
    _REQUESTS,
    _SHARE,
    Column("completed", "completed", "count"),
    Column("cost_usd", "cost", "usd"),
    Column("unknown_costs", "cost unknown", "count"),
    Column("cost_each_usd", "cost each", "usd"),
)
_DECISIONS: Final = (
    Column("category", "category", "text"),
    Column("decided_by", "decided by", "text"),
    Column("mode", "mode", "text"),
    _REQUESTS,
    _SHARE,
    Column("cost_usd", "cost", "usd"),
    Column("unknown_costs", "cost unknown", "count"),
)
_NOTES: Final = (
    "A request has no category when the client named a model or combo itself, or was rejected.",
    "The cost of each is over the requests whose cost is known.",
)


async def categories(reader: LedgerReader, question: Question) -> Report:
    """The mix of live traffic in a span of days."""
    by = question.by
    measures = ("requests", "cost_nusd", "unknown_costs")
    mix, decisions, daily = await reader.usage_sums(
        question.span,
        Asked("requests", (*by, "ending"), measures),
        Asked("decisions", ("category", "decided_by", "mode"), measures),
        Asked("requests", ("category", "day"), ("requests",)),
    )
    everything = sum(one.amounts["requests"] for one in mix)
    mixed = [_mixed(row, everything) for row in _counted(mix, len(by))]
    columns = (*grouping_columns(by), *_MIX)
    whole = _mixed(_whole(mix, len(by)), everything)
    rows = in_order(mixed, by, columns.index(_REQUESTS))
    settled = [_decision(one, everything) for one in decisions]
    return Report(
        "categories",
        "Categories",
        question.span,
        by,
        (
            Table("mix", "Mix", columns, tuple(rows), whole),
            Table(
                "decisions",
                "What settled them",
                _DECISIONS,
                tuple(in_order(settled, (), _DECISIONS.index(_REQUESTS))),
            ),
        ),
        _NOTES,
        tuple((c, v) for c, v in zip(columns, whole, strict=True) if c.name not in by),
        tuple(_charts(daily, question)),
    )


_Counts = tuple[tuple[str | None, ...], int, int, int, int]
"""A group, its requests, those that completed, its known cost (nano-dollars), unknown costs."""


def _counted(mix: Sequence[Sums], width: int) -> Iterator[_Counts]:
    for group, endings in split_by(mix, width).items():
        amounts = all_of(endings.values())
        completed = endings["completed"]["requests"] if "completed" in endings else 0
        yield (
            group,
            amounts["requests"],
            completed,
            amounts["cost_nusd"],
            amounts["unknown_costs"],
        )


def _whole(mix: Sequence[Sums], width: int) -> _Counts:
    counts = [one[1:] for one in _counted(mix, width)]
    requests, completed, cost, unknown = map(sum, zip(*counts, strict=True)) if counts else (0,) * 4
    return ((None,) * width, requests, completed, cost, unknown)


def _mixed(counts: _Counts, everything: int) -> Row:
    group, requests, completed, cost_nusd, unknown = counts
    priced = requests - unknown
    return (
        *group,
        requests,
        requests / everything if everything else None,
        completed,
        known(cost_nusd, unknown, requests),
        unknown,
        round(cost_nusd / priced) if priced else None,
    )


def _decision(one: Sums, everything: int) -> Row:
    requests, unknown = one.amounts["requests"], one.amounts["unknown_costs"]
    share = requests / everything if everything else None
    return (*one.by, requests, share, known(one.amounts["cost_nusd"], unknown, requests), unknown)


def _charts(daily: Sequence[Sums], question: Question) -> Iterator[Markup]:
    days = question.span.days
    series = [
        Series(group_name(group), [float(parts[day]["requests"]) if day in parts else 0.0
                                   for day in days])
        for group, parts in split_by(daily, 1).items()
    ]  # fmt: skip
    yield stacked_columns("Requests by day and category", days, series)
