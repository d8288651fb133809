"""Configuration versions as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from llmrouter.cli.output import json_text, wrapped
from llmrouter.core.configuration import RouterConfig
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.policy.defaults import Change

VALUE_WIDTH = 70
"""Characters of a value in a comparison; `--json` has all of it."""


def show_version(version: ConfigurationVersion, config: RouterConfig) -> None:
    """Prints what a version routes, and its document."""
    note = f": {version.note}" if version.note else ""
    click.echo(f"version {version.number}, made by {version.author} at {made_at(version)}{note}")
    routing = config.routing
    click.echo(f"mode {routing.mode}, default category {routing.default_category}\n")
    for name, route in {**config.categories, **config.combos}.items():
        click.echo(f"{name} ({route.strategy})")
        click.echo(wrapped(", ".join(route.models), indent=4))
    if version.document:
        click.echo("\nOver the built-in configuration it says:")
        click.echo(json_text(version.document))
    else:
        click.echo("\nIt is the built-in configuration: its document is empty.")


def version_document(version: ConfigurationVersion, *, whole: bool = True) -> dict[str, Any]:
    """A version as JSON, with or without its document."""
    summary = {
        "version": version.number,
        "parent": version.parent,
        "author": version.author,
        "note": version.note,
        "created_at": made_at(version),
        "sha256": version.sha256,
    }
    return {**summary, "document": version.document} if whole else summary


def version_row(version: ConfigurationVersion) -> tuple[object, ...]:
    """A version as a row of a table."""
    return (version.number, made_at(version), version.author, version.note, version.sha256[:12])


def made_at(version: ConfigurationVersion) -> str:
    """When it was made, to the second."""
    moment = datetime.fromtimestamp(version.created_us / 1e6, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")


def change_lines(changes: Sequence[Change]) -> Iterator[str]:
    """One line for each change: ``+`` came, ``-`` went, ``~`` is another."""
    for change in changes:
        before, after = _value(change.before), _value(change.after)
        if change.before is None:
            yield click.style(f"+ {change.path}: {after}", fg="green")
        elif change.after is None:
            yield click.style(f"- {change.path}: {before}", fg="red")
        else:
            yield click.style(f"~ {change.path}: {before} -> {after}", fg="yellow")


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 1] + "…"
