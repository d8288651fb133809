"""What the pipeline hands to the ledger is there afterwards, once, as it was."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from llmrouter.core.events import (
    AccountLocked,
    AccountUnlocked,
    BreakerReset,
    Event,
    ServerStarted,
    TargetCooldown,
    read_event,
)
from llmrouter.core.ledger import BreakerRow, RequestRow
from llmrouter.core.records import replace
from llmrouter.policy.fold import fold_request
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store
from llmrouter.store.schema import attempt, request
from llmrouter.store.scribe import TIDY_COMMITS
from llmrouter.store.statements import MOST_SHAPES
from tests.running import eventually
from tests.store.samples import answered, ask, beginning, files


async def test_a_closed_request_is_there_with_attempts_and_events(store: Store) -> None:
    record = answered(store.ids.next(), conversation_id="c-1", key_id="k-1")
    await store.ledger.close(record)
    story = await store.reader.request_story(record.request.id)
    assert story is not None
    assert story.request == record.request
    assert story.attempts == record.attempts
    assert [(e.kind, e.dt_us) for e in story.events] == [(e.kind, e.dt_us) for e in record.events]


async def test_rows_are_stored_whatever_of_them_has_no_value(
    store: Store, database: DatabaseAddress
) -> None:
    optional = ("key_id", "conversation_id", "category", "first_token_us", "price_id", "cost_nusd")
    given = ("k", "c", "code", 40, 7, 3)
    records = [answered(store.ids.next()) for _ in range(2 ** len(optional))]
    assert len(records) > MOST_SHAPES
    for shape, record in enumerate(records):
        said: dict[str, Any] = {
            name: value if shape >> place & 1 else None
            for place, (name, value) in enumerate(zip(optional, given, strict=True))
        }
        records[shape] = replace(record, request=record.request._replace(**said))
    await asyncio.gather(*(store.ledger.close(record) for record in records))
    columns = ", ".join(RequestRow._fields)
    stored = ask(database, f"SELECT {columns} FROM request ORDER BY id")
    assert stored == [tuple(record.request) for record in records]


async def test_stored_events_fold_into_the_stored_rows(store: Store) -> None:
    record = answered(store.ids.next(), cost_nusd=None)
    await store.ledger.close(record)
    story = await store.reader.request_story(record.request.id)
    assert story is not None
    events = [read_event(e.kind, e.dt_us, e.data) for e in story.events]
    assert tuple(events) == record.events
    assert fold_request(story.request_id, events) == (story.request, story.attempts)


async def test_events_that_were_opened_early_are_written_once(store: Store) -> None:
    record = answered(store.ids.next(), opened=7)
    store.ledger.open(record.request.id, record.events[:5])
    store.ledger.open(record.request.id, record.events[5:7], first_seq=5)
    await store.ledger.close(record)
    story = await store.reader.request_story(record.request.id)
    assert story is not None
    assert [e.seq for e in story.events] == list(range(len(record.events)))


def test_a_column_without_a_value_is_null_and_nothing_else() -> None:
    optional = [
        column for table in (request, attempt) for column in table.columns if column.nullable
    ]
    assert [column.name for column in optional if column.server_default is not None] == []


async def test_a_request_that_goes_on_has_a_story_without_a_row(store: Store) -> None:
    request_id = store.ids.next()
    store.ledger.open(request_id, beginning())
    await store.ledger.transact(lambda _: None)
    story = await store.reader.request_story(request_id)
    assert story is not None
    assert story.request is None
    assert len(story.events) == 5
    assert await store.reader.request_story(request_id + 1) is None


async def test_noted_events_get_ids_of_their_own(store: Store, database: DatabaseAddress) -> None:
    store.ledger.note([Event(0, ServerStarted("1.0", 0)), Event(0, BreakerReset("a/b"))])
    await store.ledger.transact(lambda _: None)
    kinds = ask(database, "SELECT kind, seq FROM event ORDER BY request_id")
    assert kinds == [("server.started", 0), ("breaker.reset", 0)]


async def test_breakers_keep_their_newest_state(store: Store) -> None:
    def row(state: str, updated_us: int) -> BreakerRow:
        return BreakerRow("harbour", "fog-2", state, 3, None, updated_us)

    await store.ledger.close(answered(store.ids.next(), breakers=(row("open", 20),)))
    await store.ledger.close(answered(store.ids.next(), breakers=(row("closed", 10),)))
    assert (await store.reader.availability(0)).breakers == (row("open", 20),)
    store.ledger.note([Event(0, BreakerReset("harbour/fog-2"))], [row("closed", 30)])
    await store.ledger.transact(lambda _: None)
    assert (await store.reader.availability(0)).breakers == (row("closed", 30),)


async def test_account_locks_follow_their_events(store: Store) -> None:
    lock = Event(0, AccountLocked("harbour", "second", 9_000_000, "quota"))
    unlock = Event(1_000_000, AccountUnlocked("harbour", "second", "it worked again"))
    store.ledger.note([lock])
    await store.ledger.transact(lambda _: None)
    [found] = (await store.reader.availability(8_000_000)).locks
    assert (found.account, found.until_us, found.reason) == ("second", 9_000_000, "quota")
    store.ledger.note([unlock])
    await store.ledger.transact(lambda _: None)
    [found] = (await store.reader.availability(8_000_000)).locks
    assert (found.until_us, found.reason) == (0, "it worked again")


async def test_cooldowns_only_move_outwards_until_they_are_taken_back(store: Store) -> None:
    async def told(*events: Event) -> dict[str, int]:
        numbers = await store.reader.change_numbers()
        store.ledger.note(events)
        await store.ledger.transact(lambda _: None)
        assert await store.reader.change_numbers() != numbers
        rows = (await store.reader.availability(0)).cooldowns
        return {row.target: row.until_us for row in rows}

    def pause(dt_us: int, target: str, until_us: int) -> Event:
        return Event(dt_us, TargetCooldown(target, until_us, "upstream_rate_limit"))

    one, second, other = "harbour/fog_1", "harbour/fog_1#second", "harbour/fog-1"
    known = await told(pause(0, one, 500), pause(0, second, 400), pause(0, other, 300))
    assert known == {one: 500, second: 400, other: 300}
    assert await told(pause(1, one, 450), pause(1, other, 350)) == {**known, other: 350}
    reset = Event(2_000_000, BreakerReset(one))
    assert await told(reset) == {one: 0, second: 0, other: 350}
    assert await told(pause(3, one, 600)) == {one: 0, second: 0, other: 350}  # said before
    again = pause(4_000_000, one, 600)
    assert await told(again) == {one: 600, second: 0, other: 350}


async def test_a_close_that_is_cancelled_loses_nothing(store: Store) -> None:
    record = answered(store.ids.next())
    closing = asyncio.create_task(store.ledger.close(record))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await store.ledger.transact(lambda _: None)
    story = await store.reader.request_story(record.request.id)
    assert story is not None
    assert story.request == record.request


async def test_a_record_that_no_database_takes_goes_aside_alone(
    store: Store, tmp_path: Path
) -> None:
    good = [answered(store.ids.next()) for _ in range(3)]
    bad = answered(store.ids.next())
    bad = replace(bad, request=bad.request._replace(duration_us=2**80))
    async with asyncio.TaskGroup() as group:
        for record in (good[0], bad, *good[1:]):
            group.create_task(store.ledger.close(record))
    for record in good:
        story = await store.reader.request_story(record.request.id)
        assert story is not None
        assert story.request == record.request
    assert store.ledger.rejected == 1
    assert store.ledger.healthy
    [aside] = files(tmp_path, "*.rejected")
    kept = orjson.loads(orjson.loads(aside.read_bytes())["line"])
    assert kept["request"]["id"] == bad.request.id


async def test_an_id_that_is_taken_is_not_overwritten(store: Store) -> None:
    first = answered(store.ids.next(), category="code")
    await store.ledger.close(first)
    await store.ledger.close(answered(first.request.id, category="tools"))
    story = await store.reader.request_story(first.request.id)
    assert story is not None
    assert story.request == first.request
    assert store.ledger.rejected == 1


async def test_what_comes_twice_is_stored_once_and_nothing_goes_aside(
    store: Store, database: DatabaseAddress
) -> None:
    record = answered(store.ids.next(), opened=5, client_request_id="a\0b")
    for _ in range(2):
        store.ledger.open(record.request.id, record.events[:5])
        await store.ledger.close(record)
    noted = ServerStarted("1.0", 0, 0)
    store.ledger.note([Event(0, noted)])
    await store.ledger.transact(lambda _: None)
    assert store.ledger.rejected == 0
    assert ask(database, "SELECT count(*) FROM event") == [(len(record.events) + 1,)]
    assert ask(database, "SELECT sum(requests), sum(attempts) FROM usage_day") == [(1, 2)]


async def test_texts_that_a_database_refuses_are_mended(store: Store) -> None:
    record = answered(store.ids.next(), client_request_id="a\0b\ud800", category="c\0de")
    await store.ledger.close(record)
    story = await store.reader.request_story(record.request.id)
    assert story is not None
    assert story.request is not None
    assert story.request.client_request_id in ("a\N{REPLACEMENT CHARACTER}b?", "a\0b?")
    assert store.ledger.rejected == 0


async def test_a_quiet_moment_brings_the_log_into_the_file(
    store: Store, database: DatabaseAddress, tmp_path: Path
) -> None:
    if database.path is None:
        pytest.skip("PostgreSQL does it by itself")
    ledger, alone = database.path, tmp_path / "alone.db"

    def in_the_file() -> int:
        """How many requests there are without what stands in the log."""
        shutil.copy(ledger, alone)
        with closing(sqlite3.connect(alone)) as copy:
            try:
                return int(copy.execute("SELECT count(*) FROM request").fetchone()[0])
            except sqlite3.DatabaseError:
                return 0  # it was copied while the log was brought into it

    for _ in range(TIDY_COMMITS // 2):
        await store.ledger.close(answered(store.ids.next()))
    assert in_the_file() == 0
    for _ in range(TIDY_COMMITS):
        await store.ledger.close(answered(store.ids.next()))
    await eventually(lambda: in_the_file() >= TIDY_COMMITS)
