"""What of a foreign log is in the ledger already."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from llmrouter.store.schema import event, request


def imported_sources(connection: Connection, source_ids: Sequence[str]) -> set[str]:
    """Those ids (a few hundred at most) under which a request was imported."""
    row = request.c
    found = connection.execute(
        select(row.client_request_id).where(
            row.client_request_id.in_(source_ids), row.purpose == "imported"
        )
    )
    return set(found.scalars())


def taken_ids(connection: Connection, request_ids: Sequence[int]) -> set[int]:
    """Those of our ids (a few hundred at most) that something in the ledger has: a request, or
    an event that belongs to none."""
    found = connection.execute(
        select(event.c.request_id).where(event.c.request_id.in_(request_ids), event.c.seq == 0)
    )
    return set(found.scalars())
