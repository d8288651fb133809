"""The circuit breaker of one target: a state machine as data, moved by attempts' outcomes alone.

closed     requests pass; counted failures add up, once per request
open       requests pass the target over, until ``open_until_us``
half_open  as many requests as there are probes hold a leased permit; their outcome decides

Time and chance are passed in; nothing here waits, reads a clock or remembers.  The functions
return a `Transition`: the next state and the events that tell of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.events import (
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
)
from llmrouter.core.records import Record, replace

Position = Literal["closed", "open", "half_open"]
Signal = Literal["too_many_failures", "permit_taken", "success", "failure", "released", "reset"]
BreakerEvent = BreakerOpened | BreakerHalfOpened | BreakerClosed | BreakerReset

MOVES: Final[Mapping[tuple[Position, Signal], Position]] = {
    ("closed", "too_many_failures"): "open",
    ("open", "permit_taken"): "half_open",
    ("half_open", "permit_taken"): "half_open",
    ("half_open", "released"): "half_open",
    ("half_open", "success"): "closed",
    ("half_open", "failure"): "open",
    ("closed", "reset"): "closed",
    ("open", "reset"): "closed",
    ("half_open", "reset"): "closed",
}
"""Every legal move; what is not here does not happen.  ``success``, ``failure`` and ``released``
speak of a permit's holder: outcomes of requests without one leave an open breaker alone."""

WINDOW_US: Final = 60_000_000  # half of at least ten outcomes in 60 s open it, too
WINDOW_OUTCOMES: Final = 10
SOLE_TARGET_OPEN_S: Final = 10.0  # with nothing to fall back to, an open breaker only adds downtime
JITTER_SHARE: Final = 0.2
TRIAL_EVERY_US: Final = 5_000_000
MISCONFIGURED_OPEN_S: Final = 3600.0  # a model that the provider does not know
LOAD_CLAMP_S: Final = 300.0
WAIT_SHOWN_S: Final = 5.0  # clients honour Retry-After in full and multiply it by own retries


class Permit(Record):
    """The right of one request to probe, from ``taken_us`` on; it lapses by itself at
    ``until_us``, and when the clock is set back past its taking."""

    request_id: int
    taken_us: int
    until_us: int


class BreakerState(Record):
    """Where a target's breaker stands.

    ``failures`` counts consecutive counted failures, one per request.  The window holds the
    outcomes since a first failure, for `WINDOW_US` at most.  ``pardoned`` is the request whose
    first token ended a run of failures, and how long the run was: if its stream breaks later, the
    run goes on.  Times are wall clock, µs.
    """

    position: Position = "closed"
    failures: int = 0
    failed_request: int | None = None
    pardoned: tuple[int, int] | None = None
    opened_us: int = 0
    open_until_us: int | None = None
    permits: tuple[Permit, ...] = ()
    trial_us: int | None = None
    window_since_us: int = 0
    window_outcomes: int = 0
    window_failures: int = 0


class Transition(NamedTuple):
    """A next state, and the events that tell how it came about."""

    state: BreakerState
    events: tuple[BreakerEvent, ...] = ()


CLOSED: Final = BreakerState()


def allows(state: BreakerState, now_us: int, config: BreakerConfig) -> bool:
    """Whether a request may be sent to the target now (with a permit, unless it is closed)."""
    match state.position:
        case "closed":
            return True
        case "open":
            return _is_due(state, now_us)
        case "half_open":
            return len(_live(state, now_us)) < config.half_open_probes


def wait_s(state: BreakerState, now_us: int) -> float:
    """Seconds until the target may be asked again; 0 when nothing is known to wait for."""
    if state.position == "open" and state.open_until_us is not None:
        return max(0.0, (state.open_until_us - now_us) / 1e6)
    if state.position == "half_open":
        leases = [permit.until_us for permit in _live(state, now_us)]
        return (min(leases) - now_us) / 1e6 if leases else 0.0
    return 0.0


