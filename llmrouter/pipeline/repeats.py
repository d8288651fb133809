"""What targets were sent lately, and how much of it may be asked once more."""

from __future__ import annotations

from llmrouter.core.clock import Clock
from llmrouter.core.configuration import RetriesConfig
from llmrouter.core.routing import Target
from llmrouter.policy.retry_budget import EMPTY, Budget, allows_extra, is_idle, on_attempt, on_extra

MAX_BUDGETS = 1000
"""Beyond it, what has been idle is forgotten: names of models may be a client's invention."""


class Repeats:
    """The retry budget of every target that was asked lately; kept in memory, for this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: dict[str, Budget] = {}

    def sent(self, target: Target, config: RetriesConfig) -> None:
        """A first attempt goes to the target."""
        now_us = self._clock.monotonic_ns() // 1_000
        if len(self._budgets) >= MAX_BUDGETS and target.name not in self._budgets:
            self._forget_idle(now_us, config)
        budget = self._budgets.get(target.name, EMPTY)
        self._budgets[target.name] = on_attempt(budget, now_us, config)

    def allow(self, target: Target, config: RetriesConfig) -> bool:
        """Whether the target's trouble may cause one more attempt."""
        budget = self._budgets.get(target.name, EMPTY)
        return allows_extra(budget, self._now_us(), config)

    def spend(self, target: Target, config: RetriesConfig) -> None:
        """The target's trouble causes one more attempt."""
        budget = self._budgets.get(target.name, EMPTY)
        self._budgets[target.name] = on_extra(budget, self._now_us(), config)

    def _now_us(self) -> int:
        return self._clock.monotonic_ns() // 1_000

    def _forget_idle(self, now_us: int, config: RetriesConfig) -> None:
        self._budgets = {
            name: budget
            for name, budget in self._budgets.items()
            if not is_idle(budget, now_us, config)
        }
