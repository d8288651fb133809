"""Replays for real: sends logged requests to the targets that a candidate would choose.

Whatever may cost money is announced before it is sent: the result's row says which request is
about to be made and what was set aside for it, and is committed first.  So a replay that was
killed knows what it may have paid for; it counts that as spent and does not send it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast

import orjson

from llmrouter.core.events import RequestReceived
from llmrouter.core.ledger import RequestRow
from llmrouter.core.replay import LoggedRequest, ReplayResult, ReplayWindow
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName, Target
from llmrouter.dialects.limits import with_output_limit
from llmrouter.pipeline.exchange import Exchange
from llmrouter.pipeline.runner import Stage
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.answers import Answer, Checks, check, prompt_of, read_answer
from llmrouter.replay.chosen import chosen_count, chosen_ids
from llmrouter.replay.flags import Flag
from llmrouter.replay.judging import Choice, question, read_choice, settle
from llmrouter.replay.ports import Keeper, Log
from llmrouter.replay.purse import Purse, most_it_costs
from llmrouter.replay.sending import Gate, Letter, Sender, Sent

Baseline = Literal["logged", "ask"]
"""What answers are compared with: what the ledger says of the old ones, or new ones of the old
target, asked beside the new target's."""

MEDIA_TOKENS: Final = 20_000
"""A picture or a file that the provider fetches counts as so many."""

HIDDEN_TOKENS: Final = 1_000
"""What a provider may add of its own: a chat template, instructions for tools."""

SEARCHES: Final = 50
"""Where a request lets the provider search the web, as many searches."""

PENDING: Final = "pending"
SPENT: Final = "spent_nusd"


RowOf = Callable[[int], Awaitable[RequestRow | None]]
"""A request's row by its id; None when it has none."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How a live replay goes.

    ``max_requests`` counts requests that are sent.  Without ``sends_unchanged`` only those whose
    target changes are.  ``max_output_tokens`` is written into requests that set no limit, without
    which no budget could hold.  ``judge`` is ``provider/model``.  A model without a known price
    is asked only with ``allows_unknown_prices``, and counts as free.
    """

    max_nusd: int
    max_requests: int | None = None
    concurrency: int = 4
    baseline: Baseline = "logged"
    judge: str | None = None
    max_output_tokens: int = 8192
    sends_unchanged: bool = False
    allows_unknown_prices: bool = False


@dataclass(frozen=True, slots=True)
class Stages:
    """The call stage for answers, and the one that books its attempts as a judge's."""

    answer: Stage
    judge: Stage


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


@dataclass(slots=True)
class _Case:
    """One logged request on its way; ``draft`` is its result so far."""

    logged: LoggedRequest
    body: bytes
    draft: ReplayResult
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def spent_nusd(self) -> int:
        found: int = self.data.get(SPENT, 0)
        return found


class _OverBudget(Exception):
    """What is left does not pay for the next call."""


