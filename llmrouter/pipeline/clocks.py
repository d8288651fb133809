"""The clocks under which a reply is read: one timer for all of its reads.

A reply has hundreds of reads, each with a deadline of its own that is hardly ever met.  So a read
only notes its deadline; the timer that is set already looks, when it goes off, whether it was
meant, and sleeps on if not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType

from llmrouter.core.clock import Clock


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
        self._timer = _Timer()

    def allow(self, seconds: float) -> None:
        """Starts the phase's clock anew."""
        self._phase_until_us = self._clock.monotonic_us() + round(seconds * 1e6)

    async def read(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """The next chunk, None at the end.  Raises `OutOfTime`, and whatever the chunks raise."""
        is_total = self._until_us <= self._phase_until_us
        until_us = self._until_us if is_total else self._phase_until_us
        self._timer.set((until_us - self._clock.monotonic_us()) / 1e6)
        try:
            with self._timer:
                return await anext(chunks, None)
        except TimeoutError:
            raise OutOfTime(is_total=is_total) from None

    def close(self) -> None:
        """Lets the timer go."""
        self._timer.close()


class _Timer:
    """Cancels the task that is inside its block when the time that was `set` is up, and turns
    that into ``TimeoutError``; like `asyncio.timeout`, but used again and again."""

    __slots__ = ("_cancelling", "_deadline", "_handle", "_has_struck", "_loop", "_task")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_struck = False

    def set(self, seconds: float) -> None:
        """From now on so long; a timer that would go off sooner will find out then."""
        self._deadline = self._loop.time() + seconds
        if self._handle is None or self._handle.when() > self._deadline:
            self.close()
            self._handle = self._loop.call_at(self._deadline, self._strike)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0
        self._has_struck = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if not self._has_struck or task is None:
            return
        # As in asyncio: a cancellation from elsewhere in the same moment goes on.
        is_ours_alone = task.uncancel() <= self._cancelling
        if is_ours_alone and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _strike(self) -> None:
        self._handle = None
        if self._task is None:
            return  # nobody waits: the next read sets it again
        if self._deadline > self._loop.time():
            self._handle = self._loop.call_at(self._deadline, self._strike)
        else:
            self._has_struck = True
            self._task.cancel()
