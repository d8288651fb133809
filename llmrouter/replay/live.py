"""Replays for real: sends logged requests to the targets that a candidate would have chosen.

Whom to ask is decided as an offline replay does, as of the moment when the request came; what is
sent is sent now, by some workers, while the past is read on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from llmrouter.core.ledger import RequestRow
from llmrouter.core.records import Record, replace
from llmrouter.core.replay import LoggedRequest, ReplayResult, ReplayWindow
from llmrouter.core.routing import Target
from llmrouter.replay.again import Again, DecidesAgain
from llmrouter.replay.flags import Flag
from llmrouter.replay.live_options import LiveOptions
from llmrouter.replay.paying import PENDING, SPENT, Case, OverBudget, Payer
from llmrouter.replay.ports import Keeper, Log
from llmrouter.replay.purse import Purse
from llmrouter.replay.reading import Read, planned, read_window
from llmrouter.replay.sending import Sender
from llmrouter.replay.trying import Stages, Tables, Trial
from llmrouter.replay.world import World

PAGE: Final = 50
"""Requests that are read at once: a server answers others in between."""

BATCH: Final = 100
"""Results of requests that are not sent, kept at once."""

RowOf = Callable[[int], Awaitable[RequestRow | None]]
"""A request's row by its id; None when it has none."""

Rests = Callable[[Target], bool]
"""Whether a target cannot be asked now: it rests, or its key is not set."""


@dataclass(slots=True)
class Progress:
    """How far a live replay has come."""

    requests: int = 0
    done: int = 0
    changed: int = 0
    sent: int = 0
    lost: int = 0
    spent_nusd: int = 0
    budget_is_spent: bool = False


class LiveMeans(Record):
    """What one live replay is carried out with; ``world`` is the past, before its first request."""

    log: Log
    keeper: Keeper
    sender: Sender
    stages: Stages
    tables: Tables
    world: World
    again: DecidesAgain
    rests: Rests
    row_of: RowOf


