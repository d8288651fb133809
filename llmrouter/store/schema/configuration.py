"""Configuration versions and prices: added, never changed."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, Table, Text

from llmrouter.store.schema.columns import Big, metadata

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
