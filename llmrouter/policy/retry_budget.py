"""How many extra attempts a target's trouble may cause: a share of what it was sent lately.

An extra attempt is the same target asked again, or another one asked beside it before its answer
came.  Moving on to the next target is none: it takes load off the one that fails, and its breaker
ends that soon enough.

The count slides over two adjacent windows: of the one before, as much counts as still reaches into
the last ``window_s``.
"""

from __future__ import annotations

from llmrouter.core.configuration import RetriesConfig
from llmrouter.core.records import Record, replace


class Budget(Record):
    """What a target was sent in the window since ``since_us`` (monotonic) and the one before it."""

    since_us: int = 0
    attempts: int = 0
    extra: int = 0
    earlier_attempts: int = 0
    earlier_extra: int = 0


EMPTY = Budget()


def on_attempt(budget: Budget, now_us: int, config: RetriesConfig) -> Budget:
    """After a first attempt at the target, which adds to what may be asked again."""
    current = _at(budget, now_us, config)
    return replace(current, attempts=current.attempts + 1)


def on_extra(budget: Budget, now_us: int, config: RetriesConfig) -> Budget:
    """After an extra attempt was spent."""
    current = _at(budget, now_us, config)
    return replace(current, extra=current.extra + 1)


def allows_extra(budget: Budget, now_us: int, config: RetriesConfig) -> bool:
    """Whether one more extra attempt keeps to the share; ``floor`` of them always do."""
    current = _at(budget, now_us, config)
    window_us = _window_us(config)
    reach = 1 - (now_us - current.since_us) / window_us
    attempts = current.attempts + reach * current.earlier_attempts
    extra = current.extra + reach * current.earlier_extra
    return extra + 1 <= max(config.floor, config.share * attempts)


def is_idle(budget: Budget, now_us: int, config: RetriesConfig) -> bool:
    """Whether nothing that it holds counts any more."""
    return now_us - budget.since_us >= 2 * _window_us(config)


def _at(budget: Budget, now_us: int, config: RetriesConfig) -> Budget:
    """The budget in the window of this moment."""
    window_us = config.window_s * 1e6
    passed_us = now_us - budget.since_us
    if passed_us < window_us:
        return budget
    if passed_us < 2 * window_us:
        since_us = budget.since_us + round(window_us)
        return Budget(since_us, 0, 0, budget.attempts, budget.extra)
    return Budget(now_us)


def _window_us(config: RetriesConfig) -> int:
    return round(config.window_s * 1e6)
