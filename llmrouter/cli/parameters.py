"""Options that several commands share."""

from __future__ import annotations

import click

from llmrouter.core.clock import SystemClock
from llmrouter.core.moments import read_moment


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return read_moment(text, SystemClock().now_us())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


since = click.option(
    "--since",
    "since_us",
    metavar="AGE",
    callback=_moment,
    help="Only from then on: an age (15m, 24h, 7d) or a date (2026-11-20).",
)

until = click.option(
    "--until",
    "until_us",
    metavar="AGE",
    callback=_moment,
    help="Only before then: an age or a date.",
)

limit = click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
)
