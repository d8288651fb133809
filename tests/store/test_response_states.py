"""Replies that a client may go on from: kept with their request, walked back, removed in time."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.ledger import RequestRecord, ResponseState
from llmrouter.core.records import replace
from llmrouter.store import migrate
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.packing import BodyPolicy
from llmrouter.store.retention import BodyLimits
from llmrouter.store.spill import read_payload, write_payload
from tests.store.conftest import OpenStore
from tests.store.samples import BODY, answered, ask


def state(
    name: str, previous: str | None = None, *, words: str = "hi", provider: str | None = None
) -> ResponseState:
    items = [{"role": "user", "content": words}, {"role": "assistant", "content": "Yes. " * 80}]
    return ResponseState(name, orjson.dumps(items), previous, provider)


def with_state(store: Store, kept: ResponseState, clock: FakeClock | None = None) -> RequestRecord:
    at = {} if clock is None else {"started_us": clock.now_us()}
    return replace(answered(store.ids.next(), **at), response_state=kept)


async def test_a_chain_comes_back_whole_and_oldest_first(
    store: Store, database: DatabaseAddress
) -> None:
    kept = [state("a"), state("b", "a", words="and then?"), state("c", "b", provider="lab")]
    for one in [*kept, state("other")]:
        await store.ledger.close(with_state(store, one))

    assert await store.reader.response_chain("c") == tuple(kept)
    assert await store.reader.response_chain("a") == (kept[0],)
    assert await store.reader.response_chain("lost") == ()
    [(bytes_kept,)] = ask(database, "SELECT sum(length(data)) FROM response_state")
    assert bytes_kept < sum(len(one.items) for one in kept), "compressed, and nothing twice"


async def test_a_chain_with_a_hole_is_none(store: Store) -> None:
    await store.ledger.close(with_state(store, state("b", "never kept")))
    await store.ledger.close(with_state(store, state("c", "b")))

    assert await store.reader.response_chain("c") == ()


async def test_an_id_that_a_provider_gives_again_means_the_newer_reply(store: Store) -> None:
    await store.ledger.close(with_state(store, state("same", words="older")))
    await store.ledger.close(with_state(store, newer := state("same", words="newer")))

    assert await store.reader.response_chain("same") == (newer,)


async def test_a_circle_of_ids_ends(store: Store) -> None:
    await store.ledger.close(with_state(store, state("a", "b")))
    await store.ledger.close(with_state(store, state("b", "a")))

    assert await store.reader.response_chain("b") == ()


@pytest.mark.parametrize(
    ("policy", "is_kept"),
    [
        (BodyPolicy(1.0), True),
        (BodyPolicy(1.0, errors_only=True), True),
        (BodyPolicy(1e-9), True),
        (BodyPolicy(0.0), False),
    ],
    ids=["all", "errors", "sample", "off"],
)
async def test_states_are_kept_unless_nothing_is(
    opened: OpenStore, policy: BodyPolicy, is_kept: bool
) -> None:
    async with opened(bodies=policy) as store:
        await store.ledger.close(with_state(store, state("a")))
        assert bool(await store.reader.response_chain("a")) is is_kept


async def test_old_states_go_with_the_bodies(
    opened: OpenStore, clock: FakeClock, database: DatabaseAddress
) -> None:
    async with opened(body_limits=BodyLimits(days=30)) as store:
        old = replace(with_state(store, state("old"), clock), body=orjson.dumps(BODY))
        await store.ledger.close(old)
        clock.advance(20 * 86_400)
        await store.ledger.close(with_state(store, state("young"), clock))
        await store.ledger.close(with_state(store, state("later", "old"), clock))
        clock.advance(11 * 86_400)

        purged = await store.purge_bodies()

        assert (purged.bodies, purged.states) == (1, 1)
        assert await store.reader.response_chain("young") != ()
        assert await store.reader.response_chain("later") == (), "its beginning is gone"
    kept = "SELECT sum(stored_bytes) FROM response_state"
    assert ask(database, "SELECT stored_bytes FROM node") == ask(database, kept)


async def test_beyond_the_size_the_oldest_states_go(opened: OpenStore, clock: FakeClock) -> None:
    async with opened(body_limits=BodyLimits(megabytes=0)) as store:
        await store.ledger.close(with_state(store, state("a"), clock))
        clock.advance(3600)

        assert (await store.purge_bodies()).states == 1
        assert await store.reader.response_chain("a") == ()


async def test_a_record_that_is_written_again_counts_once(
    store: Store, database: DatabaseAddress
) -> None:
    record = with_state(store, state("a"))
    await store.ledger.close(record)
    [(before,)] = ask(database, "SELECT stored_bytes FROM node")

    await store.ledger.ask(lambda scribe: scribe.write([record], again=True))

    assert ask(database, "SELECT stored_bytes FROM node") == [(before,)]
    assert await store.reader.response_chain("a") == (record.response_state,)


def test_a_spilled_record_brings_its_state() -> None:
    record = replace(answered(1), response_state=state("a", "b", provider="lab"))

    assert read_payload(write_payload(record)) == record


async def test_a_ledger_from_before_keeps_its_requests(
    empty_database: DatabaseAddress, tmp_path: Path, clock: FakeClock
) -> None:
    settings = StoreSettings(empty_database, tmp_path)
    async with open_store(settings, clock) as store:
        await store.ledger.close(with_state(store, state("a")))
    migrate.downgrade(empty_database, "0001")
    assert migrate.current(empty_database) == "0001"

    async with open_store(settings, clock) as store:
        assert await store.reader.response_chain("a") == ()
        await store.ledger.close(with_state(store, kept := state("b")))
        assert await store.reader.response_chain("b") == (kept,)
    assert ask(empty_database, "SELECT count(*) FROM v_requests") == [(2,)]