class LiveReplay:
    """One live replay, from its first request or from where it was broken off."""

    def __init__(
        self,
        number: int,
        *,
        log: Log,
        keeper: Keeper,
        sender: Sender,
        stages: Stages,
        candidate: RoutingTable,
        running: RoutingTable,
        window: ReplayWindow,
        options: LiveOptions,
        row_of: RowOf,
    ) -> None:
        self._number = number
        self._log = log
        self._keeper = keeper
        self._sender = sender
        self._stages = stages
        self._candidate = candidate
        self._running = running
        self._window = window
        self._options = options
        self._row_of = row_of
        self._purse = Purse(options.max_nusd)
        self._settled: set[int] = set()
        self._begun = 0
        self.progress = Progress()

    async def run(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> None:
        """Sends what is to be sent, until the window ends or the money does.

        When it is cancelled, what was announced stays so, and the next run counts it.
        """
        await self._take_up()
        self.progress.requests = await chosen_count(self._log, self._window)
        queue: asyncio.Queue[_Case | None] = asyncio.Queue(self._options.concurrency)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._options.concurrency):
                group.create_task(self._work(queue, on_progress))
            async for case in self._cases():
                if self._is_over():
                    break
                await queue.put(case)
            for _ in range(self._options.concurrency):
                await queue.put(None)

    def _is_over(self) -> bool:
        most = self._options.max_requests
        return self.progress.budget_is_spent or (most is not None and self._begun >= most)

    # What an earlier run left.

    async def _take_up(self) -> None:
        """Counts what was spent before; what was announced and has no outcome is lost."""
        after_id, spent_nusd = 0, 0
        while results := await self._log.results(self._number, after_id=after_id):
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
        row = await self._row_of(pending["request"])
        known = None if row is None or row.ending == "abandoned" else row.cost_nusd
        data[SPENT] = data.get(SPENT, 0) + (pending["reserved_nusd"] if known is None else known)
        lost = replace(result, flags=("lost",), data=data)
        await self._keep(lost)
        return lost

    def _note(self, result: ReplayResult) -> None:
        self._settled.add(result.request_id)
        self.progress.done += 1
        self.progress.changed += result.changed
        self.progress.lost += "lost" in result.flags
        self.progress.sent += result.new_request_id is not None

    # What is to be sent.

    async def _cases(self) -> AsyncIterator[_Case]:
        async for ids in chosen_ids(self._log, self._window):
            wanted = [number for number in ids if number not in self._settled]
            bodies = await self._log.bodies(wanted)
            for logged in await self._log.requests(wanted):
                body = bodies.get(logged.row.id)
                if body is None:
                    await self._finish(_without_body(self._number, logged))
                else:
                    yield _Case(logged, body, _draft(self._number, logged))

    async def _work(
        self, queue: asyncio.Queue[_Case | None], on_progress: Callable[[Progress], None]
    ) -> None:
        while (case := await queue.get()) is not None:
            if self._is_over():
                continue
            try:
                result = await self._replayed(case)
            except _OverBudget:
                self.progress.budget_is_spent = True
                continue
            await self._finish(result)
            self.progress.spent_nusd = self._purse.spent_nusd
            on_progress(self.progress)

    async def _finish(self, result: ReplayResult) -> None:
        self._note(result)
        await self._keep(result)

    async def _keep(self, result: ReplayResult) -> None:
        await self._keeper.keep(
            self._number, [result], done=self.progress.done, changed=self.progress.changed
        )

    # One request.

    async def _replayed(self, case: _Case) -> ReplayResult:
        dialect = cast("DialectName", case.logged.row.dialect)
        body = with_output_limit(case.body, dialect, self._options.max_output_tokens)
        received = case.logged.told.get(RequestReceived.kind, {})
        letter = Letter(self._candidate, dialect, body, provider=received.get("provider"))
        sent = await self._send(case, letter, self._stages.answer, self._chooses(case))
        if not sent.was_sent:
            return case.draft
        case.draft = _with_new(case.draft, sent)
        if sent.request is None:
            return replace(case.draft, data=case.data)
        new = _answer_of(sent)
        case.data["new"] = _facts(
            sent, None if new is None else check(new, prompt_of(sent.request))
        )
        if self._options.baseline == "ask" and case.draft.old_target is not None:
            try:
                await self._compare(case, letter, sent.request, new)
            except _OverBudget:
                self.progress.budget_is_spent = True
                case.draft = _flagged(case.draft, "not_compared")
        return replace(case.draft, data=case.data)

    async def _compare(
        self, case: _Case, letter: Letter, request: ChatRequest, new: Answer | None
    ) -> None:
        """Asks the old target, too, and a judge which answer is better."""
        pinned = Letter(self._running, letter.dialect, _pinned(request, case.draft.old_target))
        sent = await self._send(case, pinned, self._stages.answer, self._affords(case))
        old = _answer_of(sent)
        checks = None if old is None or sent.request is None else check(old, prompt_of(request))
        case.data["old"] = _facts(sent, checks)
        if self._options.judge is not None and old is not None and new is not None:
            case.data["verdict"] = await self._judged(case, request, old, new)

    async def _judged(
        self, case: _Case, request: ChatRequest, old: Answer, new: Answer
    ) -> str | None:
        prompt = prompt_of(request)
        choices: list[Choice | None] = []
        for pair in ((old, new), (new, old)):
            document = question(self._options.judge or "", prompt, *pair)
            letter = Letter(self._running, "openai", _json(document))
            sent = await self._send(case, letter, self._stages.judge, self._affords(case))
            answer = _answer_of(sent)
            choices.append(None if answer is None else read_choice(answer.text))
        return settle(choices[0], choices[1])

    # Money.

    async def _send(self, case: _Case, letter: Letter, call: Stage, gate: Gate) -> Sent:
        """Sends a letter for which the gate sets money aside, and settles what it cost."""
        sent = await self._sender.send(self._number, letter, call, gate)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # The pipeline closed its books and swallowed it; what was announced stays so.
            raise asyncio.CancelledError
        reserved_nusd = case.data.pop(PENDING, {}).get("reserved_nusd")
        if case.data.pop("over_budget", False):
            raise _OverBudget
        if reserved_nusd is not None:
            cost_nusd = sent.row.cost_nusd if sent.was_sent else 0
            spent_nusd = await self._purse.settle(reserved_nusd, cost_nusd)
            case.data[SPENT] = case.spent_nusd + spent_nusd
        return sent

    def _chooses(self, case: _Case) -> Gate:
        """Lets through what the candidate sends to another target than the one that answered."""

        async def gate(exchange: Exchange) -> bool:
            target = next(iter(exchange.decision.usable), None)
            new_target = None if target is None else target.name
            case.draft = replace(
                case.draft,
                changed=new_target != case.draft.old_target,
                new_category=exchange.classification.category,
                new_target=new_target,
            )
            if target is None:
                case.draft = _flagged(case.draft, "no_target")
                return False
            if not case.draft.changed and not self._options.sends_unchanged:
                case.draft = _flagged(case.draft, "unchanged")
                return False
            if self._is_over():
                case.data["over_budget"] = True
                return False
            self._begun += 1
            return await self._announce(case, exchange, target)

        return gate

    def _affords(self, case: _Case) -> Gate:
        """Lets through what can be paid for."""

        async def gate(exchange: Exchange) -> bool:
            target = next(iter(exchange.decision.usable), None)
            return target is not None and await self._announce(case, exchange, target)

        return gate

    async def _announce(self, case: _Case, exchange: Exchange, target: Target) -> bool:
        """Sets aside the most that the call can cost, and commits that it is about to be made."""
        if not exchange.request.max_output_tokens or exchange.request.max_output_tokens < 0:
            case.draft = _flagged(case.draft, "no_limit")
            return False
        most_nusd = _most_nusd(exchange, target)
        if most_nusd is None:
            if not self._options.allows_unknown_prices:
                case.draft = _flagged(case.draft, "no_price")
                return False
            most_nusd = 0
        if not await self._purse.reserve(most_nusd):
            case.data["over_budget"] = True
            return False
        case.data[PENDING] = {"request": exchange.id, "reserved_nusd": most_nusd}
        await self._keep(replace(case.draft, flags=(PENDING,), data=dict(case.data)))
        return True


