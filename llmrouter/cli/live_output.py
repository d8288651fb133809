"""What came out of a live replay, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from llmrouter.cli.output import print_table, wrapped
from llmrouter.replay.flags import FLAGS


def print_live(number: int, report: Mapping[str, Any]) -> None:
    """The report for people."""
    click.echo(
        f"replay {number}: {report['done']:,} of {report['requests']:,} requests settled, "
        f"{report['sent']:,} sent, ${report['spent_usd']:.6f} spent"
    )
    if report["budget_is_spent"]:
        click.echo(
            "what is left of the budget does not cover the most that the next call can cost; "
            f"`llmrouter replay --live --resume {number} --max-usd …` goes on with a larger one"
        )
    elif report["done"] < report["requests"]:
        click.echo(
            f"--max-requests was reached; `llmrouter replay --live --resume {number} --max-usd … "
            "--max-requests …` goes on with more"
        )
    for flag, count in report["flags"].items():
        click.echo(wrapped(f"{count:,} {flag} ({FLAGS[flag]})", indent=0))
    if "no_price" in report["flags"]:
        click.echo(
            "what has no price is not sent: see `llmrouter prices set --help`, or say "
            "--allow-unknown-prices with --max-requests"
        )
    rows = [
        (label, *(cell(report[side], name) for side in ("old", "new")))
        for name, label in ANSWERS.items()
    ]
    if report["sent"]:
        click.echo()
        print_table(("answers", "old", "new"), rows)
        click.echo()
    for label, shown in changes(report):
        click.echo(f"{label}: {shown}")
    verdict = judge_line(report)
    if verdict is not None:
        click.echo(f"judge: {verdict}")


ANSWERS: Final = {
    "answers": "answers",
    "errors": "no answer",
    "finish_reasons": "finish reasons",
    "tools_valid": "tool calls that fit",
    "json_valid": "JSON that fits",
    "median_characters": "characters, median",
    "median_ms": "ms, median",
}
"""What is said of each side's answers, and its name for people."""


def cell(side: Mapping[str, Any] | None, name: str) -> str | None:
    """One figure of one side; None where it is not known."""
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


def changes(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """By how much cost and latency change, as far as that is known."""
    shown: list[tuple[str, Mapping[str, Any] | None, Callable[[float], str]]] = [
        ("cost per request", report["cost_change_usd"], _more_usd),
        ("latency", report["duration_change_ms"], lambda ms: f"{ms:+,.0f} ms"),
    ]
    return [
        (label, f"{_interval(estimate, show)} (n {estimate['n']}, 95 %)")
        for label, estimate, show in shown
        if estimate is not None
    ]


def judge_line(report: Mapping[str, Any]) -> str | None:
    """What the judge said; None where none was asked."""
    judge = report["judge"]
    if judge is None:
        return None
    rate = judge["new_win_rate"]
    shown = "" if rate is None else f", {_interval(rate, lambda part: f'{part:.0%}')} of them"
    cost = judge.get("cost_usd")
    return (
        f"the new answer won {judge['new_wins']}, the old one {judge['old_wins']}{shown}; "
        f"{judge['ties']} ties; judging cost {'an unknown sum' if cost is None else f'${cost:.6f}'}"
    )


def _more_usd(usd: float) -> str:
    return f"{'-' if usd < 0 else '+'}${abs(usd):.6f}"


def _interval(estimate: Mapping[str, Any], show: Callable[[float], str]) -> str:
    low, high = ("?" if estimate[end] is None else show(estimate[end]) for end in ("low", "high"))
    return f"{show(estimate['value'])} [{low}, {high}]"