def take_permit(
    state: BreakerState,
    now_us: int,
    config: BreakerConfig,
    *,
    target: str,
    request_id: int,
    lease_s: float,
) -> Transition | None:
    """The state in which this request may be sent, or None: then the target is passed over.

    A closed breaker needs no permit.  ``lease_s`` is the chain's deadline: a permit whose holder
    never reports lapses then.
    """
    if state.position == "closed":
        return Transition(state)
    if not allows(state, now_us, config):
        return None
    return _grant(state, now_us, target=target, request_id=request_id, lease_s=lease_s)


def trial_target(breakers: Sequence[tuple[str, BreakerState]], now_us: int) -> str | None:
    """Of a chain whose every target is passed over, the one that may get a trial all the same.

    It is the open one that would reopen soonest, and none within five seconds of the chain's
    last trial, or while a probe is out: all others are told 503 at once.
    """
    for _, state in breakers:
        if state.trial_us is not None and 0 <= now_us - state.trial_us < TRIAL_EVERY_US:
            return None
        if _live(state, now_us):
            return None
    waiting = [(state.open_until_us or 0, name) for name, state in breakers if _is_open(state)]
    return min(waiting)[1] if waiting else None


def take_trial(
    state: BreakerState, now_us: int, *, target: str, request_id: int, lease_s: float
) -> Transition:
    """The state in which this request tries the target before its time (see `trial_target`)."""
    return _grant(
        replace(state, trial_us=now_us),
        now_us,
        target=target,
        request_id=request_id,
        lease_s=lease_s,
    )


def on_success(state: BreakerState, now_us: int, *, target: str, request_id: int) -> Transition:
    """After a first token: the run of failures is over, and a probe's breaker closes."""
    if state.position == "closed":
        return Transition(_closed_success(state, now_us, request_id))
    if not _holds(state, request_id):
        return Transition(state)
    _move(state, "success")
    closed = replace(CLOSED, pardoned=(request_id, state.failures))
    return Transition(closed, (BreakerClosed(target),))


def on_failure(
    state: BreakerState,
    now_us: int,
    config: BreakerConfig,
    *,
    target: str,
    request_id: int,
    reason: str,
    jitter: float = 0.0,
    sole_target: bool = False,
) -> Transition:
    """After a counted failure: it adds up, or opens the breaker.

    Several failures of one request count once, so that a request with retries cannot open a
    breaker alone.  ``jitter`` (-1 to 1) moves the time by up to a fifth; ``sole_target`` says that
    the chain has nothing else to offer.
    """
    open_s = config.recovery_timeout_s
    if sole_target:
        open_s = min(open_s, SOLE_TARGET_OPEN_S)
    open_s *= 1 + JITTER_SHARE * jitter
    if state.position == "closed":
        counted = _closed_failure(state, now_us, request_id)
        if not _is_too_much(counted, config):
            return Transition(counted)
        _move(state, "too_many_failures")
        return _opened(counted, now_us, open_s, target, reason)
    if not _holds(state, request_id):
        return Transition(state)
    _move(state, "failure")
    failed = replace(state, failures=state.failures + 1, failed_request=request_id)
    return _opened(failed, now_us, open_s, target, reason)


def on_released(state: BreakerState, now_us: int, *, request_id: int) -> Transition:
    """After an outcome that says nothing of the target: a permit goes back, nothing else.

    So it is when the client left or was at fault, and when the provider asked for a pause.
    """
    if not _holds(state, request_id):
        return Transition(state)
    _move(state, "released")
    left = tuple(p for p in _live(state, now_us) if p.request_id != request_id)
    return Transition(replace(state, permits=left))


def force_open(
    state: BreakerState, now_us: int, *, target: str, open_s: float, reason: str
) -> Transition:
    """Open for a known time, from any position: by hand, or for a model that does not exist."""
    return _opened(state, now_us, open_s, target, reason)


def reset(state: BreakerState, *, target: str) -> Transition:
    """Closed by hand, from any position, with nothing remembered."""
    _move(state, "reset")
    return Transition(CLOSED, (BreakerReset(target),))


def has_probe(state: BreakerState, now_us: int) -> bool:
    """Whether a request is under way that will decide."""
    return state.position == "half_open" and bool(_live(state, now_us))


