"""Many request bodies at once, as the bytes that a client might have sent.

Agents send their whole conversation with every turn; so messages that were read lately are kept,
and only those that are new are asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, select

from llmrouter.store.packing import StoredBody, inflate, read_stored
from llmrouter.store.queries.among import among
from llmrouter.store.queries.bodies import stored_messages
from llmrouter.store.schema import body

MESSAGES_BYTES: Final = 32 * 2**20


class LoggedBodies:
    """Reads bodies; remembers messages up to a size."""

    def __init__(self, max_bytes: int = MESSAGES_BYTES) -> None:
        self._max_bytes = max_bytes
        self._messages: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def read(self, connection: Connection, ids: Sequence[int]) -> Mapping[int, bytes]:
        """The bodies that are kept, by request; JSON that equals what came, not byte by byte."""
        stored: dict[int, StoredBody] = {}
        statement = select(body.c.request_id, body.c.data)
        found = connection.execute(statement.where(among(connection, body.c.request_id, ids)))
        for number, data in found.all():
            stored[number] = read_stored(data)
        messages = self._read_messages(connection, (one.hashes for one in stored.values()))
        whole = ((number, one.joined(messages)) for number, one in stored.items())
        return {number: content for number, content in whole if content is not None}

    def _read_messages(
        self, connection: Connection, needed: Iterable[Sequence[bytes]]
    ) -> Mapping[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        missing: dict[bytes, None] = {}
        for hashes in needed:
            for digest in hashes:
                known = self._messages.get(digest)
                if known is None:
                    missing[digest] = None
                else:
                    found[digest] = known
        for digest, data in stored_messages(connection, list(missing)):
            found[digest] = self._keep(digest, inflate(data))
        return found

    def _keep(self, digest: bytes, content: bytes) -> bytes:
        self._messages[digest] = content
        self._bytes += len(content)
        while self._bytes > self._max_bytes:
            _, oldest = self._messages.popitem(last=False)
            self._bytes -= len(oldest)
        return content
