"""In which order a route's targets are tried."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from llmrouter.core.configuration import StrategyName
from llmrouter.core.routing import Target
from llmrouter.policy.strategies import STRATEGIES, cheapest, priority, shuffle
from tests.prices import charging

TARGETS = tuple(Target("lab", name) for name in ("dear", "unknown", "half", "cheap", "free"))
PRICES = {
    TARGETS[0]: charging({"input": 3_000, "output": 15_000}),
    TARGETS[2]: charging({"output": 10}),
    TARGETS[3]: charging({"input": 100, "output": 400}),
    TARGETS[4]: charging({"input": 0, "output": 0}),
}


def test_priority_is_the_configured_order() -> None:
    assert priority(TARGETS, price_of=PRICES.get, request_id=1) == TARGETS


def test_cheapest_comes_first_and_the_unknown_last_in_their_order() -> None:
    ordered = cheapest(TARGETS, price_of=PRICES.get, request_id=1)

    assert [target.model for target in ordered] == ["free", "cheap", "dear", "unknown", "half"]


def test_a_shuffle_is_the_same_for_the_same_request() -> None:
    first = shuffle(TARGETS, price_of=PRICES.get, request_id=42)

    assert first == shuffle(TARGETS, price_of=PRICES.get, request_id=42)
    assert sorted(first) == sorted(TARGETS)


def test_shuffles_spread_requests_evenly() -> None:
    firsts = Counter(
        shuffle(TARGETS, price_of=PRICES.get, request_id=request_id)[0]
        for request_id in range(2_000)
    )

    assert all(300 < firsts[target] < 500 for target in TARGETS)


def test_every_configurable_strategy_exists() -> None:
    assert set(STRATEGIES) == set(get_args(StrategyName))
