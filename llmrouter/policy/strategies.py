"""In which order a route's targets are tried: one function and one line in `STRATEGIES` each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from llmrouter.core.configuration import StrategyName
from llmrouter.core.prices import PriceCard
from llmrouter.core.routing import Target

PriceOf = Callable[[Target], PriceCard | None]


class Strategy(Protocol):
    """Gives the targets in the order in which they are to be tried."""

    def __call__(
        self, targets: Sequence[Target], *, price_of: PriceOf, request_id: int
    ) -> tuple[Target, ...]: ...


def priority(
    targets: Sequence[Target], *, price_of: PriceOf, request_id: int
) -> tuple[Target, ...]:
    """As configured."""
    return tuple(targets)


def cheapest(
    targets: Sequence[Target], *, price_of: PriceOf, request_id: int
) -> tuple[Target, ...]:
    """By the price of a million tokens in and a million out; unknown prices last."""

    def by_price(target: Target) -> tuple[bool, int]:
        card = price_of(target)
        prices = (card.nusd_per_million("input"), card.nusd_per_million("output")) if card else ()
        known = [price for price in prices if price is not None]
        return (False, sum(known)) if len(known) == 2 else (True, 0)

    return tuple(sorted(targets, key=by_price))


def shuffle(targets: Sequence[Target], *, price_of: PriceOf, request_id: int) -> tuple[Target, ...]:
    """Evenly spread over requests, and the same for the same request, so that replay repeats it."""

    def by_lot(target: Target) -> bytes:
        return hashlib.blake2b(f"{request_id} {target}".encode(), digest_size=8).digest()

    return tuple(sorted(targets, key=by_lot))


STRATEGIES: Final[Mapping[StrategyName, Strategy]] = {
    "priority": priority,
    "cheapest": cheapest,
    "shuffle": shuffle,
}
