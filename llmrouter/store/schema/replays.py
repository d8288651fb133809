"""Replays and what came out of them."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Integer, Table, Text

from llmrouter.store.schema.columns import Big, Json, metadata

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
