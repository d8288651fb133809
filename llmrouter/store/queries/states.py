"""What outlives a restart: breakers, and accounts that are locked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from llmrouter.core.ledger import BreakerRow
from llmrouter.store.schema import account_lock, breaker

MAX_OPEN_US: Final = 300_000_000
MAX_LOCK_US: Final = 6 * 3_600_000_000
"""A moment further ahead than these was written by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class AccountLock:
    """A credential that is passed over until then (wall clock)."""

    provider: str
    account: str
    until_us: int
    reason: str


async def breaker_rows(connection: AsyncConnection, now_us: int) -> tuple[BreakerRow, ...]:
    """Every breaker as it was left; none stays open for longer than five minutes from now."""
    column = breaker.c
    found = await connection.execute(
        select(
            column.provider,
            column.model,
            column.state,
            column.failures,
            column.open_until_us,
            column.updated_us,
        ).order_by(column.provider, column.model)
    )
    latest_us = now_us + MAX_OPEN_US
    rows = (BreakerRow(*row) for row in found)
    return tuple(
        replace(row, open_until_us=latest_us)
        if row.open_until_us is not None and row.open_until_us > latest_us
        else row
        for row in rows
    )


async def account_locks(connection: AsyncConnection, now_us: int) -> tuple[AccountLock, ...]:
    """Every account that is still locked, for six hours from now at most."""
    lock = account_lock.c
    found = await connection.execute(
        select(lock.provider, lock.account, lock.until_us, lock.reason)
        .where(lock.until_us > now_us)
        .order_by(lock.provider, lock.account)
    )
    return tuple(
        AccountLock(provider, account, min(until_us, now_us + MAX_LOCK_US), reason)
        for provider, account, until_us, reason in found
    )
