"""What the columns of all tables share."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# INTEGER lets SQLite keep the rows in the order of their ids, without a second index.
Big: Final = BigInteger().with_variant(Integer(), "sqlite")
Json: Final = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

metadata: Final = MetaData()


def index_by_id(name: str, column: Column[Any]) -> None:
    """An index that gives the requests with a value in the order of their ids.

    SQLite's have the id at their end in any case, and would store it twice.
    """
    known = text(f"{column.name} IS NOT NULL")
    Index(name, column, sqlite_where=known).ddl_if(dialect="sqlite")
    Index(name, column, column.table.c.id, postgresql_where=known).ddl_if(dialect="postgresql")
