"""How long completed requests took, and how long until their first token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from llmrouter.core.histogram import percentile, upper_edges_us
from llmrouter.pages.distribution import cumulative, histogram
from llmrouter.pages.lines import lines
from llmrouter.pages.series import Series
from llmrouter.pages.shown import ms
from llmrouter.reports.groups import Amounts, Group, all_of, by_group, split_by
from llmrouter.reports.ordering import in_order
from llmrouter.reports.report import (
    Column,
    Question,
    Report,
    Row,
    Table,
    Value,
    group_name,
    grouping_columns,
)
from llmrouter.store.queries.usage import Asked, Dimension, Sums, histogram_columns
from llmrouter.store.reader import LedgerReader

PERCENTILES: Final = (("p50", 0.50), ("p95", 0.95), ("p99", 0.99))

_OF: Final = (("duration", "", "requests"), ("first_token", "first token ", "first_tokens"))
_MEASURES: Final = (
    "requests",
    "duration_us",
    "first_tokens",
    "first_token_us",
    *histogram_columns("duration"),
    *histogram_columns("first_token"),
)
_NOTE: Final = (
    "Percentiles are approximations, read from histograms whose buckets double: the true value "
    "lies in the same bucket, so it is at most twice or half of what is shown. JSON and CSV name "
    "the bucket's ends. Averages are exact."
)
_ONLY: Final = "Completed live requests only; a time to the first token is there where one came."


async def latency(reader: LedgerReader, question: Question) -> Report:
    """The durations of live traffic in a span of days."""
    by, by_day = question.by, "day" not in question.by
    asked: tuple[Dimension, ...] = (*by, "ending", "day") if by_day else (*by, "ending")
    [sums] = await reader.usage_sums(question.span, Asked("requests", asked, _MEASURES))
    completed = [one for one in sums if one.by[len(by)] == "completed"]
    groups = by_group(completed, len(by))
    columns = (*grouping_columns(by), *_columns())
    requests = columns.index(_REQUESTS)
    rows = in_order([_row(*group) for group in groups.items()], by, requests)
    whole = all_of(groups.values())
    total = _row((None,) * len(by), whole)
    return Report(
        "latency",
        "Latency",
        question.span,
        by,
        (Table("latency", "Latency", columns, tuple(rows), total),),
        (_ONLY, _NOTE),
        tuple(
            (column, value)
            for column, value in zip(columns, total, strict=True)
            if not column.for_programs and column.name not in by
        ),
        tuple(_charts(groups, whole, completed if by_day else (), question)),
    )


_REQUESTS: Final = Column("requests", "requests", "count")


def _columns() -> Iterator[Column]:
    yield _REQUESTS
    for name, title, _ in _OF:
        prefix = "" if name == "duration" else f"{name}_"
        yield Column(f"{prefix}avg_ms", f"{title}average", "ms")
        for shown, _share in PERCENTILES:
            yield Column(f"{prefix}{shown}_ms", f"{title}{shown}", "ms")
            yield Column(f"{prefix}{shown}_at_least_ms", "at least", "ms", for_programs=True)
            yield Column(f"{prefix}{shown}_at_most_ms", "at most", "ms", for_programs=True)


def _row(group: Group, amounts: Amounts) -> Row:
    return (*group, amounts["requests"], *_values(amounts))


def _values(amounts: Amounts) -> Iterator[Value]:
    for name, _, counted in _OF:
        count, counts = amounts[counted], histogram_of(amounts, name)
        yield amounts[f"{name}_us"] / count / 1000 if count else None
        for _shown, share in PERCENTILES:
            found = percentile(counts, share)
            yield None if found is None else found.estimate_us / 1000
            yield None if found is None else found.at_least_us / 1000
            yield None if found is None or found.at_most_us is None else found.at_most_us / 1000


def histogram_of(amounts: Amounts, name: str) -> list[int]:
    """The counts of a histogram, bucket by bucket."""
    return [amounts[column] for column in histogram_columns(name)]


def _charts(
    groups: dict[Group, Amounts], whole: Amounts, daily: Sequence[Sums], question: Question
) -> Iterator[Markup]:
    columns = histogram_columns("duration")
    edges_ms = [edge / 1000 for edge in upper_edges_us(len(columns))]
    yield histogram("Durations", edges_ms, histogram_of(whole, "duration"), show=ms)
    largest = sorted(groups.items(), key=lambda item: -item[1]["requests"])
    for name, title in (("duration", "Durations"), ("first_token", "Times to the first token")):
        shares = [(group_name(group), histogram_of(found, name)) for group, found in largest]
        yield cumulative(f"{title}: how many were done by then", edges_ms, shares, show=ms)
    if daily:
        yield _p95_by_day(daily, [group for group, _ in largest], question)


def _p95_by_day(daily: Sequence[Sums], order: Sequence[Group], question: Question) -> Markup:
    width, days = len(question.by), question.span.days
    # The ending stands between the groups and the day; it is the same everywhere.
    by_day = split_by(daily, width + 1)

    def p95_ms(group: Group, day: str) -> float | None:
        amounts = by_day[*group, "completed"].get(day)
        found = amounts and percentile(histogram_of(amounts, "duration"), 0.95)
        return found.estimate_us / 1000 if found else None

    series = [Series(group_name(group), [p95_ms(group, day) for day in days]) for group in order]
    return lines("Duration by day, 95th percentile", days, series, show=ms)
