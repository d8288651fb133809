"""What overwrites itself: availability, nodes, and what was learnt."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, Table, Text

from llmrouter.store.schema.columns import Big, metadata

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

# One row per process that ever wrote.  Every request of the node that has events and no row has
# an id of at least `oldest_open_id`; `stored_bytes` counts what its bodies take.
node = Table(
    "node",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("oldest_open_id", Big, nullable=False),
    Column("stored_bytes", Big, nullable=False),
)

# Whose a node's number is, on PostgreSQL, and until when (the server's clock) although that process
# may be cut off; given back in order, it is nobody's, with `until_us` 0.
node_lease = Table(
    "node_lease",
    metadata,
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("until_us", Big, nullable=False),
)

# How far removal of old rows has come: of ``requests``, or of the ``events`` of requests.
retention = Table(
    "retention",
    metadata,
    Column("what", Text, primary_key=True),
    Column("before_id", Big, nullable=False),
)

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
