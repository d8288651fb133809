"""What the columns of all tables share."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    TypeDecorator,
    text,
)
from sqlalchemy.types import TypeEngine

# INTEGER lets SQLite keep the rows in the order of their ids, without a second index.
Big: Final = BigInteger().with_variant(Integer(), "sqlite")


class _Json(TypeDecorator[Any]):
    """JSON; on PostgreSQL JSONB, which is loaded there alone: its dialect is 2 MB."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return super().load_dialect_impl(dialect)
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        return self.impl_instance.coerce_compared_value(op, value)  # a member's name is text


Json: Final = _Json(none_as_null=True)

metadata: Final = MetaData()


def index_by_id(name: str, column: Column[Any]) -> None:
    """An index that gives the requests with a value in the order of their ids.

    SQLite's have the id at their end in any case, and would store it twice.
    """
    known = text(f"{column.name} IS NOT NULL")
    Index(name, column, sqlite_where=known).ddl_if(dialect="sqlite")
    Index(name, column, column.table.c.id, postgresql_where=known).ddl_if(dialect="postgresql")
