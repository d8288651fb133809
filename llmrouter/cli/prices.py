"""``llmrouter prices``: what models charge, from when on, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

import click
from pydantic import ValidationError

from llmrouter.cli.output import as_json, fail, print_json, print_table, run
from llmrouter.cli.parameters import moment
from llmrouter.cli.price_sources import SourceName, read_source
from llmrouter.cli.pricing import (
    RepricingOrder,
    current_prices,
    model_meant,
    model_prices,
    recompute_costs,
    state_prices,
)
from llmrouter.core.clock import SystemClock
from llmrouter.core.prices import PriceCard, Rate, UnitClass
from llmrouter.policy.stated_prices import StatedPrice
from llmrouter.store.repricing import Repricing
from llmrouter.web.price_rows import show_card

COLUMNS: Final = ("model", "input", "output", "cache read", "cache write", "since", "by", "id")
SHOWN_CHANGES: Final = 50
SHOWN_MODELS: Final = 5
MANUAL_SOURCE: Final = "llmrouter prices set"


@click.group(
    name="prices",
    epilog="\b\nExamples:\n  llmrouter prices list\n  llmrouter prices show openai/gpt-4o-mini",
)
def command() -> None:
    """Show what models charge, and set or import prices.

    Amounts are US dollars per million tokens.  Each price holds from a moment on and is never
    overwritten: a request costs what was charged when it came.  While a server runs, changes go
    through it and count at once.
    """


@command.command(
    name="list",
    epilog="\b\nExamples:\n  llmrouter prices list --provider openai\n"
    "  llmrouter prices list --at 2026-10-01 --json",
)
@click.option("--provider", help="Only this provider's.")
@click.option("--at", "at_us", metavar="WHEN", callback=moment, help="As it was then [now].")
@as_json
def list_(provider: str | None, at_us: int | None, as_json: bool) -> None:
    """List the price that counts for each model."""
    clock = SystemClock()
    cards = run(current_prices(clock, clock.now_us() if at_us is None else at_us))
    chosen = [card for card in cards if provider in (None, card.provider)]
    if as_json:
        print_json({"prices": [show_card(card) for card in chosen]})
        return
    print_table(COLUMNS, map(_cells, chosen))


@command.command(epilog="\b\nExample:\n  llmrouter prices show openai/gpt-4o-mini")
@click.argument("model")
@as_json
def show(model: str, as_json: bool) -> None:
    """Show every price of a model that is known, and which one counts now."""
    found = run(model_prices(model, SystemClock()))
    if as_json:
        print_json(
            {
                "model": found.target.name,
                "current": None if found.counting is None else show_card(found.counting),
                "cards": [show_card(card) for card in found.history],
            }
        )
        return
    if found.counting is None:
        click.echo(f"what {found.target.name} costs now is not known; `prices set` says it")
    for card in found.history or (() if found.counting is None else (found.counting,)):
        _show(card, counts=found.counting is not None and card.id == found.counting.id)


@command.command(
    name="set",
    epilog="\b\nExamples:\n  llmrouter prices set ollama/llama3.2 --input 0.05 --output 0.10\n"
    "  llmrouter prices set openai/gpt-4o --input 2 --output 8 --price web_search=10000\n"
    "  llmrouter prices set openai/gpt-4o --input 2.5 --output 10 --from 2026-12-01",
)
@click.argument("model")
@click.option("--input", "input_", metavar="USD", required=True, help="Input.")
@click.option("--output", metavar="USD", required=True, help="Output, reasoning included.")
@click.option("--cache-read", metavar="USD", help="Input that comes from a cache.")
@click.option("--cache-write", metavar="USD", help="Input that goes to a cache.")
@click.option("--cache-write-1h", metavar="USD", help="Input that goes to a cache for an hour.")
@click.option(
    "--price",
    "further",
    metavar="CLASS=USD",
    multiple=True,
    help="Any other class: " + ", ".join(get_args(UnitClass)) + ".",
)
@click.option("--from", "valid_from", metavar="DATE", help="From then on [now].")
@click.option("--until", "valid_to", metavar="DATE", help="Until then; imports count after it.")
@click.option("--source", default=MANUAL_SOURCE, help="Where the price is from.", show_default=True)
@as_json
def set_(
    model: str,
    input_: str,
    output: str,
    cache_read: str | None,
    cache_write: str | None,
    cache_write_1h: str | None,
    further: tuple[str, ...],
    valid_from: str | None,
    valid_to: str | None,
    source: str,
    as_json: bool,
) -> None:
    """Set a model's price by hand, in US dollars per million.

    A class that is not given has no known price, and what uses it has no known cost.  What is set
    by hand is never replaced by an import.
    """
    clock = SystemClock()
    given = {
        "input": input_,
        "output": output,
        "cache_read": cache_read,
        "cache_write": cache_write,
        "cache_write_1h": cache_write_1h,
        **dict(_class_and_price(text) for text in further),
    }
    document = {
        "model": run(model_meant(model, clock)).name,
        "usd_per_million": {name: usd for name, usd in given.items() if usd is not None},
        "valid_from": valid_from,
        "valid_to": valid_to,
        "source": source,
    }
    try:
        price = StatedPrice.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in fault["loc"] if step != "[key]")
        fail(f"{where}: {fault['msg']}")
    changes = run(state_prices([price], by="manual", clock=clock, dry_run=False))
    if as_json:
        print_json(changes)
        return
    if not changes["added"]:
        click.echo(f"nothing to change: {price.model} costs that already")
        return
    _tell_changes(changes)
    if (changes["added"][0]["before"] or {}).get("origin") == "configuration":
        click.echo("the configuration names a price of this model, which counts over this one")


@command.command(
    epilog="\b\nExamples:\n  llmrouter prices recompute --since 7d --dry-run\n"
    "  llmrouter prices recompute --since 2026-11-01 --until 2026-11-15 --model openai/gpt-4o"
)
@click.option(
    "--since",
    "since_us",
    metavar="WHEN",
    required=True,
    callback=moment,
    help="Requests from then on: an age (24h, 7d) or a date.",
)
@click.option("--until", "until_us", metavar="WHEN", callback=moment, help="Requests before it.")
@click.option("--model", help="Only this model's calls.")
@click.option(
    "--current-configuration",
    is_flag=True,
    help="Prices of the running configuration count for all times, as if earlier ones were wrong.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@as_json
def recompute(
    since_us: int,
    until_us: int | None,
    model: str | None,
    current_configuration: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Compute costs anew with the prices that are known now for the time of each request.

    Costs that a provider reported stay, and a known cost never becomes unknown.  Each correction
    is an event of its own (attempt.repriced) that says what was there before.
    """
    clock = SystemClock()
    target = None if model is None else run(model_meant(model, clock))
    order = RepricingOrder(Repricing(since_us, until_us, target), current_configuration, dry_run)
    found = run(recompute_costs(order, clock))
    if as_json:
        print_json({"dry_run": dry_run, **found})
        return
    verb = "would be corrected" if dry_run else "corrected"
    click.echo(
        f"{found['requests']:,} requests looked at, {found['changed']:,} costs {verb} "
        f"({found['newly_known']:,} were unknown): "
        f"${found['before_usd']:.6f} → ${found['after_usd']:.6f}"
    )
    if found["without_events"]:
        click.echo(f"{found['without_events']:,} requests' events are no longer kept; they stay")


