"""Which targets and accounts are passed over, since when and until when."""

from __future__ import annotations

from typing import ClassVar

from llmrouter.core.records import Record


class TargetCooldown(Record):
    """A provider asked for a pause; the target is passed over until then (wall clock, µs)."""

    kind: ClassVar[str] = "target.cooldown"
    target: str
    until_us: int
    reason: str


class AccountLocked(Record):
    """A credential was refused or is out of money; all its models are passed over."""

    kind: ClassVar[str] = "account.locked"
    provider: str
    account: str
    until_us: int
    reason: str


class AccountUnlocked(Record):
    """A locked credential worked again or was reset."""

    kind: ClassVar[str] = "account.unlocked"
    provider: str
    account: str
    reason: str


class BreakerOpened(Record):
    """A target failed too often; it is passed over until ``until_us`` (wall clock)."""

    kind: ClassVar[str] = "breaker.opened"
    target: str
    failures: int
    until_us: int
    reason: str


class BreakerHalfOpened(Record):
    """The wait is over; one probe is let through."""

    kind: ClassVar[str] = "breaker.half_opened"
    target: str


class BreakerClosed(Record):
    """A probe succeeded; the target is used again."""

    kind: ClassVar[str] = "breaker.closed"
    target: str


class BreakerReset(Record):
    """Somebody closed the breaker by hand."""

    kind: ClassVar[str] = "breaker.reset"
    target: str
