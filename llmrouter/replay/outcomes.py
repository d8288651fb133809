"""What a decision would have led to, as far as the log can tell.

The first usable target answers, unless the log shows that it failed this very request then, or had
no room for it: in that case the next one is asked, as it was then.  A target that was not asked
then answers as it answered others in the window.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmrouter.core.records import Record
from llmrouter.core.replay import LoggedAttempt, LoggedRequest
from llmrouter.core.routing import Target

_ANSWERING = ("chat", "hedge")
_MOVED_ON = ("failed",)


class Expected(Record):
    """Who would have answered.  ``as_then`` is the attempt that was really made with it;
    ``failed`` are those that would have failed before, as they did then.  ``waited_us`` is how
    long it would have waited for room, as it did then; ``passed_over`` that it found none."""

    target: str | None
    as_then: LoggedAttempt | None = None
    failed: tuple[LoggedAttempt, ...] = ()
    waited_us: int = 0
    passed_over: bool = False


def expect(logged: LoggedRequest, usable: Sequence[str]) -> Expected:
    """What would have become of these targets, asked in order."""
    then: dict[str, LoggedAttempt] = {}
    for attempt in logged.attempts:
        if attempt.kind in _ANSWERING:
            then[str(Target(attempt.provider, attempt.model, attempt.account))] = attempt
    failed: list[LoggedAttempt] = []
    waited_us, passed_over = 0, False
    for name in usable:
        known, queued = then.get(name), logged.queued.get(name)
        waited_us += 0 if queued is None else queued.waited_us
        if known is None and queued is not None and not queued.admitted:
            passed_over = True
            continue
        if known is None or known.outcome not in _MOVED_ON:
            return Expected(name, known, tuple(failed), waited_us, passed_over)
        failed.append(known)
    return Expected(None, None, tuple(failed), waited_us, passed_over)


def measured(logged: LoggedRequest) -> LoggedAttempt | None:
    """The attempt whose tokens say how long the request and its answer are."""
    counted = [
        attempt
        for attempt in logged.attempts
        if attempt.kind in _ANSWERING
        and attempt.input_tokens is not None
        and attempt.output_tokens is not None
    ]
    return next((a for a in reversed(counted) if a.outcome == "succeeded"), None) or next(
        iter(counted), None
    )


def classify_cost(logged: LoggedRequest) -> int | None:
    """What classifying over the network cost then; None when that is not known."""
    costs = [attempt.cost_nusd for attempt in logged.attempts if attempt.kind == "classify"]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def sum_known(costs: Sequence[int | None]) -> int | None:
    """The sum; None when a part is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
