"""Requests and events past their time: removed, and nothing else is."""

from __future__ import annotations

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.events import Event, ServerStarted
from llmrouter.store import expiry
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.expiry import RowLimits
from llmrouter.store.opening import Store
from tests.store.conftest import OpenStore
from tests.store.samples import answered, ask, beginning

USAGE = ("usage_hour", "usage_day", "usage_mode", "usage_total", "usage_attempt_day")


async def keep(store: Store, clock: FakeClock, count: int = 3) -> list[int]:
    records = [answered(store.ids.next(), started_us=clock.now_us()) for _ in range(count)]
    for record in records:
        await store.ledger.close(record)
    return [record.request.id for record in records]


def sums(database: DatabaseAddress) -> list[object]:
    return [sorted(ask(database, f"SELECT * FROM {table}")) for table in USAGE]


def ids(database: DatabaseAddress, column: str, table: str) -> set[int]:
    return {found for (found,) in ask(database, f"SELECT {column} FROM {table}")}


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "STEP", 2)


@pytest.mark.usefixtures("small_steps")
async def test_old_requests_go_with_all_that_is_theirs_and_the_sums_stay(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock
) -> None:
    async with opened(row_limits=RowLimits(requests_days=7)) as store:
        await keep(store, clock, 5)
        clock.advance(6 * 86_400)
        new = await keep(store, clock)
        assert (await store.expire_rows()).requests == 0
        clock.advance(2 * 86_400)
        before = sums(database)
        assert (await store.expire_rows()).requests == 5
        assert (await store.expire_rows()).requests == 0

    assert sums(database) == before
    assert ids(database, "id", "request") == set(new)
    assert ids(database, "request_id", "attempt") == set(new)
    assert ids(database, "request_id", "event") == set(new)
    assert ask(database, "SELECT sum(requests) FROM v_costs_daily") == [(8,)]


@pytest.mark.usefixtures("small_steps")
async def test_old_events_go_and_their_requests_say_so(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock
) -> None:
    async with opened(row_limits=RowLimits(events_days=7)) as store:
        old = await keep(store, clock, 5)
        clock.advance(8 * 86_400)
        new = await keep(store, clock)
        expired = await store.expire_rows()
        assert (expired.requests, expired.events) == (0, 5)
        assert (await store.expire_rows()).events == 0

        story = await store.reader.request_story(old[0])
        assert story is not None
        assert story.request is not None
        assert story.events_removed
        assert len(story.attempts) == 2
        kept = await store.reader.request_story(new[0])
        assert kept is not None
        assert not kept.events_removed
    assert ids(database, "id", "request") == {*old, *new}
    assert ids(database, "request_id", "event") == set(new)


async def test_events_of_no_request_and_of_open_ones_stay(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock
) -> None:
    async with opened(row_limits=RowLimits(requests_days=1, events_days=1)) as store:
        store.ledger.note([Event(0, ServerStarted("1", 0))])
        still_open = store.ids.next()
        store.ledger.open(still_open, beginning())
        await keep(store, clock)
        clock.advance(3 * 86_400)
        await store.expire_rows()
    kinds = {kind for (kind,) in ask(database, "SELECT kind FROM event")}
    assert {"server.started", "request.received"} <= kinds
    async with opened() as store:
        assert store.recovered == 1


async def test_without_a_limit_nothing_is_ever_removed(
    store: Store, database: DatabaseAddress, clock: FakeClock
) -> None:
    kept = await keep(store, clock)
    clock.advance(36_000 * 86_400)
    assert (await store.expire_rows()).requests == 0
    assert ids(database, "id", "request") == set(kept)
    assert ask(database, "SELECT * FROM retention") == []
