"""What happened: requests, their attempts, and events."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from llmrouter.store.schema.columns import Big, Json, index_by_id, index_some, metadata

request = Table(
    "request",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("started_us", Big, nullable=False),
    Column("node", Integer, nullable=False),
    Column("config_version", Integer, nullable=False),
    Column("key_id", Text),
    Column("client_request_id", Text),
    Column("conversation_id", Text),
    Column("endpoint", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("requested_model", Text),
    Column("category", Text),
    Column("decided_by", Text),
    Column("mode", Text),
    Column("provider", Text),
    Column("model", Text),
    Column("stream", Boolean, nullable=False),
    Column("ending", Text, nullable=False),
    Column("http_status", Integer, nullable=False),
    Column("error_class", Text),
    Column("attempts", Integer, nullable=False),
    Column("duration_us", Big, nullable=False),
    Column("first_token_us", Big),
    Column("classify_us", Big),
    Column("overhead_us", Big),
    Column("input_tokens", Big),
    Column("output_tokens", Big),
    Column("cache_read_tokens", Big),
    Column("cache_write_tokens", Big),
    Column("reasoning_tokens", Big),
    Column("usage_source", Text, nullable=False),
    Column("cost_nusd", Big),
    Column("cost_basis", Text, nullable=False),
    Column("price_id", Big),
    Column("purpose", Text, nullable=False),
    Column("replay_id", Big),
    # Facts that have no column of their own yet.
    Column("data", Json),
    Column("cache_write_1h_tokens", Big),
    Column("input_audio_tokens", Big),
    Column("input_image_tokens", Big),
    Column("output_audio_tokens", Big),
    Column("output_image_tokens", Big),
    Column("web_searches", Big),
)

# Ids grow with time: `llmrouter.core.ids.id_floor` makes a moment an id, so that no index on
# ``started_us`` is needed.  A request without a key or a conversation is never looked for by it.
index_some(
    "ix_request_key",
    request.c.key_id,
    request.c.started_us,
    where="key_id IS NOT NULL",
)
index_by_id("ix_request_conversation", request.c.conversation_id)

# What lists of requests are filtered by.
index_by_id("ix_request_category", request.c.category)
index_by_id("ix_request_model", request.c.model)
index_some(
    "ix_request_not_live",
    request.c.purpose,
    request.c.id,
    where="purpose <> 'live'",
)
index_some(
    "ix_request_client_request",
    request.c.client_request_id,
    where="client_request_id IS NOT NULL",
)

# What went wrong is rare and much asked for.
index_some(
    "ix_request_not_completed",
    request.c.ending,
    request.c.id,
    where="ending <> 'completed'",
)

attempt = Table(
    "attempt",
    metadata,
    Column("request_id", Big, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("started_us", Big, nullable=False),
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("http_status", Integer),
    Column("error_class", Text),
    Column("connect_us", Big),
    Column("headers_us", Big),
    Column("first_token_us", Big),
    Column("duration_us", Big),
    Column("input_tokens", Big),
    Column("output_tokens", Big),
    Column("cache_read_tokens", Big),
    Column("cache_write_tokens", Big),
    Column("reasoning_tokens", Big),
    Column("usage_source", Text, nullable=False),
    Column("cost_nusd", Big),
    Column("cost_basis", Text, nullable=False),
    Column("price_id", Big),
    Column("provider_request_id", Text),
    Column("cache_write_1h_tokens", Big),
    Column("input_audio_tokens", Big),
    Column("input_image_tokens", Big),
    Column("output_audio_tokens", Big),
    Column("output_image_tokens", Big),
    Column("web_searches", Big),
    Column("service_tier", Text),
    sqlite_with_rowid=False,
)

# The beginning of the JSON of many events (`llmrouter.store.heads`): ``head`` lacks what follows.
event_head = Table(
    "event_head",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("head", Text, nullable=False),
    UniqueConstraint("kind", "head", name="uq_event_head"),
)

# An event: as a whole, or what follows its head, which has the kind then; the kind is empty here.
event_row = Table(
    "event_row",
    metadata,
    Column("request_id", Big, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("dt_us", Big, nullable=False),
    Column("kind", Text, nullable=False),
    Column("head_id", Big),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Whatever is rare is whole, and found by its kind.
index_some(
    "ix_event_row_kind",
    event_row.c.kind,
    event_row.c.request_id,
    where="kind <> ''",
)

# The view of that name: whole events.
event = Table(
    "event",
    MetaData(),
    Column("request_id", Big),
    Column("seq", Integer),
    Column("dt_us", Big),
    Column("kind", Text),
    Column("data", Json),
)
