"""Which targets could be asked at a moment of the past: breakers, cooldowns, locked accounts.

Rebuilt from the log's events in the order of time, by the same state machine that made them.
Processes of one database share what they find out, a moment later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.events import (
    AccountLocked,
    AccountUnlocked,
    BreakerClosed,
    BreakerHalfOpened,
    BreakerOpened,
    BreakerReset,
    ServerStarted,
    TargetCooldown,
)
from llmrouter.core.records import replace
from llmrouter.core.replay import PastAttempt, PastEvent
from llmrouter.core.routing import Refusal, Target
from llmrouter.pipeline.availability import AccountKey, Hindrance
from llmrouter.policy import breaker
from llmrouter.policy.breaker import BreakerState, Permit

GRAIN_US: Final = 2_000
"""How far clocks of one process may be apart in what they date."""

NEAR_US: Final = 10_000
"""A wait that ends so close to a decision may have been over or not: a decision is dated at its
end, and a busy process may have looked this much before.  There its own record is believed."""

SHARED_WITHIN_US: Final = 3_000_000
"""Within this time one process hears of what another found out."""

LEASE_US: Final = 600_000_000
"""How long a permit is held when the end of its attempt is not known."""

REACH_US: Final = 6 * 3_600_000_000
"""How far back something may have happened that still stood in a request's way: a lock's longest
time."""


class PastAvailability:
    """Fits where `select` looks for what stands against a target.

    Take in events by `apply`, in the order of time; then say by `look_at` whose moment it is.
    """

    def __init__(self, *, ignored: bool = False) -> None:
        """``ignored``: nothing ever stood in the way."""
        self._ignored = ignored
        self._breakers: dict[str, BreakerState] = {}
        self._cooldowns: dict[str, int] = {}
        self._locks: dict[AccountKey, tuple[int, str]] = {}
        self._told: dict[str | AccountKey, tuple[int, int]] = {}
        """When each was last moved, and by which process: the others heard of it later."""
        self._answering: dict[str, int] = {}
        """Targets whose answer was arriving, until when: somewhere within it a cooldown ended."""
        self._now_us = 0
        self._since_us = 0
        self._node = 0
        self._recorded: Mapping[str, Refusal | None] = {}

    def look_at(
        self,
        now_us: int,
        node: int,
        recorded: Mapping[str, Refusal | None],
        since_us: int | None = None,
    ) -> None:
        """Sets the moment and the process; ``recorded`` is what was decided then, by target.

        The moment is the decision's end; ``since_us`` is its beginning, where that is known: a
        busy machine may have let much happen in between.
        """
        self._now_us, self._node, self._recorded = now_us, node, recorded
        self._since_us = now_us if since_us is None else since_us

    def hindrance(self, target: Target, config: BreakerConfig) -> Hindrance | None:
        """Why this target was passed over at the moment; None when it could be asked."""
        if self._ignored or not self._told:
            return None
        now_us, account = self._now_us, (target.provider, target.account)
        until_us, _ = self._locks.get(account, _NO_LOCK)
        if self._holds(until_us > now_us, until_us, account, target, "account_locked"):
            return Hindrance("account_locked", (until_us - now_us) / 1e6)
        until_us = self._cooldowns.get(str(target), 0)
        if self._holds(until_us > now_us, until_us, str(target), target, "cooling_down"):
            return Hindrance("cooling_down", (until_us - now_us) / 1e6)
        state = self._breakers.get(target.name, breaker.CLOSED)
        hinders = not breaker.allows(state, now_us, config)
        if self._holds(hinders, _ends_us(state, now_us), target.name, target, "breaker_open"):
            return Hindrance("breaker_open", breaker.wait_s(state, now_us))
        return None

    def unsettled(self) -> set[Target]:
        """Models whose next attempts matter: half-open ones, and those that cool down."""
        waiting = (name for name, until_us in self._cooldowns.items() if until_us > self._now_us)
        half_open = (name for name, s in self._breakers.items() if s.position == "half_open")
        return {_model(name) for name in (*half_open, *waiting)}

    def apply(self, happened: PastEvent) -> None:
        """Takes in an event."""
        data, at_us = happened.data, happened.at_us
        match happened.kind:
            case BreakerOpened.kind:
                until_us = data["until_us"]
                opened = BreakerState(
                    "open", data["failures"], opened_us=at_us, open_until_us=until_us
                )
                self._move(happened, data["target"], opened)
            case BreakerHalfOpened.kind:
                held = self._breakers.get(data["target"], breaker.CLOSED)
                permit = _permit(happened.request_id, at_us, None)
                half_open = replace(held, position="half_open", permits=(permit,))
                self._move(happened, data["target"], half_open)
            case BreakerClosed.kind:
                self._move(happened, data["target"], breaker.CLOSED)
            case BreakerReset.kind:
                self._move(happened, data["target"], breaker.CLOSED)
                for name in [n for n in self._cooldowns if n.partition("#")[0] == data["target"]]:
                    self._pause(happened, name, 0)
            case TargetCooldown.kind:
                self._pause(happened, data["target"], data["until_us"])
            case AccountLocked.kind:
                self._lock(happened, (data["until_us"], data["reason"]))
            case AccountUnlocked.kind:
                self._lock(happened, _NO_LOCK)
            case ServerStarted.kind:
                self._restart(happened)
            case _:
                pass

    def apply_start(self, attempt: PastAttempt) -> None:
        """Takes in that an attempt began: on a half-open target it holds a permit."""
        state = self._breakers.get(attempt.target.name)
        if state is None or state.position != "half_open":
            return
        others = tuple(p for p in state.permits if p.request_id != attempt.request_id)
        permit = _permit(attempt.request_id, attempt.started_us, attempt.ended_us)
        self._breakers[attempt.target.name] = replace(state, permits=(*others, permit))

    def apply_answer(self, attempt: PastAttempt) -> None:
        """Takes in that an answer began to arrive that would be good."""
        if attempt.first_token_us is not None:
            self._answering[str(attempt.target)] = attempt.first_token_us

    def apply_success(self, attempt: PastAttempt) -> None:
        """Takes in that an attempt's first token came: the target cools down no longer."""
        self._cooldowns.pop(str(attempt.target), None)

    def _holds(
        self,
        hinders: bool,
        until_us: int | None,
        subject: str | AccountKey,
        target: Target,
        refused: Refusal,
    ) -> bool:
        """Whether it stood in the way.  Where the log's clocks cannot tell, the decision's own
        record is believed."""
        near = until_us is not None and (
            self._since_us - NEAR_US < until_us < self._now_us + NEAR_US
        )
        if refused == "cooling_down" and self._answering.get(str(target), 0) >= self._now_us:
            near = True
        if not near and subject in self._told:
            moved_us, node = self._told[subject]
            within_us = NEAR_US if node == self._node else SHARED_WITHIN_US
            near = self._since_us - moved_us < within_us
        name = str(target)
        if not near or name not in self._recorded:
            return hinders
        return self._recorded[name] == refused

    def _move(self, happened: PastEvent, name: str, state: BreakerState) -> None:
        self._breakers[name] = state
        self._told[name] = (happened.at_us, happened.node)

    def _pause(self, happened: PastEvent, name: str, until_us: int) -> None:
        self._cooldowns[name] = until_us
        self._told[name] = (happened.at_us, happened.node)

    def _lock(self, happened: PastEvent, lock: tuple[int, str]) -> None:
        account = (happened.data["provider"], happened.data["account"])
        self._locks[account] = lock
        self._told[account] = (happened.at_us, happened.node)

    def _restart(self, happened: PastEvent) -> None:
        """Permits died with their process; and keys are read at the start, so that one that was
        refused may be another by now."""
        for name, state in self._breakers.items():
            if self._told[name][1] == happened.node:
                self._breakers[name] = breaker.restore(
                    state.position, state.failures, state.open_until_us, happened.at_us
                )
        for account, (_, reason) in list(self._locks.items()):
            if reason == "upstream_auth" and self._told[account][1] == happened.node:
                del self._locks[account]


_NO_LOCK: Final = (0, "")


def _permit(request_id: int, taken_us: int, ended_us: int | None) -> Permit:
    return Permit(request_id, taken_us, taken_us + LEASE_US if ended_us is None else ended_us)


def _ends_us(state: BreakerState, now_us: int) -> int | None:
    """The end of what an open or half-open breaker waits for that is nearest to a moment."""
    ends = [permit.until_us for permit in state.permits]
    if state.open_until_us is not None:
        ends.append(state.open_until_us)
    return min(ends, key=lambda end_us: abs(end_us - now_us), default=None)


def _model(name: str) -> Target:
    """The model behind a target's name, with its account or without."""
    provider, _, model = name.partition("#")[0].partition("/")
    return Target(provider, model)


def recorded_refusals(selected: Mapping[str, Any] | None) -> dict[str, Refusal | None]:
    """What a decision said of each target, by the target's name with its account."""
    found: dict[str, Refusal | None] = {}
    for candidate in (selected or {}).get("candidates", ()):
        account = candidate.get("account")
        name = candidate["target"]
        found[name if account in (None, "default") else f"{name}#{account}"] = candidate["refused"]
    return found
