"""Conversations that go on from a reply's id.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "response_state",
        sa.Column("response_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column(
            "request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("previous_id", sa.Text()),
        sa.Column("provider", sa.Text()),
        sa.Column("conversation_id", sa.Text()),
        sa.Column("stored_bytes", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_response_state_request", "response_state", ["request_id"])


def downgrade() -> None:
    op.drop_table("response_state")
