"""``llmrouter import``: brings the logs of other gateways and tools into the ledger."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast, get_args

import click

from llmrouter.cli.current import known_prices
from llmrouter.cli.ledger import database, reading
from llmrouter.cli.output import as_json, fail, inert, print_json, run
from llmrouter.core.clock import SystemClock
from llmrouter.core.records import Record, replace
from llmrouter.core.routing import Target
from llmrouter.core.usage import Usage
from llmrouter.documents import read_configuration
from llmrouter.importing.formats import Format, reader
from llmrouter.importing.importer import Shelf, Tally, Window, import_lines
from llmrouter.importing.records import Imported, Reckon
from llmrouter.importing.shelf import LedgerShelf, TrialShelf
from llmrouter.policy.pricing import cost_of
from llmrouter.policy.table import compile_table
from llmrouter.settings import Settings, read_keyring, read_settings
from llmrouter.store.condition import exists
from llmrouter.store.errors import DatabaseInUse
from llmrouter.store.opening import open_store
from llmrouter.store.reader import LedgerReader
from llmrouter.store.writer import LedgerSettings

COMMIT_WAIT_S: Final = 60.0
DAY_US: Final = 86_400_000_000

_file = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


class _Order(Record):
    """What the command was asked."""

    format: Format
    file: Path
    requests: Path | None
    provider: str | None
    reckons: bool
    dry_run: bool


@click.command(
    name="import",
    epilog="\b\nExamples:\n  llmrouter import litellm-jsonl litellm.jsonl --dry-run\n"
    "  llmrouter import openai-jsonl output.jsonl --requests input.jsonl\n"
    "  llmrouter import langfuse-jsonl observations.jsonl.gz",
)
@click.argument("format", type=click.Choice(get_args(Format)))
@click.argument("file", type=_file)
@click.option("--requests", type=_file, help="openai-jsonl: the input of the batch.")
@click.option("--provider", metavar="NAME", help="Who answered, where the log does not say it.")
@click.option(
    "--list-prices",
    is_flag=True,
    help="Where the log says no cost, reckon it with the configuration's prices.",
)
@click.option("--dry-run", is_flag=True, help="Read and count; write nothing.")
@as_json
def command(
    format: str,  # noqa: A002  # the argument's name in the help
    file: Path,
    requests: Path | None,
    provider: str | None,
    list_prices: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring another gateway's log into the ledger, to be replayed.

    Each call becomes a request of purpose `imported`, which metrics and reports leave out.  A
    file may be imported again: what is there already is not added twice.  Lines that cannot be
    understood are told and passed over.
    """
    if requests is not None and format != "openai-jsonl":
        raise click.UsageError("--requests belongs to openai-jsonl alone")
    order = _Order(cast("Format", format), file, requests, provider, list_prices, dry_run)
    tally = run(_import(order))
    if as_json:
        print_json(_document(tally, dry_run=dry_run))
    else:
        _print(tally, order)
    if tally.bad and not tally.imported and not tally.known:
        fail(f"no line of {file} could be imported; is it {format}?")


async def _import(order: _Order) -> Tally:
    settings, keyring = read_settings(), read_keyring()
    now_us = SystemClock().now_us()
    async with _opened(settings, dry_run=order.dry_run) as (shelf, ledger, node):
        shared = Imported(
            format=order.format,
            node=node,
            secrets=keyring.secrets(),
            provider=order.provider,
            reckon=await _reckon(settings, ledger, now_us) if order.reckons else None,
        )
        with ExitStack() as stack:
            file = stack.enter_context(_open(order.file))
            asked = stack.enter_context(_open(order.requests)) if order.requests else None
            return await import_lines(
                file,
                reader(order.format, asked),
                shelf,
                shared,
                Window(now_us, now_us - settings.bodies_days * DAY_US),
            )


@asynccontextmanager
async def _opened(
    settings: Settings, *, dry_run: bool
) -> AsyncIterator[tuple[Shelf, LedgerReader | None, int]]:
    """The shelf to import to, the ledger if there is one, and the node to write as."""
    # It loads every room of the server.
    from llmrouter.bootstrap.ledger import store_settings

    if dry_run:
        if not exists(database(settings)):
            yield TrialShelf(None), None, 0
            return
        async with reading(settings) as ledger:
            yield TrialShelf(ledger), ledger, 0
        return
    patient = LedgerSettings(mode="required", commit_wait_s=COMMIT_WAIT_S)
    try:
        async with open_store(
            replace(store_settings(settings), ledger=patient), SystemClock()
        ) as store:
            yield LedgerShelf(store), store.reader, store.node
    except DatabaseInUse as error:
        fail(
            f"{error.what} is in use by {error.holder}. Stop it for the import; or import into a "
            "ledger of its own, LLMROUTER_DATABASE_URL=sqlite:///imported.db, and replay there"
        )


async def _reckon(settings: Settings, ledger: LedgerReader | None, now_us: int) -> Reckon:
    """What usages cost by today's prices and the newest configuration."""
    newest = await ledger.versions.latest() if ledger else None
    document = newest.document if newest else {}
    config = read_configuration(
        document, "the configuration", settings=settings, keyring=read_keyring()
    )
    table = compile_table(newest.number if newest else 0, document, config)
    table = table.with_prices((await known_prices(ledger)).assuming(table.configured_prices))

    def reckon(target: Target, usage: Usage, service_tier: str | None) -> int | None:
        card = table.price(target, now_us)
        return None if card is None else cost_of(usage, card, service_tier)

    return reckon


def _open(file: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(file) if file.suffix == ".gz" else file.open("rb"))


def _print(tally: Tally, order: _Order) -> None:
    for line, reason in tally.faults:
        click.echo(f"line {line}: {inert(reason)}", err=True)
    if tally.bad > len(tally.faults):
        click.echo(f"… and {tally.bad - len(tally.faults):,} more bad lines", err=True)
    verb = "would be imported" if order.dry_run else "imported"
    click.echo(f"{tally.lines:,} lines: {tally.imported:,} {verb}, {tally.known:,} known already")
    if tally.bad:
        click.echo(f"{tally.bad:,} could not be understood and were passed over")
    for what, count in tally.other.most_common():
        click.echo(f"{count:,} were no chat requests: {inert(what)}")
    if tally.without_body:
        click.echo(f"{tally.without_body:,} came without a body that could be sent again")
    if tally.without_cost:
        click.echo(f"{tally.without_cost:,} came without a cost (--list-prices reckons one)")
    if tally.expired:
        click.echo(
            f"{tally.expired:,} bodies are older than LLMROUTER_BODIES_DAYS: the next server on "
            "this ledger removes them; set it higher before you start one"
        )


def _document(tally: Tally, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "lines": tally.lines,
        "imported": tally.imported,
        "known": tally.known,
        "bad": tally.bad,
        "not_chat": dict(tally.other),
        "without_body": tally.without_body,
        "without_cost": tally.without_cost,
        "expired_bodies": tally.expired,
        "faults": [{"line": line, "reason": reason} for line, reason in tally.faults],
    }
