"""`IN` with hundreds of values.

Numbers are one bound value, whatever there are of them: a placeholder for each would be written
into the statement, and filled, anew each time, which took longer than the database itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import ARRAY, BigInteger, Connection, any_, column, func, literal, select
from sqlalchemy.sql.elements import ColumnElement

T = TypeVar("T")

_VARIABLES_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 in one statement


def among(
    connection: Connection, place: ColumnElement[int], ids: Sequence[int]
) -> ColumnElement[bool]:
    """Whether a column is one of these ids, in the words of the connection's database."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(orjson.dumps(ids).decode()).table_valued(
            column("value", BigInteger)
        )
        return place.in_(select(listed.c.value))
    found: ColumnElement[Any] = literal(list(ids), ARRAY(BigInteger))
    return place == any_(found)


def slices(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Values with a placeholder for each, so many at a time that a statement takes them."""
    for start in range(0, len(values), _VARIABLES_AT_ONCE):
        yield values[start : start + _VARIABLES_AT_ONCE]
