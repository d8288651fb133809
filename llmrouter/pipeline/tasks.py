"""The one place that starts background tasks, so that none is lost or fails unseen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Tasks:
    """Background tasks with a reference kept to each until it is done."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Starts ``work``; a failure that nobody awaits is logged under ``name``."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task %s failed", task.get_name(), exc_info=error)

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Starts ``work`` that nobody waits for."""
        self._running.add(self.spawn(work, name=name))

    async def settle(self, timeout_s: float) -> None:
        """Waits for what is running, then cancels the rest."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)

    async def cancel(self) -> None:
        """Cancels everything that is running and waits for it."""
        await self.settle(timeout_s=0)
