"""The fallback plan, driven by tables of outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmrouter.core.records import replace
from llmrouter.core.routing import Target
from llmrouter.policy.failures import Verdict
from llmrouter.policy.fallback import Failed, PassedOver, PlanEnd, Try, fallback_plan

A, B, C, D = (Target("lab", name) for name in "abcd")
A2 = Target("lab", "a", "second")
E1, E2 = Target("east", "m1"), Target("east", "m2")

FAST = Verdict("transient", "upstream_error", counted=True, retry_same=True)
SLOW = replace(FAST, retry_same=False)
CLIENT = Verdict("client", "client_error", next_target=False)
CONTEXT = Verdict("context", "context_length_exceeded")
AUTH = Verdict("account", "upstream_auth", scope="account", lock_s=3600)
RATE_SOON = Verdict("rate", "rate_limited", retry_same=True, cooldown_s=1.5, wait_named=True)
RATE_LATE = replace(RATE_SOON, cooldown_s=30)
RATE_GUESSED = replace(RATE_SOON, wait_named=False)


def drive(
    targets: Sequence[Target],
    outcomes: Sequence[Failed | PassedOver | Verdict],
    windows: Mapping[Target, int] | None = None,
) -> tuple[list[Try], PlanEnd | None]:
    """The steps that a plan takes, and its end; without one, the last step was answered."""
    plan = fallback_plan(targets, window_of=(windows or {}).get)
    steps: list[Try] = []
    try:
        steps.append(next(plan))
        for outcome in outcomes:
            sent = Failed(outcome, 60.0) if isinstance(outcome, Verdict) else outcome
            steps.append(plan.send(sent))
    except StopIteration as stop:
        end = stop.value
        assert isinstance(end, PlanEnd)
        return steps, end
    return steps, None


# targets, outcomes -> targets tried, reason of the end
TABLE = [
    pytest.param([A], [], [A], None, id="answered at once"),
    pytest.param([A, B, C], [SLOW], [A, B], None, id="the next answers"),
    pytest.param([A, B, C], [SLOW, SLOW, SLOW], [A, B, C], "exhausted", id="none answers"),
    pytest.param([A, B], [FAST, FAST], [A, B, B], None, id="last hope is asked again"),
    pytest.param([A, B], [FAST, FAST, FAST], [A, B, B], "exhausted", id="but only once"),
    pytest.param([A], [FAST], [A, A], None, id="a sole target is asked again"),
    pytest.param([A], [SLOW], [A], "exhausted", id="not when it failed slowly"),
    pytest.param([A], [FAST, FAST], [A, A], "attempts", id="two attempts for one target"),
    pytest.param([A, B], [CLIENT], [A], "final", id="the client's own fault ends it"),
    pytest.param([E1, E2, A], [AUTH], [E1, A], None, id="a refused key skips its account"),
    pytest.param([E1, E2], [AUTH], [E1], "exhausted", id="nothing left of the account"),
    pytest.param([A, A2], [AUTH], [A, A2], None, id="another account of the provider is asked"),
    pytest.param([A, B], [RATE_LATE], [A, B], None, id="a busy one is left at once"),
    pytest.param([A], [RATE_SOON], [A, A], None, id="a short Retry-After is waited for"),
    pytest.param([A], [RATE_LATE], [A], "exhausted", id="a long one is not"),
    pytest.param([A], [RATE_GUESSED], [A], "exhausted", id="nor one that nobody named"),
    pytest.param([A], [Failed(FAST, 0.0)], [A], "deadline", id="time is up"),
    pytest.param([A], [Failed(FAST, 0.03)], [A], "exhausted", id="no time for the wait"),
    pytest.param([A], [Failed(FAST, 9, may_retry=False)], [A], "budget", id="budget is used"),
    pytest.param(
        [A], [Failed(SLOW, 9, may_retry=False)], [A], "exhausted", id="no budget was needed"
    ),
    pytest.param(
        [A, B], [Failed(FAST, 9, may_retry=False)], [A, B], None, id="moving on needs no budget"
    ),
    pytest.param([], [], [], "exhausted", id="nothing to try"),
    pytest.param(
        [A, B], [PassedOver("breaker_open")], [A, B], None, id="unusable meanwhile: the next"
    ),
    pytest.param(
        [A, B],
        [FAST, PassedOver("breaker_open")],
        [A, B, A],
        None,
        id="then the one before is the last hope",
    ),
    pytest.param(
        [A, B], [PassedOver("breaker_open")] * 2, [A, B], "exhausted", id="all unusable meanwhile"
    ),
]


@pytest.mark.parametrize(("targets", "outcomes", "tried", "reason"), TABLE)
def test_what_is_tried_and_when_it_ends(
    targets: list[Target],
    outcomes: list[Failed | PassedOver | Verdict],
    tried: list[Target],
    reason: str | None,
) -> None:
    steps, end = drive(targets, outcomes)

    assert [step.target for step in steps] == tried
    assert (end.reason if end else None) == reason


def test_moving_on_takes_no_time_and_says_why() -> None:
    steps, _ = drive([A, B], [SLOW])

    assert steps == [Try(A, 1), Try(B, 2, 0.0, after=A, because="upstream_error")]


@pytest.mark.parametrize(("jitter", "wait_s"), [(0.0, 0.05), (0.5, 0.15), (1.0, 0.25)])
def test_a_repeated_try_waits_a_moment(jitter: float, wait_s: float) -> None:
    steps, _ = drive([A], [Failed(FAST, 60, jitter=jitter)])

    assert steps[1].wait_s == pytest.approx(wait_s)


def test_a_retry_after_is_waited_for_in_full() -> None:
    steps, _ = drive([A], [RATE_SOON])

    assert steps[1].wait_s == 1.5


def test_a_context_that_is_too_long_moves_only_to_larger_known_windows() -> None:
    windows = {A: 8_000, B: 8_000, C: 128_000}

    steps, end = drive([A, B, C, D], [CONTEXT, CONTEXT], windows)

    assert [step.target for step in steps] == [A, C]
    assert end == PlanEnd("exhausted", ((B, "context_too_small"), (D, "context_too_small")))


def test_a_context_that_is_too_long_stays_too_long_after_another_failure() -> None:
    windows = {A: 32_000, B: 128_000, C: 8_000, D: 200_000}

    steps, _ = drive([A, B, C, D], [CONTEXT, SLOW], windows)

    assert [step.target for step in steps] == [A, B, D]


def test_from_an_unknown_window_any_known_one_is_worth_a_try() -> None:
    steps, _ = drive([A, B, C], [CONTEXT], {C: 8_000})

    assert [step.target for step in steps] == [A, C]


def test_what_was_passed_over_is_reported() -> None:
    _, end = drive([A, B, E1, E2], [PassedOver("breaker_open"), SLOW, AUTH])

    assert end == PlanEnd("exhausted", ((A, "breaker_open"), (E2, "account_locked")))


def test_a_target_that_was_passed_over_is_no_attempt() -> None:
    steps, _ = drive([A, B], [PassedOver("cooling_down")])

    assert steps[1] == Try(B, 1)


def test_there_are_never_more_than_six_attempts() -> None:
    targets = [Target("lab", str(n)) for n in range(10)]

    steps, end = drive(targets, [FAST] * 10)

    assert len(steps) == 6
    assert end is not None
    assert end.reason == "attempts"


VERDICTS = st.sampled_from([FAST, SLOW, CLIENT, CONTEXT, AUTH, RATE_SOON, RATE_LATE, RATE_GUESSED])
OUTCOMES = st.one_of(
    st.builds(Failed, VERDICTS, st.floats(-1, 100), st.booleans(), st.floats(0, 1)),
    st.just(PassedOver("breaker_open")),
)


@given(
    st.lists(st.sampled_from([A, A2, B, C, E1, E2]), unique=True, max_size=6),
    st.lists(OUTCOMES, min_size=20, max_size=20),
)
def test_every_plan_ends_within_its_bounds(
    targets: list[Target], outcomes: list[Failed | PassedOver]
) -> None:
    steps, end = drive(targets, outcomes)

    assert end is not None
    sent = [step for step, o in zip(steps, outcomes, strict=False) if not isinstance(o, PassedOver)]
    assert len(sent) <= min(2 * len(targets), 6)
    assert [step.n for step in sent] == list(range(1, len(sent) + 1))
    assert all(step.target in targets for step in steps)
    assert sum(step.wait_s for step in steps) <= 2.0 * len(steps)
