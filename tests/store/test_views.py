"""The views, as a person with an SQL shell sees them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from llmrouter.core.clock import FakeClock
from llmrouter.core.ids import show_id
from llmrouter.core.ledger import BreakerRow
from llmrouter.store.engine import DatabaseAddress, kind_of
from llmrouter.store.expressions import sql_for
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.view import Unit, View
from llmrouter.store.views import VIEW_NAMES, all_views
from tests.store.samples import NOW_US, answered, ask, rejected

DAY_US = 86_400_000_000


def test_both_databases_have_the_columns_that_are_documented(database: DatabaseAddress) -> None:
    with create_engine(database.url, poolclass=NullPool).connect() as connection:
        inspector = inspect(connection)
        views = all_views(sql_for(kind_of(connection)))
        assert tuple(view.name for view in views) == VIEW_NAMES
        for view in views:
            found = [column["name"] for column in inspector.get_columns(view.name)]
            assert found == [column.name for column in view.columns]


def test_every_column_says_what_it_means_and_in_which_unit() -> None:
    units = get_args(Unit)
    for view in all_views(sql_for("sqlite")):
        for column in view.columns:
            assert column.unit in units, f"{view.name}.{column.name}"
            assert len(column.meaning) > 5, f"{view.name}.{column.name}"
            if column.name.endswith("_ms"):
                assert column.unit == "ms"


async def fill(store: Store) -> None:
    breaker = BreakerRow("harbour", "fog-2", "open", 3, NOW_US + 1_500, NOW_US)
    for record in (
        answered(store.ids.next(), breakers=(breaker,), client_request_id="me", key_id="k"),
        answered(store.ids.next(), cost_nusd=None, category="code"),
        answered(store.ids.next(), started_us=NOW_US - DAY_US, cost_nusd=2_000_000_001),
        answered(store.ids.next(), started_us=NOW_US - DAY_US, cost_nusd=9, purpose="replay"),
        rejected(store.ids.next()),
    ):
        await store.ledger.close(record)


async def test_requests_are_shown_in_dollars_milliseconds_and_iso_times(
    store: Store, database: DatabaseAddress
) -> None:
    await fill(store)
    columns = (
        "request, started_at, day, ending, duration_ms, first_token_ms, cost_usd, provider, model"
    )
    [row] = ask(database, f"SELECT {columns} FROM v_requests WHERE client_request_id = 'me'")
    newest = (await store.reader.requests_by_client_id("me"))[0]
    assert row[0] == show_id(newest.id)
    assert row[1:6] == ("2026-09-21T14:13:20.000Z", "2026-09-21", "completed", 250.0, 49.2)
    assert float(row[6]) == 0.0015
    assert row[7:] == ("harbour", "beacon-1")


async def test_attempts_show_what_failed_too(store: Store, database: DatabaseAddress) -> None:
    await fill(store)
    rows = ask(
        database,
        "SELECT n, outcome, counted, model, duration_ms FROM v_attempts WHERE request ="
        " (SELECT request FROM v_requests WHERE client_request_id = 'me') ORDER BY n",
    )
    assert [tuple(row) for row in rows] == [
        (1, "failed", True, "fog-2", 8.0),
        (2, "succeeded", False, "beacon-1", 240.8),
    ]


async def test_daily_costs_sum_live_requests_and_count_unknown_ones(
    store: Store, database: DatabaseAddress
) -> None:
    await fill(store)
    rows = ask(
        database,
        "SELECT day, sum(cost_usd), sum(unknown_costs), sum(requests) FROM v_costs_daily"
        " GROUP BY day ORDER BY day",
    )
    assert [(day, float(usd), int(unknown), int(n)) for day, usd, unknown, n in rows] == [
        ("2026-09-20", 2.000000001, 0, 1),
        ("2026-09-21", 0.0015, 1, 3),
    ]


async def test_decisions_show_every_candidate(store: Store, database: DatabaseAddress) -> None:
    await fill(store)
    [row] = ask(
        database,
        "SELECT route, strategy, resolved_by, mode_asked, confidence, candidates, evidence"
        " FROM v_decisions WHERE category = 'code'",
    )
    assert row[:5] == ("code", "priority", "classified", "hybrid", 0.75)
    assert "harbour/fog-2" in row[5]
    assert row[6].replace(" ", "") == '["port"]'
    assert ask(database, "SELECT count(*) FROM v_decisions") == [(5,)]


async def test_breakers_show_when_they_are_tried_again(
    store: Store, database: DatabaseAddress
) -> None:
    await fill(store)
    assert ask(database, "SELECT target, state, failures, open_until FROM v_breakers") == [
        ("harbour/fog-2", "open", 3, "2026-09-21T14:13:20.001Z")
    ]


async def test_quantiles_lie_in_the_bucket_of_the_true_one(
    store: Store, database: DatabaseAddress
) -> None:
    durations_ms = [60, 70, 80, 90, 100, 200, 300, 400, 5_000, 60_000]
    for ms in durations_ms:
        await store.ledger.close(answered(store.ids.next(), duration_us=ms * 1000))
    [row] = ask(
        database,
        "SELECT requests, avg_ms, p50_ms, p95_ms, p99_ms, first_token_p50_ms FROM v_model_latency",
    )
    count, average, p50, p95, p99, first = (float(value) for value in row)
    assert count == 10
    assert average == pytest.approx(sum(durations_ms) / 10)
    assert 65.536 <= p50 <= 131.072  # the true one is 100 ms
    assert 33_554 <= p95 <= p99 <= 67_109  # 60 s
    assert 32.768 <= first <= 65.536  # 49.2 ms


@given(st.integers(0, 2**63 - 1))
def test_ids_are_shown_as_the_api_shows_them(number: int) -> None:
    [view] = [v for v in all_views(sql_for("sqlite")) if v.name == "v_attempts"]
    assert sqlite_value(view, "request", f"{number} AS request_id") == show_id(number)


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_are_iso_8601_in_utc(micros: int) -> None:
    [view] = [v for v in all_views(sql_for("sqlite")) if v.name == "v_breakers"]
    shown = sqlite_value(view, "updated_at", f"{micros} AS updated_us")
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    assert shown == f"{moment:%Y-%m-%dT%H:%M:%S}.{micros // 1000 % 1000:03d}Z"


def sqlite_value(view: View, name: str, given_columns: str) -> object:
    """A column's expression, worked out over made-up columns."""
    [expression] = [column.sql for column in view.columns if column.name == name]
    connection = sqlite3.connect(":memory:")
    try:
        return connection.execute(f"SELECT {expression} FROM (SELECT {given_columns})").fetchone()[
            0
        ]
    finally:
        connection.close()


async def test_a_copied_file_answers_what_yesterday_cost_by_model(
    sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("the sqlite3 shell is not installed")
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    clock = FakeClock(now_us)
    async with open_store(StoreSettings(sqlite_database, tmp_path), clock) as store:
        yesterday_us = now_us - DAY_US
        for cost_nusd in (10_000_000, 5_000_000):
            await store.ledger.close(
                answered(store.ids.next(), started_us=yesterday_us, cost_nusd=cost_nusd)
            )
        await store.ledger.close(answered(store.ids.next(), started_us=now_us))
    assert sqlite_database.path is not None
    copied = str(shutil.copy(sqlite_database.path, tmp_path / "copied.db"))
    question = (
        "SELECT model, sum(cost_usd) FROM v_costs_daily"
        " WHERE day = date('now', '-1 day') GROUP BY model"
    )
    assert ask_shell(shell, copied, question) == "beacon-1|0.015\nfog-2|0.0\n"


def ask_shell(shell: str, path: str, question: str) -> str:
    done = subprocess.run([shell, path, question], capture_output=True, text=True, check=True)
    return done.stdout
