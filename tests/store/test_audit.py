"""The ledger held against itself, on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from llmrouter.core.clock import FakeClock
from llmrouter.store.audit import Audit, audit
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.errors import StoreError
from llmrouter.store.expiry import RowLimits
from llmrouter.store.inventory import take_inventory
from llmrouter.store.opening import Store
from llmrouter.store.upkeep import back_up, look, vacuum
from tests.store.conftest import OpenStore
from tests.store.samples import answered, rejected

DAY_S = 86_400


async def fill(store: Store, clock: FakeClock) -> None:
    now_us = clock.now_us()
    for record in (
        answered(store.ids.next(), started_us=now_us, key_id="k"),
        answered(store.ids.next(), started_us=now_us, cost_nusd=None, failed_nusd=7),
        answered(store.ids.next(), started_us=now_us, failed_nusd=None, purpose="replay"),
        rejected(store.ids.next(), started_us=now_us),
    ):
        await store.ledger.close(record)


def change(database: DatabaseAddress, statement: str) -> None:
    engine = create_engine(database.url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement))


def audited(database: DatabaseAddress) -> Audit:
    return look(database, audit)


async def test_what_the_writer_wrote_agrees_while_it_goes_on_writing(
    store: Store, database: DatabaseAddress, clock: FakeClock
) -> None:
    await fill(store, clock)
    found = audited(database)
    assert (found.requests, found.folded, found.counted) == (4, 4, 0)
    assert found.usage_rows > 10


@pytest.mark.parametrize(
    ("statement", "where", "member"),
    [
        ("UPDATE usage_hour SET duration_us = 1", "usage_hour", "duration_us"),
        ("DELETE FROM usage_decision_day", "usage_decision_day", "requests"),
        ("UPDATE request SET cost_nusd = 1 WHERE key_id = 'k'", "req_", "cost_nusd"),
        ("DELETE FROM attempt WHERE n = 2", "attempt 2", "row"),
    ],
)
async def test_a_difference_is_told_with_both_values(
    statement: str,
    where: str,
    member: str,
    store: Store,
    database: DatabaseAddress,
    clock: FakeClock,
) -> None:
    await fill(store, clock)
    change(database, statement)
    differences = audited(database).differences
    assert any(where in d.where and d.member == member for d in differences)
    assert all(d.found != d.expected for d in differences)


async def test_what_retention_removed_is_no_difference_and_what_is_lost_is_one(
    opened: OpenStore, database: DatabaseAddress, clock: FakeClock
) -> None:
    async with opened(row_limits=RowLimits(requests_days=30, events_days=10)) as store:
        for _ in range(4):
            await fill(store, clock)
            clock.advance(10 * DAY_S)
        await store.expire_rows()
        found = audited(database)
        assert (found.requests, found.folded, found.counted) == (12, 4, 0)
        assert found.usage_rows > 0
        change(database, "DELETE FROM request WHERE id = (SELECT max(id) FROM request)")
        assert audited(database).counted > 0


async def test_the_inventory_counts_every_table(
    store: Store, database: DatabaseAddress, clock: FakeClock
) -> None:
    await fill(store, clock)
    found = look(database, take_inventory)
    rows = {table.name: table.rows for table in found.tables}
    assert (rows["request"], rows["attempt"]) == (4, 6)
    assert found.oldest_us == found.newest_us == clock.now_us()
    assert found.bytes_per_request is not None
    assert found.total_bytes > 0


async def test_postgresql_is_vacuumed_beside_its_server_and_copied_by_its_own_tool(
    postgres_database: DatabaseAddress,
) -> None:
    before, after = vacuum(postgres_database)
    assert before > 0
    assert after > 0
    with pytest.raises(StoreError, match=r"pg_dump --format=custom --file=copy.dump 'postgresql:"):
        back_up(postgres_database, Path("copy.dump"))
