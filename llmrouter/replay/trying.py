"""What becomes of one request that is sent to its new target: its answer, beside the old one's."""

from __future__ import annotations

from typing import Any, cast

import orjson

from llmrouter.core.events import RequestReceived
from llmrouter.core.records import Record, replace
from llmrouter.core.replay import ReplayResult
from llmrouter.core.requests import ChatRequest
from llmrouter.core.routing import DialectName
from llmrouter.dialects.limits import with_output_limit
from llmrouter.pipeline.runner import Stage
from llmrouter.policy.table import RoutingTable
from llmrouter.replay.answers import Answer, Checks, check, prompt_of, read_answer
from llmrouter.replay.judging import Choice, question, read_choice, settle
from llmrouter.replay.live_options import LiveOptions
from llmrouter.replay.outcomes import sum_known
from llmrouter.replay.paying import Case, OverBudget, Payer
from llmrouter.replay.sending import Letter, Sent


class Stages(Record):
    """The call stage for answers, and the one that books its attempts as a judge's."""

    answer: Stage
    judge: Stage


class Tables(Record):
    """The configuration that is tried, and the running one, under which the old targets and the
    judge are asked."""

    candidate: RoutingTable
    running: RoutingTable


class Trial:
    """Tries requests, any number at a time."""

    def __init__(self, payer: Payer, stages: Stages, tables: Tables, options: LiveOptions) -> None:
        self._payer = payer
        self._stages = stages
        self._tables = tables
        self._options = options

    async def new_answer(self, case: Case) -> Sent | None:
        """Asks the target that the candidate would have chosen; None when nothing was sent.

        Raises `OverBudget`.
        """
        dialect = cast("DialectName", case.logged.row.dialect)
        letter = Letter(
            self._tables.candidate,
            dialect,
            with_output_limit(case.body, dialect, self._options.max_output_tokens),
            provider=case.logged.told.get(RequestReceived.kind, {}).get("provider"),
            decided=case.repeated,
        )
        sent = await self._payer.send(case, letter, self._stages.answer)
        if not sent.was_sent:
            return None
        case.draft = _with_new(case.draft, sent)
        return sent

    async def compared(self, case: Case, sent: Sent) -> ReplayResult:
        """The result: what the new answer is like and, where that is asked for, the old target's.

        Raises `OverBudget` when the money does not reach for that; what is known stands in the
        case then.
        """
        if sent.request is None:
            return replace(case.draft, data=case.data)
        new = _answer_of(sent)
        case.data["new"] = _facts(
            sent, None if new is None else check(new, prompt_of(sent.request))
        )
        if self._options.baseline == "ask" and case.draft.old_target is not None:
            try:
                await self._compare(case, sent.request, new)
            except OverBudget:
                case.flag("not_compared")
                raise
        return replace(case.draft, data=case.data)

    async def _compare(self, case: Case, request: ChatRequest, new: Answer | None) -> None:
        """Asks the old target, too, and a judge which answer is better."""
        running = self._tables.running
        pinned = Letter(running, request.dialect, _pinned(request, case.draft.old_target))
        sent = await self._payer.send(case, pinned, self._stages.answer)
        old = _answer_of(sent)
        checks = None if old is None or sent.request is None else check(old, prompt_of(request))
        case.data["old"] = _facts(sent, checks)
        if self._options.judge is not None and old is not None and new is not None:
            case.data["verdict"] = await self._judged(case, request, old, new)

    async def _judged(
        self, case: Case, request: ChatRequest, old: Answer, new: Answer
    ) -> str | None:
        prompt = prompt_of(request)
        choices: list[Choice | None] = []
        costs: list[int | None] = []
        for pair in ((old, new), (new, old)):
            document = question(self._options.judge or "", prompt, *pair)
            letter = Letter(self._tables.running, "openai", orjson.dumps(document))
            sent = await self._payer.send(case, letter, self._stages.judge)
            costs.append(sent.row.cost_nusd)
            case.data["judge_nusd"] = sum_known(costs)
            answer = _answer_of(sent)
            choices.append(None if answer is None else read_choice(answer.text))
        return settle(choices[0], choices[1])


def _pinned(request: ChatRequest, target: str | None) -> bytes:
    """The request's body, asking for one target by its name."""
    return orjson.dumps({**request.document, "model": target})


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
