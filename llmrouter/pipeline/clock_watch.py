"""Noticing that the machine's clock was set.

Nothing here corrects anything: durations are measured by another clock, and deadlines bear it.
But whoever reads the ledger wants to know why an hour is missing, or there twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from llmrouter.core.clock import Clock
from llmrouter.core.events import ClockJumped, Event

LOOK_EVERY_S: Final = 5.0
LEAST_US: Final = 5_000_000
"""What NTP slews away in that time is a thousandth of it."""

_log = logging.getLogger(__name__)


class ClockWatch:
    """Compares the wall clock with the one that never jumps."""

    def __init__(self, clock: Clock, note: Callable[[Sequence[Event]], None]) -> None:
        """``note`` takes events that belong to no request."""
        self._clock = clock
        self._note = note
        self._ahead_us = self._now_ahead_us()

    async def run(self) -> NoReturn:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Writes down by how much the clock jumped since the last look, if it did."""
        ahead_us = self._now_ahead_us()
        by_us, self._ahead_us = ahead_us - self._ahead_us, ahead_us
        if abs(by_us) > LEAST_US:
            _log.warning("the machine's clock jumped by %+.1f s", by_us / 1e6)
            self._note([Event(0, ClockJumped(by_us))])

    def _now_ahead_us(self) -> int:
        return self._clock.now_us() - self._clock.monotonic_ns() // 1_000
