"""How fast replays are, and how much memory they take: requests per second of CPU on one core.

    python -m benchmarks.replay            # 20,000 requests
    python -m benchmarks.replay 1000000    # a million; making the ledger takes the longest

Of a large ledger the memory is told at every 100,000 requests, too.

The ledger is made in a temporary folder: prompts of a few kinds and lengths, each answered by one
of two models.  Time is CPU time, so that a busy machine does not count.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.replay_ledger import fill
from llmrouter.core.clock import SystemClock
from llmrouter.core.replay import ReplayAsked, ReplayWindow
from llmrouter.documents import read_configuration
from llmrouter.replay.asking import Replays
from llmrouter.replay.checking import check
from llmrouter.replay.versions import RanWith
from llmrouter.settings import Keyring, read_settings
from llmrouter.store.engine import read_address
from llmrouter.store.opening import Store, StoreSettings, open_store

REQUESTS = 20_000
TOLD_EVERY = 100_000
TO_NEW = 'categories.code.models=["lab/new"]'


@dataclass(frozen=True, slots=True)
class Speed:
    """What one kind of replay did, and the most memory that this process has had."""

    what: str
    per_cpu_s: float
    peak_mb: float


async def speeds(requests: int) -> AsyncIterator[Speed]:
    """Every kind of replay, over a ledger of so many requests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = StoreSettings(read_address(None, folder), folder)
        async with open_store(settings, SystemClock()) as store:
            await fill(store, requests)
            for what, asked in (
                ("another mapping", ReplayAsked(ReplayWindow(), changes=(TO_NEW,))),
                ("keywords", ReplayAsked(ReplayWindow(), mode="keywords", changes=(NOT_ALIKE,))),
                ("local", ReplayAsked(ReplayWindow(), mode="local")),
            ):
                yield await _speed(what, requests, replay(store, asked))
            yield await _speed("--check", requests, checked(store))


NOT_ALIKE = 'categories.code.keywords=["python","function"]'
"""So that every text is classified anew."""


async def _speed(what: str, requests: int, work: Awaitable[None]) -> Speed:
    begun_s = time.process_time()
    await work
    spent_s = time.process_time() - begun_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Speed(what, requests / spent_s, peak_mb)


async def replay(store: Store, asked: ReplayAsked) -> None:
    replays = replays_of(store)
    row = await replays.begin(asked, store.replays)
    await replays.run(row, store.replays, tell_memory)


def tell_memory(done: int, of: int) -> None:
    """Says at every 100,000 requests how much memory this process has: it should not grow."""
    if done % TOLD_EVERY == 0:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(f"{done:>9,} of {of:,}  {pages * resource.getpagesize() / 2**20:6.0f} MB")


async def checked(store: Store) -> None:
    made_with = replays_of(store)
    ran_with = RanWith(made_with.versions, made_with.read, await made_with.prices.book())
    found = await check(made_with.log, ReplayWindow(), ran_with, made_with.today)
    assert found.holds, found.differences


def replays_of(store: Store) -> Replays:
    settings, keyring = read_settings(env_file=None), Keyring({})
    read = partial(read_configuration, settings=settings, keyring=keyring)
    reader = store.reader
    return Replays(reader.replays, reader.versions, reader.prices, read, keyring)


async def main(requests: int) -> None:
    async for speed in speeds(requests):
        print(
            f"{speed.what:16} {speed.per_cpu_s:8,.0f} requests/s  {speed.peak_mb:6.0f} MB at most"
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS))
