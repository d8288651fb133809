"""Options that several commands share."""

from __future__ import annotations

from typing import Final

import click

from llmrouter.core.clock import SystemClock
from llmrouter.core.days import DaySpan, day_of
from llmrouter.core.moments import read_moment

SHOWN_DAYS: Final = 30
"""How far back reports reach when nobody says otherwise."""

_DAY_US: Final = 86_400_000_000


def moment(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    """The moment that an option's text means."""
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
    callback=moment,
    help="Only from then on: an age (15m, 24h, 7d) or a date (2026-11-20).",
)

until = click.option(
    "--until",
    "until_us",
    metavar="AGE",
    callback=moment,
    help="Only before then: an age or a date.",
)

limit = click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
)

first_day = click.option(
    "--since",
    "since_us",
    metavar="AGE",
    callback=moment,
    help="From the day (UTC) of this moment on: an age (7d, 24h) or a date (2026-11-20).  "
    f"[default: the last {SHOWN_DAYS} days]",
)

last_day = click.option(
    "--until",
    "until_us",
    metavar="AGE",
    callback=moment,
    help="To the end of the day (UTC) of this moment: an age or a date.  [default: today]",
)

database_option = click.option(
    "--database",
    metavar="FILE|URL",
    help="Read this ledger: an SQLite file (a copy will do) or a URL.  [default: the server's]",
)


def day_span(since_us: int | None, until_us: int | None) -> DaySpan:
    """The days that ``--since`` and ``--until`` name."""
    now_us = SystemClock().now_us()
    until_us = now_us if until_us is None else until_us
    since_us = until_us - (SHOWN_DAYS - 1) * _DAY_US if since_us is None else since_us
    first, last = day_of(since_us), day_of(until_us)
    if first > last:
        raise click.UsageError(f"--since ({first}) is after --until ({last})")
    return DaySpan(first, last)
