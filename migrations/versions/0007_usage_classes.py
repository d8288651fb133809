"""Usage by every class that providers bill: caches of an hour, audio, images, searches.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CLASSES = (
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "web_searches",
)
ROWS = ("request", "attempt")
SUMS = ("usage_hour", "usage_day", "usage_total", "usage_attempt_day")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in CLASSES:
        for table in ROWS:
            op.add_column(table, sa.Column(name, BIG))
        for table in SUMS:
            op.add_column(table, sa.Column(name, BIG, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in reversed(CLASSES):
        for table in (*ROWS, *SUMS):
            op.drop_column(table, name)
