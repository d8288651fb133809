"""call: drives the fallback plan until a target answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.errors import AttemptError, RouterError, StreamBroken
from llmrouter.core.events import FallbackTaken, RetryWithheld
from llmrouter.core.routing import Candidate, Target
from llmrouter.pipeline.assigning import Assigner, Task
from llmrouter.pipeline.attempt import Assignment, Attempt
from llmrouter.pipeline.availability import Availability
from llmrouter.pipeline.exchange import Exchange, Reply
from llmrouter.pipeline.knowledge import Knowledge
from llmrouter.pipeline.ports import ClientGone, Ledger, Upstream
from llmrouter.pipeline.repeats import Repeats
from llmrouter.policy.exhausted import FailedAttempt, chain_failure
from llmrouter.policy.failures import Verdict, judge, refused_needs
from llmrouter.policy.fallback import Failed, PassedOver, PlanEnd, Try, fallback_plan
from llmrouter.policy.needs import known_window
from llmrouter.policy.redaction import redact

Chance = Callable[[], float]
"""A number between 0 and 1, for jitter."""


class Call:
    """Fills ``reply``: a whole body, or a relay whose first token has arrived.

    Raises `AllModelsFailed` or `UpstreamRefused`.
    """

    name = "call"

    def __init__(
        self,
        *,
        upstream: Upstream,
        availability: Availability,
        ledger: Ledger,
        assigner: Assigner,
        knowledge: Knowledge,
        repeats: Repeats,
        chance: Chance,
    ) -> None:
        self.knowledge = knowledge
        self.repeats = repeats
        self.upstream = upstream
        self.availability = availability
        self.ledger = ledger
        self.assigner = assigner
        self.chance = chance

    async def __call__(self, exchange: Exchange) -> None:
        await _Chain(self, exchange).run()


class _Chain:
    """One request's way through its candidates."""

    def __init__(self, stage: Call, exchange: Exchange) -> None:
        self._stage = stage
        self._exchange = exchange
        self._table = exchange.table
        self._route = exchange.route
        self._failed: list[FailedAttempt] = []
        # One deadline for the whole chain: the most that any of its targets may take.
        totals_s = [
            self._table.timeouts(candidate.target, self._route).total_s
            for candidate in exchange.decision.candidates
        ]
        self._deadline_us = round(max(totals_s, default=0.0) * 1e6)

    async def run(self) -> None:
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
        trial = self._stage.availability.take_trial(self._exchange, resting, self._remaining_s())
        return () if trial is None else (trial,)

    async def _try(self, step: Try) -> Failed | PassedOver | None:
        """Carries out one step of the plan; None when it answered."""
        exchange, stage = self._exchange, self._stage
        if exchange.has_left:
            raise ClientGone  # a reply that was drained is not replaced by another
        retries = self._table.config.retries
        if step.is_retry:
            stage.repeats.spend(step.target, retries)
            await asyncio.sleep(step.wait_s)
        hindrance = stage.availability.take_permit(
            exchange, step.target, self._breaker(step.target), self._remaining_s()
        )
        if hindrance is not None:
            return PassedOver(hindrance.refused)
        if not step.is_retry:
            stage.repeats.sent(step.target, retries)
            if step.after is not None and step.because is not None:
                exchange.emit(FallbackTaken(str(step.after), str(step.target), step.because))
        attempt = self._begin(step)
        try:
            await self._answer(attempt)
        except AttemptError as error:
            return await self._judge(attempt, error)
        except BaseException:
            # Cancelled, or a fault of ours: the attempt was sent and must be booked.
            stage.availability.released(exchange, step.target)
            await attempt.abandon("cancelled")
            raise
        return None

    def _begin(self, step: Try) -> Attempt:
        exchange = self._exchange
        exchange.attempts += 1
        exchange.tries += 1
        assignment = self._assignment(step)
        drains = self._table.config.providers[step.target.provider].on_disconnect == "drain"
        exchange.drain_s = assignment.timeouts.drain_s if drains else 0.0
        attempt = Attempt(exchange, assignment, self._stage.upstream)
        exchange.open_in(self._stage.ledger)
        return attempt

    async def _answer(self, attempt: Attempt) -> None:
        """Takes the attempt as far as a reply for the client."""
        exchange, stage = self._exchange, self._stage
        await attempt.open()
        if not exchange.request.stream:
            body = await attempt.whole()
            stage.availability.succeeded(exchange, attempt.target)
            await attempt.succeed()
            reply = Reply(200, attempt.content_type, body)
        else:
            first = await attempt.first_part()
            stage.availability.succeeded(exchange, attempt.target)
            reply = Reply(200, attempt.content_type, relay=_StreamRelay(self, attempt, first))
        exchange.served_by = exchange.attempts
        exchange.served_target = attempt.target
        exchange.translation = attempt.translation
        exchange.reply = reply

    async def _judge(self, attempt: Attempt, error: AttemptError) -> Failed:
        verdict = await self.book_failure(attempt, error)
        return Failed(
            verdict,
            remaining_s=self._remaining_s(),
            may_retry=self._stage.repeats.allow(attempt.target, self._table.config.retries),
            jitter=self._stage.chance(),
        )

    async def book_failure(self, attempt: Attempt, error: AttemptError) -> Verdict:
        """Judges a failure, moves the breaker, and writes it down."""
        exchange, stage = self._exchange, self._stage
        verdict = judge(
            error,
            duration_s=attempt.duration_us / 1e6,
            committed=attempt.committed,
            now_us=exchange.clock.now_us(),
            jitter=stage.chance(),
        )
        refused = refused_needs(verdict, error, exchange.request.needs)
        stage.knowledge.note_refused(attempt.target, refused)
        message = redact(error.message, stage.assigner.keyring.secrets())
        attempt.fail(error, verdict, message)
        stage.availability.failed(
            exchange,
            attempt.target,
            verdict,
            self._breaker(attempt.target),
            jitter=stage.chance(),
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
        await attempt.aclose()  # last: whoever is cancelled here has booked everything
        return verdict

    def release(self, attempt: Attempt) -> None:
        """Gives back what the attempt held; its outcome says nothing about the target."""
        self._stage.availability.released(self._exchange, attempt.target)

    def _assignment(self, step: Try) -> Assignment:
        timeouts = self._table.timeouts(step.target, self._route)
        total_s = min(timeouts.total_s, self._remaining_s())
        task = Task(
            n=self._exchange.attempts,
            target=step.target,
            request=self._exchange.request,
            timeouts=timeouts,
            deadline_us=self._exchange.elapsed_us() + round(total_s * 1e6),
            remaining_s=total_s,
            route=self._route,
            learned=self._stage.knowledge.of(step.target),
        )
        return self._stage.assigner.assign(task, self._table)

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
            hindrance = self._stage.availability.hindrance(
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

    def _breaker(self, target: Target) -> BreakerConfig:
        return self._table.breaker(target, self._route)

    def _window_of(self, target: Target) -> int | None:
        window = known_window(self._table.model(target), self._stage.knowledge.of(target))
        return None if window is None else window.value

    def _remaining_s(self) -> float:
        return max(0.0, (self._deadline_us - self._exchange.elapsed_us()) / 1e6)


class _StreamRelay:
    """The rest of a stream, after its first token; see `llmrouter.pipeline.exchange.Relay`."""

    def __init__(self, chain: _Chain, attempt: Attempt, first: bytes) -> None:
        self._chain = chain
        self._attempt = attempt
        self._first: bytes | None = first

    @property
    def terminator(self) -> bytes:
        return self._attempt.terminator

    @property
    def drain_bytes(self) -> int:
        return self._attempt.drain_bytes

    async def next_part(self) -> bytes | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            part = await self._attempt.next_part()
            if part is None:
                await self._attempt.succeed()
        except AttemptError as error:
            verdict = await self._chain.book_failure(self._attempt, error)
            raise StreamBroken(
                f"The answer of {self._attempt.target.name} broke off ({verdict.reason}); "
                "what arrived so far is incomplete.",
            ) from error
        return part

    async def abandon(self, reason: str) -> None:
        self._chain.release(self._attempt)
        await self._attempt.abandon(reason)
