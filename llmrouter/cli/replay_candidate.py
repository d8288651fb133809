"""The candidate that a replay tries, from the command line's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from llmrouter.cli.output import fail
from llmrouter.core.replay import ReplayRow
from llmrouter.core.routing import Mode
from llmrouter.documents import read_configuration
from llmrouter.policy.seeds import parse_text
from llmrouter.policy.table import compile_table
from llmrouter.replay.candidate import Candidate, Change, make_candidate, read_change
from llmrouter.settings import Keyring, Settings
from llmrouter.store.reader import LedgerReader


@dataclass(frozen=True, slots=True)
class CandidateOrder:
    """What is to be tried: a file, another version, or the newest one, with changes."""

    file: Path | None = None
    version: int | None = None
    changes: tuple[str, ...] = ()
    mode: Mode | None = None


async def read_candidate(
    order: CandidateOrder, ledger: LedgerReader, settings: Settings, keyring: Keyring
) -> Candidate:
    """The candidate.  Raises `ConfigurationInvalid` with every fault."""
    number = order.version
    versions = ledger.versions
    base = await (versions.latest() if number is None else versions.get(number))
    if base is None and number is not None:
        fail(f"there is no configuration version {number}; `llmrouter config versions` lists them")
    changes = [_change(text) for text in order.changes]
    if order.mode is not None:
        changes.append(Change(("routing", "mode"), order.mode))
    return make_candidate(
        base,
        read=partial(read_configuration, settings=settings, keyring=keyring),
        document=None if order.file is None else _document(order.file),
        document_label=None if order.file is None else str(order.file),
        changes=changes,
    )


def kept_candidate(row: ReplayRow, settings: Settings, keyring: Keyring) -> Candidate:
    """The candidate of a replay that was broken off."""
    document = row.candidate or {}
    config = read_configuration(document, row.label, settings=settings, keyring=keyring)
    table = compile_table(row.base_version or 0, document, config)
    return Candidate(table, document, row.label, row.base_version)


def _change(text: str) -> Change:
    try:
        return read_change(text)
    except ValueError as error:
        raise click.UsageError(f"--set: {error}") from None


def _document(file: Path) -> Mapping[str, Any]:
    try:
        return parse_text(file.read_text("utf-8-sig"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}")
