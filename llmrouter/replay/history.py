"""How models fared in the window: the ledger's word on what a change of model would bring.

Tokens of another model: for each category, what its answers have on average against what the old
model's have, and what its input takes per byte of request.  Both need `ENOUGH` answers of both.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from llmrouter.core.ids import id_floor
from llmrouter.core.records import Record
from llmrouter.core.replay import PastAnswer, ReplayWindow
from llmrouter.policy.statistics import Estimate, share
from llmrouter.replay.buckets import ONCE, Sum, Weights, bucket_of
from llmrouter.replay.ports import Log

ENOUGH: Final = 20
"""Answers of each of two models that a ratio needs: below, its interval says nothing."""

PAGE: Final = 5_000
LATEST_ID: Final = (1 << 63) - 1


@dataclass(slots=True)
class Fared:
    """One model's answers in one category (or in all)."""

    ok: Sum = field(default_factory=Sum)
    bad: Sum = field(default_factory=Sum)
    timed: Sum = field(default_factory=Sum)
    duration_us: Sum = field(default_factory=Sum)
    begun: Sum = field(default_factory=Sum)
    first_token_us: Sum = field(default_factory=Sum)
    written: Sum = field(default_factory=Sum)
    output_tokens: Sum = field(default_factory=Sum)
    read: Sum = field(default_factory=Sum)
    input_tokens: Sum = field(default_factory=Sum)
    body_bytes: Sum = field(default_factory=Sum)

    def add(self, answer: PastAnswer) -> None:
        """Takes in an answer, or the lack of one."""
        bucket = bucket_of(answer.request_id)
        if answer.ok is False:
            self.bad.add(bucket, 1)
        if not answer.ok:
            return
        self.ok.add(bucket, 1)
        if answer.duration_us is not None:
            self.timed.add(bucket, 1)
            self.duration_us.add(bucket, answer.duration_us)
        if answer.first_token_us is not None:
            self.begun.add(bucket, 1)
            self.first_token_us.add(bucket, answer.first_token_us)
        if answer.output_tokens is not None:
            self.written.add(bucket, 1)
            self.output_tokens.add(bucket, answer.output_tokens)
        if answer.input_tokens is not None and answer.body_bytes:
            self.read.add(bucket, 1)
            self.input_tokens.add(bucket, answer.input_tokens)
            self.body_bytes.add(bucket, answer.body_bytes)

    def mean_duration_us(self, weights: Weights = ONCE) -> float | None:
        return quotient(self.duration_us, self.timed, weights)

    def mean_first_token_us(self, weights: Weights = ONCE) -> float | None:
        return quotient(self.first_token_us, self.begun, weights)

    def success(self, weights: Weights = ONCE) -> float | None:
        ok, bad = self.ok.drawn(weights), self.bad.drawn(weights)
        return ok / (ok + bad) if ok + bad else None

    @property
    def success_share(self) -> Estimate | None:
        """The share of attempts that were answered, with Wilson's interval."""
        ok, bad = round(self.ok.total), round(self.bad.total)
        return share(ok, ok + bad)


class Ratio(Record):
    """How many tokens one model takes for what another takes one for; ``n`` answers of the one
    with fewer."""

    new: Sum
    new_per: Sum
    old: Sum
    old_per: Sum
    n: int

    def at(self, weights: Weights = ONCE) -> float | None:
        new, old = (
            quotient(self.new, self.new_per, weights),
            quotient(self.old, self.old_per, weights),
        )
        return None if new is None or not old else new / old


class History:
    """How every model fared, by category."""

    def __init__(self) -> None:
        self._by_category: dict[tuple[str | None, str], Fared] = {}
        self._by_model: dict[str, Fared] = {}

    def add(self, answer: PastAnswer) -> None:
        if answer.target is None:
            return
        name = answer.target.name
        within = self._by_category.get((answer.category, name))
        if within is None:
            within = self._by_category[answer.category, name] = Fared()
        overall = self._by_model.get(name)
        if overall is None:
            overall = self._by_model[name] = Fared()
        within.add(answer)
        overall.add(answer)

    @property
    def models(self) -> Collection[str]:
        """Every model that was asked."""
        return self._by_model.keys()

    def of(self, category: str | None, model: str) -> tuple[Fared | None, bool]:
        """A model's answers in a category, or (then the second is true) in any."""
        fared = self._by_category.get((category, model))
        if fared is not None and fared.ok.total:
            return fared, False
        return self._by_model.get(model), True

    def output_ratio(self, category: str | None, old: str, new: str) -> Ratio | None:
        """What the new model writes in a category for a token of the old one's."""
        one, other = self._pair(category, old, new)
        if one is None or other is None:
            return None
        return _ratio(
            other.output_tokens,
            other.written,
            one.output_tokens,
            one.written,
            one.written,
            other.written,
        )

    def input_ratio(self, category: str | None, old: str, new: str) -> Ratio | None:
        """What the new model reads for a token of the old one's: by the bytes of requests."""
        one, other = self._pair(category, old, new)
        if one is None or other is None:
            return None
        return _ratio(
            other.input_tokens,
            other.body_bytes,
            one.input_tokens,
            one.body_bytes,
            one.read,
            other.read,
        )

    def _pair(self, category: str | None, old: str, new: str) -> tuple[Fared | None, Fared | None]:
        return self._by_category.get((category, old)), self._by_category.get((category, new))


async def read_history(log: Log, window: ReplayWindow, *, until_id: int = LATEST_ID) -> History:
    """The history of a window, whatever its filters."""
    history = History()
    after_id = 0 if window.since_us is None else id_floor(window.since_us) - 1
    if window.until_us is not None:
        until_id = min(until_id, id_floor(window.until_us))
    while True:
        page = await log.answers(after_id=after_id, until_id=until_id, limit=PAGE)
        if not page:
            return history
        for answer in page:
            history.add(answer)
        after_id = page[-1].request_id


def quotient(part: Sum, whole: Sum, weights: Weights) -> float | None:
    """What comes of the one for each of the other; None of nothing."""
    per = whole.drawn(weights)
    return part.drawn(weights) / per if per else None


def _ratio(new: Sum, new_per: Sum, old: Sum, old_per: Sum, old_n: Sum, new_n: Sum) -> Ratio | None:
    n = round(min(old_n.total, new_n.total))
    return Ratio(new, new_per, old, old_per, n) if n >= ENOUGH else None
