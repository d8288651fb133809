"""A live replay's money: set aside before each call, settled after it, never more than there is."""

from __future__ import annotations

import asyncio
from typing import Final

from llmrouter.core.prices import PriceCard, UnitClass

MILLION: Final = 1_000_000

_INPUT: Final[tuple[UnitClass, ...]] = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "input_audio",
    "input_image",
)
_OUTPUT: Final[tuple[UnitClass, ...]] = ("output", "reasoning", "output_audio", "output_image")


class Purse:
    """So many nano-dollars, for calls that run at the same time.

    At every moment what is spent and what is set aside together are within the limit.
    """

    def __init__(self, limit_nusd: int, spent_nusd: int = 0) -> None:
        self._limit_nusd = limit_nusd
        self._spent_nusd = spent_nusd
        self._reserved_nusd = 0
        self._changed = asyncio.Condition()

    @property
    def spent_nusd(self) -> int:
        """What settled calls cost."""
        return self._spent_nusd

    @property
    def reserved_nusd(self) -> int:
        """What calls that run may still cost."""
        return self._reserved_nusd

    async def reserve(self, nusd: int) -> bool:
        """Sets an amount aside; False when there is not enough left for it.

        While running calls hold what is missing, it waits for them: they seldom need it all.
        """
        async with self._changed:
            while True:
                if self._spent_nusd + self._reserved_nusd + nusd <= self._limit_nusd:
                    self._reserved_nusd += nusd
                    return True
                if not self._reserved_nusd:
                    return False
                await self._changed.wait()

    async def settle(self, reserved_nusd: int, cost_nusd: int | None) -> int:
        """Gives back what a call did not need; what it cost.  A cost that is not known counts as
        all that was set aside."""
        spent_nusd = reserved_nusd if cost_nusd is None else cost_nusd
        async with self._changed:
            self._reserved_nusd -= reserved_nusd
            self._spent_nusd += spent_nusd
            self._changed.notify_all()
        return spent_nusd


def most_it_costs(
    card: PriceCard, *, input_tokens: int, output_tokens: int, searches: int = 0
) -> int | None:
    """The most nano-dollars that so much can cost, whatever class it is counted in and however
    fast it is served; None when the price is not known."""
    dearest: dict[UnitClass, int] = {}
    for rate in card.rates:
        known = dearest.get(rate.unit_class, 0)
        dearest[rate.unit_class] = max(known, rate.nusd_per_million_units)
    if "input" not in dearest or "output" not in dearest:
        return None
    if searches and "web_search" not in dearest:
        return None
    total = input_tokens * max(dearest.get(name, 0) for name in _INPUT)
    total += output_tokens * max(dearest.get(name, 0) for name in _OUTPUT)
    total += searches * dearest.get("web_search", 0)
    return -(-total // MILLION) + dearest.get("request", 0)
