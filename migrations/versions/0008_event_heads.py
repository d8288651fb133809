"""Events without what they have in common: the beginning of their JSON is stored once.

``event`` is a view from now on, with the columns that the table had; events that are stored
already stay whole.  Requests are found by time through their ids: the index on ``started_us`` goes.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHOLE = sa.text("kind <> ''")


def upgrade() -> None:
    op.create_table(
        "event_head",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.UniqueConstraint("kind", "head", name="uq_event_head"),
    )
    op.create_table(
        "event_row",
        *_key_columns(),
        sa.Column("head_id", BIG),
        sa.Column("data", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO event_row (request_id, seq, dt_us, kind, data) "
        "SELECT request_id, seq, dt_us, kind, CAST(data AS TEXT) FROM event"
    )
    op.drop_table("event")
    op.create_index(
        "ix_event_row_kind",
        "event_row",
        ["kind", "request_id"],
        sqlite_where=WHOLE,
        postgresql_where=WHOLE,
    )
    op.drop_index("ix_request_started", "request")


def downgrade() -> None:
    op.create_index("ix_request_started", "request", ["started_us"])
    op.create_table(
        "event",
        *_key_columns(),
        sa.Column("data", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sqlite_with_rowid=False,
    )
    whole = "coalesce(head, '') || data"
    if op.get_bind().dialect.name == "postgresql":
        whole = f"CAST({whole} AS JSONB)"
    op.execute(
        "INSERT INTO event (request_id, seq, dt_us, kind, data) "
        f"SELECT request_id, seq, dt_us, coalesce(event_head.kind, event_row.kind), {whole} "
        "FROM event_row LEFT JOIN event_head ON event_head.id = event_row.head_id"
    )
    op.drop_table("event_row")
    op.drop_table("event_head")


def _key_columns() -> tuple[sa.Column[int], ...]:
    return (
        sa.Column("request_id", BIG, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("dt_us", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
    )
