"""Prices with dates.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price_card",
        sa.Column("id", _big(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("valid_from_us", _big(), nullable=False),
        sa.Column("valid_to_us", _big()),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("config_version", sa.Integer()),
        sa.Column("imported_us", _big(), nullable=False),
    )
    op.create_table(
        "price",
        sa.Column("card_id", _big(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("unit_class", sa.Text(), primary_key=True, nullable=False),
        sa.Column("service_tier", sa.Text(), primary_key=True, nullable=False),
        sa.Column(
            "from_input_tokens", _big(), primary_key=True, autoincrement=False, nullable=False
        ),
        sa.Column("nusd_per_million_units", _big(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("price")
    op.drop_table("price_card")


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
