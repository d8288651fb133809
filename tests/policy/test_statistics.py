"""Intervals and tests against published values, and the laws that they keep."""

from __future__ import annotations

from math import comb, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.policy.statistics import (
    Estimate,
    chi_square_tail,
    compare_mixtures,
    difference,
    mean,
    quantile_ranks,
    share,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I,
        # method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_wilsons_interval(hits: int, n: int, low: float, high: float) -> None:
    found = share(hits, n)
    assert found is not None
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        # Newcombe 1998, "Interval estimation for the difference between independent proportions",
        # table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_shares_is_newcombes(
    a: tuple[int, int], b: tuple[int, int], low: float, high: float
) -> None:
    found = difference(share(*b), share(*a))
    assert found is not None
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_a_mean_has_the_normal_interval() -> None:
    observed = [4.0, 7.0, 13.0, 16.0]
    found = mean(4, sum(observed), sum(x * x for x in observed))
    assert found is not None
    assert found.value == 10.0
    # The sample's standard deviation is √30.
    assert found.high == pytest.approx(10 + 1.959964 * 30**0.5 / 2, abs=1e-5)
    assert mean(0, 0, 0) is None
    assert mean(1, 3.0, 9.0) == Estimate(3.0, None, None, 1, "normal")


@pytest.mark.parametrize(
    ("x", "degrees", "p"),
    [
        # Quantiles of any textbook's table.
        (3.841459, 1, 0.05),
        (5.991465, 2, 0.05),
        (7.814728, 3, 0.05),
        (11.070498, 5, 0.05),
        (18.307038, 10, 0.05),
        (6.634897, 1, 0.01),
        (30.577914, 15, 0.01),
        (0.0, 4, 1.0),
    ],
)
def test_the_chi_square_tail_fits_the_tables(x: float, degrees: int, p: float) -> None:
    assert chi_square_tail(x, degrees) == pytest.approx(p, abs=1e-6)


def test_a_huge_chi_square_has_no_chance() -> None:
    assert chi_square_tail(1e6, 7) == 0.0


def test_mixtures_are_tested_like_any_two_by_two_table() -> None:
    # Fisher's table of convictions of twins (1935): chi-square 13.03 on one degree.
    found = compare_mixtures({"convicted": 10, "not": 3}, {"convicted": 2, "not": 15})
    assert found is not None
    assert found.degrees == 1
    assert found.chi_square == pytest.approx(13.032, abs=1e-3)
    assert found.distance == pytest.approx(10 / 13 - 2 / 17)


def test_rare_kinds_are_pooled_before_testing() -> None:
    common = {"a": 100, "b": 100}
    found = compare_mixtures(
        {**common, **{f"x{i}": 1 for i in range(20)}}, {**common, **{f"y{i}": 1 for i in range(20)}}
    )
    assert found is not None
    assert found.degrees == 2
    assert found.p == pytest.approx(1.0)
    assert found.distance == pytest.approx(20 / 220)


def test_one_kind_alone_cannot_be_tested() -> None:
    found = compare_mixtures({"a": 5}, {"a": 900})
    assert found is not None
    assert (found.distance, found.p) == (0.0, None)
    assert compare_mixtures({}, {"a": 1}) is None


mixtures = st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 10_000), min_size=1)


@given(mixtures, mixtures)
def test_comparing_is_symmetric_and_bounded(a: dict[str, int], b: dict[str, int]) -> None:
    found, other = compare_mixtures(a, b), compare_mixtures(b, a)
    assert (found is None) == (other is None)
    if found is None or other is None:
        return
    assert found.distance == pytest.approx(other.distance)
    assert -1e-9 <= found.distance <= 1 + 1e-9
    assert found.p is None or 0 <= found.p <= 1


@given(st.integers(1, 100_000), st.data())
def test_a_shares_interval_holds_it_and_stays_a_share(n: int, data: st.DataObject) -> None:
    found = share(data.draw(st.integers(0, n)), n)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(2, 400), st.sampled_from([0.5, 0.95]))
def test_a_quantiles_ranks_cover_it_often_enough(n: int, q: float) -> None:
    """The chance that the true quantile lies between the two is exactly binomial."""
    low, at, high = quantile_ranks(n, q)
    assert (low or 1) <= at <= (high or n)
    below = -inf if low is None else low
    above = inf if high is None else high
    between = (k for k in range(n + 1) if below <= k < above)
    covered = sum(comb(n, k) * q**k * (1 - q) ** (n - k) for k in between)
    assert covered >= 0.93


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3), st.floats(-1e6, 1e6), st.floats(0, 1e3))
def test_a_difference_turns_its_sign_with_its_sides(
    a: float, half_a: float, b: float, half_b: float
) -> None:
    one, two = (
        Estimate(x, x - half, x + half, 9, "normal") for x, half in ((a, half_a), (b, half_b))
    )
    there, back = difference(one, two), difference(two, one)
    assert there is not None
    assert back is not None
    assert there.value == -back.value
    assert there.low == pytest.approx(-(back.high or 0))
    assert there.is_clear == back.is_clear
