"""What tokens cost, in whole nano-dollars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from llmrouter.core.configuration import PriceConfig
from llmrouter.core.prices import STANDARD_SERVICE, PriceCard, Rate, UnitClass
from llmrouter.core.usage import Usage, nusd_from_usd

MILLION: Final = 1_000_000

_UNIT_CLASSES: Final[Mapping[str, UnitClass]] = {
    "uncached_input_tokens": "input",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h",
    "input_audio_tokens": "input_audio",
    "input_image_tokens": "input_image",
    "text_output_tokens": "output",
    "reasoning_tokens": "reasoning",
    "output_audio_tokens": "output_audio",
    "output_image_tokens": "output_image",
    "web_searches": "web_search",
}
"""Which price holds for each field of `Usage`."""


def cost_of(usage: Usage, card: PriceCard, service_tier: str | None = None) -> int | None:
    """The cost in nano-dollars, rounded once, half to even.

    ``service_tier`` is the one that the provider says, None the standard one.  The result is None
    when the cost is not known: the input or the output was not counted, or a class that was used
    has no price at this service.  A class that a provider did not mention counts as not used.
    """
    input_tokens = usage.input_tokens
    if input_tokens is None or usage.output_tokens is None:
        return None
    rates = card.rates_for(input_tokens, service_tier or STANDARD_SERVICE)
    total = rates.get("request", 0)
    for name, unit_class in _UNIT_CLASSES.items():
        units = getattr(usage, name)
        if not units:
            continue
        nusd_per_million = rates.get(unit_class)
        if nusd_per_million is None:
            return None
        total += units * nusd_per_million
    return _divided(total, MILLION)


def rates_from_config(config: PriceConfig) -> tuple[Rate, ...]:
    """The rates that a price in the configuration means.

    What it leaves out of cache, pictures and reasoning costs what input and output cost, as its
    reference says; a class beyond those has no known price.
    """
    usd: dict[UnitClass, float | None] = {
        "input": config.input_usd_per_mtok,
        "output": config.output_usd_per_mtok,
        "cache_read": _first(config.cache_read_usd_per_mtok, config.input_usd_per_mtok),
        "cache_write": _first(config.cache_write_usd_per_mtok, config.input_usd_per_mtok),
        "cache_write_1h": config.cache_write_1h_usd_per_mtok,
        "reasoning": _first(config.reasoning_usd_per_mtok, config.output_usd_per_mtok),
        "input_audio": config.input_audio_usd_per_mtok,
        "input_image": _first(config.input_image_usd_per_mtok, config.input_usd_per_mtok),
        "output_audio": config.output_audio_usd_per_mtok,
        "output_image": config.output_image_usd_per_mtok,
        "web_search": _per_million(config.web_search_usd),
        "request": _per_million(config.request_usd),
    }
    return tuple(
        Rate(name, nusd_from_usd(price)) for name, price in usd.items() if price is not None
    )


def _first(*prices: float | None) -> float | None:
    return next((price for price in prices if price is not None), None)


def _per_million(usd: float | None) -> float | None:
    return None if usd is None else float(Decimal(str(usd)) * MILLION)


def _divided(amount: int, divisor: int) -> int:
    """The quotient, rounded half to even, without leaving the integers."""
    quotient, remainder = divmod(amount, divisor)
    if 2 * remainder > divisor or (2 * remainder == divisor and quotient % 2 == 1):
        quotient += 1
    return quotient


def cost_of_switch(
    cached_tokens: int | None, *, leaves: PriceCard | None, joins: PriceCard | None
) -> int | None:
    """What it costs, in nano-dollars, that tokens which one model has cached are read anew by
    another; None when a price or the number of tokens is not known."""
    if cached_tokens is None or leaves is None or joins is None:
        return None
    anew = cost_of(Usage(uncached_input_tokens=cached_tokens, text_output_tokens=0), joins)
    cached = cost_of(
        Usage(uncached_input_tokens=0, cache_read_tokens=cached_tokens, text_output_tokens=0),
        leaves,
    )
    return None if anew is None or cached is None else anew - cached
