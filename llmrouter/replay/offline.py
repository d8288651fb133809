"""An offline replay: a window's requests through a candidate, kept as it goes on.

It calls nobody.  Interrupted at any moment it can be gone on with: what is settled is kept, and
the past is read again from the window's beginning, which is quick without bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llmrouter.core.errors import NotFound
from llmrouter.core.replay import ReplayResult, ReplayRow
from llmrouter.pipeline.ports import Keyring
from llmrouter.replay.again import Again, DecidesAgain
from llmrouter.replay.candidate import Candidate
from llmrouter.replay.history import read_history
from llmrouter.replay.options import ReplayOptions
from llmrouter.replay.ports import Log, ResultKeeper
from llmrouter.replay.projecting import Projector
from llmrouter.replay.reading import Read, planned, read_window
from llmrouter.replay.reporting import Totals
from llmrouter.replay.versions import RanWith
from llmrouter.replay.world import World

BATCH: Final = 500
"""Results that are kept at once; what a SIGKILL costs."""

Progress = Callable[[int, int], None]
"""Told how many of how many requests are settled."""


@dataclass(slots=True)
class _Kept:
    """How far the replay has come."""

    requests: int
    done: int = 0
    changed: int = 0


class OfflineReplay:
    """One replay of a window through a candidate."""

    def __init__(
        self,
        log: Log,
        keeper: ResultKeeper,
        ran_with: RanWith,
        today: Keyring,
        *,
        candidate: Candidate,
        options: ReplayOptions,
        progress: Progress = lambda done, of: None,
    ) -> None:
        self._log = log
        self._keeper = keeper
        self._ran_with = ran_with
        self._today = today
        self._candidate = candidate
        self._options = options
        self._progress = progress

    async def run(self, row: ReplayRow) -> dict[str, Any]:
        """Goes on to the end, and gives the report.

        Raises `NotFound` for a window without requests.
        """
        log, options = self._log, self._options
        requests, sample = await planned(log, options.window)
        if not requests:
            raise NotFound(
                "there are no requests in this window; `llmrouter requests` lists what there is",
                code="empty_window",
            )
        history = await read_history(log, options.window)
        projector = Projector(
            row.id,
            self._candidate.table,
            history,
            prices_at_us=row.created_us if options.prices == "today" else None,
        )
        totals = Totals(history, options.window.seed)
        kept = _Kept(requests)
        await self._take_up(row, totals, kept)
        await self._keeper.keep(row.id, (), done=kept.done, changed=kept.changed, requests=requests)
        await self._settle(row, projector, totals, kept, sample)
        report = self._report(totals)
        await self._keeper.end(row.id, "finished", report)
        return report

    async def _take_up(self, row: ReplayRow, totals: Totals, kept: _Kept) -> None:
        """Takes in what is settled already."""
        after_id = 0
        while page := await self._log.results(row.id, after_id=after_id, limit=BATCH):
            for result in page:
                totals.add(result)
                kept.done += 1
                kept.changed += result.changed
            after_id = page[-1].request_id

    async def _settle(
        self,
        row: ReplayRow,
        projector: Projector,
        totals: Totals,
        kept: _Kept,
        sample: Sequence[int] | None,
    ) -> None:
        window = self._options.window
        ignored = self._options.breakers == "ignore"
        world = World(self._log, self._today, ignore_breakers=ignored)
        again = DecidesAgain(world, self._log, self._ran_with, self._candidate.table)
        resumed = row.id if kept.done else None
        batch: list[ReplayResult] = []
        async for read in read_window(self._log, window, world, sample=sample, settled_by=resumed):
            found = await again.decide(read)
            if found is None:
                continue
            result = _result(read, found, projector)
            totals.add(result)
            batch.append(result)
            kept.done += 1
            kept.changed += result.changed
            if len(batch) >= BATCH:
                await self._keep(row, batch, kept)
                batch = []
        await self._keep(row, batch, kept)

    async def _keep(self, row: ReplayRow, batch: list[ReplayResult], kept: _Kept) -> None:
        await self._keeper.keep(row.id, batch, done=kept.done, changed=kept.changed)
        self._progress(kept.done, kept.requests)

    def _report(self, totals: Totals) -> dict[str, Any]:
        return {
            "candidate": self._candidate.label,
            "base_version": self._candidate.base_version,
            "options": self._options.document(),
            **totals.document(),
        }


def _result(read: Read, found: Again, projector: Projector) -> ReplayResult:
    logged = read.due.logged
    if found.before is None or found.repeated is None:
        return projector.undecided(logged, found.undecided or "not_routed")
    return projector.project(logged, found.before, found.repeated)
