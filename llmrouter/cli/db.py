"""``llmrouter db``: checks, measures, copies and tidies the ledger."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from llmrouter.cli.ledger import database
from llmrouter.cli.output import as_json, explained, fail, print_json, print_table
from llmrouter.cli.parameters import since
from llmrouter.core.ids import show_id
from llmrouter.core.records import as_mapping
from llmrouter.settings import read_settings
from llmrouter.store import upkeep
from llmrouter.store.audit import Audit, audit
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.inventory import Inventory, take_inventory
from llmrouter.web.rows import show_time

SHOWN = 20
"""Differences in the text; JSON has more."""


@click.group(
    name="db",
    epilog="\b\nExamples:\n  llmrouter db check\n  llmrouter db stats --json",
)
def command() -> None:
    """Check, measure, copy and tidy the ledger.

    `check`, `stats` and `backup` work beside a running server.
    """


@command.command(
    name="check",
    epilog="\b\nExamples:\n  llmrouter db check\n  llmrouter db check --since 24h --json",
)
@since
@as_json
def check(since_us: int | None, as_json: bool) -> None:
    """Say whether the ledger agrees with itself; exit 1 when it does not.

    Every request's and attempt's row is made again from its events, every sum from the rows.  What
    retention has removed is left out.  A million requests take minutes; --since takes the latest.
    """
    address = _address()
    found = explained(lambda: upkeep.look(address, partial(audit, since_us=since_us)))
    if as_json:
        print_json({"database": address.shown, "agrees": not found.counted, **as_mapping(found)})
    else:
        _tell_audit(address, found)
    if found.counted:
        fail(f"{found.counted:,} differences: rows do not say what they should")


@command.command(name="stats", epilog="\b\nExamples:\n  llmrouter db stats")
@as_json
def stats(as_json: bool) -> None:
    """Say how many rows and bytes each table has, and what a request takes."""
    address = _address()
    found = explained(lambda: upkeep.look(address, take_inventory))
    if as_json:
        print_json(
            {
                "database": address.shown,
                **as_mapping(found),
                "oldest_at": show_time(found.oldest_us),
                "newest_at": show_time(found.newest_us),
            }
        )
        return
    _tell_inventory(address, found)


@command.command(name="vacuum", epilog="\b\nExamples:\n  llmrouter db vacuum")
@as_json
def vacuum(as_json: bool) -> None:
    """Give room that is no longer used back to the file system.

    SQLite's file is written anew, for which the server must be stopped; PostgreSQL is vacuumed and
    analysed while it is used.
    """
    address = _address()
    before, after = explained(lambda: upkeep.vacuum(address))
    if as_json:
        print_json({"database": address.shown, "bytes_before": before, "bytes_after": after})
        return
    click.echo(f"{address.shown}: {_megabytes(before)} before, {_megabytes(after)} now")


@command.command(name="backup", epilog="\b\nExamples:\n  llmrouter db backup copy.db")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def backup(file: Path, as_json: bool) -> None:
    """Copy the ledger into a new file, as it is at one moment; a server may be writing it.

    This is for SQLite; of PostgreSQL it says how pg_dump does it.
    """
    address = _address()
    size = explained(lambda: upkeep.back_up(address, file))
    if as_json:
        print_json({"database": address.shown, "backup": str(file), "bytes": size})
        return
    click.echo(f"{address.shown} was copied to {file}, {_megabytes(size)}")


def _address() -> DatabaseAddress:
    return explained(lambda: database(read_settings()))


def _tell_audit(address: DatabaseAddress, found: Audit) -> None:
    click.echo(
        f"{address.shown}: {found.requests:,} requests, {found.folded:,} of them made again from "
        f"their events, {found.usage_rows:,} rows of sums compared"
    )
    if not found.counted:
        click.echo("the ledger agrees with itself")
        return
    print_table(
        ("where", "what", "the ledger says", "it should be"),
        [(d.where, d.member, d.found, d.expected) for d in found.differences[:SHOWN]],
    )


def _tell_inventory(address: DatabaseAddress, found: Inventory) -> None:
    tables = sorted(found.tables, key=lambda table: table.stored_bytes or 0, reverse=True)
    print_table(
        ("table", "rows", "MB"),
        [
            (
                table.name,
                f"{table.rows:,}",
                None if table.stored_bytes is None else f"{table.stored_bytes / 2**20:.1f}",
            )
            for table in tables
        ],
    )
    free = "" if found.free_bytes is None else f", {_megabytes(found.free_bytes)} of it unused"
    click.echo(f"\n{address.shown}: {_megabytes(found.total_bytes)}{free}")
    if found.bytes_per_request is not None:
        click.echo(f"without bodies, a request takes {found.bytes_per_request:,.0f} bytes")
        click.echo(
            f"requests from {show_time(found.oldest_us)} to {show_time(found.newest_us)} (UTC)"
        )
    for what, before_id in (
        ("requests", found.requests_removed_before),
        ("events", found.events_removed_before),
    ):
        if before_id:
            click.echo(f"{what} before {show_id(before_id)} were removed by retention")


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
