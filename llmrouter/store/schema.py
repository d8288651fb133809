"""The ledger's tables.

Times are microseconds since 1970 (UTC), durations microseconds, money nano-dollars, ids 63-bit
integers in order of time (`llmrouter.core.ids`); NULL is "not known", never zero.  JSON is TEXT
on SQLite and JSONB on PostgreSQL: ``data ->> 'member'`` reads both.  For people there are the
views of `llmrouter.store.views`, in dollars and ISO times.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# INTEGER lets SQLite keep the rows in the order of their ids, without a second index.
Big: Final = BigInteger().with_variant(Integer(), "sqlite")
Json: Final = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

metadata: Final = MetaData()


def _index_by_id(name: str, column: Column[Any]) -> None:
    """An index that gives the requests with a value in the order of their ids.

    SQLite's have the id at their end in any case, and would store it twice.
    """
    known = text(f"{column.name} IS NOT NULL")
    Index(name, column, sqlite_where=known).ddl_if(dialect="sqlite")
    Index(name, column, column.table.c.id, postgresql_where=known).ddl_if(dialect="postgresql")


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
Index(
    "ix_request_key",
    request.c.key_id,
    request.c.started_us,
    sqlite_where=text("key_id IS NOT NULL"),
    postgresql_where=text("key_id IS NOT NULL"),
)
_index_by_id("ix_request_conversation", request.c.conversation_id)
# What lists of requests are filtered by.
_index_by_id("ix_request_category", request.c.category)
_index_by_id("ix_request_model", request.c.model)
Index(
    "ix_request_not_live",
    request.c.purpose,
    request.c.id,
    sqlite_where=text("purpose <> 'live'"),
    postgresql_where=text("purpose <> 'live'"),
)
Index(
    "ix_request_client_request",
    request.c.client_request_id,
    sqlite_where=text("client_request_id IS NOT NULL"),
    postgresql_where=text("client_request_id IS NOT NULL"),
)
# What went wrong is rare and much asked for.
Index(
    "ix_request_not_completed",
    request.c.ending,
    request.c.id,
    sqlite_where=text("ending <> 'completed'"),
    postgresql_where=text("ending <> 'completed'"),
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
Index(
    "ix_event_row_kind",
    event_row.c.kind,
    event_row.c.request_id,
    sqlite_where=text("kind <> ''"),
    postgresql_where=text("kind <> ''"),
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

HISTOGRAM_BITS: Final = range(10, 33)
"""A duration of b bits, in microseconds, is counted in column ``…_log2_b``: column 11 counts
1.024 ms up to 2.048 ms; the first also what is shorter, the last (36 minutes) what is longer."""

SUMMED: Final = (
    "requests",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nusd",
    "unknown_costs",
    "duration_us",
    "first_tokens",
    "first_token_us",
)
"""What usage rows add up.  Sums are over what is known: ``cost_nusd`` is all that is known of the
requests' attempts, ``unknown_costs`` counts the requests of which something is not, and
``first_tokens`` those that ``first_token_us`` takes in."""

SUMMED_CLASSES: Final = (
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "web_searches",
)
"""Summed, too; they came later and stand at the end of their tables."""

MEASURES: Final = (
    *SUMMED,
    *(f"duration_log2_{bits}" for bits in HISTOGRAM_BITS),
    *(f"first_token_log2_{bits}" for bits in HISTOGRAM_BITS),
    *SUMMED_CLASSES,
)
"""Every column of a usage row that is no part of its key."""

ATTEMPT_MEASURES: Final = (
    "attempts",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_nusd",
    "unknown_costs",
    *SUMMED_CLASSES,
)
"""What `usage_attempt_day` adds up; ``unknown_costs`` counts attempts."""

DECISION_MEASURES: Final = ("requests", "cost_nusd", "unknown_costs")
"""What `usage_decision_day` adds up."""


def _sums(names: tuple[str, ...]) -> list[Column[int]]:
    return [
        Column(name, Big, nullable=False, server_default="0" if name in SUMMED_CLASSES else None)
        for name in names
    ]


def _key(name: str) -> Column[str]:
    """A part of a usage row's key; empty text stands for what a request does not have."""
    return Column(name, Text, primary_key=True)