source_argument = click.argument("source", type=click.Choice(get_args(SourceName)))
file_argument = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)


@command.command(
    name="import",
    epilog="\b\nExamples:\n  llmrouter prices import genai-prices\n"
    "  llmrouter prices import csv prices.csv --dry-run",
)
@source_argument
@file_argument
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@as_json
def import_(source: SourceName, file: Path | None, dry_run: bool, as_json: bool) -> None:
    """Take over prices that changed; nothing is overwritten.

    genai-prices is a package (pip install 'llmrouter[genai-prices]'); litellm-json and csv are
    files; openrouter is asked over the network, or read from a file with its answer.
    """
    _import(source, file, dry_run=dry_run, as_json=as_json)


@command.command(epilog="\b\nExample:\n  llmrouter prices diff genai-prices")
@source_argument
@file_argument
@as_json
def diff(source: SourceName, file: Path | None, as_json: bool) -> None:
    """Tell what an import would change."""
    _import(source, file, dry_run=True, as_json=as_json)


def _import(source: SourceName, file: Path | None, *, dry_run: bool, as_json: bool) -> None:
    clock = SystemClock()
    found = run(read_source(source, file, clock))
    changes = run(state_prices(found.prices, by="import", clock=clock, dry_run=dry_run))
    unread = [{"model": skipped.model, "reason": skipped.reason} for skipped in found.skipped]
    changes = {**changes, "skipped": [*unread, *changes["skipped"]]}
    if as_json:
        print_json(changes)
        return
    _tell_changes(changes)
    _tell_skipped(changes["skipped"])
    verb = "would be added" if dry_run else "added"
    click.echo(
        f"{len(changes['added']):,} {verb}, {changes['unchanged']:,} unchanged, "
        f"{len(changes['skipped']):,} skipped"
    )


