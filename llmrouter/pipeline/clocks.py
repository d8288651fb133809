"""The clocks under which a reply is read: one timer for all of its reads.

A reply has hundreds of reads, each with a deadline of its own that is hardly ever met.  So a read
only notes its deadline; the timer that is set already looks, when it goes off, whether it was
meant, and sleeps on if not.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from llmrouter.core.clock import Clock
from llmrouter.core.timer import Timer

T = TypeVar("T")


class OutOfTime(Exception):
    """Nothing arrived in time.  ``is_total``: it was the attempt's whole time that was up."""

    def __init__(self, *, is_total: bool) -> None:
        self.is_total = is_total
        super().__init__("nothing arrived in time")


class ReadingClocks:
    """What is left of a phase's time and of the attempt's.  Close it: it holds a timer."""

    def __init__(self, clock: Clock, *, until_us: int) -> None:
        """``until_us`` is when the attempt's whole time is up (monotonic)."""
        self._clock = clock
        self._until_us = until_us
        self._phase_until_us = until_us
        self._timer: Timer | None = None  # until something has to be waited for

    def allow(self, seconds: float) -> None:
        """Starts the phase's clock anew, for what is being awaited, too."""
        now_us = self._clock.monotonic_us()
        self._phase_until_us = now_us + round(seconds * 1e6)
        # Otherwise whoever waits first sets it: what is there already needs none.
        if self._timer is not None and self._timer.is_running:
            self._timer.set((min(self._phase_until_us, self._until_us) - now_us) / 1e6)

    async def wait(self, coming: Awaitable[T]) -> T:
        """What is to come, if it comes in time.  Raises `OutOfTime`, and what it raises."""
        timer = self._timer
        if timer is None:
            timer = self._timer = Timer()
        if not timer.is_running:
            until_us = min(self._phase_until_us, self._until_us)
            timer.set((until_us - self._clock.monotonic_us()) / 1e6)
        try:
            with timer:
                return await coming
        except TimeoutError:
            raise OutOfTime(is_total=self._until_us <= self._phase_until_us) from None

    def close(self) -> None:
        """Lets the timer go."""
        if self._timer is not None:
            self._timer.close()