class LiveReplay:
    """One live replay, from its first request or from where it was broken off."""

    def __init__(
        self, number: int, means: LiveMeans, *, window: ReplayWindow, options: LiveOptions
    ) -> None:
        self._number = number
        self._means = means
        self._window = window
        self._options = options
        self._purse = Purse(options.max_nusd)
        self._begun = 0
        self.progress = Progress()

    async def run(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> None:
        """Sends what is to be sent, until the window ends or the money does.

        When it is cancelled, what was announced stays so, and the next run counts it.
        """
        await self._take_up()
        self.progress.requests, sample = await planned(self._means.log, self._window)
        await self._keep([], requests=self.progress.requests)
        payer = Payer(
            self._number,
            self._means.sender,
            self._purse,
            self._announce,
            allows_unknown_prices=self._options.allows_unknown_prices,
        )
        trial = Trial(payer, self._means.stages, self._means.tables, self._options)
        queue: asyncio.Queue[Case | None] = asyncio.Queue(self._options.concurrency)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._options.concurrency):
                group.create_task(self._work(queue, trial, on_progress))
            async for case in self._cases(sample):
                await queue.put(case)
                if self._is_over():
                    break
            for _ in range(self._options.concurrency):
                await queue.put(None)
        on_progress(self.progress)

    def _is_over(self) -> bool:
        most = self._options.max_requests
        return self.progress.budget_is_spent or (most is not None and self._begun >= most)

    # What an earlier run left.

    async def _take_up(self) -> None:
        """Counts what was spent before; what was announced and has no outcome is lost."""
        after_id, spent_nusd = 0, 0
        while results := await self._means.log.results(self._number, after_id=after_id):
            for result in results:
                found = await self._close(result) if _pending(result) else result
                spent_nusd += _spent(found)
                self._note(found)
            after_id = results[-1].request_id
        self._purse = Purse(self._options.max_nusd, spent_nusd)
        self._begun = self.progress.sent
        self.progress.spent_nusd = spent_nusd

    async def _close(self, result: ReplayResult) -> ReplayResult:
        """The end of a request whose answer was lost with the process that sent it."""
        data = dict(result.data or {})
        pending = data.pop(PENDING)
        row = await self._means.row_of(pending["request"])
        known = None if row is None or row.ending == "abandoned" else row.cost_nusd
        data[SPENT] = data.get(SPENT, 0) + (pending["reserved_nusd"] if known is None else known)
        lost = replace(result, flags=("lost",), data=data)
        await self._keep([lost])
        return lost

    def _note(self, result: ReplayResult) -> None:
        self.progress.done += 1
        self.progress.changed += result.changed
        self.progress.lost += "lost" in result.flags
        self.progress.sent += result.new_request_id is not None

    # What is to be sent.

    async def _cases(self, sample: Sequence[int] | None) -> AsyncIterator[Case]:
        """The requests that are to be sent; the others are settled on the way."""
        means = self._means
        settled: list[ReplayResult] = []
        async for read in read_window(
            means.log, self._window, means.world, sample=sample, settled_by=self._number, page=PAGE
        ):
            again = await means.again.decide(read)
            if again is None:
                continue
            found = self._begin(read, again)
            if isinstance(found, Case):
                yield found
            else:
                settled.append(found)
            if len(settled) >= BATCH:
                await self._settle(settled)
                settled = []
        await self._settle(settled)

    def _begin(self, read: Read, again: Again) -> Case | ReplayResult:
        """A request that is to be sent; or its result, when it is not."""
        draft = _draft(self._number, read.due.logged)
        repeated = again.repeated
        if repeated is None or again.body is None:
            return _flagged(draft, again.undecided or "no_body")
        target = None if repeated.decision is None else next(iter(repeated.decision.usable), None)
        draft = replace(
            draft,
            changed=(None if target is None else target.name) != draft.old_target,
            new_category=repeated.decided.category,
            new_target=None if target is None else target.name,
            flags=repeated.flags,
        )
        if target is None or self._means.rests(target):
            return _flagged(draft, "no_target")
        if not draft.changed and not self._options.sends_unchanged:
            return _flagged(draft, "unchanged")
        return Case(read.due.logged, again.body, repeated, draft)

    async def _work(
        self,
        queue: asyncio.Queue[Case | None],
        trial: Trial,
        on_progress: Callable[[Progress], None],
    ) -> None:
        while (case := await queue.get()) is not None:
            if self._is_over():
                continue
            self._begun += 1
            result = await self._tried(case, trial)
            if result is not None:
                await self._settle([result])
            self.progress.spent_nusd = self._purse.spent_nusd
            on_progress(self.progress)

    async def _tried(self, case: Case, trial: Trial) -> ReplayResult | None:
        """The request's result; None when there was no money to ask anybody."""
        try:
            sent = await trial.new_answer(case)
        except OverBudget:
            self.progress.budget_is_spent = True
            self._begun -= 1
            return None
        if sent is None:
            self._begun -= 1
            return case.draft
        try:
            return await trial.compared(case, sent)
        except OverBudget:
            self.progress.budget_is_spent = True
            return replace(case.draft, data=case.data)

    # What is kept.

    async def _settle(self, results: Sequence[ReplayResult]) -> None:
        for result in results:
            self._note(result)
        await self._keep(results)

    async def _announce(self, result: ReplayResult) -> None:
        await self._keep([result])

    async def _keep(self, results: Sequence[ReplayResult], requests: int | None = None) -> None:
        await self._means.keeper.keep(
            self._number,
            results,
            done=self.progress.done,
            changed=self.progress.changed,
            requests=requests,
        )


def _draft(number: int, logged: LoggedRequest) -> ReplayResult:
    """The result of a request of which only the old side is known."""
    row, served_by = logged.row, logged.served_by
    return ReplayResult(
        replay_id=number,
        request_id=row.id,
        changed=False,
        old_category=row.category,
        old_target=None if served_by is None else served_by.name,
        old_cost_nusd=row.cost_nusd,
        old_duration_us=row.duration_us,
        old_first_token_us=row.first_token_us,
        old_input_tokens=row.input_tokens,
        old_output_tokens=row.output_tokens,
        old_success=row.ending == "completed",
    )


def _flagged(result: ReplayResult, flag: Flag) -> ReplayResult:
    return replace(result, flags=(*result.flags, flag))


def _pending(result: ReplayResult) -> bool:
    return result.data is not None and PENDING in result.data


def _spent(result: ReplayResult) -> int:
    found: int = (result.data or {}).get(SPENT, 0)
    return found
