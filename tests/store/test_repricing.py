"""Costs that are computed anew: history stays, rows and sums follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmrouter.core.prices import PriceCard
from llmrouter.core.records import replace
from llmrouter.core.routing import Target
from llmrouter.policy.fold import fold_request
from llmrouter.store.engine import DatabaseAddress
from llmrouter.store.repricing import Repricing
from tests.ledger_file import LedgerFile
from tests.prices import charging
from tests.provider import Provider, answer
from tests.running import RunningRouter, lab, running_router

USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
ALL = Repricing(since_us=0)


async def know(router: RunningRouter, cards: Sequence[PriceCard]) -> None:
    book = await router.router.store.prices.add(cards)
    router.router.services.configuration.reprice(book)


async def reprice(router: RunningRouter, wanted: Repricing = ALL, *, dry_run: bool = False) -> Any:
    book = router.router.services.configuration.book
    return await router.router.store.prices.reprice(wanted, book, dry_run=dry_run)


def check_sums(ledger: LedgerFile) -> None:
    """The usage rows are what the rows sum up to, and none of them is empty."""
    cost = "coalesce(sum(cost_nusd), 0) AS nusd, coalesce(sum({unknown}), 0) AS unknown"
    of_calls = cost.format(unknown="CASE WHEN cost_nusd IS NULL THEN 1 ELSE 0 END")
    (calls,) = ledger.rows(f"SELECT {of_calls} FROM attempt")
    (requests,) = ledger.rows(
        "SELECT sum(CASE WHEN cost_nusd IS NULL THEN 1 ELSE 0 END) AS unknown FROM request"
    )
    of_sums = cost.format(unknown="unknown_costs")
    assert ledger.rows(f"SELECT {of_sums} FROM usage_attempt_day") == [calls]
    for table in ("usage_hour", "usage_day", "usage_total"):
        (sums,) = ledger.rows(f"SELECT {of_sums} FROM {table}")
        assert (sums["nusd"], sums["unknown"]) == (calls["nusd"], requests["unknown"]), table
    bases = "SELECT cost_basis, {n} AS calls FROM {table} GROUP BY cost_basis ORDER BY 1"
    assert ledger.rows(bases.format(n="sum(attempts)", table="usage_attempt_day")) == ledger.rows(
        bases.format(n="count(*)", table="attempt")
    )


async def test_a_cost_that_becomes_known_is_added_and_nothing_else_changes(
    database: DatabaseAddress,
) -> None:
    async with Provider() as provider, running_router(database, lab(provider)) as router:
        provider.on("other", answer("Hi", usage=USAGE))
        provider.on("fast", answer("Hi", usage={**USAGE, "cost": 0.25}))
        request = (await router.chat(model="lab/other")).headers["x-llmrouter-request-id"]
        told = await router.chat()
        before = router.ledger.story(request)
        await know(router, [charging({"input": 10, "output": 20}, model="other")])

        trial = await reprice(router, dry_run=True)
        assert (trial.changed, trial.newly_known, trial.after_nusd) == (1, 1, 30)
        assert router.ledger.story(request) == before

        assert (await reprice(router)).changed == 1
        story = router.ledger.story(request)
        assert story.events[:-1] == before.events
        assert story.kinds[-1] == "attempt.repriced"
        assert story.request["cost_nusd"] == story.attempts[0]["cost_nusd"] == 30
        assert story.request["cost_basis"] == story.attempts[0]["cost_basis"] == "computed"
        assert story.request["price_id"] == max(
            card.id for card in router.router.services.configuration.book
        )
        same = {"cost_nusd", "cost_basis", "price_id"}
        assert {k: v for k, v in story.request.items() if k not in same} == {
            k: v for k, v in before.request.items() if k not in same
        }
        row, attempts = fold_request(story.request["id"], story.events)
        assert {**row._asdict(), "data": None} == {**story.request, "stream": False}
        assert attempts[0]._asdict() == {**story.attempts[0], "counted": False}
        assert router.ledger.story(told).request["cost_nusd"] == 250_000_000
        check_sums(router.ledger)

        again = await reprice(router)
        assert (again.requests, again.changed) == (1, 0)
        assert router.ledger.story(request) == story


async def test_a_price_that_was_wrong_is_put_right_for_the_model_that_is_asked_for(
    sqlite_database: DatabaseAddress,
) -> None:
    document = {"prices": {}}
    async with Provider() as provider:
        provider.on("one", answer("Hi", usage=USAGE))
        provider.on("two", answer("Hi", usage=USAGE))
        async with running_router(sqlite_database, lab(provider, **document)) as router:
            wrong = charging({"input": 1, "output": 1}, model="one")
            await know(router, [wrong, replace(wrong, model="two")])
            first = await router.chat(model="lab/one")
            second = await router.chat(model="lab/two")
            right = charging({"input": 5, "output": 5}, source="the invoice")
            await know(router, [replace(right, model="one"), replace(right, model="two")])

            one = Repricing(0, target=Target("lab", "one"))
            assert (await reprice(router, one)).changed == 1
            assert router.ledger.story(first).request["cost_nusd"] == 10
            assert router.ledger.story(second).request["cost_nusd"] == 2
            check_sums(router.ledger)

            late = router.ledger.story(second).request["started_us"] + 1
            assert (await reprice(router, Repricing(late))).requests == 0
