"""What the ledger says afterwards, counted by plain SQL."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llmrouter.core.ids import show_id


@dataclass(frozen=True, slots=True)
class Count:
    """Something that was counted; where it is a promise that was broken, ``broken`` says so."""

    what: str
    number: int
    promised: bool = False

    @property
    def broken(self) -> bool:
        return self.promised and self.number > 0


_ZERO = {
    "requests with more than one terminal event": (
        "SELECT count(*) FROM (SELECT request_id FROM event"
        " WHERE kind IN ('request.finished', 'request.recovered')"
        " GROUP BY request_id HAVING count(*) > 1) AS doubled"
    ),
    "requests that clients sent once and the ledger has twice": (
        "SELECT count(*) FROM (SELECT client_request_id FROM request"
        " WHERE client_request_id IS NOT NULL"
        " GROUP BY client_request_id HAVING count(*) > 1) AS doubled"
    ),
    "requests that the daily sums have too often, or not": (
        "SELECT abs((SELECT count(*) FROM request) - (SELECT sum(requests) FROM usage_day))"
    ),
    "requests without a row": (
        "SELECT count(*) FROM event LEFT JOIN request ON request.id = event.request_id"
        " WHERE event.kind = 'request.received' AND request.id IS NULL"
    ),
    "requests without a terminal event": (
        "SELECT count(*) FROM request WHERE NOT EXISTS (SELECT 1 FROM event"
        " WHERE event.request_id = request.id"
        " AND kind IN ('request.finished', 'request.recovered', 'request.rejected'))"
    ),
    "attempts without a row": (
        "SELECT (SELECT count(*) FROM event WHERE kind = 'attempt.started')"
        " - (SELECT count(*) FROM attempt)"
    ),
    "attempts that their requests do not count": (
        "SELECT count(*) FROM request WHERE attempts <>"
        " (SELECT count(*) FROM attempt WHERE attempt.request_id = request.id)"
    ),
}


def counts(database_url: str, whole: set[str]) -> list[Count]:
    """Every count; ``whole`` are the shown ids of requests whose reply came in full."""
    with _ask(database_url) as ask:
        endings = {
            show_id(number): ending for number, ending in ask("SELECT id, ending FROM request")
        }
        by_ending: dict[str, int] = {}
        for ending in endings.values():
            by_ending[ending] = by_ending.get(ending, 0) + 1
        found = [
            Count(f"in the ledger, {name}", number) for name, number in sorted(by_ending.items())
        ]
        found.append(Count("in the ledger, attempts", _number(ask("SELECT count(*) FROM attempt"))))
        found.append(Count("acknowledged", len(whole)))
        found.append(Count("acknowledged and lost", len(whole - endings.keys()), promised=True))
        wrong = [name for name in whole if endings.get(name, "completed") != "completed"]
        found.append(Count("acknowledged, and not completed", len(wrong), promised=True))
        found += [Count(what, abs(_number(ask(sql))), promised=True) for what, sql in _ZERO.items()]
    return found


def of_calls(database_url: str, sent: int) -> list[Count]:
    """Whether every call that the provider got is in the ledger; ``sent`` is their number.

    A call whose start was not committed yet when its process was killed is in no ledger: starts
    are queued before anything is sent, and nobody waits for them.
    """
    with _ask(database_url) as ask:
        attempts = _number(ask("SELECT count(*) FROM attempt"))
        # Sent once more, and not another attempt: the connection was closed as we took it.
        again = _number(
            ask("SELECT count(*) FROM event WHERE CAST(data AS TEXT) LIKE '%\"conn_retry\"%'")
        )
    return [
        Count("calls that the provider got", sent),
        Count("of them, sent again because an idle connection was closed", again),
        Count(
            "of them, cut off by a kill before their start was committed", sent - attempts - again
        ),
    ]


def _number(rows: Sequence[Any]) -> int:
    return int(rows[0][0] or 0)


@contextlib.contextmanager
def _ask(database_url: str) -> Iterator[Any]:
    if database_url.startswith("sqlite:///"):
        path = database_url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            yield lambda sql: connection.execute(sql).fetchall()
        return
    import psycopg  # an extra

    with psycopg.connect(database_url) as connection:
        yield lambda sql: connection.execute(sql).fetchall()
