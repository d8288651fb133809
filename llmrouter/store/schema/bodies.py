"""Contents, apart from everything else, so that they are purged cheaply."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from llmrouter.store.schema.columns import Big, metadata

# A request's document with its messages replaced by their hashes, one after the other (base64);
# JSON, or zlib over JSON.
body = Table(
    "body",
    metadata,
    Column("request_id", Big, primary_key=True, autoincrement=False),
    Column("stored_bytes", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

# Each message once.  No body newer than `last_id` by more than ten minutes uses it.
message = Table(
    "message",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("last_id", Big, nullable=False),
    Column("stored_bytes", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
Index("ix_message_last", message.c.last_id)

# What a conversation gained by one reply (Responses): a JSON list, or zlib over it.  What was
# before is in the row of `previous_id`.
response_state = Table(
    "response_state",
    metadata,
    Column("response_id", Text, primary_key=True),
    Column("request_id", Big, nullable=False),
    Column("previous_id", Text),
    Column("provider", Text),
    Column("conversation_id", Text),
    Column("stored_bytes", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
Index("ix_response_state_request", response_state.c.request_id)
