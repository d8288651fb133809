"""What the ledger knows of models' slowness, at hand for the request path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NoReturn

from llmrouter.core.clock import Clock
from llmrouter.core.errors import Overloaded
from llmrouter.core.latency import Tail
from llmrouter.core.routing import Target

LEAST_ANSWERS: Final = 20
"""Fewer have no 95th percentile worth the name."""

RENEW_EVERY_S: Final = 60.0
OVER_US: Final = 86_400_000_000

_log = logging.getLogger(__name__)

ReadTails = Callable[[int], Awaitable[Iterable[Tail]]]
"""Asks the ledger for models' slowness since a moment (wall clock, µs)."""


class Tails:
    """Begins with nothing; `renew` and `run` keep it fresh, off the request path."""

    def __init__(self, read: ReadTails, is_wanted: Callable[[], bool], clock: Clock) -> None:
        """``is_wanted``: whether a route of the running configuration goes by it."""
        self._read = read
        self._is_wanted = is_wanted
        self._clock = clock
        self._tails: dict[tuple[str, str], Tail] = {}

    def p95_us(self, target: Target, *, stream: bool) -> int | None:
        """When 19 of 20 answers have given their first token (of a whole answer: everything); None
        when too few are known."""
        tail = self._tails.get((target.provider, target.model))
        if tail is None:
            return None
        if stream:
            return tail.first_token_p95_us if tail.first_tokens >= LEAST_ANSWERS else None
        return tail.duration_p95_us if tail.answers >= LEAST_ANSWERS else None

    async def renew(self) -> None:
        """Takes in what the ledger knows now; it replaces what it knew."""
        if not self._is_wanted():
            return
        try:
            tails = await self._read(self._clock.now_us() - OVER_US)
        except Overloaded as error:
            _log.warning("models' slowness stays as it was known: %s", error.message)
            return
        self._tails = {(tail.provider, tail.model): tail for tail in tails}

    async def run(self) -> NoReturn:
        """Goes on until it is cancelled."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await self.renew()
