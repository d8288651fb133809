"""A real process that replays is killed; gone on with, it comes to the same.  On both databases."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmrouter.core.clock import FakeClock
from llmrouter.core.errors import Conflict
from llmrouter.core.replay import ReplayAsked, ReplayRow, ReplayWindow
from llmrouter.replay.desk import resumable
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.opening import Store, StoreSettings, open_store
from llmrouter.store.retention import BodyLimits
from tests.replay.ledgers import NEW, OLD, fill
from tests.replay.test_offline import TO_NEW, replay, replays_of, results, strip
from tests.store.samples import NOW_US

DAY_US = 86_400_000_000


async def test_a_process_that_was_killed_is_gone_on_with_and_comes_to_the_same(
    database: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmrouter.replay.offline.BATCH", 20)
    async with open_store(StoreSettings(database, tmp_path), FakeClock()) as store:
        await fill(store, 200, models=[("lab/old", OLD), ("lab/new", NEW)])
        whole = await replay(store, TO_NEW)
        order = ReplayAsked(ReplayWindow(), changes=(TO_NEW,))
        row = await replays_of(store).begin(order, store.replays)
    await killed_in_the_midst(database, tmp_path, row.id)
    async with open_store(StoreSettings(database, tmp_path), FakeClock()) as store:
        half = await store.reader.replays.get(row.id)
        assert half is not None
        assert half.state == "running"
        assert 60 <= half.done < 200
        assert len(await results(store, row.id)) == half.done
        report = await replays_of(store).run(half, store.replays)
        assert {**report, "options": None} == {**(whole.report or {}), "options": None}
        assert strip(await results(store, row.id)) == strip(await results(store, whole.id))


async def killed_in_the_midst(database: DatabaseAddress, folder: Path, number: int) -> None:
    """Has a process carry the replay out, and kills it after some batches."""
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.replay.offline_process", url, str(folder), str(number)]
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(90):
        for _ in range(3):
            assert await process.stdout.readline()
        process.kill()
        await process.wait()


async def test_bodies_past_their_retention_are_coverage(
    sqlite_database: DatabaseAddress, tmp_path: Path
) -> None:
    clock = FakeClock()
    settings = StoreSettings(sqlite_database, tmp_path, body_limits=BodyLimits(days=1))
    async with open_store(settings, clock) as store:
        await fill(store, 10, models=[("lab/old", OLD)])
        clock.set_wall(NOW_US + DAY_US + 6_000_000)
        assert (await store.purge_bodies()).bodies == 6
        report = await coverage(store)
    assert report == {"decided": 4, "undecided": 6, "no_body": 6}


async def coverage(store: Store) -> dict[str, int]:
    """What a replay of the unchanged configuration rests on."""
    report = (await replay(store, version=1)).report
    assert report is not None
    return dict(report["coverage"])


def test_who_holds_the_ledger_alone_goes_on_at_once_and_others_are_told_when() -> None:
    row = ReplayRow(3, "offline", "running", NOW_US, NOW_US, "as it is")
    assert resumable(row, 3, NOW_US + 1_000_000, alone=True) is row
    assert resumable(row, 3, NOW_US + 61_000_000) is row
    with pytest.raises(Conflict, match="try again in 41 s"):
        resumable(row, 3, NOW_US + 20_000_000)
