"""Request bodies as they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from llmrouter.store.packing import hashes_in, unpack
from llmrouter.store.schema import body, message

_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 variables in one statement


def read_body(connection: Connection, request_id: int) -> Mapping[str, Any] | None:
    """A request's body as JSON; None when it was not kept, or is no longer."""
    stored = connection.execute(select(body.c.data).where(body.c.request_id == request_id))
    data: bytes | None = stored.scalar()
    if data is None:
        return None
    needed = list(dict.fromkeys(hashes_in(data)))
    messages: dict[bytes, bytes] = {}
    for start in range(0, len(needed), _AT_ONCE):
        some = needed[start : start + _AT_ONCE]
        found = connection.execute(
            select(message.c.hash, message.c.data).where(message.c.hash.in_(some))
        )
        messages.update((row.hash, row.data) for row in found)
    return unpack(data, messages)
