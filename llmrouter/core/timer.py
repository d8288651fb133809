"""A timer for waits that hardly ever take too long: to set it anew costs next to nothing."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Timer:
    """Cancels the task that is inside its block when the time that was `set` is up, and turns
    that into ``TimeoutError``; like `asyncio.timeout`, but used again and again."""

    __slots__ = ("_cancelling", "_deadline", "_handle", "_has_struck", "_task")

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_struck = False

    def set(self, seconds: float) -> None:
        """From now on so long; a timer that would go off sooner will find out then."""
        if self._has_struck and self._task is not None:
            return  # the block is on its way out
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + seconds
        if self._handle is None or self._handle.when() > self._deadline:
            self.close()
            self._handle = loop.call_at(self._deadline, self._strike)

    def close(self) -> None:
        """Lets go of the event loop."""
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
        loop = asyncio.get_running_loop()
        if self._deadline > loop.time():
            self._handle = loop.call_at(self._deadline, self._strike)
        else:
            self._has_struck = True
            self._task.cancel()
