"""Whole days in UTC, as the ledger's daily sums name them: ``2026-11-20``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from llmrouter.core.records import Record

_US: Final = 1_000_000


class DaySpan(Record):
    """From the start of one day to the end of another, which may be the same."""

    first: str
    last: str

    @property
    def days(self) -> tuple[str, ...]:
        """Each day, in order."""
        first, last = date.fromisoformat(self.first), date.fromisoformat(self.last)
        return tuple(str(first + timedelta(n)) for n in range((last - first).days + 1))

    @property
    def shown(self) -> str:
        """The span in words."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


def day_of(at_us: int) -> str:
    """The day of a moment (wall clock, µs)."""
    return str(datetime.fromtimestamp(at_us // _US, UTC).date())


def start_of(day: str) -> int:
    """The moment (wall clock, µs) at which a day begins."""
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * _US
