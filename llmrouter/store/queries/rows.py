"""Rows of the ledger as the values that they were."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, Select, select

from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.store import schema

_REQUEST: Final = tuple(schema.request.c[name] for name in RequestRow._fields)
_ATTEMPT: Final = tuple(schema.attempt.c[name] for name in AttemptRow._fields)


def select_requests() -> Select[Any]:
    """Whole request rows, for `request_row`."""
    return select(*_REQUEST)


def select_attempts() -> Select[Any]:
    """Whole attempt rows, for `attempt_row`."""
    return select(*_ATTEMPT)


def request_row(row: Row[Any]) -> RequestRow:
    """The request behind a row; what a join added to it is left out."""
    return RequestRow._make(row[: len(_REQUEST)])


def attempt_row(row: Row[Any]) -> AttemptRow:
    """The attempt behind a row."""
    return AttemptRow._make(row)
