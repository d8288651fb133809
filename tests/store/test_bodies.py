"""Request bodies: kept small, given back whole, and removed when they are old or too many."""

from __future__ import annotations

import asyncio
import random
import zlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmrouter.core.clock import FakeClock
from llmrouter.core.ledger import RequestRecord
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.packing import deflate, inflate, pack, read_policy, unpack
from llmrouter.store.retention import BodyLimits
from tests.store.conftest import OpenStore
from tests.store.samples import BODY, NOW_US, answered, ask

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
numbers = st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    scalars | numbers,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
bodies = st.dictionaries(
    st.sampled_from(["messages", "input", "contents", "model"]) | st.text(), documents
)


@settings(max_examples=30, deadline=None)
@given(bodies)
def test_a_body_comes_back_equal(document: dict[str, Any]) -> None:
    packed = pack(1, orjson.dumps(document))
    assert packed is not None
    assert unpack(packed.data, packed.messages) == document


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"", b"[" * 5000])
def test_what_is_no_object_is_not_kept(body: bytes) -> None:
    assert pack(1, body) is None


def conversation(turns: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": "Rules. " * 400}]
    for turn in range(turns):
        messages.append({"role": "user", "content": f"Question {turn}: " + "why? " * 60})
        messages.append({"role": "assistant", "content": f"Answer {turn}: " + "so. " * 60})
    return {"model": "router", "messages": messages, "stream": True}


async def test_each_message_of_a_conversation_is_kept_once(
    store: Store, database: DatabaseAddress
) -> None:
    sent = []
    for turns in range(1, 30):
        record = answered(store.ids.next(), body=conversation(turns))
        await store.ledger.close(record)
        sent.append(record)
    for turns, record in enumerate(sent, 1):
        assert await store.reader.body(record.request.id) == conversation(turns)
    assert ask(database, "SELECT count(*) FROM message") == [(1 + 2 * 29,)]
    [(kept,)] = ask(database, "SELECT sum(length(data)) FROM body")
    raw = sum(len(record.body or b"") for record in sent)
    assert kept < raw / 10


async def test_a_body_is_kept_whole_where_the_clock_was_lost(
    database: DatabaseAddress, tmp_path: Path
) -> None:
    """A board without a battery wakes in 1970: ids begin at 0."""
    async with open_store(StoreSettings(database, tmp_path), FakeClock(0)) as store:
        record = answered(store.ids.next(), body=BODY)
        await store.ledger.close(record)
        assert await store.reader.body(record.request.id) == BODY


async def test_a_request_without_a_kept_body_has_none(store: Store) -> None:
    record = answered(store.ids.next())
    await store.ledger.close(record)
    await store.ledger.close(replay := answered(store.ids.next(), body=BODY, purpose="replay"))
    assert await store.reader.body(record.request.id) is None
    assert await store.reader.body(replay.request.id) is None


def test_the_policy_says_whose_body_is_kept() -> None:
    good = answered(1).request
    bad = answered(1, ending="failed").request
    cases = [("all", good, True), ("all", bad, True), ("off", bad, False), ("off", good, False)]
    cases += [("errors", good, False), ("errors", bad, True)]
    for text, row, kept in cases:
        assert read_policy(text).keeps(row) is kept, (text, row.ending)


def test_a_sample_is_a_fair_share_and_always_the_same() -> None:
    policy = read_policy("sample:0.05")
    row = answered(1).request
    ids = [(NOW_US << 10) + (n << 21) for n in range(5_000)]
    kept = [number for number in ids if policy.keeps(row._replace(id=number))]
    assert 0.04 < len(kept) / len(ids) < 0.06
    assert kept == [number for number in ids if policy.keeps(row._replace(id=number))]


@pytest.mark.parametrize("text", ["", "some", "sample", "sample:2", "sample:x", "all:1"])
def test_a_policy_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"LLMROUTER_BODIES.*use all, errors, off"):
        read_policy(text)


def test_a_body_of_an_older_ledger_is_read() -> None:
    packed = pack(1, orjson.dumps(BODY))
    assert packed is not None
    now = orjson.loads(inflate(packed.data))
    hashes = [digest.hex() for digest in packed.messages]
    older = {**now, "document": {**now["document"], "messages": hashes}}
    assert unpack(orjson.dumps(older), packed.messages) == BODY


@pytest.mark.parametrize("size", [0, 254, 255, 400, 4_095, 4_096, 40_000])
@pytest.mark.parametrize("alphabet", [b"ab", bytes(range(256))], ids=["text", "noise"])
def test_whoever_has_zlib_reads_what_is_compressed_and_short_texts_as_well_as_ever(
    size: int, alphabet: bytes
) -> None:
    content = b"{" + bytes(random.Random(size).choices(alphabet, k=size))
    stored = deflate(content)
    assert inflate(stored) == content
    if stored != content:
        assert zlib.decompress(stored) == content
        assert stored[:1] == b"x"
        assert len(stored) <= len(zlib.compress(content, 3)) + 5  # noise: a further block


def asked(store: Store, clock: FakeClock, question: str) -> RequestRecord:
    clock.advance(60)
    body = {
        "model": "router",
        "messages": [BODY["messages"][0], {"role": "user", "content": question}],
    }
    return answered(store.ids.next(), started_us=clock.now_us(), body=body)


async def test_old_bodies_go_with_the_messages_that_nobody_needs(
    opened: OpenStore, clock: FakeClock, database: DatabaseAddress
) -> None:
    async with opened(body_limits=BodyLimits(days=30)) as store:
        old = [asked(store, clock, f"old {n}") for n in range(5)]
        for record in old:
            await store.ledger.close(record)
        clock.advance(20 * 86_400)
        young = asked(store, clock, "young")
        await store.ledger.close(young)
        assert (await store.purge_bodies()).bodies == 0

        clock.advance(11 * 86_400)
        purged = await store.purge_bodies()
        assert (purged.bodies, purged.messages) == (5, 5)  # the system message is still in use
        assert await store.reader.body(old[0].request.id) is None
        body = await store.reader.body(young.request.id)
        assert body is not None
        assert body["messages"][1]["content"] == "young"

        again = asked(store, clock, "old 0")
        await store.ledger.close(again)
        assert await store.reader.body(again.request.id) is not None
    assert ask(database, "SELECT count(*) FROM request") == [(7,)]
    stored = "SELECT (SELECT sum(stored_bytes) FROM body) + (SELECT sum(stored_bytes) FROM message)"
    assert ask(database, "SELECT stored_bytes FROM node") == ask(database, stored)


async def test_beyond_the_size_the_oldest_bodies_go(
    opened: OpenStore, clock: FakeClock, database: DatabaseAddress
) -> None:
    noise = random.Random(20)  # nothing that zlib could make small
    async with opened(body_limits=BodyLimits(megabytes=1)) as store:
        records = [asked(store, clock, noise.randbytes(10_000).hex()) for _ in range(120)]
        await asyncio.gather(*(store.ledger.close(record) for record in records))
        [(before,)] = ask(database, "SELECT stored_bytes FROM node")
        assert before > 2**20
        clock.advance(3600)
        purged = await store.purge_bodies()
        [(after,)] = ask(database, "SELECT stored_bytes FROM node")
        assert after == before - purged.freed_bytes
        assert after <= 2**20
        assert 0 < purged.bodies < 120
        assert await store.reader.body(records[0].request.id) is None
        assert await store.reader.body(records[-1].request.id) is not None
