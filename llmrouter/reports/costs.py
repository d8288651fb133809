"""What was spent: requests, calls to providers, tokens by class, cost, and how the cost is known.

Money and tokens are booked under the model that was called, a request under the model that
answered it.  So failed calls stand where they were paid for, as on the invoices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from llmrouter.core.usage import NUSD_PER_USD, CostBasis
from llmrouter.pages.bars import bars, stacked_columns
from llmrouter.pages.series import Series
from llmrouter.pages.shown import usd
from llmrouter.reports.groups import Amounts, Group, all_of, known, split_by
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

TOKENS: Final = (
    Column("input_tokens", "input", "count"),
    Column("output_tokens", "output", "count"),
    Column("cache_read_tokens", "from cache", "count"),
    Column("cache_write_tokens", "to cache", "count"),
    Column("reasoning_tokens", "reasoning", "count"),
    Column("cache_write_1h_tokens", "to cache, 1 h", "count", for_programs=True),
    Column("input_audio_tokens", "audio in", "count", for_programs=True),
    Column("input_image_tokens", "images in", "count", for_programs=True),
    Column("output_audio_tokens", "audio out", "count", for_programs=True),
    Column("output_image_tokens", "images out", "count", for_programs=True),
    Column("web_searches", "searches", "count", for_programs=True),
)
_COST: Final = Column("cost_usd", "cost", "usd")
_UNKNOWN: Final = Column("unknown_costs", "cost unknown", "count")
_COLUMNS: Final = (
    Column("requests", "requests", "count"),
    Column("calls", "calls", "count"),
    *TOKENS,
    _COST,
    _UNKNOWN,
    Column("basis", "basis", "text"),
    Column("provider_reported_usd", "reported", "usd", for_programs=True),
    Column("computed_usd", "computed", "usd", for_programs=True),
    Column("estimated_usd", "estimated", "usd", for_programs=True),
)
_KNOWN_BASES: Final[tuple[CostBasis, ...]] = ("provider_reported", "computed", "estimated")
_MEASURES: Final = ("attempts", *(column.name for column in TOKENS), "cost_nusd", "unknown_costs")
_MOST_BARS: Final = 20
_NOTE: Final = (
    "A request counts under the model that answered it; calls, tokens and cost count under the "
    "model that was called, failed calls included."
)


async def costs(reader: LedgerReader, question: Question) -> Report:
    """Live traffic's costs in a span of days."""
    by, by_day = question.by, "day" not in question.by
    # One scan for the table and for the chart.
    requests, calls = await reader.usage_sums(
        question.span,
        Asked("requests", by, ("requests",)),
        Asked("calls", (*by, "cost_basis", *(("day",) if by_day else ())), _MEASURES),
    )
    counts = {one.by: one.amounts["requests"] for one in requests}
    bases = split_by(calls, len(by))
    rows = [
        _row(group, counts.get(group, 0), bases.get(group, {})) for group in {**bases, **counts}
    ]
    total = _row((None,) * len(by), sum(counts.values()), _together(bases))
    columns = (*grouping_columns(by), *_COLUMNS)
    rows = in_order(rows, by, columns.index(_COST))
    return Report(
        "costs",
        "Costs",
        question.span,
        by,
        (Table("costs", "Costs", columns, tuple(rows), total),),
        (_NOTE, *_unknown_note(total[columns.index(_UNKNOWN)])),
        tuple((c, v) for c, v in zip(columns, total, strict=True) if c.name in _KEY_FIGURES),
        (*_bars(rows, columns, len(by)), *(_by_day(calls, question) if by_day else ())),
    )


_KEY_FIGURES: Final = ("requests", "calls", "input_tokens", "output_tokens", "cost_usd",
                       "unknown_costs")  # fmt: skip


def _row(group: Group, requests: int, bases: Mapping[str, Amounts]) -> Row:
    amounts = all_of(bases.values())
    used = [basis for basis in (*_KNOWN_BASES, "unknown") if bases.get(basis)]
    return (
        *group,
        requests,
        amounts["attempts"],
        *(amounts[column.name] for column in TOKENS),
        known(amounts["cost_nusd"], amounts["unknown_costs"], amounts["attempts"]),
        amounts["unknown_costs"],
        ", ".join(used) or None,
        *(bases[basis]["cost_nusd"] if basis in bases else 0 for basis in _KNOWN_BASES),
    )


def _together(groups: Mapping[Group, Mapping[str, Amounts]]) -> dict[str, Amounts]:
    """All groups' amounts, by basis."""
    names = {basis for bases in groups.values() for basis in bases}
    return {
        name: all_of(bases[name] for bases in groups.values() if name in bases) for name in names
    }


def _unknown_note(unknown: object) -> tuple[str, ...]:
    if not unknown:
        return ()
    note = (
        f"The cost of {unknown:,} calls is not known and in no sum; by model, this report says "
        "whose prices are missing."
    )
    return (note,)


def _bars(rows: Sequence[Row], columns: Sequence[Column], width: int) -> tuple[Markup, ...]:
    if not width:
        return ()
    place = columns.index(_COST)
    shown = rows[:_MOST_BARS]
    note = f"The {_MOST_BARS} largest of {len(rows)}." if len(rows) > _MOST_BARS else ""
    names = [group_name(None if v is None else str(v) for v in row[:width]) for row in shown]
    values = [in_usd(row[place]) for row in shown]
    return (bars("Cost", names, values, show=usd, note=note, heading=columns[0].title),)


def _by_day(calls: Sequence[Sums], question: Question) -> tuple[Markup, ...]:
    days = question.span.days
    series = [
        Series(group_name(group), [in_usd(parts[day]["cost_nusd"]) if day in parts else None
                                   for day in days])
        for group, parts in split_by(calls, len(question.by), at=-1).items()
    ]  # fmt: skip
    note = "Sums of what is known. The table says unknown where there was no call."
    return (stacked_columns("Cost by day", days, series, show=usd, note=note),)


def in_usd(nusd: object) -> float | None:
    """Dollars for a chart, where rounding is not seen."""
    return nusd / NUSD_PER_USD if isinstance(nusd, int) else None
