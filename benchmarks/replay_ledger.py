"""A ledger to replay: made by the pipeline's own decisions, without any network."""

from __future__ import annotations

import asyncio
import random

import orjson

from llmrouter.core.clock import SystemClock
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

AT_ONCE = 500
PRICES = {"lab/old": (1.0, 2.0), "lab/new": (3.0, 5.0)}
DOCUMENT = {
    "routing": {"mode": "keywords"},
    "providers": {"lab": {"base_url": "http://127.0.0.1:9/v1", "key_optional": True}},
    "prices": {
        name: {"input_usd_per_mtok": price[0], "output_usd_per_mtok": price[1]}
        for name, price in PRICES.items()
    },
    "categories": {"code": {"models": ["lab/old"]}, "conversation": {"models": ["lab/old"]}},
    "combos": {"trial": {"models": ["lab/new"]}},
}
CODE = (
    "Write a Python function that merges two sorted lists without copying them",
    "This TypeError comes up when I call json.dumps on a datetime, what is wrong with my code?",
    "Refactor the class so that the SQL query is built in one place, and add a unit test",
)
PADDING = "The module reads the file, keeps the rows that changed and writes them back. "


async def fill(store: Store, requests: int) -> None:
    """So many requests, one after each other, up to now."""
    await store.versions.add(DOCUMENT, parent=None, author="benchmark")
    await store.prices.add([_card(name) for name in PRICES])
    chance = random.Random(1)
    begun_us = SystemClock().now_us() - requests * 100_000
    for first in range(0, requests, AT_ONCE):
        places = range(first, min(first + AT_ONCE, requests))
        records = [_record(begun_us + place * 100_000, place, chance) for place in places]
        await asyncio.gather(*(store.ledger.close(record) for record in records))


def _card(name: str) -> PriceCard:
    config = PriceConfig(input_usd_per_mtok=PRICES[name][0], output_usd_per_mtok=PRICES[name][1])
    return PriceCard("lab", name.partition("/")[2], rates_from_config(config), 0, "configuration")


def _record(started_us: int, place: int, chance: random.Random) -> RequestRecord:
    named = place % 4 == 0
    model = "lab/new" if named else "lab/old"
    text = f"{CODE[place % len(CODE)]} ({place}). {PADDING * chance.choice((0, 0, 1, 4))}"
    document = {
        "model": "trial" if named else "router",
        "messages": [
            {"role": "system", "content": "You are a careful engineer."},
            {"role": "user", "content": text},
        ],
    }
    body = orjson.dumps(document)
    duration_us = chance.randrange(300_000, 900_000)
    usage = Usage(
        uncached_input_tokens=len(body) // 4, text_output_tokens=chance.randrange(50, 400)
    )
    decided_by = "requested" if named else "keywords"
    route = "trial" if named else "code"
    resolved_by = "route" if named else "classified"
    events = (
        Event(0, RequestReceived(started_us, 0, 1, "/chat/completions", "openai")),
        Event(100, RequestValidated(str(document["model"]), False, 2, len(body))),
        Event(
            200,
            RequestClassified(
                None if named else "code",
                decided_by,
                "keywords",
                None if named else "keywords",
                None if named else 0.8,
                {},
                (),
                90,
            ),
        ),
        Event(
            300,
            RouteSelected(route, "priority", resolved_by, ({"target": model, "refused": None},)),
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
                cost_nusd=cost_of(usage, _card(model)),
                cost_basis="computed",
            ),
        ),
        Event(
            500 + duration_us,
            RequestFinished("completed", 200, 500 + duration_us, overhead_us=500, served_by=1),
        ),
    )
    row, attempts = fold_request(id_floor(started_us) + place % 7, events)
    return RequestRecord(row, attempts, events, body=body)
