"""An invoice held against the ledger: what agrees is silent, what differs is listed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmrouter.core.days import DaySpan
from llmrouter.reports.invoice import Invoice, read_invoice
from llmrouter.reports.invoice_shapes import named_shape
from llmrouter.reports.reconciliation import Reconciliation, Tolerance, as_document, reconcile
from llmrouter.store.reader import LedgerReader
from tests.reports.conftest import SPAN

SHAPE = named_shape("day=day,model=model,cost_usd=usd,requests=n,input_tokens=tokens")
EXACT = Tolerance(Decimal(0), 0)

AGREEING = """\
day,model,usd,n,tokens
2026-09-19,beacon-1,0.000000007,1,42
2026-09-20,Beacon 1,0.005,1,42
2026-09-21,beacon-1-20260101,1000.003,2,84
2026-09-21,fog-2,0.001,0,0
"""


def invoice(text: str = AGREEING) -> Invoice:
    return read_invoice(text, SHAPE)


async def held(
    reader: LedgerReader,
    text: str = AGREEING,
    *,
    tolerance: Tolerance = EXACT,
    span: DaySpan | None = SPAN,
    provider: str | None = "harbour",
) -> Reconciliation:
    return await reconcile(reader, invoice(text), span=span, provider=provider, tolerance=tolerance)


async def test_what_agrees_to_the_last_nano_dollar_is_silent(reader: LedgerReader) -> None:
    outcome = await held(reader)

    # Replays are on the invoice, too: they were paid for.
    assert outcome.differences == ()
    assert outcome.invoiced["cost_usd"] == outcome.booked["cost_usd"] == 1000_009_000_007


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("0.005,1", "0.006,1"), ("2026-09-20", "cost_usd", "differs", 0.006, 0.005)),
        (("0.005,1", "0.005,3"), ("2026-09-20", "requests", "differs", 3, 1)),
        (
            ("2026-09-19,beacon-1,0.000000007,1,42\n", ""),
            ("2026-09-19", "cost_usd", "not on the invoice", None, 0.000000007),
        ),
        (
            ("2026-09-21,fog-2,", "2026-09-21,tide,0.5,0,0\n2026-09-21,fog-2,"),
            ("2026-09-21", "cost_usd", "not in the ledger", 0.5, None),
        ),
    ],
)
async def test_what_differs_is_listed(
    reader: LedgerReader, change: tuple[str, str], expected: tuple[object, ...]
) -> None:
    outcome = await held(reader, AGREEING.replace(*change))

    first = as_document(outcome)["differences"][0]
    names = ("day", "measure", "verdict", "invoice", "ledger")
    assert tuple(first[name] for name in names) == expected


async def test_a_difference_within_the_tolerance_is_none(reader: LedgerReader) -> None:
    text = AGREEING.replace("0.005,1", "0.00505,1")

    assert len((await held(reader, text)).differences) == 1
    by_share = Tolerance(Decimal("0.01"), 0)
    by_amount = Tolerance(Decimal(0), 50_000)
    assert (await held(reader, text, tolerance=by_share)).differences == ()
    assert (await held(reader, text, tolerance=by_amount)).differences == ()


async def test_an_invoice_without_models_is_compared_by_day(reader: LedgerReader) -> None:
    shape = named_shape("day=day,requests=n")
    by_day = read_invoice("day,n\n2026-09-19,1\n2026-09-20,1\n2026-09-21,2\n", shape)

    outcome = await reconcile(reader, by_day, span=None, provider="harbour", tolerance=EXACT)

    assert outcome.span == SPAN
    assert outcome.lines == 3
    assert outcome.differences == ()


async def test_calls_of_unknown_cost_are_counted_beside_the_difference(
    reader: LedgerReader,
) -> None:
    outcome = await held(
        reader, "day,model,usd,n,tokens\n2026-09-21,tide/large,0.5,2,84\n", provider="isle",
        span=None,
    )  # fmt: skip

    [difference] = outcome.differences
    assert (difference.booked, difference.unknown_costs) == (0, 2)
    assert outcome.unknown_costs == 2
