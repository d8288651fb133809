"""Events without what they have in common: smaller in the ledger, whole in the view."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from llmrouter.core.events import (
    EVENT_TYPES,
    AttemptStarted,
    Event,
    LedgerDegraded,
    RequestReceived,
    RequestRejected,
    RouteSelected,
    read_event,
)
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.records import field_names
from llmrouter.policy.fold import fold_request
from llmrouter.store.encoding import members
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.heads import LONGEST_HEAD, EventRows
from llmrouter.store.opening import Store
from tests.store.conftest import OpenStore
from tests.store.samples import NOW_US, answered, ask

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
events = st.one_of(
    st.builds(RequestReceived, st.integers(0, 2**62), st.just(0), st.integers(0, 9), texts, texts),
    st.builds(
        RouteSelected,
        texts,
        texts,
        st.just("classified"),
        st.lists(st.dictionaries(texts, st.none() | texts)).map(tuple),
        st.none() | texts,
    ),
    st.builds(AttemptStarted, st.integers(1, 9), texts, texts, texts),
    st.builds(RequestRejected, st.integers(400, 499), texts, texts, st.none() | texts),
    st.builds(LedgerDegraded, texts),
)


@given(events)
def test_head_and_rest_make_the_whole_event(data: Any) -> None:
    rows = EventRows({})
    rows.add(1, 0, [Event(7, data)])
    [row] = rows.waiting
    *_, kind, _, whole = row.whole()
    assert read_event(kind, 7, json.loads(whole)) == Event(7, data)
    assert json.loads(whole) == json.loads(json.dumps(members(data)))
    *_, kind, _, rest = row.under(1)
    assert (kind, row.head + rest) == ("", whole) or not row.head


def of_one(database: DatabaseAddress, request_id: int) -> list[Event]:
    question = f"SELECT kind, dt_us, data FROM event WHERE request_id = {request_id} ORDER BY seq"
    return [
        read_event(kind, dt_us, data if isinstance(data, dict) else json.loads(data))
        for kind, dt_us, data in ask(database, question)
    ]


async def keep(store: Store, count: int, **values: Any) -> list[RequestRecord]:
    records = [answered(store.ids.next(), **values) for _ in range(count)]
    for record in records:
        await store.ledger.close(record)
    return records


async def test_the_view_tells_events_as_they_were_and_rows_fold_from_them(
    store: Store, database: DatabaseAddress
) -> None:
    for record in await keep(store, 4, key_id="k", conversation_id="text:1"):
        found = of_one(database, record.request.id)
        assert found == list(record.events)
        assert fold_request(record.request.id, found) == (record.request, record.attempts)


async def test_what_many_events_say_is_stored_once_from_the_second_time_on(
    store: Store, database: DatabaseAddress
) -> None:
    records = await keep(store, 5)

    def stored(record: RequestRecord) -> int:
        question = f"SELECT sum(length(data)) FROM event_row WHERE request_id = {record.request.id}"
        [(size,)] = ask(database, question)
        return int(size)

    first, *_, last = map(stored, records)
    assert last < first * 0.7
    assert ask(database, "SELECT count(*) FROM event_head") == [(len(records[0].events),)]


async def test_a_new_process_uses_the_heads_that_are_there(
    opened: OpenStore, database: DatabaseAddress
) -> None:
    async with opened() as store:
        await keep(store, 3)
    heads = ask(database, "SELECT * FROM event_head ORDER BY id")
    async with opened() as store:
        records = await keep(store, 3)
    assert ask(database, "SELECT * FROM event_head ORDER BY id") == heads
    assert of_one(database, records[-1].request.id) == list(records[-1].events)


async def test_heads_of_a_transaction_that_failed_are_not_relied_on(
    store: Store, database: DatabaseAddress
) -> None:
    def forget(connection: Connection) -> None:
        raise ZeroDivisionError

    def write_in_vain(scribe: Any) -> None:
        records = [answered(store.ids.next()) for _ in range(3)]
        transact = scribe.transact
        scribe.transact = lambda job: transact(lambda c: (job(c), forget(c)))
        try:
            scribe.write(records)
        finally:
            scribe.transact = transact

    with pytest.raises(ZeroDivisionError):
        await store.ledger.ask(write_in_vain)
    assert ask(database, "SELECT count(*) FROM event_head") == [(0,)]
    [record] = await keep(store, 1)
    assert of_one(database, record.request.id) == list(record.events)


@pytest.mark.parametrize("text", ["a\0b", "x" * (LONGEST_HEAD + 1), 'quo"te, \\u0000 {}'])
async def test_odd_texts_can_be_read_again(
    text: str, store: Store, database: DatabaseAddress
) -> None:
    first, second = [await keep(store, 1, category=text, key_id=text) for _ in range(2)]
    expected = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    for [record] in (first, second):
        received, *_, selected = told(of_one(database, record.request.id), "k", "route")
        assert received in (expected, text)
        assert selected in (expected, text)


def told(found: Iterable[Event], *names: str) -> list[str]:
    [received] = [e.data for e in found if isinstance(e.data, RequestReceived)]
    [selected] = [e.data for e in found if isinstance(e.data, RouteSelected)]
    assert received.started_us == NOW_US
    return [str(received.key_id), selected.route]


def test_only_members_that_exist_are_shared() -> None:
    from llmrouter.store import heads

    for kind, shared in heads._SHARED.items():
        assert shared <= set(field_names(EVENT_TYPES[kind])), kind
