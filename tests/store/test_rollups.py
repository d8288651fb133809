"""Law: the usage rows say nothing else than the rows that they sum up."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from llmrouter.core.clock import FakeClock
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.records import as_mapping
from llmrouter.core.routing import Ending, Purpose
from llmrouter.core.usage import Usage
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import StoreSettings, open_store
from llmrouter.store.schema import HISTOGRAM_BITS
from tests.store.samples import NOW_US, answered, ask

ENDINGS: list[Ending] = ["completed", "failed", "interrupted", "disconnected"]
PURPOSES: list[Purpose] = ["live", "replay", "imported"]
HOUR_US = 3_600_000_000

requests = st.builds(
    lambda **values: values,
    started_us=st.integers(NOW_US - 30 * HOUR_US, NOW_US),
    category=st.sampled_from(["code", "tools"]),
    model=st.sampled_from(["harbour/beacon-1", "isle/tide/large"]),
    cost_nusd=st.none() | st.integers(0, 10**12),
    failed_nusd=st.none() | st.integers(0, 10**9),
    duration_us=st.integers(50_000, 10**10),
    ending=st.sampled_from(ENDINGS),
    purpose=st.sampled_from(PURPOSES),
    key_id=st.none() | st.just("k-1"),
)

SUMS = """
    sum({n}), sum(attempts), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    sum({unknown}), sum(duration_us), sum({first}), coalesce(sum(first_token_us), 0)
"""
OF_ROWS = SUMS.format(
    n="1",
    unknown="CASE WHEN cost_nusd IS NULL THEN 1 ELSE 0 END",
    first="CASE WHEN first_token_us IS NULL THEN 0 ELSE 1 END",
)
OF_USAGE = SUMS.format(n="requests", unknown="unknown_costs", first="first_tokens")
OF_ATTEMPTS = """
    sum({n}), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cache_read_tokens), 0), coalesce(sum(cost_nusd), 0), sum({unknown})
