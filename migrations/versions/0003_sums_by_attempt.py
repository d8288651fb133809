"""Sums of attempts by day, and of everything since the ledger began.

The cost in a usage row is from now on all that is known of its requests' attempts; so far it left
out what was known of a request whose cost was not known as a whole.

Revision: 0003, after 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HISTOGRAM_BITS = range(10, 33)
REQUEST_SUMS = {
    "requests": "1",
    "attempts": "r.attempts",
    "input_tokens": "r.input_tokens",
    "output_tokens": "r.output_tokens",
    "cache_read_tokens": "r.cache_read_tokens",
    "cache_write_tokens": "r.cache_write_tokens",
    "reasoning_tokens": "r.reasoning_tokens",
    "cost_nusd": "r.known_nusd",
    "unknown_costs": "CASE WHEN r.cost_nusd IS NULL THEN 1 END",
    "duration_us": "r.duration_us",
    "first_tokens": "CASE WHEN r.first_token_us IS NOT NULL THEN 1 END",
    "first_token_us": "r.first_token_us",
}
ATTEMPT_SUMS = {
    "attempts": "1",
    "input_tokens": "a.input_tokens",
    "output_tokens": "a.output_tokens",
    "cache_read_tokens": "a.cache_read_tokens",
    "cache_write_tokens": "a.cache_write_tokens",
    "reasoning_tokens": "a.reasoning_tokens",
    "cost_nusd": "a.cost_nusd",
    "unknown_costs": "CASE WHEN a.cost_nusd IS NULL THEN 1 END",
}
TOTAL_KEY = ("node", "provider", "model", "category", "mode", "ending")
ATTEMPT_KEY = {
    "key_id": "r.key_id",
    "provider": "a.provider",
    "model": "a.model",
    "category": "r.category",
    "ending": "r.ending",
    "purpose": "r.purpose",
    "outcome": "a.outcome",
    "kind": "a.kind",
    "error_class": "a.error_class",
    "cost_basis": "a.cost_basis",
}
KNOWN_COSTS = (
    "SELECT request_id, sum(cost_nusd) AS nusd FROM attempt WHERE cost_nusd IS NOT NULL "
    "GROUP BY request_id"
)


def upgrade() -> None:
    _create_usage_total()
    _create_usage_attempt_day()
    _fill_usage_total()
    _fill_usage_attempt_day()
    _change_costs("+")


def downgrade() -> None:
    _change_costs("-")
    op.drop_table("usage_attempt_day")
    op.drop_table("usage_total")


def _create_usage_total() -> None:
    measures = [
        *REQUEST_SUMS,
        *(f"duration_log2_{bits}" for bits in HISTOGRAM_BITS),
        *(f"first_token_log2_{bits}" for bits in HISTOGRAM_BITS),
    ]
    op.create_table(
        "usage_total",
        sa.Column("node", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text(), primary_key=True) for name in TOTAL_KEY[1:]),
        *map(_big, measures),
        sqlite_with_rowid=False,
    )


def _create_usage_attempt_day() -> None:
    op.create_table(
        "usage_attempt_day",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("node", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text(), primary_key=True) for name in ATTEMPT_KEY),
        *map(_big, ATTEMPT_SUMS),
        sqlite_with_rowid=False,
    )


def _fill_usage_total() -> None:
    key = ["r.node", *(f"coalesce(r.{name}, '')" for name in TOTAL_KEY[1:])]
    sums = {
        **REQUEST_SUMS,
        **_buckets("duration"),
        **_buckets("first_token"),
    }
    source = (
        "SELECT request.*, coalesce(known.nusd, 0) AS known_nusd FROM request "
        f"LEFT JOIN ({KNOWN_COSTS}) AS known ON known.request_id = request.id "
        "WHERE purpose = 'live'"
    )
    _fill("usage_total", TOTAL_KEY, key, sums, f"({source}) AS r")


def _fill_usage_attempt_day() -> None:
    names = ("day", "node", *ATTEMPT_KEY)
    key = [
        _day("a.started_us"),
        "r.node",
        *(f"coalesce({column}, '')" for column in ATTEMPT_KEY.values()),
    ]
    source = "attempt AS a JOIN request AS r ON r.id = a.request_id"
    _fill("usage_attempt_day", names, key, ATTEMPT_SUMS, source)


def _fill(
    table: str, names: tuple[str, ...], key: list[str], sums: dict[str, str], source: str
) -> None:
    columns = ", ".join((*names, *sums))
    measures = (f"CAST(coalesce(sum({what}), 0) AS BIGINT)" for what in sums.values())
    groups = ", ".join(key)
    op.execute(
        f"INSERT INTO {table} ({columns}) SELECT {groups}, {', '.join(measures)} "
        f"FROM {source} GROUP BY {groups}"
    )


def _change_costs(sign: str) -> None:
    """Adds what is known of requests with an unknown cost to their usage rows, or takes it away."""
    found = op.get_bind().execute(
        sa.text(
            f"SELECT r.*, {_day('r.started_us')} AS day, {_hour('r.started_us')} AS hour, "
            f"known.nusd AS nusd FROM request AS r JOIN ({KNOWN_COSTS}) AS known "
            "ON known.request_id = r.id WHERE r.cost_nusd IS NULL AND known.nusd <> 0"
        )
    )
    for row in found.mappings().all():
        _add(
            sign,
            "usage_day",
            row,
            ("day", "node", "key_id", "provider", "model", "category", "ending", "purpose"),
        )
        if row["purpose"] == "live":
            _add(sign, "usage_hour", row, ("hour", "node", "provider", "model", "ending"))


def _add(sign: str, table: str, row: Any, key: tuple[str, ...]) -> None:
    where = " AND ".join(f"{name} = :{name}" for name in key)
    values = {name: "" if row[name] is None else row[name] for name in key}
    statement = sa.text(f"UPDATE {table} SET cost_nusd = cost_nusd {sign} :nusd WHERE {where}")
    op.get_bind().execute(statement, {**values, "nusd": int(row["nusd"])})


def _buckets(measure: str) -> dict[str, str]:
    """How many durations have so many bits; the first and last bucket take what lies beyond."""
    first, last = HISTOGRAM_BITS[0], HISTOGRAM_BITS[-1]
    buckets = {}
    for bits in HISTOGRAM_BITS:
        above = "TRUE" if bits == first else f"r.{measure}_us >= {1 << (bits - 1)}"
        below = "TRUE" if bits == last else f"r.{measure}_us < {1 << bits}"
        buckets[f"{measure}_log2_{bits}"] = (
            f"CASE WHEN r.{measure}_us IS NOT NULL AND {above} AND {below} THEN 1 END"
        )
    return buckets


def _day(micros: str) -> str:
    if op.get_bind().dialect.name == "sqlite":
        return f"date({micros} / 1000000, 'unixepoch')"
    return f"to_char(to_timestamp({micros} / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def _hour(micros: str) -> str:
    if op.get_bind().dialect.name == "sqlite":
        return f"strftime('%Y-%m-%dT%H', {micros} / 1000000, 'unixepoch')"
    return f"to_char(to_timestamp({micros} / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')"


def _big(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)