def _most_nusd(exchange: Exchange, target: Target) -> int | None:
    """The most that the exchange's request can cost at a target; None without a price.

    No tokenizer makes more tokens than there are bytes.
    """
    card = exchange.table.price(target, exchange.started_us)
    if card is None:
        return None
    request = exchange.request
    media = sum(turn.has_media for turn in request.turns)
    choices = request.document.get("n")
    return most_it_costs(
        card,
        input_tokens=len(request.body) + HIDDEN_TOKENS + MEDIA_TOKENS * media,
        output_tokens=(request.max_output_tokens or 0)
        * (choices if isinstance(choices, int) and choices > 0 else 1),
        searches=SEARCHES if b"web_search" in request.body else 0,
    )


def _pinned(request: ChatRequest, target: str | None) -> bytes:
    """The request's body, asking for one target by its name."""
    return orjson.dumps({**request.document, "model": target})


def _json(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document)


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


def _without_body(number: int, logged: LoggedRequest) -> ReplayResult:
    return replace(_draft(number, logged), flags=("no_body",))


def _with_new(draft: ReplayResult, sent: Sent) -> ReplayResult:
    row = sent.row
    return replace(
        draft,
        new_cost_nusd=row.cost_nusd,
        new_duration_us=row.duration_us,
        new_first_token_us=row.first_token_us,
        new_input_tokens=row.input_tokens,
        new_output_tokens=row.output_tokens,
        new_success=float(row.ending == "completed"),
        new_request_id=row.id,
    )


def _answer_of(sent: Sent) -> Answer | None:
    if sent.request is None or not sent.reply:
        return None
    return read_answer(sent.request, sent.reply)


def _facts(sent: Sent, checks: Checks | None) -> dict[str, Any]:
    """What is kept of an answer: never its words."""
    return {
        "request": sent.id,
        "error": sent.error,
        "cost_nusd": sent.row.cost_nusd,
        "duration_us": sent.row.duration_us,
        "checks": None if checks is None else checks.document,
    }


def _pending(result: ReplayResult) -> bool:
    return result.data is not None and PENDING in result.data


def _spent(result: ReplayResult) -> int:
    found: int = (result.data or {}).get(SPENT, 0)
    return found
