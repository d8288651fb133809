"""Prices: what a model charges for each kind of unit, from when on, and who says so.

A rate is an integer number of nano-dollars per million units: tokens, or whatever its class counts
(searches, requests).  A class without a rate has no known price; a rate of zero is free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from llmrouter.core.records import Record

UnitClass = Literal[
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "input_audio",
    "input_image",
    "output",
    "reasoning",
    "output_audio",
    "output_image",
    "web_search",
    "request",
]
"""What is billed: classes of tokens as `llmrouter.core.usage.Usage` tells them apart, searches one
by one, and the request itself."""

ServiceTier = Literal["standard", "batch", "flex", "priority", "fast", "us"]
"""How fast or where a provider answers, as far as that has a price; Anthropic's are ``fast``, its
fast mode, and ``us``, the standard service inside the United States."""

STANDARD_SERVICE: Final = "standard"

PriceOrigin = Literal["configuration", "manual", "import", "built_in"]
"""Who put a price into the ledger: a configuration document, ``llmrouter prices set``, an import,
or the program's own file."""

ANY_MODEL: Final = "*"
"""As a card's model: whichever of the provider's models has no card of its own."""


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """The price of one class; it holds for a whole request with at least so many input tokens."""

    unit_class: UnitClass
    nusd_per_million_units: int
    service_tier: ServiceTier = "standard"
    from_input_tokens: int = 0


class PriceCard(Record):
    """Everything that a model charges from a moment on; it replaces the model's earlier card whole.

    ``id`` is the ledger's, under which attempts name what their cost was computed with; None
    outside the ledger.  ``valid_to_us`` is there where the source itself named an end.
    ``config_version`` is the first one that said it, of a price from the configuration.
    """

    provider: str
    model: str
    rates: tuple[Rate, ...]
    valid_from_us: int
    origin: PriceOrigin
    source: str | None = None
    valid_to_us: int | None = None
    imported_us: int = 0
    config_version: int | None = None
    id: int | None = None

    def nusd_per_million(self, unit_class: UnitClass) -> int | None:
        """The list price of a class: standard service, short requests."""
        return self.rates_for(0, STANDARD_SERVICE).get(unit_class)

    def rates_for(self, input_tokens: int, service_tier: str) -> Mapping[UnitClass, int]:
        """Nano-dollars per million units by class, for a request of this size at this service."""
        found: dict[UnitClass, tuple[int, int]] = {}
        for rate in self.rates:
            if rate.service_tier != service_tier or rate.from_input_tokens > input_tokens:
                continue
            if rate.from_input_tokens >= found.get(rate.unit_class, (0, 0))[0]:
                found[rate.unit_class] = (rate.from_input_tokens, rate.nusd_per_million_units)
        return {unit_class: nusd for unit_class, (_, nusd) in found.items()}

    def says_the_same(self, other: PriceCard) -> bool:
        """Whether both charge the same, whoever says so and from when on."""
        return sorted(self.rates) == sorted(other.rates)
