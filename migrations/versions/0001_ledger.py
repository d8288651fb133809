"""The ledger: requests, attempts, events, usage, configuration versions, breakers, bodies.

Revision: 0001, after nothing
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HISTOGRAM_BITS = range(10, 33)
TABLES = (
    "message",
    "body",
    "node",
    "config_version",
    "account_lock",
    "breaker",
    "usage_mode",
    "usage_day",
    "usage_hour",
    "event",
    "attempt",
    "request",
)


def upgrade() -> None:
    _create_request()
    _create_attempt()
    _create_event()
    _create_usage_hour()
    _create_usage_day()
    _create_usage_mode()
    _create_breaker()
    _create_account_lock()
    _create_config_version()
    _create_node()
    _create_body()
    _create_message()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _create_request() -> None:
    op.create_table(
        "request",
        _big("id", key=True),
        _big("started_us"),
        _integer("node"),
        _integer("config_version"),
        _text("key_id", null=True),
        _text("client_request_id", null=True),
        _text("conversation_id", null=True),
        _text("endpoint"),
        _text("dialect"),
        _text("requested_model", null=True),
        _text("category", null=True),
        _text("decided_by", null=True),
        _text("mode", null=True),
        _text("provider", null=True),
        _text("model", null=True),
        _boolean("stream"),
        _text("ending"),
        _integer("http_status"),
        _text("error_class", null=True),
        _integer("attempts"),
        _big("duration_us"),
        _big("first_token_us", null=True),
        _big("classify_us", null=True),
        _big("overhead_us", null=True),
        _big("input_tokens", null=True),
        _big("output_tokens", null=True),
        _big("cache_read_tokens", null=True),
        _big("cache_write_tokens", null=True),
        _big("reasoning_tokens", null=True),
        _text("usage_source"),
        _big("cost_nusd", null=True),
        _text("cost_basis"),
        _big("price_id", null=True),
        _text("purpose"),
        _big("replay_id", null=True),
        _json("data", null=True),
    )
    _index(
        "ix_request_client_request",
        "request",
        "client_request_id",
        where="client_request_id IS NOT NULL",
    )
    _index(
        "ix_request_conversation",
        "request",
        "conversation_id",
        "id",
        where="conversation_id IS NOT NULL",
    )
    _index("ix_request_key", "request", "key_id", "started_us", where="key_id IS NOT NULL")
    _index("ix_request_not_completed", "request", "ending", "id", where="ending <> 'completed'")
    _index("ix_request_started", "request", "started_us")


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        _big("request_id", key=True),
        _integer("n", key=True),
        _big("started_us"),
        _text("provider"),
        _text("account"),
        _text("model"),
        _text("kind"),
        _text("outcome"),
        _boolean("counted"),
        _integer("http_status", null=True),
        _text("error_class", null=True),
        _big("connect_us", null=True),
        _big("headers_us", null=True),
        _big("first_token_us", null=True),
        _big("duration_us", null=True),
        _big("input_tokens", null=True),
        _big("output_tokens", null=True),
        _big("cache_read_tokens", null=True),
        _big("cache_write_tokens", null=True),
        _big("reasoning_tokens", null=True),
        _text("usage_source"),
        _big("cost_nusd", null=True),
        _text("cost_basis"),
        _big("price_id", null=True),
        _text("provider_request_id", null=True),
        sqlite_with_rowid=False,
    )


def _create_event() -> None:
    op.create_table(
        "event",
        _big("request_id", key=True),
        _integer("seq", key=True),
        _big("dt_us"),
        _text("kind"),
        _json("data"),
        sqlite_with_rowid=False,
    )


def _create_usage_hour() -> None:
    op.create_table(
        "usage_hour",
        _text("hour", key=True),
        _integer("node", key=True),
        _text("provider", key=True),
        _text("model", key=True),
        _text("ending", key=True),
        *_measures(),
        sqlite_with_rowid=False,
    )


def _create_usage_day() -> None:
    op.create_table(
        "usage_day",
        _text("day", key=True),
        _integer("node", key=True),
        _text("key_id", key=True),
        _text("provider", key=True),
        _text("model", key=True),
        _text("category", key=True),
        _text("ending", key=True),
        _text("purpose", key=True),
        *_measures(),
        sqlite_with_rowid=False,
    )


def _create_usage_mode() -> None:
    op.create_table(
        "usage_mode",
        _text("hour", key=True),
        _integer("node", key=True),
        _text("category", key=True),
        _text("mode", key=True),
        _big("requests"),
        sqlite_with_rowid=False,
    )


def _create_breaker() -> None:
    op.create_table(
        "breaker",
        _text("provider", key=True),
        _text("model", key=True),
        _text("state"),
        _integer("failures"),
        _big("open_until_us", null=True),
        _big("updated_us"),
    )


def _create_account_lock() -> None:
    op.create_table(
        "account_lock",
        _text("provider", key=True),
        _text("account", key=True),
        _big("until_us"),
        _text("reason"),
        _big("updated_us"),
    )


def _create_config_version() -> None:
    op.create_table(
        "config_version",
        _integer("version", key=True),
        _big("created_us"),
        _integer("parent", null=True),
        _text("author"),
        _text("note", null=True),
        _text("sha256"),
        _ordered_json("document"),
    )


def _create_node() -> None:
    op.create_table(
        "node",
        _integer("node", key=True),
        _big("oldest_open_id"),
        _big("stored_bytes"),
    )


def _create_body() -> None:
    op.create_table(
        "body",
        _big("request_id", key=True),
        _integer("stored_bytes"),
        _blob("data"),
    )


def _create_message() -> None:
    op.create_table(
        "message",
        _blob("hash", key=True),
        _big("last_id"),
        _integer("stored_bytes"),
        _blob("data"),
    )
    _index("ix_message_last", "message", "last_id")


def _measures() -> list[sa.Column[Any]]:
    summed = (
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
    return [
        *(_big(name) for name in summed),
        *(_big(f"duration_log2_{bits}") for bits in HISTOGRAM_BITS),
        *(_big(f"first_token_log2_{bits}") for bits in HISTOGRAM_BITS),
    ]


def _big(name: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return _column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), key, null)


def _integer(name: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return _column(name, sa.Integer(), key, null)


def _text(name: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return _column(name, sa.Text(), key, null)


def _boolean(name: str) -> sa.Column[Any]:
    return _column(name, sa.Boolean(), False, False)


def _blob(name: str, *, key: bool = False) -> sa.Column[Any]:
    return _column(name, sa.LargeBinary(), key, False)


def _json(name: str, *, null: bool = False) -> sa.Column[Any]:
    return _column(name, sa.JSON().with_variant(JSONB(), "postgresql"), False, null)


def _ordered_json(name: str) -> sa.Column[Any]:
    return _column(name, sa.JSON(), False, False)


def _column(name: str, kind: Any, key: bool, null: bool) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=key, nullable=null, autoincrement=False)


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
