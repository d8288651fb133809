"""What was learned of models while running: what providers say of them, and what they refused."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import get_args

from llmrouter.core.capabilities import NOTHING_LEARNED, Learned, ModelFacts
from llmrouter.core.clock import Clock
from llmrouter.core.routing import Need, Target

KEPT_S = 86_400.0
"""A model that could not do something yesterday may have learned it."""

MAX_REFUSALS = 10_000
"""Of more, the oldest is forgotten: names of models may be a client's invention."""


class Knowledge:
    """Kept in memory; begins with nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, Mapping[str, ModelFacts]] = {}
        self._refused: OrderedDict[tuple[str, Need], int] = OrderedDict()

    def of(self, target: Target) -> Learned:
        """Everything that was learned of the target's model."""
        if not (self._said or self._refused):
            return NOTHING_LEARNED
        of_provider = self._said.get(target.provider)
        said = None if of_provider is None else of_provider.get(target.model)
        if said is None and not self._refused:
            return NOTHING_LEARNED
        return Learned(said or NOTHING_LEARNED.said, frozenset(self.refusals(target)))

    def refusals(self, target: Target) -> Mapping[Need, int]:
        """The needs that requests were refused for, each with until when that is remembered (wall
        clock, µs)."""
        if not self._refused:
            return {}
        now_us, name = self._clock.now_us(), target.name
        needs: tuple[Need, ...] = get_args(Need)
        found = {need: self._refused.get((name, need), 0) for need in needs}
        return {need: until_us for need, until_us in found.items() if until_us > now_us}

    def note_said(self, provider: str, facts: Mapping[str, ModelFacts]) -> None:
        """Takes in what a provider says of its models, by their ids; it replaces what it said."""
        self._said[provider] = facts

    def note_refused(self, target: Target, needs: Collection[Need]) -> None:
        """Takes in that the target refused a request because of these needs."""
        until_us = self._clock.now_us() + round(KEPT_S * 1e6)
        for need in needs:
            self._refused[target.name, need] = until_us
            self._refused.move_to_end((target.name, need))
        while len(self._refused) > MAX_REFUSALS:
            self._refused.popitem(last=False)
