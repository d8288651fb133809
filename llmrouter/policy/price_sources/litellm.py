"""Prices from LiteLLM's ``model_prices_and_context_window.json``, which gives dollars per token.

https://docs.litellm.ai/docs/provider_registration/add_model_pricing
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from llmrouter.core.prices import ServiceTier, UnitClass
from llmrouter.policy.price_sources.found import Found, Skipped, SourceInvalid
from llmrouter.policy.stated_prices import StatedPrice, StatedTier

SOURCE: Final = "LiteLLM's model_prices_and_context_window.json"
MILLION: Final = 1_000_000

_OUR_NAMES: Final = {
    "gemini": "google",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "cohere_chat": "cohere",
    "nvidia_nim": "nvidia",
    "zai": "glm",
    "moonshot": "kimi",
    "dashscope": "qwen",
}
"""LiteLLM's names of providers that are called otherwise here."""

_CLASSES: Final[Mapping[str, UnitClass]] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_image_token": "output_image",
    "input_cost_per_request": "request",
}
_SIZE: Final = re.compile(r"_above_(\d+)k_tokens$")
_SERVICES: Final[Mapping[str, ServiceTier]] = {
    "_batches": "batch",
    "_flex": "flex",
    "_priority": "priority",
}
_CHAT_MODES: Final = frozenset({"chat", "completion", "responses"})


def read_prices(document: Any, providers: Collection[str]) -> Found:
    """What the file says of these providers' models.  Raises `SourceInvalid`."""
    if not isinstance(document, Mapping) or not any(
        isinstance(entry, Mapping) and "litellm_provider" in entry for entry in document.values()
    ):
        raise SourceInvalid(
            'expected {"<model>": {"litellm_provider", "mode", "input_cost_per_token", …}, …}, as '
            "LiteLLM's model_prices_and_context_window.json has it"
        )
    prices: dict[str, StatedPrice] = {}
    skipped = []
    for name, entry in document.items():
        if not isinstance(entry, Mapping) or name == "sample_spec":
            continue
        theirs = str(entry.get("litellm_provider"))
        provider = _OUR_NAMES.get(theirs, theirs)
        if provider not in providers or entry.get("mode") not in _CHAT_MODES:
            continue
        model = f"{provider}/{name.removeprefix(f'{theirs}/')}"
        stated = _stated(model, entry)
        if stated is None:
            skipped.append(Skipped(model, "it has no price per token"))
        else:
            prices.setdefault(model, stated)
    return Found(tuple(prices.values()), tuple(skipped))


def _stated(model: str, entry: Mapping[str, Any]) -> StatedPrice | None:
    tiers: dict[tuple[int, ServiceTier], dict[UnitClass, Decimal]] = defaultdict(dict)
    for member, amount in entry.items():
        placed = _placed(member)
        if placed is None or isinstance(amount, bool) or not isinstance(amount, int | float):
            continue
        unit_class, size, service = placed
        tiers[size, service][unit_class] = Decimal(str(amount)) * MILLION
    base = tiers.pop((0, "standard"), {})
    if not base.keys() & {"input", "output"}:
        return None
    return StatedPrice(
        model=model,
        usd_per_million=base,
        tiers=tuple(
            StatedTier(usd_per_million=usd, from_input_tokens=size, service_tier=service)
            for (size, service), usd in tiers.items()
        ),
        source=SOURCE,
    )


def _placed(member: str) -> tuple[UnitClass, int, ServiceTier] | None:
    """Which price a member is: of what, from how many input tokens on, at which service."""
    service: ServiceTier = "standard"
    for ending, named in _SERVICES.items():
        if member.endswith(ending):
            member, service = member.removesuffix(ending), named
    size = 0
    if (above := _SIZE.search(member)) is not None:
        member, size = member[: above.start()], int(above[1]) * 1000 + 1
    unit_class = _CLASSES.get(member)
    return None if unit_class is None else (unit_class, size, service)
