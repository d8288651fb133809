"""Replays as the ledger keeps them, and what they read of it, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from llmrouter.core.ids import id_floor
from llmrouter.core.replay import ReplayResult, ReplayWindow
from llmrouter.core.routing import Target
from llmrouter.store.opening import Store
from tests.store.samples import BODY, NOW_US, answered, rejected

MINUTE_US = 60_000_000


def number(place: int) -> int:
    """The id of a request that came so many minutes after the clock's beginning."""
    return id_floor(NOW_US + place * MINUTE_US)


async def fill(store: Store, requests: int, **how: Any) -> list[int]:
    for place in range(requests):
        started_us = NOW_US + place * MINUTE_US
        await store.ledger.close(answered(number(place), started_us=started_us, **how))
    return [number(place) for place in range(requests)]


async def test_a_replay_is_kept_as_it_goes_on(store: Store) -> None:
    options: Mapping[str, Any] = {"window": {"since_us": 1}}
    candidate = {"z": 1, "a": {"b": None}}
    made = await store.replays.begin(
        "offline", label="a label", candidate=candidate, base_version=3, options=options
    )
    again = await store.replays.begin(
        "live", label="", candidate=None, base_version=None, options={}
    )
    assert (made.id, again.id) == (1, 2)
    first = ReplayResult(1, 50, True, "code", "tools", "a/b", "c/d", 1, 2, flags=("no_price",))
    second = ReplayResult(1, 60, False, new_success=0.25, old_success=True, data={"x": [1]})
    await store.replays.keep(1, [second, first], done=2, changed=1, requests=5)
    settled = ReplayResult(1, 50, False)
    await store.replays.keep(1, [settled], done=2, changed=0)

    reader = store.reader.replays
    assert await reader.results(1) == (settled, second)
    assert await reader.results(1, after_id=50) == (second,)
    assert await reader.results(1, changed_only=True) == ()
    assert list(await reader.settled(1, after_id=50, until_id=60)) == [60]
    running = await reader.get(1)
    assert running is not None
    assert (running.state, running.requests, running.done) == ("running", 5, 2)
    assert list(running.candidate or ()) == ["z", "a"]
    await store.replays.end(1, "finished", {"cost": 1})
    finished = await reader.get(1)
    assert finished is not None
    assert (finished.state, finished.report) == ("finished", {"cost": 1})
    assert finished.finished_us is not None
    assert [replay.id for replay in await reader.list()] == [2, 1]
    assert [replay.id for replay in await reader.list(before=2)] == [1]


async def test_a_window_is_read_page_by_page_in_order(store: Store) -> None:
    ids = await fill(store, 5, body=BODY, key_id="k1")
    await store.ledger.close(
        answered(number(7), started_us=NOW_US + 7 * MINUTE_US, category="code", purpose="replay")
    )
    await store.ledger.close(rejected(number(8), started_us=NOW_US + 8 * MINUTE_US))
    reader, window = store.reader.replays, ReplayWindow(since_us=NOW_US + MINUTE_US)
    assert await reader.count(window) == 5
    first = await reader.page(window, after_id=0, limit=2)
    rest = await reader.page(window, after_id=first[-1].row.id, limit=10)
    assert [logged.row.id for logged in (*first, *rest)] == [*ids[1:], number(8)]
    one = first[0]
    assert [attempt.outcome for attempt in one.attempts] == ["failed", "succeeded"]
    assert one.served_by == Target("harbour", "beacon-1")
    assert one.selected_us == NOW_US + MINUTE_US + 350
    assert one.told["route.selected"]["route"] == "conversation"
    assert rest[-1].selected_us is None
    bodies = await reader.bodies([*ids, number(8)])
    assert {key: orjson.loads(body) for key, body in bodies.items()} == dict.fromkeys(ids, BODY)
    for narrow, expected in (
        (ReplayWindow(until_us=NOW_US + MINUTE_US), 1),
        (ReplayWindow(key_id="k1"), 5),
        (ReplayWindow(key_id="k2"), 0),
        (ReplayWindow(model="harbour/beacon-1"), 5),
        (ReplayWindow(model="beacon-1"), 5),
        (ReplayWindow(model="harbour/fog-2"), 0),
        (ReplayWindow(category="code"), 0),
    ):
        assert await reader.count(narrow) == expected, narrow


async def test_what_was_known_then_is_read_from_the_log(store: Store) -> None:
    ids = await fill(store, 4, conversation_id="text:a")
    reader = store.reader.replays
    last = await reader.last_turns(["text:a", "text:b"], until_id=ids[3])
    assert [turn.request_id for turn in last] == ids[1:]
    assert last[0].target == Target("harbour", "beacon-1")
    assert last[0].finished_us == NOW_US + MINUTE_US + 250_000
    between = await reader.turns(["text:a"], after_id=ids[0], until_id=ids[1])
    assert [turn.request_id for turn in between] == [ids[1]]
    tried = await reader.attempts([Target("harbour", "fog-2")], after_id=ids[0], until_id=ids[2])
    assert [(one.request_id, one.ended_us) for one in tried] == [
        (ids[1], NOW_US + MINUTE_US + 8_400),
        (ids[2], NOW_US + 2 * MINUTE_US + 8_400),
    ]
    answers = await reader.answers(after_id=0, until_id=ids[3], limit=2)
    assert [(one.request_id, one.ok) for one in answers] == [
        (ids[0], False),
        (ids[0], True),
        (ids[1], False),
        (ids[1], True),
    ]
    assert {one.body_bytes for one in answers} == {140}