"""
ATTEMPT_KEY = (
    "coalesce(key_id, ''), attempt.provider, attempt.model, category, ending, purpose,"
    " outcome, kind, coalesce(attempt.error_class, ''), attempt.cost_basis"
)
DAY_KEY = "coalesce(key_id, ''), provider, model, category, ending, purpose"


async def write(database: DatabaseAddress, data_dir: Path, drawn: list[dict[str, object]]) -> None:
    clock = FakeClock()
    async with open_store(StoreSettings(database, data_dir), clock) as store:
        await store.ledger.transact(
            lambda connection: [
                connection.execute(text(f"DELETE FROM {table}"))
                for table in (
                    "request",
                    "attempt",
                    "event_row",
                    "usage_hour",
                    "usage_day",
                    "usage_mode",
                    "usage_total",
                    "usage_attempt_day",
                    "usage_decision_day",
                )
            ]
        )
        records: list[RequestRecord] = [
            answered(store.ids.next(), **values)  # type: ignore[arg-type]  # drawn by name
            for values in drawn
        ]
        await asyncio.gather(*(store.ledger.close(record) for record in records))


def histogram(database: DatabaseAddress, measure: str) -> dict[int, int]:
    columns = ", ".join(f"sum({measure}_log2_{bits})" for bits in HISTOGRAM_BITS)
    [counts] = ask(database, f"SELECT {columns} FROM usage_day")
    return {bits: int(n) for bits, n in zip(HISTOGRAM_BITS, counts, strict=True) if n}


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=st.lists(requests, min_size=1, max_size=12))
def test_usage_rows_sum_up_the_request_rows(
    drawn: list[dict[str, object]], database: DatabaseAddress, tmp_path: Path
) -> None:
    asyncio.run(write(database, tmp_path, drawn))

    by_day = f"SELECT {DAY_KEY}, {{}} FROM {{}} GROUP BY {DAY_KEY} ORDER BY {DAY_KEY}"
    assert ask(database, by_day.format(OF_USAGE, "usage_day")) == ask(
        database, by_day.format(OF_ROWS, "request")
    )
    live = f"SELECT {OF_ROWS} FROM request WHERE purpose = 'live' HAVING count(*) > 0"
    hours = f"SELECT {OF_USAGE} FROM usage_hour HAVING count(*) > 0"
    assert ask(database, hours) == ask(database, live)
    assert ask(database, f"SELECT {OF_USAGE} FROM usage_total HAVING count(*) > 0") == ask(
        database, live
    )
    modes = "SELECT category, mode, {} FROM {} GROUP BY category, mode ORDER BY category, mode"
    assert ask(database, modes.format("sum(requests)", "usage_mode")) == ask(
        database, modes.format("count(*)", "(SELECT * FROM request WHERE purpose = 'live') AS r")
    )
    by_decision = "SELECT category, decided_by, mode, {}, {} FROM {} GROUP BY category, decided_by"
    by_decision += ", mode ORDER BY category, decided_by, mode"
    unknown = "sum(CASE WHEN cost_nusd IS NULL THEN 1 ELSE 0 END)"
    assert ask(
        database, by_decision.format("sum(requests)", "sum(unknown_costs)", "usage_decision_day")
    ) == ask(
        database,
        by_decision.format(
            "count(*)", unknown, "(SELECT * FROM request WHERE purpose = 'live') AS r"
        ),
    )
    durations = Counter(
        min(max(us.bit_length(), HISTOGRAM_BITS[0]), HISTOGRAM_BITS[-1])
        for (us,) in ask(database, "SELECT duration_us FROM request")
    )
    assert histogram(database, "duration") == durations
    [(first_tokens,)] = ask(database, "SELECT count(first_token_us) FROM request")
    assert sum(histogram(database, "first_token").values()) == first_tokens


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=st.lists(requests, min_size=1, max_size=12))
def test_what_usage_rows_and_views_say_was_spent_is_the_sum_over_all_attempts(
    drawn: list[dict[str, object]], database: DatabaseAddress, tmp_path: Path
) -> None:
    asyncio.run(write(database, tmp_path, drawn))

    unknown = "CASE WHEN attempt.cost_nusd IS NULL THEN 1 ELSE 0 END"
    of_rows = OF_ATTEMPTS.format(n="1", unknown=unknown).replace("sum(c", "sum(attempt.c")
    of_rows = of_rows.replace("sum(input", "sum(attempt.input").replace("sum(o", "sum(attempt.o")
    of_usage = OF_ATTEMPTS.format(n="attempts", unknown="unknown_costs")
    joined = "attempt JOIN request ON request.id = request_id"
    usage_key = ATTEMPT_KEY.replace("attempt.", "")
    assert ask(
        database,
        f"SELECT {usage_key}, {of_usage} FROM usage_attempt_day"
        f" GROUP BY {usage_key} ORDER BY {usage_key}",
    ) == ask(
        database,
        f"SELECT {ATTEMPT_KEY}, {of_rows} FROM {joined}"
        f" GROUP BY {ATTEMPT_KEY} ORDER BY {ATTEMPT_KEY}",
    )
    spent = f"SELECT coalesce(sum(attempt.cost_nusd), 0) FROM {joined}"
    live = f"{spent} WHERE purpose = 'live'"
    assert ask(database, "SELECT coalesce(sum(cost_nusd), 0) FROM usage_day") == ask(
        database, spent
    )
    for table in ("usage_hour", "usage_total", "usage_decision_day"):
        found = ask(database, f"SELECT coalesce(sum(cost_nusd), 0) FROM {table}")
        assert found == ask(database, live), table

    [(usd, calls, unknown_calls, answered_requests)] = ask(
        database,
        "SELECT coalesce(sum(cost_usd), 0), coalesce(sum(attempts), 0),"
        " coalesce(sum(unknown_costs), 0), coalesce(sum(requests), 0) FROM v_costs_daily",
    )
    [(nusd, of_attempts, of_unknown, of_requests)] = ask(
        database,
        f"SELECT coalesce(sum(attempt.cost_nusd), 0), count(*), coalesce(sum({unknown}), 0),"
        f" count(DISTINCT request.id) FROM {joined} WHERE purpose = 'live'",
    )
    assert round(float(usd) * 1e9) == pytest.approx(float(nusd), rel=1e-12)
    assert (calls, unknown_calls, answered_requests) == (of_attempts, of_unknown, of_requests)


EVERY_CLASS = Usage(
    uncached_input_tokens=1,
    cache_read_tokens=20,
    cache_write_tokens=300,
    cache_write_1h_tokens=4_000,
    input_audio_tokens=50_000,
    input_image_tokens=600_000,
    text_output_tokens=7,
    reasoning_tokens=80,
    output_audio_tokens=900,
    output_image_tokens=1_000,
    web_searches=11,
)
"""Counts of which any two, and any two sums, differ."""


@pytest.mark.parametrize(
    "table",
    [
        "request",
        "attempt",
        "v_requests",
        "v_attempts",
        "usage_hour",
        "usage_day",
        "usage_total",
        "usage_attempt_day",
        "v_costs_daily",
    ],
)
def test_every_class_of_usage_reaches_every_row_and_sum(
    table: str, database: DatabaseAddress, tmp_path: Path
) -> None:
    asyncio.run(write(database, tmp_path, [{"usage": EVERY_CLASS}] * 2))
    totals = {"input_tokens": 654_321, "output_tokens": 1_987}
    apart = as_mapping(EVERY_CLASS)
    del apart["uncached_input_tokens"], apart["text_output_tokens"]  # what the totals leave over
    told = totals | apart

    sums = ", ".join(f"sum({name})" for name in told)
    [counts] = ask(database, f"SELECT {sums} FROM {table}")

    assert dict(zip(told, map(int, counts), strict=True)) == {
        name: 2 * count for name, count in told.items()
    }


def test_a_failed_call_is_booked_under_its_own_model_and_day(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    last_moment_us = 1_789_948_799_995_000  # 2026-09-20T23:59:59.995; the second call is next day's
    drawn: list[dict[str, object]] = [
        {"started_us": last_moment_us, "failed_nusd": 7, "cost_nusd": None}
    ]
    asyncio.run(write(database, tmp_path, drawn))
    assert ask(
        database,
        "SELECT day, model, requests, attempts, round(CAST(cost_usd * 1000000000 AS NUMERIC)),"
        " unknown_costs FROM v_costs_daily ORDER BY model DESC, day",
    ) == [
        ("2026-09-20", "fog-2", 0, 1, 7, 0),
        ("2026-09-20", "beacon-1", 1, 0, 0, 0),
        ("2026-09-21", "beacon-1", 0, 1, 0, 1),
    ]


def test_days_and_hours_are_those_of_utc(database: DatabaseAddress, tmp_path: Path) -> None:
    last_of_day_us = 1_789_948_799_999_999  # 2026-09-20T23:59:59.999999Z
    drawn: list[dict[str, object]] = [
        {"started_us": last_of_day_us},
        {"started_us": last_of_day_us + 1},
    ]
    asyncio.run(write(database, tmp_path, drawn))
    assert ask(database, "SELECT day, requests FROM usage_day ORDER BY day") == [
        ("2026-09-20", 1),
        ("2026-09-21", 1),
    ]
    assert ask(database, "SELECT hour FROM usage_hour ORDER BY hour") == [
        ("2026-09-20T23",),
        ("2026-09-21T00",),
    ]
