"""How a live replay is shown: while it runs, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from llmrouter.cli.output import print_table, wrapped
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.replay.flags import FLAGS
from llmrouter.replay.live import Progress as LiveProgress


@contextmanager
def showing_progress() -> Iterator[Callable[[LiveProgress], None]]:
    """A bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda progress: None
        return
    columns = (
        TextColumn("replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:.1f}/s ${task.fields[spent]:.4f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("live", total=None, spent=0.0)

        def show(progress: LiveProgress) -> None:
            bars.update(
                task,
                total=progress.requests,
                completed=progress.done,
                spent=progress.spent_nusd / NUSD_PER_USD,
            )

        yield show


def print_live(number: int, report: Mapping[str, Any]) -> None:
    """The report for people."""
    click.echo(
        f"replay {number}: {report['done']:,} of {report['requests']:,} requests settled, "
        f"{report['sent']:,} sent, ${report['spent_usd']:.6f} spent"
    )
    if report["budget_is_spent"]:
        click.echo(
            f"the budget is used up; `llmrouter replay --live --resume {number} --max-usd …` "
            "goes on with a larger one"
        )
    for flag, count in report["flags"].items():
        click.echo(wrapped(f"{count:,} {flag} ({FLAGS[flag]})", indent=0))
    rows = [
        (label, *(_cell(report[side], name) for side in ("old", "new")))
        for name, label in _ANSWERS.items()
    ]
    if report["sent"]:
        click.echo()
        print_table(("answers", "old", "new"), rows)
        click.echo()
    _print_change(report["cost_change_usd"], "cost per request", lambda usd: f"${usd:+.6f}")
    _print_change(report["duration_change_ms"], "latency", lambda ms: f"{ms:+,.0f} ms")
    judge = report["judge"]
    if judge is not None:
        rate = judge["new_win_rate"]
        shown = "" if rate is None else f", {_interval(rate, lambda part: f'{part:.0%}')} of them"
        click.echo(
            f"judge: the new answer won {judge['new_wins']}, the old one {judge['old_wins']}"
            f"{shown}; {judge['ties']} ties"
        )


_ANSWERS = {
    "answers": "answers",
    "errors": "no answer",
    "finish_reasons": "finish reasons",
    "tools_valid": "tool calls that fit",
    "json_valid": "JSON that fits",
    "median_characters": "characters, median",
    "median_ms": "ms, median",
}


def _cell(side: Mapping[str, Any] | None, name: str) -> str | None:
    found = None if side is None else side[name]
    match found:
        case None:
            return None
        case {"value": float(), **_others} as estimate:
            return f"{_interval(estimate, lambda part: f'{part:.0%}')} of {estimate['n']}"
        case dict():
            return ", ".join(f"{reason} {count}" for reason, count in found.items())
        case float():
            return f"{found:,.1f}"
        case _:
            return f"{found:,}"


def _print_change(
    estimate: Mapping[str, Any] | None, label: str, show: Callable[[float], str]
) -> None:
    if estimate is not None:
        click.echo(f"{label}: {_interval(estimate, show)} (n {estimate['n']}, 95 %)")


def _interval(estimate: Mapping[str, Any], show: Callable[[float], str]) -> str:
    low, high = ("?" if estimate[end] is None else show(estimate[end]) for end in ("low", "high"))
    return f"{show(estimate['value'])} [{low}, {high}]"
