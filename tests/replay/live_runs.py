"""Live replays of a test's ledger, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmrouter.bootstrap.ledger import store_settings
from llmrouter.core.clock import SystemClock
from llmrouter.core.replay import ReplayAsked
from llmrouter.documents import read_configuration
from llmrouter.pipeline.estimator import Estimator
from llmrouter.replay.asking import Replays
from llmrouter.replay.live import Progress
from llmrouter.replay.live_asking import LiveReplays
from llmrouter.replay.live_options import LiveOrder, read_order
from llmrouter.settings import Keyring, Settings
from llmrouter.store.opening import open_store
from llmrouter.upstream.client import HttpUpstream
from tests.running import KEYS


@dataclass(frozen=True, slots=True)
class LiveEnd:
    """How a live replay stands: its number, how far it came, and what came out."""

    number: int
    progress: Progress
    report: Mapping[str, Any]


@asynccontextmanager
async def live_replays(settings: Settings) -> AsyncIterator[LiveReplays]:
    """What live replays of this ledger are made with."""
    clock, keyring = SystemClock(), Keyring(KEYS)
    read = partial(read_configuration, settings=settings, keyring=keyring)
    async with open_store(store_settings(settings), clock) as store:
        upstream = HttpUpstream(client=settings.http_client, clock=clock)
        reader = store.reader
        replays = Replays(reader.replays, reader.versions, reader.prices, read, keyring)
        estimator = Estimator(await store.token_ratios.load())
        try:
            yield LiveReplays(replays, store, upstream, estimator, clock)
        finally:
            await upstream.aclose()


async def replay_live(
    settings: Settings,
    document: Mapping[str, Any],
    order: LiveOrder,
    *,
    resumed: int | None = None,
) -> LiveEnd:
    """Runs one to its end; or goes on with one, with the order's money."""
    seen = [Progress()]
    async with live_replays(settings) as live:
        if resumed is None:
            asked = ReplayAsked(order.window, document=document, document_label="test")
            row = await live.begin(asked, order.options)
        else:
            found = await live.replays.log.get(resumed)
            assert found is not None
            row, order = found, read_order(found.options).going_on(order.options)
        report = await live.run(row, order, seen.append)
        return LiveEnd(row.id, seen[-1], report)
