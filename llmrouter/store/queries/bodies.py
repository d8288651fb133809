"""Request bodies as they came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from llmrouter.store.packing import hashes_in, unpack
from llmrouter.store.queries.among import slices
from llmrouter.store.schema import body, message


def read_body(connection: Connection, request_id: int) -> Mapping[str, Any] | None:
    """A request's body as JSON; None when it was not kept, or is no longer."""
    stored = connection.execute(select(body.c.data).where(body.c.request_id == request_id))
    data: bytes | None = stored.scalar()
    if data is None:
        return None
    return unpack(data, dict(stored_messages(connection, list(dict.fromkeys(hashes_in(data))))))


def stored_messages(
    connection: Connection, hashes: Sequence[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Those messages that are kept, by hash, as they are stored: deflated."""
    for some in slices(hashes):
        statement = select(message.c.hash, message.c.data).where(message.c.hash.in_(some))
        yield from connection.execute(statement)
