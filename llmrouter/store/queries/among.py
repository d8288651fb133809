"""`IN` with hundreds of values: as one bound value, whatever their number.

A placeholder for each would be written into the statement, and filled, anew each time: that took
longer than the database itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, BigInteger, Connection, any_, column, func, literal, select
from sqlalchemy.sql.elements import ColumnElement


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
