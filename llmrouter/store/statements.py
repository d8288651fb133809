"""The statements that write the ledger, compiled once for a kind of database.

They go to the driver as they are, with tuples: at thousands of requests a second, building each
statement and each row anew would be most of the work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import compress, repeat
from operator import is_not
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Connection,
    Dialect,
    Integer,
    LargeBinary,
    Select,
    Table,
    TableClause,
    Text,
    Update,
    and_,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import table as named_table
from sqlalchemy.dialects import registry, sqlite
from sqlalchemy.sql.elements import ColumnElement

from llmrouter.core.ledger import AttemptRow, RequestRow
from llmrouter.store import schema
from llmrouter.store.engine import DatabaseKind
from llmrouter.store.faults import wrapped

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

    Insert = sqlite.Insert | postgresql.Insert


MOST_SHAPES: Final = 40
"""Of one table's rows, with statements of their own: the driver keeps 128 of them compiled."""

_NULLS: Final = repeat(None)


class Statements:
    """SQL texts that take one tuple per row, in the order of the table's columns."""

    def __init__(self, kind: DatabaseKind) -> None:
        self._kind = kind
        driver, style = (
            ("sqlite", "qmark") if kind == "sqlite" else ("postgresql.psycopg", "format")
        )
        self._dialect: Dialect = registry.load(driver)(paramstyle=style)
        self.insert_request = Inserts(schema.request, RequestRow._fields, self._insert)
        self.insert_attempt = Inserts(schema.attempt, AttemptRow._fields, self._insert)
        self.insert_event = self._insert(schema.event_row)
        self.insert_body = self._insert(schema.body)
        self.add_attempt = self._insert(schema.attempt, AttemptRow._fields, unless_known=True)
        self.add_event = self._insert(schema.event_row, unless_known=True)
        self.add_head = self._insert(schema.event_head, ("kind", "head"), unless_known=True)
        self.add_message = self._insert(schema.message, unless_known=True)
        self.sum_hour = self._sum(schema.usage_hour, schema.MEASURES)
        self.sum_day = self._sum(schema.usage_day, schema.MEASURES)
        self.sum_mode = self._sum(schema.usage_mode, ("requests",))
        self.sum_total = self._sum(schema.usage_total, schema.MEASURES)
        self.sum_attempt_day = self._sum(schema.usage_attempt_day, schema.ATTEMPT_MEASURES)
        self.sum_decision_day = self._sum(schema.usage_decision_day, schema.DECISION_MEASURES)
        self.set_response_state = self._set_unless_newer(schema.response_state, "request_id")
        self.set_breaker = self._set_unless_newer(schema.breaker)
        self.set_account_lock = self._set_unless_newer(schema.account_lock)
        self.set_cooldown = self._set_cooldown()
        self.reset_cooldown = self._reset_cooldown()
        self.announce = self._announce()
        self.set_node = self._set_node()
        self.set_token_ratio = self._set(schema.token_ratio)
        self.last_uses = cache(self._last_uses)
        """Takes so many hashes; gives those of stored messages, each with its last use."""
        # PostgreSQL's alone: a lock until the end of the transaction.
        self.take_turn = "SELECT pg_advisory_xact_lock(%s, %s)"
        self.use_message = self._compile(
            # Parameters in the order of the text: last_id, hash.
            update(schema.message)
            .values(last_id=bindparam("used_by", type_=schema.Big))
            .where(schema.message.c.hash == bindparam("used"))
        )

    def _last_uses(self, count: int) -> str:
        stored = schema.message.c
        hashes = [bindparam(f"hash_{n}", type_=LargeBinary) for n in range(count)]
        return self._compile(select(stored.hash, stored.last_id).where(stored.hash.in_(hashes)))

    def _insert(
        self, table: Table, columns: Iterable[str] | None = None, *, unless_known: bool = False
    ) -> str:
        """Takes all columns, or some in that order."""
        statement = self._into(table)
        if columns is not None:
            taken = [column(name, table.c[name].type) for name in columns]
            statement = self._into(named_table(table.name, *taken))
        return self._compile(statement.on_conflict_do_nothing() if unless_known else statement)

    def _sum(self, table: Table, measures: Iterable[str]) -> str:
        """Adds to the row with the same key, or makes it."""
        statement = self._into(table)
        sums: dict[str, ColumnElement[Any]] = {
            name: table.c[name] + statement.excluded[name] for name in measures
        }
        return self._upsert(statement, table, sums)

    def _set(self, table: Table) -> str:
        """Replaces the row with the same key."""
        statement = self._into(table)
        values: dict[str, ColumnElement[Any]] = {
            c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key
        }
        return self._upsert(statement, table, values)

    def _set_unless_newer(self, table: Table, age: str = "updated_us") -> str:
        """Replaces the row with the same key, if this one is not older: spilled rows come late."""
        statement = self._into(table)
        values: dict[str, ColumnElement[Any]] = {
            column.name: statement.excluded[column.name]
            for column in table.columns
            if not column.primary_key
        }
        newer = statement.excluded[age] >= table.c[age]
        return self._upsert(statement, table, values, newer)

    def _set_cooldown(self) -> str:
        """A deadline only moves outwards, but for one that was taken back by hand since."""
        statement = self._into(schema.cooldown)
        known, told = schema.cooldown.c, statement.excluded
        values: dict[str, ColumnElement[Any]] = {
            name: told[name] for name in ("until_us", "reason", "updated_us")
        }
        longer = told.until_us > known.until_us
        not_taken_back = or_(
            known.until_us > literal_column("0"), told.updated_us >= known.updated_us
        )
        return self._upsert(statement, schema.cooldown, values, and_(longer, not_taken_back))

    def _reset_cooldown(self) -> str:
        """Parameters: reason, moment, target, length of what stands before an account's name, that
        itself, moment."""
        known = schema.cooldown.c
        of_target = or_(
            known.target == bindparam("of", type_=Text),
            func.substr(known.target, literal_column("1"), bindparam("length", type_=Integer))
            == bindparam("accounts", type_=Text),
        )
        return self._compile(
            update(schema.cooldown)
            .values(
                until_us=literal_column("0"),
                reason=bindparam("because", type_=Text),
                updated_us=bindparam("at_us", type_=schema.Big),
            )
            .where(of_target, known.updated_us <= bindparam("until", type_=schema.Big))
        )

    def _announce(self) -> str:
        """Counts a topic up; takes its name."""
        number = schema.change.c.number
        statement = self._into(schema.change).values(
            topic=bindparam("topic"), number=literal_column("1")
        )
        return self._upsert(statement, schema.change, {"number": number + literal_column("1")})

    def _set_node(self) -> str:
        statement = self._into(schema.node)
        excluded = statement.excluded
        return self._upsert(
            statement,
            schema.node,
            {
                "oldest_open_id": excluded["oldest_open_id"],
                "stored_bytes": schema.node.c.stored_bytes + excluded["stored_bytes"],
            },
        )

    def _upsert(
        self,
        statement: Insert,
        table: Table,
        values: dict[str, ColumnElement[Any]],
        where: ColumnElement[bool] | None = None,
    ) -> str:
        key = list(table.primary_key.columns)
        return self._compile(
            statement.on_conflict_do_update(index_elements=key, set_=values, where=where)
        )

    def _into(self, table: Table | TableClause) -> Insert:
        if self._kind == "sqlite":
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # 2 MB that a file has no use for

        return postgresql.insert(table)

    def _compile(self, statement: Insert | Update | Select[Any]) -> str:
        return str(statement.compile(dialect=self._dialect))


