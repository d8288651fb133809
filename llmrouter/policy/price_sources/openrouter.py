"""Prices from OpenRouter's list of models (``GET /api/v1/models``), which gives dollars per token.

https://openrouter.ai/docs/api-reference/models/get-models
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from llmrouter.core.prices import UnitClass
from llmrouter.policy.price_sources.found import Found, Skipped, SourceInvalid
from llmrouter.policy.stated_prices import StatedPrice, StatedTier

SOURCE: Final = "https://openrouter.ai/api/v1/models"
MILLION: Final = 1_000_000

_CLASSES: Final[Mapping[str, UnitClass]] = {
    "prompt": "input",
    "completion": "output",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write",
    "input_cache_write_1h": "cache_write_1h",
    "internal_reasoning": "reasoning",
    "audio": "input_audio",
    "image_token": "input_image",
    "audio_output": "output_audio",
    "web_search": "web_search",
    "request": "request",
}
"""Prices by token, search and request.  Those by picture (``image``, ``image_output``) have no
counterpart: pictures are counted in tokens."""

_ZERO_IS_SILENCE: Final = frozenset(_CLASSES) - {"prompt", "completion"}
"""Members that stand at "0" where there is no price of its own."""


def read_models(document: Any, provider: str) -> Found:
    """What the list says, of the models of this provider.  Raises `SourceInvalid`."""
    models = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(models, list):
        raise SourceInvalid('expected {"data": [{"id", "pricing"}, …]}, as OpenRouter lists models')
    prices, skipped = [], []
    for model in models:
        name = f"{provider}/{model.get('id')}" if isinstance(model, Mapping) else "?"
        try:
            prices.append(_stated(name, model["pricing"]))
        except (KeyError, TypeError, InvalidOperation, ValueError) as error:
            reason = str(error) if isinstance(error, _Varies) else "its pricing cannot be read"
            skipped.append(Skipped(name, reason))
    return Found(tuple(prices), tuple(skipped))


class _Varies(ValueError):
    pass


def _stated(model: str, pricing: Mapping[str, Any]) -> StatedPrice:
    base = _per_million(pricing)
    if pricing.get("discount"):
        raise _Varies("its prices are discounted for the time being; their end is not told")
    tiers = []
    for override in pricing.get("overrides") or ():
        size = override.get("min_prompt_tokens")
        if size is None:
            raise _Varies("its price depends on more than a request's size")
        own = _per_million(override.get("pricing") or override)
        tiers.append(StatedTier(usd_per_million={**base, **own}, from_input_tokens=size))
    return StatedPrice(model=model, usd_per_million=base, tiers=tuple(tiers), source=SOURCE)


def _per_million(pricing: Mapping[str, Any]) -> dict[UnitClass, Decimal]:
    found: dict[UnitClass, Decimal] = {}
    for member, unit_class in _CLASSES.items():
        if pricing.get(member) is None:
            continue
        usd = Decimal(str(pricing[member]))
        if usd < 0:
            raise _Varies("its price varies from request to request")
        if usd or member not in _ZERO_IS_SILENCE:
            found[unit_class] = usd * MILLION
    return found
