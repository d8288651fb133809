"""A replay through a candidate: what the ledger's own history says is recovered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import ConfigurationInvalid, NotFound
from llmrouter.core.replay import ReplayAsked, ReplayResult, ReplayRow, ReplayWindow
from llmrouter.documents import read_configuration
from llmrouter.replay.asking import Replays
from llmrouter.settings import Keyring, read_settings
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from tests.replay.ledgers import NEW, OLD, fill

TO_NEW = 'categories.code.models=["lab/new"]'


@pytest.fixture
async def store(sqlite_database: DatabaseAddress, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(StoreSettings(sqlite_database, tmp_path), FakeClock()) as opened:
        yield opened


def replays_of(store: Store) -> Replays:
    read = partial(read_configuration, settings=read_settings(env_file=None), keyring=Keyring({}))
    return Replays(
        store.reader.replays, store.reader.versions, store.reader.prices, read, Keyring({})
    )


async def replay(store: Store, *changes: str, **asked: Any) -> ReplayRow:
    replays = replays_of(store)
    order = ReplayAsked(asked.pop("window", ReplayWindow()), changes=changes, **asked)
    row = await replays.begin(order, store.replays)
    await replays.run(row, store.replays)
    found = await store.reader.replays.get(row.id)
    assert found is not None
    return found


def contains(figure: Any, value: float, *, within: float = 0.1) -> bool:
    """The interval holds the value, and says something: it is not wider than a share of it."""
    narrow = figure["high"] - figure["low"] <= 2 * within * abs(value)
    return bool(figure["low"] <= value <= figure["high"]) and narrow


async def test_a_known_token_ratio_and_latency_shift_are_recovered_within_their_intervals(
    store: Store,
) -> None:
    await fill(store, 900, models=[("lab/old", OLD), ("lab/old", OLD), ("lab/new", NEW)])
    row = await replay(store, TO_NEW)
    report = row.report
    assert report is not None
    assert (report["requests"], report["decided"], report["changed"]) == (900, 900, 600)
    projection = report["projections"][0]
    assert projection["requests"] == 600
    assert contains(projection["output_ratio"], 300 / 200)
    assert contains(projection["input_ratio"], 0.20 / 0.25)
    assert projection["output_ratio"]["n"] == 300
    # Two thirds move; input 100 tokens at $1 becomes 80 at $3, output 200 at $2 becomes 300 at $5.
    old = (600 * (100 * 1 + 200 * 2) + 300 * (80 * 3 + 300 * 5)) / 1e6
    new = 900 * (80 * 3 + 300 * 5) / 1e6
    cost, latency = report["cost_usd"], report["latency_ms"]
    assert contains(cost["old"], old)
    assert contains(cost["new"], new)
    assert contains(cost["difference"], new - old)
    assert contains(latency["old"], (2 * 400.5 + 700.5) / 3)
    assert contains(latency["new"], 700.5)
    assert contains(latency["difference"], 200)
    assert report["success"]["new"]["value"] == 1
    assert report["coverage"]["token_ratio"] == 600
    moved = report["flow"][0]
    assert (moved["old_target"], moved["new_target"], moved["requests"]) == (
        "lab/old",
        "lab/new",
        600,
    )


async def test_a_model_without_history_keeps_the_tokens_and_says_so(store: Store) -> None:
    await fill(store, 30, models=[("lab/old", OLD)])
    report = (await replay(store, TO_NEW)).report
    assert report is not None
    assert report["coverage"] == {
        "decided": 30,
        "undecided": 0,
        "no_history": 30,
        "same_tokens": 30,
    }
    assert report["latency_ms"]["compared"] == 0
    assert report["success"]["compared"] == 0
    assert report["latency_ms"]["new"] is None
    assert report["cost_usd"]["compared"] == 30
    unpriced = (await replay(store, 'categories.code.models=["lab/unheard-of"]')).report
    assert unpriced is not None
    assert unpriced["coverage"]["no_price"] == 30
    assert unpriced["cost_usd"]["old"] is unpriced["cost_usd"]["new"] is None
    assert unpriced["unheard_of"] == {"lab/unheard-of": None}
    assert report["unheard_of"] == {}
    misspelt = (await replay(store, 'categories.code.models=["lab/olde"]')).report
    assert misspelt is not None
    assert misspelt["unheard_of"] == {"lab/olde": "lab/old"}
    assert unpriced["cost_usd"]["compared"] == 0


async def test_the_unchanged_configuration_changes_nothing(store: Store) -> None:
    await fill(store, 40, models=[("lab/old", OLD)])
    report = (await replay(store, version=1)).report
    assert report is not None
    assert report["changed"] == 0
    assert report["cost_usd"]["difference"]["value"] == 0
    assert report["most_changed"] == []


class Killed(BaseException):
    """What ends a process in the midst of it."""


class Mortal:
    """Keeps results until it dies."""

    def __init__(self, store: Store, batches: int) -> None:
        self._keeper = store.replays
        self._left = batches

    async def keep(self, *arguments: Any, **named: Any) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1
        await self._keeper.keep(*arguments, **named)

    async def end(self, *arguments: Any) -> None:
        await self._keeper.end(*arguments)


async def test_a_replay_that_was_cut_off_goes_on_where_it_was_and_comes_to_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmrouter.replay.offline.BATCH", 50)
    await fill(store, 400, models=[("lab/old", OLD), ("lab/new", NEW)])
    whole = await replay(store, TO_NEW)
    replays = replays_of(store)
    row = await replays.begin(ReplayAsked(ReplayWindow(), changes=(TO_NEW,)), store.replays)
    with pytest.raises(Killed):
        await replays.run(row, Mortal(store, 4))
    half = await store.reader.replays.get(row.id)
    assert half is not None
    assert (half.done, half.state) == (150, "running")
    report = await replays.run(row, store.replays)
    assert {**report, "options": None} == {**(whole.report or {}), "options": None}
    assert strip(await results(store, row.id)) == strip(await results(store, whole.id))


async def results(store: Store, number: int) -> tuple[ReplayResult, ...]:
    return await store.reader.replays.results(number, limit=10_000)


def strip(found: tuple[ReplayResult, ...]) -> list[Any]:
    return [(one.request_id, one.new_target, one.new_cost_nusd, one.flags) for one in found]


async def test_a_window_takes_what_it_says(store: Store) -> None:
    await fill(store, 60, models=[("lab/old", OLD)])
    limited = await replay(store, TO_NEW, window=ReplayWindow(limit=7))
    assert (limited.requests, limited.done) == (7, 7)
    sampled = [
        await replay(store, TO_NEW, window=ReplayWindow(sample=9, seed=seed)) for seed in (1, 1, 2)
    ]
    ids = [[one.request_id for one in await results(store, row.id)] for row in sampled]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 9
    both = await replay(store, TO_NEW, window=ReplayWindow(limit=20, sample=9))
    first = [one.request_id for one in await results(store, limited.id)]
    of_both = [one.request_id for one in await results(store, both.id)]
    assert len(of_both) == 9
    assert max(of_both) < max(ids[0])
    assert set(of_both) & set(first)
    with pytest.raises(NotFound, match="no requests in this window"):
        await replay(store, TO_NEW, window=ReplayWindow(category="poetry"))
    with pytest.raises(NotFound, match="version 9"):
        await replay(store, version=9)
    with pytest.raises(ConfigurationInvalid):
        await replay(store, 'categories.code.models=["nobody"]')
