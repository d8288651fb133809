"""What a node takes over of what other nodes found out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.ledger import AccountLockRow, BreakerRow, CooldownRow
from llmrouter.policy.breaker import CLOSED, BreakerState, Permit
from llmrouter.policy.sharing import Pause, shared_breaker, shared_lock_s, shared_pause

NOW = 1_000_000_000
OPEN = BreakerState("open", 3, opened_us=NOW - 10, open_until_us=NOW + 90)
DUE = BreakerState("half_open", 3, open_until_us=NOW - 1)
PROBING = BreakerState("half_open", 3, permits=(Permit(7, NOW - 5, NOW + 50),))
COUNTING = BreakerState(failures=2, window_since_us=NOW - 9, window_outcomes=4, window_failures=2)


def row(state: str, updated_us: int, until_us: int | None = None) -> BreakerRow:
    return BreakerRow("lab", "fast", state, 3 if until_us else 0, until_us, updated_us)


@pytest.mark.parametrize(
    ("known", "moved_us", "told", "position", "until_us"),
    [
        pytest.param(CLOSED, 0, row("open", 5, NOW + 70), "open", NOW + 70, id="opens"),
        pytest.param(COUNTING, 0, row("open", 5, NOW + 70), "open", NOW + 70, id="opens counting"),
        pytest.param(CLOSED, 6, row("open", 5, NOW + 70), None, None, id="older than ours"),
        pytest.param(CLOSED, 5, row("open", 5, NOW + 70), None, None, id="our own"),
        pytest.param(OPEN, 5, row("open", 6, NOW + 10), "open", NOW + 10, id="opened again"),
        pytest.param(OPEN, 5, row("closed", 6), "closed", None, id="closed elsewhere"),
        pytest.param(PROBING, 5, row("closed", 6), "closed", None, id="closed while probing"),
        pytest.param(PROBING, 5, row("open", 6, NOW + 70), None, None, id="our probe decides"),
        pytest.param(DUE, 5, row("open", 6, NOW + 70), "open", NOW + 70, id="no probe of ours"),
        pytest.param(OPEN, 5, row("half_open", 6), None, None, id="another's probe"),
        pytest.param(COUNTING, 0, row("closed", 6), None, None, id="counts stay our own"),
    ],
)
def test_a_breaker_stands_where_it_was_moved_last(
    known: BreakerState, moved_us: int, told: BreakerRow, position: str | None, until_us: int | None
) -> None:
    shared = shared_breaker(known, moved_us, told, NOW)
    if position is None:
        assert shared is None
        return
    assert shared is not None
    assert (shared.position, shared.open_until_us) == (position, until_us)
    assert not shared.permits


moments = st.integers(-(2**63), 2**63 - 1)  # as a column takes them
pauses = st.builds(CooldownRow, st.just("lab/fast"), st.integers(1, 99), st.just(""), moments)


@given(st.lists(pauses, max_size=6))
def test_a_pause_only_moves_outwards_in_whatever_order_it_is_told(rows: list[CooldownRow]) -> None:
    known = Pause(0, -(2**63) - 1)
    for told in rows:
        after = shared_pause(known, told)
        assert after.until_us >= known.until_us
        assert shared_pause(after, told) == after
        known = after
    assert known.until_us == max((told.until_us for told in rows), default=0)


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [
        (Pause(50, 10), CooldownRow("lab/fast", 0, "reset", 11), Pause(0, 11)),
        (Pause(50, 10), CooldownRow("lab/fast", 0, "reset", 9), Pause(50, 10)),
        (Pause(0, 10), CooldownRow("lab/fast", 50, "429", 9), Pause(0, 10)),
        (Pause(0, 10), CooldownRow("lab/fast", 50, "429", 11), Pause(50, 11)),
    ],
    ids=["taken back", "taken back before", "said before it was over", "said after it was over"],
)
def test_a_pause_that_was_taken_back_comes_back_only_when_it_is_said_again(
    known: Pause, told: CooldownRow, expected: Pause
) -> None:
    assert shared_pause(known, told) == expected


def test_an_account_is_locked_or_not_as_was_said_last() -> None:
    locked = AccountLockRow("lab", "default", 70_000_000, "upstream_quota", 10_000_000)
    unlocked = AccountLockRow("lab", "default", 0, "reset", 20_000_000)
    assert shared_lock_s(9_000_000, locked) == 60.0
    assert shared_lock_s(10_000_000, locked) is None
    assert shared_lock_s(10_000_000, unlocked) == 0.0
