"""How work grows with its input: tells linear from quadratic on any machine, however loaded."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time_ns
from typing import Any, Final

TIMES_LONGER: Final = 8
LINEAR_ENOUGH: Final = 24.0
"""Linear work grows 8 times, quadratic 64 times; caches and allocation blur the first a little."""


def growth(work: Callable[[str], Any], part: str, characters: int) -> float:
    """How many times as much of this thread's CPU time the work takes on a text that is 8 times as
    long as ``characters``, made of one part; the best of three runs each."""
    short, long = (
        part * (length // len(part)) for length in (characters, characters * TIMES_LONGER)
    )
    return min(_cpu_ns(work, long) for _ in range(3)) / min(_cpu_ns(work, short) for _ in range(3))


def _cpu_ns(work: Callable[[str], Any], text: str) -> int:
    begun = thread_time_ns()
    work(text)
    return max(1, thread_time_ns() - begun)
