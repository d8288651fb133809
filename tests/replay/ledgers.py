"""Ledgers made by hand: requests with tokens and times by a known law."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from llmrouter.core.configuration import PriceConfig
from llmrouter.core.events import (
    AttemptStarted,
    AttemptSucceeded,
    Event,
    RequestClassified,
    RequestFinished,
    RequestReceived,
    RequestValidated,
    RouteSelected,
)
from llmrouter.core.ids import id_floor
from llmrouter.core.ledger import RequestRecord
from llmrouter.core.prices import PriceCard
from llmrouter.core.usage import Usage
from llmrouter.policy.fold import fold_request
from llmrouter.policy.pricing import cost_of, rates_from_config
from llmrouter.store.opening import Store
from tests.store.samples import NOW_US

PROVIDERS = {
    "lab": {"base_url": "http://127.0.0.1:9/v1", "key_optional": True},
}
PRICES = {
    "lab/old": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2},
    "lab/new": {"input_usd_per_mtok": 3, "output_usd_per_mtok": 5},
}
DOCUMENT: Mapping[str, Any] = {
    "routing": {"mode": "keywords"},
    "providers": PROVIDERS,
    "prices": PRICES,
    "categories": {
        "code": {"models": ["lab/old"]},
        "conversation": {"models": ["lab/old"]},
    },
    "combos": {"trial": {"models": ["lab/new"]}},
}
TEXT = "Write a Python function that adds two numbers"


@dataclass(frozen=True, slots=True)
class Law:
    """How a model answers, on average; every value varies by a tenth to either side."""

    output_tokens: float
    input_tokens_per_byte: float
    duration_us: float


OLD = Law(200, 0.25, 400_000)
NEW = Law(300, 0.20, 700_000)


def card_of(name: str) -> PriceCard:
    """What a model has always charged."""
    rates = rates_from_config(PriceConfig(**PRICES[name]))
    return PriceCard("lab", name.partition("/")[2], rates, 0, "configuration")


def served(
    place: int, model: str, law: Law, chance: random.Random, *, body: bool = True
) -> RequestRecord:
    """The request at this place of the ledger (one each second), answered by a model."""
    started_us = NOW_US + place * 1_000_000
    number = id_floor(started_us) + place % 7
    document = {"model": "router", "messages": [{"role": "user", "content": f"{TEXT} {place}"}]}
    content = orjson.dumps(document)
    duration_us = round(law.duration_us * chance.uniform(0.9, 1.1))
    usage = Usage(
        uncached_input_tokens=round(law.input_tokens_per_byte * 400 * chance.uniform(0.9, 1.1)),
        text_output_tokens=round(law.output_tokens * chance.uniform(0.9, 1.1)),
    )
    card = card_of(model)
    events = (
        Event(0, RequestReceived(started_us, 0, 1, "/chat/completions", "openai")),
        Event(100, RequestValidated("router", False, 1, 400)),
        Event(
            200,
            RequestClassified(
                "code", "keywords", "keywords", "keywords", 0.8, {"code": 4.0}, ("python",), 90
            ),
        ),
        Event(
            300,
            RouteSelected("code", "priority", "classified", ({"target": model, "refused": None},)),
        ),
        Event(400, AttemptStarted(1, "lab", model.partition("/")[2], "default", started_us + 400)),
        Event(
            400 + duration_us,
            AttemptSucceeded(
                1,
                "succeeded",
                duration_us,
                uncached_input_tokens=usage.uncached_input_tokens,
                text_output_tokens=usage.text_output_tokens,
                usage_source="provider",
                cost_nusd=cost_of(usage, card),
                cost_basis="computed",
            ),
        ),
        Event(
            500 + duration_us,
            RequestFinished("completed", 200, 500 + duration_us, overhead_us=500, served_by=1),
        ),
    )
    row, attempts = fold_request(number, events)
    return RequestRecord(row, attempts, events, body=content if body else None)


async def fill(
    store: Store, requests: int, *, models: Sequence[tuple[str, Law]], seed: int = 1
) -> None:
    """A ledger whose requests were answered by these models in turn."""
    chance = random.Random(seed)
    await store.versions.add(DOCUMENT, parent=None, author="test")
    await store.prices.add([card_of(model) for model in PRICES])
    for place in range(requests):
        model, law = models[place % len(models)]
        await store.ledger.close(served(place, model, law, chance))
