"""The ledger's promises while the database cannot be written: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from sqlalchemy import text

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import Overloaded
from llmrouter.core.ids import RequestIds
from llmrouter.core.records import replace
from llmrouter.store.engine import DatabaseAddress, open_for_writing
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.records import Payload
from llmrouter.store.scribe import MAX_BATCH, Scribe
from llmrouter.store.spill import Spill
from llmrouter.store.writer import LedgerSettings, LedgerWriter
from tests.store.conftest import IMPATIENT, OpenStore
from tests.store.samples import BODY, answered, ask, files, locked

READ_ONLY = {
    "sqlite": "PRAGMA query_only = 1",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
}
"""Makes a connection one that fails like those of a database that has become read-only."""


async def until_healthy(store: Store) -> None:
    for _ in range(500):
        if store.ledger.healthy:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the ledger did not heal within 5 s")


def spill_of(database: DatabaseAddress, data_dir: Path) -> Path:
    return data_dir / ("node-0.spill" if database.path is None else f"{database.path.name}.spill")


async def test_a_locked_database_loses_and_doubles_nothing(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened(ledger=IMPATIENT) as store:
        before, during = answered(store.ids.next()), answered(store.ids.next(), opened=5)
        await store.ledger.close(before)
        with locked(database):
            store.ledger.open(during.request.id, during.events[:5])
            await store.ledger.close(during)
            late = [answered(store.ids.next()) for _ in range(5)]
            for record in late:
                await store.ledger.close(record)
            assert not store.ledger.healthy
            assert files(tmp_path, "*.spill")
        await until_healthy(store)
        after = answered(store.ids.next())
        await store.ledger.close(after)
        for record in (before, during, *late, after):
            story = await store.reader.request_story(record.request.id)
            assert story is not None
            assert story.request == record.request
            assert len(story.events) == len(record.events)
    assert ask(database, "SELECT count(*) FROM request") == [(8,)]
    assert ask(database, "SELECT sum(requests) FROM usage_day") == [(8,)]
    assert ask(database, "SELECT sum(requests) FROM usage_hour") == [(8,)]
    told = ask(database, "SELECT kind FROM event WHERE kind LIKE 'ledger.%' ORDER BY request_id")
    assert told == [("ledger.degraded",), ("ledger.restored",)] * max(1, len(told) // 2)
    assert not files(tmp_path, "*.spill*")


class _ReplayedAtOnce(Spill):
    """Who wrote the last of so many payloads hears of it only after the database has them."""

    def __init__(self, path: Path, expected: int) -> None:
        super().__init__(path)
        self.written, self.replayed = threading.Event(), threading.Event()
        self._expected = expected

    def append(self, payloads: Sequence[Payload]) -> None:
        super().append(payloads)
        self._expected -= len(payloads)
        if not self._expected:
            self.written.set()
            assert self.replayed.wait(10)


async def test_what_is_replayed_while_it_still_waits_is_stored_once_and_nothing_goes_aside(
    database: DatabaseAddress, clock: FakeClock, tmp_path: Path
) -> None:
    """A server under load: more waits than one transaction takes, and the spill file overtakes."""
    engine, ids = open_for_writing(database), RequestIds(clock)
    spill = _ReplayedAtOnce(tmp_path / "ledger.spill", 2 * MAX_BATCH + 1)
    ledger = LedgerWriter(Scribe(engine, 0, BodyPolicy(1.0)), spill, ids, IMPATIENT)
    await ledger.start()
    records = [answered(ids.next(), opened=5) for _ in range(MAX_BATCH)]
    async with asyncio.TaskGroup() as group:
        busy = threading.Event()
        group.create_task(ledger.ask(lambda _: (busy.set(), spill.written.wait(10))))
        assert await asyncio.to_thread(busy.wait, 10)
        for record in records:
            ledger.open(record.request.id, record.events[:5])
            group.create_task(ledger.close(record))
        await asyncio.sleep(0)
        group.create_task(ledger.ask(lambda _: spill.replayed.set()))
    await ledger.stop()
    assert ledger.rejected == 0
    assert not files(tmp_path, "*.rejected")
    requests = len(records)
    assert ask(database, "SELECT count(*), sum(attempts) FROM request") == [
        (requests, 2 * requests)
    ]
    assert ask(database, "SELECT sum(requests) FROM usage_day") == [(requests,)]
    of_requests = "SELECT count(*) FROM event WHERE kind NOT LIKE 'ledger.%'"
    assert ask(database, of_requests) == [(sum(len(r.events) for r in records),)]


async def test_a_required_ledger_refuses_what_it_cannot_commit(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened(ledger=replace(IMPATIENT, mode="required")) as store:
        record = answered(store.ids.next())
        with locked(database):
            with pytest.raises(Overloaded, match="could not be recorded"):
                await store.ledger.close(record)
            with pytest.raises(Overloaded):
                store.ledger.admit()
            assert not files(tmp_path, "*.spill")
        await until_healthy(store)
        store.ledger.admit()
    assert ask(database, "SELECT count(*) FROM request") == [(1,)]


async def test_once_it_is_known_that_nothing_is_committed_nobody_waits(
    sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    patient = StoreSettings(sqlite_database, tmp_path, ledger=LedgerSettings(commit_wait_s=60))
    async with open_store(patient, FakeClock()) as store:
        with locked(sqlite_database):
            async with asyncio.timeout(10):
                for _ in range(3):
                    await store.ledger.close(answered(store.ids.next()))
    assert ask(sqlite_database, "SELECT count(*) FROM request") == [(3,)]


async def test_best_effort_waits_for_nothing_and_drops_what_is_too_much(
    opened: OpenStore, database: DatabaseAddress
) -> None:
    settings = LedgerSettings("best_effort", commit_wait_s=60, queue_requests=4, retry_s=0.02)
    async with opened(ledger=settings) as store:
        with locked(database):
            for _ in range(6):
                store.ledger.admit()
                await store.ledger.close(answered(store.ids.next()))
            assert store.ledger.dropped == 2
    assert ask(database, "SELECT count(*) FROM request") == [(4,)]


@pytest.mark.parametrize(
    "bounded",
    [LedgerSettings(queue_requests=2), LedgerSettings(queue_bytes=50_000)],
    ids=["requests", "bytes"],
)
async def test_a_full_queue_admits_nobody(
    bounded: LedgerSettings, opened: OpenStore, database: DatabaseAddress
) -> None:
    async with opened(ledger=replace(bounded, commit_wait_s=60)) as store:
        with locked(database):
            closing = []
            for _ in range(2):
                store.ledger.admit()
                record = replace(answered(store.ids.next()), body=b" " * 20_000)
                closing.append(asyncio.create_task(store.ledger.close(record)))
                await asyncio.sleep(0)
            with pytest.raises(Overloaded) as caught:
                store.ledger.admit()
            assert caught.value.status == 503
        await asyncio.gather(*closing)
        store.ledger.admit()
        assert store.ledger.queue_depth == 0


async def test_when_the_spill_file_fails_too_memory_is_used_until_it_is_full(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened(ledger=replace(IMPATIENT, queue_requests=3)) as store:
        obstacle = spill_of(database, tmp_path)
        with locked(database):
            obstacle.mkdir()
            for _ in range(3):
                store.ledger.admit()
                await store.ledger.close(answered(store.ids.next()))
            with pytest.raises(Overloaded, match="wait to be recorded"):
                store.ledger.admit()
            obstacle.rmdir()
        await until_healthy(store)
        store.ledger.admit()
    assert ask(database, "SELECT count(*), sum(attempts) FROM request") == [(3, 6)]


async def test_a_spill_file_that_cannot_be_taken_in_is_tried_again_without_filling_the_log(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a folder that has become read-only, in which nothing can be renamed."""
    async with opened(ledger=IMPATIENT) as store:
        spilled = spill_of(database, tmp_path)
        obstacle = spilled.with_name(f"{spilled.name}.1")
        with locked(database):
            await store.ledger.close(answered(store.ids.next()))
            obstacle.mkdir()
        await store.ledger.close(answered(store.ids.next()))
        await asyncio.sleep(5 * IMPATIENT.retry_s)
        assert not store.ledger.healthy
        obstacle.rmdir()
        await until_healthy(store)
    assert ask(database, "SELECT count(*), sum(attempts) FROM request") == [(2, 4)]
    assert [entry for entry in caplog.records if entry.exc_info] == []


