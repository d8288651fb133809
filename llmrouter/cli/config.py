"""``llmrouter config``: shows, imports, compares and rolls back the router configuration."""

from __future__ import annotations

from pathlib import Path

import click

from llmrouter.cli import configuration
from llmrouter.cli.compare import compare
from llmrouter.cli.output import as_json, fail, json_text, print_json, print_table, run
from llmrouter.cli.versions import change_lines, show_version, version_document, version_row

json_file = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)


@click.group(
    name="config",
    epilog="\b\nExamples:\n  llmrouter config show\n  llmrouter config import router_config.json",
)
def command() -> None:
    """Show, import, compare and roll back the router configuration.

    Every change is a new numbered version in the ledger.  While a server runs, changes go through
    it and count at once; otherwise they are written into the ledger for its next start.
    """


@command.command(
    epilog="\b\nExamples:\n  llmrouter config show\n  llmrouter config show --version 1 --json"
)
@click.option("--version", "number", type=click.IntRange(min=1), help="Another version [newest].")
@click.option("--seeds", is_flag=True, help="Print the flat form of router_config.json.")
@as_json
def show(number: int | None, seeds: bool, as_json: bool) -> None:
    """Show a version: what it routes, and the document behind it."""
    shown = run(configuration.loaded(number))
    if seeds:
        print_json(shown.seeds)
    elif as_json:
        print_json(version_document(shown.version))
    else:
        show_version(shown.version, shown.config)


@command.command(epilog="\b\nExample:\n  llmrouter config versions")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@as_json
def versions(limit: int, as_json: bool) -> None:
    """List the versions, newest first."""
    listed = run(configuration.listed(limit))
    if as_json:
        print_json({"versions": [version_document(v, whole=False) for v in listed]})
        return
    print_table(("version", "made", "by", "note", "sha256"), map(version_row, listed))


@command.command(epilog="\b\nExample:\n  llmrouter config validate router_config.json")
@json_file
@as_json
def validate(file: Path, as_json: bool) -> None:
    """Check a configuration file, and change nothing.

    Every unknown key is named with the nearest one that exists.
    """
    checked = run(configuration.checked(file))
    if as_json:
        print_json({"valid": True, "notes": [f"{n.field} {n.message}" for n in checked.notes]})
        return
    for note in checked.notes:
        click.echo(f"note: {note.field} {note.message}")
    categories, providers = checked.config.categories, checked.config.providers
    click.echo(
        f"{file} is valid: {len(categories)} categories ({', '.join(categories)}), "
        f"{len(providers)} providers, mode {checked.config.routing.mode}"
    )


@command.command(name="import", epilog="\b\nExample:\n  llmrouter config import router_config.json")
@json_file
@click.option("--note", help="Why, for the list of versions [imported from FILE].")
@as_json
def import_(file: Path, note: str | None, as_json: bool) -> None:
    """Make a file the running configuration.  Both forms are read, ours and the flat one."""
    checked = run(configuration.checked(file))
    made = run(configuration.bring_in(file, checked.document, note))
    if as_json:
        print_json({"status": "ok", "version": made.number, "changed": made.changed})
        return
    for fault in checked.notes:
        click.echo(f"note: {fault.field} {fault.message}")
    if not made.changed:
        click.echo(f"nothing to change: version {made.number} says the same as {file}")
        return
    click.echo(f"{file} is configuration version {made.number}, {made.where}")


@command.command(
    epilog="\b\nExamples:\n  llmrouter config export\n  llmrouter config export backup.json"
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--version", "number", type=click.IntRange(min=1), help="Another version [newest].")
@click.option("--force", is_flag=True, help="Write over a file that exists.")
def export(file: Path | None, number: int | None, force: bool) -> None:
    """Write a version's document as JSON, which `import` reads again."""
    text = json_text(run(configuration.loaded(number)).version.document)
    if file is None:
        click.echo(text)
        return
    if file.exists() and not force:
        fail(f"{file} exists; choose another name, or say --force to write over it")
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    click.echo(f"written to {file}")


@command.command(
    epilog="\b\nExamples:\n  llmrouter config diff 1 2\n"
    "  llmrouter config diff 2 router_config.json"
)
@click.argument("a")
@click.argument("b")
@as_json
def diff(a: str, b: str, as_json: bool) -> None:
    """Compare two versions, each given by its number or as a file."""
    changes = run(configuration.compared(a, b))
    if as_json:
        print_json(
            {"changes": [{"path": c.path, "before": c.before, "after": c.after} for c in changes]}
        )
        return
    for line in change_lines(changes):
        click.echo(line)
    if not changes:
        click.echo(f"{a} and {b} say the same")


@command.command(epilog="\b\nExample:\n  llmrouter config rollback 1")
@click.argument("number", type=click.IntRange(min=1))
@as_json
def rollback(number: int, as_json: bool) -> None:
    """Make an earlier version's document the newest version."""
    made = run(configuration.roll_back(number))
    if as_json:
        print_json({"status": "ok", "version": made.number, "restored": number})
        return
    click.echo(f"version {number} is back as configuration version {made.number}, {made.where}")


command.add_command(compare)
