"""Price cards for tests, in nano-dollars per million units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmrouter.core.prices import PriceCard, Rate, UnitClass
from llmrouter.core.records import replace

CARD = PriceCard("lab", "fast", rates=(), valid_from_us=0, origin="import")


def charging(nusd: Mapping[UnitClass, int], *further: Rate, **facts: Any) -> PriceCard:
    """A card of ``lab/fast`` with these list prices, and further rates."""
    rates = tuple(Rate(unit_class, price) for unit_class, price in nusd.items())
    return replace(CARD, rates=(*rates, *further), **facts)
