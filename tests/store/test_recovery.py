"""What a killed process left open is closed at the next start."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from llmrouter.core.clock import FakeClock
from llmrouter.core.ids import RequestIds
from llmrouter.store.engine import DatabaseAddress, open_for_writing
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.records import Opening
from llmrouter.store.scribe import Scribe
from llmrouter.store.spill import Spill
from tests.store.conftest import OpenStore
from tests.store.samples import answered, ask, beginning


async def leave_open(opened: OpenStore, **settings: Any) -> int:
    """A request that has begun when its process ends."""
    async with opened(**settings) as store:
        request_id = store.ids.next()
        store.ledger.open(request_id, beginning(node=store.node))
        await store.ledger.close(answered(store.ids.next()))
        return request_id


async def test_an_open_request_becomes_abandoned_with_its_attempt_lost(
    opened: OpenStore, clock: FakeClock
) -> None:
    request_id = await leave_open(opened)
    clock.advance(60)
    async with opened() as store:
        assert store.recovered == 1
        story = await store.reader.request_story(request_id)
        assert story is not None
        assert story.request is not None
        assert (story.request.ending, story.request.cost_nusd) == ("abandoned", None)
        [attempt] = story.attempts
        assert (attempt.outcome, attempt.cost_nusd) == ("lost", None)
        assert [e.kind for e in story.events][-1] == "request.recovered"
        assert story.events[-1].dt_us == 60_000_000
        metrics = await store.reader.metrics()
        assert (metrics.total, metrics.success, metrics.unknown_costs) == (2, 1, 1)


async def test_what_was_recovered_once_is_left_alone(opened: OpenStore) -> None:
    await leave_open(opened)
    async with opened() as store:
        assert store.recovered == 1
    async with opened() as store:
        assert store.recovered == 0


async def test_an_open_request_survives_starts_that_were_killed_before_they_recovered(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock
) -> None:
    request_id = await leave_open(opened)
    # Such a start had replayed and written before it died.
    scribe = Scribe(open_for_writing(database), 0, BodyPolicy(1.0))
    scribe.start()
    clock.advance(1)
    scribe.write([answered(RequestIds(clock).next())])
    scribe.stop()
    assert ask(database, "SELECT oldest_open_id FROM node") == [(request_id,)]
    async with opened() as store:
        assert store.recovered == 1


async def test_the_search_begins_where_nothing_older_is_open(
    opened: OpenStore, database: DatabaseAddress
) -> None:
    async with opened() as store:
        records = [answered(store.ids.next(), opened=5) for _ in range(3)]
        for record in records:
            store.ledger.open(record.request.id, record.events[:5])
        for record in (records[0], records[2]):
            await store.ledger.close(record)
        assert ask(database, "SELECT oldest_open_id FROM node") == [(records[1].request.id,)]
        await store.ledger.close(records[1])
        assert ask(database, "SELECT oldest_open_id FROM node") == [(records[2].request.id,)]


async def test_another_nodes_open_requests_are_its_own_affair(
    postgres_database: DatabaseAddress, clock: FakeClock, tmp_path: Path
) -> None:
    def opened(node: int) -> AbstractAsyncContextManager[Store]:
        return open_store(StoreSettings(postgres_database, tmp_path, node=node), clock)

    async with opened(1) as other:
        request_id = other.ids.next()
        other.ledger.open(request_id, beginning(node=1))
        await other.ledger.transact(lambda _: None)
        async with opened(0) as store:
            assert store.recovered == 0
            store.ledger.open(store.ids.next(), beginning(node=0))
    async with opened(0) as store:
        assert store.recovered == 1
    async with opened(1) as store:
        assert store.recovered == 1
        story = await store.reader.request_story(request_id)
        assert story is not None
        assert story.request is not None
        assert (story.request.ending, story.request.node) == ("abandoned", 1)


async def test_an_opening_in_the_spill_file_is_recovered_too(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock, tmp_path: Path
) -> None:
    earlier = RequestIds(clock).next()
    clock.advance(1)
    await leave_open(opened)
    name = "node-0.spill" if database.path is None else f"{database.path.name}.spill"
    Spill(tmp_path / name).append([Opening(earlier, beginning())])
    async with opened() as store:
        assert store.recovered == 2


async def test_ids_never_go_back_although_the_clock_did(
    opened: OpenStore, clock: FakeClock
) -> None:
    first = await leave_open(opened)
    clock.set_wall(clock.now_us() - 3_600_000_000)
    async with opened() as store:
        assert store.ids.next() > first


async def test_ids_go_on_from_what_was_spilled(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock, tmp_path: Path
) -> None:
    spilled = RequestIds(clock).next()
    name = "node-0.spill" if database.path is None else f"{database.path.name}.spill"
    Spill(tmp_path / name).append([Opening(spilled, beginning())])
    clock.set_wall(clock.now_us() - 3_600_000_000)
    async with opened() as store:
        assert store.ids.next() > spilled


def test_what_a_dead_process_had_sent_is_waited_for(
    postgres_database: DatabaseAddress, clock: FakeClock
) -> None:
    """PostgreSQL may still be committing it when the next process looks."""
    dead, alive = (
        Scribe(open_for_writing(postgres_database), 0, BodyPolicy(1.0)) for _ in range(2)
    )
    sent, may_commit = threading.Event(), threading.Event()
    last = RequestIds(clock).next()

    def commit_late(connection: Connection) -> None:
        insert = "INSERT INTO event_row VALUES (:id, 0, 0, 'server.started', NULL, '{}')"
        connection.execute(text(insert), {"id": last})
        sent.set()
        assert may_commit.wait(5)

    with ThreadPoolExecutor() as threads:
        committing = threads.submit(dead.transact, commit_late)
        assert sent.wait(5)
        starting = threads.submit(alive.start)
        assert not wait([starting], timeout=0.1).done
        may_commit.set()
        committing.result()
        assert starting.result() == last
    dead.stop()
    alive.stop()
