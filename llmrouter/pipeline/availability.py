"""Which targets may be asked right now: breakers, locked accounts, cooldowns.

Kept in memory and moved by attempts' outcomes, and by what other nodes found out; every move of
ours is an event that travels to the ledger with the request that made it, so that it survives a
restart and reaches the other nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from llmrouter.core.clock import Clock
from llmrouter.core.configuration import BreakerConfig
from llmrouter.core.events import AccountLocked, AccountUnlocked, Event, TargetCooldown
from llmrouter.core.ledger import AvailabilityRows, BreakerRow
from llmrouter.core.records import Record
from llmrouter.core.routing import Refusal, Target
from llmrouter.pipeline.exchange import Exchange
from llmrouter.policy import breaker
from llmrouter.policy.breaker import BreakerState, Transition
from llmrouter.policy.failures import Verdict, next_lock_s
from llmrouter.policy.sharing import Pause, shared_breaker, shared_lock_s, shared_pause
from llmrouter.policy.waits import MAX_WAIT_S

AccountKey = tuple[str, str]


class Hindrance(NamedTuple):
    """Why a target may not be asked, and for how long that is known to last."""

    refused: Refusal
    wait_s: float


class Lock(Record):
    """A credential that is not used until then; ``seconds`` is how long it was locked for."""

    until_us: int
    seconds: float
    reason: str

    def holds(self, now_us: int) -> bool:
        return _is_ahead(self.until_us, now_us, self.seconds)


NO_PAUSE = Pause(0, 0)

SKEW_US: Final = 60_000_000
"""By how much nodes' clocks may differ."""


