"""The clocks under which a reply is read: one timer for all of its reads.

A reply has hundreds of reads, each with a deadline of its own that is hardly ever met.  So a read
only notes its deadline; the timer that is set already looks, when it goes off, whether it was
meant, and sleeps on if not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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

    _now_s: Callable[[], float]  # from the first wait on

    def __init__(self, clock: Clock, *, until_ns: int) -> None:
        """``until_ns`` is when the attempt's whole time is up (monotonic)."""
        self._clock = clock
        self._until_ns = until_ns
        self._allowed_s: float | None = None
        # From the first wait on; what is there already needs no timer.
        self._timer: Timer | None = None
        self._until_s = self._phase_until_s = 0.0

    def allow(self, seconds: float) -> None:
        """Starts the phase's clock anew, for what is being awaited, too; before anything is, it
        starts with the first wait."""
        self._allowed_s = seconds
        timer = self._timer
        if timer is None:
            return
        self._phase_until_s = self._now_s() + seconds
        # Otherwise whoever waits next sets it.
        if timer.is_running:
            timer.set_at(min(self._until_s, self._phase_until_s))

    async def wait(self, coming: Awaitable[T]) -> T:
        """What is to come, if it comes in time.  Raises `OutOfTime`, and what it raises."""
        timer = self._timer or self._begin()
        if not timer.is_running:
            timer.set_at(min(self._phase_until_s, self._until_s))
        try:
            with timer:
                return await coming
        except TimeoutError:
            raise OutOfTime(is_total=self._until_s <= self._phase_until_s) from None

    def close(self) -> None:
        """Lets the timer go."""
        if self._timer is not None:
            self._timer.close()

    def _begin(self) -> Timer:
        self._now_s = asyncio.get_running_loop().time
        now_s, allowed_s = self._now_s(), self._allowed_s
        self._until_s = now_s + (self._until_ns - self._clock.monotonic_ns()) / 1e9
        self._phase_until_s = self._until_s if allowed_s is None else now_s + allowed_s
        self._timer = Timer()
        return self._timer
