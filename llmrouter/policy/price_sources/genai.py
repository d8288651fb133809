"""Prices from the ``genai-prices`` package, an extra: ``pip install 'llmrouter[genai-prices]'``.

A provider of ours is the one whose API it addresses.  Where the package gives no price of its own
for what comes from a cache, or for sound or pictures, it charges the price of input; so these
become prices of ours.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from genai_prices import __version__
from genai_prices.data import providers as their_providers
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
)

from llmrouter.core.prices import ServiceTier, UnitClass
from llmrouter.policy.price_sources.found import Catalogue, Found, Skipped
from llmrouter.policy.stated_prices import StatedPrice, StatedTier

_CLASSES: Final[Mapping[str, UnitClass]] = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "output_image_mtok": "output_image",
    "web_searches_kcount": "web_search",
    "requests_kcount": "request",
}
_AS_INPUT: Final[tuple[UnitClass, ...]] = (
    "cache_read",
    "cache_write",
    "input_audio",
    "input_image",
)
_SERVICES: Final[Mapping[tuple[str, str], ServiceTier]] = {
    ("processing", "batch"): "batch",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
}
_SOURCE: Final = f"genai-prices {__version__}"

_Tiers = dict[tuple[int, ServiceTier], dict[UnitClass, Decimal]]


def read_package(addresses: Mapping[str, str], used: Catalogue, today: date) -> Found:
    """What the package says of the providers at these base URLs: of its own list of their models
    and of those that are used."""
    prices: list[StatedPrice] = []
    skipped: list[Skipped] = []
    for name, base_url in addresses.items():
        theirs = next((p for p in their_providers if re.match(p.api_pattern, base_url)), None)
        if theirs is None:
            continue
        for model_id, model in _models(theirs, used.get(name, ())).items():
            try:
                prices += _statements(f"{name}/{model_id}", model, theirs, today)
            except _CannotSay as reason:
                skipped.append(Skipped(f"{name}/{model_id}", str(reason)))
    return Found(tuple(prices), tuple(skipped))


class _CannotSay(Exception):
    """A way of pricing that a price card cannot express."""


def _models(provider: Provider, used: Iterable[str]) -> dict[str, ModelInfo]:
    models = {model.id: model for model in provider.models}
    for model_id in used:
        meant = provider.find_model(model_id.lower(), all_providers=their_providers)
        if meant is not None:
            models[model_id] = meant
    return models


def _statements(
    name: str, model: ModelInfo, provider: Provider, today: date
) -> Iterator[StatedPrice]:
    """The price that holds, from the day that is given or else from now on, and later ones."""
    dated: list[tuple[date | None, ModelPrice]] = []
    for conditional in _conditional(model):
        match conditional.constraint:
            case None:
                dated.append((None, conditional.prices))
            case StartDateConstraint(start_date=start):
                dated.append((start, conditional.prices))
            case _:
                raise _CannotSay("its price depends on the time of day")
    holding = [(day, price) for day, price in dated if day is None or day <= today]
    later = [(day, price) for day, price in dated if day is not None and day > today]
    page = (provider.pricing_urls or [provider.api_pattern])[0]
    for day, price in (*holding[-1:], *later):
        tiers = _tiers(price, _active(model.price_variants, max(day or today, today)))
        base = tiers.pop((0, "standard"), {})
        if "input" not in base:
            raise _CannotSay("it has no price per token")
        yield StatedPrice(
            model=name,
            usd_per_million=base,
            tiers=tuple(
                StatedTier(usd_per_million=usd, from_input_tokens=size, service_tier=service)
                for (size, service), usd in sorted(tiers.items())
            ),
            valid_from=day,
            source=f"{_SOURCE}, of {page}",
        )


def _conditional(model: ModelInfo) -> list[ConditionalPrice]:
    prices = model.prices
    return [ConditionalPrice(prices=prices)] if isinstance(prices, ModelPrice) else prices


def _active(variants: list[PriceVariant] | None, day: date) -> list[PriceVariant]:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return [v for v in variants or () if v.constraint is None or v.constraint.active(noon)]


def _tiers(standard: ModelPrice, variants: list[PriceVariant]) -> _Tiers:
    tiers: _Tiers = defaultdict(dict)
    _place(tiers, standard, "standard")
    for variant in variants:
        (condition, *further) = variant.when.items()
        service = None if further else _SERVICES.get(condition)
        if service is not None and not any(placed == service for _, placed in tiers):
            _place(tiers, standard, service)  # what the variant leaves out is charged as ever
            _place(tiers, variant.prices, service)
    return dict(tiers)


def _place(tiers: _Tiers, price: ModelPrice, service: ServiceTier) -> None:
    given = {
        unit_class: amount
        for key, unit_class in _CLASSES.items()
        if (amount := getattr(price, key)) is not None
    }
    for unit_class in _AS_INPUT:
        if "input" in given:
            given.setdefault(unit_class, given["input"])
    for unit_class, amount in given.items():
        per = 1000 if unit_class in ("web_search", "request") else 1
        if isinstance(amount, TieredPrices):
            tiers[0, service][unit_class] = amount.base * per
            for tier in amount.tiers:
                tiers[tier.start + 1, service][unit_class] = tier.price * per
        else:
            tiers[0, service][unit_class] = amount * per
            for (size, placed), usd in tiers.items():
                if size and placed == service:
                    usd.pop(unit_class, None)
