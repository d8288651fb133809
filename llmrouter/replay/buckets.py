"""Sums by lot: what a bootstrap needs of a million observations, in constant memory.

Each request falls into one of `BUCKETS` by its id.  Drawing buckets instead of requests gives the
same interval as long as requests are independent of each other, and takes one pass.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from operator import mul
from typing import Final

from llmrouter.core.records import Record

BUCKETS: Final = 128
REPLICATES: Final = 400
_MASK: Final = (1 << 64) - 1

Weights = Sequence[int]
"""How often each bucket was drawn in one replicate."""


class Interval(Record):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def bucket_of(request_id: int) -> int:
    """The bucket of a request; looks like chance (Fibonacci hashing)."""
    return (request_id * 0x9E37_79B9_7F4A_7C15 & _MASK) >> 57


class Sum:
    """A sum by bucket."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts = [0.0] * BUCKETS

    def add(self, bucket: int, value: float) -> None:
        self.parts[bucket] += value

    @property
    def total(self) -> float:
        return math.fsum(self.parts)

    def drawn(self, weights: Weights) -> float:
        """The sum in one replicate."""
        drawn: float = sum(map(mul, weights, self.parts))
        return drawn


def draws(seed: int) -> list[Weights]:
    """The weights of every replicate; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 -- it decides on intervals, not on secrets
    drawn: list[Weights] = []
    for _ in range(REPLICATES):
        weights = [0] * BUCKETS
        for bucket in chance.choices(range(BUCKETS), k=BUCKETS):
            weights[bucket] += 1
        drawn.append(weights)
    return drawn


ONCE: Final[Weights] = (1,) * BUCKETS
"""What was really observed."""


def interval(
    figure: Callable[[Weights], float | None], replicates: Sequence[Weights]
) -> Interval | None:
    """The figure and its interval (percentiles of the replicates); None when there is none."""
    value = figure(ONCE)
    if value is None:
        return None
    found = sorted(one for weights in replicates if (one := figure(weights)) is not None)
    if not found:
        return None
    cut = len(found) // 40  # 2.5 % on each side
    return Interval(value, found[cut], found[-1 - cut])
