"""Reads a ledger as a stranger would: with the database's own driver and plain SQL."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from llmrouter.core.events import Event, read_event
from llmrouter.core.ids import read_id
from llmrouter.store.engine import DatabaseAddress

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that the ledger has of one request; ``request`` is its only row."""

    request: Row
    attempts: list[Row]
    events: list[Event]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    @property
    def outcomes(self) -> list[str]:
        return [attempt["outcome"] for attempt in self.attempts]

    def data(self, kind: str) -> Any:
        """The only event of this kind."""
        (found,) = [event.data for event in self.events if event.kind == kind]
        return found


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A database, opened for each question."""

    database: DatabaseAddress

    def rows(self, sql: str) -> list[Row]:
        """The rows that a query gives."""
        if self.database.path is None:
            address = str(self.database.url).replace("postgresql+psycopg://", "postgresql://")
            with psycopg.connect(address, row_factory=dict_row) as connection:
                return list(connection.execute(sql))
        address = f"file:{self.database.path}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    def story(self, request: int | str | httpx.Response) -> Story:
        """A request by its id, by its shown id, or by the reply that its client got."""
        if isinstance(request, httpx.Response):
            request = request.headers["x-llmrouter-request-id"]
        number = read_id(str(request))
        (row,) = self.rows(f"SELECT * FROM request WHERE id = {number}")
        attempts = self.rows(f"SELECT * FROM attempt WHERE request_id = {number} ORDER BY n")
        return Story(row, attempts, self.events(f"request_id = {number}"))

    def only_story(self) -> Story:
        """The one request of a ledger that has no other."""
        (row,) = self.rows("SELECT id FROM request")
        return self.story(row["id"])

    def events(self, where: str = "true") -> list[Event]:
        """Events in the order of requests and of their happening."""
        found = self.rows(f"SELECT * FROM event WHERE {where} ORDER BY request_id, seq")
        return [read_event(row["kind"], row["dt_us"], _document(row["data"])) for row in found]

    def breakers(self) -> dict[str, str]:
        """Positions by ``provider/model``, as the breaker table has them."""
        return {
            f"{r['provider']}/{r['model']}": r["state"]
            for r in self.rows("SELECT provider, model, state FROM breaker")
        }


def _document(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str) else data
