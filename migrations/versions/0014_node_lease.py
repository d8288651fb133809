"""Until when a node's number is its holder's, who may be cut off from the database.

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "node_lease",
        sa.Column("node", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until_us", _BIG, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("node_lease")
