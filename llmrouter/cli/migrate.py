"""``llmrouter migrate``: brings the database to this program's schema."""

from __future__ import annotations

import click

from llmrouter.cli.ledger import database
from llmrouter.cli.output import as_json, explained, fail, print_json
from llmrouter.settings import Settings, read_settings
from llmrouter.store import migrate
from llmrouter.store.claim import claim
from llmrouter.store.condition import examine
from llmrouter.store.engine import DatabaseAddress

NOTHING = "nothing"


@click.command(
    name="migrate", epilog="\b\nExamples:\n  llmrouter migrate --check\n  llmrouter migrate"
)
@click.option("--check", is_flag=True, help="Only look; exit 1 when there is something to do.")
@as_json
def command(check: bool, as_json: bool) -> None:
    """Bring the database to this version's schema.

    `llmrouter serve` does it by itself; this is for those who want it done before.  Each migration
    is one transaction: it happens as a whole or not at all.
    """
    settings = explained(read_settings)
    address = explained(lambda: database(settings))
    found, newest = explained(lambda: _check(address) if check else _upgrade(settings, address))
    if as_json:
        print_json(
            {
                "database": address.shown,
                "from": found,
                "to": newest,
                "current": found == newest,
                "migrated": not check and found != newest,
            }
        )
    elif found == newest:
        click.echo(f"{address.shown} has schema {newest}, the newest")
    elif not check:
        click.echo(f"{address.shown} was brought from {found or NOTHING} to schema {newest}")
    if check and found != newest:
        fail(
            f"{address.shown} has {f'schema {found}' if found else 'no schema yet'}, the newest "
            f"is {newest}: run `llmrouter migrate`"
        )


def _check(address: DatabaseAddress) -> tuple[str | None, str]:
    condition = examine(address)
    return condition.revision, condition.newest


def _upgrade(settings: Settings, address: DatabaseAddress) -> tuple[str | None, str]:
    held = claim(address, settings.node if "node" in settings.model_fields_set else None)
    try:
        found = migrate.current(address)
        migrate.upgrade(address)
    finally:
        held.release()
    return found, migrate.newest_revision()
