"""What `replay --live` does: on a ledger that nobody holds, or through the server that does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import click

from llmrouter.cli.replaying import holds_alone, kept, order_document, somewhere
from llmrouter.core.clock import SystemClock
from llmrouter.core.records import as_mapping
from llmrouter.core.replay import LiveAsked, ReplayAsked, ReplayRow
from llmrouter.pipeline.estimator import Estimator
from llmrouter.replay.asking import Replays
from llmrouter.replay.desk import resumable_live
from llmrouter.replay.live import Progress as LiveProgress
from llmrouter.replay.live_asking import LiveReplays
from llmrouter.replay.live_options import LiveOrder, options_of, read_order
from llmrouter.replay.offline import Progress
from llmrouter.settings import read_settings
from llmrouter.store.opening import Store
from llmrouter.upstream.client import HttpUpstream


async def sent(asked: ReplayAsked, wanted: LiveAsked, progress: Progress) -> ReplayRow:
    """Begins a live replay and runs it to its end, or to that of its money."""
    options = options_of(wanted)

    async def here(replays: Replays, store: Store) -> ReplayRow:
        async with sending(replays, store) as live:
            row = await live.begin(asked, options)
            return await carried_out(live, row, LiveOrder(asked.window, options), progress)

    def order() -> Mapping[str, Any]:
        return {"live": True, **_members(wanted), **order_document(asked)}

    return await somewhere(here, "/replays", order, progress)


async def sent_on(number: int, wanted: LiveAsked, progress: Progress) -> ReplayRow:
    """Goes on with a live replay."""
    options = options_of(wanted)

    async def here(replays: Replays, store: Store) -> ReplayRow:
        now_us = SystemClock().now_us()
        row = resumable_live(await replays.log.get(number), number, now_us, alone=holds_alone())
        order = read_order(row.options).going_on(options)
        await store.replays.end(number, "running")
        async with sending(replays, store) as live:
            return await carried_out(live, row, order, progress)

    def order() -> Mapping[str, Any]:
        members = _members(wanted)
        return {n: members[n] for n in ("max_usd", "max_requests", "concurrency") if n in members}

    return await somewhere(here, f"/replays/{number}/resume", order, progress)


@asynccontextmanager
async def sending(replays: Replays, store: Store) -> AsyncIterator[LiveReplays]:
    """What live replays are made with, on an open ledger."""
    clock = SystemClock()
    upstream = HttpUpstream(client=read_settings().http_client, clock=clock)
    try:
        estimator = Estimator(await store.token_ratios.load())
        yield LiveReplays(replays, store, upstream, estimator, clock)
    finally:
        await upstream.aclose()


async def carried_out(
    live: LiveReplays, row: ReplayRow, order: LiveOrder, progress: Progress
) -> ReplayRow:
    """Runs a live replay; one that does not come to its end can be taken up again."""

    def on_progress(found: LiveProgress) -> None:
        progress(found.done, found.requests)

    try:
        await live.run(row, order, on_progress)
    except BaseException:
        # Ctrl-C is among them; it goes on once this is written.
        await live.keeper.end(row.id, "interrupted")
        resume = f"llmrouter replay --live --resume {row.id} --max-usd \N{HORIZONTAL ELLIPSIS}"
        click.echo(f"interrupted; go on with: {resume}", err=True)
        raise
    return await kept(live.replays, row.id)


def _members(wanted: LiveAsked) -> dict[str, Any]:
    return {name: value for name, value in as_mapping(wanted).items() if value is not None}
