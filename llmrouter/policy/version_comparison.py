"""What changed in production between two configuration versions, and whether the traffic did, too.

The store counts (`llmrouter.store.queries.outcomes`); here the counts become figures with
intervals.  A version is not drawn by lot, so a clear difference says that something changed, not
that the configuration did it: where the traffic itself was another, that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import field

from llmrouter.core.records import Record
from llmrouter.policy.statistics import (
    ORDER_STATISTICS,
    Difference,
    Estimate,
    MixtureTest,
    compare_mixtures,
    difference,
    mean,
    share,
)

Unit = Literal["share", "nusd", "us"]
"""What a figure is in: a share of 1, nano-dollars, microseconds."""

QUANTILES: Final = (0.50, 0.95)

SHIFTED_FROM: Final = 0.10
"""Traffic counts as another when at least this share of it would have to change …"""

SHIFTED_P: Final = 0.001
"""… and chance would do that less often than this.  Each alone says little: with many requests any
trifle is beyond chance, with few chance alone goes far."""

FEW_REQUESTS: Final = 30

TRAFFIC: Final[Mapping[str, str]] = {
    "key": "the keys that asked",
    "dialect": "the clients' dialects",
    "stream": "how many asked for streams",
    "requested_model": "the models that were asked for",
    "input_tokens": "the length of the input",
    "time_of_day": "the time of day (UTC)",
}
"""What a configuration does not choose: each dimension of the traffic, in words."""


class Count(Record):
    """``hits`` of ``n``."""

    hits: int
    n: int


class Sums(Record):
    """What a mean needs; ``unknown`` were left out."""

    n: int
    total: float
    squares: float
    unknown: int = 0


class Quantile(Record):
    """An observed quantile and its interval's bounds, in microseconds; see `quantile_ranks`."""

    n: int
    value_us: int
    low_us: int | None
    high_us: int | None


class VersionOutcome(Record):
    """What the ledger says of one version's live requests.

    ``shares``, ``quantiles`` and ``traffic`` are by name; a mixture counts requests by kind.
    ``sampled``: so many requests, drawn by lot, are what quantiles, mixtures and fallbacks rest
    on; None where it is all of them.
    """

    version: int
    requests: int
    first_us: int | None
    last_us: int | None
    shares: Mapping[str, Count]
    cost: Sums
    quantiles: Mapping[str, Quantile]
    categories: Mapping[str, int]
    traffic: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sampled: int | None = None


class Figure(Record):
    """One figure before and after; None where there was nothing to measure."""

    name: str
    unit: Unit
    before: Estimate | None
    after: Estimate | None

    @property
    def change(self) -> Difference | None:
        return difference(self.before, self.after)


class Shift(Record):
    """One dimension of the traffic in which the two versions' requests differ.

    ``kind`` is what moved most, from the share ``before`` to ``after``.
    """

    dimension: str
    test: MixtureTest
    kind: str
    before: float
    after: float

    @property
    def is_notable(self) -> bool:
        """Whether comparing the versions compares different traffic."""
        test = self.test
        return test.distance >= SHIFTED_FROM and test.p is not None and test.p < SHIFTED_P

    @property
    def sentence(self) -> str:
        """The shift in words."""
        return (
            f"{TRAFFIC[self.dimension]} changed: {self.test.distance:.0%} of the requests would "
            f"have to be others to match; most of all {self.kind}, from {self.before:.0%} to "
            f"{self.after:.0%}"
        )


class Comparison(Record):
    """Two versions' outcomes side by side."""

    before: VersionOutcome
    after: VersionOutcome
    figures: tuple[Figure, ...]
    categories: tuple[Figure, ...]
    category_shift: Shift | None
    traffic: tuple[Shift, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the differences may not be the configuration's doing."""
        few = tuple(
            f"version {outcome.version} has only {outcome.requests} requests here: the intervals "
            "are rough"
            for outcome in (self.before, self.after)
            if outcome.requests < FEW_REQUESTS
        )
        return few + tuple(shift.sentence for shift in self.traffic if shift.is_notable)


def compare_versions(before: VersionOutcome, after: VersionOutcome) -> Comparison:
    """Every figure of both with its interval, and where their traffic differs."""
    shifts = [
        shift
        for dimension in TRAFFIC
        if (
            shift := _shift(
                dimension, before.traffic.get(dimension, {}), after.traffic.get(dimension, {})
            )
        )
    ]
    return Comparison(
        before,
        after,
        figures=_figures(before, after),
        categories=_categories(before, after),
        category_shift=_shift("category", before.categories, after.categories),
        traffic=tuple(sorted(shifts, key=lambda shift: -shift.test.distance)),
    )


def _figures(before: VersionOutcome, after: VersionOutcome) -> tuple[Figure, ...]:
    shares = [
        Figure(name, "share", _share(before.shares[name]), _share(after.shares[name]))
        for name in before.shares
    ]
    cost = Figure("cost_per_request", "nusd", _mean(before.cost), _mean(after.cost))
    names = sorted(before.quantiles.keys() | after.quantiles.keys())
    quantiles = [
        Figure(name, "us", _quantile(before, name), _quantile(after, name)) for name in names
    ]
    return (*shares, cost, *quantiles)


def _categories(before: VersionOutcome, after: VersionOutcome) -> tuple[Figure, ...]:
    """Each category's share, the largest first."""
    total_before, total_after = sum(before.categories.values()), sum(after.categories.values())
    names = before.categories.keys() | after.categories.keys()
    size = {n: before.categories.get(n, 0) + after.categories.get(n, 0) for n in names}
    return tuple(
        Figure(
            name,
            "share",
            share(before.categories.get(name, 0), total_before),
            share(after.categories.get(name, 0), total_after),
        )
        for name in sorted(names, key=lambda name: (-size[name], name))
    )


def _shift(dimension: str, before: Mapping[str, int], after: Mapping[str, int]) -> Shift | None:
    test = compare_mixtures(before, after)
    if test is None:
        return None
    total_before, total_after = sum(before.values()), sum(after.values())
    parts = {
        kind: (before.get(kind, 0) / total_before, after.get(kind, 0) / total_after)
        for kind in sorted(before.keys() | after.keys())
    }
    kind = max(parts, key=lambda kind: abs(parts[kind][1] - parts[kind][0]))
    return Shift(dimension, test, kind, *parts[kind])


def _share(count: Count) -> Estimate | None:
    return share(count.hits, count.n)


def _mean(sums: Sums) -> Estimate | None:
    return mean(sums.n, sums.total, sums.squares)


def _quantile(outcome: VersionOutcome, name: str) -> Estimate | None:
    found = outcome.quantiles.get(name)
    if found is None:
        return None
    return Estimate(found.value_us, found.low_us, found.high_us, found.n, ORDER_STATISTICS)
