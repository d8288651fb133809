"""``llmrouter reconcile``: holds a vendor's invoice against the ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import click

from llmrouter.cli.ledger import reading
from llmrouter.cli.output import as_json, fail, print_json, print_table, run, wrapped
from llmrouter.cli.parameters import database_option, day_span, first_day, last_day
from llmrouter.core.days import DaySpan
from llmrouter.core.usage import nusd_from_usd
from llmrouter.reports.invoice import Invoice, InvoiceUnreadable, read_invoice
from llmrouter.reports.invoice_shapes import InvoiceMeasure, named_shape
from llmrouter.reports.reconciliation import (
    Difference,
    Reconciliation,
    Tolerance,
    as_document,
    reconcile,
)
from llmrouter.settings import read_settings

TITLES: dict[InvoiceMeasure, str] = {
    "cost_usd": "cost",
    "requests": "requests",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
}
COLUMNS = ("day", "model", "what", "invoice", "ledger", "difference", "")


@click.command(
    name="reconcile",
    epilog="\b\nExamples:\n  llmrouter reconcile --invoice completions_usage.csv\n"
    "  llmrouter reconcile --invoice claude_cost.csv --tolerance 2\n"
    "  llmrouter reconcile --invoice own.csv --provider lab --columns day=date,cost_usd=amount",
)
@click.option(
    "--invoice",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file as OpenAI (usage, costs), Anthropic (usage, cost) or OpenRouter (activity) "
    "export it, or any other with --columns.",
)
@click.option("--provider", help="Whose calls to compare.  [default: the vendor's own name]")
@click.option(
    "--columns",
    metavar="NAME=COLUMN,…",
    help="What stands where in another file: day, model, cost_usd, requests, input_tokens, "
    "output_tokens; several columns are added up with +.",
)
@first_day
@last_day
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 100),
    default=1.0,
    show_default=True,
    metavar="PERCENT",
    help="Amounts that differ by no more are the same.",
)
@click.option(
    "--tolerance-usd",
    type=click.FloatRange(0),
    default=0.01,
    show_default=True,
    metavar="USD",
    help="Costs that differ by no more are the same: invoices are rounded.",
)
@database_option
@as_json
def command(
    file: Path,
    provider: str | None,
    columns: str | None,
    since_us: int | None,
    until_us: int | None,
    tolerance: float,
    tolerance_usd: float,
    database: str | None,
    as_json: bool,
) -> None:
    """Compare a vendor's usage export with the ledger, by day (UTC) and model.

    Lists what differs in cost, requests and tokens, and what only one side has; exits with 1 when
    anything does.  The invoice's days are compared unless --since or --until names others.
    """
    invoice = _read(file, columns)
    named = since_us is not None or until_us is not None
    span = day_span(since_us, until_us) if named else None
    allowed = Tolerance(Decimal(str(tolerance)) / 100, nusd_from_usd(tolerance_usd))
    outcome = run(_reconcile(invoice, span, provider or invoice.shape.provider, allowed, database))
    if as_json:
        print_json(as_document(outcome))
    else:
        _tell(outcome)
    if outcome.differences:
        raise click.exceptions.Exit(1)


def _read(file: Path, columns: str | None) -> Invoice:
    try:
        shape = None if columns is None else named_shape(columns)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--columns") from None
    try:
        return read_invoice(file.read_text("utf-8-sig"), shape)
    except UnicodeDecodeError:
        fail(f"{file} is no text in UTF-8; export it as CSV")
    except InvoiceUnreadable as error:
        fail(f"{file}: {error}")


async def _reconcile(
    invoice: Invoice,
    span: DaySpan | None,
    provider: str | None,
    tolerance: Tolerance,
    database: str | None,
) -> Reconciliation:
    async with reading(read_settings(), database) as reader:
        return await reconcile(reader, invoice, span=span, provider=provider, tolerance=tolerance)


def _tell(outcome: Reconciliation) -> None:
    whose = outcome.provider or "all providers"
    click.echo(
        f"{outcome.invoice.shape.name} and the ledger's calls to {whose}, {outcome.span.shown}: "
        f"{outcome.lines} lines by day and model"
    )
    for measure in outcome.invoice.measures:
        theirs, ours = outcome.invoiced.get(measure, 0), outcome.booked.get(measure, 0)
        click.echo(
            f"  {TITLES[measure]}: invoice {_shown(measure, theirs)}, "
            f"ledger {_shown(measure, ours)}"
        )
    if not outcome.differences:
        click.echo("nothing differs by more than the tolerance")
    else:
        click.echo()
        print_table(COLUMNS, map(_cells, outcome.differences))
    if outcome.unknown_costs and "cost_usd" in outcome.invoice.measures:
        note = (
            f"The cost of {outcome.unknown_costs:,} calls is not known, so the ledger's cost is "
            "too low by theirs: `llmrouter report costs` says of which models."
        )
        click.echo("\n" + wrapped(note, indent=0))


def _cells(one: Difference) -> tuple[object, ...]:
    theirs, ours = one.invoiced, one.booked
    apart = (ours or 0) - (theirs or 0)
    share = f" ({100 * apart / theirs:+.1f} %)" if theirs else ""
    return (
        one.day,
        one.model or "all",
        TITLES[one.measure],
        None if theirs is None else _shown(one.measure, theirs),
        None if ours is None else _shown(one.measure, ours),
        f"{'+' if apart > 0 else ''}{_shown(one.measure, apart)}{share}",
        one.verdict + (f", {one.unknown_costs} costs unknown" if one.unknown_costs else ""),
    )


def _shown(measure: InvoiceMeasure, amount: int) -> str:
    if measure != "cost_usd":
        return f"{amount:,}"
    return f"{'-' if amount < 0 else ''}${abs(amount) / 1e9:,.6f}"