@pytest.mark.parametrize("place", ["temporary", "in memory"])
async def test_a_server_that_stops_while_nothing_can_be_written_says_where_its_records_are(
    place: str,
    opened: OpenStore,
    database: DatabaseAddress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    temporary = elsewhere if place == "temporary" else tmp_path / "nowhere"
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr("llmrouter.store.spill._IN_MEMORY", str(elsewhere))
    path = spill_of(database, tmp_path)
    async with opened(ledger=IMPATIENT) as store:
        records = [answered(store.ids.next(), body=BODY) for _ in range(3)]
        await store.ledger.close(records[0])
        await store.ledger.transact(
            lambda connection: connection.exec_driver_sql(READ_ONLY[database.kind]).close()
        )
        path.mkdir()
        for record in records[1:]:
            await store.ledger.close(record)
        assert not store.ledger.healthy
    path.rmdir()
    [rescued] = files(elsewhere, "*")
    assert rescued.stat().st_mode & 0o777 == 0o600
    told = [entry.getMessage() for entry in caplog.records if entry.levelname == "CRITICAL"]
    assert f"`cat {rescued} >> {path}`" in told[0]
    with path.open("ab") as spilled:  # as it says
        spilled.write(rescued.read_bytes())
    async with opened() as store:
        assert await store.reader.body(records[2].request.id) == BODY
    assert ask(database, "SELECT count(*), sum(attempts) FROM request") == [(3, 6)]
    assert ask(database, "SELECT sum(requests) FROM usage_day") == [(3,)]


class _Full(Spill):
    """Takes nothing, and counts what it was given."""

    offered = 0

    def append(self, payloads: Sequence[Payload]) -> None:
        self.offered += len(payloads)
        raise OSError(28, "No space left on device")


async def test_a_spill_file_that_takes_nothing_is_not_offered_everything_each_time(
    database: DatabaseAddress, clock: FakeClock, tmp_path: Path
) -> None:
    engine, ids, spill = open_for_writing(database), RequestIds(clock), _Full(tmp_path / "spill")
    settings = LedgerSettings(commit_wait_s=0.02, retry_s=0.2)
    ledger = LedgerWriter(Scribe(engine, 0, BodyPolicy(1.0)), spill, ids, settings)
    await ledger.start()
    with locked(database):
        for _ in range(100):
            await ledger.close(answered(ids.next()))
        assert ledger.queue_depth == 100
        assert spill.offered < 100
    await ledger.stop()
    engine.dispose()
    assert ask(database, "SELECT count(*) FROM request") == [(100,)]


async def test_a_full_disk_is_lived_through(
    sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    settings = StoreSettings(sqlite_database, tmp_path, ledger=IMPATIENT)
    async with open_store(settings, FakeClock()) as store:

        async def limit_pages(limit: int) -> None:
            pragma = f"PRAGMA max_page_count = {limit}"
            await store.ledger.transact(lambda c: c.exec_driver_sql(pragma).close())

        await limit_pages(1)  # SQLite takes the present size instead
        records = [answered(store.ids.next(), body={"noise": "x" * n}) for n in range(200)]
        await asyncio.gather(*(store.ledger.close(record) for record in records))
        assert not store.ledger.healthy
        await limit_pages(10_000)
        await until_healthy(store)
    assert ask(sqlite_database, "SELECT count(*) FROM request") == [(200,)]
    assert ask(sqlite_database, "SELECT sum(requests) FROM usage_day") == [(200,)]


async def test_stopping_while_locked_leaves_everything_to_the_next_start(
    opened: OpenStore, database: DatabaseAddress
) -> None:
    async with opened(ledger=IMPATIENT) as store:
        record = answered(store.ids.next())
        with locked(database):
            closing = asyncio.create_task(store.ledger.close(record))
            await asyncio.sleep(0)
            await store.ledger.stop()
            await closing
            with pytest.raises(Overloaded, match="stopping"):
                store.ledger.admit()
    async with opened() as store:
        story = await store.reader.request_story(record.request.id)
        assert story is not None
        assert story.request == record.request


async def test_a_record_that_comes_after_the_stop_is_spilled(
    opened: OpenStore, database: DatabaseAddress
) -> None:
    async with opened(ledger=IMPATIENT) as store:
        await store.ledger.stop()
        record = answered(store.ids.next())
        await store.ledger.close(record)
    async with opened():
        assert ask(database, "SELECT count(*) FROM request") == [(1,)]


async def test_a_configuration_cannot_be_changed_while_the_database_is_locked(
    opened: OpenStore, database: DatabaseAddress
) -> None:
    async with opened() as store:
        with locked(database), pytest.raises(Overloaded, match="cannot be written at present"):
            await store.ledger.transact(
                lambda connection: connection.execute(text("DELETE FROM request"))
            )
        await store.versions.add({}, parent=None, author="default")


async def test_a_spill_file_is_replayed_but_for_lines_that_are_none(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened(ledger=IMPATIENT) as store:
        records = [answered(store.ids.next(), body=BODY) for _ in range(2)]
        await store.ledger.close(records[0])
        with locked(database):
            await store.ledger.close(records[1])
            content = spill_of(database, tmp_path).read_bytes()
        await until_healthy(store)
    torn = b'{"request": {"id": 12, "star'
    spill_of(database, tmp_path).write_bytes(content + torn)
    async with opened() as store:
        assert await store.reader.body(records[1].request.id) == BODY
        assert store.ledger.rejected == 1
    assert ask(database, "SELECT sum(requests) FROM usage_day") == [(2,)]
    [aside] = files(tmp_path, "*.rejected")
    assert orjson.loads(aside.read_bytes())["line"].encode() == torn
