"""What of a foreign log is in the ledger already."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from llmrouter.store.schema import event, request


async def imported_sources(connection: AsyncConnection, source_ids: Sequence[str]) -> set[str]:
    """Those ids (a few hundred at most) under which a request was imported."""
    row = request.c
    found = await connection.execute(
        select(row.client_request_id).where(
            row.client_request_id.in_(source_ids), row.purpose == "imported"
        )
    )
    return set(found.scalars())


async def taken_ids(connection: AsyncConnection, request_ids: Sequence[int]) -> set[int]:
    """Those of our ids (a few hundred at most) that something in the ledger has: a request, or
    an event that belongs to none."""
    found = await connection.execute(
        select(event.c.request_id).where(event.c.request_id.in_(request_ids), event.c.seq == 0)
    )
    return set(found.scalars())
