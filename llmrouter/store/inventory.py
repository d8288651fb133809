"""What the ledger holds: rows and bytes by table, and what a request takes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, func, select, text
from sqlalchemy.exc import OperationalError

from llmrouter.core.records import Record
from llmrouter.store import schema
from llmrouter.store.engine import kind_of
from llmrouter.store.expiry import removed_before

BODY_TABLES: Final = ("body", "message", "response_state")
"""What is kept of requests' bodies; all else is what a request takes without them."""


class TableSize(Record):
    """``stored_bytes`` is with its indexes; None where SQLite was built without `dbstat`."""

    name: str
    rows: int
    stored_bytes: int | None


class Inventory(Record):
    """``free_bytes`` are in the file and unused (`db vacuum` gives them back; None on PostgreSQL);
    ``bytes_per_request`` is without bodies.  Moments are those of requests, None without any."""

    tables: tuple[TableSize, ...]
    total_bytes: int
    free_bytes: int | None
    bytes_per_request: float | None
    oldest_us: int | None
    newest_us: int | None
    requests_removed_before: int
    events_removed_before: int


def take_inventory(connection: Connection) -> Inventory:
    """Counts everything; on a large ledger this takes seconds."""
    sizes = _sizes(connection)
    tables = tuple(
        TableSize(
            table.name,
            _count(connection, table),
            None if sizes is None else sizes.get(table.name, 0),
        )
        for table in schema.metadata.sorted_tables
    )
    total_bytes, free_bytes = _file_sizes(connection)
    row = schema.request.c
    return Inventory(
        tables=tables,
        total_bytes=total_bytes,
        free_bytes=free_bytes,
        bytes_per_request=_bytes_per_request(tables, total_bytes - (free_bytes or 0)),
        oldest_us=_started(connection, func.min(row.id)),
        newest_us=_started(connection, func.max(row.id)),
        requests_removed_before=removed_before(connection, "requests"),
        events_removed_before=removed_before(connection, "events"),
    )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _started(connection: Connection, which: ColumnElement[int]) -> int | None:
    row = schema.request.c
    found = select(row.started_us).where(row.id == select(which).scalar_subquery())
    return connection.execute(found).scalar()


def _sizes(connection: Connection) -> dict[str, int] | None:
    """Bytes by table, indexes included; None where that cannot be seen."""
    if kind_of(connection) == "postgresql":
        sized = text(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = CAST(current_schema() AS regnamespace)"
        )
        return {name: int(size) for name, size in connection.execute(sized)}
    sized = text(
        "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m "
        "ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY m.tbl_name"
    )
    try:
        return {name: int(size) for name, size in connection.execute(sized)}
    except OperationalError:  # an SQLite without the table dbstat
        return None


def _file_sizes(connection: Connection) -> tuple[int, int | None]:
    if kind_of(connection) == "postgresql":
        size = connection.execute(text("SELECT pg_database_size(current_database())"))
        return int(size.scalar_one()), None
    page_bytes, pages, free = (
        int(connection.execute(text(f"PRAGMA {name}")).scalar_one())
        for name in ("page_size", "page_count", "freelist_count")
    )
    return pages * page_bytes, free * page_bytes


def _bytes_per_request(tables: tuple[TableSize, ...], used_bytes: int) -> float | None:
    requests = next(table.rows for table in tables if table.name == schema.request.name)
    if not requests:
        return None
    if all(table.stored_bytes is not None for table in tables):
        used_bytes = sum(t.stored_bytes or 0 for t in tables if t.name not in BODY_TABLES)
    return used_bytes / requests
