"""A bounded queue that a thread of its own empties; who puts something in never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

BATCH: Final = 64
"""So many at once: with about eight spans each, what OpenTelemetry's own queue sends at once."""

SAY_EVERY_S: Final = 60.0
"""A collector that is away for a day is not told of every second."""

_log = logging.getLogger(__name__)


class Outbox(Generic[T]):
    """Hands what was put in to ``deliver``, which says whether it was.  What finds the queue full,
    and what could not be delivered, is counted in ``lost`` and told in the log."""

    def __init__(
        self, name: str, deliver: Callable[[Sequence[T]], bool], *, most: int, every_s: float
    ) -> None:
        self.lost = 0
        self._name = name
        self._deliver = deliver
        self._most = most
        self._every_s = every_s
        self._waiting: deque[T] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._said = 0
        self._said_at_s = -SAY_EVERY_S
        self._thread = threading.Thread(target=self._work, name=f"telemetry {name}", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Takes it up, or drops it when too many are waiting."""
        if self._closing or len(self._waiting) >= self._most:
            self.lost += 1
            return
        self._waiting.append(item)
        if len(self._waiting) * 2 == self._most:
            self._wake.set()

    def close(self) -> None:
        """Delivers what is waiting; blocks until that is done."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closing:
            self._wake.wait(self._every_s)
            self._wake.clear()
            self._empty()
            self._say_what_was_lost()
        self._empty()
        self._said_at_s = -SAY_EVERY_S
        self._say_what_was_lost()

    def _empty(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not self._delivered(batch):
                self.lost += len(batch)

    def _delivered(self, batch: Sequence[T]) -> bool:
        try:
            return self._deliver(batch)
        except Exception:
            # The thread's edge: what one batch does to the exporter must not end the export.
            _log.exception("OpenTelemetry: %s could not be made", self._name)
            return False

    def _say_what_was_lost(self) -> None:
        now_s = time.monotonic()
        if self.lost == self._said or now_s - self._said_at_s < SAY_EVERY_S:
            return
        _log.warning(
            "OpenTelemetry: the %s of %d requests were lost (%d since the start): the collector "
            "does not take them, or not fast enough; requests are answered all the same",
            self._name,
            self.lost - self._said,
            self.lost,
        )
        self._said, self._said_at_s = self.lost, now_s