class Availability:
    """The state of every target and account that has ever failed; the rest are available."""

    def __init__(self, clock: Clock, left: AvailabilityRows | None = None) -> None:
        left = left or AvailabilityRows()
        self._clock = clock
        now_us = clock.now_us()
        self._breakers: dict[str, BreakerState] = {
            row.name: breaker.restore(row.state, row.failures, row.open_until_us, now_us)
            for row in left.breakers
        }
        self._moved_us = {row.name: row.updated_us for row in left.breakers}
        self._cooldowns: dict[str, Pause] = {
            row.target: Pause(row.until_us, row.updated_us) for row in left.cooldowns
        }
        self._locks: dict[AccountKey, Lock] = {
            (lock.provider, lock.account): Lock(
                lock.until_us, max(0.0, (lock.until_us - now_us) / 1e6), lock.reason
            )
            for lock in left.locks
            # Keys are read at the start: one that was refused may be another by now.
            if lock.until_us > now_us and lock.reason != "upstream_auth"
        }
        self._locked_us = {(row.provider, row.account): row.updated_us for row in left.locks}

    def take_over(self, rows: AvailabilityRows) -> None:
        """Merges what other nodes found out, by the rules of `llmrouter.policy.sharing`."""
        now_us = self._clock.now_us()
        for row in rows.breakers:
            known = self._breakers.get(row.name, breaker.CLOSED)
            shared = shared_breaker(known, self._moved_us.get(row.name, 0), row, now_us)
            if shared is not None:
                self._breakers[row.name] = shared
                self._moved_us[row.name] = row.updated_us
        for pause in rows.cooldowns:
            known_pause = self._cooldowns.get(pause.target, NO_PAUSE)
            self._cooldowns[pause.target] = shared_pause(known_pause, pause)
        for lock in rows.locks:
            key = (lock.provider, lock.account)
            seconds = shared_lock_s(self._locked_us.get(key, 0), lock)
            if seconds is not None:
                self._locked_us[key] = lock.updated_us
                self._locks.pop(key, None)
                if seconds:
                    self._locks[key] = Lock(lock.until_us, seconds, lock.reason)

    def hindrance(self, target: Target, config: BreakerConfig) -> Hindrance | None:
        """Why this target is passed over at the moment; None when it may be asked."""
        if not (self._locks or self._cooldowns or self._breakers):
            return None  # nothing has ever failed
        now_us = self._clock.now_us()
        lock = self._locks.get((target.provider, target.account))
        if lock is not None and lock.holds(now_us):
            return Hindrance("account_locked", (lock.until_us - now_us) / 1e6)
        until_us = self._cooldowns.get(str(target), NO_PAUSE).until_us
        if _is_ahead(until_us, now_us, MAX_WAIT_S):
            return Hindrance("cooling_down", (until_us - now_us) / 1e6)
        state = self._breakers.get(target.name)
        if state is None or breaker.allows(state, now_us, config):
            return None
        return Hindrance("breaker_open", breaker.wait_s(state, now_us))

    def take_permit(
        self, exchange: Exchange, target: Target, config: BreakerConfig, until_us: int
    ) -> Hindrance | None:
        """Takes what is needed to ask this target now, or says what stands against it.

        A request that holds the target's permit already (a trial, a retry) keeps it.  One that is
        taken is for as long as the request may still take, which is over at ``until_us``.
        """
        if not (self._locks or self._cooldowns or self._breakers):
            return None
        state = self._breakers.get(target.name)
        if state is not None and any(p.request_id == exchange.id for p in state.permits):
            return None
        hindrance = self.hindrance(target, config)
        if hindrance is not None or state is None:
            return hindrance
        taken = breaker.take_permit(
            state,
            self._clock.now_us(),
            config,
            target=target.name,
            request_id=exchange.id,
            lease_s=max(0.0, (until_us - exchange.elapsed_us()) / 1e6),
        )
        if taken is None:
            return Hindrance("breaker_open", breaker.wait_s(state, self._clock.now_us()))
        self._move(exchange, target, taken)
        return None

    def take_trial(
        self, exchange: Exchange, targets: Sequence[Target], lease_s: float
    ) -> Target | None:
        """Of targets that are all passed over for their breakers, the one to try all the same."""
        now_us = self._clock.now_us()
        states = [(t.name, self._breakers.get(t.name, breaker.CLOSED)) for t in targets]
        name = breaker.trial_target(states, now_us)
        if name is None:
            return None
        target = next(t for t in targets if t.name == name)
        taken = breaker.take_trial(
            self._breakers[name], now_us, target=name, request_id=exchange.id, lease_s=lease_s
        )
        self._move(exchange, target, taken)
        return target

    def succeeded(self, exchange: Exchange, target: Target) -> None:
        """A first token came: the breaker closes, the account works."""
        if not (self._locks or self._cooldowns or self._breakers):
            return
        if str(target) in self._cooldowns:
            self._cooldowns[str(target)] = Pause(0, self._clock.now_us())
        account = (target.provider, target.account)
        if self._locks.pop(account, None) is not None:
            self._locked_us[account] = self._clock.now_us()
            exchange.emit(AccountUnlocked(*account, reason="it worked again"))
        state = self._breakers.get(target.name)
        if state is not None:
            moved = breaker.on_success(
                state, self._clock.now_us(), target=target.name, request_id=exchange.id
            )
            self._move(exchange, target, moved)

    def failed(
        self,
        exchange: Exchange,
        target: Target,
        verdict: Verdict,
        config: BreakerConfig,
        *,
        jitter: float,
        sole_target: bool,
    ) -> None:
        """An attempt failed: counts, cools down, locks or gives a permit back, by the verdict."""
        now_us = self._clock.now_us()
        if verdict.cooldown_s is not None:
            self._cool_down(exchange, target, verdict, now_us)
        if verdict.lock_s is not None:
            self._lock(exchange, target, verdict, now_us)
        state = self._breakers.get(target.name, breaker.CLOSED)
        if verdict.misconfigured:
            moved = breaker.force_open(
                state,
                now_us,
                target=target.name,
                open_s=breaker.MISCONFIGURED_OPEN_S,
                reason=verdict.reason,
            )
        elif verdict.counted:
            moved = breaker.on_failure(
                state,
                now_us,
                config,
                target=target.name,
                request_id=exchange.id,
                reason=verdict.reason,
                jitter=2 * jitter - 1,
                sole_target=sole_target,
            )
        else:
            moved = breaker.on_released(state, now_us, request_id=exchange.id)
        self._move(exchange, target, moved)

    def released(self, exchange: Exchange, target: Target) -> None:
        """The outcome says nothing about the target (the client left): a permit goes back."""
        state = self._breakers.get(target.name)
        if state is not None:
            moved = breaker.on_released(state, self._clock.now_us(), request_id=exchange.id)
            self._move(exchange, target, moved)

    def reset(self, name: str) -> tuple[tuple[Event, ...], tuple[BreakerRow, ...]]:
        """Closes one breaker by hand and forgets its cooldown and its provider's locks."""
        provider, _, _ = name.partition("/")
        for key in [key for key in self._cooldowns if key.partition("#")[0] == name]:
            self._cooldowns[key] = Pause(0, self._clock.now_us())
        events = self._unlock([account for account in self._locks if account[0] == provider])
        moved = breaker.reset(self._breakers.get(name, breaker.CLOSED), target=name)
        self._breakers[name] = moved.state
        events += [Event(0, event) for event in moved.events]
        return tuple(events), (self._row(name, moved.state),)

    def reset_all(self) -> tuple[tuple[str, ...], tuple[Event, ...], tuple[BreakerRow, ...]]:
        """Closes every breaker that is not closed, and forgets all cooldowns and locks; gives the
        targets that were passed over for them."""
        names = {name for name, state in self._breakers.items() if state.position != "closed"}
        names |= {name.partition("#")[0] for name in self.cooldowns}
        events = self._unlock(list(self._locks))
        rows: list[BreakerRow] = []
        for name in sorted(names):
            told, row = self.reset(name)
            events += told
            rows += row
        return tuple(sorted(names)), tuple(events), tuple(rows)

    @property
    def breakers(self) -> Mapping[str, BreakerState]:
        """Every breaker that has moved, by ``provider/model``."""
        return self._breakers

    @property
    def locks(self) -> Mapping[AccountKey, Lock]:
        """Accounts that are locked now."""
        now_us = self._clock.now_us()
        return {key: lock for key, lock in self._locks.items() if lock.holds(now_us)}

    @property
    def cooldowns(self) -> Mapping[str, int]:
        """Targets that cool down now, and until when (wall clock, µs)."""
        now_us = self._clock.now_us()
        return {
            name: pause.until_us
            for name, pause in self._cooldowns.items()
            if _is_ahead(pause.until_us, now_us, MAX_WAIT_S)
        }

    def _move(self, exchange: Exchange, target: Target, moved: Transition) -> None:
        if moved.state is self._breakers.get(target.name, breaker.CLOSED):
            return
        self._breakers[target.name] = moved.state
        exchange.breaker_rows[target.provider, target.model] = self._row(target.name, moved.state)
        for event in moved.events:
            exchange.emit(event)

    def _cool_down(self, exchange: Exchange, target: Target, verdict: Verdict, now_us: int) -> None:
        until_us = now_us + round((verdict.cooldown_s or 0) * 1e6)
        # A deadline only moves outwards: of two answers the longer pause is the safe one.
        if until_us > self.cooldowns.get(str(target), 0):
            self._cooldowns[str(target)] = Pause(until_us, now_us)
            exchange.emit(TargetCooldown(str(target), until_us, verdict.reason))

    def _lock(self, exchange: Exchange, target: Target, verdict: Verdict, now_us: int) -> None:
        key = (target.provider, target.account)
        previous = self._locks.get(key)
        is_locked = previous is not None and previous.holds(now_us)
        # What was under way when it was locked says nothing new: it doubles no time.
        seconds = next_lock_s(verdict, previous.seconds if previous and not is_locked else None)
        if seconds is None:
            return
        until_us = now_us + round(seconds * 1e6)
        if previous is not None and is_locked and until_us <= previous.until_us:
            return  # like a cooldown's, its end only moves outwards
        self._locks[key] = Lock(until_us, seconds, verdict.reason)
        self._locked_us[key] = now_us
        exchange.emit(AccountLocked(*key, until_us=until_us, reason=verdict.reason))

    def _unlock(self, accounts: Sequence[AccountKey]) -> list[Event]:
        for account in accounts:
            del self._locks[account]
            self._locked_us[account] = self._clock.now_us()
        return [Event(0, AccountUnlocked(*account, reason="reset")) for account in accounts]

    def _row(self, name: str, state: BreakerState) -> BreakerRow:
        provider, _, model = name.partition("/")
        moved_us = self._moved_us[name] = self._clock.now_us()
        return BreakerRow(
            provider=provider,
            model=model,
            state=state.position,
            failures=state.failures,
            open_until_us=state.open_until_us,
            updated_us=moved_us,
        )


def _is_ahead(until_us: int, now_us: int, longest_s: float) -> bool:
    """Whether a deadline is yet to come.  One that is further off than it can have been set is of
    a time before the clock was set back, and over."""
    return 0 < until_us - now_us <= longest_s * 1e6 + SKEW_US
