"""Price cards as JSON for people: dollars per million units, ISO times."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from llmrouter.core.prices import PriceCard
from llmrouter.core.usage import NUSD_PER_USD
from llmrouter.policy.price_changes import PriceChanges
from llmrouter.store.repricing import Repriced
from llmrouter.web.rows import show_time, show_usd


def show_card(card: PriceCard) -> dict[str, Any]:
    """A card in the form in which prices are stated, with what the ledger adds."""
    tiers: dict[tuple[int, str], dict[str, float]] = defaultdict(dict)
    for rate in sorted(card.rates):
        usd = rate.nusd_per_million_units / NUSD_PER_USD
        tiers[rate.from_input_tokens, rate.service_tier][rate.unit_class] = usd
    base = tiers.pop((0, "standard"), {})
    return {
        "price_id": card.id,
        "model": f"{card.provider}/{card.model}",
        "usd_per_million": base,
        "tiers": [
            {"service_tier": service, "from_input_tokens": size, "usd_per_million": usd}
            for (size, service), usd in sorted(tiers.items())
        ],
        "valid_from": show_time(card.valid_from_us),
        "valid_to": show_time(card.valid_to_us),
        "origin": card.origin,
        "source": card.source,
        "config_version": card.config_version,
    }


def show_repriced(found: Repriced) -> dict[str, Any]:
    """What a step of computing costs anew came to; ``next`` is where the next one goes on."""
    return {
        "requests": found.requests,
        "changed": found.changed,
        "newly_known": found.newly_known,
        "before_usd": show_usd(found.before_nusd),
        "after_usd": show_usd(found.after_nusd),
        "without_events": found.without_events,
        "next": found.last_id,
    }


def show_changes(changes: PriceChanges, *, dry_run: bool) -> dict[str, Any]:
    """What was, or would be, changed."""
    return {
        "dry_run": dry_run,
        "added": [
            {
                **show_card(change.after),
                "before": None if change.before is None else show_card(change.before),
            }
            for change in changes.added
        ],
        "unchanged": changes.unchanged,
        "skipped": [{"model": s.model, "reason": s.reason} for s in changes.skipped],
    }
