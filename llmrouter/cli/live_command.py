"""``llmrouter replay --live``: its options, and what it does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

import click

from llmrouter.cli.output import run
from llmrouter.cli.progress import progress_bar
from llmrouter.core.records import Record
from llmrouter.core.replay import MAX_OUTPUT_TOKENS, Baseline, LiveAsked, ReplayAsked, ReplayRow

_count = click.IntRange(min=1)


def _finite(_context: click.Context, _option: click.Parameter, usd: float | None) -> float | None:
    """An amount that bounds something."""
    if usd is not None and not math.isfinite(usd):
        raise click.BadParameter("must be a number of dollars")
    return usd


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--live", is_flag=True, help="Really send the requests. Costs money."),
    click.option(
        "--max-usd",
        type=click.FloatRange(min=0, min_open=True),
        callback=_finite,
        help="Never spend more.",
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
        default=MAX_OUTPUT_TOKENS,
        show_default=True,
        help="For requests that set no limit of their own.",
    ),
    click.option("--unchanged", is_flag=True, help="Send also what the same model would answer."),
    click.option(
        "--allow-unknown-prices",
        is_flag=True,
        help="Ask models whose price is not known; needs --max-requests.",
    ),
    click.option("--resume", type=_count, metavar="ID", help="Go on with a replay."),
)


def with_live_options(command: Any) -> Any:
    """The command with the options of live replays."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class LiveOptionsSaid(Record):
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

    def beyond_default(self) -> list[str]:
        """The options that say something, `--live` and `--resume` aside."""
        said = {
            "--max-usd": self.max_usd is not None,
            "--max-requests": self.max_requests is not None,
            "--baseline": self.baseline != "logged",
            "--judge": self.judge is not None,
            "--unchanged": self.unchanged,
            "--allow-unknown-prices": self.allow_unknown_prices,
        }
        return [option for option, is_said in said.items() if is_said]

    def asked(self) -> LiveAsked:
        """The order that they make."""
        if self.max_usd is None:
            raise click.UsageError("--live needs --max-usd: the most that may be spent, in dollars")
        if self.allow_unknown_prices and self.max_requests is None:
            raise click.UsageError(
                "--allow-unknown-prices needs --max-requests: no budget holds for models whose "
                "price is not known"
            )
        return LiveAsked(
            max_usd=self.max_usd,
            max_requests=self.max_requests,
            concurrency=self.concurrency,
            baseline=self.baseline,
            judge=self.judge,
            max_output_tokens=self.max_output_tokens,
            unchanged=self.unchanged,
            allow_unknown_prices=self.allow_unknown_prices,
        )


def send_live(said: LiveOptionsSaid, asked: ReplayAsked) -> ReplayRow:
    """Sends logged requests to the models that another configuration would choose.

    Rows of a replay have purpose `replay` and count in no figure of production.  What is about to
    be sent is committed first, with the most that it can cost; the sum of that never passes
    --max-usd, and a replay that was killed sends nothing twice.
    """
    # It loads every room of the server: commands that only read go without.
    from llmrouter.cli import live_replaying

    wanted = said.asked()
    with progress_bar("sending") as progress:
        if said.resume is not None:
            return run(live_replaying.sent_on(said.resume, wanted, progress))
        return run(live_replaying.sent(asked, wanted, progress))
