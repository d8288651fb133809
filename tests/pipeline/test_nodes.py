"""Two nodes of one PostgreSQL database: what one finds out, or is told, the other knows soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from llmrouter.store.engine import DatabaseAddress
from tests.provider import Provider, answer, status
from tests.running import Document, RunningRouter, eventually, lab, running_router

ROUTES = {"pair": ["lab/fast", "spare/fast"]}
WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Nodes:
    """Two routers on one database."""

    one: RunningRouter
    other: RunningRouter
    provider: Provider
    document: Document

    async def refuses(self, node: RunningRouter, reason: str | None) -> None:
        """Waits until a node passes ``lab/fast`` over for this reason; None: it does not."""

        async def is_so() -> bool:
            reply = await node.http.post("/explain", json={"model": "pair", "messages": HELLO})
            return bool(reply.json()["decision"]["candidates"][0]["refused"] == reason)

        await eventually(is_so, within_s=WITHIN_S)


HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
async def nodes(postgres_database: DatabaseAddress) -> AsyncIterator[Nodes]:
    async with Provider() as provider:
        document = lab(provider, routes=ROUTES)
        async with (
            running_router(postgres_database, document) as one,
            running_router(postgres_database, document) as other,
        ):
            assert {one.router.store.node, other.router.store.node} == {0, 1}
            yield Nodes(one, other, provider, document)


async def test_a_breaker_opens_closes_and_is_reset_for_all(nodes: Nodes) -> None:
    for _ in range(3):
        nodes.provider.on("fast", status(500), answer())
        await nodes.one.chat(model="pair")
    assert nodes.one.breaker("lab/fast") == "open"
    await nodes.refuses(nodes.other, "breaker_open")
    assert (await nodes.other.http.post("/circuit-breaker/reset/lab/fast")).status_code == 200
    await nodes.refuses(nodes.one, None)
    assert nodes.one.breaker("lab/fast") == "closed"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(status(429, headers={"retry-after": "60"}), "cooling_down"), (status(402), "account_locked")],
    ids=["cooldown", "account lock"],
)
async def test_a_pause_is_kept_by_all_and_over_a_restart_until_it_is_taken_back(
    nodes: Nodes,
    failure: object,
    reason: str,
    postgres_database: DatabaseAddress,
) -> None:
    nodes.provider.on("fast", failure, answer())  # type: ignore[arg-type]  # a script
    await nodes.one.chat(model="pair")
    await nodes.refuses(nodes.other, reason)
    async with running_router(postgres_database, nodes.document) as third:
        await nodes.refuses(third, reason)
        await nodes.other.http.post("/circuit-breaker/reset-all")
        await nodes.refuses(nodes.one, None)
        await nodes.refuses(third, None)


async def test_a_configuration_that_one_node_is_given_runs_on_all(nodes: Nodes) -> None:
    changed = {**nodes.document, "aliases": {"speedy": "lab/fast"}}
    put = await nodes.one.http.put("/config", json=changed)
    assert put.json()["version"] == 3

    async def answers(node: RunningRouter, status_code: int) -> bool:
        return (await node.chat(model="speedy")).status_code == status_code

    await eventually(lambda: answers(nodes.other, 200), within_s=WITHIN_S)
    back = await nodes.other.http.post("/config/rollback", json={"version": 2})
    assert back.json()["version"] == 4
    await eventually(lambda: answers(nodes.one, 404), within_s=WITHIN_S)


async def test_changes_on_several_nodes_at_once_are_all_made_or_refused(nodes: Nodes) -> None:
    async def add(node: RunningRouter, name: str) -> int:
        change = {"name": name, "models": ["lab/fast"]}
        return (await node.http.post("/config/category", json=change)).status_code

    assert await add(nodes.one, "law") == 200
    assert await add(nodes.other, "music") == 200  # on top of what it had not seen yet
    told = await asyncio.gather(
        *(add(node, f"c{n}") for n, node in enumerate([nodes.one, nodes.other] * 4))
    )
    assert set(told) <= {200, 409}
    made = {f"c{n}" for n, code in enumerate(told) if code == 200}
    for node in (nodes.one, nodes.other):
        await node.router.services.configuration.catch_up()
        categories = set(node.router.services.configuration.table.config.categories)
        assert categories & {f"c{n}" for n in range(8)} == made
        assert {"law", "music"} <= categories
