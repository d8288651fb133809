"""What outlives a restart, and what nodes tell each other: targets and accounts that are passed
over."""

from __future__ import annotations

from typing import Final, TypeVar

from sqlalchemy import Connection, select

from llmrouter.core.ledger import AccountLockRow, AvailabilityRows, BreakerRow, CooldownRow
from llmrouter.core.records import replace
from llmrouter.store.schema import account_lock, breaker, cooldown

MAX_OPEN_US: Final = 300_000_000
MAX_LOCK_US: Final = 6 * 3_600_000_000
MAX_COOLDOWN_US: Final = 600_000_000
"""A moment further ahead than these was written by a clock that was wrong."""

Deadline = TypeVar("Deadline", AccountLockRow, CooldownRow)


def availability_rows(connection: Connection, now_us: int) -> AvailabilityRows:
    """Every breaker, account lock and cooldown as it was left, those included that are over; no
    deadline is further ahead than five minutes, six hours and ten minutes."""
    breakers, locks, cooldowns = breaker.c, account_lock.c, cooldown.c
    found_breakers = connection.execute(
        select(
            breakers.provider,
            breakers.model,
            breakers.state,
            breakers.failures,
            breakers.open_until_us,
            breakers.updated_us,
        ).order_by(breakers.provider, breakers.model)
    )
    breaker_rows = tuple(_clamped_breaker(BreakerRow(*row), now_us) for row in found_breakers)
    found_locks = connection.execute(
        select(
            locks.provider, locks.account, locks.until_us, locks.reason, locks.updated_us
        ).order_by(locks.provider, locks.account)
    )
    lock_rows = tuple(_clamped(AccountLockRow(*row), now_us + MAX_LOCK_US) for row in found_locks)
    found_cooldowns = connection.execute(
        select(
            cooldowns.target, cooldowns.until_us, cooldowns.reason, cooldowns.updated_us
        ).order_by(cooldowns.target)
    )
    cooldown_rows = tuple(
        _clamped(CooldownRow(*row), now_us + MAX_COOLDOWN_US) for row in found_cooldowns
    )
    return AvailabilityRows(breaker_rows, lock_rows, cooldown_rows)


def _clamped_breaker(row: BreakerRow, now_us: int) -> BreakerRow:
    if row.open_until_us is None or row.open_until_us <= now_us + MAX_OPEN_US:
        return row
    return replace(row, open_until_us=now_us + MAX_OPEN_US)


def _clamped(row: Deadline, latest_us: int) -> Deadline:
    return row if row.until_us <= latest_us else replace(row, until_us=latest_us)
