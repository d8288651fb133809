"""Which targets and accounts are passed over, since when and until when."""

from __future__ import annotations

from typing import ClassVar

from llmrouter.core.records import record


@record
class TargetCooldown:
    """A provider asked for a pause; the target is passed over until then (wall clock, µs)."""

    kind: ClassVar[str] = "target.cooldown"
    target: str
    until_us: int
    reason: str


@record
class AccountLocked:
    """A credential was refused or is out of money; all its models are passed over."""

    kind: ClassVar[str] = "account.locked"
    provider: str
    account: str
    until_us: int
    reason: str


@record
class AccountUnlocked:
    """A locked credential worked again or was reset."""

    kind: ClassVar[str] = "account.unlocked"
    provider: str
    account: str
    reason: str


@record
class BreakerOpened:
    """A target failed too often; it is passed over until ``until_us`` (wall clock)."""

    kind: ClassVar[str] = "breaker.opened"
    target: str
    failures: int
    until_us: int
    reason: str


@record
class BreakerHalfOpened:
    """The wait is over; one probe is let through."""

    kind: ClassVar[str] = "breaker.half_opened"
    target: str


@record
class BreakerClosed:
    """A probe succeeded; the target is used again."""

    kind: ClassVar[str] = "breaker.closed"
    target: str


@record
class BreakerReset:
    """Somebody closed the breaker by hand."""

    kind: ClassVar[str] = "breaker.reset"
    target: str
