"""Lists of requests by category and model are found through indexes.

SQLite's indexes have a row's id at their end in any case: it is not stored twice any more.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_request_conversation", "request")
    ordered = [] if op.get_bind().dialect.name == "sqlite" else ["id"]
    _create("ix_request_conversation", "conversation_id", *ordered)
    _create("ix_request_category", "category", *ordered)
    _create("ix_request_model", "model", *ordered)
    not_live = sa.text("purpose <> 'live'")
    op.create_index(
        "ix_request_not_live",
        "request",
        ["purpose", "id"],
        sqlite_where=not_live,
        postgresql_where=not_live,
    )


def downgrade() -> None:
    op.drop_index("ix_request_not_live", "request")
    op.drop_index("ix_request_model", "request")
    op.drop_index("ix_request_category", "request")
    op.drop_index("ix_request_conversation", "request")
    _create("ix_request_conversation", "conversation_id", "id")


def _create(name: str, column: str, *ordered: str) -> None:
    known = sa.text(f"{column} IS NOT NULL")
    op.create_index(name, "request", [column, *ordered], sqlite_where=known, postgresql_where=known)
