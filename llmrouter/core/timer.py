"""Timers for waits that hardly ever take too long: to set one anew costs next to nothing."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType


class Alarm(ABC):
    """Rings when the time that was `set` last is up.

    The event loop's own timer is left where it is when a later time is set: when it goes off, it
    looks whether it was meant, and sleeps on if not.  What ringing does is for subclasses to say,
    and whether anybody still waits.
    """

    __slots__ = ("_deadline_s", "_handle", "_looks_at_s")

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None
        self._looks_at_s = 0.0
        self._deadline_s = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it will go off, or look whether it has to."""
        return self._handle is not None

    def set(self, seconds: float) -> None:
        """From now on so long."""
        self.set_at(asyncio.get_running_loop().time() + seconds)

    def set_at(self, deadline_s: float) -> None:
        """Until then, by the event loop's clock."""
        self._deadline_s = deadline_s
        if self._handle is None:
            self._look_at(deadline_s)
        elif self._looks_at_s > deadline_s:
            self._handle.cancel()
            self._look_at(deadline_s)

    def close(self) -> None:
        """Lets go of the event loop."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    @abstractmethod
    def ring(self) -> None:
        """The time is up."""

    def _look(self) -> None:
        self._handle = None
        if self._deadline_s > asyncio.get_running_loop().time():
            self._look_at(self._deadline_s)
        else:
            self.ring()

    def _look_at(self, deadline_s: float) -> None:
        self._looks_at_s = deadline_s
        self._handle = asyncio.get_running_loop().call_at(deadline_s, self._look)


class Timer(Alarm):
    """Cancels the task that is inside its block when the time that was `set` is up, and turns
    that into ``TimeoutError``; like `asyncio.timeout`, but used again and again."""

    __slots__ = ("_cancelling", "_has_struck", "_task")

    def __init__(self) -> None:
        super().__init__()
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_struck = False

    def ring(self) -> None:
        # Where nobody waits, the next read sets it again; a block that it struck is on its way out.
        if self._task is not None and not self._has_struck:
            self._has_struck = True
            self._task.cancel()

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
