"""Each question that the server and the command line ask of the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.events import RequestReceived
from llmrouter.core.ledger import BreakerRow, RequestRecord
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.errors import StoreError
from llmrouter.store.migrate import upgrade
from llmrouter.store.opening import Store, open_reader
from llmrouter.store.queries.requests import RequestFilter
from tests.store.samples import NOW_US, answered, ask, rejected

HOUR_US = 3_600_000_000


async def keep(store: Store, *records: RequestRecord) -> list[int]:
    for record in records:
        await store.ledger.close(record)
    return [record.request.id for record in records]


async def test_an_empty_ledger_has_metrics(store: Store) -> None:
    found = await store.reader.metrics()
    assert (found.total, found.success, found.failed, found.cost_nusd) == (0, 0, 0, 0)
    assert found.avg_latency_ms is None
    assert found.models == {}


async def test_metrics_count_every_live_request_exactly_once(store: Store) -> None:
    new = store.ids.next
    await keep(
        store,
        answered(new(), category="code", duration_us=100_000, cost_nusd=5),
        answered(new(), category="code", duration_us=300_000, cost_nusd=None),
        answered(new(), category="tools", model="isle/a/b", ending="failed", cost_nusd=7),
        rejected(new()),
        answered(new(), purpose="replay", cost_nusd=10**9),
        answered(new(), purpose="imported", cost_nusd=10**9),
    )
    found = await store.reader.metrics()
    assert (found.total, found.success, found.failed) == (4, 2, 2)
    assert found.avg_latency_ms == 200.0
    assert (found.cost_nusd, found.unknown_costs) == (12, 1)
    assert found.models == {"harbour/beacon-1": 2, "isle/a/b": 1}
    assert found.providers == {"harbour": 2, "isle": 1}
    assert found.categories == {"code": 2, "tools": 1}
    assert found.modes == {"keywords": 3}
    assert await store.reader.metrics(since_us=NOW_US) == found


async def test_metrics_since_a_moment_leave_out_earlier_hours(store: Store) -> None:
    await keep(
        store,
        answered(store.ids.next(), started_us=NOW_US - 2 * HOUR_US, category="code"),
        answered(store.ids.next(), started_us=NOW_US, category="tools"),
    )
    found = await store.reader.metrics(since_us=NOW_US - HOUR_US)
    assert (found.total, found.categories) == (1, {"tools": 1})
    assert (await store.reader.metrics()).total == 2


async def test_recent_requests_are_the_newest_live_ones(store: Store) -> None:
    ids = await keep(store, *(answered(store.ids.next()) for _ in range(4)))
    await keep(store, answered(store.ids.next(), purpose="replay"))
    found = await store.reader.recent_requests(2)
    assert [row.id for row in found] == [ids[3], ids[2]]


async def test_pages_follow_each_other_without_gap_or_overlap(store: Store) -> None:
    ids = await keep(store, *(answered(store.ids.next()) for _ in range(5)))
    seen: list[int] = []
    before: int | None = None
    pages = 0
    while True:
        page = await store.reader.request_page(before_id=before, limit=2)
        seen += [row.id for row in page.requests]
        pages += 1
        before = page.next_before
        if before is None:
            break
    assert seen == ids[::-1]
    assert pages == 3


WANTED: list[tuple[RequestFilter, list[int]]] = [
    (RequestFilter(), [4, 3, 2, 1, 0]),
    (RequestFilter(ending="failed"), [3]),
    (RequestFilter(ending="completed"), [2, 1, 0]),
    (RequestFilter(category="code"), [1, 0]),
    (RequestFilter(model="harbour/beacon-1"), [4, 1, 0]),
    (RequestFilter(model="isle/a/b"), [3, 2]),
    (RequestFilter(model="a/b"), [3, 2]),
    (RequestFilter(model="beacon-1", category="code"), [1, 0]),
    (RequestFilter(since_us=NOW_US + 3_000_000), [4, 3, 2]),
    (RequestFilter(purpose="replay"), [5]),
    (RequestFilter(purpose=None, ending="interrupted"), [5, 4]),
]


async def test_pages_hold_what_was_asked_for(store: Store, clock: FakeClock) -> None:
    def at_once(**values: Any) -> RequestRecord:
        clock.advance(1)
        return answered(store.ids.next(), started_us=clock.now_us(), **values)

    ids = await keep(
        store,
        at_once(category="code"),
        at_once(category="code"),
        at_once(category="tools", model="isle/a/b"),
        at_once(category="tools", model="isle/a/b", ending="failed"),
        at_once(category="conversation", ending="interrupted"),
        at_once(category="vision", purpose="replay", ending="interrupted"),
    )
    for wanted, expected in WANTED:
        page = await store.reader.request_page(wanted=wanted)
        assert [ids.index(row.id) for row in page.requests] == expected, wanted


async def test_rare_endings_are_found_by_their_index(sqlite_database: DatabaseAddress) -> None:
    plan = ask(
        sqlite_database,
        "EXPLAIN QUERY PLAN SELECT id FROM request WHERE ending = 'rejected' AND"
        " ending <> 'completed' AND id < 9 AND purpose = 'live' ORDER BY id DESC",
    )
    assert any("ix_request_not_completed" in str(step) for step in plan)


async def test_a_request_is_found_by_the_id_that_its_client_gave(store: Store) -> None:
    ids = await keep(
        store,
        answered(store.ids.next(), client_request_id="abc"),
        answered(store.ids.next(), client_request_id="xyz"),
        answered(store.ids.next(), client_request_id="abc"),
    )
    found = await store.reader.requests_by_client_id("abc")
    assert [row.id for row in found] == [ids[2], ids[0]]
    assert await store.reader.requests_by_client_id("nobody") == ()


async def test_a_story_tells_the_decision_with_all_its_candidates(store: Store) -> None:
    [request_id] = await keep(store, answered(store.ids.next()))
    story = await store.reader.request_story(request_id)
    assert story is not None
    selected = story.event("route.selected")
    assert selected is not None
    assert [c["target"] for c in selected.data["candidates"]] == [
        "harbour/fog-2",
        "harbour/beacon-1",
    ]
    assert [attempt.outcome for attempt in story.attempts] == ["failed", "succeeded"]
    received = story.event(RequestReceived.kind)
    assert received is not None
    assert "client_retry" not in received.data


async def test_rejections_say_what_was_wrong(store: Store, clock: FakeClock) -> None:
    await keep(store, answered(store.ids.next()), rejected(store.ids.next(), message="first"))
    clock.advance(10)
    await keep(store, rejected(store.ids.next(), started_us=clock.now_us(), message="second"))
    found = await store.reader.rejections()
    assert [rejection.message for rejection in found] == ["second", "first"]
    assert found[0].errors == ({"field": "messages", "message": "must not be empty"},)
    assert (found[0].code, found[0].param) == ("validation_error", "messages")
    recent = await store.reader.rejections(since_us=clock.now_us())
    assert [rejection.message for rejection in recent] == ["second"]
    assert len(await store.reader.rejections(limit=1)) == 1


async def test_a_conversation_s_last_answered_turn_is_known(store: Store) -> None:
    new = store.ids.next
    await keep(
        store,
        answered(new(), conversation_id="c", category="code"),
        answered(new(), conversation_id="c", category="tools", finish_reason="tool_calls"),
        answered(new(), conversation_id="c", category="code", ending="failed"),
        answered(new(), conversation_id="d", category="code"),
    )
    turn = await store.reader.last_turn("c")
    assert turn is not None
    assert (turn.request.category, turn.request.model) == ("tools", "beacon-1")
    assert turn.scores == {"tools": 0.75}
    assert (turn.tools, turn.called_tools) == (1, True)
    other = await store.reader.last_turn("d")
    assert other is not None
    assert not other.called_tools
    assert await store.reader.last_turn("nobody") is None


async def test_a_breaker_s_deadline_is_bounded_when_it_is_loaded(store: Store) -> None:
    far = BreakerRow("harbour", "fog-2", "open", 3, NOW_US + 10 * HOUR_US, NOW_US)
    await keep(store, answered(store.ids.next(), breakers=(far,)))
    [found] = (await store.reader.availability(NOW_US)).breakers
    assert found.open_until_us == NOW_US + 300_000_000


async def test_a_ledger_can_be_read_beside_its_server(
    store: Store, database: DatabaseAddress
) -> None:
    ids = await keep(store, answered(store.ids.next()))
    async with open_reader(database) as reader:
        assert [row.id for row in await reader.recent_requests(9)] == ids


async def test_a_reader_of_nothing_is_told_what_to_do(
    empty_database: DatabaseAddress,
) -> None:
    with pytest.raises(StoreError, match="llmrouter serve"):
        async with open_reader(empty_database):
            pass
    upgrade(empty_database)
    async with open_reader(empty_database) as reader:
        assert await reader.recent_requests(1) == ()


async def test_tails_are_read_from_the_histograms_of_completed_answers(store: Store) -> None:
    new = store.ids.next
    await keep(
        store,
        *(answered(new(), duration_us=9_000) for _ in range(19)),
        answered(new(), duration_us=5_000_000),
        answered(new(), ending="failed", duration_us=60_000_000),
        answered(new(), model="isle/a/b", duration_us=70_000),
        answered(new(), started_us=NOW_US - 48 * HOUR_US, duration_us=60_000_000),
    )
    found = {f"{t.provider}/{t.model}": t for t in await store.reader.tails(NOW_US - 24 * HOUR_US)}
    assert set(found) == {"harbour/beacon-1", "isle/a/b"}
    beacon = found["harbour/beacon-1"]
    assert (beacon.first_tokens, beacon.answers) == (20, 20)
    assert beacon.duration_p95_us == 16_384  # the top of the bucket in which 19 of 20 lie
    assert beacon.first_token_p95_us == 32_768 + round(0.95 * 32_768)  # all within one bucket
    assert found["isle/a/b"].answers == 1
