"""Holds a vendor's invoice against the ledger, by day and model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from llmrouter.core.days import DaySpan
from llmrouter.core.records import Record
from llmrouter.core.usage import usd_from_nusd
from llmrouter.reports.invoice import ALL_MODELS, Amounts, Invoice, Line, plain_model
from llmrouter.reports.invoice_shapes import InvoiceMeasure
from llmrouter.store.queries.usage import Asked, Sums
from llmrouter.store.reader import LedgerReader

Verdict = Literal["differs", "not in the ledger", "not on the invoice"]

BILLED_OUTCOMES: Final = frozenset({"succeeded", "interrupted", "cancelled"})
"""Calls that vendors count: the others they refused, or never saw."""


class Tolerance(Record):
    """What is still the same: a share of the invoice's amount, or so many nano-dollars."""

    share: Decimal
    nusd: int

    def allows(self, measure: InvoiceMeasure, invoiced: int, booked: int) -> bool:
        """Whether the two amounts are near enough."""
        least = self.nusd if measure == "cost_usd" else 0
        return abs(invoiced - booked) <= max(Decimal(least), abs(invoiced) * self.share)


class Difference(Record):
    """One amount of one day and model that is not the same on both sides.

    ``unknown_costs`` counts the ledger's calls whose cost is not in ``booked``.
    """

    day: str
    model: str
    measure: InvoiceMeasure
    invoiced: int | None
    booked: int | None
    unknown_costs: int

    @property
    def verdict(self) -> Verdict:
        if self.booked is None:
            return "not in the ledger"
        return "not on the invoice" if self.invoiced is None else "differs"


class Reconciliation(Record):
    """The outcome: how many lines were held against each other, what differs, and the totals."""

    invoice: Invoice
    provider: str | None
    span: DaySpan
    lines: int
    differences: tuple[Difference, ...]
    invoiced: Amounts
    booked: Amounts
    unknown_costs: int


@dataclass(slots=True)
class _Booked:
    amounts: Amounts
    unknown_costs: int = 0


async def reconcile(
    reader: LedgerReader,
    invoice: Invoice,
    *,
    span: DaySpan | None,
    provider: str | None,
    tolerance: Tolerance,
) -> Reconciliation:
    """Compares all calls to a provider (to any, where None) with its invoice, on the invoice's
    days unless others are named.  Calls of replays and probes are paid for, too, and count."""
    span = span or DaySpan(invoice.days[0], invoice.days[-1])
    measures = ("attempts", "input_tokens", "output_tokens", "cost_nusd", "unknown_costs")
    [sums] = await reader.usage_sums(
        span, Asked("calls", ("day", "provider", "model", "outcome"), measures, live_only=False)
    )
    booked = _booked(_of_provider(sums, provider), invoice.by_model)
    invoiced = {
        line: amounts
        for line, amounts in invoice.lines.items()
        if span.first <= line[0] <= span.last
    }
    lines = sorted(invoiced.keys() | booked.keys())
    return Reconciliation(
        invoice,
        provider,
        span,
        len(lines),
        tuple(_differences(lines, invoice, invoiced, booked, tolerance)),
        _total(invoiced.values()),
        _total(one.amounts for one in booked.values()),
        sum(one.unknown_costs for one in booked.values()),
    )


def _of_provider(sums: Iterable[Sums], provider: str | None) -> Iterator[Sums]:
    return (one for one in sums if provider is None or one.by[1] == provider)


def _booked(sums: Iterable[Sums], by_model: bool) -> dict[Line, _Booked]:
    lines: dict[Line, _Booked] = {}
    for one in sums:
        day, provider, model, outcome = (value or "" for value in one.by)
        name = plain_model(model.removeprefix(f"{provider}/")) if by_model else ALL_MODELS
        found = lines.setdefault((day, name), _Booked({}))
        billed = one.amounts["attempts"] if outcome in BILLED_OUTCOMES else 0
        more: Amounts = {
            "cost_usd": one.amounts["cost_nusd"],
            "requests": billed,
            "input_tokens": one.amounts["input_tokens"],
            "output_tokens": one.amounts["output_tokens"],
        }
        for measure, amount in more.items():
            found.amounts[measure] = found.amounts.get(measure, 0) + amount
        # A call that was refused costs nothing; that nobody wrote its cost down is no gap.
        found.unknown_costs += one.amounts["unknown_costs"] if billed else 0
    return {line: one for line, one in lines.items() if any(one.amounts.values())}


def _differences(
    lines: Iterable[Line],
    invoice: Invoice,
    invoiced: Mapping[Line, Amounts],
    booked: Mapping[Line, _Booked],
    tolerance: Tolerance,
) -> Iterator[Difference]:
    for line in lines:
        ours = booked.get(line)
        for measure in invoice.measures:
            theirs = invoiced[line].get(measure, 0) if line in invoiced else None
            amount = ours.amounts[measure] if ours else None
            if not tolerance.allows(measure, theirs or 0, amount or 0):
                unknown = ours.unknown_costs if ours and measure == "cost_usd" else 0
                yield Difference(*line, measure, theirs, amount, unknown)


def _total(lines: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for amounts in lines:
        for measure, amount in amounts.items():
            total[measure] = total.get(measure, 0) + amount
    return total


def as_document(outcome: Reconciliation) -> dict[str, Any]:
    """The whole outcome for programs; dollars are numbers, what a side does not have is null."""
    return {
        "invoice": outcome.invoice.shape.name,
        "provider": outcome.provider,
        "since": outcome.span.first,
        "until": outcome.span.last,
        "lines": outcome.lines,
        "agrees": not outcome.differences,
        "differences": [
            {
                "day": one.day,
                "model": one.model or None,
                "measure": one.measure,
                "verdict": one.verdict,
                "invoice": shown_amount(one.measure, one.invoiced),
                "ledger": shown_amount(one.measure, one.booked),
                "unknown_costs": one.unknown_costs,
            }
            for one in outcome.differences
        ],
        "totals": {
            measure: {
                "invoice": shown_amount(measure, outcome.invoiced.get(measure, 0)),
                "ledger": shown_amount(measure, outcome.booked.get(measure, 0)),
            }
            for measure in outcome.invoice.measures
        },
        "unknown_costs": outcome.unknown_costs,
    }


def shown_amount(measure: InvoiceMeasure, amount: int | None) -> float | int | None:
    """An amount as a number: dollars for cost."""
    if amount is None or measure != "cost_usd":
        return amount
    usd = usd_from_nusd(amount)
    return None if usd is None else float(usd)
