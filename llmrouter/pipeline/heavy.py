"""`Heavy`: work on large bodies, in a thread beside the event loop and one piece at a time.

Each piece holds Python's interpreter for as long as it parses or searches; of several at once the
event loop would wait for all of them, and `/health` with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Heavy:
    """First come, first served."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` gives, or raises."""
        async with self._turn:
            return await asyncio.to_thread(work, *args, **kwargs)
