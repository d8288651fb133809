"""Tokens where nobody counted them: a count by character class, corrected by what was learnt.

Whenever a provider tells what a request used, its figures are held against our own counts, so that
the estimate of the next interrupted reply of the same model is about right, whatever its tokenizer
and whatever the provider adds to a prompt.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from llmrouter.core.errors import Overloaded
from llmrouter.core.requests import ChatRequest
from llmrouter.core.usage import Usage
from llmrouter.dialects.wire import Observed
from llmrouter.policy.token_counts import count_by_length, count_prompt
from llmrouter.policy.token_ratios import LearntRatio, RatioKind

RatioKey = tuple[str, RatioKind]
"""The model (``provider/model``) and what was counted."""

KEPT_RATIOS: Final = 2_000
KEEP_EVERY_S: Final = 60.0
LEARN_ALWAYS: Final = 16
LEARN_EVERY: Final = 32
"""The first so many replies teach the most; afterwards one in so many keeps a ratio true."""


class RatioKeeper(Protocol):
    """Where what was learnt outlives the process."""

    async def keep(self, learnt: Sequence[LearntRatio]) -> None:
        """Writes it over what was known.  Raises `Overloaded`."""


class Estimator:
    """Estimates, and learns.  Holds at most `KEPT_RATIOS` ratios; the longest unused goes first."""

    def __init__(self, learnt: tuple[LearntRatio, ...] = ()) -> None:
        self._ratios: OrderedDict[RatioKey, LearntRatio] = OrderedDict(
            ((row.model, row.kind), row) for row in learnt[-KEPT_RATIOS:]
        )
        self._seen: dict[str, int] = {}
        self._changed: set[RatioKey] = set()

    def usage(self, model: str, request: ChatRequest, observed: Observed | None) -> Usage:
        """What a reply that broke off, or told nothing, has probably used so far."""
        prompt = count_prompt(request.document)
        return Usage(
            uncached_input_tokens=self._corrected(model, prompt.kind, prompt.tokens),
            text_output_tokens=(
                0 if observed is None else self._corrected(model, "output", _spoken(observed))
            ),
        )

    def input_tokens(self, model: str, request: ChatRequest) -> int:
        """About how many tokens this model makes of the request."""
        prompt = count_prompt(request.document)
        return self._corrected(model, prompt.kind, prompt.tokens)

    def learn(self, model: str, request: ChatRequest, observed: Observed) -> None:
        """Takes in what a provider reported of a whole reply, now and then."""
        usage = observed.usage
        if usage is None:
            return
        if len(self._seen) > KEPT_RATIOS:
            self._seen.clear()
        seen = self._seen[model] = self._seen.get(model, 0) + 1
        if seen > LEARN_ALWAYS and seen % LEARN_EVERY:
            return
        if usage.input_tokens:
            prompt = count_prompt(request.document)
            self._take_in(model, prompt.kind, prompt.tokens, usage.input_tokens)
        # Thoughts may be billed without being shown: such a reply says nothing of its text.
        if usage.text_output_tokens and not usage.reasoning_tokens:
            self._take_in(model, "output", _spoken(observed), usage.text_output_tokens)

    def take_changed(self) -> tuple[LearntRatio, ...]:
        """What was learnt since the last time, to be kept."""
        changed = tuple(self._ratios[key] for key in self._changed if key in self._ratios)
        self._changed.clear()
        return changed

    async def keep_in(self, keeper: RatioKeeper) -> None:
        """Keeps what was learnt since the last time; a ledger that is away loses nothing that
        would not be learnt again."""
        learnt = self.take_changed()
        if learnt:
            with suppress(Overloaded):
                await keeper.keep(learnt)

    async def run(self, keeper: RatioKeeper) -> None:
        """Keeps from time to time what was learnt, until it is cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self.keep_in(keeper)

    def _take_in(self, model: str, kind: RatioKind, counted: int, reported: int) -> None:
        if counted <= 0:
            return
        key = (model, kind)
        known = self._ratios.pop(key, None) or LearntRatio(model, kind)
        self._ratios[key] = known.with_more(counted, reported)
        self._changed.add(key)
        if len(self._ratios) > KEPT_RATIOS:
            self._ratios.popitem(last=False)

    def _corrected(self, model: str, kind: RatioKind, counted: int) -> int:
        learnt = self._ratios.get((model, kind))
        return counted if learnt is None else round(counted * learnt.ratio)


def _spoken(observed: Observed) -> int:
    return count_by_length(observed.output_characters, observed.output_extra_bytes)