def _tell_changes(changes: Mapping[str, Any]) -> None:
    for added in changes["added"][:SHOWN_CHANGES]:
        before = added["before"]
        was = "no price" if before is None else _amounts(before["usd_per_million"])
        now = _amounts(added["usd_per_million"])
        click.echo(f"{added['model']}: {was} → {now} from {added['valid_from'][:16]} on")

    if len(changes["added"]) > SHOWN_CHANGES:
        click.echo(f"… and {len(changes['added']) - SHOWN_CHANGES:,} more; --json shows all")


def _tell_skipped(skipped: Sequence[Mapping[str, str]]) -> None:
    """Each reason once, with some of the models that it holds for."""
    models: dict[str, list[str]] = {}
    for one in skipped:
        models.setdefault(one["reason"], []).append(one["model"])
    for reason, names in models.items():
        others = f" and {len(names) - SHOWN_MODELS:,} more" if len(names) > SHOWN_MODELS else ""
        click.echo(f"skipped, {reason}: {', '.join(names[:SHOWN_MODELS])}{others}")


def _amounts(usd_per_million: Mapping[str, float]) -> str:
    shown = ", ".join(
        f"{name} {usd_per_million[name]:g}"
        for name in ("input", "output")
        if name in usd_per_million
    )
    return shown or "not known"


def _class_and_price(text: str) -> tuple[str, str]:
    unit_class, equals, usd = text.partition("=")
    if not equals or unit_class not in get_args(UnitClass):
        known = ", ".join(get_args(UnitClass))
        raise click.BadParameter(f"`{text}` must be CLASS=USD, with a class of: {known}")
    return unit_class, usd


def _cells(card: PriceCard) -> Sequence[object]:
    classes: tuple[UnitClass, ...] = ("input", "output", "cache_read", "cache_write")
    amounts = (card.nusd_per_million(unit_class) for unit_class in classes)
    return (
        f"{card.provider}/{card.model}",
        *(None if nusd is None else f"{nusd / 1e9:g}" for nusd in amounts),
        _day(card.valid_from_us),
        card.origin,
        card.id,
    )


def _show(card: PriceCard, *, counts: bool) -> None:
    until = "" if card.valid_to_us is None else f" until {_day(card.valid_to_us)}"
    mark = ", which counts now" if counts else ""
    number = "" if card.id is None else f" {card.id}"
    click.echo(
        f"{card.provider}/{card.model}: card{number} from {_day(card.valid_from_us)}{until}, "
        f"{card.origin}{mark}"
    )
    if card.source:
        click.echo(f"  {card.source}")
    if not card.rates:
        click.echo("  not known, says the configuration")
    for rate in sorted(card.rates, key=_place):
        where = "" if rate.service_tier == "standard" else f", {rate.service_tier}"
        if rate.from_input_tokens:
            where += f", from {rate.from_input_tokens:,} input tokens on"
        usd = f"{rate.nusd_per_million_units / 1e9:g}"
        click.echo(f"  {rate.unit_class:<15} {usd:>10}{where}")


def _place(rate: Rate) -> tuple[bool, str, int]:
    """The usual price first, then by service and size."""
    return rate.service_tier != "standard", rate.service_tier, rate.from_input_tokens


def _day(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d")
