"""A replay's report for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from llmrouter.cli.output import print_table, wrapped
from llmrouter.core.replay import ReplayRow
from llmrouter.core.usage import usd_from_nusd
from llmrouter.replay.checking import Checked
from llmrouter.replay.flags import FLAGS

SHOWN: Final = 12
"""Rows of a table; --json has them all."""

DIFFERENCES_SHOWN: Final = 5

FIGURES: Final[tuple[tuple[str, str, Callable[[float], str]], ...]] = (
    ("cost_usd", "cost", lambda value: f"{_sign(value)}${abs(value):,.6f}"),
    ("latency_ms", "latency, mean", lambda value: f"{value:,.0f} ms"),
    ("first_token_ms", "first token, mean", lambda value: f"{value:,.0f} ms"),
    ("success", "answered", lambda value: f"{100 * value:.2f} %"),
)
"""Each figure of a report, its name for people, and how it is written."""


def print_report(row: ReplayRow, state: str) -> None:
    """What came out; where nothing has yet, how far it is."""
    click.echo(f"replay {row.id}: {row.label}")
    report = row.report
    if report is None:
        click.echo(f"{state}: {row.done:,} of {row.requests or 0:,} requests are settled")
        if state == "interrupted":
            live = f"--live --resume {row.id} --max-usd …"
            how = live if row.kind == "live" else f"resume {row.id}"
            click.echo(f"go on with: llmrouter replay {how}")
        return
    decided = report["decided"]
    click.echo(
        f"{report['requests']:,} requests, {decided:,} decided; {report['changed']:,} decisions "
        f"change ({_share(report['changed'], decided)}): {report['changed_category']:,} categories,"
        f" {report['changed_target']:,} targets\n"
    )
    for name, meant in (report.get("unheard_of") or {}).items():
        hint = f"; did you mean `{meant}`?" if meant else ""
        click.echo(wrapped(f"`{name}` has no price and answered nothing so far{hint}", indent=0))
    if report.get("unheard_of"):
        click.echo("")
    _print_figures(report)
    _print_flow(report)
    _print_projections(report)
    _print_requests("dearest under the candidate", report["dearest"])
    _print_requests("most changed", report["most_changed"])
    _print_coverage(report)
    click.echo(f"\nkept as replay {row.id}; make it so with: llmrouter replay promote {row.id}")


def print_difference(one: ReplayRow, other: ReplayRow) -> None:
    """Two finished replays side by side."""
    for row in (one, other):
        click.echo(f"replay {row.id}: {row.label}")
    first, second = one.report or {}, other.report or {}
    rows: list[tuple[object, ...]] = [
        (name, first[name], second[name]) for name in ("requests", "decided", "changed")
    ]
    for key, name, show in FIGURES:
        for side in ("old", "new"):
            a, b = first[key][side], second[key][side]
            rows.append((f"{name}, {side}", _shown(a, show), _shown(b, show)))
    click.echo("")
    print_table(("", f"replay {one.id}", f"replay {other.id}"), rows)


def print_check(found: Checked) -> None:
    """What law 4 found."""
    click.echo(
        f"{found.requests:,} requests: {found.decided:,} decided again, "
        f"{found.changed_decisions:,} decisions changed; {found.costed:,} costs computed again, "
        f"{found.changed_costs:,} changed"
    )
    ledger, replayed = (
        usd_from_nusd(nusd) for nusd in (found.ledger_cost_nusd, found.replayed_cost_nusd)
    )
    click.echo(f"the ledger's cost ${ledger:.9f}, replayed ${replayed:.9f}")
    for why, requests in found.skipped.most_common():
        click.echo(f"  {requests:,}: {_SKIPPED[why]}")
    for one in found.document()["differences"][:DIFFERENCES_SHOWN]:
        click.echo(f"{one['request']} {one['what']}: {one['before']} became {one['after']}")
    click.echo("nothing changed" if found.holds else "law 4 does not hold")


_SKIPPED: Final[Mapping[str, str]] = {
    "imported": "from another gateway's log: nothing was decided here",
    "version": "the configuration version that it ran with cannot be read any more",
    "never_decided": FLAGS["not_routed"],
    "no_body": FLAGS["no_body"],
    "no_cost": "the ledger knows no cost to compare",
}


def _print_figures(report: Mapping[str, Any]) -> None:
    rows = []
    for key, name, show in FIGURES:
        figure = report[key]
        compared = figure.get("compared", report["decided"])
        bound = " (upper bound)" if figure.get("upper_bound") else ""
        rows.append(
            (
                name + bound,
                compared,
                _shown(figure["old"], show),
                _shown(figure["new"], show),
                _shown(figure["difference"], show),
            )
        )
    print_table(("", "requests", "then", "candidate", "difference"), rows)
    click.echo("in brackets: 95 % intervals (bootstrap)")


def _print_flow(report: Mapping[str, Any]) -> None:
    moved = [
        row
        for row in report["flow"]
        if (row["old_category"], row["old_target"]) != (row["new_category"], row["new_target"])
    ]
    if not moved:
        click.echo("\nno request moves to another category or target")
        return
    click.echo("")
    print_table(
        ("category", "to", "target", "to", "requests", "cost then", "candidate"),
        (
            (
                row["old_category"],
                row["new_category"],
                row["old_target"],
                row["new_target"],
                row["requests"],
                _usd(row["old_nusd"]) if row["compared"] else None,
                _usd(row["new_nusd"]) if row["compared"] else None,
            )
            for row in moved[:SHOWN]
        ),
    )
    if len(moved) > SHOWN:
        click.echo(f"and {len(moved) - SHOWN} more; --json has them")


def _print_projections(report: Mapping[str, Any]) -> None:
    if not report["projections"]:
        return
    click.echo("\nwhat that rests on")
    print_table(
        ("category", "from", "to", "output tokens", "input tokens", "answers seen", "answered"),
        (
            (
                one["category"],
                one["old_target"],
                one["new_target"],
                _ratio(one["output_ratio"]),
                _ratio(one["input_ratio"]),
                one["history"] and one["history"]["answers"],
                one["history"]
                and _shown(one["history"]["success"], lambda value: f"{100 * value:.1f} %"),
            )
            for one in report["projections"][:SHOWN]
        ),
    )


def _print_requests(heading: str, requests: list[Mapping[str, Any]]) -> None:
    if not requests:
        return
    click.echo(f"\n{heading}")
    print_table(
        ("request", "target", "to", "cost then", "candidate"),
        (
            (
                one["request"],
                one["old_target"],
                one["new_target"],
                _usd(one["old_nusd"]),
                _usd(one["new_nusd"]),
            )
            for one in requests[:5]
        ),
    )


def _print_coverage(report: Mapping[str, Any]) -> None:
    told = [(flag, n) for flag, n in report["coverage"].items() if flag in FLAGS]
    if not told:
        return
    undecided = report["coverage"]["undecided"]
    click.echo(f"\ncoverage ({undecided:,} of {report['requests']:,} could not be decided)")
    for flag, requests in told:
        click.echo(wrapped(f"{requests:,} {flag}: {FLAGS[flag]}", indent=2))


def _shown(figure: Mapping[str, float] | None, show: Callable[[float], str]) -> str | None:
    if figure is None:
        return None
    return f"{show(figure['value'])} [{show(figure['low'])}, {show(figure['high'])}]"


def _ratio(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "same_tokens"
    return f"x{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}] n={found['n']}"


def _usd(nusd: int | None) -> str | None:
    return None if nusd is None else f"${usd_from_nusd(nusd):.6f}"


def _sign(value: float) -> str:
    return "-" if value < 0 else ""


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
