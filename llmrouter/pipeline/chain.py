"""A request's way through its candidates: the fallback plan, carried out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.events import FallbackTaken, HedgeTaken, RetryWithheld
from llmrouter.core.routing import AttemptKind, Candidate, Target
from llmrouter.pipeline.assigning import Task
from llmrouter.pipeline.assignment import Assignment
from llmrouter.pipeline.attempt import Attempt
from llmrouter.pipeline.capacity import Room, bounds_of, find_room
from llmrouter.pipeline.exchange import Exchange, Reply
from llmrouter.pipeline.means import Means
from llmrouter.pipeline.ports import ClientGone
from llmrouter.pipeline.race import Patience, Race
from llmrouter.pipeline.streamed_answer import StreamedAnswer
from llmrouter.policy.exhausted import FailedAttempt, chain_failure
from llmrouter.policy.failures import Verdict, judge, refused_needs
from llmrouter.policy.fallback import Failed, PassedOver, PlanEnd, Try, fallback_plan
from llmrouter.policy.needs import known_window
from llmrouter.policy.redaction import redact

_log = logging.getLogger(__name__)


class Chain:
    """One request's way through its candidates; `run` fills the exchange's ``reply``."""

    def __init__(self, means: Means, exchange: Exchange) -> None:
        self._means = means
        self._exchange = exchange
        self._table = exchange.table
        self._route = exchange.route
        self._failed: list[FailedAttempt] = []
        self._race = Race()
        self._has_raced = False
        self._hedge: Attempt | None = None
        self._hedge_failed: Failed | None = None
        # One deadline for the whole chain: the most that any of its targets may take.
        totals_s = [
            self._table.timeouts(candidate.target, self._route).total_s
            for candidate in exchange.decision.candidates
        ]
        self._deadline_us = round(max(totals_s, default=0.0) * 1e6)

    async def run(self) -> None:
        try:
            await self._follow_plan()
        finally:
            if self._has_raced:
                await self._call_off("outrun" if hasattr(self._exchange, "reply") else "cancelled")

    async def _follow_plan(self) -> None:
        targets = self._exchange.decision.usable or self._trial()
        plan = fallback_plan(targets, window_of=self._window_of)
        end: PlanEnd
        try:
            step = next(plan)
            while True:
                outcome = await self._try(step)
                if outcome is None:
                    return
                step = plan.send(outcome)
        except StopIteration as stop:
            end = stop.value
        if self._exchange.has_left:
            raise ClientGone
        raise self._failure(end)

    def _trial(self) -> tuple[Target, ...]:
        """When breakers alone stand against every target, one of them may be tried all the same
        (``breaker.on_all_open``)."""
        resting = [
            c.target for c in self._exchange.decision.candidates if c.refused == "breaker_open"
        ]
        if not resting or self._table.config.breaker.on_all_open == "refuse":
            return ()
        trial = self._means.availability.take_trial(self._exchange, resting, self._remaining_s())
        return () if trial is None else (trial,)

    async def _try(self, step: Try) -> Failed | PassedOver | None:
        """Carries out one step of the plan; None when it answered."""
        exchange, means = self._exchange, self._means
        if exchange.has_left:
            raise ClientGone  # a reply that was drained is not replaced by another
        retries = self._table.config.retries
        if step.is_retry:
            means.repeats.spend(step.target, retries)
            await asyncio.sleep(step.wait_s)
        elif step.after is not None and step.because is not None:
            exchange.emit(FallbackTaken(str(step.after), str(step.target), step.because))
        hedge, self._hedge = self._hedge, None
        if hedge is not None and hedge.target == step.target:
            return self._hedge_failed or await self._first_answer(hedge)
        if self._has_raced:
            await self._call_off("cancelled")
        room = await self._room(step.target)
        if room is None:
            return PassedOver("at_capacity")
        remaining_s = self._remaining_s()
        hindrance = means.availability.take_permit(
            exchange, step.target, self._breaker(step.target), remaining_s
        )
        if hindrance is not None:
            room.leave()
            return PassedOver(hindrance.refused)
        if not step.is_retry:
            means.repeats.sent(step.target, retries)
        attempt = self._begin(step.target, means.kind, room)
        patience = self._patience(step)
        if patience is None:
            return await self._carry(attempt, self._reach(attempt))
        return await self._raced(attempt, patience)

    async def _room(self, target: Target) -> Room | None:
        """A place for an attempt; without one, a trial's permit goes back."""
        exchange, room = self._exchange, None
        exchange.drain_s = 0.0  # a client that leaves the queue leaves nothing to be drained
        try:
            capacity, within_s = self._means.capacity, self._remaining_s()
            room = await find_room(capacity, exchange, target, self._route, within_s)
        finally:
            if room is None:
                self._means.availability.released(exchange, target)
        return room

    def _begin(self, target: Target, kind: AttemptKind, room: Room) -> Attempt:
        exchange = self._exchange
        exchange.attempts += 1
        exchange.tries += 1
        try:
            assignment = self._assignment(target, kind)
            exchange.drain_s = self._drain_s(target)
            attempt = Attempt(exchange, assignment, self._means.upstream, room)
        except BaseException:
            room.leave()
            raise
        exchange.open_in(self._means.ledger)
        return attempt

    async def _carry(self, attempt: Attempt, content: Awaitable[bytes]) -> Failed | None:
        """Waits for the attempt's first bytes; None when they came and are the reply."""
        try:
            self._accept(attempt, await content)
            if not self._exchange.request.stream:
                await attempt.succeed()
        except AttemptError as error:
            return await self._judge(attempt, error)
        except BaseException:
            # Cancelled, or a fault of ours: the attempt was sent and must be booked.
            self.release(attempt)
            await attempt.abandon("cancelled")
            raise
        return None

    async def _reach(self, attempt: Attempt) -> bytes:
        """Takes the attempt as far as the first bytes for the client.  Raises `AttemptError`."""
        await attempt.open()
        if self._exchange.request.stream:
            return await attempt.first_part()
        return await attempt.whole()

    def _accept(self, attempt: Attempt, content: bytes) -> None:
        """Makes the attempt's answer the reply."""
        exchange = self._exchange
        self._means.availability.succeeded(exchange, attempt.target)
        exchange.drain_s = self._drain_s(attempt.target)
        exchange.served_by = attempt.n
        exchange.served_target = attempt.target
        exchange.translation = attempt.translation
        exchange.reply = (
            Reply(200, attempt.content_type, relay=StreamedAnswer(self, attempt, content))
            if exchange.request.stream
            else Reply(200, attempt.content_type, content)
        )

    def _patience(self, step: Try) -> Patience | None:
        """How long the first target may be silent before another one is asked beside it."""
        route = None if self._route is None else self._table.route(self._route)
        if route is None or route.hedge_after_ms is None or step.n > 1 or step.after is not None:
            return None
        if route.hedge_after_ms != "p95":
            return Patience(route.hedge_after_ms, "configured")
        p95_us = self._means.tails.p95_us(step.target, stream=self._exchange.request.stream)
        return None if p95_us is None else Patience(round(p95_us / 1000), "p95")

    async def _raced(self, first: Attempt, patience: Patience) -> Failed | None:
        """The first attempt; and when it takes too long, another beside it."""
        self._has_raced = True
        self._race.enter(first, self._reach(first))
        racer = await self._race.next(patience.after_ms / 1000)
        if racer is not None:
            return await self._carry(racer.attempt, racer.task)
        self._hedge = self._send_hedge(first, patience)
        return await self._first_answer(first)

    def _send_hedge(self, slow: Attempt, patience: Patience) -> Attempt | None:
        """Asks the next target that can be asked, if there is one and the budget allows it."""
        exchange, means, retries = self._exchange, self._means, self._table.config.retries
        others = [t for t in exchange.decision.usable if t.name != slow.target.name]
        if exchange.has_left or not others:
            return None
        if not means.repeats.allow(slow.target, retries):
            exchange.emit(RetryWithheld(slow.n, str(slow.target), "hedge"))
            return None
        for target in others:
            room = means.capacity.try_enter(target, bounds_of(self._table, target, self._route))
            if room is None:
                continue
            breaker, lease_s = self._breaker(target), self._remaining_s()
            if means.availability.take_permit(exchange, target, breaker, lease_s) is None:
                break
            room.leave()
        else:
            return None
        means.repeats.spend(slow.target, retries)
        exchange.emit(HedgeTaken(str(slow.target), str(target), patience.after_ms, patience.basis))
        hedge = self._begin(target, "hedge", room)
        self._race.enter(hedge, self._reach(hedge))
        return hedge

    async def _first_answer(self, awaited: Attempt) -> Failed | None:
        """Waits until an attempt answers, or the awaited one has failed; None when one answered."""
        while True:
            racer = await self._race.next()
            if racer is None:
                raise RuntimeError("a race without a time limit has no end but by a racer's")
            failed = await self._carry(racer.attempt, racer.task)
            if failed is None or racer.attempt is awaited:
                return failed
            self._hedge_failed = failed

    async def _call_off(self, reason: str) -> None:
        """Stops and books what still runs beside the answer, or for nothing."""
        racers = self._race.cancel()
        for racer in racers:  # booked before anything is awaited: a second cancellation may come
            failure = racer.failure
            if isinstance(failure, AttemptError):
                self._book(racer.attempt, failure)
                continue
            if failure is not None:
                _log.error("an attempt failed inside the router", exc_info=failure)
            self.release(racer.attempt)
            racer.attempt.give_up(reason)
        await self._race.stopped(racers)
        for racer in racers:
            await racer.attempt.aclose()

    async def _judge(self, attempt: Attempt, error: AttemptError) -> Failed:
        verdict = await self.book_failure(attempt, error)
        return Failed(
            verdict,
            remaining_s=self._remaining_s(),
            may_retry=self._means.repeats.allow(attempt.target, self._table.config.retries),
            jitter=self._means.chance(),
        )

    async def book_failure(self, attempt: Attempt, error: AttemptError) -> Verdict:
        """Judges a failure, moves the breaker, and writes it down."""
        verdict = self._book(attempt, error)
        await attempt.aclose()  # last: whoever is cancelled here has booked everything
        return verdict

    def _book(self, attempt: Attempt, error: AttemptError) -> Verdict:
        exchange, means = self._exchange, self._means
        verdict = judge(
            error,
            duration_s=attempt.duration_us / 1e6,
            committed=attempt.committed,
            now_us=exchange.clock.now_us(),
            jitter=means.chance(),
        )
        refused = refused_needs(verdict, error, exchange.request.needs)
        means.knowledge.note_refused(attempt.target, refused)
        message = redact(error.message, means.assigner.keyring.secrets())
        attempt.fail(error, verdict, message)
        means.availability.failed(
            exchange,
            attempt.target,
            verdict,
            self._breaker(attempt.target),
            jitter=means.chance(),
            sole_target=len(exchange.decision.candidates) == 1,
        )
        self._failed.append(
            FailedAttempt(
                attempt.target,
                verdict,
                error.status,
                message=message,
                error_type=error.error_type,
                code=error.code,
                param=error.param,
            )
        )
        return verdict

    def release(self, attempt: Attempt) -> None:
        """Gives back what the attempt held; its outcome says nothing about the target."""
        self._means.availability.released(self._exchange, attempt.target)

    def _assignment(self, target: Target, kind: AttemptKind) -> Assignment:
        timeouts = self._table.timeouts(target, self._route)
        total_s = min(timeouts.total_s, self._remaining_s())
        task = Task(
            n=self._exchange.attempts,
            target=target,
            kind=kind,
            request=self._exchange.request,
            timeouts=timeouts,
            deadline_us=self._exchange.elapsed_us() + round(total_s * 1e6),
            remaining_s=total_s,
            route=self._route,
            learned=self._means.knowledge.of(target),
        )
        return self._means.assigner.assign(task, self._table)

    def _failure(self, end: PlanEnd) -> RouterError:
        withheld = end.reason == "budget"
        if withheld:
            last = self._failed[-1]
            self._exchange.emit(
                RetryWithheld(self._exchange.attempts, str(last.target), last.verdict.reason)
            )
        passed_over = [Candidate(target, why) for target, why in end.passed_over]
        refused = [c for c in self._exchange.decision.candidates if c.refused is not None]
        unanswered = [*refused, *passed_over]
        waits_s = {}
        for candidate in unanswered:
            hindrance = self._means.availability.hindrance(
                candidate.target, self._breaker(candidate.target)
            )
            if hindrance is not None:
                waits_s[candidate.target] = hindrance.wait_s
        return chain_failure(
            self._failed,
            unanswered,
            waits_s=waits_s,
            key_variables={
                name: provider.api_key_env
                for name, provider in self._table.config.providers.items()
                if provider.api_key_env is not None
            },
            true_breaker_wait=self._table.config.breaker.on_all_open == "refuse",
            withheld=withheld,
        )

    def _drain_s(self, target: Target) -> float:
        """How long the target is read on once the client has left."""
        if self._table.config.providers[target.provider].on_disconnect == "cancel":
            return 0.0
        return self._table.timeouts(target, self._route).drain_s

    def _breaker(self, target: Target) -> BreakerConfig:
        return self._table.breaker(target, self._route)

    def _window_of(self, target: Target) -> int | None:
        window = known_window(self._table.model(target), self._means.knowledge.of(target))
        return None if window is None else window.value

    def _remaining_s(self) -> float:
        return max(0.0, (self._deadline_us - self._exchange.elapsed_us()) / 1e6)
