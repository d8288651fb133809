"""No query of a list reads the whole table, however rare what is looked for."""

from __future__ import annotations

import sqlite3
from itertools import product

from sqlalchemy import Engine, create_engine, event

from llmrouter.core.routing import Target
from llmrouter.store.engine import DatabaseAddress, open_for_reading
from llmrouter.store.queries.requests import RequestFilter, request_page
from llmrouter.store.reader import LedgerReader
from llmrouter.store.snapshots import Snapshots

FILTERS = [
    RequestFilter(ending, category, model, since_us, purpose)
    for ending, category, model, since_us, purpose in product(
        (None, "completed", "failed"),
        (None, "code"),
        (None, "beacon-1", "harbour/beacon-1"),
        (None, 1_790_000_000_000_000),
        ("live", "replay"),
    )
]
LARGE = ("request", "attempt", "event_row")


def scans(engine: Engine, path: str) -> list[str]:
    """Collects the plans of what is asked through an engine: those steps that read a whole large
    table without the order of an index."""
    found: list[str] = []

    def explain(*call: object) -> None:
        statement, parameters = str(call[2]), call[3]
        if not statement.startswith(("SELECT", "WITH")):
            return
        with sqlite3.connect(path) as connection:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]  # as the driver was given them
            for *_, step in plan:
                if step.startswith("SCAN") and step.split()[1] in LARGE:
                    found.append(f"{step}: {statement}")

    event.listen(engine, "before_cursor_execute", explain)
    return found


async def test_no_page_of_requests_reads_the_whole_table(sqlite_database: DatabaseAddress) -> None:
    engine = open_for_reading(sqlite_database)
    ledger = Snapshots(engine)
    found = scans(engine, str(sqlite_database.path))
    for wanted in FILTERS:
        for before_id in (None, 1 << 60):
            await ledger.ask(request_page, before_id=before_id, wanted=wanted)
    await ledger.dispose()
    # Without a filter of its own a page is the end of the table, in the order of its ids.
    assert [step for step in found if "LIMIT" not in step] == []
    assert all("category" not in step.partition("WHERE")[2] for step in found)
    assert all("model =" not in step.partition("WHERE")[2] for step in found)


async def test_metrics_read_sums_alone(sqlite_database: DatabaseAddress) -> None:
    engine = open_for_reading(sqlite_database)
    ledger = Snapshots(engine)
    found = scans(engine, str(sqlite_database.path))
    reader = LedgerReader(ledger)
    await reader.metrics()
    await reader.metrics(1_790_000_000_000_000)
    assert await reader.last_turn("text:1") is None
    assert await reader.requests_by_client_id("me") == ()
    assert await reader.rejections() == ()
    assert await reader.request_story(7) is None
    await ledger.dispose()
    assert found == []


async def test_a_replay_reads_the_past_by_ranges_of_ids(sqlite_database: DatabaseAddress) -> None:
    engine = open_for_reading(sqlite_database)
    ledger = Snapshots(engine)
    found = scans(engine, str(sqlite_database.path))
    log = LedgerReader(ledger).replays
    within = {"after_id": 0, "until_id": 1 << 60}
    await log.answers(**within, limit=10)
    await log.events(**within)
    await log.attempts([Target("lab", "fast")], **within)
    await log.requests([7])
    await log.bodies([7])
    await ledger.dispose()
    assert found == []


def test_the_plans_of_this_sqlite_name_scans(sqlite_database: DatabaseAddress) -> None:
    with create_engine(sqlite_database.url).connect() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN SELECT * FROM request WHERE node = 1")
        assert any(str(row[-1]).startswith("SCAN request") for row in plan)
