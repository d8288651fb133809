"""Which requests of a window a live replay sends: all, the first so many, or some by lot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from heapq import nsmallest
from typing import Final

from llmrouter.core.replay import ReplayWindow
from llmrouter.replay.ports import Log

PAGE: Final = 100
_IDS_AT_ONCE: Final = 20_000
_MASK: Final = (1 << 64) - 1


async def chosen_ids(log: Log, window: ReplayWindow) -> AsyncIterator[Sequence[int]]:
    """The ids, oldest first, a page at a time; the same ones whenever it is asked."""
    if window.sample is not None:
        ids = await _sample(log, window, window.sample)
        for start in range(0, len(ids), PAGE):
            yield ids[start : start + PAGE]
        return
    after_id, left = 0, window.limit
    while left is None or left > 0:
        page = await log.ids(window, after_id=after_id, limit=min(PAGE, left or PAGE))
        if not page:
            return
        yield page
        after_id = page[-1]
        left = None if left is None else left - len(page)


async def chosen_count(log: Log, window: ReplayWindow) -> int:
    """How many there are."""
    requests = await log.count(window)
    bounds = [bound for bound in (window.sample, window.limit) if bound is not None]
    return min(requests, *bounds[:1]) if bounds else requests


async def _sample(log: Log, window: ReplayWindow, size: int) -> Sequence[int]:
    """As many requests by lot, the same for the same seed."""
    chosen: list[int] = []
    after_id = 0

    def by_lot(number: int) -> int:
        return (number ^ window.seed) * 0x9E37_79B9_7F4A_7C15 & _MASK  # Fibonacci hashing

    while ids := await log.ids(window, after_id=after_id, limit=_IDS_AT_ONCE):
        chosen = nsmallest(size, (*chosen, *ids), key=by_lot)
        after_id = ids[-1]
    return sorted(chosen)
