"""Reads a window's requests in order, with their bodies, each at the moment of its decision."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from heapq import nsmallest
from typing import Final

from llmrouter.core.records import Record
from llmrouter.core.replay import LoggedRequest, ReplayWindow
from llmrouter.replay.ports import Log
from llmrouter.replay.world import Due, World

PAGE: Final = 1_000
BODIES: Final = 250
"""Bodies that are in memory at once: those of agents have a hundred kilobytes."""

_IDS_AT_ONCE: Final = 20_000
_MASK: Final = (1 << 64) - 1


class Read(Record):
    """A request at the moment of its decision, and its body; None when that is not kept.

    ``settled``: an interrupted replay has a result for it already; the body is not read then.
    """

    due: Due
    body: bytes | None
    settled: bool = False


async def planned(log: Log, window: ReplayWindow) -> tuple[int, Sequence[int] | None]:
    """How many requests a window holds, and which of them where it names a sample."""
    requests = await log.count(window)
    if window.limit is not None:
        requests = min(requests, window.limit)
    if window.sample is not None and window.sample < requests:
        sample = await _sample(log, window, window.sample, among=requests)
        return len(sample), sample
    return requests, None


async def read_window(
    log: Log,
    window: ReplayWindow,
    world: World,
    *,
    sample: Sequence[int] | None = None,
    settled_by: int | None = None,
    page: int = PAGE,
) -> AsyncIterator[Read]:
    """The window's requests in the order of their decisions, ``page`` read at once; with
    ``settled_by``, those that this replay has settled are marked.  The world has moved on to each
    when it is given; use it before the next one is asked for."""
    after_id, left = 0, window.limit
    while found := await _page(log, window, after_id, left, sample, page):
        if after_id == 0:
            await world.begin(found[0].row.id, found[0].row.started_us)
        after_id = found[-1].row.id
        left = None if left is None else left - len(found)
        await world.load(found)
        async for one in _due(log, world, found[-1].row.started_us, settled_by):
            yield one
    async for one in _due(log, world, None, settled_by):
        yield one


async def _page(
    log: Log,
    window: ReplayWindow,
    after_id: int,
    left: int | None,
    sample: Sequence[int] | None,
    size: int,
) -> Sequence[LoggedRequest]:
    if sample is not None:
        first = bisect_right(sample, after_id)
        ids = sample[first : first + size]
        return await log.requests(ids) if ids else ()
    if left == 0:
        return ()
    return await log.page(window, after_id=after_id, limit=min(size, left or size))


async def _due(
    log: Log, world: World, until_us: int | None, settled_by: int | None
) -> AsyncIterator[Read]:
    ids = world.waiting_ids(until_us)
    settled: frozenset[int] = frozenset()
    if settled_by is not None and ids:
        found = await log.settled(settled_by, after_id=min(ids) - 1, until_id=max(ids))
        settled = frozenset(found)
    wanted = [number for number in ids if number not in settled]
    bodies: Mapping[int, bytes] = {}
    unread = 0
    for due in world.due(until_us):
        number = due.logged.row.id
        if number in settled:
            yield Read(due, None, settled=True)
            continue
        if unread < len(wanted) and wanted[unread] == number:
            bodies = await log.bodies(wanted[unread : unread + BODIES])
            unread += BODIES
        yield Read(due, bodies.get(number))


async def _sample(log: Log, window: ReplayWindow, size: int, *, among: int) -> Sequence[int]:
    """As many of the first ``among`` requests by lot, the same for the same seed."""
    chosen: list[int] = []
    after_id = 0

    def by_lot(number: int) -> int:
        return (number ^ window.seed) * 0x9E37_79B9_7F4A_7C15 & _MASK

    left = among
    while left and (ids := await log.ids(window, after_id=after_id, limit=min(_IDS_AT_ONCE, left))):
        chosen = nsmallest(size, (*chosen, *ids), key=by_lot)
        after_id, left = ids[-1], left - len(ids)
    return sorted(chosen)
