"""The configuration that a replay tries: a document, made from a running one by changes.

A candidate is validated like any configuration.  What it changes can be said in one line.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmrouter.core.configuration import RouterConfig, nearest
from llmrouter.core.errors import ConfigurationInvalid, FieldError
from llmrouter.core.ledger import ConfigurationVersion
from llmrouter.core.records import Record
from llmrouter.policy.seeds import as_document
from llmrouter.policy.table import RoutingTable, compile_table

Read = Callable[[Mapping[str, Any], str], RouterConfig]
"""Reads a document that came from the named source; raises `ConfigurationInvalid`."""

SOURCE = "candidate"

_REMOVABLE = frozenset({"providers", "categories", "combos", "aliases", "models"})
"""Sections whose entries `null` removes; a price of `null` is one that is not known."""


class Change(Record):
    """One value that a candidate sets: a path into the document, and JSON; None removes an entry
    that has a name of its own."""

    path: tuple[str, ...]
    value: Any

    @property
    def shown(self) -> str:
        return f"{'.'.join(self.path)}={json.dumps(self.value, ensure_ascii=False)}"


class Candidate(Record):
    """A configuration to try.  ``base_version`` is the version that it was made from."""

    table: RoutingTable
    document: Mapping[str, Any]
    label: str
    base_version: int | None


def read_change(text: str) -> Change:
    """A change as people write it: ``categories.code.models=["a/b"]``.

    A name with dots stands in double quotes: ``prices."openai/gpt-4.1".input_usd_per_mtok=2``.
    Raises ``ValueError`` with what was expected.
    """
    path, equals, value = _at_equals(text)
    if not equals or not path.strip():
        raise ValueError(
            f"`{text}` is no change; write a path and a JSON value, such as "
            "'categories.code.models=[\"openai/gpt-4o-mini\"]'"
        )
    try:
        document = json.loads(value)
    except json.JSONDecodeError:
        # Shells eat quotes: a plain word is a text.
        if any(mark in value for mark in '[]{}"'):
            raise ValueError(
                f"`{value}` is no JSON; in a shell put the whole change into single quotes"
            ) from None
        document = value
    return Change(_path(path.strip()), document)


def changed_document(document: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """The document with every change made; the given one stays as it is.

    Raises `ConfigurationInvalid` for a path that leads through what is no object.
    """
    changed = copy.deepcopy(dict(document))
    for change in changes:
        place: dict[str, Any] = changed
        for depth, step in enumerate(change.path[:-1], 1):
            within = place.setdefault(step, {})
            if not isinstance(within, dict):
                where = ".".join(change.path[:depth])
                raise ConfigurationInvalid(
                    [FieldError(where, "is no object; set it as a whole")], source=SOURCE
                )
            place = within
        place[change.path[-1]] = change.value
    return changed


def make_candidate(
    base: ConfigurationVersion | None,
    *,
    read: Read,
    document: Mapping[str, Any] | None = None,
    document_label: str | None = None,
    changes: Sequence[Change] = (),
) -> Candidate:
    """A candidate: a document (the base's where none is given) with changes.

    Raises `ConfigurationInvalid` with every fault.
    """
    if document is None:
        document = {} if base is None else base.document
        document_label = f"version {base.number}" if base else "the built-in configuration"
    whole = as_document(document, source=document_label or SOURCE)
    _check_removals(whole, changes, read)
    whole = changed_document(whole, changes)
    said = [document_label or SOURCE, *(change.shown for change in changes)]
    label = ", ".join(said)
    number = base.number if base else 0
    table = compile_table(number, whole, read(whole, label))
    return Candidate(table, whole, label, base.number if base else None)


def _check_removals(document: Mapping[str, Any], changes: Sequence[Change], read: Read) -> None:
    """Raises `ConfigurationInvalid` where a change removes an entry that is not there: its name
    is misspelt, and nothing would change without a word."""
    removals = [c.path for c in changes if c.value is None and c.path[0] in _REMOVABLE]
    removals = [path for path in removals if len(path) == 2]
    if not removals:
        return
    config = read(document, SOURCE)
    faults = []
    for section, name in removals:
        entries = getattr(config, section)
        if name not in entries:
            guess = nearest(name, entries)
            hint = f"; did you mean `{guess}`?" if guess else ""
            faults.append(FieldError(f"{section}.{name}", f"there is none to remove{hint}"))
    if faults:
        raise ConfigurationInvalid(faults, source=SOURCE)


def _at_equals(text: str) -> tuple[str, str, str]:
    """Splits at the first equals sign that does not stand in quotes."""
    quoted = False
    for place, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "=" and not quoted:
            return text[:place], "=", text[place + 1 :]
    return text, "", ""


def _path(text: str) -> tuple[str, ...]:
    steps: list[str] = []
    step, quoted = "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character == "." and not quoted:
            steps.append(step)
            step = ""
        else:
            step += character
    steps.append(step)
    if quoted or not all(steps):
        raise ValueError(f"`{text}` is no path: steps are separated by dots")
    return tuple(steps)