Shape = tuple[bool, ...]
"""Which of a row's columns have a value."""


class Inserts(dict[Shape, str]):
    """INSERTs into one table that name only the columns which have a value.

    Half of a request's columns have none, and to bind a NULL takes three times as long as a number.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        insert: Callable[[Table, Iterable[str]], str],
    ) -> None:
        """``columns`` are a row's, in their order; none may have a default in the database."""
        self._table = table
        self._columns = columns
        self._insert = insert
        self._whole = insert(table, columns)

    def __missing__(self, shape: Shape) -> str:
        if len(self) >= MOST_SHAPES:
            return self._whole
        self[shape] = statement = self._insert(self._table, compress(self._columns, shape))
        return statement

    def of(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """The statements that write some rows, each with its parameters."""
        alike: dict[Shape, list[tuple[Any, ...]]] = {}
        for row in rows:
            # The driver takes a plain tuple in a third of the time that another one takes.
            alike.setdefault(tuple(map(is_not, row, _NULLS)), []).append(tuple(row))
        for shape, some in alike.items():
            statement = self[shape]
            if statement is self._whole:
                yield statement, some
            else:
                yield statement, [tuple(compress(row, shape)) for row in some]


@cache
def statements_for(kind: DatabaseKind) -> Statements:
    """The statements of one kind of database."""
    return Statements(kind)


def run(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Runs a statement once per row; not at all without rows.  Raises ``DBAPIError``."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(statement, rows)
        return
    # A request alone is a dozen statements, and a file has no connection that could be lost: what
    # SQLAlchemy does around each would be a third of a small transaction's time.
    try:
        driver: Any = connection.connection.dbapi_connection
        driver.executemany(statement, rows)
    except sqlite3.Error as error:
        raise wrapped(error) from error


def fetch(connection: Connection, statement: str, parameters: tuple[Any, ...]) -> Sequence[Any]:
    """A query's rows, as the driver gives them.  Raises ``DBAPIError``."""
    if connection.dialect.name != "sqlite":
        return connection.exec_driver_sql(statement, parameters).all()
    driver: Any = connection.connection.dbapi_connection
    try:
        found: Sequence[Any] = driver.execute(statement, parameters).fetchall()
    except sqlite3.Error as error:
        raise wrapped(error) from error
    return found
