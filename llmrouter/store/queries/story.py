"""One request's whole story: its row, its attempts, and every event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.core.records import Record
from llmrouter.store.queries.rows import (
    attempt_row,
    request_row,
    select_attempts,
    select_requests,
)
from llmrouter.store.schema import attempt, event, request


class StoredEvent(Record):
    """An event as it is kept; members at their defaults are left out of ``data``."""

    seq: int
    dt_us: int
    kind: str
    data: Mapping[str, Any]


class RequestStory(Record):
    """What is known of a request; ``request`` is None while it goes on."""

    request_id: int
    request: RequestRow | None
    attempts: tuple[AttemptRow, ...]
    events: tuple[StoredEvent, ...]

    @property
    def events_removed(self) -> bool:
        """Whether its events were past their time; each request that is over had some."""
        return self.request is not None and not self.events

    def event(self, kind: str) -> StoredEvent | None:
        """The last event of a kind."""
        return next((e for e in reversed(self.events) if e.kind == kind), None)


def request_story(connection: Connection, request_id: int) -> RequestStory | None:
    """A request's story; None when the id is unknown."""
    stored = event.c
    events = connection.execute(
        select(stored.seq, stored.dt_us, stored.kind, stored.data)
        .where(stored.request_id == request_id)
        .order_by(stored.seq)
    )
    row = connection.execute(select_requests().where(request.c.id == request_id)).first()
    attempts = connection.execute(
        select_attempts().where(attempt.c.request_id == request_id).order_by(attempt.c.n)
    )
    story = RequestStory(
        request_id,
        None if row is None else request_row(row),
        tuple(attempt_row(found) for found in attempts),
        tuple(StoredEvent(*found) for found in events),
    )
    return story if story.request or story.events else None
