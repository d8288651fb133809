"""A request's way through its candidates: the fallback plan, carried out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

from llmrouter.core.errors import AttemptError, RouterError
from llmrouter.core.events import FallbackTaken, HedgeTaken, RetryWithheld
from llmrouter.core.routing import AttemptKind, Candidate, Target
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
from llmrouter.policy.table import Terms

_log = logging.getLogger(__name__)


class Chain:
    """One request's way through its candidates, until one of them gives the reply."""

    _race: Race  # once it has raced

    def __init__(self, means: Means, exchange: Exchange) -> None:
        self._means = means
        self._exchange = exchange
        self._table = exchange.table
        self._route = exchange.route
        self._failed: list[FailedAttempt] = []
        self._has_raced = False
        self._hedge: Attempt | None = None
        self._hedge_failed: Failed | None = None
        # One deadline for the whole chain: the most that any of its targets may take.
        longest_s = 0.0
        for candidate in exchange.decision.candidates:
            terms = self._table.terms(candidate.target, self._route)
            longest_s = max(longest_s, terms.timeouts.total_s)
        self._deadline_us = round(longest_s * 1e6)

    async def run(self) -> Reply:
        """Gives the reply.  Raises `RouterError` when nobody answered."""
        exchange = self._exchange
        plan = fallback_plan(exchange.decision.usable or self._trial(), window_of=self._window_of)
        try:
            step = next(plan)
            while (outcome := await self._try(step)) is not None:
                step = plan.send(outcome)
        except StopIteration as stop:
            if exchange.has_left:
                raise ClientGone from None
            raise self._failure(stop.value) from None
        else:
            return exchange.reply
        finally:
            if self._has_raced:
                await self._call_off("outrun" if hasattr(exchange, "reply") else "cancelled")

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
        terms = self._table.terms(step.target, self._route)
        exchange.drain_s = 0.0  # a client that leaves the queue leaves nothing to be drained
        room = means.capacity.try_enter(step.target, bounds_of(terms, step.target))
        room = room or await self._wait_for_room(step.target, terms)
        if room is None:
            return PassedOver("at_capacity")
        hindrance = means.availability.take_permit(
            exchange, step.target, terms.breaker, self._deadline_us
        )
        if hindrance is not None:
            room.leave()
            return PassedOver(hindrance.refused)
        if not step.is_retry:
            means.repeats.sent(step.target, retries)
        attempt = self._begin(step.target, means.kind, terms, room)
        patience = self._patience(step)
        if patience is None:
            return await self._carry(attempt, attempt.reach())
        return await self._raced(attempt, patience)

    async def _wait_for_room(self, target: Target, terms: Terms) -> Room | None:
        """A place for an attempt; without one, a trial's permit goes back."""
        exchange, means, room = self._exchange, self._means, None
        try:
            within_s = self._remaining_s()
            room = await find_room(means.capacity, exchange, target, terms, within_s)
        finally:
            if room is None:
                means.availability.released(exchange, target)
        return room

    def _begin(self, target: Target, kind: AttemptKind, terms: Terms, room: Room) -> Attempt:
        exchange, means = self._exchange, self._means
        exchange.attempts += 1
        exchange.tries += 1
        elapsed_us = exchange.elapsed_us()
        left_s = max(0.0, (self._deadline_us - elapsed_us) / 1e6)
        try:
            assignment = means.assigner.assign(
                self._table,
                target,
                exchange.request,
                n=exchange.attempts,
                timeouts=terms.timeouts,
                limits=terms.limits,
                remaining_s=min(terms.timeouts.total_s, left_s),
                elapsed_us=elapsed_us,
                learned=means.knowledge.of(target),
                kind=kind,
            )
            exchange.drain_s = terms.drain_s
            attempt = Attempt(exchange, assignment, means.upstream, room)
        except BaseException:
            # A fault of ours: nothing was sent, so nothing may stay taken for it.
            room.leave()
            means.availability.released(exchange, target)
            raise
        exchange.open_in(means.ledger)
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

    def _accept(self, attempt: Attempt, content: bytes) -> None:
        """Makes the attempt's answer the reply."""
        exchange = self._exchange
        self._means.availability.succeeded(exchange, attempt.target)
        if self._has_raced:
            exchange.drain_s = self._terms(attempt.target).drain_s
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
        self._has_raced, self._race = True, Race()
        self._race.enter(first, first.reach())
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
            terms = self._terms(target)
            room = means.capacity.try_enter(target, bounds_of(terms, target))
            if room is None:
                continue
            until_us = self._deadline_us
            if means.availability.take_permit(exchange, target, terms.breaker, until_us) is None:
                break
            room.leave()
        else:
            return None
        means.repeats.spend(slow.target, retries)
        exchange.emit(HedgeTaken(str(slow.target), str(target), patience.after_ms, patience.basis))
        hedge = self._begin(target, "hedge", terms, room)
        self._race.enter(hedge, hedge.reach())
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
            self._terms(attempt.target).breaker,
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
            breaker = self._terms(candidate.target).breaker
            hindrance = self._means.availability.hindrance(candidate.target, breaker)
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

    def _terms(self, target: Target) -> Terms:
        return self._table.terms(target, self._route)

    def _window_of(self, target: Target) -> int | None:
        window = known_window(self._table.model(target), self._means.knowledge.of(target))
        return None if window is None else window.value

    def _remaining_s(self) -> float:
        return max(0.0, (self._deadline_us - self._exchange.elapsed_us()) / 1e6)
