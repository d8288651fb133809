"""A node that is cut off from PostgreSQL: its number is nobody else's while it may give out ids."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.store import migrate, node_claim
from llmrouter.store.engine import DatabaseAddress, read_address
from llmrouter.store.node_claim import NodeClaim
from llmrouter.store.opening import StoreSettings, open_store
from llmrouter.store.records import Opening
from llmrouter.store.spill import Spill
from tests.postgres import PostgresServer, connect
from tests.provider import Provider
from tests.running import lab, running_router
from tests.store.conftest import OpenStore
from tests.store.samples import answered, ask, files
from tests.store.test_claim import CUT_CLAIMS


def let_lapse(database: DatabaseAddress) -> None:
    """As if a lease's time were over."""
    with connect(database.url) as connection:
        connection.exec_driver_sql("UPDATE node_lease SET until_us = 1")


@contextlib.contextmanager
def holding(database: DatabaseAddress, data_dir: Path) -> Iterator[NodeClaim]:
    """A number with its lease."""
    held = NodeClaim(database, data_dir=data_dir)
    try:
        held.hold()
        yield held
    finally:
        held.release()


def test_the_number_of_a_node_that_is_cut_off_is_not_taken(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    with holding(postgres_database, tmp_path / "here") as cut_off:
        ask(postgres_database, CUT_CLAIMS)
        with holding(postgres_database, tmp_path / "elsewhere") as other:
            assert (cut_off.node, other.node) == (0, 1)
            assert cut_off.look() == "held"
    with holding(postgres_database, tmp_path / "third") as third:
        assert third.node == 0  # both gave theirs back


def test_a_node_is_given_back_without_a_word_while_the_server_is_away(
    fragile_server: PostgresServer, tmp_path: Path
) -> None:
    database = read_address(fragile_server.url.render_as_string(hide_password=False), tmp_path)
    migrate.upgrade(database)
    with holding(database, tmp_path) as held, fragile_server.stopped():
        assert held.look() == "unknown"
        held.release()
    with holding(database, tmp_path) as after:
        assert after.node == held.node


def test_a_lease_that_lapsed_is_another_s_and_the_holder_knew_before(
    postgres_database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_claim, "LEASE_S", node_claim.LEASE_MARGIN_S)
    with holding(postgres_database, tmp_path / "here") as cut_off:
        assert not cut_off.is_ours  # a minute before anybody else may have it
        ask(postgres_database, CUT_CLAIMS)
        let_lapse(postgres_database)
        with holding(postgres_database, tmp_path / "elsewhere") as other:
            assert other.node == cut_off.node
            assert cut_off.look() == "lost"


def test_who_comes_after_a_dead_process_of_its_folder_has_its_number_at_once(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    dead = NodeClaim(postgres_database, data_dir=tmp_path)
    dead.hold()
    dead._forget()  # what the operating system and the server do at a process's death
    ask(postgres_database, CUT_CLAIMS)
    with holding(postgres_database, tmp_path) as after:
        assert after.node == dead.node
    dead._engine.dispose()


def test_a_number_that_was_given_by_hand_is_taken(
    postgres_database: DatabaseAddress, tmp_path: Path
) -> None:
    with holding(postgres_database, tmp_path / "here") as cut_off:
        ask(postgres_database, CUT_CLAIMS)
        given = NodeClaim(postgres_database, 0, tmp_path / "elsewhere")
        given.hold()
        assert cut_off.look() == "lost"
        given.release()


async def test_without_its_number_nobody_is_served(
    postgres_database: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Provider() as provider, running_router(postgres_database, lab(provider)) as router:
        assert (await router.chat()).status_code == 200
        monkeypatch.setattr(NodeClaim, "is_ours", property(lambda _: False))
        refused = await router.chat()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ledger_unavailable")
        assert "retry-after" in refused.headers
        assert (await router.http.get("/health")).status_code == 200
        assert router.ledger.count("request") == 1


async def test_what_a_lost_number_left_in_the_folder_is_written_by_the_next(
    postgres_database: DatabaseAddress, clock: FakeClock, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    async with open_store(StoreSettings(postgres_database, folder), clock) as store:
        record = answered(store.ids.next(), opened=5)
        await store.ledger.close(answered(store.ids.next()))
    went_on = Opening(record.request.id + 2, record.events[:5])
    Spill(folder / "node-0.spill").append([record, went_on])
    elsewhere = StoreSettings(postgres_database, tmp_path / "elsewhere")
    async with open_store(elsewhere, clock) as other:
        assert other.node == 0
        async with open_store(StoreSettings(postgres_database, folder), clock) as store:
            assert store.node == 1
            story = await store.reader.request_story(record.request.id)
            assert story is not None
            assert story.request == record.request
            assert store.recovered == 1
    endings = ask(postgres_database, "SELECT ending FROM request WHERE node = 0 ORDER BY id")
    assert sorted(endings) == [("abandoned",), ("completed",), ("completed",)]
    assert files(folder, "*.spill*") == []


async def test_a_record_whose_id_is_another_s_goes_aside_and_mixes_with_nothing(
    opened: OpenStore, database: DatabaseAddress, tmp_path: Path
) -> None:
    async with opened() as store:
        stored = answered(store.ids.next())
        await store.ledger.close(stored)
    name = "node-0.spill" if database.path is None else f"{database.path.name}.spill"
    other = answered(stored.request.id, started_us=stored.request.started_us + 7)
    Spill(tmp_path / name).append([other])
    async with opened() as store:
        story = await store.reader.request_story(stored.request.id)
        assert story is not None
        assert story.request == stored.request
        assert len(story.events) == len(stored.events)
    assert ask(database, "SELECT count(*), sum(attempts) FROM request") == [(1, 2)]
    assert ask(database, "SELECT sum(requests) FROM usage_day") == [(1,)]
    [aside] = files(tmp_path, "*.rejected")
    assert b"another request has the id" in aside.read_bytes()
