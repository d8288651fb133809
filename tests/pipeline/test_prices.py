"""Costs that name the price card that they were computed with."""

from __future__ import annotations

from typing import Any

import pytest

from llmrouter.core.prices import PriceCard
from llmrouter.store.engine import DatabaseAddress
from tests.prices import charging
from tests.provider import Provider, answer, status, stream
from tests.running import RunningRouter, lab, running_router

USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}


async def import_card(router: RunningRouter, card: PriceCard) -> None:
    book = await router.router.store.prices.add([card])
    router.router.services.configuration.reprice(book)


def priced(story: Any) -> tuple[int | None, str, str | None]:
    """An only attempt's cost in nano-dollars, its basis, and who said its price."""
    (attempt,) = story.attempts
    request = story.request
    assert (request["cost_nusd"], request["cost_basis"]) == (
        attempt["cost_nusd"],
        attempt["cost_basis"],
    )
    assert request["price_id"] == attempt["price_id"]
    return attempt["cost_nusd"], attempt["cost_basis"], attempt["price_id"]


async def test_a_price_of_the_configuration_counts_and_is_in_the_ledger(
    database: DatabaseAddress,
) -> None:
    async with Provider() as provider, running_router(database, lab(provider)) as router:
        provider.on("fast", answer("Hi", usage=USAGE))
        await import_card(router, charging({"input": 9, "output": 9}))
        story = router.ledger.story(await router.chat())

        cost_nusd, basis, price_id = priced(story)
        assert (cost_nusd, basis) == (3_000_000_000, "computed")
        (card,) = router.ledger.rows(f"SELECT * FROM price_card WHERE id = {price_id}")
        assert (card["provider"], card["model"]) == ("lab", "fast")
        assert card["origin"] == "configuration"
        assert card["config_version"] == story.request["config_version"]
        rates = router.ledger.rows(f"SELECT * FROM price WHERE card_id = {price_id}")
        nusd = {rate["unit_class"]: rate["nusd_per_million_units"] for rate in rates}
        assert (nusd["input"], nusd["output"]) == (1_000_000_000, 2_000_000_000)


async def test_a_price_of_the_table_counts_where_the_configuration_says_nothing(
    database: DatabaseAddress,
) -> None:
    async with Provider() as provider, running_router(database, lab(provider)) as router:
        provider.on("other", answer("Hi", usage=USAGE))
        unknown = router.ledger.story(await router.chat(model="lab/other"))
        await import_card(router, charging({"input": 10, "output": 20}, model="other"))
        known = router.ledger.story(await router.chat(model="lab/other"))

        assert priced(unknown) == (None, "unknown", None)
        cost_nusd, basis, price_id = priced(known)
        assert (cost_nusd, basis) == (30, "computed")
        assert price_id == max(c.id for c in await router.router.store.prices.book())
        metrics = (await router.http.get("/metrics")).json()
        assert metrics["requests"]["unknown_cost"] == 1
        prometheus = (await router.http.get("/metrics/prometheus")).text
        (unknown_cost,) = [
            line
            for line in prometheus.splitlines()
            if line.startswith("llmrouter_unknown_cost_requests_total{") and "other" in line
        ]
        assert unknown_cost.endswith(" 1")


async def test_null_in_the_configuration_says_that_a_price_is_not_known(
    sqlite_database: DatabaseAddress,
) -> None:
    async with Provider() as provider:
        provider.on("fast", answer("Hi", usage=USAGE))
        document = lab(provider, prices={"lab/fast": None})
        async with running_router(sqlite_database, document) as router:
            await import_card(router, charging({"input": 10, "output": 20}))
            assert priced(router.ledger.story(await router.chat())) == (None, "unknown", None)


async def test_another_version_has_other_prices_and_what_was_stays(
    sqlite_database: DatabaseAddress,
) -> None:
    async with Provider() as provider:
        provider.on("fast", answer("Hi", usage=USAGE))
        async with running_router(sqlite_database, lab(provider)) as router:
            first = router.ledger.story(await router.chat())
            dearer = {"lab/fast": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 20}}
            active = router.router.services.configuration
            await active.replace(lab(provider, prices=dearer), author="test")
            second = router.ledger.story(await router.chat())
            await active.replace(lab(provider, prices={}), author="test")
            third = router.ledger.story(await router.chat())

    assert priced(first)[0] == 3_000_000_000
    assert priced(second)[0] == 30_000_000_000
    assert priced(first)[2] != priced(second)[2]
    assert priced(third) == (None, "unknown", None)


@pytest.mark.parametrize(
    ("usage", "streamed", "expected"),
    [
        pytest.param({**USAGE, "cost": 0.25}, False, (250_000_000, "provider_reported"), id="told"),
        pytest.param(USAGE, False, (3_000_000_000, "computed"), id="counted"),
        pytest.param(None, True, (None, "estimated"), id="nobody counted"),
    ],
)
async def test_the_best_basis_there_is_counts(
    usage: Any, streamed: bool, expected: tuple[int | None, str], sqlite_database: DatabaseAddress
) -> None:
    async with Provider() as provider:
        provider.on("fast", answer("Good morning", usage=usage))
        async with running_router(sqlite_database, lab(provider)) as router:
            if streamed:
                async with router.streaming() as reply:
                    await reply.aread()
            else:
                await router.chat()
            await router.settled()
            cost_nusd, basis, price_id = priced(router.ledger.only_story())

    assert basis == expected[1]
    assert (price_id is None) is (basis == "provider_reported")
    if expected[0] is not None:
        assert cost_nusd == expected[0]
    else:
        assert cost_nusd


async def test_what_broke_off_is_estimated_and_what_was_never_billed_costs_nothing(
    sqlite_database: DatabaseAddress,
) -> None:
    async with Provider() as provider:
        provider.on("fast", stream("Half an ans", "wer"))
        provider.on("refusing", status(500))
        async with running_router(sqlite_database, lab(provider)) as router:
            async with router.streaming() as reply:
                await reply.aread()
            await router.settled()
            broken = router.ledger.only_story()
            failed = router.ledger.story(await router.chat(model="lab/refusing"))

    assert priced(broken)[1] == "estimated"
    assert {(a["cost_nusd"], a["cost_basis"]) for a in failed.attempts} == {(0, "computed")}
