"""``llmrouter doctor``: checks everything that must be right before the router can route."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from llmrouter import __version__
from llmrouter.cli.checks import (
    check_configuration,
    check_database,
    check_port,
    check_prompts,
    check_settings,
)
from llmrouter.cli.findings import Finding, Status
from llmrouter.cli.ledger import database
from llmrouter.cli.output import as_json, explained, print_json, run, wrapped
from llmrouter.cli.reachability import check_providers
from llmrouter.cli.safety import check_safety
from llmrouter.settings import SettingsInvalid, read_keyring, read_settings

Section = tuple[str, Sequence[Finding]]

MARKS: dict[Status, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "note": ("note", "blue"),
    "warning": ("warning", "yellow"),
    "failed": ("FAILED", "red"),
    "held": ("held", "green"),
    "not held": ("NOT HELD", "red"),
}


@click.command(name="doctor", epilog="\b\nExamples:\n  llmrouter doctor\n  llmrouter doctor --json")
@as_json
def command(as_json: bool) -> None:
    """Check keys, providers, configuration, database, port and safety.

    A connection (no request) is opened to each provider that has its key.  Each line that is not
    well says what to do; the exit status is 1 when something stops routing.
    """
    sections = list(_sections())
    failed = [f for _, findings in sections for f in findings if f.status == "failed"]
    if as_json:
        print_json(
            {
                "version": __version__,
                "healthy": not failed,
                **{name.lower(): [f.document() for f in found] for name, found in sections},
            }
        )
    else:
        for name, findings in sections:
            _print_section(name, findings)
        click.echo()
        click.echo(_verdict(failed))
    if failed:
        raise click.exceptions.Exit(1)


def _sections() -> Iterator[Section]:
    try:
        settings, keyring = read_settings(), read_keyring()
    except SettingsInvalid as error:
        remedy = "correct it in the environment or in .env"
        yield (
            "Settings",
            [Finding(f.variable, "failed", f.message, remedy) for f in error.faults],
        )
        return
    yield "Settings", check_settings()
    address = explained(lambda: database(settings))
    config, findings = run(check_configuration(settings, keyring))
    yield "Configuration", findings
    if config is not None:
        yield "Providers", run(check_providers(config, keyring))
    yield "Database", check_database(settings, address)
    yield "Port", [check_port(settings)]
    yield "Prompts", [check_prompts(settings, address)]
    if config is not None:
        yield "Safety", check_safety(settings, keyring, config, address)


def _print_section(name: str, findings: Sequence[Finding]) -> None:
    click.echo(click.style(name, bold=True))
    for finding in findings:
        word, colour = MARKS[finding.status]
        mark = click.style(f"{word:<9}", fg=colour)
        text = wrapped(f"{finding.subject}: {finding.statement}", indent=12).lstrip()
        click.echo(f"  {mark} {text}")
        if finding.remedy:
            click.echo(wrapped(f"-> {finding.remedy}", indent=12))


def _verdict(failed: Sequence[Finding]) -> str:
    if not failed:
        return click.style("The router can route.", fg="green", bold=True)
    subjects = ", ".join(finding.subject for finding in failed)
    return click.style(f"The router cannot route as it is: {subjects}.", fg="red", bold=True)
