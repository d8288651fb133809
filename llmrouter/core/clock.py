"""Time, as something that is passed in.

Wall-clock time dates what happened; monotonic time measures how long it took.  Nothing else in
the package asks the operating system for the time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; may jump when the machine's clock is set."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes back.

        Asked two dozen times in a request, so that it is the operating system's own figure.
        """


class SystemClock:
    """The machine's clocks."""

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    monotonic_ns = staticmethod(time.monotonic_ns)


class FakeClock:
    """A clock that moves only when it is told to, for tests and for replay."""

    def __init__(self, now_us: int = 1_790_000_000_000_000) -> None:
        self._now_us = now_us
        self._monotonic_ns = 0

    def now_us(self) -> int:
        return self._now_us

    def monotonic_ns(self) -> int:
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        """Moves both clocks forward."""
        self._now_us += round(seconds * 1_000_000)
        self._monotonic_ns += round(seconds * 1_000_000) * 1_000

    def set_wall(self, now_us: int) -> None:
        """Sets the wall clock alone, as an operator or NTP would."""
        self._now_us = now_us
