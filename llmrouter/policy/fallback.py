"""The fallback plan of one request: a generator that is told what happened and says what next.

It does no I/O and knows no clock: the call stage drives it with real outcomes, a test by a table,
replay with recorded ones.

    plan = fallback_plan(targets)
    step = next(plan)
    while True:
        ...  # wait step.wait_s, send to step.target
        step = plan.send(Failed(verdict, remaining_s, may_retry, jitter))

A success needs no word: the driver leaves.  The end comes as ``StopIteration`` whose value is the
`PlanEnd`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Final, Literal

from llmrouter.core.records import Record
from llmrouter.core.routing import Refusal, Target
from llmrouter.policy.failures import Verdict

ATTEMPTS_PER_TARGET: Final = 2
MAX_ATTEMPTS: Final = 6
RETRY_WAIT_S: Final = (0.05, 0.25)
MAX_RATE_WAIT_S: Final = 2.0  # a last target's Retry-After is waited for up to here


class Try(Record):
    """Send to this target as attempt ``n``, after ``wait_s``.

    ``after`` is the target that failed before, ``because`` its reason; both None on the first try
    and after a target that was passed over first.  ``is_retry``: it is that one, once more.
    """

    target: Target
    n: int
    wait_s: float = 0.0
    after: Target | None = None
    because: str | None = None
    is_retry: bool = False


class Failed(Record):
    """The attempt failed.

    ``remaining_s`` is what is left of the request's time; ``may_retry`` that the target's retry
    budget allows to ask it again; ``jitter`` is between 0 and 1.
    """

    verdict: Verdict
    remaining_s: float
    may_retry: bool = True
    jitter: float = 0.0


class PassedOver(Record):
    """Nothing was sent: the target became unusable since it was chosen (no permit, locked)."""

    refused: Refusal


class PlanEnd(Record):
    """Why nothing more is tried; ``passed_over`` are targets that the plan left out, with why."""

    reason: Literal["exhausted", "final", "deadline", "attempts", "budget"]
    passed_over: tuple[tuple[Target, Refusal], ...] = ()


WindowOf = Callable[[Target], int | None]
"""A target's context window in tokens, None when it is not known."""


def fallback_plan(
    targets: Sequence[Target], *, window_of: WindowOf
) -> Generator[Try, Failed | PassedOver, PlanEnd]:
    """Yields one `Try` after the other until the end.

    The next target is tried at once; the same one again only when it is the last hope, the error
    is transient and came fast, and then once.
    """
    waiting = list(targets)
    limit = min(ATTEMPTS_PER_TARGET * len(targets), MAX_ATTEMPTS)
    passed_over: list[tuple[Target, Refusal]] = []
    retried: set[Target] = set()
    window_floor: int | None = None
    failed: Target | None = None
    last: Failed | None = None
    n = 0
    while True:
        if waiting:
            target, wait_s = waiting.pop(0), 0.0
        else:
            hope_s = _retry_wait_s(last)
            if last is None or failed is None or failed in retried or hope_s is None:
                return PlanEnd("exhausted", tuple(passed_over))
            if not last.may_retry:
                return PlanEnd("budget", tuple(passed_over))
            target, wait_s = failed, hope_s
            retried.add(target)
        reason = last.verdict.reason if last else None
        is_retry = failed is not None and failed == target
        outcome = yield Try(target, n + 1, wait_s, failed, reason, is_retry)
        if isinstance(outcome, PassedOver):
            passed_over.append((target, outcome.refused))
            continue
        n += 1
        failed, last = target, outcome
        verdict = outcome.verdict
        if not verdict.next_target:
            return PlanEnd("final", tuple(passed_over))
        if outcome.remaining_s <= 0:
            return PlanEnd("deadline", tuple(passed_over))
        if n >= limit:
            return PlanEnd("attempts", tuple(passed_over))
        if verdict.error_class == "context":
            window_floor = max(window_floor or 0, window_of(target) or 0)
        waiting, unfit = _sift(waiting, target, verdict, window_floor, window_of)
        passed_over += unfit


def _sift(
    waiting: Sequence[Target],
    failed: Target,
    verdict: Verdict,
    window_floor: int | None,
    window_of: WindowOf,
) -> tuple[list[Target], list[tuple[Target, Refusal]]]:
    """What is still worth trying after this failure, and what is not, with why."""
    fit: list[Target] = []
    unfit: list[tuple[Target, Refusal]] = []
    for target in waiting:
        if verdict.error_class == "account" and _same_account(target, failed):
            unfit.append((target, "account_locked"))
        elif window_floor is not None and (window_of(target) or 0) <= window_floor:
            unfit.append((target, "context_too_small"))
        else:
            fit.append(target)
    return fit, unfit


def _retry_wait_s(outcome: Failed | None) -> float | None:
    """The wait before the target that failed is asked again; None when it is not to be."""
    if outcome is None or not outcome.verdict.retry_same:
        return None
    verdict = outcome.verdict
    if verdict.error_class == "rate":
        wait_s = verdict.cooldown_s
        if wait_s is None or not verdict.wait_named or wait_s > MAX_RATE_WAIT_S:
            return None
    else:
        shortest_s, longest_s = RETRY_WAIT_S
        wait_s = shortest_s + (longest_s - shortest_s) * outcome.jitter
    return wait_s if wait_s < outcome.remaining_s else None


def _same_account(a: Target, b: Target) -> bool:
    return a.provider == b.provider and a.account == b.account
