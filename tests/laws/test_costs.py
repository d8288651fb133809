"""Law 5: whatever is asked, priced and priced anew, each cost is what its price card says, the rows
are what their events say, and the sums are what the rows sum up to."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmrouter.core.clock import SystemClock
from llmrouter.core.prices import Rate
from llmrouter.policy.fold import fold_request
from llmrouter.store.audit import audit
from llmrouter.store.engine import read_address
from llmrouter.store.repricing import Repricing
from llmrouter.store.upkeep import look
from tests.ledger_file import LedgerFile, Row
from tests.prices import charging
from tests.provider import (
    DONE,
    FINISH,
    RESET,
    Provider,
    Script,
    body,
    completion,
    drop,
    status,
    stream,
)
from tests.running import Document, RunningRouter, lab, running_router

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODELS = ("one", "two")
LONG = 1_000
"""Input tokens from which long prompts' prices hold."""

CLASSES = {
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "reasoning_tokens": "reasoning",
    "web_searches": "web_search",
}
"""What a row tells apart and these replies count; the rest is plain input and output."""

AMOUNTS = st.integers(0, 3_000_000)
USAGES = st.fixed_dictionaries(
    {
        "fresh": st.sampled_from([0, 3, LONG - 1, LONG, 7_001]),
        "cached": st.sampled_from([0, 1, 997]),
        "text": st.integers(1, 999),
        "thought": st.sampled_from([0, 5]),
        "searches": st.sampled_from([0, 2]),
        "cost": st.sampled_from([None, None, 0.25]),
        "tier": st.sampled_from([None, "default", "flex", "priority"]),
    }
)
ASKED = st.tuples(
    st.just("ask"),
    st.sampled_from(["lab/one", "spare/two", "pair"]),
    st.sampled_from(["whole", "streamed", "breaks off", "says nothing", "fails"]),
    USAGES,
)
PRICED = st.tuples(
    st.just("price"),
    st.sampled_from(MODELS),
    st.dictionaries(
        st.sampled_from(["input", "output", "cache_read", "reasoning", "web_search", "request"]),
        AMOUNTS,
    ),
    st.tuples(AMOUNTS, AMOUNTS, st.booleans()),
)
CONFIGURED = st.tuples(st.just("configure"), st.sampled_from([None, 1, 2.5]))
RECOMPUTED = st.tuples(st.just("recompute"), st.booleans())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def router(
    provider: Provider, sqlite_ledger: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningRouter]:
    folder = tmp_path_factory.mktemp("costs")
    shutil.copy(sqlite_ledger, folder / "llmrouter.db")
    database = read_address(f"sqlite:///{folder}/llmrouter.db", folder)
    async with running_router(database, document(provider, None)) as started:
        yield started


def document(provider: Provider, usd: float | None) -> Document:
    """The configuration, which says a price of one of the models or of none."""
    prices = {} if usd is None else {"lab/one": {"input_usd_per_mtok": usd}}
    if usd is not None:
        prices["lab/one"]["output_usd_per_mtok"] = 2 * usd
    routes = {"pair": ["lab/one", "spare/two"]}
    breaker = {"failure_threshold": 1_000}
    return lab(provider, routes=routes, prices=prices, breaker=breaker)


def reply(how: str, usage: Mapping[str, Any]) -> Script:
    """A provider's reply that used so much."""
    if how == "fails":
        return status(500)
    if how == "says nothing":
        return drop(RESET)
    prompt, text = usage["fresh"] + usage["cached"], usage["text"] + usage["thought"]
    counts = {
        "prompt_tokens": prompt,
        "completion_tokens": text,
        "total_tokens": prompt + text,
        "prompt_tokens_details": {"cached_tokens": usage["cached"]},
        "completion_tokens_details": {"reasoning_tokens": usage["thought"]},
        "server_tool_use": {"web_search_requests": usage["searches"]},
    }
    if usage["cost"] is not None:
        counts["cost"] = usage["cost"]
    message = {"role": "assistant", "content": "Here it is."}
    whole = completion(message, usage=counts, service_tier=usage["tier"])
    if how == "whole":
        return body(orjson.dumps(whole))
    last = {**whole, "object": "chat.completion.chunk", "choices": []}
    first = {**last, "usage": None, "choices": [{"index": 0, "delta": {"content": "Here"}}]}
    return stream(first, *([RESET] if how == "breaks off" else [FINISH, last, DONE]))


