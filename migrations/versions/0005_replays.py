"""Replays and what came out of them.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _jsonb() -> sa.types.TypeEngine[object]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "replays",
        sa.Column("id", _big(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_us", _big(), nullable=False),
        sa.Column("updated_us", _big(), nullable=False),
        sa.Column("finished_us", _big()),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("base_version", sa.Integer()),
        sa.Column("candidate", sa.JSON()),
        sa.Column("options", _jsonb(), nullable=False),
        sa.Column("requests", _big()),
        sa.Column("done", _big(), nullable=False),
        sa.Column("changed", _big(), nullable=False),
        sa.Column("report", sa.JSON()),
    )
    op.create_table(
        "replay_results",
        sa.Column("replay_id", _big(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("request_id", _big(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("old_category", sa.Text()),
        sa.Column("new_category", sa.Text()),
        sa.Column("old_target", sa.Text()),
        sa.Column("new_target", sa.Text()),
        sa.Column("old_cost_nusd", _big()),
        sa.Column("new_cost_nusd", _big()),
        sa.Column("old_duration_us", _big()),
        sa.Column("new_duration_us", _big()),
        sa.Column("old_first_token_us", _big()),
        sa.Column("new_first_token_us", _big()),
        sa.Column("old_input_tokens", _big()),
        sa.Column("new_input_tokens", _big()),
        sa.Column("old_output_tokens", _big()),
        sa.Column("new_output_tokens", _big()),
        sa.Column("old_success", sa.Boolean()),
        sa.Column("new_success", sa.Float(53)),
        sa.Column("flags", _jsonb(), nullable=False),
        sa.Column("new_request_id", _big()),
        sa.Column("data", _jsonb()),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("replay_results")
    op.drop_table("replays")
