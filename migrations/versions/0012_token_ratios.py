"""What is learnt of how models count tokens.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_ratio",
        sa.Column("model", sa.Text(), primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("counted_tokens", sa.Float(53), nullable=False),
        sa.Column("reported_tokens", sa.Float(53), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("token_ratio")
