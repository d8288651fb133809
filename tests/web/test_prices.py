"""``/prices``: stated over HTTP, they count for the next request."""

from __future__ import annotations

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer
from tests.running import lab, running_router

USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
PRICE = {"model": "lab/other", "usd_per_million": {"input": 3, "output": 15}}


async def test_prices_are_stated_shown_and_costs_computed_anew(
    sqlite_database: DatabaseAddress,
) -> None:
    async with Provider() as provider, running_router(sqlite_database, lab(provider)) as router:
        provider.on("other", answer("Hi", usage=USAGE))
        assert (await router.http.get("/prices/lab/other")).status_code == 404
        early = await router.chat(model="lab/other")
        new = {"prices": [{**PRICE, "valid_from": "2026-01-01"}]}

        tried = (await router.http.post("/prices", json={**new, "dry_run": True})).json()
        assert (len(tried["added"]), tried["dry_run"]) == (1, True)
        assert (await router.http.get("/prices/lab/other")).status_code == 404

        made = (await router.http.post("/prices", json=new)).json()
        assert made["added"][0]["before"] is None
        again = (await router.http.post("/prices", json=new)).json()
        assert (again["added"], again["unchanged"]) == ([], 1)
        shown = (await router.http.get("/prices/lab/other")).json()
        assert shown["current"]["usd_per_million"]["output"] == 15
        assert shown["cards"] == [shown["current"]]
        late = router.ledger.story(await router.chat(model="lab/other"))
        assert late.request["cost_nusd"] == 18_000_000_000

        asked = {"since": "1h", "model": "lab/other"}
        redone = (await router.http.post("/prices/recompute", json=asked)).json()
        assert (redone["changed"], redone["newly_known"], redone["next"]) == (1, 1, None)
        assert router.ledger.story(early).request["cost_nusd"] == 18_000_000_000


async def test_what_is_wrong_with_a_price_is_named(sqlite_database: DatabaseAddress) -> None:
    async with Provider() as provider, running_router(sqlite_database, lab(provider)) as router:
        wrong = {**PRICE, "usd_per_million": {"inputs": 1}}
        refused = await router.http.post("/prices", json={"prices": [wrong]})
        assert refused.status_code == 422
        assert "usd_per_million" in refused.text
        refused = await router.http.post("/prices/recompute", json={"since": "yesterday"})
        assert refused.status_code == 422
        assert "since" in refused.text
