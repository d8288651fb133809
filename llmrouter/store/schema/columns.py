"""What the columns of all tables share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Column,
    Dialect,
    Integer,
    MetaData,
    TypeDecorator,
    event,
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


def index_some(name: str, *columns: Column[Any], where: str) -> None:
    """An index of those rows alone.

    As a statement of its own: an `Index` with ``postgresql_where`` loads PostgreSQL's dialect.
    """
    event.listen(columns[0].table, "after_create", _index(name, columns, where))


def index_by_id(name: str, column: Column[Any]) -> None:
    """An index that gives the requests with a value in the order of their ids.

    SQLite's have the id at their end in any case, and would store it twice.
    """
    table, known = column.table, f"{column.name} IS NOT NULL"
    for_file = _index(name, (column,), known).execute_if(dialect="sqlite")
    for_server = _index(name, (column, table.c.id), known).execute_if(dialect="postgresql")
    event.listen(table, "after_create", for_file)
    event.listen(table, "after_create", for_server)


def _index(name: str, columns: Sequence[Column[Any]], where: str) -> DDL:
    listed = ", ".join(column.name for column in columns)
    statement = f"CREATE INDEX {name} ON {columns[0].table.name} ({listed}) WHERE {where}"
    return DDL(statement)  # type: ignore[no-untyped-call]  # theirs has no annotation