def restore(position: str, failures: int, open_until_us: int | None, now_us: int) -> BreakerState:
    """The state that a stored row stands for, in a process that has just started.

    The wait is clamped: the row may have been written under another clock.  Permits died with
    their process, so that a half-open breaker is open and due.
    """
    if position == "closed":
        return replace(CLOSED, failures=failures)
    latest_us = now_us + round(LOAD_CLAMP_S * 1e6)
    until_us = now_us if position == "half_open" else min(open_until_us or now_us, latest_us)
    return BreakerState("open", failures, opened_us=now_us, open_until_us=until_us)


def after_event(event: BreakerEvent) -> Position:
    """The position that an event leaves its breaker in: folding events gives every state."""
    match event:
        case BreakerOpened():
            return "open"
        case BreakerHalfOpened():
            return "half_open"
        case BreakerClosed() | BreakerReset():
            return "closed"


def _move(state: BreakerState, signal: Signal) -> Position:
    """The next position; a move that is not in the table is a mistake of ours."""
    position = MOVES.get((state.position, signal))
    if position is None:
        raise RuntimeError(f"a breaker that is {state.position} cannot take {signal}")
    return position


def _grant(
    state: BreakerState, now_us: int, *, target: str, request_id: int, lease_s: float
) -> Transition:
    position = _move(state, "permit_taken")
    permit = Permit(request_id, now_us, now_us + round(lease_s * 1e6))
    permits = (*_live(state, now_us), permit)
    events = (BreakerHalfOpened(target),) if state.position == "open" else ()
    return Transition(replace(state, position=position, permits=permits), events)


def _opened(
    state: BreakerState, now_us: int, open_s: float, target: str, reason: str
) -> Transition:
    until_us = now_us + round(open_s * 1e6)
    opened = BreakerState(
        "open",
        state.failures,
        failed_request=state.failed_request,
        opened_us=now_us,
        open_until_us=until_us,
        trial_us=state.trial_us,
    )
    return Transition(opened, (BreakerOpened(target, state.failures, until_us, reason),))


def _closed_success(state: BreakerState, now_us: int, request_id: int) -> BreakerState:
    if not state.failures and not state.window_outcomes:
        return state  # the usual case costs nothing
    pardoned = (request_id, state.failures) if state.failures else state.pardoned
    if not _in_window(state, now_us):
        return replace(CLOSED, pardoned=pardoned)
    return replace(
        state,
        failures=0,
        failed_request=None,
        pardoned=pardoned,
        window_outcomes=state.window_outcomes + 1,
    )


def _closed_failure(state: BreakerState, now_us: int, request_id: int) -> BreakerState:
    if state.failed_request == request_id:
        return state
    run = state.failures
    if state.pardoned is not None and state.pardoned[0] == request_id:
        run = max(run, state.pardoned[1])
    failed = replace(state, failures=run + 1, failed_request=request_id, pardoned=None)
    if not _in_window(state, now_us):
        return replace(failed, window_since_us=now_us, window_outcomes=1, window_failures=1)
    return replace(
        failed,
        window_outcomes=state.window_outcomes + 1,
        window_failures=state.window_failures + 1,
    )


def _is_too_much(state: BreakerState, config: BreakerConfig) -> bool:
    half_failed = (
        state.window_outcomes >= WINDOW_OUTCOMES
        and 2 * state.window_failures >= state.window_outcomes
    )
    return state.failures >= config.failure_threshold or half_failed


def _in_window(state: BreakerState, now_us: int) -> bool:
    return state.window_outcomes > 0 and 0 <= now_us - state.window_since_us <= WINDOW_US


def _is_open(state: BreakerState) -> bool:
    return state.position == "open"


def _is_due(state: BreakerState, now_us: int) -> bool:
    """Whether the wait is over; a clock set back past the opening ends it, too."""
    return state.open_until_us is None or not state.opened_us <= now_us < state.open_until_us


def _live(state: BreakerState, now_us: int) -> tuple[Permit, ...]:
    return tuple(p for p in state.permits if p.taken_us <= now_us < p.until_us)


def _holds(state: BreakerState, request_id: int) -> bool:
    return any(permit.request_id == request_id for permit in state.permits)
