"""What prompt caches saved, and what routing saved against sending everything to one model.

Both are list prices times tokens that were counted; neither is on any invoice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from llmrouter.core.days import start_of
from llmrouter.core.errors import NotFound
from llmrouter.core.prices import PriceCard, UnitClass
from llmrouter.core.routing import Target
from llmrouter.policy.price_book import PriceBook
from llmrouter.reports.groups import Group
from llmrouter.reports.ordering import in_order
from llmrouter.reports.report import Column, Question, Report, Row, Table, grouping_columns
from llmrouter.store.queries.usage import Asked, Sums
from llmrouter.store.reader import LedgerReader

MILLION: Final = 1_000_000

_UNITS: Final[Mapping[str, UnitClass]] = {
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h",
    "input_audio_tokens": "input_audio",
    "input_image_tokens": "input_image",
    "reasoning_tokens": "reasoning",
    "output_audio_tokens": "output_audio",
    "output_image_tokens": "output_image",
    "web_searches": "web_search",
}
_OF_INPUT: Final = (
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
)
_OF_OUTPUT: Final = ("reasoning_tokens", "output_audio_tokens", "output_image_tokens")
_WRITES: Final[tuple[UnitClass, ...]] = ("cache_write", "cache_write_1h")
_MEASURES: Final = (
    "attempts", "input_tokens", "output_tokens", *_UNITS, "cost_nusd", "unknown_costs",
)  # fmt: skip
_DAY_US: Final = 86_400_000_000

_UNITS_OF_OUTPUT: Final = frozenset(_UNITS[name] for name in _OF_OUTPUT) | {"output"}

_Part = tuple[Group, Counter[str]]
"""What one sum adds to a group of the report."""

_NET: Final = Column("saved_usd", "saved", "usd")
_CACHE: Final = (
    Column("cache_read_tokens", "from cache", "count"),
    Column("reads_saved_usd", "reads saved", "usd"),
    Column("cache_write_tokens", "to cache", "count"),
    Column("writes_cost_more_usd", "writes cost more", "usd"),
    _NET,
    Column("unpriced_tokens", "without a price", "count"),
)
_ROUTING: Final = (
    Column("calls", "calls", "count"),
    Column("input_tokens", "input", "count"),
    Column("output_tokens", "output", "count"),
    Column("cost_usd", "cost", "usd"),
    Column("baseline_usd", "there", "usd"),
    _NET,
    Column("unpriced_calls", "without a price", "count"),
)
_CACHE_NOTE: Final = (
    "Caches: tokens that were read from one, at the difference between the list prices of input "
    "and of a cache read; less what it cost more to write them. Tokens of models without these "
    "prices are counted apart and in no sum."
)
_BASELINE_NOTE: Final = (
    "Routing: what the tokens of successful calls would have cost at list prices of {model}. An "
    "estimate and no more: another model writes answers of another length, counts tokens "
    "otherwise, and caches otherwise. The cost on our side includes failed calls. Calls whose cost "
    "is not known are left out of both sides."
)


async def savings(reader: LedgerReader, question: Question) -> Report:
    """What was saved in a span of days; against the baseline only where one is named.

    Raises `NotFound` when the baseline has no price.
    """
    by = question.by
    asked = Asked("calls", (*by, "outcome", "cost_basis", "day", "provider", "model"), _MEASURES)
    [sums] = await reader.usage_sums(question.span, asked)
    book = await reader.prices.book()
    cached = _grouped(_cached(sums, book, len(by)))
    tables = [_table("cache", "What prompt caches saved", question, _CACHE, cached)]
    notes = [_CACHE_NOTE]
    if question.baseline is not None:
        target = _target(question.baseline)
        _require_price(book, target, question)
        routed = _grouped(_routed(sums, book, target, len(by)))
        title = f"What routing saved against {target.name}"
        tables.append(_table("routing", title, question, _ROUTING, routed))
        notes.append(_BASELINE_NOTE.format(model=target.name))
    figures = tuple(
        (Column(f"{table.name}_saved_usd", table.title.lower(), "usd"), table.total[place])
        for table in tables
        if table.total is not None
        for place in [table.columns.index(_NET)]
    )
    return Report("savings", "Savings", question.span, by, tuple(tables), tuple(notes), figures)


def _cached(sums: Iterable[Sums], book: PriceBook, width: int) -> Iterator[_Part]:
    for one in sums:
        used = _used(one.amounts)
        reads, writes = used["cache_read"], sum(used[name] for name in _WRITES)
        if not reads + writes:
            continue
        rates = _rates(book, one)
        needed = {name for name in ("cache_read", *_WRITES) if used[name]} | {"input"}
        if needed - rates.keys():
            yield one.by[:width], Counter(unpriced_tokens=reads + writes)
            continue
        saved = _product(reads, rates["input"] - rates.get("cache_read", 0))
        more = sum(
            _product(used[name], rates[name] - rates["input"]) for name in _WRITES if used[name]
        )
        yield (
            one.by[:width],
            Counter(
                cache_read_tokens=reads,
                reads_saved_usd=saved,
                cache_write_tokens=writes,
                writes_cost_more_usd=more,
                saved_usd=saved - more,
            ),
        )


def _routed(sums: Iterable[Sums], book: PriceBook, baseline: Target, width: int) -> Iterator[_Part]:
    for one in sums:
        outcome, basis, day = one.by[width : width + 3]
        amounts, calls = one.amounts, one.amounts["attempts"]
        answered = outcome == "succeeded"
        card = book.card(baseline, _end_of(day))
        there = _priced(amounts, card) if answered else 0
        if basis == "unknown" or there is None:
            yield one.by[:width], Counter(unpriced_calls=calls if answered else 0)
            continue
        yield (
            one.by[:width],
            Counter(
                calls=calls,
                input_tokens=amounts["input_tokens"],
                output_tokens=amounts["output_tokens"],
                cost_usd=amounts["cost_nusd"],
                baseline_usd=there,
                saved_usd=there - amounts["cost_nusd"],
            ),
        )


def _priced(amounts: Mapping[str, int], card: PriceCard | None) -> int | None:
    """These tokens at a card's list prices; a class that it does not name costs what the text
    around it does, and searches that it does not name cost nothing."""
    if card is None:
        return None
    rates = card.rates_for(0, "standard")
    if not {"input", "output"} <= rates.keys():
        return None
    total = amounts["attempts"] * rates.get("request", 0)
    for unit, units in _used(amounts).items():
        instead: UnitClass = "output" if unit in _UNITS_OF_OUTPUT else "input"
        total += units * rates.get(unit, 0 if unit == "web_search" else rates[instead])
    return round(total / MILLION)


def _used(amounts: Mapping[str, int]) -> dict[UnitClass, int]:
    """Disjoint classes of what was used."""
    used: dict[UnitClass, int] = {unit: amounts[name] for name, unit in _UNITS.items()}
    used["input"] = max(0, amounts["input_tokens"] - sum(amounts[name] for name in _OF_INPUT))
    used["output"] = max(0, amounts["output_tokens"] - sum(amounts[name] for name in _OF_OUTPUT))
    return used


def _rates(book: PriceBook, one: Sums) -> Mapping[UnitClass, int]:
    """The list prices of what was called, as they were at the end of that day."""
    day, provider, named = one.by[-3:]
    model = (named or "").removeprefix(f"{provider}/")
    card = book.card(Target(provider or "", model), _end_of(day))
    return card.rates_for(0, "standard") if card else {}


def _end_of(day: str | None) -> int:
    return start_of(day or "") + _DAY_US - 1


def _product(tokens: int, nusd_per_million: int) -> int:
    return round(tokens * nusd_per_million / MILLION)


def _grouped(parts: Iterable[_Part]) -> dict[Group, Counter[str]]:
    groups: dict[Group, Counter[str]] = {}
    for group, amounts in parts:
        found = groups.setdefault(group, Counter())
        for name, amount in amounts.items():
            found[name] += amount
    return groups


def _table(
    name: str,
    title: str,
    question: Question,
    measures: tuple[Column, ...],
    groups: Mapping[Group, Counter[str]],
) -> Table:
    columns = (*grouping_columns(question.by), *measures)

    def row(group: Group, amounts: Mapping[str, int]) -> Row:
        return (*group, *(amounts.get(column.name, 0) for column in measures))

    rows = in_order([row(*group) for group in groups.items()], question.by, columns.index(_NET))
    whole: Counter[str] = Counter()
    for amounts in groups.values():
        for measure, amount in amounts.items():
            whole[measure] += amount
    return Table(name, title, columns, tuple(rows), row((None,) * len(question.by), whole))


def _target(name: str) -> Target:
    provider, slash, model = name.partition("/")
    if not slash or not model:
        raise NotFound(f"`{name}` is no provider/model", code="model_not_found")
    return Target(provider, model)


def _require_price(book: PriceBook, target: Target, question: Question) -> None:
    card = book.card(target, _end_of(question.span.last))
    if card is None or _priced(Counter(attempts=1), card) is None:
        raise NotFound(
            f"what {target.name} charges for input and output is not known; "
            "`llmrouter prices set` says it",
            code="price_not_found",
        )
