"""``/replays`` of a running server: live replays between its own requests."""

from __future__ import annotations

import asyncio
from itertools import chain
from typing import Any

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer, hang
from tests.running import RunningRouter, eventually, lab, running_router

PRICES = {
    f"lab/{name}": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2} for name in ("fast", "new")
}
LIVE = {"live": True, "set": ['combos.team.models=["lab/new"]'], "max_usd": 1}


async def logged(router: RunningRouter, *texts: str) -> None:
    for text in texts:
        assert (await router.chat(text, model="team", max_tokens=9)).status_code == 200


async def ended(router: RunningRouter, number: int) -> Any:
    """The replay, once it runs no more."""
    async with asyncio.timeout(20):
        while True:  # only the server knows
            found = (await router.http.get(f"/replays/{number}")).json()
            if found["state"] != "running":
                return found
            await asyncio.sleep(0.02)


def document(provider: Provider) -> Any:
    return lab(provider, routes={"team": ["lab/fast"]}, prices=PRICES)


async def test_a_server_sends_within_a_budget_and_keeps_serving(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await logged(router, "one", "two", "three")
        begun = await router.http.post("/replays", json=LIVE)
        assert begun.status_code == 202, begun.text
        await logged(router, "meanwhile")
        found = await ended(router, begun.json()["id"])
        spent = router.ledger.rows(
            "SELECT sum(cost_nusd) AS nusd, count(*) AS n FROM request WHERE purpose = 'replay'"
        )[0]
    assert found["state"] == "finished"
    assert found["report"]["sent"] == spent["n"] >= 3
    assert round(found["report"]["spent_usd"] * 1e9) == spent["nusd"]
    assert found["report"]["new"]["finish_reasons"] == {"stop": spent["n"]}


async def test_a_budget_that_was_used_up_is_raised(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await logged(router, "one", "two", "three")
        number = (await router.http.post("/replays", json={**LIVE, "max_usd": 1e-9})).json()["id"]
        assert (await ended(router, number))["report"]["budget_is_spent"]
        bare = await router.http.post(f"/replays/{number}/resume", json={})
        assert (bare.status_code, "max_usd" in bare.text) == (422, True)
        more = await router.http.post(f"/replays/{number}/resume", json={"max_usd": 1})
        assert more.status_code == 202, more.text
        found = await ended(router, number)
    assert (found["report"]["sent"], found["report"]["budget_is_spent"]) == (3, False)
    sent = [seen for seen in provider.seen if seen.json["model"] == "new"]
    assert len(sent) == 3


async def test_a_server_that_stops_leaves_a_replay_that_pays_for_nothing_twice(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await logged(router, "one", "two", "three")
        provider.on("new", answer("first"), hang())
        begun = await router.http.post("/replays", json={**LIVE, "concurrency": 1})
        number = begun.json()["id"]
        await eventually(lambda: len(provider.seen) >= 5)
    provider.on("new", answer("again"))
    async with running_router(sqlite_database, document(provider)) as router:
        assert (await router.http.get(f"/replays/{number}")).json()["state"] == "interrupted"
        await router.http.post(f"/replays/{number}/resume", json={"max_usd": 1})
        found = await ended(router, number)
    assert (found["report"]["done"], found["report"]["lost"]) == (3, 1)
    texts = [s.json["messages"][-1]["content"] for s in provider.seen if s.json["model"] == "new"]
    assert sorted(texts) == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("order", "param"),
    [
        ({"live": True}, "max_usd"),
        ({"live": True, "max_usd": 0}, "max_usd"),
        ({"live": True, "max_usd": 1, "allow_unknown_prices": True}, "max_requests"),
        ({"max_usd": 1, "mode": "local"}, "max_usd"),
    ],
)
async def test_what_nothing_would_bound_is_refused(
    provider: Provider, sqlite_database: DatabaseAddress, order: Any, param: str
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await logged(router, "one")
        refused = await router.http.post("/replays", json=order)
        assert refused.status_code == 422
        assert param in refused.text
        assert (await router.http.get("/replays")).json()["replays"] == []


async def test_results_are_paged_by_the_ids_that_requests_have_everywhere(
    provider: Provider, sqlite_database: DatabaseAddress
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await logged(router, "one", "two", "three")
        number = (await router.http.post("/replays", json=LIVE)).json()["id"]
        await ended(router, number)
        address, pages, after = f"/replays/{number}/results?limit=2", [], ""
        while True:
            page = (await router.http.get(address + after)).json()
            pages.append([result["request_id"] for result in page["results"]])
            if page["next_after"] is None:
                break
            after = f"&after={page['next_after']}"
        listed = (await router.http.get("/requests")).json()["requests"]
        wrong = await router.http.get(address + "&after=yesterday")
    assert [len(page) for page in pages] == [2, 1]
    assert [*chain.from_iterable(pages)] == [row["id"] for row in reversed(listed)]
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (422, "after")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"judge": "lab/fast"}, "judge"),
        ({"max_requests": 3}, "max_requests"),
        ({"live": True, "max_usd": 1, "prices": "today"}, "prices"),
        ({"live": True, "max_usd": 1, "breakers": "ignore"}, "breakers"),
    ],
)
async def test_what_would_be_passed_over_in_silence_is_refused(
    provider: Provider, sqlite_database: DatabaseAddress, members: Any, param: str
) -> None:
    async with running_router(sqlite_database, document(provider)) as router:
        await logged(router, "one")
        refused = await router.http.post("/replays", json={"set": LIVE["set"], **members})
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, param)