# Live requests only: what /metrics shows of the last hours.  `hour` is 2026-11-20T13.
usage_hour = Table(
    "usage_hour",
    metadata,
    _key("hour"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("provider"),
    _key("model"),
    _key("ending"),
    *_sums(MEASURES),
    sqlite_with_rowid=False,
)

# Every request.  `day` is 2026-11-20.
usage_day = Table(
    "usage_day",
    metadata,
    _key("day"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("key_id"),
    _key("provider"),
    _key("model"),
    _key("category"),
    _key("ending"),
    _key("purpose"),
    *_sums(MEASURES),
    sqlite_with_rowid=False,
)

# Live requests only: how they were classified.
usage_mode = Table(
    "usage_mode",
    metadata,
    _key("hour"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("category"),
    _key("mode"),
    Column("requests", Big, nullable=False),
    sqlite_with_rowid=False,
)

# Live requests only, since the ledger began: /metrics reads nothing else, however long that is.
usage_total = Table(
    "usage_total",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("provider"),
    _key("model"),
    _key("category"),
    _key("mode"),
    _key("ending"),
    *_sums(MEASURES),
    sqlite_with_rowid=False,
)

# Every attempt under the model that it was sent to, on the day on which it was: what a vendor's
# invoice says.  Key, category, ending and purpose are its request's.
usage_attempt_day = Table(
    "usage_attempt_day",
    metadata,
    _key("day"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("key_id"),
    _key("provider"),
    _key("model"),
    _key("category"),
    _key("ending"),
    _key("purpose"),
    _key("outcome"),
    _key("kind"),
    _key("error_class"),
    _key("cost_basis"),
    *_sums(ATTEMPT_MEASURES),
    sqlite_with_rowid=False,
)

# Live requests only: what settled their category.
usage_decision_day = Table(
    "usage_decision_day",
    metadata,
    _key("day"),
    Column("node", Integer, primary_key=True, autoincrement=False),
    _key("category"),
    _key("decided_by"),
    _key("mode"),
    *(Column(name, Big, nullable=False) for name in DECISION_MEASURES),
    sqlite_with_rowid=False,
)

breaker = Table(
    "breaker",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("open_until_us", Big),
    Column("updated_us", Big, nullable=False),
)

# An unlocked account keeps its row, with `until_us` 0.
account_lock = Table(
    "account_lock",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("until_us", Big, nullable=False),
    Column("reason", Text, nullable=False),
    Column("updated_us", Big, nullable=False),
)

config_version = Table(
    "config_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("created_us", Big, nullable=False),
    Column("parent", Integer),
    Column("author", Text, nullable=False),
    Column("note", Text),
    Column("sha256", Text, nullable=False),
    # PostgreSQL's JSON, unlike JSONB, keeps the order of the members.
    Column("document", JSON(none_as_null=True), nullable=False),
)

# What a model charges from a moment on; it replaces the model's earlier card whole.  Never changed,
# but for the end of what a configuration no longer says.  `price_id` elsewhere is its id.
price_card = Table(
    "price_card",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("valid_from_us", Big, nullable=False),
    Column("valid_to_us", Big),
    Column("origin", Text, nullable=False),
    Column("source", Text),
    Column("config_version", Integer),
    Column("imported_us", Big, nullable=False),
)

price = Table(
    "price",
    metadata,
    Column("card_id", Big, primary_key=True, autoincrement=False),
    Column("unit_class", Text, primary_key=True),
    Column("service_tier", Text, primary_key=True),
    Column("from_input_tokens", Big, primary_key=True, autoincrement=False),
    Column("nusd_per_million_units", Big, nullable=False),
    sqlite_with_rowid=False,
)

# One row per process that ever wrote.  Every request of the node that has events and no row has
# an id of at least `oldest_open_id`; `stored_bytes` counts what its bodies take.
node = Table(
    "node",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("oldest_open_id", Big, nullable=False),
    Column("stored_bytes", Big, nullable=False),
)

# How far removal of old rows has come: of ``requests``, or of the ``events`` of requests.
retention = Table(
    "retention",
    metadata,
    Column("what", Text, primary_key=True),
    Column("before_id", Big, nullable=False),
)

# A request's document with its messages replaced by their hashes; JSON, or zlib over JSON.
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

# One row per target that a provider ever asked to be left alone, named `provider/model` or
# `provider/model#account`.  Taken back by hand, it keeps its row, with `until_us` 0.
cooldown = Table(
    "cooldown",
    metadata,
    Column("target", Text, primary_key=True),
    Column("until_us", Big, nullable=False),
    Column("reason", Text, nullable=False),
    Column("updated_us", Big, nullable=False),
)

# How often something that all nodes share was changed; counted up in the change's own transaction.
change = Table(
    "change",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("number", Big, nullable=False),
)

# One row per replay; it is overwritten while the replay goes on.
replays = Table(
    "replays",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_us", Big, nullable=False),
    Column("updated_us", Big, nullable=False),
    Column("finished_us", Big),
    Column("label", Text, nullable=False),
    Column("base_version", Integer),
    # PostgreSQL's JSON, unlike JSONB, keeps the order of the members.
    Column("candidate", JSON(none_as_null=True)),
    Column("options", Json, nullable=False),
    Column("requests", Big),
    Column("done", Big, nullable=False),
    Column("changed", Big, nullable=False),
    Column("report", JSON(none_as_null=True)),
)

# One row per request of a replay.
replay_results = Table(
    "replay_results",
    metadata,
    Column("replay_id", Big, primary_key=True, autoincrement=False),
    Column("request_id", Big, primary_key=True, autoincrement=False),
    Column("changed", Boolean, nullable=False),
    Column("old_category", Text),
    Column("new_category", Text),
    Column("old_target", Text),
    Column("new_target", Text),
    Column("old_cost_nusd", Big),
    Column("new_cost_nusd", Big),
    Column("old_duration_us", Big),
    Column("new_duration_us", Big),
    Column("old_first_token_us", Big),
    Column("new_first_token_us", Big),
    Column("old_input_tokens", Big),
    Column("new_input_tokens", Big),
    Column("old_output_tokens", Big),
    Column("new_output_tokens", Big),
    Column("old_success", Boolean),
    Column("new_success", Float(53)),
    Column("flags", Json, nullable=False),
    Column("new_request_id", Big),
    Column("data", Json),
    sqlite_with_rowid=False,
)

# What our own token counts came to and what providers reported, by model (`provider/model`) and
# kind of content; older counts fade.
token_ratio = Table(
    "token_ratio",
    metadata,
    Column("model", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("counted_tokens", Float(53), nullable=False),
    Column("reported_tokens", Float(53), nullable=False),
)
