"""The ledger's tables and views, from `llmrouter.store`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from docs.reference.markdown import code, sentence, table
from docs.reference.meanings import HISTOGRAM, meaning, unit
from llmrouter.store import schema
from llmrouter.store.expressions import sql_for
from llmrouter.store.views import all_views

_ROWS: Final[Mapping[str, str]] = {
    "request": "One row per request that is over.",
    "attempt": "One row per call to a provider, failed ones included.",
    "event_row": "What the view [`event`](#event) shows; read that.",
    "event_head": "What the JSON of many events begins with, stored once.",
    "usage_hour": "Sums of live requests, by hour, node, provider, model and ending.",
    "usage_day": "Sums of all requests, by day, node, key, provider, model, category, ending and "
    "purpose.",
    "usage_mode": "How live requests were classified, by hour, node, category and mode.",
    "usage_total": "Sums of all live requests since the ledger began.",
    "usage_attempt_day": "Sums of all attempts by day, each under the model that it was sent to; "
    "key, category, ending and purpose are its request's.",
    "usage_decision_day": "What settled the category of live requests, by day and node.",
    "breaker": "One row per target whose breaker was ever moved; it is overwritten.",
    "account_lock": "One row per credential that was ever locked; it is overwritten.",
    "cooldown": "One row per target that ever had to be left alone for a time; it is overwritten.",
    "change": "How often something was changed that all nodes share.",
    "price_card": "What a model charges from a moment on; nothing of it is changed, but for the "
    "end of what the configuration no longer says.",
    "price": "One row per price of a card.",
    "config_version": "Every configuration version; none is ever changed.",
    "node": "One row per process that ever wrote.",
    "node_lease": "Until when a node's number is its holder's, on PostgreSQL.",
    "retention": "How far the removal of old rows has come; [ledger.md](ledger.md) says more.",
    "body": "Request bodies kept for replay.",
    "message": "The messages of these bodies, each once.",
    "replays": "One row per replay; it is overwritten while the replay goes on.",
    "replay_results": "One row per request of a replay: what happened, and what would have.",
    "token_ratio": "What was learnt of how models count tokens, by model and kind of content.",
    "response_state": "Conversations of the Responses API, by the reply to go on from.",
}
"""What a table has one row for."""

_TYPES: Final[Mapping[type, str]] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true/false",
    object: "JSON",
    bytes: "bytes",
}
_HISTOGRAM_MARK: Final = "_log2_"


def view_reference() -> str:
    """A section for each view: one row per what, and its columns with their units."""
    sections = []
    for view in all_views(sql_for("sqlite")):
        rows = [(code(c.name), c.unit, c.meaning) for c in view.columns]
        heading = f"### {code(view.name)}\n\n{' '.join(view.meaning.split())}"
        sections.append(f"{heading}\n\n{table(('column', 'unit', 'meaning'), rows)}")
    return "\n\n".join(sections)


def table_reference() -> str:
    """A section for each table, in the order of `_ROWS`: its columns with types and units."""
    tables = schema.metadata.tables
    for name in set(tables).symmetric_difference(_ROWS):
        raise LookupError(f"table {name} is not described, or gone; see docs/reference/tables")
    return "\n\n".join(_section(tables[name], what) for name, what in _ROWS.items())


def _section(found: Any, what: str) -> str:
    """``found`` is one of SQLAlchemy's tables, whose own types say less than this text."""
    rows = [_row(found.name, column) for column in found.columns if not _is_bucket(column.name)]
    rows += [
        (code(f"{name}{_HISTOGRAM_MARK}b"), "whole number", "requests", HISTOGRAM)
        for name in _histograms(found)
    ]
    heading = f"### {code(found.name)}\n\n{sentence(what)}"
    return f"{heading}\n\n{table(('column', 'type', 'unit', 'meaning'), rows)}"


def _row(owner: str, column: Any) -> tuple[str, str, str, str]:
    kind = _TYPES[column.type.python_type]
    name = f"**{code(column.name)}**" if column.primary_key else code(column.name)
    null = " or null" if column.nullable else ""
    return name, kind + null, unit(column.name), meaning(owner, column.name)


def _is_bucket(name: str) -> bool:
    return _HISTOGRAM_MARK in name


def _histograms(found: Any) -> tuple[str, ...]:
    """The names of a table's histograms, without their bits."""
    names = (column.name.partition(_HISTOGRAM_MARK) for column in found.columns)
    return tuple(dict.fromkeys(name for name, mark, _ in names if mark))
