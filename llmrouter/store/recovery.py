"""Requests that a killed process left open: found at start-up and closed as `abandoned`.

The search is short however long the history: with every batch the writer notes, in the same
transaction, an id below which its node has nothing open (`node.oldest_open_id`).  Only events from
there on are read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from sqlalchemy import Connection, select

from llmrouter.core.events import Event, RequestReceived, RequestRecovered, read_event
from llmrouter.core.ids import MAX_NODE, SEQUENCE_BITS, show_id
from llmrouter.core.ledger import RequestRecord
from llmrouter.policy.fold import fold_request
from llmrouter.store import schema
from llmrouter.store.records import made_at_us

logger = logging.getLogger(__name__)

_NODE_UNIT: Final = 1 << SEQUENCE_BITS


def find_abandoned(
    connection: Connection, node: int, from_id: int, now_us: int
) -> list[RequestRecord]:
    """The node's requests from an id on that have events and no row, as they are to be closed.

    Attempts without an end are `lost`; what they cost is not known.
    """
    records = []
    for request_id, stored in _open_requests(connection, node, from_id):
        recovered = Event(now_us - made_at_us(request_id), RequestRecovered(now_us))
        try:
            events = (*(read_event(*event) for event in stored), recovered)
            row, attempts = fold_request(request_id, events)
        except (KeyError, TypeError, ValueError):
            # Events of another version: they stay as they are, for a start must not fail over them.
            logger.exception("request %s cannot be closed", show_id(request_id))
            continue
        records.append(RequestRecord(row, attempts, events, opened=len(stored)))
    return records


def _open_requests(
    connection: Connection, node: int, from_id: int
) -> Iterator[tuple[int, list[tuple[str, int, dict[str, object]]]]]:
    """Ids, each with its events as `read_event` takes them."""
    event, row = schema.event.c, schema.request.c
    without_row = (
        select(event.request_id)
        .outerjoin(schema.request, row.id == event.request_id)
        .where(
            event.request_id >= from_id,
            event.seq == 0,
            event.kind == RequestReceived.kind,
            event.request_id // _NODE_UNIT % (MAX_NODE + 1) == node,
            row.id.is_(None),
        )
    )
    statement = (
        select(event.request_id, event.kind, event.dt_us, event.data)
        .where(event.request_id.in_(without_row))
        .order_by(event.request_id, event.seq)
    )
    events = connection.execute(statement)
    for request_id, of_one in groupby(events, key=lambda found: found[0]):
        yield request_id, [(kind, dt_us, data) for _, kind, dt_us, data in of_one]
