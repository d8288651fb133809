"""Prices that depend on the service that a reply was made at, and on the size of its prompt."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from llmrouter.core.prices import PriceCard, Rate
from llmrouter.core.routing import Target
from llmrouter.replay.checking import attempt_cost
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.repricing import Repricing
from tests.prices import charging
from tests.provider import DONE, FINISH, Provider, body, completion, stream
from tests.running import RunningRouter, lab, running_router

USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
CARD = charging(
    {"input": 10, "output": 20}, Rate("input", 5, "flex"), Rate("output", 10, "flex"), model="m"
)
LONG = charging(
    {"input": 4_000_000, "cache_read": 400_000, "output": 20_000_000},
    Rate("input", 8_000_000, from_input_tokens=200_001),
    Rate("cache_read", 800_000, from_input_tokens=200_001),
    Rate("output", 30_000_000, from_input_tokens=200_001),
    model="m",
)


async def know(router: RunningRouter, card: PriceCard) -> None:
    book = await router.router.store.prices.add([card])
    router.router.services.configuration.reprice(book)


@pytest.mark.parametrize(
    ("said", "kept", "cost_nusd"),
    [
        (None, None, 30),
        ("default", None, 30),
        ("flex", "flex", 15),
        ("priority", "priority", None),
        ("scale", "scale", None),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_reply_costs_what_its_service_does(
    said: str | None,
    kept: str | None,
    cost_nusd: int | None,
    streamed: bool,
    sqlite_database: DatabaseAddress,
) -> None:
    """https://openai.com/api/priority-processing, …/docs/guides/flex-processing: the reply says
    which tier it was processed with, which may be another one than was asked for."""
    message = {"role": "assistant", "content": "Hi"}
    whole = completion(message, usage=USAGE, service_tier=said)
    usage = {**whole, "object": "chat.completion.chunk", "choices": []}
    script = stream("Hi", FINISH, usage, DONE) if streamed else body(orjson.dumps(whole))
    async with (
        Provider(otherwise=script) as provider,
        running_router(sqlite_database, lab(provider)) as router,
    ):
        await know(router, CARD)
        await router.chat(model="lab/m", stream=streamed)
        await router.settled()
        story = router.ledger.only_story()
        stored = await router.router.store.reader.request_story(story.request["id"])
        (attempt,) = story.attempts
        basis = "unknown" if cost_nusd is None else "computed"
        assert (attempt["cost_nusd"], attempt["cost_basis"]) == (cost_nusd, basis)
        assert (attempt["service_tier"], story.data("attempt.succeeded").service_tier) == (
            kept,
            kept,
        )
        assert stored is not None
        row, table = stored.attempts[0], router.router.services.configuration.table
        assert attempt_cost(row, table, row.started_us) == cost_nusd  # as a replay does


async def test_a_price_for_the_service_that_comes_later_is_applied(
    database: DatabaseAddress,
) -> None:
    reply = completion({"role": "assistant", "content": "Hi"}, usage=USAGE, service_tier="priority")
    async with (
        Provider(otherwise=body(orjson.dumps(reply))) as provider,
        running_router(database, lab(provider)) as router,
    ):
        await know(router, CARD)
        await router.chat(model="lab/m")
        assert router.ledger.only_story().request["cost_nusd"] is None
        dearer = (Rate("input", 20, "priority"), Rate("output", 40, "priority"))
        await know(
            router, charging({"input": 10, "output": 20}, *dearer, model="m", valid_from_us=1)
        )
        book = router.router.services.configuration.book
        target = Target("lab", "m")
        found = await router.router.store.prices.reprice(Repricing(0, target=target), book)
        assert (found.changed, found.newly_known) == (1, 1)
        assert router.ledger.only_story().request["cost_nusd"] == 60


async def test_the_cost_that_a_client_is_told_is_the_services(
    sqlite_database: DatabaseAddress,
) -> None:
    reply = completion({"role": "assistant", "content": "Hi"}, usage=USAGE, service_tier="flex")
    async with Provider(otherwise=body(orjson.dumps(reply))) as provider:
        document = lab(provider, routing={"report_cost_in_usage": True})
        async with running_router(sqlite_database, document) as router:
            await know(router, CARD)
            told = await router.chat(model="lab/m")
            assert told.json()["usage"]["cost"] == 15e-9


ANTHROPIC = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
}
GEMINI = {"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("header", "in_body", "kept", "cost_nusd"),
    [
        ("flex", {}, "flex", 15),
        ("STANDARD", {}, None, 30),
        ("priority", {"serviceTier": "flex"}, "flex", 15),
        ("flex", {"serviceTier": "standard"}, None, 30),
        ("paid", {}, None, 30),
    ],
    ids=["header alone", "standard", "body first", "body says standard", "not a service"],
)
async def test_a_gemini_reply_may_name_its_service_in_a_header(
    header: str,
    in_body: dict[str, str],
    kept: str | None,
    cost_nusd: int,
    streamed: bool,
    sqlite_database: DatabaseAddress,
) -> None:
    """https://ai.google.dev/gemini-api/docs/priority-inference: a request beyond the limits of
    ``priority`` is made as ``standard``, and this header is where to look for it."""
    counts = {"promptTokenCount": 1_000_000, "candidatesTokenCount": 1_000_000}
    usage = {**counts, "totalTokenCount": 2_000_000, **in_body}
    reply = {"candidates": [{**GEMINI, "index": 0}], "usageMetadata": usage}
    said = {"x-gemini-service-tier": header}
    script = stream(reply, headers=said) if streamed else body(orjson.dumps(reply), headers=said)
    async with Provider(otherwise=script) as provider:
        document = lab(provider)
        document["providers"]["lab"]["dialect"] = "gemini"
        async with running_router(sqlite_database, document) as router:
            await know(router, CARD)
            await router.chat(model="lab/m", stream=streamed)
            await router.settled()
            (attempt,) = router.ledger.only_story().attempts
    assert (attempt["service_tier"], attempt["cost_nusd"]) == (kept, cost_nusd)


@pytest.mark.parametrize(
    ("dialect", "reply", "cost_nusd"),
    [
        pytest.param(
            "anthropic",
            {
                **ANTHROPIC,
                "usage": {
                    "input_tokens": 1_000,
                    "cache_read_input_tokens": 249_000,
                    "output_tokens": 1_000,
                },
            },
            1_000 * 8 + 249_000 * 800 // 1_000 + 1_000 * 30,
            id="Anthropic: what was cached counts for the size",
        ),
        pytest.param(
            "anthropic",
            {**ANTHROPIC, "usage": {"input_tokens": 200_000, "output_tokens": 1_000}},
            200_000 * 4 + 1_000 * 20,
            id="Anthropic: not beyond the threshold",
        ),
        pytest.param(
            "gemini",
            {
                "candidates": [GEMINI],
                "usageMetadata": {
                    "promptTokenCount": 250_000,
                    "cachedContentTokenCount": 50_000,
                    "candidatesTokenCount": 1_000,
                    "totalTokenCount": 251_000,
                },
            },
            200_000 * 8 + 50_000 * 800 // 1_000 + 1_000 * 30,
            id="Gemini",
        ),
    ],
)
async def test_a_long_prompt_costs_the_price_of_long_prompts(
    dialect: str, reply: dict[str, Any], cost_nusd: int, sqlite_database: DatabaseAddress
) -> None:
    async with Provider(otherwise=body(orjson.dumps(reply))) as provider:
        document = lab(provider)
        document["providers"]["lab"]["dialect"] = dialect
        async with running_router(sqlite_database, document) as router:
            await know(router, LONG)
            answered = await router.chat(model="lab/m")
            row = router.ledger.story(answered).request
    assert (row["cost_nusd"], row["cost_basis"]) == (cost_nusd, "computed")
