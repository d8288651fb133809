"""What is handed to the ledger's writer, and what it costs to keep it waiting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llmrouter.core.events import (
    AccountLocked,
    AccountUnlocked,
    BreakerReset,
    Event,
    TargetCooldown,
)
from llmrouter.core.ids import EPOCH_MS, NODE_BITS, SEQUENCE_BITS
from llmrouter.core.ledger import AccountLockRow, BreakerRow, CooldownRow, RequestRecord
from llmrouter.core.records import Record

ID_SHIFT = NODE_BITS + SEQUENCE_BITS
"""By how many bits an id's milliseconds are shifted."""


class Opening(Record):
    """Events of a request that goes on; ``first_seq`` is the place of the first of them."""

    request_id: int
    events: tuple[Event, ...]
    first_seq: int = 0


class Noted(Record):
    """Events that belong to no request, each with an id of its own, and breakers set by hand."""

    events: tuple[tuple[int, Event], ...]
    breakers: tuple[BreakerRow, ...] = ()


Payload = Opening | Noted | RequestRecord


def waiting_bytes(payload: Payload) -> int:
    """About how much memory a payload holds while it waits."""
    held = 512 + 512 * len(payload.events)
    if isinstance(payload, RequestRecord):
        state = payload.response_state
        held += 512 + len(payload.body or b"") + (0 if state is None else len(state.items))
    return held


AVAILABILITY_KINDS: Final = frozenset(
    {AccountLocked, AccountUnlocked, BreakerReset, TargetCooldown}
)
"""What `account_locks` and `cooldowns` look for; hardly any request has one."""


def account_locks(at_us: int, events: Iterable[Event]) -> list[AccountLockRow]:
    """What some events, counted from a moment, say about accounts."""
    rows = []
    for event in events:
        match event.data:
            case AccountLocked() as locked:
                rows.append(
                    AccountLockRow(
                        locked.provider,
                        locked.account,
                        locked.until_us,
                        locked.reason,
                        at_us + event.dt_us,
                    )
                )
            case AccountUnlocked() as unlocked:
                rows.append(
                    AccountLockRow(
                        unlocked.provider, unlocked.account, 0, unlocked.reason, at_us + event.dt_us
                    )
                )
            case _:
                pass
    return rows


def cooldowns(at_us: int, events: Iterable[Event]) -> list[CooldownRow]:
    """What some events, counted from a moment, say about targets that are to be left alone.

    A reset is a row with ``until_us`` 0 and the name of a target, whatever its accounts.
    """
    rows = []
    for event in events:
        match event.data:
            case TargetCooldown() as told:
                rows.append(
                    CooldownRow(told.target, told.until_us, told.reason, at_us + event.dt_us)
                )
            case BreakerReset() as reset:
                rows.append(CooldownRow(reset.target, 0, "reset", at_us + event.dt_us))
            case _:
                pass
    return rows


def made_at_us(request_id: int) -> int:
    """When an id was made (wall clock, to the millisecond)."""
    return ((request_id >> ID_SHIFT) + EPOCH_MS) * 1_000
