"""The breaker: when it opens, for how long, who may probe, that it always comes back (law 6)."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.events import BreakerClosed, BreakerHalfOpened, BreakerOpened, BreakerReset
from llmrouter.policy import breaker
from llmrouter.policy.breaker import CLOSED, MOVES, BreakerState, Transition

T0 = 1_795_000_000_000_000
CONFIG = BreakerConfig(failure_threshold=3, recovery_timeout_s=300, half_open_probes=1)
TARGET = "lab/fast"


def s(seconds: float) -> int:
    return T0 + round(seconds * 1e6)


def fail(
    state: BreakerState,
    at_s: float,
    request_id: int,
    *,
    config: BreakerConfig = CONFIG,
    jitter: float = 0.0,
    sole_target: bool = False,
) -> Transition:
    return breaker.on_failure(
        state,
        s(at_s),
        config,
        target=TARGET,
        request_id=request_id,
        reason="upstream_error",
        jitter=jitter,
        sole_target=sole_target,
    )


def succeed(state: BreakerState, at_s: float, request_id: int) -> Transition:
    return breaker.on_success(state, s(at_s), target=TARGET, request_id=request_id)


def permit(
    state: BreakerState, at_s: float, request_id: int, *, config: BreakerConfig = CONFIG
) -> Transition | None:
    return breaker.take_permit(
        state, s(at_s), config, target=TARGET, request_id=request_id, lease_s=60
    )


def opened(at_s: float = 0) -> BreakerState:
    state = CLOSED
    for request_id in (1, 2, 3):
        state = fail(state, at_s, request_id).state
    assert state.position == "open"
    return state


def probing(at_s: float = 300, request_id: int = 10) -> BreakerState:
    taken = permit(opened(), at_s, request_id)
    assert taken is not None
    return taken.state


def test_three_failures_in_a_row_open_it_for_the_recovery_time() -> None:
    first = fail(CLOSED, 0, 1)
    second = fail(first.state, 1, 2)
    third = fail(second.state, 2, 3)

    assert (first.events, second.events) == ((), ())
    assert third.events == (BreakerOpened(TARGET, 3, s(302), "upstream_error"),)
    assert not breaker.allows(third.state, s(301.9), CONFIG)
    assert breaker.allows(third.state, s(302), CONFIG)
    assert breaker.wait_s(third.state, s(2)) == 300


def test_a_success_in_between_starts_the_count_anew() -> None:
    state = fail(fail(CLOSED, 0, 1).state, 0, 2).state
    state = succeed(state, 0, 3).state
    state = fail(fail(state, 0, 4).state, 0, 5).state

    assert state.position == "closed"


def test_retries_of_one_request_count_once() -> None:
    state = CLOSED
    for _ in range(5):
        state = fail(state, 0, 1).state

    assert (state.position, state.failures) == ("closed", 1)


def test_a_target_that_always_breaks_after_its_first_token_opens_all_the_same() -> None:
    state = CLOSED
    for request_id in (1, 2, 3):
        state = succeed(state, 0, request_id).state
        state = fail(state, 0, request_id).state

    assert state.position == "open"


def test_half_of_ten_outcomes_within_a_minute_open_it() -> None:
    state = CLOSED
    for request_id in range(10):
        act = fail if request_id % 2 == 0 else succeed
        state = act(state, request_id, request_id).state
    assert state.position == "closed"

    tipped = fail(state, 11, 99)

    assert tipped.state.position == "open"
    assert isinstance(tipped.events[0], BreakerOpened)


def test_the_same_failures_spread_over_minutes_do_not() -> None:
    state = CLOSED
    for request_id in range(40):
        act = fail if request_id % 2 == 0 else succeed
        state = act(state, request_id * 30, request_id).state

    assert state.position == "closed"


def test_a_success_without_a_past_changes_nothing() -> None:
    assert succeed(CLOSED, 0, 1).state is CLOSED


@pytest.mark.parametrize(("jitter", "open_s"), [(-1, 240), (0, 300), (0.5, 330), (1, 360)])
def test_jitter_moves_the_time_by_a_fifth_at_most(jitter: float, open_s: float) -> None:
    state = fail(fail(CLOSED, 0, 1).state, 0, 2).state

    assert fail(state, 0, 3, jitter=jitter).state.open_until_us == s(open_s)


@pytest.mark.parametrize(("recovery_timeout_s", "open_s"), [(300, 10), (4, 4)])
def test_with_nothing_to_fall_back_to_it_stays_open_for_seconds_only(
    recovery_timeout_s: float, open_s: float
) -> None:
    config = BreakerConfig(failure_threshold=1, recovery_timeout_s=recovery_timeout_s)

    state = fail(CLOSED, 0, 1, config=config, sole_target=True).state

    assert state.open_until_us == s(open_s)


def test_after_the_wait_one_request_probes_and_the_others_pass_on() -> None:
    taken = permit(opened(), 300, 10)

    assert taken is not None
    assert taken.events == (BreakerHalfOpened(TARGET),)
    assert taken.state.position == "half_open"
    assert permit(taken.state, 301, 11) is None
    assert not breaker.allows(taken.state, s(301), CONFIG)


def test_as_many_probe_as_are_configured() -> None:
    config = BreakerConfig(half_open_probes=2)
    state = opened()
    for request_id in (10, 11):
        taken = permit(state, 300, request_id, config=config)
        assert taken is not None
        state = taken.state

    assert permit(state, 300, 12, config=config) is None


def test_a_probe_that_succeeds_closes_it() -> None:
    closed = succeed(probing(), 301, 10)

    assert closed.events == (BreakerClosed(TARGET),)
    assert (closed.state.position, closed.state.failures) == ("closed", 0)


def test_a_probe_that_fails_opens_it_again() -> None:
    again = fail(probing(), 301, 10)

    assert again.state.position == "open"
    assert again.state.open_until_us == s(601)
    assert isinstance(again.events[0], BreakerOpened)


def test_a_probe_that_breaks_after_its_first_token_opens_it_again() -> None:
    closed = succeed(probing(), 301, 10).state

    assert fail(closed, 302, 10).state.position == "open"


def test_a_probe_whose_client_left_gives_its_permit_back() -> None:
    left = breaker.on_released(probing(), s(301), request_id=10)

    assert left.state.position == "half_open"
    assert left.events == ()
    assert permit(left.state, 301, 11) is not None


def test_a_probe_that_never_reports_loses_its_permit() -> None:
    state = probing(300)

    assert permit(state, 359, 11) is None
    assert permit(state, 360, 11) is not None


@pytest.mark.parametrize("state", [opened(), probing()], ids=["open", "half_open"])
def test_outcomes_of_requests_without_a_permit_move_nothing(state: BreakerState) -> None:
    assert fail(state, 1, 99) == Transition(state)
    assert succeed(state, 1, 99) == Transition(state)
    assert breaker.on_released(state, s(1), request_id=99) == Transition(state)


def test_when_all_are_open_the_one_that_reopens_soonest_gets_a_trial() -> None:
    chain = [("lab/a", opened(50)), ("lab/b", opened(20)), ("lab/c", opened(30))]

    assert breaker.trial_target(chain, s(60)) == "lab/b"


def test_there_is_one_trial_in_five_seconds() -> None:
    tried = breaker.take_trial(opened(0), s(60), target="lab/a", request_id=5, lease_s=600)
    assert tried.events == (BreakerHalfOpened("lab/a"),)
    assert breaker.trial_target([("lab/a", tried.state)], s(61)) is None

    failed = fail(tried.state, 61, 5).state
    chain = [("lab/a", failed), ("lab/b", opened(30))]

    assert breaker.trial_target(chain, s(64.9)) is None
    assert breaker.trial_target(chain, s(65)) == "lab/b"


def test_a_trial_that_succeeds_closes_the_breaker_before_its_time() -> None:
    tried = breaker.take_trial(opened(0), s(60), target=TARGET, request_id=5, lease_s=60)

    assert succeed(tried.state, 61, 5).state.position == "closed"


def test_a_model_that_does_not_exist_is_open_for_an_hour_from_anywhere() -> None:
    for state in (CLOSED, opened(), probing()):
        forced = breaker.force_open(
            state,
            s(0),
            target=TARGET,
            open_s=breaker.MISCONFIGURED_OPEN_S,
            reason="upstream_model",
        )
        assert forced.state.open_until_us == s(3600)
        assert forced.state.permits == ()


def test_reset_closes_it_from_anywhere() -> None:
    for state in (CLOSED, fail(CLOSED, 0, 1).state, opened(), probing()):
        assert breaker.reset(state, target=TARGET) == Transition(CLOSED, (BreakerReset(TARGET),))


def test_a_clock_set_back_does_not_keep_it_open_for_ever() -> None:
    assert breaker.allows(opened(0), s(-3600), CONFIG)


@pytest.mark.parametrize(
    ("position", "until_s", "allowed_at_s"),
    [
        ("closed", None, 0),
        ("open", 120, 120),
        ("open", 90_000, 300),  # written under another clock
        ("open", -50, 0),
        ("half_open", 120, 0),  # whoever probed is dead
    ],
)
def test_a_restart_takes_up_where_the_row_stands(
    position: str, until_s: float | None, allowed_at_s: float
) -> None:
    until_us = None if until_s is None else s(until_s)

    state = breaker.restore(position, 2, until_us, s(0))

    assert breaker.allows(state, s(allowed_at_s), CONFIG)
    assert allowed_at_s == 0 or not breaker.allows(state, s(allowed_at_s - 1), CONFIG)
    assert state.failures == 2


def test_failures_before_a_restart_count_on() -> None:
    state = breaker.restore("closed", 2, None, s(0))

    assert fail(state, 1, 9).state.position == "open"


class BreakerLife(RuleBasedStateMachine):
    """Any order of outcomes, permits, lapses, clock jumps and resets."""

    def __init__(self) -> None:
        super().__init__()
        self.state = CLOSED
        self.told: str = "closed"
        self.now_s = 0.0
        self.requests = 0
        self.config = BreakerConfig(failure_threshold=2, recovery_timeout_s=30, half_open_probes=2)

    def take(self, moved: Transition) -> None:
        before, after = self.state.position, moved.state.position
        assert before == after or any(
            start == before and end == after for (start, _), end in MOVES.items()
        )
        for event in moved.events:
            self.told = breaker.after_event(event)
        self.state = moved.state

    def request(self, *, known: bool) -> int:
        if known and self.state.permits:
            return self.state.permits[0].request_id
        self.requests += 1
        return self.requests

    @rule(known=st.booleans(), jitter=st.floats(-1, 1))
    def failure(self, known: bool, jitter: float) -> None:
        request_id = self.request(known=known)
        self.take(fail(self.state, self.now_s, request_id, config=self.config, jitter=jitter))

    @rule(known=st.booleans())
    def success(self, known: bool) -> None:
        self.take(succeed(self.state, self.now_s, self.request(known=known)))

    @rule(known=st.booleans())
    def release(self, known: bool) -> None:
        request_id = self.request(known=known)
        self.take(breaker.on_released(self.state, s(self.now_s), request_id=request_id))

    @rule()
    def ask(self) -> None:
        taken = permit(self.state, self.now_s, self.request(known=False), config=self.config)
        allowed = breaker.allows(self.state, s(self.now_s), self.config)
        assert (taken is not None) == allowed
        if taken is not None:
            self.take(taken)

    @rule()
    def try_when_all_are_open(self) -> None:
        if breaker.trial_target([(TARGET, self.state)], s(self.now_s)) == TARGET:
            request_id = self.request(known=False)
            self.take(
                breaker.take_trial(
                    self.state, s(self.now_s), target=TARGET, request_id=request_id, lease_s=60
                )
            )

    @rule(seconds=st.floats(-100, 400))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def somebody_resets(self) -> None:
        self.take(breaker.reset(self.state, target=TARGET))

    @rule()
    def process_restarts(self) -> None:
        self.state = breaker.restore(
            self.state.position, self.state.failures, self.state.open_until_us, s(self.now_s)
        )
        self.told = self.state.position

    @invariant()
    def events_tell_the_position(self) -> None:
        assert self.told == self.state.position

    @invariant()
    def only_half_open_holds_permits_and_never_too_many(self) -> None:
        assert self.state.position == "half_open" or not self.state.permits
        assert len(self.state.permits) <= self.config.half_open_probes

    @precondition(lambda self: self.state.position != "closed")
    @invariant()
    def it_always_comes_back(self) -> None:
        # After a clock set back, the stretch in which it rests may lie ahead; it is shorter than
        # 100 s, so that one of two moments lies outside.
        for later_s in (self.now_s + 100, self.now_s + 200):
            taken = permit(self.state, later_s, 10**9, config=self.config)
            if taken is not None:
                break
        assert taken is not None
        assert succeed(taken.state, later_s, 10**9).state.position == "closed"


BreakerLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBreakerLife = BreakerLife.TestCase


def test_a_permit_does_not_outlive_the_breakers_opening() -> None:
    two = BreakerConfig(half_open_probes=2)
    first = permit(opened(), 300, 10, config=two)
    assert first is not None
    second = permit(first.state, 300, 11, config=two)
    assert second is not None

    again = fail(second.state, 301, 10, config=two).state

    assert succeed(again, 302, 11).state.position == "open"
