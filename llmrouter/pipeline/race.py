"""Attempts of one request that are under way at once; the first whose answer begins wins."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from llmrouter.pipeline.attempt import Attempt


class Patience(NamedTuple):
    """How long a silent target is waited for alone, and who says so."""

    after_ms: int
    basis: Literal["p95", "configured"]


@dataclass(frozen=True, slots=True, eq=False)
class Racer:
    """An attempt, and the task that takes it to the first bytes for the client."""

    attempt: Attempt
    task: asyncio.Task[bytes]

    @property
    def failure(self) -> BaseException | None:
        """What it came to by itself, when that was no answer."""
        is_over = self.task.done() and not self.task.cancelled()
        return self.task.exception() if is_over else None


class Race:
    """Whoever holds it calls `cancel` in the end, and awaits `stopped`."""

    def __init__(self) -> None:
        self._running: list[Racer] = []

    def enter(self, attempt: Attempt, content: Coroutine[Any, Any, bytes]) -> None:
        """Sends an attempt off; ``content`` takes it to its first bytes for the client."""
        task = asyncio.create_task(content, name="attempt")
        self._running.append(Racer(attempt, task))

    async def next(self, within_s: float | None = None) -> Racer | None:
        """The next one that has come to its end, taken out of the race; of two at the same moment
        the one that was sent first.  None when the time is up."""
        await asyncio.wait(
            [racer.task for racer in self._running],
            timeout=within_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        done = next((racer for racer in self._running if racer.task.done()), None)
        if done is not None:
            self._running.remove(done)
        return done

    def cancel(self) -> list[Racer]:
        """Calls off what is still in the race, and gives it: its outcome is to be booked."""
        called_off, self._running = self._running, []
        for racer in called_off:
            racer.task.cancel()
        return called_off

    async def stopped(self, racers: Sequence[Racer]) -> None:
        """Waits until those that were called off have come to a stop."""
        if racers:
            await asyncio.wait([racer.task for racer in racers])
