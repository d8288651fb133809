"""``llmrouter replay --live``: its options, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import click

from llmrouter.cli.ledger import database, reading
from llmrouter.cli.live_output import print_live, showing_progress
from llmrouter.cli.live_replay import LiveEnd, LiveOrder, read_order, replay_live
from llmrouter.cli.output import fail, print_json, run
from llmrouter.cli.replay_candidate import CandidateOrder, kept_candidate, read_candidate
from llmrouter.core.clock import SystemClock
from llmrouter.core.replay import STALE_US, ReplayRow, ReplayWindow
from llmrouter.core.usage import nusd_from_usd
from llmrouter.replay.live import Baseline, LiveOptions
from llmrouter.settings import read_keyring, read_settings
from llmrouter.store.errors import DatabaseInUse

_count = click.IntRange(min=1)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--live", is_flag=True, help="Really send the requests. Costs money."),
    click.option(
        "--max-usd", type=click.FloatRange(min=0, min_open=True), help="Never spend more."
    ),
    click.option("--max-requests", type=_count, help="Send no more requests than this."),
    click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True),
    click.option(
        "--baseline",
        type=click.Choice(get_args(Baseline)),
        default="logged",
        show_default=True,
        help="Compare with what the ledger says of the old answers, or ask the old models, too.",
    ),
    click.option(
        "--judge", metavar="MODEL", help="Who says which answer is better; asks the old too."
    ),
    click.option(
        "--max-output-tokens",
        type=_count,
        default=8192,
        show_default=True,
        help="For requests that set no limit of their own.",
    ),
    click.option("--unchanged", is_flag=True, help="Send also what the same model would answer."),
    click.option(
        "--allow-unknown-prices", is_flag=True, help="Ask models whose price is not known."
    ),
    click.option("--resume", type=_count, metavar="ID", help="Go on with a replay."),
)


def with_live_options(command: Any) -> Any:
    """The command with the options of live replays."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class LiveAsked:
    """What the options of live replays said."""

    live: bool
    max_usd: float | None
    max_requests: int | None
    concurrency: int
    baseline: Baseline
    judge: str | None
    max_output_tokens: int
    unchanged: bool
    allow_unknown_prices: bool
    resume: int | None


def send_live(
    asked: LiveAsked, wanted: CandidateOrder, window: ReplayWindow, *, as_json: bool
) -> None:
    """Sends logged requests to the models that another configuration would choose.

    Rows of a replay have purpose `replay` and count in no figure of production.  What is about to
    be sent is committed first, with the most that it can cost; the sum of that never passes
    --max-usd, and a replay that was killed sends nothing twice.
    """
    if asked.max_usd is None:
        raise click.UsageError("--live needs --max-usd: the most that may be spent, in dollars")
    order = LiveOrder(
        window,
        LiveOptions(
            max_nusd=nusd_from_usd(asked.max_usd),
            max_requests=asked.max_requests,
            concurrency=asked.concurrency,
            baseline="ask" if asked.judge is not None else asked.baseline,
            judge=asked.judge,
            max_output_tokens=asked.max_output_tokens,
            sends_unchanged=asked.unchanged,
            allows_unknown_prices=asked.allow_unknown_prices,
        ),
    )
    end = run(_live(wanted, order, asked.resume))
    if as_json:
        print_json({"replay": end.number, **end.report})
    else:
        print_live(end.number, end.report)


async def _live(wanted: CandidateOrder, order: LiveOrder, resume: int | None) -> LiveEnd:
    settings, keyring = read_settings(), read_keyring()
    async with reading(settings) as ledger:
        if resume is None:
            candidate = await read_candidate(wanted, ledger, settings, keyring)
        else:
            row = await ledger.replays.get(resume)
            is_alone = database(settings).path is not None  # the ledger's lock says who runs
            row = _resumable(resume, row, may_run=not is_alone)
            kept = read_order(row.options)
            # How much and how fast may be another; what is sent and compared stays.
            options = replace(
                kept.options,
                max_nusd=order.options.max_nusd,
                max_requests=order.options.max_requests,
                concurrency=order.options.concurrency,
            )
            order = LiveOrder(kept.window, options)
            candidate = kept_candidate(row, settings, keyring)
    try:
        with showing_progress() as on_progress:
            return await replay_live(
                settings, keyring, candidate, order, resumed=resume, on_progress=on_progress
            )
    except DatabaseInUse as error:
        fail(_held(error))


def _resumable(number: int, row: ReplayRow | None, *, may_run: bool) -> ReplayRow:
    if row is None:
        fail(f"there is no replay {number}")
    if row.kind != "live":
        fail(f"replay {number} sent nothing; only live replays are resumed with --live")
    if may_run and row.state == "running" and row.updated_us > SystemClock().now_us() - STALE_US:
        fail(f"replay {number} runs in another process, or did a minute ago; try again then")
    return row


def _held(error: DatabaseInUse) -> str:
    return (
        f"{error.what} is in use by {error.holder}. Stop it for the live replay, or keep the "
        "ledger in PostgreSQL, where both may write"
    )
