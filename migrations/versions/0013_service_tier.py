"""At which service a call was made, as its price depends on it.

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("service_tier", sa.Text()))


def downgrade() -> None:
    op.drop_column("attempt", "service_tier")
