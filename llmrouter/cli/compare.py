"""``llmrouter config compare``: what changed in production from one version to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from llmrouter.cli.ledger import reading
from llmrouter.cli.output import as_json, fail, print_json, print_table, run, wrapped
from llmrouter.cli.parameters import since, until
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.policy.statistics import Difference, Estimate
from llmrouter.policy.version_comparison import (
    Comparison,
    Figure,
    Shift,
    Unit,
    VersionOutcome,
    compare_versions,
)
from llmrouter.settings import read_settings
from llmrouter.store.reader import LedgerReader
from llmrouter.web.rows import show_time

LABELS: Final[Mapping[str, str]] = {
    "error_rate": "failed or broke off",
    "fallback_rate": "needed a fallback",
    "client_left_rate": "client left early",
    "rejected_rate": "rejected (bad request)",
    "cost_per_request": "cost per request",
    "latency_p50": "latency, median",
    "latency_p95": "latency, 95th percentile",
    "first_token_p50": "first token, median",
    "first_token_p95": "first token, 95th percentile",
}


@click.command(
    epilog="\b\nExamples:\n  llmrouter config compare 1 2\n"
    "  llmrouter config compare 1 2 --since 7d --json"
)
@click.argument("a", type=click.IntRange(min=1))
@click.argument("b", type=click.IntRange(min=1))
@since
@until
@as_json
def compare(a: int, b: int, since_us: int | None, until_us: int | None, as_json: bool) -> None:
    """Say what changed in production from version A to version B.

    From the live requests of both: errors, fallbacks, cost, latency, categories, each with its
    95 % interval and the interval of the difference; and whether the traffic itself was another.
    """
    comparison = run(_compared(a, b, since_us, until_us))
    if as_json:
        print_json(_document(comparison))
    else:
        _print(comparison)


async def _compared(a: int, b: int, since_us: int | None, until_us: int | None) -> Comparison:
    async with reading(read_settings()) as reader:
        outcomes = [await _outcome(reader, number, since_us, until_us) for number in (a, b)]
    return compare_versions(*outcomes)


async def _outcome(
    reader: LedgerReader, number: int, since_us: int | None, until_us: int | None
) -> VersionOutcome:
    if await reader.versions.get(number) is None:
        fail(f"there is no configuration version {number}; `llmrouter config versions` lists them")
    outcome = await reader.version_outcome(number, since_us=since_us, until_us=until_us)
    if not outcome.requests:
        windowed = since_us is not None or until_us is not None
        fail(
            f"version {number} has no live requests"
            + (" in this window; try a wider one" if windowed else " in the ledger")
        )
    return outcome


def _print(comparison: Comparison) -> None:
    before, after = comparison.before, comparison.after
    for outcome in (before, after):
        click.echo(
            f"version {outcome.version}: {outcome.requests:,} live requests, "
            f"{_minute(outcome.first_us)} to {_minute(outcome.last_us)} UTC"
        )
    click.echo()
    columns = (f"version {before.version}", f"version {after.version}", "change", "")
    print_table(("", *columns), (_cells(figure) for figure in comparison.figures))
    click.echo()
    print_table(("category", *columns), (_cells(figure) for figure in comparison.categories))
    click.echo()
    unknown = before.cost.unknown + after.cost.unknown
    if unknown:
        click.echo(f"cost: {unknown:,} requests whose cost is not known are left out")
    for warning in comparison.warnings:
        click.secho(wrapped(f"! {warning}", indent=0), fg="yellow")
    if not any(shift.is_notable for shift in comparison.traffic):
        click.echo("the traffic of both was alike in " + ", ".join(_alike(comparison)))
    for outcome in (before, after):
        if outcome.sampled is not None:
            click.echo(
                f"version {outcome.version}: latency, fallbacks, categories and traffic are those "
                f"of {outcome.sampled:,} requests drawn by lot"
            )
    click.echo("[ ] are 95 % intervals; * marks a change whose interval leaves out none at all")


def _alike(comparison: Comparison) -> list[str]:
    return [shift.dimension.replace("_", " ") for shift in comparison.traffic]


def _cells(figure: Figure) -> tuple[object, ...]:
    change = figure.change
    show = _SHOWN[figure.unit]
    return (
        LABELS.get(figure.name, figure.name),
        _with_interval(figure.before, show),
        _with_interval(figure.after, show),
        None if change is None else _signed(change, show),
        "*" if change is not None and change.is_clear else "",
    )


def _with_interval(estimate: Estimate | None, show: Callable[[float], str]) -> str | None:
    if estimate is None:
        return None
    return f"{show(estimate.value)} {_interval(estimate, show)}"


def _signed(change: Difference, show: Callable[[float], str]) -> str:
    return f"{_sign(change.value)}{show(abs(change.value))} {_interval(change, show)}"


def _interval(found: Estimate | Difference, show: Callable[[float], str]) -> str:
    def bound(value: float | None) -> str:
        return "?" if value is None else ("-" if value < 0 else "") + show(abs(value))

    return f"[{bound(found.low)}, {bound(found.high)}]"


def _sign(value: float) -> str:
    return "-" if value < 0 else "+"


_SHOWN: Final[Mapping[Unit, Callable[[float], str]]] = {
    "share": lambda value: f"{value:.2%}",
    "nusd": lambda value: f"${value / NUSD_PER_USD:.6f}",
    "us": lambda value: f"{value / 1000:,.0f} ms",
}

_FACTORS: Final[Mapping[Unit, tuple[str, float]]] = {
    "share": ("share", 1),
    "nusd": ("usd", 1 / NUSD_PER_USD),
    "us": ("ms", 1 / 1000),
}
"""What JSON shows a figure in."""


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "before": _outcome_document(comparison.before),
        "after": _outcome_document(comparison.after),
        "confidence": 0.95,
        "figures": [_figure_document(figure) for figure in comparison.figures],
        "categories": [_figure_document(figure) for figure in comparison.categories],
        "category_mix": _shift_document(comparison.category_shift),
        "traffic": [_shift_document(shift) for shift in comparison.traffic],
        "warnings": list(comparison.warnings),
    }


def _outcome_document(outcome: VersionOutcome) -> dict[str, Any]:
    return {
        "version": outcome.version,
        "requests": outcome.requests,
        "sampled": outcome.sampled,
        "first_at": show_time(outcome.first_us),
        "last_at": show_time(outcome.last_us),
        "unknown_costs": outcome.cost.unknown,
    }


def _figure_document(figure: Figure) -> dict[str, Any]:
    unit, factor = _FACTORS[figure.unit]
    change = figure.change
    return {
        "name": figure.name,
        "unit": unit,
        "before": _estimate_document(figure.before, factor),
        "after": _estimate_document(figure.after, factor),
        "change": None if change is None else _change_document(change, factor),
    }


def _estimate_document(estimate: Estimate | None, factor: float) -> dict[str, Any] | None:
    return None if estimate is None else {**_bounds(estimate, factor), "n": estimate.n}


def _change_document(change: Difference, factor: float) -> dict[str, Any]:
    return {**_bounds(change, factor), "clear": change.is_clear}


def _bounds(found: Estimate | Difference, factor: float) -> dict[str, Any]:
    return {
        "value": found.value * factor,
        "low": None if found.low is None else found.low * factor,
        "high": None if found.high is None else found.high * factor,
        "method": found.method,
    }


def _shift_document(shift: Shift | None) -> dict[str, Any] | None:
    if shift is None:
        return None
    return {
        "dimension": shift.dimension,
        "distance": shift.test.distance,
        "chi_square": shift.test.chi_square,
        "degrees_of_freedom": shift.test.degrees,
        "p": shift.test.p,
        "most_changed": {"kind": shift.kind, "before": shift.before, "after": shift.after},
        "notable": shift.is_notable,
    }


def _minute(at_us: int | None) -> str:
    return (show_time(at_us) or "")[:16].replace("T", " ")
