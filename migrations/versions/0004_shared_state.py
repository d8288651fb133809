"""Cooldowns, and what tells the nodes of one database that something they share was changed.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "cooldown",
        sa.Column("target", sa.Text(), primary_key=True, nullable=False),
        sa.Column("until_us", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("updated_us", BIG, nullable=False),
    )
    op.create_table(
        "change",
        sa.Column("topic", sa.Text(), primary_key=True, nullable=False),
        sa.Column("number", BIG, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("change")
    op.drop_table("cooldown")
