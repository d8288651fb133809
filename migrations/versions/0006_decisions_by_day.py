"""Sums by what settled a request's category.

Revision: 0006, after 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = ("category", "decided_by", "mode")
SUMS = {
    "requests": "count(*)",
    "cost_nusd": "sum(known.nusd)",
    "unknown_costs": "sum(CASE WHEN r.cost_nusd IS NULL THEN 1 END)",
}


def upgrade() -> None:
    op.create_table(
        "usage_decision_day",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("node", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text(), primary_key=True) for name in KEY),
        *(_big(name) for name in SUMS),
        sqlite_with_rowid=False,
    )
    key = (_day("r.started_us"), "r.node", *(f"coalesce(r.{name}, '')" for name in KEY))
    sums = (f"CAST(coalesce({what}, 0) AS BIGINT)" for what in SUMS.values())
    op.execute(
        f"INSERT INTO usage_decision_day (day, node, {', '.join((*KEY, *SUMS))}) "
        f"SELECT {', '.join(key)}, {', '.join(sums)} FROM request AS r LEFT JOIN "
        "(SELECT request_id, sum(cost_nusd) AS nusd FROM attempt GROUP BY request_id) AS known "
        f"ON known.request_id = r.id WHERE r.purpose = 'live' GROUP BY {', '.join(key)}"
    )


def downgrade() -> None:
    op.drop_table("usage_decision_day")


def _day(micros: str) -> str:
    if op.get_bind().dialect.name == "sqlite":
        return f"date({micros} / 1000000, 'unixepoch')"
    return f"to_char(to_timestamp({micros} / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


def _big(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)
