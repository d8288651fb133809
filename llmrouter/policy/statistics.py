"""Estimates with 95 % intervals, and tests of whether two mixtures are the same.  Pure arithmetic.

Each figure has its own kind of interval; differences are made of two such intervals by MOVER (the
method of variance estimates recovery, Zou and Donner 2008), which for two shares is Newcombe's
tenth method.  All of them take the observations for independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

from llmrouter.core.records import Record

CONFIDENCE: Final = 0.95
Z: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

WILSON: Final = "Wilson"
NORMAL: Final = "normal"
ORDER_STATISTICS: Final = "order statistics"
MOVER: Final = "MOVER"

EXPECTED_AT_LEAST: Final = 5.0
"""A chi-square test holds where every expected count is at least this (Cochran's rule)."""


class Estimate(Record):
    """A figure from ``n`` observations; a bound that so few cannot give is None."""

    value: float
    low: float | None
    high: float | None
    n: int
    method: str


class Difference(Record):
    """How far a figure moved; None where one of the two intervals is open."""

    value: float
    low: float | None
    high: float | None
    method: str = MOVER

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def share(hits: int, n: int) -> Estimate | None:
    """A share with Wilson's interval, which holds for rare events too; None of nothing."""
    if n == 0:
        return None
    p, z2 = hits / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # At the ends the bounds are exactly 0 and 1, which rounding misses by a hair.
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == n else min(1.0, middle + half)
    return Estimate(p, low, high, n, WILSON)


def mean(n: int, total: float, squares: float) -> Estimate | None:
    """A mean from a sum and a sum of squares, with the normal interval; open below two."""
    if n == 0:
        return None
    value = total / n
    if n == 1:
        return Estimate(value, None, None, n, NORMAL)
    variance = max(0.0, squares - n * value * value) / (n - 1)
    half = Z * math.sqrt(variance / n)
    return Estimate(value, value - half, value + half, n, NORMAL)


class Ranks(NamedTuple):
    """Places (from 1) in ascending order: of a quantile, and of its interval's bounds.

    A bound that lies outside of what was observed is None.
    """

    low: int | None
    at: int
    high: int | None


def quantile_ranks(n: int, q: float) -> Ranks:
    """Which of ``n`` ordered observations estimate a quantile and bound it, whatever their
    distribution (Conover, Practical Nonparametric Statistics, section 3.2)."""
    half = Z * math.sqrt(n * q * (1 - q))
    low, high = math.floor(n * q - half), math.ceil(n * q + half) + 1
    at = min(n, max(1, math.ceil(n * q)))
    return Ranks(low if low >= 1 else None, at, high if high <= n else None)


def difference(before: Estimate | None, after: Estimate | None) -> Difference | None:
    """What changed between two independent estimates, by MOVER; None when one is missing."""
    if before is None or after is None:
        return None
    value = after.value - before.value
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return Difference(value, None, None)
    below = math.hypot(after.value - after.low, before.high - before.value)
    above = math.hypot(after.high - after.value, before.value - before.low)
    return Difference(value, value - below, value + above)


class MixtureTest(Record):
    """How two mixtures differ: ``distance`` is the total variation (0 the same, 1 disjoint), the
    share of one that would have to change to become the other; ``p`` is the chi-square test's
    chance of such a difference where there is none, None when there was too little to test.
    """

    distance: float
    chi_square: float | None
    degrees: int
    p: float | None


def compare_mixtures(a: Mapping[str, int], b: Mapping[str, int]) -> MixtureTest | None:
    """Whether counts by kind come from the same mixture; None when one side is empty.

    Kinds too rare for the test are pooled.
    """
    total_a, total_b = sum(a.values()), sum(b.values())
    if not total_a or not total_b:
        return None
    kinds = a.keys() | b.keys()
    distance = sum(abs(a.get(k, 0) / total_a - b.get(k, 0) / total_b) for k in kinds) / 2
    cells = _testable([(a.get(k, 0), b.get(k, 0)) for k in kinds], total_a, total_b)
    if len(cells) < 2:
        return MixtureTest(distance, None, 0, None)
    chi_square = sum(
        (count - expected) ** 2 / expected
        for cell in cells
        for count, expected in zip(cell, _expected(cell, total_a, total_b), strict=True)
    )
    degrees = len(cells) - 1
    return MixtureTest(distance, chi_square, degrees, chi_square_tail(chi_square, degrees))


def chi_square_tail(x: float, degrees: int) -> float:
    """The chance that a chi-square variable exceeds ``x``: the finite sums for whole degrees of
    freedom (Abramowitz and Stegun, 26.4.4 and 26.4.5)."""
    if x <= 0:
        return 1.0
    half = x / 2
    if degrees % 2:
        total, powers = math.erfc(math.sqrt(half)), [i + 0.5 for i in range(degrees // 2)]
    else:
        total, powers = 0.0, [float(i) for i in range(degrees // 2)]
    log_half = math.log(half)
    terms = (math.exp(power * log_half - math.lgamma(power + 1) - half) for power in powers)
    return min(1.0, total + sum(terms))


def _testable(
    cells: Sequence[tuple[int, int]], total_a: int, total_b: int
) -> list[tuple[int, int]]:
    """The cells with the rare ones pooled; a pool that is itself rare joins the smallest cell."""
    frequent, pool = [], (0, 0)
    for cell in cells:
        if min(_expected(cell, total_a, total_b)) >= EXPECTED_AT_LEAST:
            frequent.append(cell)
        else:
            pool = (pool[0] + cell[0], pool[1] + cell[1])
    if pool == (0, 0):
        return frequent
    if min(_expected(pool, total_a, total_b)) >= EXPECTED_AT_LEAST or not frequent:
        return [*frequent, pool]
    smallest = min(frequent, key=sum)
    frequent.remove(smallest)
    return [*frequent, (smallest[0] + pool[0], smallest[1] + pool[1])]


def _expected(cell: tuple[int, int], total_a: int, total_b: int) -> tuple[float, float]:
    """What both sides would hold of a kind if they were one mixture."""
    part = sum(cell) / (total_a + total_b)
    return part * total_a, part * total_b
