"""What a foreign log says of one call to a model, whichever tool wrote it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmrouter.core.records import Record
from llmrouter.core.routing import DialectName
from llmrouter.core.usage import Usage


class BadLine(ValueError):
    """A line that cannot be understood; its text says which member is wrong, and how."""


class NotChat(Record):
    """A line about something else than a chat request; it is passed over."""

    what: str


class LoggedCall(Record):
    """One call.  None is what the log does not say.

    ``source_id`` is the log's own name of the call: what was imported once is known by it.
    ``request`` is the body in its ``dialect``; without it the call cannot be replayed.
    ``cost_nusd`` is what the log says that it cost.  ``notes`` are short words for the ledger.
    """

    source_id: str
    started_us: int
    model: str
    succeeded: bool = True
    dialect: DialectName = "openai"
    request: Mapping[str, Any] | None = None
    requested_model: str | None = None
    provider: str | None = None
    stream: bool = False
    http_status: int | None = None
    error: str | None = None
    duration_us: int | None = None
    first_token_us: int | None = None
    usage: Usage | None = None
    raw_usage: Mapping[str, Any] | None = None
    cost_nusd: int | None = None
    finish_reason: str | None = None
    response_model: str | None = None
    notes: tuple[str, ...] = ()


ReadLine = Callable[[Mapping[str, Any]], LoggedCall | NotChat]
"""Understands one line of a format.  Raises `BadLine`."""