async def take(step: tuple[Any, ...], provider: Provider, router: RunningRouter) -> None:
    active, prices = router.router.services.configuration, router.router.store.prices
    match step:
        case ("ask", model, how, usage):
            provider.on("one", reply(how, usage))
            provider.on("two", reply("whole", usage))
            streamed = how in ("streamed", "breaks off")
            await router.chat(model=model, stream=streamed)
        case ("price", model, nusd_per_million, (flex, long, is_backdated)):
            card = charging(
                nusd_per_million,
                Rate("input", flex, "flex"),
                Rate("output", flex, "flex"),
                Rate("input", long, from_input_tokens=LONG),
                provider="lab" if model == "one" else "spare",
                model=model,
                valid_from_us=0 if is_backdated else SystemClock().now_us(),
            )
            active.reprice(await prices.add([card]))
        case ("configure", usd):
            changed = document(provider, usd)
            if changed != active.version.document:
                await active.replace(changed, author="test")
        case ("recompute", is_current):
            book = active.book
            if is_current:
                book = book.assuming(book.configured(SystemClock().now_us()))
            await prices.reprice(Repricing(0), book)
        case _:
            raise AssertionError(step)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(st.one_of(ASKED, ASKED, PRICED, CONFIGURED, RECOMPUTED), min_size=2, max_size=14)
)
async def test_every_cost_is_what_its_price_card_says(
    steps: list[tuple[Any, ...]], provider: Provider, router: RunningRouter
) -> None:
    newest = router.ledger.rows("SELECT coalesce(max(id), 0) AS id FROM request")[0]["id"]
    for step in steps:
        await take(step, provider, router)
    await router.settled()
    for row in router.ledger.rows(f"SELECT id FROM request WHERE id > {newest}"):
        check_request(router.ledger, row["id"])
    found = look(router.ledger.database, audit)
    assert found.differences == ()
    assert found.folded == found.requests == router.ledger.count("request")


def check_request(ledger: LedgerFile, request_id: int) -> None:
    story = ledger.story(request_id)
    folded, attempts = fold_request(request_id, story.events)
    costs = [(attempt.cost_nusd, attempt.cost_basis, attempt.price_id) for attempt in attempts]
    kept = [(a["cost_nusd"], a["cost_basis"], a["price_id"]) for a in story.attempts]
    assert costs == kept
    assert (folded.cost_nusd, folded.cost_basis) == (
        story.request["cost_nusd"],
        story.request["cost_basis"],
    )
    for attempt in story.attempts:
        if attempt["price_id"] is None:
            assert attempt["cost_nusd"] in (None, 0, 250_000_000)
        else:
            assert attempt["cost_nusd"] == by_hand(ledger, attempt)
    known = [attempt["cost_nusd"] for attempt in story.attempts]
    assert story.request["cost_nusd"] == (None if None in known else sum(known))


def by_hand(ledger: LedgerFile, attempt: Row) -> int:
    """Units times prices of the card that the attempt names, straight from its tables."""
    tier = attempt["service_tier"] or "standard"
    rates = ledger.rows(
        "SELECT unit_class, nusd_per_million_units AS nusd FROM price "
        f"WHERE card_id = {attempt['price_id']} AND service_tier = '{tier}' "
        f"AND from_input_tokens <= {attempt['input_tokens']} ORDER BY from_input_tokens"
    )
    nusd = {rate["unit_class"]: rate["nusd"] for rate in rates}  # the highest threshold last
    units = {unit: attempt[column] or 0 for column, unit in CLASSES.items()}
    units["input"] = attempt["input_tokens"] - units["cache_read"] - units["cache_write"]
    units["output"] = attempt["output_tokens"] - units["reasoning"]
    sums = sum(count * nusd[unit] for unit, count in units.items() if count)
    return round(Fraction(sums + nusd.get("request", 0), 1_000_000))
