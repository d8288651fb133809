"""How long requests took and would take, counted in buckets."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

UPPER_US: Final = [*(round(1000 * 2 ** (step / 2)) for step in range(42)), 2**62]
"""Upper edges of the buckets that durations are counted in: from 1 ms on, two for each doubling."""


class Spread:
    """Counts requests of which both durations are known."""

    def __init__(self) -> None:
        self._old = [0] * len(UPPER_US)
        self._new = [0] * len(UPPER_US)

    def add(self, old_us: int | None, new_us: int | None) -> None:
        """Takes in a request."""
        if old_us is None or new_us is None:
            return
        self._old[bisect_left(UPPER_US, old_us)] += 1
        self._new[bisect_left(UPPER_US, new_us)] += 1

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"upper_us": UPPER_US[:-1], "old": self._old[:-1], "new": self._new[:-1]}
