"""The retry budget: extra attempts stay a share of the traffic, whatever comes in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.configuration import RetriesConfig
from llmrouter.policy.retry_budget import (
    EMPTY,
    Budget,
    allows_extra,
    is_idle,
    on_attempt,
    on_extra,
)

CONFIG = RetriesConfig(share=0.2, floor=3, window_s=10)
SECOND_US = 1_000_000


def after(attempts: int, extra: int, now_us: int = 0, budget: Budget = EMPTY) -> Budget:
    for _ in range(attempts):
        budget = on_attempt(budget, now_us, CONFIG)
    for _ in range(extra):
        budget = on_extra(budget, now_us, CONFIG)
    return budget


def test_a_few_are_always_allowed() -> None:
    assert allows_extra(after(1, 2), 0, CONFIG)
    assert not allows_extra(after(1, 3), 0, CONFIG)


def test_a_share_of_the_traffic_is_allowed() -> None:
    assert allows_extra(after(100, 19), 0, CONFIG)
    assert not allows_extra(after(100, 20), 0, CONFIG)


def test_the_window_before_fades_out() -> None:
    budget = after(100, 20)
    assert not allows_extra(budget, 9 * SECOND_US, CONFIG)
    # Halfway through the next window half of it counts: 10 of 50 are used.
    later = after(0, 0, 15 * SECOND_US, budget)
    assert not allows_extra(later, 15 * SECOND_US, CONFIG)
    assert allows_extra(after(5, 0, 15 * SECOND_US, budget), 15 * SECOND_US, CONFIG)
    assert allows_extra(budget, 20 * SECOND_US, CONFIG)
    assert is_idle(budget, 20 * SECOND_US, CONFIG)
    assert not is_idle(budget, 19 * SECOND_US, CONFIG)


def test_nothing_is_allowed_with_no_share_and_no_floor() -> None:
    config = RetriesConfig(share=0, floor=0)
    assert not allows_extra(after(100, 0), 0, config)


steps = st.lists(st.tuples(st.integers(0, 3 * SECOND_US), st.booleans()), max_size=300)


@given(steps)
def test_within_a_window_extra_attempts_keep_to_the_share(
    happenings: list[tuple[int, bool]],
) -> None:
    """However attempts and wishes for a retry are mixed: of the attempts of any moment's window
    and the one before it, never more than the share and the floor of each."""
    budget, now_us = EMPTY, 0
    sent: list[int] = []
    extra: list[int] = []
    window_us = round(CONFIG.window_s * 1e6)
    for wait_us, wants_extra in happenings:
        now_us += wait_us
        if not wants_extra:
            budget = on_attempt(budget, now_us, CONFIG)
            sent.append(now_us)
        elif allows_extra(budget, now_us, CONFIG):
            budget = on_extra(budget, now_us, CONFIG)
            extra.append(now_us)
        recent = sum(at > now_us - window_us for at in extra)
        traffic = sum(at > now_us - 2 * window_us for at in sent)
        assert recent <= 2 * max(CONFIG.floor, CONFIG.share * traffic)
